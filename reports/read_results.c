/* results.json, read back: json.c is the other side, member by member. */
#include "reports/read.h"

#include "base/buf.h"
#include "base/memory.h"
#include "reports/formats.h"
#include <stdio.h>
#include <string.h>

/* Without these a report has a hole that a reader should know of. */
static const char *const wanted[] = { "verdict", "words",      "scenario", "engine", "account",
                                      "series",  "assertions", "phases",   "faults", "steps",
                                      "events",  "alerts",     "charts",   "history" };

/* --- the verdict ---------------------------------------------------------------------------------------- */

static void read_verdict(struct results *r, const json_t *root)
{
    const char *name = json_string_value(json_object_get(root, "verdict"));
    bool known = false;
    r->verdict = VERDICT_INVALID; /* what proves nothing is never green */
    for (int v = VERDICT_PASS; name != NULL && v <= VERDICT_CLEANUP_FAILED; v++) {
        if (strcmp(verdict_name((enum verdict)v), name) == 0) {
            r->verdict = (enum verdict)v;
            known = true;
        }
    }
    if (name != NULL && !known) {
        results_add_missing(r, "a verdict that is known here: results.json says \"%s\"", name);
    }
}

static void read_head(struct results *r, const json_t *root)
{
    read_verdict(r, root);
    r->verdict_words = read_text(root, "words");
    r->scenario = read_text(root, "scenario");
    r->title = read_text(root, "title");
    r->path = read_text(root, "file");
    r->runbook = read_text(root, "runbook");
    r->engine = read_text(root, "engine");
    r->reproduce = read_text(root, "reproduce");
    r->seed = read_count(root, "seed");
    const char *hash = json_string_value(json_object_get(root, "journal_hash"));
    (void)snprintf(r->journal_hash, sizeof(r->journal_hash), "%s", hash == NULL ? "" : hash);
    int64_t simulated_ns = read_seconds(root, "simulated_s");
    r->simulated_ns = simulated_ns == HISTORY_NEVER ? 0 : simulated_ns;
    r->wall_seconds = read_number(root, "wall_s", 0);
}

static void read_account(struct results *r, const json_t *account)
{
    const json_t *writes = json_object_get(account, "writes");
    const json_t *reads = json_object_get(account, "reads");
    r->writes_offered = read_count(writes, "offered");
    r->writes_accepted = read_count(writes, "accepted");
    r->writes_queued = read_count(writes, "queued");
    r->writes_refused = read_count(writes, "refused");
    r->writes_failed = read_count(writes, "failed");
    r->reads_offered = read_count(reads, "offered");
    r->reads_ok = read_count(reads, "answered");
    r->reads_failed = read_count(reads, "failed");
}

/* --- lists ------------------------------------------------------------------------------------------------
 */

static char *text_or_empty(const json_t *object, const char *key)
{
    char *text = read_text(object, key);
    return text == NULL ? mem_strdup("") : text;
}

static void read_assertions(struct results *r, const json_t *list)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        char *name = text_or_empty(item, "name");
        const char *kind = json_string_value(json_object_get(item, "kind"));
        struct assertion_result *a =
            results_add_assertion(r, ASSERT_EXPECT, name, (unsigned)read_count(item, "line"));
        for (int k = ASSERT_STEADY; kind != NULL && k <= ASSERT_CLEANUP; k++) {
            if (strcmp(report_kind_name((enum assertion_kind)k), kind) == 0) {
                a->kind = (enum assertion_kind)k;
            }
        }
        a->passed = read_truth(item, "passed");
        a->skipped = read_truth(item, "skipped");
        a->expected = read_text(item, "expected");
        a->saw = read_text(item, "saw");
        a->proves = read_text(item, "proves");
        a->at_ns = read_seconds(item, "at_s");
        mem_free(name);
    }
}

static void read_phases(struct results *r, const json_t *list)
{
    size_t i;
    const json_t *item;
    r->phases = mem_alloc_array(json_array_size(list) + 1, sizeof(*r->phases));
    json_array_foreach(list, i, item)
    {
        r->phases[r->phase_count++] =
            (struct phase_span){ text_or_empty(item, "name"), read_seconds(item, "start_s"),
                                 read_seconds(item, "end_s") };
    }
}

static void read_faults(struct results *r, const json_t *list)
{
    size_t i;
    const json_t *item;
    r->faults = mem_alloc_array(json_array_size(list) + 1, sizeof(*r->faults));
    json_array_foreach(list, i, item)
    {
        r->faults[r->fault_count++] = (struct fault_span){
            .name = text_or_empty(item, "name"),
            .target = text_or_empty(item, "target"),
            .what = text_or_empty(item, "what"),
            .start_ns = read_seconds(item, "start_s"),
            .end_ns = read_seconds(item, "end_s"),
            .hits = read_count(item, "hits"),
            .touches = read_count(item, "touches"),
        };
    }
}

static void read_steps(struct results *r, const json_t *list)
{
    size_t i;
    const json_t *item;
    r->steps = mem_alloc_array(json_array_size(list) + 1, sizeof(*r->steps));
    json_array_foreach(list, i, item)
    {
        r->steps[r->step_count++] = (struct step_result){
            .name = text_or_empty(item, "name"),
            .command = read_text(item, "command"),
            .at_ns = read_seconds(item, "at_s"),
            .status = (int)json_integer_value(json_object_get(item, "status")),
            .outcome = read_text(item, "outcome"),
            .output = read_text(item, "output"),
            .passed = read_truth(item, "passed"),
            .skipped = read_truth(item, "skipped"),
        };
    }
}

static void read_alerts(struct results *r, const json_t *list)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        char *name = text_or_empty(item, "name");
        char *figure = text_or_empty(item, "figure");
        char *severity = text_or_empty(item, "severity");
        struct alert_result *alert =
            results_add_alert(r, name, figure, severity, read_number(item, "above", 0));
        size_t k;
        const json_t *span;
        json_array_foreach(json_object_get(item, "firing"), k, span)
        {
            int64_t end_ns = read_seconds_of(json_array_get(span, 1));
            results_alert_seen(alert, read_seconds_of(json_array_get(span, 0)), true);
            if (end_ns != HISTORY_NEVER) {
                results_alert_seen(alert, end_ns, false);
            }
        }
        mem_free(name);
        mem_free(figure);
        mem_free(severity);
    }
}

static void read_lists(struct results *r, const json_t *root)
{
    size_t i;
    const json_t *item;
    read_assertions(r, json_object_get(root, "assertions"));
    read_phases(r, json_object_get(root, "phases"));
    read_faults(r, json_object_get(root, "faults"));
    read_steps(r, json_object_get(root, "steps"));
    read_alerts(r, json_object_get(root, "alerts"));
    json_array_foreach(json_object_get(root, "events"), i, item)
    {
        const char *text = json_string_value(json_object_get(item, "text"));
        results_add_event(r, read_seconds(item, "at_s"), "%s", text == NULL ? "" : text);
    }
    json_array_foreach(json_object_get(root, "missing"), i, item)
    {
        if (json_is_string(item)) {
            results_add_missing(r, "%s", json_string_value(item));
        }
    }
}

/* --- the whole --------------------------------------------------------------------------------------------
 */

static void note_missing(struct results *r, const json_t *root)
{
    struct buf names;
    buf_init(&names, 4096);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (json_object_get(root, wanted[i]) == NULL) {
            buf_printf(&names, "%s%s", names.size == 0 ? "" : ", ", wanted[i]);
        }
    }
    if (names.size > 0) {
        results_add_missing(r, "results.json has no %s", buf_text(&names));
    }
    buf_deinit(&names);
}

void read_results(struct results *r, const json_t *root)
{
    read_lists(r, root);
    const char *format = json_string_value(json_object_get(root, "format"));
    if (format == NULL || strcmp(format, REPORT_RESULTS_FORMAT) != 0) {
        results_add_missing(r, "results.json is of format \"%s\", not " REPORT_RESULTS_FORMAT,
                            format == NULL ? "" : format);
    }
    note_missing(r, root);
    read_head(r, root);
    read_account(r, json_object_get(root, "account"));
    r->alerts_asked = read_truth(root, "alerts_asked");
}

/* --- figures
 * ------------------------------------------------------------------------------------------------ */

static void read_sides(struct figures *f, const json_t *account)
{
    const json_t *writes = json_object_get(account, "writes");
    const json_t *reads = json_object_get(account, "reads");
    uint64_t unserved = read_count(reads, "failed");
    f->writes = (struct figures_side){ read_count(writes, "offered"), read_count(writes, "accepted"),
                                       read_count(writes, "queued"),  read_count(writes, "refused"),
                                       read_count(writes, "failed"),  read_latency(writes, "latency_ms") };
    f->reads = (struct figures_side){ .offered = read_count(reads, "offered"),
                                      .accepted = read_count(reads, "answered"),
                                      .refused = read_count(reads, "refused"),
                                      .latency = read_latency(reads, "latency_ms") };
    f->reads.failed = unserved > f->reads.refused ? unserved - f->reads.refused : 0;
    f->lost_queue = read_truth(account, "lost_queue");
    f->lost_on_crash = read_count(account, "lost_on_crash");
}

static void read_series(struct figures *f, const json_t *series)
{
    f->operations = read_count(series, "operations");
    f->samples_taken = (size_t)read_count(series, "samples");
    f->samples_answered = (size_t)read_count(series, "samples_answered");
    f->peak_pending = read_number(series, "pending_max", FIGURES_NOTHING);
    f->peak_pending_at_ns = read_seconds(series, "pending_max_at_s");
    f->peak_oldest_s = read_number(series, "oldest_pending_max_s", FIGURES_NOTHING);
    f->peak_memory_bytes = read_number(series, "memory_bytes_max", FIGURES_NOTHING);
    f->peak_wal_bytes = read_number(series, "wal_bytes_max", FIGURES_NOTHING);
    f->peak_rss_bytes = read_number(series, "rss_bytes_max", FIGURES_NOTHING);
    f->replayed = read_number(series, "total_replayed", FIGURES_NOTHING);
    f->failed_replays = read_number(series, "failed_replays", FIGURES_NOTHING);
    f->dead_letters = read_number(series, "dead_letters", FIGURES_NOTHING);
}

bool read_figures(struct figures *f, const json_t *root)
{
    const json_t *recovery = json_object_get(root, "recovery");
    double scale = read_number(root, "time_scale", 1);
    f->time_scale = scale > 0 ? scale : 1;
    read_sides(f, json_object_get(root, "account"));
    read_series(f, json_object_get(root, "series"));
    f->recovery = (struct figures_recovery){ read_seconds(recovery, "detected_after_s"),
                                             read_seconds(recovery, "healthy_after_s"),
                                             read_seconds(recovery, "drained_after_s") };
    read_shown(&f->shown, json_object_get(root, "history"));
    return read_charts(f, json_object_get(root, "charts"));
}
