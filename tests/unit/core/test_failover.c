/* Rule 19: names stay with machines, the role moves, through restarts too, and nothing is missing then. */
#include "base/prng.h"
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <string.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static uint64_t promote(const char *name, const char *query)
{
    char target[96];
    (void)snprintf(target, sizeof(target), "/admin/instances/%s/promote%s", name, query);
    return driver_send(&d, "POST", target, "");
}

/* Who has the role, as /status shows it. */
static unsigned holder(void)
{
    const char *status = driver_get(&d, "/status");
    const char *replica = strstr(status, "\"name\":\"replica\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(replica);
    const char *role = strstr(status, "\"role\":\"primary\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(role);
    CU_ASSERT_PTR_NULL(strstr(role + 1, "\"role\":\"primary\"")); /* one has it */
    return role > replica ? REPLICA : PRIMARY;
}

static bool waits(void)
{
    return strstr(driver_get(&d, "/status"), "\"failover\":null") == NULL;
}

static void both_apply(unsigned first)
{
    driver_answer(&d, driver_expect(&d, first, "POST", "/upsert"), 200, "{}");
    driver_answer(&d, driver_expect(&d, 1 - first, "POST", "/upsert"), 200, "{}");
}

static void test_moves(void)
{
    ready();
    CU_ASSERT_EQUAL(holder(), PRIMARY);
    uint64_t client = promote("replica", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), "\"primary\":\"replica\",\"moved\":true"));
    CU_ASSERT_EQUAL(holder(), REPLICA);
    uint64_t write = driver_write(&d, 1, "upsert", "a");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{\"from\":\"replica\"}");
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, write), "{\"from\":\"replica\"}");
    CU_ASSERT_FALSE(driver_queued(&d, write)); /* it is the primary's own word now */
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, promote("primary", "")), 200); /* fail-back is the same command */
    CU_ASSERT_EQUAL(holder(), PRIMARY);
    (void)driver_write(&d, 1, "upsert", "b");
    both_apply(PRIMARY);
    driver_close(&d);
}

static void test_restart(void)
{
    ready();
    (void)promote("replica", "");
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(holder(), REPLICA);
    (void)driver_write(&d, 1, "upsert", "a");
    both_apply(REPLICA);
    (void)promote("primary", "");
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(holder(), PRIMARY);
    driver_close(&d);
}

static void test_answered_when_durable(void)
{
    ready();
    d.slow_log = true;
    uint64_t client = promote("replica", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_durable(&d);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

/* The record itself goes with the segments that are trimmed; what it says stays. */
static void test_trimmed(void)
{
    driver_init(&d);
    d.settings.wal_segment_bytes = 2000;
    d.settings.wal_retain_ns = 0;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    (void)promote("replica", "");
    uint64_t lsn = d.log[d.log_count - 1].lsn;
    CU_ASSERT_EQUAL(d.log[d.log_count - 1].type, RECORD_ORDERS);
    for (int i = 0; i < 40; i++) {
        (void)driver_write(&d, 1, "upsert", "a");
        both_apply(REPLICA);
        driver_advance(&d, NS_PER_S);
    }
    CU_ASSERT(d.trimmed_lsn > lsn);
    driver_trim(&d);
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(holder(), REPLICA);
    driver_close(&d);
}

static void test_waits(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    uint64_t client = promote("replica", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 202);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), "\"missing\":{\"writes\":1,"));
    CU_ASSERT_EQUAL(holder(), PRIMARY);
    CU_ASSERT_TRUE(waits());
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(holder(), REPLICA);
    CU_ASSERT_FALSE(waits());
    driver_close(&d);
}

/* Under load the log's end runs away: new writes are kept back for a moment, and all of them are answered. */
static void test_under_load(void)
{
    ready();
    uint64_t in_flight = driver_write(&d, 1, "upsert", "a");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_EQUAL(driver_status(&d, promote("replica", "")), 202);
    uint64_t kept = driver_write(&d, 1, "upsert", "b");
    driver_answer(&d, call, 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, in_flight), 200);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_EQUAL(holder(), PRIMARY);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(holder(), REPLICA);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0); /* nothing was missing at that instant */
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, kept), 200);
    CU_ASSERT_FALSE(driver_queued(&d, kept));
    driver_close(&d);
}

static void test_keeps_nobody_long(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    (void)promote("replica", ""); /* which is slow */
    uint64_t kept = driver_write(&d, 1, "upsert", "b");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_advance(&d, 2 * NS_PER_S);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, kept), 200);
    CU_ASSERT_TRUE(waits());
    driver_close(&d);
}

/* Kept writes are answered as well when walproxy answers by itself. */
static void test_promises(void)
{
    driver_init(&d);
    d.settings.ack_policy = ACK_POLICY_DURABLE;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    (void)driver_write(&d, 1, "upsert", "first"); /* tells the dimension */
    both_apply(PRIMARY);
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, promote("replica", "")), 202); /* which is slow */
    uint64_t kept = driver_write(&d, 1, "upsert", "b");
    CU_ASSERT_EQUAL(driver_status(&d, kept), 0);
    driver_advance(&d, 2 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, kept), 200);
    for (unsigned i = 0; i < 20 && holder() == PRIMARY; i++) {
        (void)driver_serve(&d, PRIMARY);
        (void)driver_serve(&d, REPLICA);
        driver_advance(&d, NS_PER_S);
    }
    CU_ASSERT_EQUAL(holder(), REPLICA);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_slow_for_good(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    (void)promote("replica", "");
    unsigned kept = 0;
    for (unsigned i = 0; i < 100; i++) { /* a write a second for a hundred seconds */
        char id[16];
        (void)snprintf(id, sizeof(id), "r%u", i);
        uint64_t client = driver_write(&d, 1, "upsert", id);
        (void)driver_serve(&d, PRIMARY);
        kept += driver_status(&d, client) == 0 ? 1 : 0;
        driver_advance(&d, NS_PER_S);
        (void)driver_serve(&d, PRIMARY);
        CU_ASSERT_TRUE(waits());
    }
    CU_ASSERT(kept > 0);
    CU_ASSERT(kept < 25);
    driver_close(&d);
}

static void test_force(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    uint64_t client = promote("replica", "?force=yes");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), "\"moved\":true,\"forced\":true"));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), "\"op\":\"upsert\""));
    CU_ASSERT_EQUAL(holder(), REPLICA);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1); /* it counts against the holder */
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 0);
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/add"), 201, "{}"); /* the fence */
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 1);
    driver_close(&d);
}

static void test_counts_against_the_holder(void)
{
    ready();
    (void)promote("replica", "");
    driver_down(&d, PRIMARY);
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "lag"), 1); /* of the machine named primary */
    driver_down(&d, REPLICA);
    uint64_t client = driver_write(&d, 1, "upsert", "b");
    CU_ASSERT_TRUE(driver_queued(&d, client));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
    driver_close(&d);
}

static void test_down(void)
{
    ready();
    driver_down(&d, REPLICA);
    driver_advance(&d, 3 * d.settings.check_interval_ns);
    uint64_t client = promote("replica", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 409);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), "force=yes"));
    CU_ASSERT_FALSE(waits());
    CU_ASSERT_EQUAL(driver_status(&d, promote("replica", "?force=yes")), 200);
    CU_ASSERT_EQUAL(holder(), REPLICA);
    driver_close(&d);
}

/* Hours later nobody expects it any more. */
static void test_called_off(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    (void)promote("replica", "");
    CU_ASSERT_EQUAL(driver_status(&d, promote("primary", "")), 200); /* the operator thinks better of it */
    CU_ASSERT_FALSE(waits());
    (void)promote("replica", "");
    driver_down(&d, REPLICA);
    driver_advance(&d, 3 * d.settings.check_interval_ns);
    CU_ASSERT_FALSE(waits());
    driver_up(&d, REPLICA);
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(holder(), PRIMARY);
    driver_close(&d);
}

static void test_ids(void)
{
    ready();
    (void)promote("replica", "");
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"more\"}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/collections"), 200,
                  driver_object(driver_id(REPLICA, 2), "more"));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), driver_id(REPLICA, 2)));
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 2), "more"));
    (void)driver_write(&d, 1, "upsert", "a"); /* an old one keeps the id its clients know */
    both_apply(REPLICA);
    driver_close(&d);
}

static void test_reads(void)
{
    char target[256];
    driver_init(&d);
    d.settings.read_replica_ratio = 0;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    (void)promote("replica", "");
    (void)snprintf(target, sizeof(target), C_PATH "/%s/count", driver_id(PRIMARY, 1));
    uint64_t client = driver_send(&d, "GET", target, "");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 200, "3");
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), "3");
    driver_close(&d);
}

static void test_alone(void)
{
    driver_init(&d);
    d.settings.replica_url[0] = '\0';
    driver_start(&d);
    CU_ASSERT_EQUAL(driver_status(&d, promote("primary", "")), 409);
    driver_close(&d);
}

/* A configuration without the holder cannot leave the role there. */
static void test_holder_is_gone(void)
{
    ready();
    (void)promote("replica", "");
    d.settings.replica_url[0] = '\0';
    driver_restart(&d, false);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.trace.data, "role_falls_back"));
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    driver_close(&d);
}

/* ---- anything in any order ---- */

#define RUNS 200u

static void anything(struct prng *dice, unsigned *written)
{
    unsigned i = (unsigned)prng_below(dice, 2);
    struct driver_call *call = driver_next(&d, i);
    switch (prng_below(dice, 12)) {
        case 0:
        case 1:
        case 2: {
            char id[16];
            (void)snprintf(id, sizeof(id), "r%u", (*written)++);
            (void)driver_write(&d, 1, prng_below(dice, 2) == 0 ? "upsert" : "update", id);
            break;
        }
        case 3:
            if (call != NULL) {
                driver_answer(&d, call, 503, NOT_NOW);
            }
            break;
        case 4:
            if (call != NULL) {
                driver_end(&d, call, CALL_BROKEN, true); /* perhaps applied */
            }
            break;
        case 5:
            (void)promote(i == 0 ? "primary" : "replica", "");
            break;
        case 6:
            (void)promote(i == 0 ? "primary" : "replica", "?force=yes");
            break;
        case 7:
            if (d.up[i]) {
                driver_down(&d, i);
            } else {
                d.up[i] = true;
            }
            break;
        case 8:
            driver_advance(&d, prng_between(dice, NS_PER_MS, 3 * NS_PER_S));
            break;
        default:
            if (call != NULL) {
                driver_answer(&d, call, strstr(call->request, "/add\n") != NULL ? 201 : 200, "{}");
            }
            break;
    }
}

/* Whatever happens, in the end one has the role, before a restart and after it, and both have everything. */
static void test_anything(void)
{
    unsigned at[2] = { 0, 0 };
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct prng dice;
        unsigned written = 0;
        prng_seed(&dice, seed);
        ready();
        for (unsigned step = 0; step < 60; step++) {
            anything(&dice, &written);
        }
        (void)driver_send(&d, "POST", "/admin/replay/resume", "");
        d.up[PRIMARY] = d.up[REPLICA] = true;
        for (unsigned i = 0; i < 40; i++) {
            driver_advance(&d, 2 * NS_PER_S);
            (void)driver_serve(&d, PRIMARY);
            (void)driver_serve(&d, REPLICA);
        }
        CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
        CU_ASSERT_EQUAL(driver_number(&d, "lag"), 0);
        CU_ASSERT_FALSE(waits());
        unsigned last = holder();
        at[last]++;
        driver_restart(&d, false);
        CU_ASSERT_EQUAL(holder(), last);
        driver_close(&d);
    }
    CU_ASSERT(at[PRIMARY] > RUNS / 4);
    CU_ASSERT(at[REPLICA] > RUNS / 4);
}

static const struct suite_test tests[] = {
    { "the role moves, and back, and who has it is asked first", test_moves },
    { "it survives restarts", test_restart },
    { "the operator is told when it is durable", test_answered_when_durable },
    { "it survives its record", test_trimmed },
    { "a promotion waits for the log's end", test_waits },
    { "under load too, and no write is lost by it", test_under_load },
    { "and keeps no write waiting for long", test_keeps_nobody_long },
    { "writes that are promised wait and are answered too", test_promises },
    { "one that is slow for good slows the others down less and less", test_slow_for_good },
    { "force moves it at once and lists what is missing", test_force },
    { "pending writes count against who has the role", test_counts_against_the_holder },
    { "who is down does not get it, but by force", test_down },
    { "a promotion is called off by hand and by an outage", test_called_off },
    { "new collections get the new primary's ids", test_ids },
    { "the read ratio follows the role", test_reads },
    { "with one instance there is nothing to move", test_alone },
    { "the role falls back when its holder is not configured any more", test_holder_is_gone },
    { "anything in any order: one has the role, and nothing is lost", test_anything },
};

TEST_MAIN("failover", tests)
