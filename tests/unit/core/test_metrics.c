/* /metrics: well formed, complete, and of one mind with /status. (scripts/check-prometheus asks promtool, and
 * a Prometheus server.) */
#include "proxy/core/metrics.h"
#include "proxy/core/alerts.h"
#include "tests/lib/manual.h"
#include "tests/unit/core/driver.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

/* The value of a sample, by its name and labels as they are written; fails when it is not there. */
static double sample(const char *name)
{
    char line[256];
    (void)snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(driver_get(&d, "/metrics"), line);
    if (at == NULL) {
        (void)fprintf(stderr, "no %s\n", name);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return strtod(at + strlen(line), NULL);
}

static void queue(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)driver_write(&d, 1, "upsert", "a");
        driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    }
}

/* ---- form ---- */

static bool is_name(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!islower((unsigned char)text.data[i]) && !isdigit((unsigned char)text.data[i]) &&
            text.data[i] != '_') {
            return false;
        }
    }
    return text.size > 0;
}

/* "name{labels} value" or "name value", of that family. */
static void check_sample(struct str line, struct str family)
{
    struct str rest;
    struct str name =
        str_cut(line, line.size > 0 && memchr(line.data, '{', line.size) != NULL ? '{' : ' ', &rest);
    CU_ASSERT(is_name(name));
    CU_ASSERT_FATAL(name.size >= family.size);
    CU_ASSERT(memcmp(name.data, family.data, family.size) == 0);
    const char *value = memrchr(line.data, ' ', line.size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    char text[64];
    (void)snprintf(text, sizeof(text), "%.*s", (int)(line.data + line.size - value - 1), value + 1);
    char *end = text;
    (void)strtod(text, &end);
    CU_ASSERT(end != text && *end == '\0');
}

static void test_form(void)
{
    ready();
    uint64_t client = driver_send(&d, "GET", "/metrics", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_client(&d, client)->headers,
                                  "content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    struct str rest = str_of(driver_answer_of(&d, client));
    struct str family = STR("");
    size_t families = 0;
    CU_ASSERT(rest.size > 0 && rest.data[rest.size - 1] == '\n');
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        if (str_starts(line, STR("# HELP "))) {
            struct str help;
            family = str_cut(str_make(line.data + 7, line.size - 7), ' ', &help);
            CU_ASSERT(help.size > 0);
            families++;
        } else if (!str_starts(line, STR("# TYPE "))) {
            check_sample(line, family);
        }
    }
    CU_ASSERT_EQUAL(families, metric_count);
    driver_close(&d);
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static void test_names(void)
{
    for (size_t m = 0; m < metric_count; m++) {
        CU_ASSERT(strncmp(metrics[m].name, "walproxy_", 9) == 0);
        CU_ASSERT_EQUAL(ends_with(metrics[m].name, "_total"), metrics[m].type == METRIC_COUNTER);
        CU_ASSERT_PTR_NULL(strchr(metrics[m].help, '\\')); /* nothing to escape */
        CU_ASSERT_PTR_NULL(strchr(metrics[m].help, '\n'));
        for (size_t k = 0; k < m; k++) {
            CU_ASSERT_STRING_NOT_EQUAL(metrics[m].name, metrics[k].name);
        }
    }
}

/* ---- figures ---- */

static void test_outage(void)
{
    ready();
    CU_ASSERT_EQUAL(sample("walproxy_pending_writes"), 0);
    CU_ASSERT_EQUAL(sample("walproxy_oldest_pending_seconds"), 0);
    CU_ASSERT_EQUAL(sample("walproxy_instance_up{target=\"primary\"}"), 1);
    driver_down(&d, PRIMARY);
    queue(3);
    driver_advance(&d, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sample("walproxy_pending_writes"), 3);
    CU_ASSERT_EQUAL(sample("walproxy_queued_writes_total"), 3);
    CU_ASSERT_DOUBLE_EQUAL(sample("walproxy_oldest_pending_seconds"), 100, 0.001);
    CU_ASSERT_EQUAL(sample("walproxy_instance_pending_writes{target=\"primary\"}"), 3);
    CU_ASSERT_EQUAL(sample("walproxy_instance_pending_writes{target=\"replica\"}"), 0);
    CU_ASSERT_EQUAL(sample("walproxy_instance_up{target=\"primary\"}"), 0);
    CU_ASSERT_EQUAL(sample("walproxy_instance_state{target=\"primary\",state=\"down\"}"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_instance_state{target=\"replica\",state=\"up\"}"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_instance_state{target=\"replica\",state=\"down\"}"), 0);
    CU_ASSERT_EQUAL(sample("walproxy_instance_role{target=\"primary\",role=\"primary\"}"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_instance_role{target=\"primary\",role=\"replica\"}"), 0);
    double applied = sample("walproxy_instance_applied_writes_total{target=\"primary\"}");
    driver_up(&d, PRIMARY);
    CU_ASSERT_EQUAL(sample("walproxy_replaying"), 1);
    for (int i = 0; sample("walproxy_pending_writes") > 0 && i < 100; i++) {
        (void)driver_serve(&d, PRIMARY);
        driver_advance(&d, NS_PER_S / 10);
    }
    CU_ASSERT_EQUAL(sample("walproxy_replaying"), 0);
    CU_ASSERT_EQUAL(sample("walproxy_replayed_writes_total"), 3);
    CU_ASSERT_EQUAL(sample("walproxy_instance_applied_writes_total{target=\"primary\"}"), applied + 3);
    driver_close(&d);
}

/* Whatever both tell, both tell alike. */
static void test_agrees(void)
{
    static const char *const pairs[][2] = {
        { "pending_writes", "walproxy_pending_writes" },
        { "oldest_pending", "walproxy_oldest_pending_seconds" },
        { "total_replayed", "walproxy_replayed_writes_total" },
        { "failed_replays", "walproxy_failed_replays" },
        { "failed_replays_total", "walproxy_failed_replays_total" },
        { "undecided_writes", "walproxy_undecided_writes" },
        { "bytes", "walproxy_log_bytes" },
        { "memory_bytes", "walproxy_memory_bytes" },
        { "progress_age", "walproxy_progress_age_seconds" },
        { "consistency_overrides", "walproxy_consistency_overrides_total" },
        { "queued_writes", "walproxy_queued_writes_total" },
        { "rejected_writes", "walproxy_rejected_writes_total" },
        { "unreplicated", "walproxy_unreplicated_total" },
        { "rss_bytes", "walproxy_resident_memory_bytes" },
        { "time_scale", "walproxy_time_scale" },
        { "total_requests", "walproxy_instance_requests_total{target=\"primary\"}" },
        { "lag", "walproxy_instance_pending_writes{target=\"primary\"}" },
    };
    ready();
    core_set_rss(d.core, 12345678);
    driver_down(&d, PRIMARY);
    queue(2);
    driver_advance(&d, 12 * NS_PER_S);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        CU_ASSERT_DOUBLE_EQUAL(driver_number(&d, pairs[i][0]), sample(pairs[i][1]), 0.001);
    }
    driver_close(&d);
}

static void test_answers(void)
{
    ready();
    double ok = sample("walproxy_answers_total{class=\"write\",outcome=\"ok\"}");
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(sample("walproxy_answers_total{class=\"write\",outcome=\"ok\"}"), ok + 1);
    (void)driver_write(&d, 1, "upsert", "b");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 400, INVALID);
    CU_ASSERT_EQUAL(sample("walproxy_answers_total{class=\"write\",outcome=\"rejected\"}"), 1);
    (void)driver_send(&d, "GET", "/api/v2/nowhere", "");
    struct driver_call *call =
        driver_next(&d, REPLICA) != NULL ? driver_next(&d, REPLICA) : driver_next(&d, PRIMARY);
    CU_ASSERT_PTR_NOT_NULL_FATAL(call);
    driver_answer(&d, call, 503, NOT_NOW); /* the other one is asked */
    CU_ASSERT_EQUAL(sample("walproxy_read_failovers_total"), 1);
    call = driver_next(&d, REPLICA) != NULL ? driver_next(&d, REPLICA) : driver_next(&d, PRIMARY);
    CU_ASSERT_PTR_NOT_NULL_FATAL(call);
    driver_answer(&d, call, 503, NOT_NOW);
    CU_ASSERT_EQUAL(sample("walproxy_answers_total{class=\"read\",outcome=\"refused\"}"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_refused_total{class=\"read\",code=\"503\"}"), 1);
    double own = sample("walproxy_answers_total{class=\"own\",outcome=\"ok\"}");
    CU_ASSERT_EQUAL(sample("walproxy_answers_total{class=\"own\",outcome=\"ok\"}"), own + 1);
    driver_close(&d);
}

/* The settings in force, in base units; what an operator says of replaying is in force, too. */
static void test_settings(void)
{
    driver_init(&d);
    d.settings.replay_batch_records = 77;
    d.settings.replay_batch_bytes = 3u << 20;
    d.settings.replay_rate = 12.5;
    d.settings.throttle_start = 0.6;
    d.settings.throttle_max_delay_ns = 1500 * NS_PER_MS;
    d.settings.wal_segment_bytes = 8u << 20;
    d.settings.wal_retain_ns = 90 * NS_PER_S;
    d.settings.check_interval_ns = 250 * NS_PER_MS;
    d.settings.recovery_threshold = 4;
    driver_start(&d);
    CU_ASSERT_EQUAL(sample("walproxy_replay_batch_limit_records"), 77);
    CU_ASSERT_EQUAL(sample("walproxy_replay_batch_limit_bytes"), 3u << 20);
    CU_ASSERT_EQUAL(sample("walproxy_replay_limit_writes_per_second"), 12.5);
    CU_ASSERT_EQUAL(sample("walproxy_throttle_start_ratio"), 0.6);
    CU_ASSERT_EQUAL(sample("walproxy_throttle_max_delay_seconds"), 1.5);
    CU_ASSERT_EQUAL(sample("walproxy_log_segment_bytes"), 8u << 20);
    CU_ASSERT_EQUAL(sample("walproxy_log_retain_seconds"), 90);
    CU_ASSERT_EQUAL(sample("walproxy_check_interval_seconds"), 0.25);
    CU_ASSERT_EQUAL(sample("walproxy_recovery_threshold_checks"), 4);
    (void)driver_send(&d, "POST", "/admin/replay/throttle?rate=3", "");
    CU_ASSERT_EQUAL(sample("walproxy_replay_limit_writes_per_second"), 3);
    (void)driver_send(&d, "POST", "/admin/replay/throttle?rate=0", "");
    CU_ASSERT_EQUAL(sample("walproxy_replay_limit_writes_per_second"), 12.5);
    driver_close(&d);
}

static void test_refused(void)
{
    driver_init(&d);
    d.settings.wal_max_bytes = 8u << 20;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    queue(1);
    d.log_bytes = 8u << 20;
    driver_durable_to(&d, d.durable_lsn);
    driver_tick(&d);
    uint64_t client = driver_write(&d, 1, "upsert", "b");
    CU_ASSERT_EQUAL(driver_status(&d, client), 507);
    CU_ASSERT_EQUAL(sample("walproxy_refused_total{class=\"write\",code=\"507\"}"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_quota_used_ratio"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_throttle_delay_seconds"), 2);
    driver_close(&d);
}

/* The clock is the core's: the same events, the same buckets. */
static void test_times(void)
{
    ready();
    double before = sample("walproxy_request_duration_seconds_count{class=\"write\"}");
    (void)driver_write(&d, 1, "upsert", "a");
    driver_advance(&d, 30 * NS_PER_MS);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(sample("walproxy_request_duration_seconds_bucket{class=\"write\",le=\"0.025\"}"), before);
    CU_ASSERT_EQUAL(sample("walproxy_request_duration_seconds_bucket{class=\"write\",le=\"0.05\"}"),
                    before + 1);
    CU_ASSERT_EQUAL(sample("walproxy_request_duration_seconds_bucket{class=\"write\",le=\"+Inf\"}"),
                    before + 1);
    CU_ASSERT_EQUAL(sample("walproxy_request_duration_seconds_count{class=\"write\"}"), before + 1);
    CU_ASSERT_DOUBLE_EQUAL(sample("walproxy_request_duration_seconds_sum{class=\"write\"}"), 0.03, 0.0001);
    driver_close(&d);
}

/* What an operator has ordered is seen as well. */
static void test_orders(void)
{
    ready();
    CU_ASSERT_EQUAL(sample("walproxy_instance_forced{target=\"primary\",state=\"down\"}"), 0);
    (void)driver_send(&d, "POST", "/admin/instances/primary/force?state=down", "");
    CU_ASSERT_EQUAL(sample("walproxy_instance_forced{target=\"primary\",state=\"down\"}"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_instance_forced{target=\"primary\",state=\"up\"}"), 0);
    CU_ASSERT_EQUAL(sample("walproxy_instance_up{target=\"primary\"}"), 0);
    (void)driver_send(&d, "POST", "/admin/instances/primary/force?state=auto", "");
    driver_up(&d, PRIMARY);
    CU_ASSERT_EQUAL(sample("walproxy_instance_forced{target=\"primary\",state=\"down\"}"), 0);
    (void)driver_send(&d, "POST", "/admin/replay/pause", "");
    CU_ASSERT_EQUAL(sample("walproxy_replay_paused"), 1);
    (void)driver_send(&d, "POST", "/admin/instances/replica/promote", "");
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_EQUAL(sample("walproxy_failover_waiting"), 0);
    CU_ASSERT_EQUAL(sample("walproxy_instance_role{target=\"replica\",role=\"primary\"}"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_instance_role{target=\"primary\",role=\"primary\"}"), 0);
    driver_close(&d);
}

static void test_alone(void)
{
    driver_init(&d);
    d.settings.replica_url[0] = '\0';
    driver_start(&d);
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/metrics"), "target=\"replica\""));
    CU_ASSERT_EQUAL(sample("walproxy_instance_up{target=\"primary\"}"), 1);
    driver_close(&d);
}

static void test_alerts_shown(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue(21);
    CU_ASSERT_EQUAL(sample("walproxy_alert_firing{alert=\"pending_writes_high\"}"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_alerts_fired_total{alert=\"pending_writes_high\"}"), 1);
    CU_ASSERT_EQUAL(sample("walproxy_alert_firing{alert=\"pending_writes_critical\"}"), 0);
    driver_close(&d);
}

static void test_manual(void)
{
    struct buf tables;
    buf_init(&tables, 1 << 16);
    metrics_manual(&tables);
    buf_append_text(&tables, "\n## Alerts\n\n");
    alerts_manual(&tables);
    manual_assert_current("metrics.md", buf_str(&tables));
    buf_deinit(&tables);
}

static const struct suite_test tests[] = {
    { "/metrics is well formed, family by family", test_form },
    { "names have the prefix, counters and only they end in _total, none twice", test_names },
    { "an outage is seen from its beginning to its end", test_outage },
    { "/metrics and /status agree", test_agrees },
    { "answers are counted by class and outcome", test_answers },
    { "settings are told in base units", test_settings },
    { "refusals are counted by status", test_refused },
    { "times are the core's", test_times },
    { "an operator's orders are among the metrics", test_orders },
    { "without a replica nothing is told of one", test_alone },
    { "the alerts are among the metrics", test_alerts_shown },
    { "docs/metrics.md holds the tables", test_manual },
};

TEST_MAIN("core_metrics", tests)
