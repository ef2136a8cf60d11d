/* Every ticket ends once, whatever room the pump gives; a log that fails stops what needs it; what is not
 * ours to replicate goes to the primary alone (rules 20, 24, 26, 29 and 30). */
#include "base/memory.h"
#include "tests/unit/core/driver.h"
#include <stdio.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static const char *path_of(const char *tail)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), C_PATH "/%s%s", driver_id(PRIMARY, 1), tail);
    return path;
}

/* A morning: writes, an outage, reads, a hang, a return, a restart; all that was wished for as text. */
static char *script(size_t room)
{
    driver_init(&d);
    d.room = room;
    d.settings.log_level = LOG_DEBUG;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_make(&d, 2, "other");
    for (int i = 0; i < 5; i++) {
        (void)driver_write(&d, 1, "upsert", "a");
        (void)driver_write(&d, 2, i % 2 == 0 ? "update" : "add", "b");
        (void)driver_send(&d, "GET", path_of("/count"), "");
    }
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    (void)driver_write(&d, 1, "upsert", "cut");
    driver_down(&d, PRIMARY);
    for (int i = 0; i < 5; i++) {
        (void)driver_write(&d, 1, "upsert", "c");
        (void)driver_write(&d, 2, "delete", "d");
        (void)driver_serve(&d, REPLICA);
    }
    (void)driver_write(&d, 2, "upsert", "hangs");
    driver_advance(&d, 20 * NS_PER_S);
    driver_leave(&d, driver_send(&d, "GET", path_of("/count"), ""));
    driver_up(&d, PRIMARY);
    for (int i = 0; i < 40; i++) {
        (void)driver_serve(&d, PRIMARY);
        (void)driver_serve(&d, REPLICA);
        driver_advance(&d, NS_PER_S);
    }
    driver_restart(&d, false);
    (void)driver_get(&d, "/status");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    for (size_t i = 0; i < d.client_count; i++) {
        CU_ASSERT_TRUE(d.clients[i].over);
    }
    char *text = mem_strdup(buf_text(&d.trace));
    driver_close(&d);
    return text;
}

static void test_room_for_one(void)
{
    char *plenty = script(64);
    char *one = script(1);
    char *seven = script(7);
    CU_ASSERT(strlen(plenty) > 1000);
    CU_ASSERT_STRING_EQUAL(one, plenty);
    CU_ASSERT_STRING_EQUAL(seven, plenty);
    mem_free(plenty);
    mem_free(one);
    mem_free(seven);
}

static void test_answered_once(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    driver_advance(&d, 20 * NS_PER_S); /* answered by the budget; the cancelled call has ended */
    CU_ASSERT_TRUE(call->over);
    CU_ASSERT_EQUAL(driver_client(&d, client)->ended, 1);
    driver_close(&d);
}

static void test_drain(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    driver_drain(&d);
    CU_ASSERT_FALSE(d.stopped); /* somebody waits */
    uint64_t late = driver_write(&d, 1, "upsert", "b");
    CU_ASSERT_EQUAL(driver_status(&d, late), 503);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_TRUE(d.stopped);
    driver_close(&d);
}

/* ---- the log ---- */

static void test_log_fails(void)
{
    ready();
    d.slow_log = true;
    uint64_t undurable = driver_write(&d, 1, "upsert", "a");
    driver_log_fails(&d);
    CU_ASSERT_EQUAL(driver_status(&d, undurable), 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, undurable), "outcome unknown"));
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY)); /* not begun what cannot be remembered */
    uint64_t later = driver_write(&d, 1, "upsert", "b");
    CU_ASSERT_EQUAL(driver_status(&d, later), 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"failed\":true"));
    uint64_t read = driver_send(&d, "GET", path_of("/count"), ""); /* reads go on */
    struct driver_call *call =
        driver_next(&d, REPLICA) != NULL ? driver_next(&d, REPLICA) : driver_next(&d, PRIMARY);
    CU_ASSERT_PTR_NOT_NULL_FATAL(call);
    driver_answer(&d, call, 200, "1");
    CU_ASSERT_EQUAL(driver_status(&d, read), 200);
    driver_close(&d);
}

static void test_log_fails_under_an_answer(void)
{
    ready();
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"new\"}");
    d.slow_log = true;
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 2), "new"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_log_fails(&d);
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    uint64_t read = driver_send(&d, "GET", C_PATH "/strange", ""); /* its id could not be remembered */
    driver_answer(&d, driver_next(&d, PRIMARY) != NULL ? driver_next(&d, PRIMARY) : driver_next(&d, REPLICA),
                  200, driver_object(driver_id(PRIMARY, 9), "strange"));
    CU_ASSERT_EQUAL(driver_status(&d, read), 503);
    driver_close(&d);
}

static void test_bounds(void)
{
    driver_init(&d);
    d.settings.wal_max_writes = 2;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    (void)driver_write(&d, 1, "upsert", "a");
    (void)driver_write(&d, 1, "upsert", "b");
    uint64_t client = driver_write(&d, 1, "upsert", "c");
    CU_ASSERT_EQUAL(driver_status(&d, client), 429); /* they are in flight: nobody has to come back first */
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_client(&d, client)->headers, "retry-after: "));
    driver_close(&d);
    driver_init(&d);
    d.settings.max_body_bytes = 20;
    driver_start(&d);
    size_t logged = d.log_count;
    client = driver_send(&d, "POST", C_PATH, "{\"name\":\"a name that is too long\"}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 413);
    CU_ASSERT_EQUAL(d.log_count, logged);
    driver_close(&d);
}

/* ---- not ours to replicate ---- */

static void test_unknown_route(void)
{
    ready();
    size_t logged = d.log_count;
    uint64_t client = driver_send(&d, "POST", path_of("/conditional/commit"), "{\"x\":1}");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/conditional/commit");
    CU_ASSERT_STRING_EQUAL(call->body, "{\"x\":1}");
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_answer(&d, call, 200, "{\"ok\":true}");
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), "{\"ok\":true}");
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    CU_ASSERT_EQUAL(d.log_count, logged);
    CU_ASSERT_EQUAL(driver_number(&d, "unreplicated"), 1);
    driver_close(&d);
}

static void test_unknown_route_in_an_outage(void)
{
    ready();
    driver_down(&d, PRIMARY);
    uint64_t client = driver_send(&d, "POST", path_of("/conditional/commit"), "{\"x\":1}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA)); /* never elsewhere */
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_fork_is_counted(void)
{
    ready();
    uint64_t client = driver_send(&d, "POST", path_of("/fork"), "{\"new_name\":\"x\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/fork"), 501, INVALID);
    CU_ASSERT_EQUAL(driver_status(&d, client), 501);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    CU_ASSERT_EQUAL(driver_number(&d, "unreplicated"), 1); /* should a server come to do it */
    driver_close(&d);
}

static void test_reset_is_refused(void)
{
    ready();
    driver_down(&d, REPLICA);
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}"); /* the replica lacks it */
    uint64_t client = driver_send(&d, "POST", "/api/v2/reset", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 403);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_close(&d);
}

static void test_reset_resets_all(void)
{
    ready();
    uint64_t client = driver_send(&d, "POST", "/api/v2/reset", "");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/reset");
    CU_ASSERT_EQUAL(driver_status(&d, driver_write(&d, 1, "upsert", "a")), 503); /* meanwhile */
    driver_unmark(&d, PRIMARY);
    driver_answer(&d, call, 200, "true");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_unmark(&d, REPLICA);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/reset"), 200, "true");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    d.made_count = 0;
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, driver_write(&d, 1, "upsert", "a")), 404); /* it went with the rest */
    driver_make(&d, 2, "docs");
    driver_close(&d);
}

static void test_reset_not_allowed(void)
{
    ready();
    uint64_t client = driver_send(&d, "POST", "/api/v2/reset", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/reset"), 403,
                  "{\"error\":\"ChromaError\",\"message\":\"Reset is disabled by config\"}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 403);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), "disabled by config"));
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_close(&d);
}

/* Rule 30 and 23. */
static void test_headers(void)
{
    ready();
    char target[256];
    (void)snprintf(target, sizeof(target), "%s", path_of("/upsert"));
    uint64_t client = driver_send_with(&d, "POST", target,
                                       "content-type: application/json\r\nx-request-id: abc-1\r\n"
                                       "authorization: Bearer client\r\nconnection: keep-alive\r\n",
                                       "{\"ids\":[\"a\"],\"embeddings\":[[1]]}");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "x-request-id: abc-1\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "authorization: Bearer client\r\n"));
    CU_ASSERT_PTR_NULL(strstr(call->request, "connection:"));
    driver_answer(&d, call, 200, "{}");
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_client(&d, client)->headers, "x-request-id: abc-1\r\n"));
    call = driver_expect(&d, REPLICA, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "x-request-id: abc-1\r\n"));
    CU_ASSERT_PTR_NULL(strstr(call->request, "authorization")); /* only the live attempt carries them */
    for (size_t i = 0; i < d.log_count; i++) {
        struct str meta = block_str(d.log[i].meta);
        CU_ASSERT_PTR_NULL(memmem(meta.data, meta.size, "Bearer", 6)); /* and nothing stores them */
    }
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "room for one action changes nothing", test_room_for_one },
    { "a client is answered once, a cancelled call ends", test_answered_once },
    { "a drain waits for who is waiting and takes nothing new", test_drain },
    { "when the log fails what was in flight is unknown, reads go on", test_log_fails },
    { "when the log fails an answer that waits for it is not given", test_log_fails_under_an_answer },
    { "bounds have their own answers", test_bounds },
    { "an unknown write goes to the primary alone and is counted", test_unknown_route },
    { "in an outage it goes nowhere", test_unknown_route_in_an_outage },
    { "a fork goes to the primary alone and is counted", test_fork_is_counted },
    { "reset is refused while somebody lacks something", test_reset_is_refused },
    { "reset empties all, the primary first", test_reset_resets_all },
    { "the primary's no to a reset is the answer", test_reset_not_allowed },
    { "one request id everywhere, credentials on the live attempt only", test_headers },
};

TEST_MAIN("core_tickets", tests)
