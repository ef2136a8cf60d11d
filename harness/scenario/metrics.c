/* The catalogue of metrics: every name an expression may use, what it measures and what it means.
 *
 * Names of loads are the scenario's own, so their figures stand here as patterns ("load.*.latency").
 * Errors, docs/scenarios.md and suggestions all come from this table. */
#include "harness/scenario/expression_tree.h"

#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include "proxy/core/alerts.h"
#include <stdio.h>

/* Unit's name in the table, for readers; the enumerator is looked up from it.  What has a place in /status is
 * read from there without another line of code; the last column makes a base unit of it. */
#define SECOND  ((double)NS_PER_S)
#define PERCENT 0.01

const struct metric_row metric_table[] = {
    { "wal.pending_writes", "count", "acknowledged writes not yet applied on the primary",
      "write_ahead_log.pending_writes", 1 },
    { "wal.is_replaying", "truth", "the balancer says that it is replaying", "write_ahead_log.is_replaying",
      1 },
    { "wal.failed_replays", "count", "writes over their attempts, plus dead letters; goes down again",
      "write_ahead_log.failed_replays", 1 },
    { "wal.failed_replays_total", "count", "how many have failed so far; only rises",
      "write_ahead_log.failed_replays_total", 1 },
    { "wal.dead_letters", "count", "writes that an instance refused for good", "write_ahead_log.dead_letters",
      1 },
    { "wal.total_replayed", "count",
      "writes applied to the primary after they had been acknowledged without it",
      "write_ahead_log.total_replayed", 1 },
    { "wal.undecided_writes", "count", "writes in the log that no instance has answered yet",
      "write_ahead_log.undecided_writes", 1 },
    { "wal.oldest_pending", "duration", "age of the oldest pending write; 0 while nothing is pending",
      "write_ahead_log.oldest_pending", SECOND },
    { "wal.progress_age", "duration",
      "since the primary last got a pending write; 0 while nothing is pending",
      "write_ahead_log.progress_age", SECOND },
    { "wal.blocked_reason", "text",
      "why nothing is being replayed (why_not_replaying); \"\" while nothing is in the way",
      "write_ahead_log.why_not_replaying", 1 },
    { "wal.replay_paused", "truth", "an operator has paused replay", "write_ahead_log.replay_paused", 1 },
    { "wal.replay_rate", "rate", "writes a second that replay is held to; 0 = adaptive",
      "write_ahead_log.replay_rate", 1 },
    { "wal.active", "truth", "the log is needed: something is pending", "write_ahead_log.active", 1 },
    { "wal.mode", "text", "file or memory", "write_ahead_log.mode", 1 },
    { "wal.ack_policy", "text", "applied or durable", "write_ahead_log.ack_policy", 1 },
    { "wal.memory_bytes", "size", "memory that the log's entries take", "write_ahead_log.memory_bytes", 1 },
    { "wal.bytes", "size", "size of the log", "write_ahead_log.bytes", 1 },
    { "wal.quota_used", "share", "of the log's quota, the fuller of bytes and writes",
      "write_ahead_log.quota_used", 1 },
    { "wal.throttle_delay", "duration", "how long answers to writes are held back as the quota comes near",
      "write_ahead_log.throttle_delay", SECOND },
    { "wal.failed", "truth", "the log has failed: nothing is acknowledged until a restart",
      "write_ahead_log.failed", 1 },
    { "wal.queue_lost", "truth", "the balancer says that its queue in memory was lost",
      "write_ahead_log.queue_lost", 1 },
    { "wal.levels.pending_writes", "text", "the guide's level of pending_writes: normal, warning or critical",
      "write_ahead_log.levels.pending_writes", 1 },
    { "wal.levels.is_replaying", "text", "the guide's level of is_replaying: normal, warning or critical",
      "write_ahead_log.levels.is_replaying", 1 },
    { "wal.levels.failed_replays", "text", "the guide's level of failed_replays: normal, warning or critical",
      "write_ahead_log.levels.failed_replays", 1 },
    { "wal.levels.oldest_pending", "text", "the guide's level of oldest_pending: normal, warning or critical",
      "write_ahead_log.levels.oldest_pending", 1 },
    { "lb.healthy_instances", "count", "instances that the balancer calls healthy", "healthy_instances", 1 },
    { "lb.total_instances", "count", "instances that the balancer knows", "total_instances", 1 },
    { "lb.instances.primary.healthy", "truth", "the balancer calls the primary healthy",
      "instances.primary.healthy", 1 },
    { "lb.instances.primary.state", "text", "up, catching_up, suspect, down or paused",
      "instances.primary.state", 1 },
    { "lb.instances.primary.trouble", "text", "what is wrong with it in the balancer's words; \"\" = nothing",
      "instances.primary.trouble", 1 },
    { "lb.instances.primary.role", "text", "primary or replica: a failover moves it",
      "instances.primary.role", 1 },
    { "lb.instances.primary.forced", "text", "what an operator has forced it to", "instances.primary.forced",
      1 },
    { "lb.instances.primary.lag", "count", "writes that it does not have yet", "instances.primary.lag", 1 },
    { "lb.instances.primary.dead_letters", "count", "writes that it refused for good",
      "instances.primary.dead_letters", 1 },
    { "lb.instances.primary.needs_resync", "truth", "its content is to be compared or copied first",
      "instances.primary.needs_resync", 1 },
    { "lb.instances.primary.requests", "count", "requests that the balancer has sent to it",
      "instances.primary.total_requests", 1 },
    { "lb.instances.primary.success_rate", "share", "of these, those that went well",
      "instances.primary.success_rate", PERCENT },
    { "lb.instances.replica.healthy", "truth", "the balancer calls the replica healthy",
      "instances.replica.healthy", 1 },
    { "lb.instances.replica.state", "text", "up, catching_up, suspect, down or paused",
      "instances.replica.state", 1 },
    { "lb.instances.replica.trouble", "text", "what is wrong with it in the balancer's words; \"\" = nothing",
      "instances.replica.trouble", 1 },
    { "lb.instances.replica.role", "text", "primary or replica: a failover moves it",
      "instances.replica.role", 1 },
    { "lb.instances.replica.forced", "text", "what an operator has forced it to", "instances.replica.forced",
      1 },
    { "lb.instances.replica.lag", "count", "writes that it does not have yet", "instances.replica.lag", 1 },
    { "lb.instances.replica.dead_letters", "count", "writes that it refused for good",
      "instances.replica.dead_letters", 1 },
    { "lb.instances.replica.needs_resync", "truth", "its content is to be compared or copied first",
      "instances.replica.needs_resync", 1 },
    { "lb.instances.replica.requests", "count", "requests that the balancer has sent to it",
      "instances.replica.total_requests", 1 },
    { "lb.instances.replica.success_rate", "share", "of these, those that went well",
      "instances.replica.success_rate", PERCENT },
    { "lb.requests", "count", "requests that clients have made", "stats.total_requests", 1 },
    { "lb.successful_requests", "count", "of these, those that went well", "stats.successful_requests", 1 },
    { "lb.failed_requests", "count", "of these, those that did not", "stats.failed_requests", 1 },
    { "lb.consistency_overrides", "count", "reads sent elsewhere because of the consistency window",
      "stats.consistency_overrides", 1 },
    { "lb.queued_writes", "count", "writes answered without the primary", "stats.queued_writes", 1 },
    { "lb.rejected_writes", "count", "writes that were refused", "stats.rejected_writes", 1 },
    { "lb.unreplicated", "count", "requests that only the primary got", "stats.unreplicated", 1 },
    { "lb.memory_warning", "truth", "the writes that are held fill the memory set aside for them",
      "stats.memory_warning", 1 },
    { "lb.draining", "truth", "the balancer takes no new writes", "draining", 1 },
    { "lb.read_replica_ratio", "share", "the setting in effect", "read_replica_ratio", 1 },
    { "lb.consistency_window", "duration", "the setting in effect", "consistency_window", SECOND },
    { "lb.log_level", "text", "the setting in effect", "log_level", 1 },
    { "lb.rss", "size", "resident memory of the balancer", "stats.rss_bytes", 1 },
    { "lb.status_latency", "duration", "how long /status took to answer", NULL, 1 },
    { "lb.answering", "truth", "/status was answered at all", NULL, 1 },
    { "primary.replay_rps", "rate",
      "requests a second that bring the primary up to date: writes that it carried out after their clients "
      "had been answered, over the second before",
      NULL, 1 },
    { "replica.replay_rps", "rate", "the same of the replica", NULL, 1 },
    { "capacity.predicted_bytes", "size",
      "the guide's formula for this run: writes a minute * minutes that the primary was down (refuse, "
      "blackhole, kill; the longest time) * body, of all "
      "loads; known when each load that writes has a body",
      NULL, 1 },
    { "report.lost_on_crash", "count",
      "acknowledged writes that a balancer with its queue in memory lost when it was killed", NULL, 1 },
    { "wall", "duration", "real time since the run began; only in stop_if", NULL, 1 },
    { "load.*.latency", "duration",
      "from the planned send time to the answer; inside p50 p90 p99 max min mean", NULL, 1 },
    { "load.*.offered", "count", "operations that were due; inside count or rate", NULL, 1 },
    { "load.*.accepted", "count", "operations answered 2xx; inside count or rate", NULL, 1 },
    { "load.*.ok", "count", "the same as accepted; reads well for reads", NULL, 1 },
    { "load.*.errors", "count", "operations answered 5xx, refused, cut or timed out; inside count or rate",
      NULL, 1 },
    { "load.*.queued", "count", "writes answered with X-Wal-Status: queued; inside count or rate", NULL, 1 },
};
const size_t metric_table_size = sizeof(metric_table) / sizeof(metric_table[0]);

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
    for (enum unit u = UNIT_COUNT; u <= UNIT_TEXT; u++) {
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
    size_t capacity = metric_table_size * (scope->load_count + 1) + ALERT_RULES;
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
    for (size_t i = 0; i < ALERT_RULES; i++) { /* with "alert." or "alrets." before it */
        char name[96];
        (void)snprintf(name, sizeof(name), "alerts.%s", alert_names[i]);
        units[count] = "truth";
        names[count++] = mem_strdup(name);
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

size_t metric_index(const char *name)
{
    for (size_t i = 0; i < metric_table_size; i++) {
        if (strcmp(metric_table[i].name, name) == 0) {
            return i;
        }
    }
    return metric_table_size;
}

static bool find_alert(struct str name, struct metric_found *out, struct expression_error *error)
{
    struct str rule = str_make(name.data + 7, name.size - 7);
    for (size_t i = 0; alert_names[i] != NULL; i++) {
        if (str_equal(rule, str_of(alert_names[i]))) {
            *out = (struct metric_found){ UNIT_TRUTH, false, false };
            return true;
        }
    }
    (void)error_set(&error->message, ERR_NOT_FOUND, "no alert rule \"%.*s\"", STR_ARGS(rule));
    const char *near = suggest_name(rule, alert_names, ALERT_RULES);
    if (near != NULL) {
        (void)snprintf(error->hint, sizeof(error->hint), "did you mean \"alerts.%s\" (truth)?", near);
    }
    return false;
}

bool metric_find(struct str name, const struct expression_scope *scope, struct metric_found *out,
                 struct expression_error *error)
{
    if (str_starts(name, STR("load."))) {
        return find_load(name, scope, out, error);
    }
    if (str_starts(name, STR("alerts."))) {
        return find_alert(name, out, error);
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
    (void)error_set(&error->message, ERR_NOT_FOUND, "no metric \"%.*s\"", STR_ARGS(name));
    hint_metric(name, scope, error);
    return false;
}
