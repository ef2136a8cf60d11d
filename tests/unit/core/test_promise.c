/* ACK_POLICY=durable (rule 21): what is answered once it is in the log, what asks an instance all the same,
 * and that a promise is kept. */
#include "tests/unit/core/driver.h"
#include <stdio.h>

static struct driver d;

/* One write has told the dimension; both instances have it. */
static void ready_with(enum when_none_up when_none_up)
{
    driver_init(&d);
    d.settings.ack_policy = ACK_POLICY_DURABLE;
    d.settings.when_none_up = when_none_up;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    uint64_t client = driver_write(&d, 1, "add", "first");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0); /* nobody can say yet whether it fits */
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    CU_ASSERT_FALSE(driver_queued(&d, client));
    (void)driver_serve(&d, REPLICA);
}

static void ready(void)
{
    ready_with(WHEN_NONE_UP_QUEUE);
}

static uint64_t post(const char *verb, const char *headers, const char *body)
{
    char target[512];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/%s", driver_id(PRIMARY, 1), verb);
    return driver_send_with(&d, "POST", target, headers, body);
}

static void test_answered_when_durable(void)
{
    static const char *const verbs[] = { "add", "upsert", "update", "delete" };
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        ready();
        d.slow_log = true;
        uint64_t client = driver_write(&d, 1, verbs[i], "a");
        CU_ASSERT_EQUAL(driver_status(&d, client), 0);
        CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
        driver_durable(&d);
        CU_ASSERT_EQUAL(driver_status(&d, client), i == 0 ? 201 : 200);
        CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), "{}");
        CU_ASSERT_PTR_NOT_NULL(strstr(driver_client(&d, client)->headers, "x-wal-status: durable\r\n"));
        CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
        CU_ASSERT_EQUAL(driver_serve(&d, PRIMARY), 1);
        CU_ASSERT_EQUAL(driver_serve(&d, REPLICA), 1);
        CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
        CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 1);
        driver_close(&d);
    }
}

/* Without the setting nothing is answered before an instance has it. */
static void test_applied(void)
{
    ready();
    driver_close(&d);
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
    (void)driver_write(&d, 1, "add", "first");
    (void)driver_serve(&d, PRIMARY);
    uint64_t client = driver_write(&d, 1, "add", "a");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"ack_policy\":\"applied\""));
    driver_close(&d);
}

/* Chroma might refuse these, or answer something of its own. */
static void test_what_asks(void)
{
    static const struct {
        const char *verb, *headers, *body;
    } cases[] = {
        { "add", "", "{\"ids\":[\"a\"],\"embeddings\":[[1.0,2.0]]}" },
        { "add", "", "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1.0]]}" },
        { "add", "", "{\"ids\":[\"\"],\"embeddings\":[[1.0]]}" },
        { "add", "", "{\"ids\":[\"a\"]}" },
        { "add", "", "{\"ids\":[\"a\"],\"embeddings\":[[1.0]],\"metadatas\":[{\"k\":[1]}]}" },
        { "add", "", "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]" },
        { "add", "content-type: text/plain\r\n", "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]}" },
        { "upsert", "", "{\"ids\":[\"a\"],\"embeddings\":[[1.0]],\"new\":1}" },
        { "update", "", "{\"ids\":[\"a\"],\"embeddings\":[[1.0,2.0]]}" },
        { "delete", "", "{\"where\":{\"k\":1}}" },
        { "delete", "", "{\"ids\":[]}" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ready();
        uint64_t client = post(cases[i].verb, cases[i].headers, cases[i].body);
        CU_ASSERT_EQUAL(driver_status(&d, client), 0);
        driver_answer(&d, driver_next(&d, PRIMARY), 400, INVALID);
        CU_ASSERT_EQUAL(driver_status(&d, client), 400);
        CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
        driver_close(&d);
    }
}

/* Collections too: their answers are an instance's to give. */
static void test_names_ask(void)
{
    ready();
    uint64_t create = driver_send(&d, "POST", C_PATH, "{\"name\":\"more\"}");
    CU_ASSERT_EQUAL(driver_status(&d, create), 0);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 409, TAKEN);
    CU_ASSERT_EQUAL(driver_status(&d, create), 409);
    uint64_t delete = driver_send(&d, "DELETE", C_PATH "/docs", "");
    CU_ASSERT_EQUAL(driver_status(&d, delete), 0);
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_status(&d, delete), 200);
    driver_close(&d);
}

/* Nobody is up: the answer does not wait for that, and what was promised arrives, each once, in order. */
static void test_kept_through_outage_and_crash(void)
{
    ready();
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    char id[16];
    for (unsigned n = 0; n < 6; n++) {
        (void)snprintf(id, sizeof(id), "r%u", n);
        uint64_t client = driver_write(&d, 1, n % 2 == 0 ? "upsert" : "add", id);
        CU_ASSERT_EQUAL(driver_status(&d, client), n % 2 == 0 ? 200 : 201);
    }
    d.slow_log = true;
    uint64_t unanswered = driver_write(&d, 1, "upsert", "never-promised");
    CU_ASSERT_EQUAL(driver_status(&d, unanswered), 0);
    driver_restart(&d, false);
    d.slow_log = false;
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 6);
    for (unsigned i = 0; i < 2; i++) {
        driver_up(&d, i);
        unsigned n = 0;
        while (n < 6) {
            struct driver_call *call = driver_next(&d, i);
            if (call == NULL) { /* replay begins slowly */
                CU_ASSERT_FATAL(d.now_ns < 600 * NS_PER_S);
                driver_advance(&d, 100 * NS_PER_MS);
                continue;
            }
            if (!driver_is_fence(call)) {
                (void)snprintf(id, sizeof(id), "r%u\"", n++);
                CU_ASSERT_PTR_NOT_NULL(strstr(call->body, id));
            }
            driver_answer(&d, call, strstr(call->request, "/add\n") != NULL ? 201 : 200, "{}");
        }
    }
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 6);
    driver_close(&d);
}

/* What was carried out before a crash is not carried out again behind younger writes. */
static void test_progress_survives(void)
{
    ready();
    (void)driver_write(&d, 1, "update", "a");
    CU_ASSERT_EQUAL(driver_serve(&d, PRIMARY), 1);
    CU_ASSERT_EQUAL(driver_serve(&d, REPLICA), 1);
    driver_durable(&d);
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_close(&d);
}

/* A promise that an instance refuses is a dead letter, not forgotten. */
static void test_refused_afterwards(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "add", "a");
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 400, INVALID);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 1);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* A reader sees what was promised before, from whoever has it first. */
static void test_readers_wait(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    uint64_t reader = post("get", "content-type: application/json\r\n", "{\"ids\":[\"a\"]}");
    CU_ASSERT_EQUAL(driver_status(&d, reader), 0);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/get"), 200, "{\"ids\":[\"a\"]}");
    CU_ASSERT_EQUAL(driver_status(&d, reader), 200);
    (void)driver_serve(&d, REPLICA);
    driver_close(&d);
}

/* While others go on writing: what was promised after the read came is not waited for. */
static void test_readers_do_not_wait_for_later_ones(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    uint64_t reader = post("get", "content-type: application/json\r\n", "{\"ids\":[\"a\"]}");
    (void)driver_write(&d, 1, "upsert", "b");
    struct driver_call *write = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL(strstr(write->body, "\"a\""));
    driver_answer(&d, write, 200, "{}");
    struct driver_call *read = NULL; /* while the later one is under way */
    for (size_t i = 0; i < d.call_count; i++) {
        struct driver_call *call = &d.calls[i];
        read = !call->over && strstr(call->request, "/get\n") != NULL ? call : read;
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(read);
    driver_answer(&d, read, 200, "{\"ids\":[\"a\"]}");
    CU_ASSERT_EQUAL(driver_status(&d, reader), 200);
    driver_close(&d);
}

/* An instance that was away is read when it has what it missed, however busy the collection is. */
static void test_caught_up_under_load(void)
{
    ready();
    driver_down(&d, PRIMARY);
    driver_advance(&d, 120 * NS_PER_S);
    driver_down(&d, REPLICA);
    (void)driver_write(&d, 1, "upsert", "missed");
    driver_up(&d, PRIMARY);
    while (driver_next(&d, PRIMARY) == NULL) {
        CU_ASSERT_FATAL(d.now_ns < 900 * NS_PER_S);
        driver_advance(&d, 100 * NS_PER_MS);
    }
    uint64_t reader = post("get", "content-type: application/json\r\n", "{\"ids\":[\"missed\"]}");
    (void)driver_write(&d, 1, "upsert", "new");
    for (unsigned n = 0; n < 40 && driver_status(&d, reader) == 0; n++) {
        struct driver_call *call = driver_next(&d, PRIMARY);
        if (call == NULL) {
            driver_advance(&d, 100 * NS_PER_MS);
            continue;
        }
        if (strstr(call->request, "/upsert\n") != NULL) {
            (void)driver_write(&d, 1, "upsert", "newer"); /* it is never without some more to do */
        }
        driver_answer(&d, call, 200, "{}");
    }
    CU_ASSERT_EQUAL(driver_status(&d, reader), 200);
    driver_close(&d);
}

static void test_refuse_all(void)
{
    ready_with(WHEN_NONE_UP_REFUSE);
    CU_ASSERT_EQUAL(driver_status(&d, driver_write(&d, 1, "add", "a")), 201);
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    uint64_t client = driver_write(&d, 1, "add", "b");
    driver_advance(&d, 60 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    driver_close(&d);
}

/* The log takes longer than the client waits: the write may yet be carried out, and is told so by nobody. */
static void test_log_too_slow(void)
{
    ready();
    d.slow_log = true;
    uint64_t client = driver_write(&d, 1, "add", "a");
    driver_advance(&d, 60 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_durable(&d);
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    d.slow_log = false;
    CU_ASSERT_EQUAL(driver_serve(&d, PRIMARY), 1);
    (void)driver_write(&d, 1, "add", "b");
    driver_log_fails(&d);
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "answered when durable", test_answered_when_durable },
    { "not without the setting", test_applied },
    { "what an instance has to judge asks", test_what_asks },
    { "collections ask", test_names_ask },
    { "kept through outage and crash", test_kept_through_outage_and_crash },
    { "progress survives a crash", test_progress_survives },
    { "refused afterwards: a dead letter", test_refused_afterwards },
    { "readers wait for it", test_readers_wait },
    { "but not for later ones", test_readers_do_not_wait_for_later_ones },
    { "one that was away is read when it has caught up", test_caught_up_under_load },
    { "WHEN_NONE_UP=refuse refuses", test_refuse_all },
    { "a log slower than the client", test_log_too_slow },
};
TEST_MAIN("core/promise", tests)
