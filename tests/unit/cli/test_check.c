/* What `waldrill check` makes of a /status: of walproxy's, and of others that tell less, or otherwise. */
#include "harness/cli/check_judge.h"
#include "tests/lib/suite.h"
#include <string.h>

#define NOW_S       1764504000.0 /* 2025-11-30T12:00:00Z */
#define STATUS(wal) "{\"instances\":[{\"name\":\"primary\",\"healthy\":true}],\"write_ahead_log\":" wal "}"

static struct check_seen seen;

static int read_it(const char *text)
{
    struct errmsg msg = { "" };
    seen = (struct check_seen){ 0 };
    return check_read(str_of(text), NOW_S, &seen, &msg);
}

static void verdict_is(const char *words)
{
    struct buf out;
    buf_init(&out, 4096);
    check_verdict(&seen, &out);
    CU_ASSERT_STRING_EQUAL(buf_text(&out), words);
    buf_deinit(&out);
}

static void test_levels(void)
{
    static const struct {
        const char *wal;
        enum check_level pending, replaying, failed, oldest;
        const char *line;
        const char *verdict;
    } cases[] = {
        { "{\"pending_writes\":0,\"is_replaying\":false,\"failed_replays\":0,\"oldest_pending\":null}",
          CHECK_NORMAL, CHECK_NORMAL, CHECK_NORMAL, CHECK_NORMAL, "HEALTHY", "normal" },
        { "{\"pending_writes\":1,\"is_replaying\":true,\"failed_replays\":1,\"oldest_pending\":2}",
          CHECK_WARNING, CHECK_WARNING, CHECK_WARNING, CHECK_WARNING, "WARNING - Some pending writes",
          "warning: pending_writes 1; oldest_pending (s) 2; failed_replays 1; it is replaying" },
        { "{\"pending_writes\":10,\"is_replaying\":false,\"failed_replays\":2,\"oldest_pending\":300}",
          CHECK_WARNING, CHECK_NORMAL, CHECK_WARNING, CHECK_WARNING, "CRITICAL - High pending writes",
          "warning: pending_writes 10; oldest_pending (s) 300; failed_replays 2" },
        { "{\"pending_writes\":11,\"is_replaying\":true,\"levels\":{\"is_replaying\":\"critical\"},"
          "\"failed_replays\":3,\"oldest_pending\":301}",
          CHECK_CRITICAL, CHECK_CRITICAL, CHECK_CRITICAL, CHECK_CRITICAL, "CRITICAL - High pending writes",
          "critical: pending_writes 11; oldest_pending (s) 301; failed_replays 3; it is replaying" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), STATUS("%s"), cases[i].wal);
        CU_ASSERT_EQUAL_FATAL(read_it(text), 0);
        CU_ASSERT_EQUAL(check_level_pending(&seen), cases[i].pending);
        CU_ASSERT_EQUAL(check_level_replaying(&seen), cases[i].replaying);
        CU_ASSERT_EQUAL(check_level_failed(&seen), cases[i].failed);
        CU_ASSERT_EQUAL(check_level_oldest(&seen), cases[i].oldest);
        CU_ASSERT_PTR_NOT_NULL(strstr(check_health_line(&seen), cases[i].line));
        verdict_is(cases[i].verdict);
    }
}

/* The guide's last line speaks of the log alone; the verdict does not. */
static void test_instances_count(void)
{
    CU_ASSERT_EQUAL_FATAL(read_it(STATUS("{\"pending_writes\":0,\"is_replaying\":false}")), 0);
    seen.primary_healthy = 0;
    CU_ASSERT_PTR_NOT_NULL(strstr(check_health_line(&seen), "HEALTHY"));
    verdict_is("critical: the primary is not healthy");
    seen.primary_healthy = 1;
    seen.replica_healthy = 0;
    verdict_is("warning: the replica is not healthy");
    seen.replica_healthy = 1;
    seen.status_s = 2.5;
    verdict_is("warning: /status is slow");
}

/* Another balancer may tell a time instead of an age, and leave things out. */
static void test_other_balancers(void)
{
    CU_ASSERT_EQUAL(read_it(STATUS("{\"pending_writes\":3,\"oldest_pending\":\"2025-11-30T11:59:00Z\"}")), 0);
    CU_ASSERT_DOUBLE_EQUAL(seen.oldest_s, 60, 0.001);
    CU_ASSERT_EQUAL(check_level_failed(&seen), CHECK_UNKNOWN);
    CU_ASSERT_EQUAL(check_level_replaying(&seen), CHECK_UNKNOWN);
    CU_ASSERT_EQUAL(seen.replica_healthy, -1);
    CU_ASSERT_EQUAL(read_it(STATUS("{\"oldest_pending\":1764503900}")), 0);
    CU_ASSERT_DOUBLE_EQUAL(seen.oldest_s, 100, 0.001);
    CU_ASSERT_EQUAL(read_it("{\"instances\":[]}"), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(read_it("<html>"), ERR_INVALID);
    CU_ASSERT_EQUAL(read_it(""), ERR_INVALID);
}

static void told(struct buf *out, const char *text)
{
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(out), text));
}

static void test_told(void)
{
    struct buf out;
    buf_init(&out, 16384);
    CU_ASSERT_EQUAL_FATAL(
        read_it(STATUS("{\"pending_writes\":51,\"is_replaying\":false,\"oldest_pending\":10}")), 0);
    check_tell(&seen, false, &out);
    told(&out, "  Pending writes: 51\n");
    told(&out, "  Failed replays: not told\n");
    told(&out, "pending_writes_critical (critical): pending_writes > 50, immediate_intervention\n");
    told(&out, "escalate_pending_writes (critical): pending_writes > 50, escalate\n");
    CU_ASSERT_PTR_NULL(strstr(buf_text(&out), "\033["));
    buf_clear(&out);
    check_tell_json(&seen, &out);
    told(&out, "\"verdict\": \"critical\"");
    told(&out, "\"failed_replays\": null");
    told(&out, "\"pending_writes_critical\"");
    buf_deinit(&out);
}

static const struct suite_test tests[] = {
    { "the guide's table and its last line", test_levels },
    { "instances and speed count as well", test_instances_count },
    { "balancers of others", test_other_balancers },
    { "what a person and a program read", test_told },
};
TEST_MAIN("cli/check", tests)
