/* series.csv: the series of a run for a spreadsheet, a row for each sample of /status that was kept
 * (figures.h) and for each instant from which none was answered.  docs/reports.md explains the columns.
 *
 * Counts of operations are those of the bucket of time that the row falls into, the same in all rows of a
 * bucket: "bucket_s" tells which one, so that a table by bucket is one "group by" away. */
#include "reports/formats.h"

#include "base/units.h"
#include <inttypes.h>

/* Instants are told in whole milliseconds, as results.json has them: a table made from that is the same. */
static int64_t whole_ms(int64_t ns)
{
    return ns / (int64_t)NS_PER_MS;
}

static void put_seconds(struct buf *out, int64_t ns)
{
    buf_printf(out, "%.3f", (double)whole_ms(ns) / 1000);
}

/* A cell of text: quoted, since a name of a scenario may hold a comma or a quote. */
static void put_text(struct buf *out, const char *text)
{
    buf_append_char(out, '"');
    for (; *text != '\0'; text++) {
        buf_append_text(out, *text == '"' ? "\"" : "");
        buf_append_char(out, *text == '\n' || *text == '\r' ? ' ' : *text);
    }
    buf_append_char(out, '"');
}

static bool is_within(int64_t at_ns, int64_t start_ns, int64_t end_ns)
{
    return whole_ms(start_ns) <= whole_ms(at_ns) &&
           (end_ns == HISTORY_NEVER || whole_ms(at_ns) < whole_ms(end_ns));
}

static const char *phase_at(const struct results *r, int64_t at_ns)
{
    const char *name = "";
    for (size_t i = 0; i < r->phase_count; i++) {
        name = is_within(at_ns, r->phases[i].start_ns, r->phases[i].end_ns) ? r->phases[i].name : name;
    }
    return name;
}

static void put_faults(struct buf *out, const struct results *r, int64_t at_ns)
{
    struct buf names;
    buf_init(&names, (size_t)1 << 16);
    for (size_t i = 0; i < r->fault_count; i++) {
        if (is_within(at_ns, r->faults[i].start_ns, r->faults[i].end_ns)) {
            buf_append_text(&names, names.size == 0 ? "" : " ");
            buf_append_text(&names, r->faults[i].name);
        }
    }
    put_text(out, buf_text(&names));
    buf_deinit(&names);
}

static const char *state_at(const struct figures_spans *strip, int64_t at_ns)
{
    const char *state = "";
    for (size_t i = 0; i < strip->count && whole_ms(strip->spans[i].start_ns) <= whole_ms(at_ns); i++) {
        state = figures_state_name(strip->spans[i].state);
    }
    return state;
}

static void put_side(struct buf *out, const struct figures_side *side)
{
    buf_printf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, side->offered, side->accepted,
               side->queued, side->refused + side->failed);
}

static void put_latency(struct buf *out, int64_t ns)
{
    buf_append_char(out, ',');
    if (ns != FIGURES_NOTHING) {
        int64_t whole_us = ns / (int64_t)NS_PER_US;
        buf_printf(out, "%.3f", (double)whole_us / 1000);
    }
}

static void put_head(struct buf *out, const struct figures *f)
{
    buf_append_text(out, "at_s,phase,faults");
    for (size_t i = 0; i < FIGURES_STRIPS; i++) {
        buf_printf(out, ",%s", figures_strip_name((enum figures_strip)i));
    }
    for (size_t i = 0; i < FIGURES_GAUGES; i++) {
        buf_printf(out, ",%s", figures_gauges[i].name);
    }
    buf_append_text(out, ",bucket_s,bucket_replayed");
    static const char *const sides[] = { "writes", "reads" };
    for (size_t i = 0; i < 2; i++) {
        buf_printf(out, ",%s_offered,%s_accepted,%s_queued,%s_unserved", sides[i], sides[i], sides[i],
                   sides[i]);
    }
    for (size_t i = 0; i < f->kind_count; i++) {
        const char *name = chroma_op_name(f->kinds[i].op);
        buf_printf(out, ",%s_p50_ms,%s_p99_ms", name, name);
    }
    buf_append_char(out, '\n');
}

/* sample NULL: /status was not answered from then on. */
static void put_row(struct buf *out, const struct results *r, const struct figures *f, int64_t at_ns,
                    const struct figures_sample *sample)
{
    put_seconds(out, at_ns);
    buf_append_char(out, ',');
    put_text(out, phase_at(r, at_ns));
    buf_append_char(out, ',');
    put_faults(out, r, at_ns);
    for (size_t i = 0; i < FIGURES_STRIPS; i++) {
        buf_printf(out, ",%s", state_at(&f->strips[i], at_ns));
    }
    for (size_t i = 0; i < FIGURES_GAUGES; i++) {
        buf_append_char(out, ',');
        if (sample != NULL) {
            buf_printf(out, "%.10g", figures_gauge_of(sample, i));
        }
    }
    const size_t b = figures_bucket_at(f, at_ns);
    buf_append_char(out, ',');
    put_seconds(out, f->buckets[b].start_ns);
    buf_printf(out, ",%.10g", f->buckets[b].replayed);
    put_side(out, &f->buckets[b].writes);
    put_side(out, &f->buckets[b].reads);
    for (size_t i = 0; i < f->kind_count; i++) {
        put_latency(out, f->kinds[i].buckets[b].p50_ns);
        put_latency(out, f->kinds[i].buckets[b].p99_ns);
    }
    buf_append_char(out, '\n');
}

void report_csv(struct buf *out, const struct results *r, const struct figures *f)
{
    const struct figures_spans *balancer = &f->strips[FIGURES_BALANCER];
    size_t span = 0;
    put_head(out, f);
    for (size_t i = 0; i <= f->sample_count; i++) {
        int64_t upto_ns = i < f->sample_count ? f->samples[i].at_ns : f->end_ns;
        for (; span < balancer->count && balancer->spans[span].start_ns <= upto_ns; span++) {
            if (balancer->spans[span].state == FIGURES_NO) {
                put_row(out, r, f, balancer->spans[span].start_ns, NULL);
            }
        }
        if (i < f->sample_count) {
            put_row(out, r, f, upto_ns, &f->samples[i]);
        }
    }
}
