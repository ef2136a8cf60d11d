/* junit.xml: one case per assertion, failed ones with what was expected and seen.  A verdict that no
 * assertion explains (INVALID, ERROR) is a case of its own, so that nothing that reads this file can take
 * a run that proves nothing for a green one. */
#include "reports/formats.h"

#include "base/memory.h"
#include "base/units.h"
#include "reports/text.h"

static void junit_attribute(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, " %s=\"", name);
    text_xml_attribute(out, str_of(value));
    buf_append_char(out, '"');
}

static void junit_line(struct buf *out, const char *label, const char *value)
{
    if (value != NULL) {
        buf_append_text(out, label);
        text_xml(out, str_of(value));
        buf_append_char(out, '\n');
    }
}

static void junit_failure(struct buf *out, const struct results *r, const struct assertion_result *a)
{
    buf_append_text(out, "    <failure message=\"expected ");
    text_xml_attribute(out, str_of(a->expected));
    buf_append_text(out, "; saw ");
    text_xml_attribute(out, str_of(a->saw));
    buf_append_text(out, "\">");
    junit_line(out, "expected  ", a->expected);
    junit_line(out, "saw       ", a->saw);
    if (a->at_ns != HISTORY_NEVER) {
        char when[TEXT_TIME_SIZE];
        text_time(a->at_ns, when);
        buf_printf(out, "when      %s after the start\n", when);
    }
    junit_line(out, "again     ", r->reproduce);
    buf_append_text(out, "</failure>\n");
}

static void junit_assertion(struct buf *out, const struct results *r, const struct assertion_result *a)
{
    buf_append_text(out, "  <testcase");
    buf_append_text(out, " classname=\"");
    text_xml_attribute(out, str_of(r->scenario));
    buf_printf(out, ".%s\"", report_kind_name(a->kind));
    junit_attribute(out, "name", a->name);
    if (a->line != 0) {
        junit_attribute(out, "file", r->path);
        buf_printf(out, " line=\"%u\"", a->line);
    }
    if (a->skipped) {
        buf_append_text(out, ">\n    <skipped");
        junit_attribute(out, "message", a->saw);
        buf_append_text(out, "/>\n  </testcase>\n");
    } else if (!a->passed) {
        buf_append_text(out, ">\n");
        junit_failure(out, r, a);
        buf_append_text(out, "  </testcase>\n");
    } else {
        buf_append_text(out, "/>\n");
    }
}

static void junit_verdict(struct buf *out, const struct results *r)
{
    buf_append_text(out, "  <testcase classname=\"");
    text_xml_attribute(out, str_of(r->scenario));
    buf_printf(out, ".verdict\" name=\"the run counts\">\n    <error type=\"%s\"", verdict_name(r->verdict));
    junit_attribute(out, "message", r->verdict_words);
    buf_append_text(out, "/>\n  </testcase>\n");
}

void report_junit(struct buf *out, const struct results *r)
{
    const struct report_tally tally = report_tally(r);
    bool unexplained = r->verdict != VERDICT_PASS && tally.failed == 0;
    buf_append_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite");
    junit_attribute(out, "name", r->scenario);
    buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%d\" skipped=\"%zu\" time=\"%.3f\">\n",
               r->assertion_count + (unexplained ? 1 : 0), tally.failed, unexplained ? 1 : 0, tally.skipped,
               r->wall_seconds);
    buf_append_text(out, "  <properties>\n");
    buf_printf(out, "    <property name=\"verdict\" value=\"%s\"/>\n", verdict_name(r->verdict));
    buf_append_text(out, "    <property name=\"engine\"");
    junit_attribute(out, "value", r->engine);
    buf_printf(out, "/>\n    <property name=\"journal_hash\" value=\"%s\"/>\n", r->journal_hash);
    buf_append_text(out, "    <property name=\"reproduce\"");
    junit_attribute(out, "value", r->reproduce);
    buf_append_text(out, "/>\n  </properties>\n");
    if (unexplained) {
        junit_verdict(out, r);
    }
    size_t count;
    const struct assertion_result **failed = report_failures(r, &count);
    for (size_t i = 0; i < count; i++) {
        junit_assertion(out, r, failed[i]);
    }
    mem_free(failed);
    for (size_t i = 0; i < r->assertion_count; i++) {
        if (!report_failed(&r->assertions[i])) {
            junit_assertion(out, r, &r->assertions[i]);
        }
    }
    buf_append_text(out, "</testsuite>\n");
}
