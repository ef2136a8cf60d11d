/* Composes all files of a report in memory, then puts them into the folder together: the expensive part
 * (a full disk, a folder that is none) is met before any old report is replaced. */
#include "reports/report.h"

#include "base/memory.h"
#include "base/units.h"
#include "reports/figures.h"
#include "reports/folder.h"
#include "reports/formats.h"

#define REPORT_BYTES_MAX ((size_t)256 << 20)
#define EVENTS_BYTES_MAX ((size_t)2 << 30) /* three million operations and their effects */

const char *report_kind_name(enum assertion_kind kind)
{
    switch (kind) {
        case ASSERT_STEADY:
            return "steady";
        case ASSERT_EXPECT:
            return "expect";
        case ASSERT_STEP:
            return "step";
        case ASSERT_INVARIANT:
            return "invariant";
        case ASSERT_VALIDITY:
            return "validity";
        case ASSERT_CLEANUP:
            return "cleanup";
    }
    return "";
}

static double report_seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

void report_put_time(struct json_writer *w, int64_t ns)
{
    if (ns == HISTORY_NEVER) {
        json_put_null(w);
    } else {
        json_put_double(w, report_seconds(ns));
    }
}

void report_pair_time(struct json_writer *w, const char *key, int64_t ns)
{
    json_key(w, key);
    report_put_time(w, ns);
}

void report_pair_known(struct json_writer *w, const char *key, double value)
{
    if (value < 0) {
        json_pair_null(w, key);
    } else {
        json_pair_double(w, key, value);
    }
}

const char *report_outcome_name(enum op_outcome outcome)
{
    switch (outcome) {
        case OP_PENDING:
            return "never answered";
        case OP_ANSWERED:
            return "answered";
        case OP_CONN_REFUSED:
            return "connection refused";
        case OP_CONN_BROKEN:
            return "connection broken";
        case OP_TIMED_OUT:
            return "timed out";
    }
    return "";
}

const struct assertion_result **report_failures(const struct results *r, size_t *count)
{
    static const enum assertion_kind order[] = { ASSERT_INVARIANT, ASSERT_EXPECT,   ASSERT_STEP,
                                                 ASSERT_STEADY,    ASSERT_VALIDITY, ASSERT_CLEANUP };
    const struct assertion_result **list = mem_alloc_array(r->assertion_count + 1, sizeof(const void *));
    *count = 0;
    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
        for (size_t i = 0; i < r->assertion_count; i++) {
            if (report_failed(&r->assertions[i]) && r->assertions[i].kind == order[k]) {
                list[(*count)++] = &r->assertions[i];
            }
        }
    }
    return list;
}

struct report_tally report_tally(const struct results *r)
{
    struct report_tally tally = { 0 };
    for (size_t i = 0; i < r->assertion_count; i++) {
        const struct assertion_result *a = &r->assertions[i];
        tally.skipped += a->skipped ? 1 : 0;
        tally.passed += a->passed && !a->skipped ? 1 : 0;
        tally.failed += report_failed(a) ? 1 : 0;
    }
    return tally;
}

enum { FILE_JSON, FILE_JUNIT, FILE_MARKDOWN, FILE_HTML, FILE_CSV, FILE_EVENTS, FILE_COUNT };

static void compose(struct buf texts[FILE_COUNT], const struct results *r, const struct figures *f)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        buf_init(&texts[i], i == FILE_EVENTS ? EVENTS_BYTES_MAX : REPORT_BYTES_MAX);
    }
    report_json(&texts[FILE_JSON], r, f);
    report_junit(&texts[FILE_JUNIT], r);
    report_markdown(&texts[FILE_MARKDOWN], r, f);
    report_html(&texts[FILE_HTML], r, f);
    report_csv(&texts[FILE_CSV], r, f);
    if ((r->formats & REPORT_EVENTS) != 0) {
        report_events(&texts[FILE_EVENTS], r);
    }
}

/* concerned: the formats whose files are this call's; of these, those not chosen are not there afterwards. */
static int write_files(const char *directory, const struct results *r, const struct figures *f,
                       unsigned concerned, struct errmsg *msg)
{
    static const char *const names[FILE_COUNT] = { "results.json", "junit.xml",  "report.md",
                                                   "report.html",  "series.csv", "events.jsonl" };
    static const unsigned formats[FILE_COUNT] = { REPORT_JSON, REPORT_JUNIT, REPORT_MARKDOWN,
                                                  REPORT_HTML, REPORT_CSV,   REPORT_EVENTS };
    struct buf texts[FILE_COUNT];
    struct folder_file files[FILE_COUNT];
    size_t count = 0;
    int rv = folder_make(directory, msg);
    if (rv != 0) {
        return rv;
    }
    compose(texts, r, f);
    for (size_t i = 0; i < FILE_COUNT && rv == 0; i++) {
        bool chosen = (r->formats & formats[i]) != 0;
        if ((concerned & formats[i]) != 0) {
            files[count++] =
                (struct folder_file){ names[i], chosen ? buf_str(&texts[i]) : str_make(NULL, 0) };
        }
        if (texts[i].failed) {
            rv = error_set(msg, ERR_LIMIT, "%s would be larger than %zu MiB", names[i], texts[i].limit >> 20);
        }
    }
    if (rv == 0) {
        rv = folder_write(directory, files, count, msg);
    }
    for (size_t i = 0; i < FILE_COUNT; i++) {
        buf_deinit(&texts[i]);
    }
    return rv;
}

int report_write(const char *directory, const struct results *results, struct errmsg *msg)
{
    struct figures figures;
    figures_init(&figures, results);
    int rv = write_files(directory, results, &figures, REPORT_ALL | REPORT_EVENTS, msg);
    figures_deinit(&figures);
    return rv;
}

int report_rewrite(const char *directory, const struct results *results, const struct figures *figures,
                   bool with_results, struct errmsg *msg)
{
    unsigned kept = REPORT_EVENTS | (with_results ? 0 : REPORT_JSON);
    return write_files(directory, results, figures, (REPORT_ALL | REPORT_EVENTS) & ~kept, msg);
}
