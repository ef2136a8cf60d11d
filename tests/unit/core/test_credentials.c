/* Rule 23: a client's credentials serve its live attempt only; what walproxy asks by itself carries its own.
 */
#include "base/buf.h"
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <string.h>

#define OURS  "authorization: Bearer ours\r\n"
#define THEIR "authorization: Bearer theirs\r\n"

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    (void)snprintf(d.settings.primary_auth, sizeof(d.settings.primary_auth), "Bearer ours");
    (void)snprintf(d.settings.replica_auth, sizeof(d.settings.replica_auth), "X-Chroma-Token: other");
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static uint64_t write_as(const char *headers, const char *id)
{
    char target[256];
    char body[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/upsert", driver_id(PRIMARY, 1));
    (void)snprintf(body, sizeof(body), "{\"ids\":[\"%s\"],\"embeddings\":[[1.0]]}", id);
    return driver_send_with(&d, "POST", target, headers, body);
}

static bool carries(const struct driver_call *call, const char *line)
{
    return strstr(call->request, line) != NULL;
}

static void test_replay(void)
{
    ready();
    driver_down(&d, PRIMARY);
    (void)write_as(THEIR, "a");
    struct driver_call *live = driver_expect(&d, REPLICA, "POST", "/upsert");
    CU_ASSERT_TRUE(carries(live, THEIR));
    CU_ASSERT_FALSE(carries(live, "X-Chroma-Token"));
    driver_answer(&d, live, 200, "{}");
    driver_up(&d, PRIMARY);
    struct driver_call *replay = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_TRUE(carries(replay, OURS));
    CU_ASSERT_FALSE(carries(replay, "theirs"));
    driver_answer(&d, replay, 200, "{}");
    for (size_t i = 0; i < d.log_count; i++) {
        struct str meta = block_str(d.log[i].meta);
        CU_ASSERT_PTR_NULL(memmem(meta.data, meta.size, "Bearer", 6));
    }
    driver_close(&d);
}

static void test_following(void)
{
    ready();
    (void)write_as(THEIR, "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    struct driver_call *follows = driver_expect(&d, REPLICA, "POST", "/upsert");
    CU_ASSERT_TRUE(carries(follows, "X-Chroma-Token: other\r\n"));
    CU_ASSERT_FALSE(carries(follows, "theirs"));
    driver_answer(&d, follows, 200, "{}");
    driver_close(&d);
}

static void test_nobody_gets_ours(void)
{
    ready();
    (void)write_as("", "a");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_FALSE(carries(call, "Bearer"));
    driver_answer(&d, call, 401, "{\"error\":\"AuthError\",\"message\":\"Unauthorized\"}");
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/count", driver_id(PRIMARY, 1));
    (void)driver_send(&d, "GET", target, "");
    struct driver_call *read =
        driver_next(&d, PRIMARY) != NULL ? driver_next(&d, PRIMARY) : driver_next(&d, REPLICA);
    CU_ASSERT_PTR_NOT_NULL_FATAL(read);
    CU_ASSERT_FALSE(carries(read, "Bearer"));
    CU_ASSERT_FALSE(carries(read, "X-Chroma-Token"));
    driver_answer(&d, read, 200, "1");
    driver_close(&d);
}

/* A live write without credentials waits for what is replayed in front of it, and does not travel in it. */
static void test_not_joined(void)
{
    ready();
    driver_down(&d, PRIMARY);
    (void)write_as(THEIR, "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_down(&d, REPLICA);
    driver_up(&d, PRIMARY);
    (void)write_as("", "b");
    struct driver_call *replay = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_TRUE(carries(replay, OURS));
    CU_ASSERT_PTR_NULL(strstr(replay->body, "\"b\""));
    driver_answer(&d, replay, 200, "{}");
    driver_advance(&d, NS_PER_S);
    struct driver_call *live = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_FALSE(carries(live, "Bearer"));
    driver_answer(&d, live, 200, "{}");
    driver_close(&d);
}

static void test_own_requests(void)
{
    ready();
    unsigned seen = 0;
    for (size_t i = 0; i < d.call_count; i++) {
        const struct driver_call *call = &d.calls[i];
        if (call->probe || call->own) {
            CU_ASSERT_TRUE(carries(call, call->instance == PRIMARY ? OURS : "X-Chroma-Token: other\r\n"));
            seen++;
        }
    }
    CU_ASSERT(seen > 1);
    driver_close(&d);
}

static const char *line_of(const char *auth)
{
    static struct buf out;
    buf_deinit(&out);
    buf_init(&out, 1 << 12);
    settings_auth_line(auth, &out);
    return buf_text(&out);
}

static void test_forms(void)
{
    CU_ASSERT_STRING_EQUAL(line_of(""), "");
    CU_ASSERT_STRING_EQUAL(line_of("Bearer a.b:c"), "authorization: Bearer a.b:c\r\n");
    CU_ASSERT_STRING_EQUAL(line_of("X-Chroma-Token:abc"), "X-Chroma-Token: abc\r\n");
    static struct settings_draft draft;
    struct errmsg msg = { "" };
    settings_draft_init(&draft);
    CU_ASSERT_NOT_EQUAL(
        settings_set(&draft, STR("PRIMARY_AUTH"), STR("Bearer geheim\nx: y"), SETTINGS_ENV, &msg), 0);
    CU_ASSERT_PTR_NULL(strstr(msg.text, "geheim"));
    CU_ASSERT_EQUAL(settings_set(&draft, STR("PRIMARY_AUTH"), STR("Bearer geheim"), SETTINGS_ENV, &msg), 0);
    struct buf out;
    buf_init(&out, 1 << 16);
    settings_print(&draft, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "PRIMARY_AUTH=(set)  # environment"));
    CU_ASSERT_PTR_NULL(strstr(buf_text(&out), "geheim"));
    buf_deinit(&out);
}

static const struct suite_test tests[] = {
    { "replay carries ours, and the log nobody's", test_replay },
    { "what follows to the replica carries ours", test_following },
    { "a client without credentials does not get ours", test_nobody_gets_ours },
    { "nor by joining what is replayed", test_not_joined },
    { "probes and marks carry ours", test_own_requests },
    { "the two forms, and no word of them where people look", test_forms },
};

TEST_MAIN("core_credentials", tests)
