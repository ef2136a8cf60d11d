/* capacity.json; docs/capacity.schema.json describes it.  Bytes, seconds, writes a second; null where
 * something never happens or was not measured. */
#include "reports/capacity.h"

#include "base/json_writer.h"
#include "base/units.h"

static void put_forecast(struct json_writer *w, const struct capacity_forecast *f)
{
    json_object_begin(w);
    json_pair_double(w, "writes", f->offered);
    json_pair_double(w, "accepted", f->accepted);
    json_pair_double(w, "refused", f->refused);
    json_pair_double(w, "memory_per_write_bytes", f->memory_per_write);
    json_pair_double(w, "bookkeeping_per_write_bytes", f->bookkeeping_per_write);
    json_pair_double(w, "log_per_write_bytes", f->log_per_write);
    json_pair_double(w, "memory_bytes", f->memory_bytes);
    json_pair_double(w, "resident_bytes", f->resident_bytes);
    json_pair_double(w, "log_bytes", f->log_bytes);
    json_pair_double(w, "disk_bytes", f->disk_bytes);
    json_pair_double(w, "spilled_writes", f->spilled);
    json_pair_double(w, "until_spill_s", f->until_spill_s);
    json_pair_double(w, "until_throttle_s", f->until_throttle_s);
    json_pair_double(w, "until_refused_s", f->until_refused_s);
    json_pair_text(w, "at_the_limit", capacity_bound_words(f->bound));
    json_pair_double(w, "notice_s", f->notice_s);
    json_pair_double(w, "drain_s", f->drain_s);
    json_pair_double(w, "replay_per_second", f->replay_per_second);
    json_pair_double(w, "replay_requests", f->replay_requests);
    json_pair_double(w, "primary_busy_share", f->busy_share);
    json_pair_double(w, "link_busy_share", f->link_share);
    json_object_end(w);
}

static void put_measured(struct json_writer *w, const struct capacity_point *p)
{
    json_key(w, "measured");
    if (!p->measured) {
        json_put_null(w);
        return;
    }
    json_object_begin(w);
    json_pair_u64(w, "runs", p->runs);
    json_pair_double(w, "accepted", p->measured_accepted);
    json_pair_double(w, "memory_bytes", p->measured_memory_bytes);
    json_pair_double(w, "log_bytes", p->measured_log_bytes);
    json_pair_double(w, "drain_s", p->measured_drain_s);
    json_object_end(w);
    json_key(w, "error");
    json_object_begin(w);
    for (size_t i = 0; i < CAPACITY_FIGURES; i++) {
        json_pair_double(w, capacity_figure_names[i], capacity_error(p, (enum capacity_figure)i));
    }
    json_object_end(w);
}

static void put_point(struct json_writer *w, const struct capacity_point *p)
{
    json_object_begin(w);
    if (p->name != NULL) {
        json_pair_text(w, "name", p->name);
    }
    json_pair_double(w, "write_kb", p->write_kb);
    json_pair_double(w, "per_minute", p->per_minute);
    json_pair_double(w, "minutes", p->minutes);
    json_pair_double(w, "guide_mb", capacity_guide_mb(p->write_kb, p->per_minute, p->minutes));
    json_key(w, "forecast");
    put_forecast(w, &p->forecast);
    put_measured(w, p);
    json_object_end(w);
}

static void put_points(struct json_writer *w, const char *key, const struct capacity_point *points,
                       size_t count)
{
    json_key(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        put_point(w, &points[i]);
    }
    json_array_end(w);
}

static void put_question(struct json_writer *w, const struct capacity_study *study)
{
    const struct capacity_load *l = &study->question.load;
    const struct capacity_costs *c = &study->question.costs;
    const struct settings *s = &study->question.settings;
    json_key(w, "load");
    json_object_begin(w);
    json_pair_text(w, "source", study->source);
    json_pair_double(w, "write_bytes", l->write_bytes);
    json_pair_double(w, "records", l->records);
    json_pair_double(w, "per_second", l->per_second);
    json_pair_double(w, "outage_s", l->outage_s);
    json_pair_double(w, "collections", l->collections);
    json_pair_bool(w, "before", l->before);
    json_pair_bool(w, "after", l->after);
    json_object_end(w);
    json_key(w, "primary");
    json_object_begin(w);
    json_pair_text(w, "source", study->costs_source);
    json_pair_double(w, "request_s", c->request_s);
    json_pair_double(w, "record_s", c->record_s);
    json_pair_double(w, "byte_s", c->byte_s);
    json_pair_double(w, "spread_s", c->spread_s);
    json_key(w, "bandwidth_bytes_per_s");
    if (c->bandwidth > 0) {
        json_put_double(w, c->bandwidth);
    } else {
        json_put_null(w);
    }
    json_object_end(w);
    json_key(w, "settings");
    json_object_begin(w);
    json_pair_text(w, "wal_mode", s->wal_mode == WAL_MODE_MEMORY ? "memory" : "file");
    json_pair_u64(w, "wal_memory_bytes", s->wal_memory_bytes);
    json_pair_u64(w, "wal_max_bytes", s->wal_max_bytes);
    json_pair_u64(w, "wal_max_writes", s->wal_max_writes);
    json_pair_double(w, "throttle_start", s->throttle_start);
    json_pair_u64(w, "replay_batch_records", s->replay_batch_records);
    json_pair_u64(w, "replay_batch_bytes", s->replay_batch_bytes);
    json_pair_double(w, "replay_rate", s->replay_rate);
    json_object_end(w);
}

/* NAN, never, is null. */
static void put_column_runs(struct json_writer *w, const struct capacity_column_runs *m)
{
    json_key(w, "measured");
    if (m->runs == 0) {
        json_put_null(w);
        return;
    }
    json_object_begin(w);
    json_pair_u64(w, "runs", m->runs);
    json_pair_double(w, "writes_per_minute", m->writes_per_minute);
    json_pair_double(w, "reads_per_minute", m->reads_per_minute);
    json_pair_double(w, "replica_behind_by_s", CAPACITY_BEHIND_S);
    json_pair_double(w, "stale_share", m->stale_share);
    json_pair_double(w, "stale_by_s", m->stale_s);
    json_pair_double(w, "noticed_gone_s", m->noticed_gone_s);
    json_pair_double(w, "noticed_sick_s", m->noticed_sick_s);
    json_pair_double(w, "noticed_hanging_s", m->noticed_hang_s);
    json_pair_double(w, "failed_share", m->failed_share);
    json_pair_double(w, "slowest_s", m->slowest_s);
    json_pair_double(w, "primary_per_minute", m->primary_per_minute);
    json_pair_double(w, "primary_per_minute_behind", m->primary_behind);
    json_object_end(w);
}

static void put_tables(struct json_writer *w, const struct capacity_study *study)
{
    json_key(w, "budgets");
    json_array_begin(w);
    for (size_t i = 0; i < CAPACITY_BUDGETS; i++) {
        json_object_begin(w);
        json_pair_double(w, "bytes", study->budgets[i].bytes);
        json_pair_double(w, "safe_outage_memory_s", study->budgets[i].safe_memory_s);
        json_pair_double(w, "safe_outage_disk_s", study->budgets[i].safe_disk_s);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "bodies");
    json_array_begin(w);
    for (size_t i = 0; i < CAPACITY_BODIES; i++) {
        const struct capacity_body_row *row = &study->bodies[i];
        json_object_begin(w);
        json_pair_u64(w, "dimension", row->shape.dimension);
        json_pair_u64(w, "document_bytes", row->shape.document_bytes);
        json_pair_text(w, "encoding", body_encoding_names[row->shape.encoding]);
        json_pair_double(w, "body_bytes", row->bytes);
        json_pair_double(w, "memory_bytes", row->memory_bytes);
        json_pair_double(w, "writes_per_gib", row->writes_per_gib);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "profiles");
    json_array_begin(w);
    for (size_t i = 0; i < CAPACITY_COLUMNS; i++) {
        const struct capacity_column *c = &study->columns[i];
        json_object_begin(w);
        json_pair_text(w, "name", c->name);
        json_pair_double(w, "consistency_window_s", c->window_s);
        json_pair_double(w, "read_replica_ratio", c->replica_ratio);
        json_pair_double(w, "request_timeout_s", c->timeout_s);
        json_pair_double(w, "check_interval_s", c->check_s);
        json_pair_double(w, "outage_noticed_s", c->noticed_s);
        json_pair_double(w, "first_try_s", c->first_try_s);
        json_pair_double(w, "checks_per_hour", c->probes_per_hour);
        json_pair_bool(w, "recommended", c->fits);
        put_column_runs(w, &c->measured);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_costs(struct json_writer *w, const struct capacity_costs *c)
{
    json_key(w, "costs");
    json_object_begin(w);
    json_pair_double(w, "request_s", c->request_s);
    json_pair_double(w, "record_s", c->record_s);
    json_pair_double(w, "byte_s", c->byte_s);
    json_pair_double(w, "spread_s", c->spread_s);
    json_pair_double(w, "log_start_bytes", c->log_start_bytes);
    json_pair_double(w, "log_bytes_per_s", c->log_bytes_per_s);
    json_object_end(w);
}

void capacity_trial_json(struct buf *out, const struct capacity_trial *trial)
{
    struct json_writer writer;
    struct json_writer *w = &writer;
    json_writer_init(w, out, 2);
    json_object_begin(w);
    json_pair_text(w, "format", "waldrill-capacity-trial/1");
    json_pair_text(w, "engine", trial->engine);
    json_pair_double(w, "time_scale", trial->time_scale);
    json_pair_text(w, "profile", trial->profile);
    put_costs(w, &trial->costs);
    put_points(w, "calibration", trial->calibration, CAPACITY_CALIBRATION);
    put_points(w, "points", trial->points, trial->count);
    json_object_end(w);
    buf_append_char(out, '\n');
}

void capacity_json(struct buf *out, const struct capacity_study *study)
{
    struct json_writer writer;
    struct json_writer *w = &writer;
    json_writer_init(w, out, 2);
    json_object_begin(w);
    json_pair_text(w, "format", "waldrill-capacity/1");
    put_question(w, study);
    json_pair_double(w, "guide_mb", study->guide_mb);
    json_key(w, "forecast");
    put_forecast(w, &study->forecast);
    put_points(w, "guide", study->guide, CAPACITY_GUIDE_EXAMPLES);
    put_tables(w, study);
    json_pair_double(w, "writes_per_gib", study->writes_per_gib);
    json_pair_double(w, "guide_writes_per_gib", study->writes_per_gib_guide);
    json_pair_double(w, "write_bytes_for_guide_gib", study->body_for_guide_gib);
    json_key(w, "cpu_us_per_write");
    if (study->cpu_us_per_write > 0) {
        json_put_double(w, study->cpu_us_per_write);
    } else {
        json_put_null(w);
    }
    put_points(w, "sweep", study->sweep, study->sweep_count);
    put_points(w, "curve", study->curve, CAPACITY_CURVE);
    json_object_end(w);
    buf_append_char(out, '\n');
}
