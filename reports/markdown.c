/* report.md, for a pull request: the verdict and its words, what failed, the figures, and folded away the
 * checks, the faults and the runbook's steps.  REPORT_MARKDOWN_LINES at most, so that nobody scrolls past it:
 * what does not fit is counted, and stands in report.html. */
#include "reports/formats.h"

#include "base/memory.h"
#include "base/units.h"
#include "reports/text.h"
#include <inttypes.h>

#define STEP_OUTPUT_SHOWN 300
#define FAILURES_SHOWN    12
#define SECTION_LINES     8 /* of a folded section, beside its rows */

static void markdown_cell(struct buf *out, const char *text)
{
    buf_append_text(out, " ");
    text_markdown(out, str_of(text));
    buf_append_text(out, " |");
}

static void markdown_time(struct buf *out, int64_t ns)
{
    char when[TEXT_TIME_SIZE] = "";
    if (ns != HISTORY_NEVER) {
        text_time(ns, when);
    }
    buf_printf(out, " %s |", when);
}

static void markdown_check(struct buf *out, const struct results *r, const struct assertion_result *a)
{
    buf_printf(out, "| %s |", a->skipped ? "skipped" : a->passed ? "held" : "**FAILED**");
    buf_printf(out, " %s: ", report_kind_name(a->kind));
    text_markdown_code(out, str_of(a->name));
    if (a->line != 0 && report_failed(a)) {
        buf_append_text(out, "<br>");
        text_markdown(out, str_of(r->path));
        buf_printf(out, ":%u", a->line);
    }
    buf_append_text(out, " |");
    markdown_cell(out, a->expected);
    markdown_cell(out, a->saw);
    markdown_time(out, a->at_ns);
    buf_append_char(out, '\n');
}

#define CHECKS_HEAD "| | check | expected | seen | at |\n|---|---|---|---|---|\n"

static void markdown_failures(struct buf *out, const struct results *r)
{
    size_t count;
    const struct assertion_result **failed = report_failures(r, &count);
    buf_append_text(out, count > 0 ? "### What failed\n\n" CHECKS_HEAD : "");
    for (size_t i = 0; i < count && i < FAILURES_SHOWN; i++) {
        markdown_check(out, r, failed[i]);
    }
    if (count > FAILURES_SHOWN) {
        buf_printf(out, "| | %zu more failed: see report.html | | | |\n", count - FAILURES_SHOWN);
    }
    buf_append_text(out, count > 0 ? "\n" : "");
    mem_free(failed);
}

static void markdown_latency(struct buf *out, const struct figures_latency *latency)
{
    if (latency->count == 0) {
        buf_append_text(out, " | |\n");
        return;
    }
    buf_printf(out, " %.1f ms | %.1f ms |\n", (double)latency->p50_ns / (double)NS_PER_MS,
               (double)latency->p99_ns / (double)NS_PER_MS);
}

static void markdown_after(struct buf *out, const char *words, int64_t ns)
{
    char text[TEXT_TIME_SIZE];
    if (ns != HISTORY_NEVER) {
        text_time(ns, text);
        buf_printf(out, "; %s %s", words, text);
    }
}

static void markdown_recovery(struct buf *out, const struct figures *f)
{
    struct buf line;
    buf_init(&line, 1024);
    markdown_after(&line, "the primary called down after", f->recovery.detected_ns);
    markdown_after(&line, "all healthy after the last fault within", f->recovery.healthy_ns);
    markdown_after(&line, "nothing pending within", f->recovery.drained_ns);
    if (line.size > 2) {
        buf_printf(out, "- %s\n", buf_text(&line) + 2);
    }
    buf_deinit(&line);
}

static void markdown_figures(struct buf *out, const struct results *r, const struct figures *f)
{
    char simulated[TEXT_TIME_SIZE];
    text_time(r->simulated_ns, simulated);
    buf_append_text(out,
                    "| | offered | accepted | queued | refused | failed | p50 | p99 |\n"
                    "|---|---:|---:|---:|---:|---:|---:|---:|\n");
    buf_printf(out, "| writes | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " |",
               r->writes_offered, r->writes_accepted, r->writes_queued, r->writes_refused, r->writes_failed);
    markdown_latency(out, &f->writes.latency);
    buf_printf(out, "| reads | %" PRIu64 " | %" PRIu64 " | | %" PRIu64 " | %" PRIu64 " |", r->reads_offered,
               r->reads_ok, f->reads.refused, f->reads.failed);
    markdown_latency(out, &f->reads.latency);
    buf_append_char(out, '\n');
    if (f->peak_pending >= 0) {
        buf_printf(out, "- pending writes: at most %.0f", f->peak_pending);
        if (f->peak_oldest_s >= 0) {
            buf_printf(out, ", the oldest %.0f s", f->peak_oldest_s);
        }
        buf_printf(out, "; replayed %.0f, failed replays %.0f, dead letters %.0f\n", f->replayed,
                   f->failed_replays, f->dead_letters);
    }
    markdown_recovery(out, f);
    if (f->lost_queue) {
        buf_printf(out, "- **lost with the balancer's memory: %" PRIu64 " writes**\n", f->lost_on_crash);
    }
    buf_printf(out, "- %s simulated, %.3f s on the wall", simulated, r->wall_seconds);
    if (r->journal_hash[0] != '\0') {
        buf_printf(out, ", journal `%s`", r->journal_hash);
    }
    buf_append_text(out, "\n");
    if (r->reproduce != NULL) {
        buf_append_text(out, "- again: ");
        text_markdown_code(out, str_of(r->reproduce));
        buf_append_char(out, '\n');
    }
    buf_append_char(out, '\n');
}

/* --- folded sections -------------------------------------------------------------------------------------
 */

enum section { SECTION_CHECKS, SECTION_FAULTS, SECTION_STEPS, SECTIONS };

static void markdown_more(struct buf *out, size_t count, size_t rows)
{
    buf_append_char(out, '\n');
    if (count > rows) {
        buf_printf(out, "%zu more in report.html.\n", count - rows);
    }
    buf_append_text(out, "</details>\n\n");
}

static void markdown_checks(struct buf *out, const struct results *r, size_t rows)
{
    const struct report_tally tally = report_tally(r);
    buf_printf(out, "<details><summary>All %zu checks: %zu held, %zu failed, %zu skipped</summary>\n\n",
               r->assertion_count, tally.passed, tally.failed, tally.skipped);
    buf_append_text(out, CHECKS_HEAD);
    for (size_t i = 0; i < rows; i++) {
        markdown_check(out, r, &r->assertions[i]);
    }
    markdown_more(out, r->assertion_count, rows);
}

static void markdown_faults(struct buf *out, const struct results *r, size_t rows)
{
    buf_printf(out,
               "<details><summary>Faults: %zu</summary>\n\n"
               "| fault | on | what | from | to | hits |\n|---|---|---|---|---|---:|\n",
               r->fault_count);
    for (size_t i = 0; i < rows; i++) {
        const struct fault_span *fault = &r->faults[i];
        buf_append_char(out, '|');
        markdown_cell(out, fault->name);
        markdown_cell(out, fault->target);
        markdown_cell(out, fault->what);
        markdown_time(out, fault->start_ns);
        markdown_time(out, fault->end_ns);
        buf_printf(out, " %" PRIu64 " |\n", fault->hits);
    }
    markdown_more(out, r->fault_count, rows);
}

static const char *markdown_step_state(const struct step_result *step)
{
    if (step->at_ns == HISTORY_NEVER) {
        return "not run";
    }
    return step->skipped ? "skipped" : step->passed ? "as expected" : "**FAILED**";
}

static void markdown_step(struct buf *out, const struct step_result *step)
{
    struct str output = str_trim(str_of(step->output));
    bool cut = output.size > STEP_OUTPUT_SHOWN;
    buf_append_char(out, '|');
    markdown_time(out, step->at_ns);
    buf_append_char(out, ' ');
    text_markdown(out, str_of(step->name));
    buf_append_text(out, "<br>");
    text_markdown_code(out, str_trim(str_of(step->command)));
    buf_append_text(out, " | ");
    text_markdown(out, str_of(step->outcome));
    if (output.size > 0) {
        buf_append_text(out, "<br>");
        text_markdown_code(out, str_make(output.data, cut ? STEP_OUTPUT_SHOWN : output.size));
        buf_append_text(out, cut ? " ..." : "");
    }
    buf_printf(out, " | %s |\n", markdown_step_state(step));
}

static void markdown_steps(struct buf *out, const struct results *r, size_t rows)
{
    buf_printf(out,
               "<details><summary>Steps of the runbook: %zu</summary>\n\n"
               "| at | step | what came of it | |\n|---|---|---|---|\n",
               r->step_count);
    for (size_t i = 0; i < rows; i++) {
        markdown_step(out, &r->steps[i]);
    }
    markdown_more(out, r->step_count, rows);
}

/* The lines that are left are handed out by turns, so that a long list does not push the others out. */
static void markdown_share(const struct buf *out, const size_t counts[SECTIONS], size_t rows[SECTIONS])
{
    size_t used = 0;
    for (size_t i = 0; i < out->size; i++) {
        used += out->data[i] == '\n' ? 1 : 0;
    }
    for (size_t i = 0; i < SECTIONS; i++) {
        used += counts[i] > 0 ? SECTION_LINES : 0;
    }
    bool given = true;
    while (used < REPORT_MARKDOWN_LINES && given) {
        given = false;
        for (size_t i = 0; i < SECTIONS && used < REPORT_MARKDOWN_LINES; i++) {
            if (rows[i] < counts[i]) {
                rows[i]++;
                used++;
                given = true;
            }
        }
    }
}

static void markdown_missing(struct buf *out, const struct results *r)
{
    for (size_t i = 0; i < r->missing_count; i++) {
        buf_append_text(out, i == 0 ? "Missing: " : "; ");
        text_markdown(out, str_of(r->missing[i]));
    }
    buf_append_text(out, r->missing_count > 0 ? ".\n\n" : "");
}

void report_markdown(struct buf *out, const struct results *r, const struct figures *f)
{
    buf_printf(out, "## %s: ", verdict_name(r->verdict));
    text_markdown(out, str_of(r->title != NULL && r->title[0] != '\0' ? r->title : r->scenario));
    buf_append_text(out, " (");
    text_markdown(out, str_of(r->engine));
    buf_append_text(out, ")\n\n");
    text_markdown(out, str_of(r->verdict_words));
    buf_append_text(out, "\n\n");
    markdown_missing(out, r);
    markdown_failures(out, r);
    markdown_figures(out, r, f);
    const size_t counts[SECTIONS] = { r->assertion_count, r->fault_count, r->step_count };
    size_t rows[SECTIONS] = { 0 };
    markdown_share(out, counts, rows);
    if (counts[SECTION_CHECKS] > 0) {
        markdown_checks(out, r, rows[SECTION_CHECKS]);
    }
    if (counts[SECTION_FAULTS] > 0) {
        markdown_faults(out, r, rows[SECTION_FAULTS]);
    }
    if (counts[SECTION_STEPS] > 0) {
        markdown_steps(out, r, rows[SECTION_STEPS]);
    }
}
