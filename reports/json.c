/* results.json: everything a run came to, for programs; docs/results.schema.json is its schema.  Instants are
 * seconds of scenario time, latencies milliseconds of the machine's (time_scale apart); what is not known is
 * null.  Equal runs give equal files but for wall_s. */
#include "reports/formats.h"

#include "base/units.h"
#include "reports/report.h"

#define UNSERVED_SHOWN 50

/* See cmake/Embed.cmake. */
extern const unsigned char results_schema[];
extern const size_t results_schema_size;

struct str report_results_schema(void)
{
    return str_make((const char *)results_schema, results_schema_size);
}

static void json_pair_latency(struct json_writer *w, const char *key, int64_t ns)
{
    if (ns == FIGURES_NOTHING) {
        json_pair_null(w, key);
    } else {
        json_pair_double(w, key, (double)ns / (double)NS_PER_MS);
    }
}

/* --- the parts ------------------------------------------------------------------------------------------ */

static void json_verdict(struct json_writer *w, const struct results *r, const struct figures *f)
{
    const struct report_tally tally = report_tally(r);
    json_pair_text(w, "format", REPORT_RESULTS_FORMAT);
    json_pair_text(w, "verdict", verdict_name(r->verdict));
    json_pair_i64(w, "exit_status", verdict_exit_code(r->verdict));
    json_pair_text(w, "words", r->verdict_words);
    json_pair_text(w, "scenario", r->scenario);
    json_pair_text(w, "title", r->title);
    json_pair_text(w, "file", r->path);
    json_pair_text(w, "runbook", r->runbook);
    json_pair_text(w, "engine", r->engine);
    json_pair_u64(w, "seed", r->seed);
    json_pair_text(w, "journal_hash", r->journal_hash[0] == '\0' ? NULL : r->journal_hash);
    report_pair_time(w, "simulated_s", r->simulated_ns);
    json_pair_double(w, "time_scale", f->time_scale);
    json_key(w, "wall_s");
    json_put_fixed(w, r->wall_seconds, 3);
    json_pair_text(w, "reproduce", r->reproduce);
    json_key(w, "checks");
    json_object_begin(w);
    json_pair_u64(w, "passed", tally.passed);
    json_pair_u64(w, "failed", tally.failed);
    json_pair_u64(w, "skipped", tally.skipped);
    json_object_end(w);
}

static void json_assertions(struct json_writer *w, const struct results *r)
{
    json_key(w, "assertions");
    json_array_begin(w);
    for (size_t i = 0; i < r->assertion_count; i++) {
        const struct assertion_result *a = &r->assertions[i];
        json_object_begin(w);
        json_pair_text(w, "kind", report_kind_name(a->kind));
        json_pair_text(w, "name", a->name);
        json_pair_text(w, "file", a->line == 0 ? NULL : r->path);
        if (a->line == 0) {
            json_pair_null(w, "line");
        } else {
            json_pair_u64(w, "line", a->line);
        }
        json_pair_bool(w, "passed", a->passed);
        json_pair_bool(w, "skipped", a->skipped);
        json_pair_text(w, "expected", a->expected);
        json_pair_text(w, "saw", a->saw);
        json_pair_text(w, "proves", a->proves);
        report_pair_time(w, "at_s", a->at_ns);
        json_object_end(w);
    }
    json_array_end(w);
}

static void json_timeline(struct json_writer *w, const struct results *r)
{
    json_key(w, "phases");
    json_array_begin(w);
    for (size_t i = 0; i < r->phase_count; i++) {
        json_object_begin(w);
        json_pair_text(w, "name", r->phases[i].name);
        report_pair_time(w, "start_s", r->phases[i].start_ns);
        report_pair_time(w, "end_s", r->phases[i].end_ns);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "faults");
    json_array_begin(w);
    for (size_t i = 0; i < r->fault_count; i++) {
        const struct fault_span *fault = &r->faults[i];
        json_object_begin(w);
        json_pair_text(w, "name", fault->name);
        json_pair_text(w, "target", fault->target);
        json_pair_text(w, "what", fault->what);
        report_pair_time(w, "start_s", fault->start_ns);
        report_pair_time(w, "end_s", fault->end_ns);
        json_pair_u64(w, "hits", fault->hits);
        json_pair_u64(w, "touches", fault->touches);
        json_object_end(w);
    }
    json_array_end(w);
}

static void json_steps(struct json_writer *w, const struct results *r, size_t shown)
{
    json_key(w, "steps");
    json_array_begin(w);
    for (size_t i = 0; i < r->step_count; i++) {
        const struct step_result *step = &r->steps[i];
        struct str output = str_of(step->output);
        json_object_begin(w);
        json_pair_text(w, "name", step->name);
        json_pair_text(w, "command", step->command);
        report_pair_time(w, "at_s", step->at_ns);
        json_pair_bool(w, "passed", step->passed);
        json_pair_bool(w, "skipped", step->skipped);
        json_pair_i64(w, "status", step->status);
        json_pair_text(w, "outcome", step->outcome);
        json_pair_u64(w, "output_bytes", output.size);
        json_pair_str(w, "output", str_make(output.data, output.size < shown ? output.size : shown));
        json_object_end(w);
    }
    json_array_end(w);
}

static void json_events(struct json_writer *w, const struct results *r, size_t room)
{
    bool all = r->event_count <= room;
    json_key(w, "events");
    json_array_begin(w);
    for (size_t i = 0; i < r->event_count; i++) {
        if (!all && i == room / 2) {
            i = r->event_count - room / 2;
        }
        json_object_begin(w);
        report_pair_time(w, "at_s", r->events[i].at_ns);
        json_pair_text(w, "text", r->events[i].text);
        json_object_end(w);
    }
    json_array_end(w);
    json_pair_u64(w, "events_total", r->event_count);
}

void report_pair_latency(struct json_writer *w, const struct figures_latency *latency)
{
    json_key(w, "latency_ms");
    json_object_begin(w);
    json_pair_u64(w, "count", latency->count);
    json_pair_latency(w, "p50", latency->p50_ns);
    json_pair_latency(w, "p90", latency->p90_ns);
    json_pair_latency(w, "p99", latency->p99_ns);
    json_pair_latency(w, "max", latency->max_ns);
    json_object_end(w);
}

static void json_account(struct json_writer *w, const struct results *r, const struct figures *f)
{
    json_key(w, "account");
    json_object_begin(w);
    json_key(w, "writes");
    json_object_begin(w);
    json_pair_u64(w, "offered", r->writes_offered);
    json_pair_u64(w, "accepted", r->writes_accepted);
    json_pair_u64(w, "queued", r->writes_queued);
    json_pair_u64(w, "refused", r->writes_refused);
    json_pair_u64(w, "failed", r->writes_failed);
    report_pair_latency(w, &f->writes.latency);
    json_object_end(w);
    json_key(w, "reads");
    json_object_begin(w);
    json_pair_u64(w, "offered", r->reads_offered);
    json_pair_u64(w, "answered", r->reads_ok);
    json_pair_u64(w, "failed", r->reads_failed);
    json_pair_u64(w, "refused", f->reads.refused);
    report_pair_latency(w, &f->reads.latency);
    json_object_end(w);
    json_pair_bool(w, "lost_queue", f->lost_queue);
    json_pair_u64(w, "lost_on_crash", f->lost_on_crash);
    json_object_end(w);
}

static void json_operation(struct json_writer *w, const struct figures *f, const struct figures_op *op)
{
    json_object_begin(w);
    report_pair_time(w, "due_s", op->due_ns);
    json_pair_text(w, "op", chroma_op_name(op->op));
    struct buf on;
    buf_init(&on, 1024);
    if (op->collection < f->shown.collection_count) {
        buf_append_text(&on, f->shown.collections[op->collection]);
    }
    if (op->record != HISTORY_NONE) {
        buf_printf(&on, " doc-%06u", op->record);
    }
    json_pair_str(w, "on", str_trim(buf_str(&on)));
    buf_deinit(&on);
    json_pair_text(w, "outcome", report_outcome_name(op->outcome));
    json_pair_i64(w, "status", op->status);
    json_pair_latency(w, "latency_ms", op->latency_ns);
    json_object_end(w);
}

/* Operations of the loads that did not get a 2xx: all counted, the first ones told. */
static void json_unserved(struct json_writer *w, const struct figures *f)
{
    size_t told = 0;
    json_key(w, "unserved");
    json_object_begin(w);
    json_key(w, "operations");
    json_array_begin(w);
    for (size_t i = 0; i < f->shown.count && told < UNSERVED_SHOWN; i++) {
        if (f->shown.ops[i].reason == FIGURES_FAILED) {
            json_operation(w, f, &f->shown.ops[i]);
            told++;
        }
    }
    json_array_end(w);
    json_pair_u64(w, "total", f->shown.failed);
    json_object_end(w);
}

static void json_alerts(struct json_writer *w, const struct results *r)
{
    json_pair_bool(w, "alerts_asked", r->alerts_asked);
    json_key(w, "alerts");
    json_array_begin(w);
    for (size_t i = 0; i < r->alert_count; i++) {
        const struct alert_result *alert = &r->alerts[i];
        json_object_begin(w);
        json_pair_text(w, "name", alert->name);
        json_pair_text(w, "figure", alert->figure);
        json_pair_text(w, "severity", alert->severity);
        json_pair_double(w, "above", alert->above);
        json_key(w, "firing");
        json_array_begin(w);
        for (size_t k = 0; k < alert->span_count; k++) {
            json_array_begin(w);
            report_put_time(w, alert->spans[k].start_ns);
            report_put_time(w, alert->spans[k].end_ns);
            json_array_end(w);
        }
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void json_recovery(struct json_writer *w, const struct figures *f)
{
    json_key(w, "recovery");
    json_object_begin(w);
    report_pair_time(w, "detected_after_s", f->recovery.detected_ns);
    report_pair_time(w, "healthy_after_s", f->recovery.healthy_ns);
    report_pair_time(w, "drained_after_s", f->recovery.drained_ns);
    json_object_end(w);
}

static void json_missing(struct json_writer *w, const struct results *r)
{
    json_key(w, "missing");
    json_array_begin(w);
    for (size_t i = 0; i < r->missing_count; i++) {
        json_put_text(w, r->missing[i]);
    }
    json_array_end(w);
}

static void json_series(struct json_writer *w, const struct figures *f)
{
    json_key(w, "series");
    json_object_begin(w);
    json_pair_u64(w, "operations", f->operations);
    json_pair_u64(w, "samples", f->samples_taken);
    json_pair_u64(w, "samples_answered", f->samples_answered);
    report_pair_known(w, "pending_max", f->peak_pending);
    report_pair_time(w, "pending_max_at_s", f->peak_pending_at_ns);
    report_pair_known(w, "oldest_pending_max_s", f->peak_oldest_s);
    report_pair_known(w, "memory_bytes_max", f->peak_memory_bytes);
    report_pair_known(w, "wal_bytes_max", f->peak_wal_bytes);
    report_pair_known(w, "rss_bytes_max", f->peak_rss_bytes);
    report_pair_known(w, "total_replayed", f->replayed);
    report_pair_known(w, "failed_replays", f->failed_replays);
    report_pair_known(w, "dead_letters", f->dead_letters);
    json_object_end(w);
}

void report_json_members(struct json_writer *w, const struct results *r, const struct figures *f,
                         const struct report_room *room)
{
    json_verdict(w, r, f);
    json_account(w, r, f);
    json_series(w, f);
    json_recovery(w, f);
    json_unserved(w, f);
    json_assertions(w, r);
    json_timeline(w, r);
    json_steps(w, r, room->output_bytes);
    json_events(w, r, room->events);
    json_alerts(w, r);
    json_missing(w, r);
    report_json_charts(w, f);
    report_json_history(w, f);
}

void report_json(struct buf *out, const struct results *r, const struct figures *f)
{
    static const struct report_room room = { SIZE_MAX, SIZE_MAX };
    struct json_writer w;
    json_writer_init(&w, out, 2);
    json_object_begin(&w);
    report_json_members(&w, r, f, &room);
    json_object_end(&w);
    buf_append_char(out, '\n');
}
