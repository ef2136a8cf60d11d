/* /alerts: the guide's rules and escalation criteria begin and end when the figures say so, and since when is
 * exact in the core's time. */
#include "proxy/core/alerts.h"
#include "proxy/core/metrics.h"
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <stdlib.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

/* What /alerts says of one rule, up to the end of its object. */
static const char *rule(const char *name)
{
    static char text[1024];
    char quoted[64];
    (void)snprintf(quoted, sizeof(quoted), "{\"name\":\"%s\"", name);
    const char *at = strstr(driver_get(&d, "/alerts"), quoted);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    (void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, "}"), at);
    return text;
}

static bool fires(const char *name)
{
    return strstr(rule(name), "\"state\":\"firing\"") != NULL;
}

static double for_s(const char *name)
{
    const char *at = strstr(rule(name), "\"for\":");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return strtod(at + strlen("\"for\":"), NULL);
}

static unsigned lines(const char *text)
{
    unsigned count = 0;
    for (const char *at = buf_text(&d.trace); (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

/* Acknowledged by the replica while the primary is away. */
static void queue(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)driver_write(&d, 1, "upsert", "a");
        driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    }
}

static void catch_up(void)
{
    driver_up(&d, PRIMARY);
    for (unsigned i = 0; driver_number(&d, "pending_writes") > 0; i++) {
        CU_ASSERT_FATAL(i < 1000);
        (void)driver_serve(&d, PRIMARY);
        driver_advance(&d, NS_PER_S / 10);
    }
}

static void test_pending(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue(20);
    CU_ASSERT_FALSE(fires("pending_writes_high")); /* above 20, not at 20 */
    CU_ASSERT_PTR_NOT_NULL(strstr(rule("pending_writes_high"), "\"since\":null,\"for\":null"));
    queue(1);
    CU_ASSERT_TRUE(fires("pending_writes_high"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rule("pending_writes_high"),
                                  "\"condition\":\"pending_writes > 20\",\"threshold\":20,\"value\":21"));
    CU_ASSERT_FALSE(fires("pending_writes_critical"));
    driver_advance(&d, 7 * NS_PER_S);
    queue(30);
    CU_ASSERT_TRUE(fires("pending_writes_critical"));
    CU_ASSERT_TRUE(fires("escalate_pending_writes"));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/alerts"), "\"escalate\":true"));
    CU_ASSERT_DOUBLE_EQUAL(for_s("pending_writes_high"), 7, 0.001);
    CU_ASSERT_DOUBLE_EQUAL(for_s("pending_writes_critical"), 0, 0.001);
    CU_ASSERT_EQUAL(lines("event=alert_firing alert=pending_writes_high severity=warning"), 1);
    catch_up();
    driver_advance(&d, 10 * NS_PER_S);
    CU_ASSERT_FALSE(fires("pending_writes_high"));
    CU_ASSERT_FALSE(fires("pending_writes_critical"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rule("pending_writes_high"), "\"fired_total\":1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/alerts"), "\"firing\":false"));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/alerts"), "\"escalate\":false"));
    CU_ASSERT_EQUAL(lines("event=alert_over alert=pending_writes_high"), 1);
    driver_close(&d);
}

/* The age passes its threshold while nothing happens at all: it is told then, and since then. */
static void test_old(void)
{
    driver_init(&d);
    d.settings.check_interval_ns = 3600 * NS_PER_S;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    queue(1);
    driver_advance(&d, 299 * NS_PER_S);
    CU_ASSERT_FALSE(fires("old_pending_writes"));
    CU_ASSERT_EQUAL(lines("alert=old_pending_writes"), 0);
    driver_advance(&d, 11 * NS_PER_S);
    CU_ASSERT_EQUAL(lines("event=alert_firing alert=old_pending_writes"), 1);
    CU_ASSERT_TRUE(fires("old_pending_writes"));
    CU_ASSERT_DOUBLE_EQUAL(for_s("old_pending_writes"), 10, 0.001);
    CU_ASSERT_FALSE(fires("escalate_oldest_pending"));
    driver_advance(&d, 590 * NS_PER_S + 1);
    CU_ASSERT_TRUE(fires("escalate_oldest_pending"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rule("escalate_oldest_pending"), "15 minutes"));
    catch_up();
    CU_ASSERT_FALSE(fires("old_pending_writes"));
    CU_ASSERT_FALSE(fires("escalate_oldest_pending"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rule("old_pending_writes"), "\"value\":null"));
    driver_close(&d);
}

/* An age that was over the threshold when the process began fires at once. */
static void test_restart(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue(1);
    driver_advance(&d, 200 * NS_PER_S);
    d.wall_ms += 3600 * 1000;
    driver_restart(&d, false);
    CU_ASSERT_TRUE(fires("old_pending_writes"));
    CU_ASSERT_TRUE(fires("escalate_oldest_pending"));
    catch_up();
    CU_ASSERT_FALSE(fires("escalate_oldest_pending"));
    driver_close(&d);
}

/* The LSN of the oldest dead letter, as text. */
static void letter(char *out, size_t size)
{
    const char *at = strstr(driver_get(&d, "/admin/dead-letters"), "\"lsn\":");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    (void)snprintf(out, size, "/admin/dead-letters/%lu", strtoul(at + strlen("\"lsn\":"), NULL, 10));
}

/* failed_replays is a gauge: what is mended does not fire for ever. */
static void test_failures(void)
{
    char path[64];
    driver_init(&d);
    d.settings.replay_batch_records = 1;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    queue(6);
    driver_up(&d, PRIMARY);
    for (unsigned i = 0; i < 6; i++) {
        CU_ASSERT_FALSE(fires("replay_failures"));
        for (unsigned k = 0; driver_next(&d, PRIMARY) == NULL && k < 100; k++) {
            driver_advance(&d, NS_PER_S / 10);
        }
        driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 400, INVALID);
    }
    CU_ASSERT_TRUE(fires("replay_failures"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rule("replay_failures"), "\"value\":6,"));
    CU_ASSERT_EQUAL(lines("level=error comp=core event=alert_firing alert=replay_failures"), 1);
    letter(path, sizeof(path));
    CU_ASSERT_EQUAL(driver_status(&d, driver_send(&d, "DELETE", path, "")), 200);
    CU_ASSERT_FALSE(fires("replay_failures"));
    driver_close(&d);
}

static void test_memory(void)
{
    driver_init(&d);
    d.settings.wal_mode = WAL_MODE_MEMORY;
    d.settings.wal_memory_bytes = 4096;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    CU_ASSERT_FALSE(fires("escalate_memory"));
    for (unsigned i = 0; i < 100 && !fires("escalate_memory"); i++) {
        queue(1);
    }
    CU_ASSERT_TRUE(fires("escalate_memory"));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"memory_warning\":true"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rule("escalate_memory"), "\"value\":true"));
    catch_up();
    CU_ASSERT_FALSE(fires("escalate_memory"));
    driver_close(&d);
}

/* Dancing around a threshold is one line, and the last word is the truth. */
static void test_dance(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue(20);
    for (unsigned i = 0; i < 5; i++) {
        queue(1);
        CU_ASSERT_TRUE(fires("pending_writes_high"));
        catch_up();
        driver_down(&d, PRIMARY);
        queue(20);
    }
    unsigned begun = lines("event=alert_firing alert=pending_writes_high");
    unsigned ended = lines("event=alert_over alert=pending_writes_high");
    CU_ASSERT(begun >= 1);
    CU_ASSERT(ended <= begun);
    CU_ASSERT(begun + ended < 10);
    driver_advance(&d, 10 * NS_PER_S);
    CU_ASSERT_FALSE(fires("pending_writes_high"));
    CU_ASSERT_EQUAL(lines("event=alert_over alert=pending_writes_high"),
                    lines("event=alert_firing alert=pending_writes_high"));
    driver_close(&d);
}

static void test_active(void)
{
    ready();
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"active\":false,\"active_since\":null"));
    driver_down(&d, PRIMARY);
    queue(1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(driver_get(&d, "/status"), "\"active\":true,\"active_since\":\"2023-11-14T22:13:2"));
    catch_up();
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"active\":false,\"active_since\":null"));
    driver_close(&d);
}

/* The metrics are labelled with names that stand in a list of their own. */
static void test_names(void)
{
    for (unsigned k = 0; k < ALERT_RULES; k++) {
        CU_ASSERT_STRING_EQUAL(alert_rules[k].name, alert_names[k]);
    }
    CU_ASSERT_PTR_NULL(alert_names[ALERT_RULES]);
}

/* Every figure that a rule compares is a metric by itself. */
static void test_metrics(void)
{
    for (unsigned f = 0; f < ALERT_FIGURES; f++) {
        bool known = false;
        for (size_t m = 0; m < metric_count; m++) {
            known = known ||
                    (strcmp(metrics[m].name, alert_figure_metrics[f]) == 0 && metrics[m].axes[0] == NULL);
        }
        CU_ASSERT_TRUE(known);
    }
}

/* The rules that are shipped are those of the table, with walproxy's defaults. */
static void test_prometheus(void)
{
    static char shipped[1 << 16];
    struct settings_draft draft;
    struct buf out;
    FILE *f = fopen(TEST_SOURCE_DIR "/proxy/prometheus/walproxy.rules.yml", "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    size_t size = fread(shipped, 1, sizeof(shipped), f);
    (void)fclose(f);
    settings_draft_init(&draft);
    buf_init(&out, sizeof(shipped));
    alerts_prometheus(&draft.values, &out);
    CU_ASSERT_TRUE(str_equal(str_make(shipped, size), buf_str(&out))); /* mend: walproxy --prometheus-rules */
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "for: 120s\n"));
    draft.values.time_scale = 100;
    buf_clear(&out);
    alerts_prometheus(&draft.values, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "for: 1200ms\n")); /* of the machine's clock */
    buf_deinit(&out);
}

static const struct suite_test tests[] = {
    { "pending writes: above 20, above 50, and over again", test_pending },
    { "an old write fires to the instant, with nothing else happening", test_old },
    { "an age from before the restart fires at once", test_restart },
    { "failed replays fire above 5 and clear", test_failures },
    { "memory that cannot be let go escalates", test_memory },
    { "a figure that dances around its threshold is told in few lines", test_dance },
    { "/status tells since when the log is active", test_active },
    { "each rule's name is in the list of labels", test_names },
    { "each figure of a rule is a metric", test_metrics },
    { "the rules for Prometheus are those of the table", test_prometheus },
};

TEST_MAIN("core_alerts", tests)
