/* The table of metrics, and the values that do not stand anywhere as they are. */
#include "proxy/core/metrics.h"

#include "base/units.h"
#include "proxy/core/health.h"
#include "proxy/core/pace.h"
#include "proxy/core/quota.h"
#include "proxy/core/resync.h"

/* ---- labels ---- */

static const char *const role_names[] = { "primary", "replica", NULL };
static const char *const state_names[] = { "up", "catching_up", "suspect", "down", "paused", NULL };
static const char *const forced_names[] = { "up", "down", NULL };
static const char *const version_names[] = { WALDRILL_VERSION, NULL };
static const char *const mode_names[] = { "file", "memory", NULL };

static const struct metric_axis by_instance = {
    "target", NULL
}; /* not "instance": that label is the scraping server's */
static const struct metric_axis by_role = { "role", role_names };
static const struct metric_axis by_state = { "state", state_names };
static const struct metric_axis by_forced = { "state", forced_names };
static const struct metric_axis by_class = { "class", tally_class_names };
static const struct metric_axis by_outcome = { "outcome", tally_outcome_names };
static const struct metric_axis by_code = { "code", tally_code_names };
static const struct metric_axis by_alert = { "alert", alert_names };
static const struct metric_axis by_version = { "version", version_names };
static const struct metric_axis by_mode = { "mode", mode_names };

/* ---- computed ---- */

#define PLACE const struct metric_view *view, size_t i, size_t j

static double one(PLACE)
{
    (void)view, (void)i, (void)j;
    return 1;
}

static double log_mode(PLACE)
{
    (void)j;
    return (view->core->settings.wal_mode == WAL_MODE_MEMORY ? 1u : 0u) == i ? 1 : 0;
}

static double started(PLACE)
{
    (void)i, (void)j;
    return (double)view->core->start_ms / 1e3;
}

static double oldest_pending(PLACE)
{
    (void)i, (void)j;
    return view->figures.oldest == NULL ? 0 : view->figures.oldest_s;
}

static double pending(PLACE)
{
    (void)i, (void)j;
    return (double)view->figures.pending;
}

static double failed(PLACE)
{
    (void)i, (void)j;
    return (double)view->figures.failed;
}

static double dead(PLACE)
{
    (void)i, (void)j;
    return (double)view->figures.dead;
}

static double replaying(PLACE)
{
    (void)i, (void)j;
    return view->figures.replaying ? 1 : 0;
}

static double replay_stuck(PLACE)
{
    (void)i, (void)j;
    return view->figures.replay_stuck ? 1 : 0;
}

static double progress_age(PLACE)
{
    (void)i, (void)j;
    return view->figures.progress_age_s;
}

static double memory_warning(PLACE)
{
    (void)i, (void)j;
    return view->figures.memory_warning ? 1 : 0;
}

static double quota(PLACE)
{
    (void)i, (void)j;
    return quota_used(view->core);
}

static double throttle_delay(PLACE)
{
    (void)i, (void)j;
    return (double)quota_delay_ns(view->core) / (double)NS_PER_S;
}

static double replay_limit(PLACE)
{
    (void)i, (void)j;
    return pace_rate(view->core);
}

static double clients(PLACE)
{
    (void)i, (void)j;
    return HASH_COUNT(view->core->clients);
}

static double is_up(PLACE)
{
    (void)j;
    return view->core->instances[i].state == INSTANCE_UP ? 1 : 0;
}

static double has_role(PLACE)
{
    return (view->core->primary == i) == (j == 0) ? 1 : 0;
}

static double is_in_state(PLACE)
{
    return str_equal(str_of(health_state_name(view->core, (unsigned)i)), str_of(state_names[j])) ? 1 : 0;
}

static double is_forced(PLACE)
{
    const char *forced = health_forced_name(view->core, (unsigned)i);
    return forced != NULL && str_equal(str_of(forced), str_of(forced_names[j])) ? 1 : 0;
}

static double last_check(PLACE)
{
    (void)j;
    return (double)view->core->instances[i].last_check_ms / 1e3;
}

static double resync_waits(PLACE)
{
    (void)j;
    return resync_is_clean(view->core, (unsigned)i) ? 0 : 1;
}

/* ---- the table ---- */

#define GET(function)       .get = (function)
#define CORE(kind_, member) .kind = (kind_), .offset = offsetof(struct core, member)
#define EACH(kind_, member)                                                                          \
    .axes = { &by_instance }, .kind = (kind_), .offset = offsetof(struct core, instances[0].member), \
    .stride = sizeof(struct instance)

/* A setting that other metrics are measured by, or that capacity planning (waldrill capacity --live) needs.
 */
#define SETTING(name, setting, kind, member)                               \
    {                                                                      \
        name, METRIC_GAUGE, setting, { NULL }, CORE(kind, settings.member) \
    }

const struct metric metrics[] = {
    /* the program */
    { "walproxy_build_info", METRIC_GAUGE, "always 1; the version is a label", { &by_version }, GET(one) },
    { "walproxy_start_time_seconds",
      METRIC_GAUGE,
      "when this process had read its log, in Unix time",
      { NULL },
      GET(started) },
    { "walproxy_time_scale",
      METRIC_GAUGE,
      "TIME_SCALE: ages and intervals run that many times faster",
      { NULL },
      CORE(METRIC_DOUBLE, settings.time_scale) },
    { "walproxy_resident_memory_bytes",
      METRIC_GAUGE,
      "memory of the process as the kernel counts it",
      { NULL },
      CORE(METRIC_U64, rss_bytes) },
    { "walproxy_draining",
      METRIC_GAUGE,
      "1 while it shuts down and takes nothing new",
      { NULL },
      CORE(METRIC_BOOL, draining) },
    /* the write-ahead log, in the words of /status */
    { "walproxy_pending_writes",
      METRIC_GAUGE,
      "acknowledged writes that the primary does not have yet",
      { NULL },
      GET(pending) },
    { "walproxy_oldest_pending_seconds",
      METRIC_GAUGE,
      "age of the oldest pending write; 0 when there is none",
      { NULL },
      GET(oldest_pending) },
    { "walproxy_undecided_writes",
      METRIC_GAUGE,
      "logged writes that no instance has answered yet",
      { NULL },
      CORE(METRIC_U64, undecided_count) },
    { "walproxy_replaying",
      METRIC_GAUGE,
      "1 while writes are pending and the primary is up",
      { NULL },
      GET(replaying) },
    { "walproxy_replay_stuck",
      METRIC_GAUGE,
      "1 while replaying without progress for more than CHECK_INTERVAL",
      { NULL },
      GET(replay_stuck) },
    { "walproxy_replay_paused",
      METRIC_GAUGE,
      "1 while an operator has paused replaying",
      { NULL },
      CORE(METRIC_BOOL, replay_paused) },
    SETTING("walproxy_replay_batch_limit_records", "REPLAY_BATCH_RECORDS", METRIC_U64, replay_batch_records),
    SETTING("walproxy_replay_batch_limit_bytes", "REPLAY_BATCH_BYTES", METRIC_U64, replay_batch_bytes),
    { "walproxy_replay_limit_writes_per_second",
      METRIC_GAUGE,
      "writes that may be replayed into an instance a second: REPLAY_RATE, or what an operator said instead; "
      "0 = no cap",
      { NULL },
      GET(replay_limit) },
    { "walproxy_failover_waiting",
      METRIC_GAUGE,
      "1 while a promotion waits until the instance lacks nothing",
      { NULL },
      CORE(METRIC_BOOL, failover.wanted) },
    { "walproxy_progress_age_seconds",
      METRIC_GAUGE,
      "time since the primary last got a pending write; 0 when none is pending",
      { NULL },
      GET(progress_age) },
    { "walproxy_replayed_writes_total",
      METRIC_COUNTER,
      "writes the primary got after they had been acknowledged without it; over restarts",
      { NULL },
      CORE(METRIC_U64, stats.total_replayed) },
    { "walproxy_queued_writes_total",
      METRIC_COUNTER,
      "writes acknowledged without the primary",
      { NULL },
      CORE(METRIC_U64, stats.queued) },
    { "walproxy_failed_replays",
      METRIC_GAUGE,
      "pending writes over REPLAY_MAX_ATTEMPTS, and dead letters",
      { NULL },
      GET(failed) },
    { "walproxy_failed_replays_total",
      METRIC_COUNTER,
      "how often a write has failed for good or got over REPLAY_MAX_ATTEMPTS",
      { NULL },
      CORE(METRIC_U64, stats.failed_total) },
    { "walproxy_dead_letters",
      METRIC_GAUGE,
      "acknowledged writes that an instance refuses for good",
      { NULL },
      GET(dead) },
    { "walproxy_log_info", METRIC_GAUGE, "1 for the WAL_MODE in force", { &by_mode }, GET(log_mode) },
    { "walproxy_log_bytes", METRIC_GAUGE, "size of the log", { NULL }, CORE(METRIC_U64, log_bytes) },
    SETTING("walproxy_log_limit_bytes", "WAL_MAX_BYTES", METRIC_U64, wal_max_bytes),
    SETTING("walproxy_log_segment_bytes", "WAL_SEGMENT_BYTES", METRIC_U64, wal_segment_bytes),
    SETTING("walproxy_log_retain_seconds", "WAL_RETAIN", METRIC_NS, wal_retain_ns),
    { "walproxy_log_failed",
      METRIC_GAUGE,
      "1 when a write or a sync of the log has failed",
      { NULL },
      CORE(METRIC_BOOL, log_failed) },
    { "walproxy_queue_lost",
      METRIC_GAUGE,
      "1 when pending writes were lost with an earlier process (WAL_MODE=memory)",
      { NULL },
      CORE(METRIC_BOOL, lost_queue) },
    { "walproxy_log_durable_lsn",
      METRIC_GAUGE,
      "the last record that is on disk; over restarts",
      { NULL },
      CORE(METRIC_U64, durable_lsn) },
    { "walproxy_held_writes",
      METRIC_GAUGE,
      "writes that some instance has not finished",
      { NULL },
      CORE(METRIC_U64, entries.live) },
    SETTING("walproxy_held_writes_limit", "WAL_MAX_WRITES", METRIC_U64, wal_max_writes),
    { "walproxy_spilled_writes",
      METRIC_GAUGE,
      "held writes whose bytes are in the log only",
      { NULL },
      CORE(METRIC_U64, far_count) },
    { "walproxy_memory_bytes",
      METRIC_GAUGE,
      "bytes of writes held in memory",
      { NULL },
      CORE(METRIC_U64, payload_bytes) },
    SETTING("walproxy_memory_limit_bytes", "WAL_MEMORY_BYTES", METRIC_U64, wal_memory_bytes),
    { "walproxy_memory_warning",
      METRIC_GAUGE,
      "1 while four fifths of WAL_MEMORY_BYTES are held and cannot be let go",
      { NULL },
      GET(memory_warning) },
    { "walproxy_quota_used_ratio",
      METRIC_GAUGE,
      "share of the quota in use, of bytes or of writes, whichever is more; at 1 writes are refused",
      { NULL },
      GET(quota) },
    SETTING("walproxy_throttle_start_ratio", "THROTTLE_START", METRIC_DOUBLE, throttle_start),
    SETTING("walproxy_throttle_max_delay_seconds", "THROTTLE_MAX_DELAY", METRIC_NS, throttle_max_delay_ns),
    { "walproxy_throttle_delay_seconds",
      METRIC_GAUGE,
      "how long an answer to a write is held back now",
      { NULL },
      GET(throttle_delay) },
    { "walproxy_throttled_answers_total",
      METRIC_COUNTER,
      "answers to writes that were held back",
      { NULL },
      CORE(METRIC_U64, tally.held_back) },
    /* clients */
    { "walproxy_requests_total",
      METRIC_COUNTER,
      "requests received",
      { NULL },
      CORE(METRIC_U64, stats.requests) },
    { "walproxy_requests_in_progress", METRIC_GAUGE, "requests that are not over", { NULL }, GET(clients) },
    { "walproxy_answers_total",
      METRIC_COUNTER,
      "answers: ok below 400, refused with 413, 429, 503 or 507, rejected with another 4xx, else failed; "
      "own: "
      "of walproxy itself",
      { &by_class, &by_outcome },
      CORE(METRIC_U64, tally.answers),
      .stride = TALLY_OUTCOMES * sizeof(uint64_t) },
    { "walproxy_refused_total",
      METRIC_COUNTER,
      "answers that refused a request for now, by status",
      { &by_class, &by_code },
      CORE(METRIC_U64, tally.refused),
      .stride = TALLY_CODES * sizeof(uint64_t) },
    { "walproxy_request_duration_seconds",
      METRIC_HISTOGRAM,
      "from a request's head to the moment its answer begins",
      { &by_class },
      CORE(METRIC_U64, tally.times),
      .stride = sizeof(struct tally_times) },
    { "walproxy_undelivered_total",
      METRIC_COUNTER,
      "requests whose client left, or was cut off, before it had the whole answer",
      { NULL },
      CORE(METRIC_U64, tally.undelivered) },
    { "walproxy_rejected_writes_total",
      METRIC_COUNTER,
      "logged writes that an instance refused first",
      { NULL },
      CORE(METRIC_U64, stats.rejected) },
    { "walproxy_unreplicated_total",
      METRIC_COUNTER,
      "requests that went to the primary alone because they are not known",
      { NULL },
      CORE(METRIC_U64, stats.unreplicated) },
    { "walproxy_consistency_overrides_total",
      METRIC_COUNTER,
      "reads that went elsewhere than the ratio said, because of CONSISTENCY_WINDOW",
      { NULL },
      CORE(METRIC_U64, stats.overrides) },
    { "walproxy_read_failovers_total",
      METRIC_COUNTER,
      "reads sent to another instance after one had failed them",
      { NULL },
      CORE(METRIC_U64, tally.failovers) },
    { "walproxy_access_refused_total",
      METRIC_COUNTER,
      "requests to /admin, /status, /metrics or /alerts that lacked the right token",
      { NULL },
      CORE(METRIC_U64, access.refused) },
    /* instances */
    SETTING("walproxy_check_interval_seconds", "CHECK_INTERVAL", METRIC_NS, check_interval_ns),
    SETTING("walproxy_recovery_threshold_checks", "RECOVERY_THRESHOLD", METRIC_U64, recovery_threshold),
    { "walproxy_instance_up", METRIC_GAUGE, "1 while it may be asked", { &by_instance }, GET(is_up) },
    { "walproxy_instance_healthy", METRIC_GAUGE, "1 while its health checks say so, as in /status",
      EACH(METRIC_BOOL, healthy) },
    { "walproxy_instance_state",
      METRIC_GAUGE,
      "1 for the state it is in",
      { &by_instance, &by_state },
      GET(is_in_state) },
    { "walproxy_instance_role",
      METRIC_GAUGE,
      "1 for the role it has",
      { &by_instance, &by_role },
      GET(has_role) },
    { "walproxy_instance_forced",
      METRIC_GAUGE,
      "1 while an operator calls it that, whatever its health checks say",
      { &by_instance, &by_forced },
      GET(is_forced) },
    { "walproxy_instance_last_check_seconds",
      METRIC_GAUGE,
      "when its health was last checked, in Unix time; 0 = never",
      { &by_instance },
      GET(last_check) },
    { "walproxy_instance_pending_writes", METRIC_GAUGE, "its lag: acknowledged writes it does not have yet",
      EACH(METRIC_U64, pending) },
    { "walproxy_instance_failed_writes", METRIC_GAUGE,
      "pending writes that failed there over REPLAY_MAX_ATTEMPTS", EACH(METRIC_U64, failed) },
    { "walproxy_instance_dead_letters", METRIC_GAUGE, "acknowledged writes it refuses for good",
      EACH(METRIC_U64, dead) },
    { "walproxy_instance_applied_writes_total", METRIC_COUNTER, "acknowledged writes it has carried out",
      EACH(METRIC_U64, applied) },
    { "walproxy_instance_requests_total", METRIC_COUNTER, "requests sent to it, housekeeping not counted",
      EACH(METRIC_U64, requests) },
    { "walproxy_instance_requests_answered_total", METRIC_COUNTER, "requests it has answered, well or not",
      EACH(METRIC_U64, requests_ok) },
    { "walproxy_instance_requests_failed_total", METRIC_COUNTER,
      "requests to it that failed on the way, or were too late", EACH(METRIC_U64, unanswered) },
    { "walproxy_instance_writes_in_flight", METRIC_GAUGE, "requests with writes that it has not answered",
      EACH(METRIC_UNSIGNED, writes_in_flight) },
    { "walproxy_instance_replays_in_flight", METRIC_GAUGE,
      "requests with replayed writes that it has not answered", EACH(METRIC_UNSIGNED, replays_in_flight) },
    { "walproxy_instance_replay_requests_per_second", METRIC_GAUGE,
      "requests with replayed writes that it may be sent a second, as paced now",
      EACH(METRIC_DOUBLE, pace.per_second) },
    { "walproxy_instance_replay_records", METRIC_GAUGE,
      "records that a request with replayed writes may carry now", EACH(METRIC_DOUBLE, pace.records) },
    { "walproxy_instance_returns_total", METRIC_COUNTER, "how often it has come back",
      EACH(METRIC_UNSIGNED, returns) },
    { "walproxy_instance_needs_resync", METRIC_GAUGE, "1 when its backlog was given up: only a copy helps",
      EACH(METRIC_BOOL, needs_resync) },
    { "walproxy_instance_resync_waiting",
      METRIC_GAUGE,
      "1 while some collection of it is still to be compared or copied",
      { &by_instance },
      GET(resync_waits) },
    { "walproxy_instance_copied_collections_total", METRIC_COUNTER, "collections compared or copied to it",
      EACH(METRIC_U64, copied_collections) },
    { "walproxy_instance_copied_records_total", METRIC_COUNTER, "records copied to it",
      EACH(METRIC_U64, copied_records) },
    /* the guide's rules */
    { "walproxy_alert_firing",
      METRIC_GAUGE,
      "1 while the rule of /alerts fires",
      { &by_alert },
      CORE(METRIC_BOOL, alerts[0].firing),
      .stride = sizeof(struct alert) },
    { "walproxy_alerts_fired_total",
      METRIC_COUNTER,
      "how often the rule of /alerts has begun to fire",
      { &by_alert },
      CORE(METRIC_U64, alerts[0].fired),
      .stride = sizeof(struct alert) },
};
const size_t metric_count = sizeof(metrics) / sizeof(metrics[0]);
