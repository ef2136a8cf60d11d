/* A run's series as expressions see them: samples by name, figures of loads over windows, times of phases.
 * Names were checked when the scenario was read; an unknown one here is unknown, never a guess. */
#include "harness/runner/run.h"

#include "base/check.h"
#include "base/memory.h"
#include "harness/scenario/expression.h"
#include "proxy/core/alerts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t world_sample_time(void *context, size_t sample)
{
    const struct run *run = context;
    return run->history->samples[sample].at_ns;
}

static bool world_alert(const struct run_status_more *more, const char *rule, double *out)
{
    for (unsigned i = 0; i < ALERT_RULES; i++) {
        if (strcmp(rule, alert_names[i]) == 0 && (more->alerts_known >> i & 1u) != 0) {
            *out = more->alerts_firing >> i & 1u;
            return true;
        }
    }
    return false;
}

/* What the harness itself knows, mostly whether or not the balancer answered. */
static bool world_own(struct run *run, const char *metric, const struct status_sample *s, double *out)
{
    if (strcmp(metric, "lb.answering") == 0) {
        *out = s->answered;
    } else if (strcmp(metric, "lb.status_latency") == 0) {
        *out = (double)s->latency_ns;
        return s->answered;
    } else if (strcmp(metric, "wall") == 0) { /* only stop_if may name it */
        *out = (double)(run_wall_ns() - run->wall_start_ns);
    } else if (strcmp(metric, "report.lost_on_crash") == 0) {
        *out = run->died_in_memory; /* what /status last said to be pending when it was killed */
    } else if (strcmp(metric, "capacity.predicted_bytes") == 0) {
        return figures_predicted_bytes(run, out);
    } else if (strcmp(metric, "primary.replay_rps") == 0 || strcmp(metric, "replica.replay_rps") == 0) {
        *out = figures_replay_rps(run, metric[0] == 'p' ? 0 : 1, s->at_ns);
    } else {
        return false;
    }
    return true;
}

/* Expressions ask for one name at sample after sample: the last place is looked at first. */
static size_t world_index(struct run *run, const char *metric)
{
    if (run->metric >= metric_table_size || strcmp(metric_table[run->metric].name, metric) != 0) {
        run->metric = metric_index(metric);
    }
    return run->metric;
}

/* What /status said; NULL when it said nothing about it. */
static const struct run_figure *world_figure(const struct run *run, size_t index, size_t sample)
{
    const struct run_figure *figures = run->more[sample].figures;
    return figures == NULL || !figures[index].known ? NULL : &figures[index];
}

static bool world_value(void *context, const char *metric, size_t sample, double *out)
{
    struct run *run = context;
    CHECK(sample < run->history->sample_count);
    size_t index = world_index(run, metric);
    if (index < metric_table_size && metric_table[index].status != NULL) {
        const struct run_figure *figure = world_figure(run, index, sample);
        *out = figure == NULL ? 0 : figure->number;
        return figure != NULL;
    }
    if (strncmp(metric, "alerts.", 7) == 0) {
        return world_alert(&run->more[sample], metric + 7, out);
    }
    return world_own(run, metric, &run->history->samples[sample], out);
}

static bool world_text(void *context, const char *metric, size_t sample, struct str *out)
{
    struct run *run = context;
    size_t index = world_index(run, metric);
    const struct run_figure *figure = index == metric_table_size ? NULL : world_figure(run, index, sample);
    *out = str_of(figure == NULL ? "" : figure->text);
    return figure != NULL;
}

static bool world_fault_time(void *context, uint32_t fault, int64_t *out)
{
    const struct run *run = context;
    bool begun = fault < run->scenario->fault_count && run->faults[fault].begun;
    *out = begun ? (int64_t)run->faults[fault].start_ns : 0;
    return begun;
}

/* ---- loads ---- */

static uint32_t world_load(const struct run *run, const char *metric, const char **what)
{
    const char *name = metric + strlen("load.");
    const char *dot = strrchr(metric, '.');
    if (strncmp(metric, "load.", 5) != 0 || dot == NULL || dot <= name) {
        return HISTORY_NONE;
    }
    *what = dot + 1;
    for (uint32_t i = 0; i < run->scenario->load_count; i++) {
        const char *load = run->scenario->loads[i].name;
        if (strlen(load) == (size_t)(dot - name) && strncmp(load, name, (size_t)(dot - name)) == 0) {
            return i;
        }
    }
    return HISTORY_NONE;
}

static bool world_in(const struct op_record *op, uint32_t load, int64_t from, int64_t to)
{
    return op->load == load && op->planned_ns >= from && op->planned_ns < to;
}

static int world_compare(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

static double world_rank(const double *sorted, size_t count, double share)
{
    size_t rank = (size_t)ceil(share * (double)count);
    return sorted[rank == 0 ? 0 : rank - 1];
}

static bool world_of_latencies(const char *function, double *values, size_t count, double *out)
{
    qsort(values, count, sizeof(*values), world_compare);
    if (strcmp(function, "p50") == 0) {
        *out = world_rank(values, count, 0.50);
    } else if (strcmp(function, "p90") == 0) {
        *out = world_rank(values, count, 0.90);
    } else if (strcmp(function, "p99") == 0) {
        *out = world_rank(values, count, 0.99);
    } else if (strcmp(function, "max") == 0) {
        *out = values[count - 1];
    } else if (strcmp(function, "min") == 0) {
        *out = values[0];
    } else if (strcmp(function, "mean") == 0) {
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += values[i];
        }
        *out = sum / (double)count;
    } else {
        return false;
    }
    return true;
}

static bool world_latency(const struct run *run, const char *function, uint32_t load, int64_t from,
                          int64_t to, double *out)
{
    const struct history *h = run->history;
    double *values = mem_alloc_array(h->op_count + 1, sizeof(*values));
    size_t count = 0;
    for (size_t i = 0; i < h->op_count; i++) {
        if (world_in(&h->ops[i], load, from, to) && h->ops[i].outcome == OP_ANSWERED) {
            values[count++] = (double)history_latency_ns(h, &h->ops[i]);
        }
    }
    bool known = count > 0 && world_of_latencies(function, values, count, out);
    mem_free(values);
    return known;
}

static bool world_counts(const struct op_record *op, const char *what)
{
    bool good = op->status >= 200 && op->status < 300;
    if (strcmp(what, "offered") == 0) {
        return true;
    }
    if (strcmp(what, "accepted") == 0 || strcmp(what, "ok") == 0) {
        return good;
    }
    if (strcmp(what, "queued") == 0) {
        return op->queued;
    }
    return strcmp(what, "errors") == 0 && (op->outcome != OP_ANSWERED || op->status >= 500);
}

static bool world_aggregate(void *context, const char *function, const char *metric, int64_t from, int64_t to,
                            double *out)
{
    const struct run *run = context;
    const char *what = "";
    uint32_t load = world_load(run, metric, &what);
    if (load == HISTORY_NONE) {
        return false;
    }
    if (strcmp(what, "latency") == 0) {
        return world_latency(run, function, load, from, to, out);
    }
    double offered = 0;
    double counted = 0;
    for (size_t i = 0; i < run->history->op_count; i++) {
        const struct op_record *op = &run->history->ops[i];
        if (world_in(op, load, from, to)) {
            offered++;
            counted += world_counts(op, what) ? 1 : 0;
        }
    }
    if (strcmp(function, "count") == 0) {
        *out = counted;
        return true;
    }
    if (strcmp(function, "rate") == 0 && to > from) {
        *out = counted * (double)NS_PER_S / (double)(to - from);
        return true;
    }
    if (strcmp(function, "share") == 0 && offered > 0) {
        *out = counted / offered;
        return true;
    }
    return false;
}

static bool world_phase_time(void *context, uint32_t phase, bool end, int64_t *out)
{
    const struct run *run = context;
    if (phase >= run->scenario->phase_count) {
        return false;
    }
    const struct run_phase *p = &run->phases[phase];
    if (end ? !p->over : !p->begun) {
        return false;
    }
    *out = (int64_t)(end ? p->end_ns : p->start_ns);
    return true;
}

struct expression_world world_of_run(struct run *run)
{
    return (struct expression_world){
        .context = run,
        .sample_count = run->history->sample_count,
        .sample_time = world_sample_time,
        .value = world_value,
        .text = world_text,
        .fault_time = world_fault_time,
        .aggregate = world_aggregate,
        .phase_time = world_phase_time,
        .end_ns = (int64_t)run->engine->ops->now(run->engine),
    };
}

struct expression_world world_of_now(struct run *run, uint64_t begin_ns, uint64_t now_ns)
{
    struct expression_world world = world_of_run(run);
    world.begin_ns = (int64_t)begin_ns;
    world.end_ns = (int64_t)now_ns;
    return world;
}
