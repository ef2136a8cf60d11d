/* The bytes of pending writes: bounded in memory, read back from the log when their turn comes (rule 20). */
#include "tests/unit/core/driver.h"
#include <stdio.h>

#define MEMORY  4096u
#define PAYLOAD 300u /* of one write here, and a little more */
#define TIGHT   (PAYLOAD * 3 / 2)

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    d.settings.wal_memory_bytes = MEMORY;
    d.settings.replay_max_attempts = 3;
    d.settings.replay_batch_records = 1;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_make(&d, 2, "more");
}

/* The next request to the primary, now or when its turn comes. */
static struct driver_call *next_replay(void)
{
    struct driver_call *call = driver_next(&d, PRIMARY);
    if (call == NULL) {
        driver_advance(&d, 2 * NS_PER_S);
        call = driver_next(&d, PRIMARY);
    }
    return call;
}

static char *record_name(unsigned n)
{
    static char name[16];
    (void)snprintf(name, sizeof(name), "r%04u", n);
    return name;
}

/* Writes to the first collection while only the replica answers. */
static void queue_writes(unsigned from, unsigned count)
{
    for (unsigned n = from; n < from + count; n++) {
        uint64_t client = driver_write(&d, 1, "upsert", record_name(n));
        (void)driver_serve(&d, REPLICA);
        CU_ASSERT_EQUAL(driver_status(&d, client), 200);
        CU_ASSERT_TRUE(driver_queued(&d, client));
        CU_ASSERT(driver_number(&d, "memory_bytes") <= MEMORY);
    }
}

/* The primary gets them all, in order, each as it was sent. */
static void expect_replay(unsigned from, unsigned count)
{
    for (unsigned n = from; n < from + count; n++) {
        struct driver_call *call = next_replay();
        while (call != NULL &&
               (driver_is_fence(call) || strstr(call->request, driver_id(PRIMARY, 2)) != NULL)) {
            driver_answer(&d, call, driver_is_fence(call) ? 201 : 200, "{}");
            call = next_replay();
        }
        CU_ASSERT_PTR_NOT_NULL_FATAL(call);
        CU_ASSERT_PTR_NOT_NULL(strstr(call->body, record_name(n)));
        CU_ASSERT_PTR_NOT_NULL(strstr(call->request, driver_id(PRIMARY, 1)));
        CU_ASSERT(driver_number(&d, "memory_bytes") <= MEMORY);
        driver_answer(&d, call, 200, "{}");
    }
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
}

static void test_outage_beyond_memory(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue_writes(0, 100);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 100);
    CU_ASSERT(driver_number(&d, "memory_bytes") > MEMORY / 2); /* it is used, not only bounded */
    driver_up(&d, PRIMARY);
    expect_replay(0, 100);
    CU_ASSERT(d.read_count > 50);
    CU_ASSERT(d.read_count <= 100); /* each once at most */
    driver_close(&d);
}

static void test_restart_beyond_memory(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue_writes(0, 60);
    driver_restart(&d, false);
    CU_ASSERT(driver_number(&d, "memory_bytes") <= MEMORY);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 60);
    (void)driver_serve(&d, REPLICA);
    driver_up(&d, PRIMARY);
    driver_advance(&d, NS_PER_S); /* the first try was refused */
    expect_replay(0, 60);
    driver_close(&d);
}

/* A sector that cannot be read stops its collection and says so; the others go on, nothing is dropped. */
static void test_unreadable(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue_writes(0, 60);
    uint64_t other = driver_write(&d, 2, "upsert", "z");
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, other), 200);
    d.reads_fail = true;
    driver_up(&d, PRIMARY);
    bool other_came = false;
    unsigned came = 0;
    struct driver_call *call;
    while ((call = next_replay()) != NULL) {
        bool is_other = strstr(call->request, driver_id(PRIMARY, 2)) != NULL;
        CU_ASSERT(driver_is_fence(call) || is_other || strstr(call->body, record_name(came)) != NULL);
        came += driver_is_fence(call) || is_other ? 0 : 1;
        other_came = other_came || is_other;
        driver_answer(&d, call, 200, "{}");
    }
    CU_ASSERT(came < 60);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 60 - came + (other_came ? 0 : 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "cannot be read back from the log"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&d.trace), "log_read_failed"));
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    d.reads_fail = false;
    for (unsigned tries = 0; tries < 100 && driver_next(&d, PRIMARY) == NULL; tries++) {
        driver_advance(&d, NS_PER_S);
    }
    expect_replay(came, 60 - came);
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/status"), "cannot be read back from the log"));
    driver_close(&d);
}

/* What is not durable yet cannot be let go: then, and only then, clients are asked to come again. */
static void test_full_of_undurable(void)
{
    ready();
    d.slow_log = true;
    unsigned taken = 0;
    uint64_t client = 0;
    for (; taken < 100; taken++) {
        client = driver_write(&d, 1, "upsert", record_name(taken));
        if (driver_status(&d, client) != 0) {
            break;
        }
    }
    CU_ASSERT(taken > 5);
    CU_ASSERT_EQUAL(driver_status(&d, client), 429);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_client(&d, client)->headers, "retry-after: 1\r\n"));
    driver_durable(&d);
    d.slow_log = false;
    client = driver_write(&d, 1, "upsert", "again");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* The collection is deleted while a write to it is being read back: nobody needs it any more. */
static void test_over_while_read(void)
{
    ready();
    driver_down(&d, REPLICA);
    uint64_t client = 0;
    for (unsigned n = 0; n < 60; n++) {
        client = driver_write(&d, 1, "upsert", record_name(n));
        (void)driver_serve(&d, PRIMARY);
        CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    }
    d.slow_reads = true;
    client = driver_send(&d, "DELETE", C_PATH "/docs", "");
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_up(&d, REPLICA);
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT(d.reads_done < d.read_count);
    d.slow_reads = false;
    driver_tick(&d);
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"lag\":0"));
    driver_close(&d);
}

/* Without a file there is nothing to read back: memory is full because of the primary. */
static void test_memory_mode(void)
{
    driver_init(&d);
    d.settings.wal_memory_bytes = MEMORY;
    d.settings.wal_mode = WAL_MODE_MEMORY;
    d.settings.throttle_max_delay_ns = 0;
    d.settings.replay_batch_records = 1;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    unsigned taken = 0;
    int status = 200;
    for (; taken < 100 && status == 200; taken++) {
        uint64_t client = driver_write(&d, 1, "upsert", record_name(taken));
        (void)driver_serve(&d, REPLICA);
        status = driver_status(&d, client);
    }
    CU_ASSERT_EQUAL(status, 507);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), taken - 1);
    driver_up(&d, PRIMARY);
    expect_replay(0, taken - 1);
    CU_ASSERT_EQUAL(d.read_count, 0);
    driver_close(&d);
}

static void test_one_action_at_a_time(void)
{
    ready();
    d.room = 1;
    driver_down(&d, PRIMARY);
    queue_writes(0, 50);
    driver_up(&d, PRIMARY);
    expect_replay(0, 50);
    driver_close(&d);
}

/* One write fills half of the memory and hangs at the primary; what the replica works off meanwhile does not
 * gather behind it. */
static void test_one_hangs(void)
{
    driver_init(&d);
    d.settings.wal_memory_bytes = TIGHT;
    d.settings.replay_batch_records = 1;
    d.settings.consistency_window_ns = 0;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    for (unsigned n = 0; n < 20; n++) {
        (void)driver_write(&d, 1, "upsert", record_name(n));
        driver_advance(&d, 31 * NS_PER_S);
    }
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 20);
    driver_up(&d, PRIMARY);
    driver_up(&d, REPLICA);
    struct driver_call *call;
    while ((call = next_replay()) != NULL && driver_is_fence(call)) {
        driver_answer(&d, call, 201, "{}");
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(call); /* and gets no answer */
    for (unsigned n = 0; n < 20; n++) {
        (void)driver_serve(&d, REPLICA);
        CU_ASSERT(driver_number(&d, "memory_bytes") <= TIGHT + PAYLOAD);
        driver_advance(&d, 100 * NS_PER_MS);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"lag\":0"));
    driver_close(&d);
}

/* Two that travelled together got no answer and are to go again together, but another one that hangs has left
 * room for one of them and a half: they are not read back one after the other for ever. */
static void test_together_again(void)
{
    driver_init(&d);
    d.settings.wal_memory_bytes = PAYLOAD * 5 / 2;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_make(&d, 2, "more");
    (void)driver_write(&d, 1, "upsert", record_name(0)); /* its dimension is known */
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    driver_down(&d, PRIMARY);
    for (unsigned n = 1; n < 3; n++) {
        (void)driver_write(&d, 1, "upsert", record_name(n));
        (void)driver_serve(&d, REPLICA);
    }
    driver_up(&d, PRIMARY);
    struct driver_call *pair = next_replay();
    CU_ASSERT_PTR_NOT_NULL_FATAL(pair);
    CU_ASSERT_PTR_NOT_NULL(strstr(pair->body, record_name(1)));
    CU_ASSERT_PTR_NOT_NULL(strstr(pair->body, record_name(2)));
    driver_end(&d, pair, CALL_BROKEN, true);
    (void)driver_write(&d, 2, "upsert", record_name(3));
    driver_up(&d, PRIMARY);
    for (unsigned n = 0; n < 100 && driver_number(&d, "pending_writes") > 1; n++) {
        for (size_t k = 0; k < d.call_count; k++) {
            struct driver_call *call = &d.calls[k];
            bool hangs = call->instance == PRIMARY && strstr(call->request, driver_id(PRIMARY, 2)) != NULL;
            if (!call->over && !call->own && !call->probe && !hangs) {
                driver_answer(&d, call, driver_is_fence(call) ? 201 : 200, "{}");
            }
        }
        driver_advance(&d, 100 * NS_PER_MS);
    }
    CU_ASSERT(driver_number(&d, "pending_writes") <= 1); /* the one that hangs */
    CU_ASSERT(d.read_count <= 4);
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "an outage longer than the memory is replayed whole and in order", test_outage_beyond_memory },
    { "a restart holds no more than the memory bound", test_restart_beyond_memory },
    { "an unreadable record stops its collection in words and drops nothing", test_unreadable },
    { "429 only while what is in flight fills the memory", test_full_of_undurable },
    { "a write that is over while it is read back", test_over_while_read },
    { "in memory mode the bound is met with 507", test_memory_mode },
    { "the same with room for one action", test_one_action_at_a_time },
    { "one that hangs takes the room of one", test_one_hangs },
    { "two that go again together are read back once", test_together_again },
};
TEST_MAIN("core/payload", tests)
