/* The catalogue of metrics: every name an expression may use, what it measures and what it means.
 *
 * Names of loads are the scenario's own, so their figures stand here as patterns ("load.*.latency").
 * Errors, docs/scenarios.md and suggestions all come from this table. */
#include "harness/scenario/expression_tree.h"

#include "base/memory.h"
#include "base/suggest.h"
#include <stdio.h>

/* Unit's name in the table, for readers; the enumerator is looked up from it. */
const struct metric_row metric_table[] = {
    { "wal.pending_writes", "count", "acknowledged writes not yet applied on the primary" },
    { "wal.is_replaying", "truth", "the balancer says that it is replaying" },
    { "wal.failed_replays", "count", "writes over their attempts, plus dead letters; goes down again" },
    { "wal.dead_letters", "count", "writes that an instance refused for good" },
    { "wal.total_replayed", "count",
      "writes applied to the primary after they had been acknowledged without it" },
    { "wal.oldest_pending", "duration", "age of the oldest pending write; 0 while nothing is pending" },
    { "wal.memory_bytes", "size", "memory that the log's entries take" },
    { "wal.bytes", "size", "size of the log" },
    { "lb.healthy_instances", "count", "instances that the balancer calls healthy" },
    { "lb.total_instances", "count", "instances that the balancer knows" },
    { "lb.instances.primary.healthy", "truth", "the balancer calls the primary healthy" },
    { "lb.instances.replica.healthy", "truth", "the balancer calls the replica healthy" },
    { "lb.rss", "size", "resident memory of the balancer" },
    { "lb.status_latency", "duration", "how long /status took to answer" },
    { "lb.answering", "truth", "/status was answered at all" },
    { "wall", "duration", "real time since the run began; only in stop_if" },
    { "load.*.latency", "duration",
      "from the planned send time to the answer; inside p50 p90 p99 max min mean" },
    { "load.*.offered", "count", "operations that were due; inside count or rate" },
    { "load.*.accepted", "count", "operations answered 2xx; inside count or rate" },
    { "load.*.ok", "count", "the same as accepted; reads well for reads" },
    { "load.*.errors", "count", "operations answered 5xx, refused, cut or timed out; inside count or rate" },
    { "load.*.queued", "count", "writes answered with X-Wal-Status: queued; inside count or rate" },
};
const size_t metric_table_size = sizeof(metric_table) / sizeof(metric_table[0]);

/* Names of the language's plan that this version cannot measure: an honest answer instead of "no such
 * metric". */
static const char *const later[] = {
    "capacity.predicted_bytes", "wal.progress_age",   "wal.blocked_reason",
    "primary.replay_rps",       "replica.replay_rps", "report.lost_on_crash"
};

static const char *const unit_names[] = {
    [UNIT_COUNT] = "count", [UNIT_DURATION] = "duration",    [UNIT_SIZE] = "size",
    [UNIT_RATE] = "rate",   [UNIT_SHARE] = "share",          [UNIT_TRUTH] = "truth",
    [UNIT_TEXT] = "text",   [UNIT_EITHER] = "rate or share", [UNIT_JSON] = "JSON value",
    [UNIT_NULL] = "null",   [UNIT_OUTCOME] = "outcome",
};

const char *unit_name(enum unit unit)
{
    return unit_names[unit];
}

static enum unit unit_of_row(const struct metric_row *row)
{
    for (enum unit u = UNIT_COUNT; u <= UNIT_TRUTH; u++) {
        if (strcmp(unit_names[u], row->unit) == 0) {
            return u;
        }
    }
    return UNIT_COUNT;
}

void hint_nearest(struct expression_error *error, struct str wrong, const char *const *names, size_t count)
{
    const char *near = suggest_name(wrong, names, count);
    error->hint[0] = '\0';
    if (near != NULL) {
        (void)snprintf(error->hint, sizeof(error->hint), "did you mean \"%s\"?", near);
    }
}

static bool row_is_pattern(const struct metric_row *row)
{
    return strncmp(row->name, "load.*.", 7) == 0;
}

/* The row of a load's figure, NULL if there is none of that name. */
static const struct metric_row *load_row(struct str figure)
{
    for (size_t i = 0; i < metric_table_size; i++) {
        if (row_is_pattern(&metric_table[i]) && str_equal(figure, str_of(metric_table[i].name + 7))) {
            return &metric_table[i];
        }
    }
    return NULL;
}

static const struct metric_row *sampled_row(struct str name)
{
    for (size_t i = 0; i < metric_table_size; i++) {
        if (!row_is_pattern(&metric_table[i]) && str_equal(name, str_of(metric_table[i].name))) {
            return &metric_table[i];
        }
    }
    return NULL;
}

/* All names that would have been right here, composed ones included; the nearest goes into the hint. */
static void hint_metric(struct str wrong, const struct expression_scope *scope,
                        struct expression_error *error)
{
    size_t capacity = metric_table_size * (scope->load_count + 1);
    char **names = mem_alloc_array(capacity, sizeof(*names));
    const char **units = mem_alloc_array(capacity, sizeof(*units));
    size_t count = 0;
    for (size_t i = 0; i < metric_table_size; i++) {
        const struct metric_row *row = &metric_table[i];
        if (!row_is_pattern(row)) {
            units[count] = row->unit;
            names[count++] = mem_strdup(row->name);
            continue;
        }
        for (size_t k = 0; k < scope->load_count; k++) {
            char name[192];
            (void)snprintf(name, sizeof(name), "load.%s.%s", scope->loads[k], row->name + 7);
            units[count] = row->unit;
            names[count++] = mem_strdup(name);
        }
    }
    const char *near = suggest_name(wrong, (const char *const *)names, count);
    error->hint[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (near == names[i]) {
            (void)snprintf(error->hint, sizeof(error->hint), "did you mean \"%s\" (%s)?", near, units[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        mem_free(names[i]);
    }
    mem_free(names);
    mem_free(units);
}

static bool find_load(struct str name, const struct expression_scope *scope, struct metric_found *out,
                      struct expression_error *error)
{
    struct str rest = str_make(name.data + 5, name.size - 5);
    for (size_t i = 0; i < scope->load_count; i++) {
        struct str load = str_of(scope->loads[i]);
        if (!str_starts(rest, load) || rest.size <= load.size || rest.data[load.size] != '.') {
            continue;
        }
        struct str figure = str_make(rest.data + load.size + 1, rest.size - load.size - 1);
        const struct metric_row *row = load_row(figure);
        if (row != NULL) {
            *out = (struct metric_found){ unit_of_row(row), true, str_equal(figure, STR("latency")) };
            return true;
        }
    }
    (void)error_set(&error->message, ERR_NOT_FOUND, "no metric \"%.*s\"%s", STR_ARGS(name),
                    scope->load_count == 0 ? " (this scenario has no load)" : "");
    hint_metric(name, scope, error);
    return false;
}

bool metric_find(struct str name, const struct expression_scope *scope, struct metric_found *out,
                 struct expression_error *error)
{
    if (str_starts(name, STR("load."))) {
        return find_load(name, scope, out, error);
    }
    const struct metric_row *row = sampled_row(name);
    if (row != NULL && str_equal(name, STR("wall")) && !scope->wall) {
        (void)error_set(&error->message, ERR_UNSUPPORTED,
                        "\"wall\" is known only in stop_if: a judgement must not depend on real time");
        return false;
    }
    if (row != NULL) {
        *out = (struct metric_found){ unit_of_row(row), false, false };
        return true;
    }
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        if (str_equal(name, str_of(later[i]))) {
            (void)error_set(&error->message, ERR_UNSUPPORTED, "\"%s\" is not supported in this version",
                            later[i]);
            return false;
        }
    }
    (void)error_set(&error->message, ERR_NOT_FOUND, "no metric \"%.*s\"", STR_ARGS(name));
    hint_metric(name, scope, error);
    return false;
}
