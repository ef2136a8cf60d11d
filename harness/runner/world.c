/* A run's series as expressions see them: samples by name, figures of loads over windows, times of phases.
 * Names were checked when the scenario was read; an unknown one here is unknown, never a guess. */
#include "harness/runner/run.h"

#include "base/check.h"
#include "base/memory.h"
#include "harness/scenario/expression.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t world_sample_time(void *context, size_t sample)
{
    const struct run *run = context;
    return run->history->samples[sample].at_ns;
}

static bool world_wal(const struct status_sample *s, const char *name, double *out)
{
    if (strcmp(name, "pending_writes") == 0) {
        *out = s->pending_writes;
    } else if (strcmp(name, "is_replaying") == 0) {
        *out = s->is_replaying;
    } else if (strcmp(name, "failed_replays") == 0) {
        *out = s->failed_replays;
    } else if (strcmp(name, "dead_letters") == 0) {
        *out = s->dead_letters;
    } else if (strcmp(name, "total_replayed") == 0) {
        *out = s->total_replayed;
    } else if (strcmp(name, "oldest_pending") == 0) {
        *out = s->oldest_pending_s < 0 ? 0 : s->oldest_pending_s * (double)NS_PER_S;
    } else if (strcmp(name, "memory_bytes") == 0) {
        *out = s->memory_bytes;
    } else if (strcmp(name, "bytes") == 0) {
        *out = s->wal_bytes;
    } else {
        return false;
    }
    return true;
}

static bool world_lb(const struct status_sample *s, const struct run_status_more *more, const char *name,
                     double *out)
{
    if (strcmp(name, "healthy_instances") == 0) {
        *out = more->healthy_instances;
    } else if (strcmp(name, "total_instances") == 0) {
        *out = more->total_instances;
    } else if (strcmp(name, "instances.primary.healthy") == 0) {
        *out = s->healthy[0];
    } else if (strcmp(name, "instances.replica.healthy") == 0) {
        *out = s->healthy[1];
    } else if (strcmp(name, "rss") == 0) {
        *out = s->rss_bytes;
    } else if (strcmp(name, "status_latency") == 0) {
        *out = (double)s->latency_ns;
    } else {
        return false;
    }
    return true;
}

static bool world_value(void *context, const char *metric, size_t sample, double *out)
{
    const struct run *run = context;
    CHECK(sample < run->history->sample_count);
    const struct status_sample *s = &run->history->samples[sample];
    if (strcmp(metric, "lb.answering") == 0) {
        *out = s->answered;
        return true;
    }
    if (strcmp(metric, "wall") == 0) { /* only stop_if may name it */
        *out = (double)(run_wall_ns() - run->wall_start_ns);
        return true;
    }
    if (!s->answered) {
        return false;
    }
    if (strncmp(metric, "wal.", 4) == 0) {
        return world_wal(s, metric + 4, out);
    }
    if (strncmp(metric, "lb.", 3) == 0) {
        return world_lb(s, &run->more[sample], metric + 3, out);
    }
    return false;
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
