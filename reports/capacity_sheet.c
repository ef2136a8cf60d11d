/* What capacity planning says to people. */
#include "reports/capacity.h"
#include "reports/sheet.h"

#include "base/units.h"
#include <math.h>
#include <stdio.h>

#define char char

const char *capacity_bytes_words(double bytes, char out[CAPACITY_WORDS])
{
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
    size_t i = 0;
    if (isinf(bytes)) {
        (void)snprintf(out, CAPACITY_WORDS, "no end");
        return out;
    }
    while (i + 1 < sizeof(units) / sizeof(units[0]) && bytes >= 1024) {
        bytes /= 1024;
        i++;
    }
    (void)snprintf(out, CAPACITY_WORDS, i == 0 ? "%.0f %s" : "%.1f %s", bytes, units[i]);
    return out;
}

const char *capacity_time_words(double seconds, char out[CAPACITY_WORDS])
{
    if (isinf(seconds)) {
        (void)snprintf(out, CAPACITY_WORDS, "never");
    } else if (seconds < 120) {
        (void)snprintf(out, CAPACITY_WORDS, "%.1f s", seconds);
    } else if (seconds < 7200) {
        (void)snprintf(out, CAPACITY_WORDS, "%.0f min", floor(seconds / 60));
    } else if (seconds < 2 * 86400.0) {
        (void)snprintf(out, CAPACITY_WORDS, "%.0f h %.0f min", floor(seconds / 3600),
                       floor(fmod(seconds, 3600) / 60));
    } else {
        (void)snprintf(out, CAPACITY_WORDS, "%.0f days", floor(seconds / 86400));
    }
    return out;
}

static void put_guide(struct sheet *s, const struct capacity_study *study)
{
    bool measured = study->guide[0].measured;
    sheet_heading(s, "The guide's examples");
    sheet_row(s, "example|write|a minute|outage|the guide's formula|memory|log on disk|drained in%s",
              measured ? "|measured: memory|log|drained in" : "");
    for (size_t i = 0; i < CAPACITY_GUIDE_EXAMPLES; i++) {
        const struct capacity_point *p = &study->guide[i];
        const struct capacity_forecast *f = &p->forecast;
        char memory[CAPACITY_WORDS], log[CAPACITY_WORDS], drain[CAPACITY_WORDS],
            more[4 * CAPACITY_WORDS] = "";
        if (p->measured) {
            char a[CAPACITY_WORDS], b[CAPACITY_WORDS], c[CAPACITY_WORDS];
            (void)snprintf(more, sizeof(more), "|%s|%s|%s", capacity_bytes_words(p->measured_memory_bytes, a),
                           capacity_bytes_words(p->measured_log_bytes, b),
                           capacity_time_words(p->measured_drain_s, c));
        }
        sheet_row(s, "%s|%g KB|%g|%g min|%.1f MB|%s|%s|%s%s", p->name, p->write_kb, p->per_minute, p->minutes,
                  capacity_guide_mb(p->write_kb, p->per_minute, p->minutes),
                  capacity_bytes_words(f->memory_bytes, memory), capacity_bytes_words(f->log_bytes, log),
                  capacity_time_words(f->drain_s, drain), more);
    }
    sheet_table_end(s);
    if (measured) {
        sheet_line(s,
                   "Measured: played on sim, primary with the latency asked for; the others are predicted.");
    } else {
        sheet_line(s, "Memory, log and drain are predicted; --measure plays the three on sim beside it.");
    }
}

static void put_load(struct sheet *s, const struct capacity_study *study)
{
    const struct capacity_load *l = &study->question.load;
    char size[CAPACITY_WORDS], outage[CAPACITY_WORDS];
    sheet_heading(s, "The load");
    sheet_line(s, "%s a write, %g a minute, primary away for %s, %g collections%s%s. From: %s.",
               capacity_bytes_words(l->write_bytes, size), l->per_second * 60,
               capacity_time_words(l->outage_s, outage), l->collections,
               l->before ? ", ordinary traffic before" : "",
               l->after ? ", and it goes on while the log drains" : "", study->source);
    sheet_line(s, "The primary: %.1f ms a request and %.2f ms a record (%s).",
               study->question.costs.request_s * 1e3, study->question.costs.record_s * 1e3,
               study->costs_source);
}

static void put_forecast(struct sheet *s, const struct capacity_study *study)
{
    const struct capacity_forecast *f = &study->forecast;
    const struct settings *set = &study->question.settings;
    char a[CAPACITY_WORDS], b[CAPACITY_WORDS];
    sheet_heading(s, "What the outage costs");
    sheet_row(s, "figure|value|how");
    sheet_row(s, "writes|%.0f|%.0f of them refused", f->offered, f->refused);
    sheet_row(s, "the guide's formula|%.1f MB|writes x size", study->guide_mb);
    sheet_row(s, "memory (memory_bytes)|%s|%s a write: body and %.0f B of path, type and names",
              capacity_bytes_words(f->memory_bytes, a), capacity_bytes_words(f->memory_per_write, b),
              f->meta_bytes);
    sheet_row(s, "resident|%s|%.0f B of bookkeeping a write in memory",
              capacity_bytes_words(f->resident_bytes, a), f->bookkeeping_per_write);
    sheet_row(s, "log (bytes)|%s|%s a write: frames, decision, whole sectors",
              capacity_bytes_words(f->log_bytes, a), capacity_bytes_words(f->log_per_write, b));
    sheet_row(s, "disk for WAL_DIR|%s|whole segments, and two spares",
              capacity_bytes_words(f->disk_bytes, a));
    sheet_row(s, "return noticed|%s|CHECK_INTERVAL x RECOVERY_THRESHOLD at most",
              capacity_time_words(f->notice_s, a));
    sheet_row(s,
              "drained after that in|%s|%.0f requests, %.0f writes a second on average; primary busy %.0f "
              "%%, link %.0f %%",
              capacity_time_words(f->drain_s, a), f->replay_requests, f->replay_per_second,
              f->busy_share * 100, f->link_share * 100);
    sheet_table_end(s);
    sheet_heading(s, "What happens at the limit");
    sheet_row(s, "after|what");
    sheet_row(s, "%s|WAL_MEMORY_BYTES (%s) is full: %s", capacity_time_words(f->until_spill_s, a),
              capacity_bytes_words((double)set->wal_memory_bytes, b),
              set->wal_mode == WAL_MODE_MEMORY ? "see below"
                                               : "further bodies wait in the log only, nothing is refused");
    sheet_row(s, "%s|THROTTLE_START (%g %%): answers to writes are held back, up to %g s",
              capacity_time_words(f->until_throttle_s, a), set->throttle_start * 100,
              (double)set->throttle_max_delay_ns / (double)NS_PER_S);
    sheet_row(s, "%s|%s, with Retry-After; reads go on", capacity_time_words(f->until_refused_s, a),
              capacity_bound_words(capacity_first_bound(&study->question)));
    sheet_table_end(s);
}

static void put_budgets(struct sheet *s, const struct capacity_study *study)
{
    sheet_heading(s, "How long an outage may last");
    sheet_row(s, "budget|of memory (WAL_MODE=memory)|of disk (WAL_MODE=file)");
    for (size_t i = 0; i < CAPACITY_BUDGETS; i++) {
        char a[CAPACITY_WORDS], b[CAPACITY_WORDS], c[CAPACITY_WORDS];
        sheet_row(s, "%s|%s|%s", capacity_bytes_words(study->budgets[i].bytes, a),
                  capacity_time_words(study->budgets[i].safe_memory_s, b),
                  capacity_time_words(study->budgets[i].safe_disk_s, c));
    }
    sheet_table_end(s);
}

static void put_bodies(struct sheet *s, const struct capacity_study *study)
{
    char a[CAPACITY_WORDS], b[CAPACITY_WORDS];
    sheet_heading(s, "What a write really weighs");
    sheet_line(s, "An add of one record with a document of %u bytes, as Chroma's clients build it:",
               study->bodies[0].shape.document_bytes);
    sheet_row(s, "dimension|encoding|body|pending, in memory|of them in 1 GB");
    for (size_t i = 0; i < CAPACITY_BODIES; i++) {
        const struct capacity_body_row *row = &study->bodies[i];
        sheet_row(s, "%u|%s|%s|%s|%.0f", row->shape.dimension, body_encoding_names[row->shape.encoding],
                  capacity_bytes_words(row->bytes, a), capacity_bytes_words(row->memory_bytes, b),
                  row->writes_per_gib);
    }
    sheet_table_end(s);
    sheet_line(
        s,
        "The guide: 1 GB can handle ~%.0f typical writes. That is so for writes of %s (its heavy load has "
        "100 KB); of the load above it is %.0f.",
        study->writes_per_gib_guide, capacity_bytes_words(study->body_for_guide_gib, a),
        study->writes_per_gib);
    if (study->cpu_us_per_write > 0) {
        sheet_line(
            s,
            "CPU: encoding and checksums of one write for the log take %.1f us on this machine, %.4f %% of a "
            "core at this rate. The guide: WAL operations are lightweight.",
            study->cpu_us_per_write, study->cpu_us_per_write * study->question.load.per_second / 1e4);
    }
}

static const char *noticed_words(double seconds, char out[CAPACITY_WORDS])
{
    return capacity_time_words(isnan(seconds) ? (double)INFINITY : seconds, out);
}

static void put_columns(struct sheet *s, const struct capacity_study *study)
{
    sheet_heading(s, "Settings by load");
    sheet_row(
        s,
        "LOAD_PROFILE|CONSISTENCY_WINDOW|READ_REPLICA_RATIO|REQUEST_TIMEOUT|CHECK_INTERVAL|outage noticed "
        "in|first try waits|checks an hour|reads on the primary|for this load");
    for (size_t i = 0; i < CAPACITY_COLUMNS; i++) {
        const struct capacity_column *c = &study->columns[i];
        sheet_row(s, "%s|%g s|%g|%g s|%g s|%g s|%.1f s|%.0f|%.0f %%|%s", c->name, c->window_s,
                  c->replica_ratio, c->timeout_s, c->check_s, c->noticed_s, c->first_try_s,
                  c->probes_per_hour, c->primary_reads_share * 100, c->fits ? "yes" : "");
    }
    sheet_table_end(s);
    sheet_line(s, "Noticed by checks alone, at most; a request that fails tells at once.");
}

static void put_columns_measured(struct sheet *s, const struct capacity_study *study)
{
    if (study->columns[0].measured.runs == 0) {
        sheet_line(s, "--measure plays each of them on sim under the load, and shows what came of it.");
        return;
    }
    sheet_heading(s, "Settings by load, measured");
    sheet_row(s,
              "LOAD_PROFILE|stale reads|the oldest, behind by|noticed: gone|sick|hangs, under load|failed "
              "meanwhile|slowest answer|on the primary, a minute|replica behind|for this load");
    for (size_t i = 0; i < CAPACITY_COLUMNS; i++) {
        const struct capacity_column *c = &study->columns[i];
        const struct capacity_column_runs *m = &c->measured;
        char behind[CAPACITY_WORDS], gone[CAPACITY_WORDS], sick[CAPACITY_WORDS], hang[CAPACITY_WORDS],
            slowest[CAPACITY_WORDS];
        sheet_row(s, "%s|%.2f %%|%s|%s|%s|%s|%.2f %%|%s|%.0f|%.0f|%s", c->name, m->stale_share * 100,
                  capacity_time_words(m->stale_s, behind), noticed_words(m->noticed_gone_s, gone),
                  noticed_words(m->noticed_sick_s, sick), noticed_words(m->noticed_hang_s, hang),
                  m->failed_share * 100, capacity_time_words(m->slowest_s, slowest), m->primary_per_minute,
                  m->primary_behind, c->fits ? "yes" : "");
    }
    sheet_table_end(s);
    const struct capacity_column_runs *any = &study->columns[0].measured;
    sheet_line(
        s,
        "%u runs of each on sim, %g writes and %g reads a minute. Stale: of the reads while the replica "
        "took %g s for each request that writes, those that lacked an acknowledged write.",
        any->runs, any->writes_per_minute, any->reads_per_minute, CAPACITY_BEHIND_S);
    sheet_line(
        s,
        "Noticed, at most: the primary refuses and nobody asks for anything; it fails its health checks "
        "alone; it takes requests and answers none for two minutes. Failed, slowest: of the requests in "
        "these two minutes. On the primary: requests, health checks not counted.");
}

static void put_sweep(struct sheet *s, const struct capacity_study *study)
{
    if (study->sweep_count == 0) {
        return;
    }
    sheet_heading(s, "What if");
    sheet_row(s, "write|a minute|outage|guide|memory|log|drained in|writes refused");
    for (size_t i = 0; i < study->sweep_count; i++) {
        const struct capacity_point *p = &study->sweep[i];
        char a[CAPACITY_WORDS], b[CAPACITY_WORDS], c[CAPACITY_WORDS];
        sheet_row(s, "%g KB|%g|%g min|%.1f MB|%s|%s|%s|%.0f", p->write_kb, p->per_minute, p->minutes,
                  capacity_guide_mb(p->write_kb, p->per_minute, p->minutes),
                  capacity_bytes_words(p->forecast.memory_bytes, a),
                  capacity_bytes_words(p->forecast.log_bytes, b), capacity_time_words(p->forecast.drain_s, c),
                  p->forecast.refused);
    }
    sheet_table_end(s);
}

void capacity_tables(struct buf *out, const struct capacity_study *study, enum sheet_form form)
{
    struct sheet sheet;
    struct sheet *s = &sheet;
    sheet_begin(s, out, form);
    put_guide(s, study);
    put_load(s, study);
    put_forecast(s, study);
    put_budgets(s, study);
    put_bodies(s, study);
    put_columns(s, study);
    put_columns_measured(s, study);
    put_sweep(s, study);
    sheet_end(s);
}

static void put_all(struct buf *out, const struct capacity_study *study, enum sheet_form form)
{
    struct sheet sheet;
    sheet_begin(&sheet, out, form);
    sheet_title(&sheet, "Capacity of the write-ahead log");
    sheet_end(&sheet);
    capacity_tables(out, study, form);
}

void capacity_text(struct buf *out, const struct capacity_study *study)
{
    put_all(out, study, SHEET_TEXT);
}

void capacity_markdown(struct buf *out, const struct capacity_study *study)
{
    put_all(out, study, SHEET_MARKDOWN);
}
