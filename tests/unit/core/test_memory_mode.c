/* A log in memory (rules 6 and 22): what ties ids is told apart from what may be lost, and a life that begins
 * after a loss believes nothing else. */
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <string.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    d.settings.wal_mode = WAL_MODE_MEMORY;
    d.settings.read_replica_ratio = 0;
    driver_start(&d);
}

/* The process is killed: of its records only those are left that tie ids. */
static void killed(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < d.log_count; i++) {
        if (d.log[i].lsn <= d.durable_lsn && record_ties_ids(d.log[i].type)) {
            d.log[kept++] = d.log[i];
        } else {
            block_unref(d.log[i].meta);
            block_unref(d.log[i].body);
        }
    }
    d.log_count = kept;
    d.queue_lost = true;
    driver_restart(&d, false);
    d.queue_lost = false;
}

static uint64_t count_of(const char *uuid)
{
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/count", uuid);
    return driver_send(&d, "GET", target, "");
}

static bool says_lost(void)
{
    return strstr(driver_get(&d, "/status"), "\"queue_lost\":true") != NULL;
}

static void test_tied_before_shown(void)
{
    ready();
    d.slow_log = true;
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    const struct driver_record *last = &d.log[d.log_count - 1];
    CU_ASSERT_EQUAL(last->type, RECORD_LANE);
    CU_ASSERT_TRUE(last->sync); /* the store brings it to the disk */
    driver_durable_to(&d, last->lsn - 1);
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_durable_to(&d, last->lsn);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_ids_outlive_a_kill(void)
{
    ready();
    driver_make(&d, 1, "docs");
    d.up[PRIMARY] = false;
    killed();
    CU_ASSERT_TRUE(says_lost());
    /* No listing is asked: the primary's id is all the client has, and only the replica is there. */
    uint64_t client = count_of(driver_id(PRIMARY, 1));
    struct driver_call *call = driver_expect(&d, REPLICA, "GET", "/count");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->request, driver_id(REPLICA, 1)));
    driver_answer(&d, call, 200, "0");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_lost_until_compared(void)
{
    ready();
    driver_make(&d, 1, "docs");
    d.up[PRIMARY] = false;
    killed();
    driver_advance(&d, 600 * NS_PER_S); /* however long that takes */
    CU_ASSERT_TRUE(says_lost());
    driver_up(&d, PRIMARY);
    driver_advance(&d, 60 * NS_PER_S);
    CU_ASSERT_FALSE(says_lost());
    CU_ASSERT_PTR_NOT_NULL(strstr(d.trace.data, "event=verified_after_loss"));
    driver_close(&d);
}

/* A collection that was promised while nobody was there, and its deletion's opposite: both went with the
 * queue. */
static void test_what_only_the_queue_knew(void)
{
    char id[64];
    ready();
    driver_make(&d, 1, "docs");
    (void)driver_get(&d, C_PATH); /* the listing is held now, so that names can be promised */
    d.up[PRIMARY] = d.up[REPLICA] = false;
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"promised\",\"get_or_create\":false}");
    driver_advance(&d, 20 * NS_PER_S);
    bool promised = driver_status(&d, client) == 200;
    if (promised) {
        const char *at = strstr(driver_answer_of(&d, client), "\"id\":\"");
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        (void)snprintf(id, sizeof(id), "%.36s", at + 6);
    }
    CU_ASSERT_TRUE_FATAL(promised);
    killed();
    driver_up(&d, PRIMARY);
    driver_up(&d, REPLICA);
    (void)count_of(id); /* nobody's: it is looked for, as any unknown one */
    (void)driver_expect(&d, PRIMARY, "GET", "/collections");
    driver_close(&d);
}

static void test_numbers_are_not_used_twice(void)
{
    ready();
    driver_make(&d, 1, "docs");
    uint64_t birth_of_second = d.log[d.log_count - 1].lsn + 1;
    driver_make(&d, 2, "more");
    killed();
    for (size_t i = 0; i < d.log_count; i++) { /* what this life has written, it has numbered anew */
        CU_ASSERT(d.log[i].type != RECORD_WRITE || d.log[i].lsn > birth_of_second);
    }
    uint64_t client = driver_write(&d, 2, "add", "a");
    CU_ASSERT(driver_serve(&d, PRIMARY) > 0);
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "a new collection's id is tied before it is shown", test_tied_before_shown },
    { "ids mean their collections after a kill, with the primary away", test_ids_outlive_a_kill },
    { "a loss is told until everything has been compared", test_lost_until_compared },
    { "what only the queue knew is forgotten", test_what_only_the_queue_knew },
    { "LSNs are not used twice", test_numbers_are_not_used_twice },
};

TEST_MAIN("core_memory_mode", tests)
