/* Writes that travel together: who joins, who does not, and what one answer means for each of them. */
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <string.h>

#define TOO_LARGE "Payload too large"

static struct driver d;

/* A collection whose dimension an accepted write has told. */
static void ready_with(uint64_t batch_records)
{
    driver_init(&d);
    d.settings.replay_batch_records = batch_records;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    (void)driver_write(&d, 1, "add", "zero");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    (void)driver_serve(&d, REPLICA);
}

static void ready(void)
{
    ready_with(200);
}

static uint64_t write_with(const char *verb, const char *headers, const char *body)
{
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/%s", driver_id(PRIMARY, 1), verb);
    return driver_send_with(&d, "POST", target, headers, body);
}

/* "abc" while the primary is down: three writes that the replica accepts. */
static void queue(const char *verb, const char *letters)
{
    char verb_path[32];
    (void)snprintf(verb_path, sizeof(verb_path), "/%s", verb);
    for (const char *c = letters; *c != '\0'; c++) {
        char id[2] = { *c, '\0' };
        (void)driver_write(&d, 1, verb, id);
        driver_answer(&d, driver_expect(&d, REPLICA, "POST", verb_path), 200, "{}");
    }
}

static bool holds(const struct driver_call *call, const char *ids)
{
    char text[128];
    size_t used = (size_t)snprintf(text, sizeof(text), "\"ids\":[");
    for (const char *c = ids; *c != '\0'; c++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"%c\"", c == ids ? "" : ",", *c);
    }
    (void)snprintf(text + used, sizeof(text) - used, "]");
    bool same = strstr(call->body, text) != NULL;
    if (!same) {
        (void)fprintf(stderr, "    expected %s in %s\n", text, call->body);
    }
    return same;
}

static void test_live_ones_join(void)
{
    ready();
    uint64_t first = driver_write(&d, 1, "upsert", "a"); /* in flight */
    uint64_t second = write_with("upsert", "x-request-id: two\r\n", "{\"ids\":[\"b\"],\"embeddings\":[[1]]}");
    uint64_t third = write_with("upsert", "x-request-id: three\r\n",
                                "{\"ids\":[\"c\"],\"embeddings\":[[2]],\"documents\":[\"x\"]}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, first), 200);
    struct driver_call *joined = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_TRUE(holds(joined, "bc"));
    CU_ASSERT_PTR_NOT_NULL(strstr(joined->body, "\"documents\":[null,\"x\"]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(joined->request, "x-request-id: two,three\r\n"));
    CU_ASSERT_EQUAL(driver_status(&d, second), 0);
    driver_answer(&d, joined, 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, second), 200);
    CU_ASSERT_EQUAL(driver_status(&d, third), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_client(&d, third)->headers, "x-request-id: three"));
    CU_ASSERT_FALSE(driver_queued(&d, third));
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_strangers_do_not_join(void)
{
    static const char *const bodies[] = {
        "{\"ids\":[\"b\"],\"embeddings\":[[1,2]]}",        /* another dimension */
        "{\"ids\":[\"b\"],\"embeddings\":[\"AACAPw==\"]}", /* another encoding */
        "{\"ids\":[\"b\"],\"embeddings\":[[1]]} ...",      /* bytes behind it */
        "{\"ids\":[\"b\"],\"embeddings\":[[1]],\"of\":[\"tomorrow\"]}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        ready();
        (void)driver_write(&d, 1, "upsert", "0");
        (void)driver_write(&d, 1, "upsert", "a");
        uint64_t stranger = write_with("upsert", "", bodies[i]);
        driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
        struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
        CU_ASSERT_TRUE(holds(call, "a"));
        driver_answer(&d, call, 200, "{}");
        call = driver_expect(&d, PRIMARY, "POST", "/upsert");
        CU_ASSERT_STRING_EQUAL(call->body, bodies[i]); /* byte for byte */
        driver_answer(&d, call, 200, "{}");
        CU_ASSERT_EQUAL(driver_status(&d, stranger), 200);
        (void)driver_serve(&d, REPLICA);
        driver_close(&d);
    }
}

static void test_other_operations_do_not_join(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue("upsert", "a");
    queue("delete", "b");
    queue("delete", "c");
    queue("upsert", "d");
    driver_up(&d, PRIMARY);
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_TRUE(holds(call, "a"));
    driver_answer(&d, call, 200, "{}");
    call = driver_expect(&d, PRIMARY, "POST", "/delete");
    CU_ASSERT_TRUE(holds(call, "bc"));
    driver_answer(&d, call, 200, "{}");
    call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_TRUE(holds(call, "d"));
    driver_answer(&d, call, 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 4);
    driver_close(&d);
}

/* Nothing travels under the credentials of somebody else. */
static void test_credentials(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "0");
    (void)write_with("upsert", "authorization: Bearer one\r\nuser-agent: x\r\n",
                     "{\"ids\":[\"a\"],\"embeddings\":[[1]]}");
    (void)write_with("upsert", "authorization: Bearer one\r\nuser-agent: y\r\n",
                     "{\"ids\":[\"b\"],\"embeddings\":[[1]]}");
    (void)write_with("upsert", "authorization: Bearer two\r\n", "{\"ids\":[\"c\"],\"embeddings\":[[1]]}");
    (void)driver_write(&d, 1, "upsert", "d");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    static const char *const together[] = { "ab", "c", "d" };
    static const char *const under[] = { "Bearer one", "Bearer two", NULL };
    for (size_t i = 0; i < 3; i++) {
        struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
        CU_ASSERT_TRUE(holds(call, together[i]));
        CU_ASSERT_TRUE(under[i] == NULL ? strstr(call->request, "Bearer") == NULL
                                        : strstr(call->request, under[i]) != NULL);
        driver_answer(&d, call, 200, "{}");
    }
    (void)driver_serve(&d, REPLICA);
    driver_close(&d);
}

static void test_unknown_dimension(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    for (const char *c = "abc"; *c != '\0'; c++) {
        char id[2] = { *c, '\0' };
        (void)driver_write(&d, 1, "add", id);
    }
    driver_up(&d, PRIMARY);
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/add");
    CU_ASSERT_TRUE(holds(call, "a")); /* it may be refused for its dimension: alone */
    driver_answer(&d, call, 201, "{}");
    call = driver_expect(&d, PRIMARY, "POST", "/add");
    CU_ASSERT_TRUE(holds(call, "bc"));
    driver_answer(&d, call, 201, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_bounds(void)
{
    ready_with(3);
    driver_down(&d, PRIMARY);
    queue("upsert", "abcdefg");
    driver_up(&d, PRIMARY);
    static const char *const batches[] = { "abc", "def", "g" };
    for (size_t i = 0; i < 3; i++) {
        struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
        CU_ASSERT_TRUE(holds(call, batches[i]));
        driver_answer(&d, call, 200, "{}");
    }
    driver_close(&d);
}

static void test_bytes_bound(void)
{
    driver_init(&d);
    d.settings.replay_batch_bytes = 1024;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    (void)driver_write(&d, 1, "add", "zero");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    (void)driver_serve(&d, REPLICA);
    driver_down(&d, PRIMARY);
    queue("upsert", "abcdefghijklmnopqrst");
    driver_up(&d, PRIMARY);
    size_t requests = 0;
    size_t longest = 0;
    struct driver_call *call;
    while ((call = driver_next(&d, PRIMARY)) != NULL) {
        longest = strlen(call->body) > longest ? strlen(call->body) : longest;
        driver_answer(&d, call, 200, "{}");
        requests++;
    }
    CU_ASSERT_TRUE(longest <= 1024);
    CU_ASSERT_TRUE(requests > 1);
    CU_ASSERT_TRUE(requests < 20);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* The next replay, now or when its turn comes. */
static struct driver_call *next_replay(void)
{
    struct driver_call *call = driver_next(&d, PRIMARY);
    if (call == NULL) {
        driver_advance(&d, NS_PER_S);
        call = driver_next(&d, PRIMARY);
    }
    return call;
}

/* Answers everything at the primary, refusing whatever holds the poison; how many requests that took. */
static size_t serve_but(const char *poison, int status, const char *answer)
{
    size_t requests = 0;
    struct driver_call *call;
    while ((call = next_replay()) != NULL) {
        bool refused = strstr(call->body, poison) != NULL;
        driver_answer(&d, call, refused ? status : 200, refused ? answer : "{}");
        requests++;
    }
    return requests;
}

static void test_poison_in_replay(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue("upsert", "abcdefghijklmnop");
    driver_up(&d, PRIMARY);
    size_t requests = serve_but("\"k\"", 400, INVALID);
    CU_ASSERT_TRUE(requests <= 10); /* 16 refused, 8 good, 4 refused, ... */
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays_total"), 1);
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 15);
    driver_close(&d);
}

static void test_poison_among_live(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "0");
    uint64_t clients[4];
    static const char *const ids[] = { "a", "b", "c", "d" };
    for (size_t i = 0; i < 4; i++) {
        clients[i] = driver_write(&d, 1, "upsert", ids[i]);
    }
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    (void)serve_but("\"c\"", 400, INVALID);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(driver_status(&d, clients[i]), i == 2 ? 400 : 200);
    }
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, clients[2]), INVALID);
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "rejected_writes"), 1);
    driver_close(&d);
}

/* A joined request that is too large is no fault of anybody in it. */
static void test_too_large_together(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue("upsert", "abcdefgh");
    driver_up(&d, PRIMARY);
    struct driver_call *call;
    while ((call = next_replay()) != NULL) {
        bool fits = strlen(call->body) < 100;
        driver_answer(&d, call, fits ? 200 : 413, fits ? "{}" : TOO_LARGE);
    }
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 8);
    driver_close(&d);
}

static struct driver_call *next_after_fence(void)
{
    driver_advance(&d, 40 * NS_PER_S);
    struct driver_call *call = driver_next(&d, PRIMARY);
    if (call != NULL && driver_is_fence(call)) {
        driver_answer(&d, call, 201, "{}");
        call = driver_next(&d, PRIMARY);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(call);
    return call;
}

static void test_ambiguous_goes_again_as_it_was(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue("upsert", "abc");
    driver_up(&d, PRIMARY);
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_TRUE(holds(call, "abc"));
    driver_end(&d, call, CALL_BROKEN, true);
    uint64_t live = driver_write(&d, 1, "upsert", "d"); /* asks the replica meanwhile */
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, live), 200);
    call = next_after_fence();
    CU_ASSERT_TRUE(holds(call, "abc")); /* without d */
    CU_ASSERT_TRUE(call->fresh);
    driver_answer(&d, call, 200, "{}");
    call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_TRUE(holds(call, "d"));
    driver_answer(&d, call, 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* Its size may be what the instance cannot bear. */
static void test_ambiguous_twice_is_halved(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue("upsert", "abcd");
    driver_up(&d, PRIMARY);
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    driver_end(&d, call, CALL_BROKEN, true);
    call = next_after_fence();
    CU_ASSERT_TRUE(holds(call, "abcd"));
    driver_end(&d, call, CALL_BROKEN, true);
    call = next_after_fence();
    CU_ASSERT_TRUE(holds(call, "ab"));
    driver_answer(&d, call, 200, "{}");
    while ((call = driver_next(&d, PRIMARY)) != NULL) {
        driver_answer(&d, call, 200, "{}");
    }
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 4);
    driver_close(&d);
}

/* Each of them asks the replica, and each is told. */
static void test_ambiguous_live(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "0");
    uint64_t a = driver_write(&d, 1, "upsert", "a");
    uint64_t b = driver_write(&d, 1, "upsert", "b");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_TRUE(holds(call, "ab"));
    driver_end(&d, call, CALL_BROKEN, true);
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, a), 200);
    CU_ASSERT_EQUAL(driver_status(&d, b), 200);
    CU_ASSERT_TRUE(driver_queued(&d, a));
    CU_ASSERT_TRUE(driver_queued(&d, b));
    call = next_after_fence();
    CU_ASSERT_TRUE(holds(call, "ab"));
    driver_answer(&d, call, 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* 503: all of them wait, all of them pay an attempt, none is lost. */
static void test_not_now(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue("upsert", "ab");
    driver_up(&d, PRIMARY);
    for (int i = 0; i < 3; i++) {
        struct driver_call *call = next_after_fence();
        driver_answer(&d, call, 503, NOT_NOW);
    }
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"),
                    1); /* halved after the second: the first one alone */
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 2);
    struct driver_call *call = next_after_fence();
    CU_ASSERT_TRUE(holds(call, "a"));
    driver_answer(&d, call, 200, "{}");
    driver_answer(&d, next_after_fence(), 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "live writes that waited behind one travel together, each with its own answer", test_live_ones_join },
    { "what is not fully understood travels alone, byte for byte", test_strangers_do_not_join },
    { "only neighbours of one operation join", test_other_operations_do_not_join },
    { "nothing travels under another client's credentials", test_credentials },
    { "nothing joins while the dimension is not known", test_unknown_dimension },
    { "REPLAY_BATCH_RECORDS bounds a joined request", test_bounds },
    { "REPLAY_BATCH_BYTES bounds a joined request", test_bytes_bound },
    { "one poison write among many is found, and it alone is dead", test_poison_in_replay },
    { "one poison write among live ones is refused, the others are not", test_poison_among_live },
    { "too large together is halved until it fits", test_too_large_together },
    { "an ambiguous batch goes again as it was, before anything else", test_ambiguous_goes_again_as_it_was },
    { "a batch that was ambiguous twice is halved", test_ambiguous_twice_is_halved },
    { "each live member of an ambiguous batch asks the replica", test_ambiguous_live },
    { "a batch that is answered not now waits as a whole", test_not_now },
};

TEST_MAIN("core_batch", tests)
