/* An instance comes back: the same, empty, older, or somebody else's. */
#include "tests/unit/core/driver.h"

#include "base/memory.h"
#include <stdio.h>

#define ROWS(id)                                                                           \
    "{\"ids\":[\"" id                                                                      \
    "\"],\"embeddings\":[[1.0]],\"documents\":[null],\"metadatas\":[null],\"uris\":[null]" \
    "}"
#define NO_ROWS "{\"ids\":[],\"embeddings\":[]}"

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
    (void)driver_write(&d, 1, "upsert", "a");
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    driver_advance(&d, 11 * NS_PER_S); /* both marks tell of it */
}

static bool says(const char *text)
{
    return strstr(driver_get(&d, "/status"), text) != NULL;
}

static void test_marks_are_written(void)
{
    ready();
    CU_ASSERT_PTR_NOT_NULL_FATAL(d.mark[PRIMARY]);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d.mark[REPLICA]);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.mark[PRIMARY], "\"lsn\":"));
    CU_ASSERT_TRUE(says("\"resync\":null"));
    driver_close(&d);
}

static void test_marks_are_hidden(void)
{
    ready();
    uint64_t client = driver_send(&d, "GET", "/api/v2/tenants/walproxy/databases/walproxy/collections", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 404);
    client = driver_send(&d, "GET", "/api/v2/tenants/wal%70roxy", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 404);
    client = driver_send(&d, "POST", "/api/v2/tenants", "{\"name\":\"walproxy\"}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 409);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_close(&d);
}

static void test_same_is_not_copied(void)
{
    ready();
    d.hold_resync = true;
    driver_down(&d, REPLICA);
    driver_advance(&d, 20 * NS_PER_S);
    driver_up(&d, REPLICA);
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY)); /* nothing was written since the mark */
    CU_ASSERT_TRUE(says("\"resync\":null"));
    driver_close(&d);
}

/* A mark that could not be renewed tells nothing of what came after it: an instance that lost that unnoticed
 * shows the same.  When it can be written again, what was written since is compared first. */
static void test_overdue_mark(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "b");
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    char *before = mem_strdup(d.mark[PRIMARY]);
    d.marks_fail = true;
    driver_advance(&d, 21 * NS_PER_S);
    CU_ASSERT_TRUE(says("\"resync\":null"));
    d.marks_fail = false;
    d.hold_resync = true;
    driver_advance(&d, 10 * NS_PER_S);
    struct driver_call *call =
        driver_expect(&d, REPLICA, "GET", "/collections/docs"); /* the primary's truth */
    CU_ASSERT_FALSE(says("\"resync\":null"));
    CU_ASSERT_STRING_EQUAL(d.mark[PRIMARY], before); /* a restart would begin from there */
    mem_free(before);
    driver_answer(&d, call, 200, driver_object(driver_id(REPLICA, 1), "docs"));
    driver_close(&d);
}

/* The other one does not catch up: what stands there is read all the same after a while, and compared when it
 * can be. */
static void test_verified_late(void)
{
    ready();
    d.hold_resync = true;
    for (unsigned n = 0; n < 100; n++) { /* the replica takes none of them */
        (void)driver_write(&d, 1, "upsert", "b");
        (void)driver_serve(&d, PRIMARY);
    }
    driver_down(&d, PRIMARY);
    driver_advance(&d, 20 * NS_PER_S);
    driver_up(&d, PRIMARY);
    uint64_t reader = driver_write(&d, 1, "get", "b");
    CU_ASSERT_EQUAL(driver_status(&d, reader), 0);
    driver_advance(&d, 31 * NS_PER_S);
    CU_ASSERT_TRUE(says("\"collections_waiting\":1"));
    reader = driver_write(&d, 1, "get", "b");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/get"), 200, ROWS("b"));
    CU_ASSERT_EQUAL(driver_status(&d, reader), 200);
    d.hold_resync = false;
    (void)driver_serve(&d, REPLICA);
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_FALSE(says("\"collections_waiting\""));
    driver_close(&d);
}

/* Everything is compared and copied; until it is there the replica is not read. */
static void test_empty_is_refilled(void)
{
    ready();
    driver_down(&d, REPLICA);
    driver_advance(&d, 20 * NS_PER_S);
    driver_unmark(&d, REPLICA);
    d.hold_resync = true;
    driver_up(&d, REPLICA);
    CU_ASSERT_TRUE(says("\"names\":\"waiting\""));
    static const char databases[] = "[{\"name\":\"default_database\",\"tenant\":\"default_tenant\"}]";
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/databases"), 200, databases);
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/databases"), 200, databases);
    char listing[1024];
    (void)snprintf(listing, sizeof(listing), "[%s]", driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections"), 200, listing);
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200, "[]");
    CU_ASSERT_TRUE(says("\"collections_waiting\":1"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/docs"), 404, NOT_FOUND);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/collections"), 200,
                  driver_object(driver_id(REPLICA, 7), "docs"));
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 200, "0");
    struct driver_call *page = driver_expect(&d, PRIMARY, "POST", "/get");
    uint64_t live = driver_write(&d, 1, "add", "new"); /* goes on at the primary meanwhile */
    driver_answer(&d, page, 200, ROWS("a"));
    struct driver_call *copy = driver_expect(&d, REPLICA, "POST", "/add");
    CU_ASSERT_PTR_NOT_NULL(strstr(copy->request, driver_id(REPLICA, 7)));
    CU_ASSERT_PTR_NOT_NULL(strstr(copy->body, "[\"a\"]"));
    driver_answer(&d, copy, 201, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, live), 201);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/get"), 200, NO_ROWS);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/add"), 201, "{}"); /* what came behind the cut */
    CU_ASSERT_TRUE(says("\"resync\":null"));
    CU_ASSERT_EQUAL(driver_number(&d, "lag"), 0);
    driver_close(&d);
}

/* The primary is back as it was before "b" was written, and requests of its copy wait. */
static void primary_restored(void)
{
    ready();
    char *older = mem_strdup(d.mark[PRIMARY]);
    (void)driver_write(&d, 1, "upsert", "b");
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    driver_advance(&d, 11 * NS_PER_S);
    driver_down(&d, PRIMARY);
    driver_advance(&d, 20 * NS_PER_S);
    mem_free(d.mark[PRIMARY]);
    d.mark[PRIMARY] = older;
    d.hold_resync = true;
    driver_up(&d, PRIMARY);
}

/* The primary lost what came after its mark: it is not asked before it has been made equal. */
static void test_older_is_made_equal(void)
{
    primary_restored();
    struct driver_call *object = driver_expect(&d, REPLICA, "GET", "/collections/docs");
    uint64_t live = driver_write(&d, 1, "upsert", "c");
    driver_answer(&d, object, 200, driver_object(driver_id(REPLICA, 1), "docs"));
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, live), 200);
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 200, "1");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/get"), 200, ROWS("b"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/get"), 200, NO_ROWS);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/get"), 200, NO_ROWS);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/get"), 200, ROWS("gone")); /* deleted since */
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/get"), 200, NO_ROWS);
    struct driver_call *removal = driver_expect(&d, PRIMARY, "POST", "/delete");
    CU_ASSERT_PTR_NOT_NULL(strstr(removal->body, "\"gone\""));
    driver_answer(&d, removal, 200, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/get"), 200, NO_ROWS);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}"); /* behind the cut */
    CU_ASSERT_TRUE(says("\"resync\":null"));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* A write that was refused is fenced after a restart like the others, and no write behind it asks for that.
 */
static void test_copy_after_refusal_and_restart(void)
{
    ready();
    driver_down(&d, PRIMARY);
    (void)driver_write(&d, 1, "upsert", "b");
    (void)driver_serve(&d, REPLICA);
    (void)driver_write(&d, 1, "upsert", "bad");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 400, INVALID);
    driver_unmark(&d, PRIMARY); /* it comes back empty */
    d.up[PRIMARY] = true;
    driver_restart(&d, false);
    for (unsigned n = 0; n < 20; n++) {
        (void)driver_serve(&d, REPLICA);
        (void)driver_serve(&d, PRIMARY);
        driver_advance(&d, NS_PER_S);
    }
    CU_ASSERT_FALSE(says("\"resync\":{"));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* Both are in doubt: one that did not answer for a while may have lost its latest, one that refused
 * connections has begun anew for certain. */
static void test_truth_of_two_in_doubt(void)
{
    driver_init(&d);
    d.settings.check_interval_ns = NS_PER_S; /* all of it happens between two marks */
    d.settings.failure_threshold = 2;
    d.settings.request_timeout_ns = 3 * NS_PER_S;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_advance(&d, 11 * NS_PER_S);
    (void)driver_write(&d, 1, "upsert", "b");
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    d.hold_resync = true;
    d.hold_probes = true;
    struct driver_call *probe;
    while (strstr(buf_text(&d.trace), "instance_down target=replica") == NULL) {
        CU_ASSERT_FATAL(d.now_ns < 600 * NS_PER_S);
        driver_advance(&d, 100 * NS_PER_MS); /* the replica's time out */
        while ((probe = driver_next(&d, PRIMARY)) != NULL) {
            driver_answer(&d, probe, 200, "[]");
        }
    }
    d.hold_probes = false;
    driver_down(&d, PRIMARY);
    driver_up(&d, REPLICA);
    driver_up(&d, PRIMARY);
    driver_advance(&d, NS_PER_S);
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(REPLICA, 1), "docs"));
    (void)driver_expect(&d, PRIMARY, "GET", "/collections/docs");
    driver_close(&d);
}

static void use_foreign_mark(unsigned instance)
{
    driver_unmark(&d, instance);
    d.mark[instance] =
        mem_strdup("{\"log\":\"99999999-0000-4000-8000-000000000001\",\"lsn\":5,\"keep\":false}");
}

static void test_foreign_is_refused(void)
{
    driver_init(&d);
    use_foreign_mark(PRIMARY);
    driver_start(&d);
    CU_ASSERT_TRUE(d.stopped);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&d.trace), "foreign_mark"));
    driver_close(&d);
}

static void test_foreign_is_adopted_on_wish(void)
{
    driver_init(&d);
    d.settings.adopt = SETTING_YES;
    use_foreign_mark(PRIMARY);
    driver_start(&d);
    CU_ASSERT_FALSE(d.stopped);
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_PTR_NULL(strstr(d.mark[PRIMARY], "99999999"));
    driver_close(&d);
}

/* Rule 14: the replica holds what the client was shown, not what it asked for. */
static void test_others_get_what_was_shown(void)
{
    driver_init(&d);
    driver_start(&d);
    (void)driver_send(&d, "POST", C_PATH,
                      "{\"name\":\"docs\",\"get_or_create\":true,\"metadata\":{\"k\":\"mine\"}}");
    driver_answer(
        &d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
        "{\"id\":\"11111111-0000-4000-8000-000000000001\",\"name\":\"docs\",\"metadata\":{\"k\":\"theirs\"},"
        "\"configuration_json\":{\"hnsw\":{\"space\":\"cosine\"},\"spann\":null}}");
    driver_restart(&d, false); /* it survives */
    driver_answer(&d, driver_expect(&d, REPLICA, "PATCH", "/walproxy-fence"), 200, "{}");
    struct driver_call *call = driver_expect(&d, REPLICA, "POST", "/collections");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "{\"k\":\"theirs\"}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "\"space\":\"cosine\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "\"get_or_create\":true"));
    driver_close(&d);
}

/* S32: thirty clients create one name at once. */
static void test_thirty_creates(void)
{
    driver_init(&d);
    driver_start(&d);
    uint64_t clients[30];
    for (unsigned i = 0; i < 30; i++) {
        clients[i] =
            driver_send(&d, "POST", C_PATH,
                        i % 2 == 0 ? "{\"name\":\"docs\",\"get_or_create\":true}" : "{\"name\":\"docs\"}");
    }
    unsigned made = 0;
    struct driver_call *call;
    while ((call = driver_next(&d, PRIMARY)) != NULL) {
        bool flagged = strstr(call->body, "get_or_create") != NULL;
        bool fails = made > 0 && !flagged;
        driver_answer(&d, call, fails ? 409 : 200,
                      fails ? TAKEN : driver_object(driver_id(PRIMARY, 1), "docs"));
        made++;
        while ((call = driver_next(&d, REPLICA)) != NULL) {
            driver_answer(&d, call, 200, driver_object(driver_id(REPLICA, 1), "docs"));
        }
    }
    for (unsigned i = 0; i < 30; i++) {
        bool yes = i % 2 == 0;
        CU_ASSERT_EQUAL(driver_status(&d, clients[i]), yes ? 200 : 409);
        CU_ASSERT(!yes || strstr(driver_answer_of(&d, clients[i]), driver_id(PRIMARY, 1)) != NULL);
    }
    (void)driver_write(&d, 1, "add", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(driver_expect(&d, REPLICA, "POST", "/add")->request, driver_id(REPLICA, 1)));
    driver_close(&d);
}

/* Rule 15: nobody can be asked, but the listing is held. */
static void test_creates_alone(void)
{
    ready();
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    driver_advance(&d, 120 * NS_PER_S);
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 409);
    client = driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\",\"get_or_create\":true}");
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), driver_id(PRIMARY, 1)));
    client = driver_send(&d, "POST", C_PATH, "{\"name\":\"..\"}");
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    client = driver_send(&d, "POST", C_PATH, "{\"name\":\"fresh\",\"metadata\":{\"k\":1}}");
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT_EQUAL_FATAL(driver_status(&d, client), 200);
    CU_ASSERT_TRUE(driver_queued(&d, client));
    const char *answer = driver_answer_of(&d, client);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"metadata\":{\"k\":1}"));
    char id[37] = "";
    (void)snprintf(id, sizeof(id), "%.36s", strstr(answer, "\"id\":\"") + 6);
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/add", id);
    client = driver_send(&d, "POST", target, "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]}");
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 201); /* under the id that was promised */
    driver_restart(&d, false);                       /* which outlives a crash */
    client = driver_send(&d, "POST", target, "{\"ids\":[\"b\"],\"embeddings\":[[1.0]]}");
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    driver_close(&d);
}

static void test_no_listing_no_create(void)
{
    driver_init(&d);
    d.up[PRIMARY] = d.up[REPLICA] = false;
    driver_start(&d);
    driver_advance(&d, 120 * NS_PER_S);
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    driver_close(&d);
}

/* Rule 16: the path's database need not be the collection's. */
static void test_id_of_another_database(void)
{
    ready();
    d.made_count = 0;
    char target[256];
    (void)snprintf(target, sizeof(target),
                   "/api/v2/tenants/default_tenant/databases/wrong/collections/%s/count",
                   driver_id(PRIMARY, 5));
    uint64_t client = driver_send(&d, "GET", target, "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/wrong/collections"), 200, "[]");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/wrong/collections"), 200, "[]");
    char listing[1024];
    (void)snprintf(listing, sizeof(listing), "[%s]", driver_object(driver_id(PRIMARY, 5), "direct"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/default_database/collections"), 200, listing);
    struct driver_call *call = driver_next(&d, REPLICA);
    if (call != NULL) {
        driver_answer(&d, call, 200, "[]");
    }
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 200, "3");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

/* Its names wait to be verified until the other one is back; that is no reason to ask for its mark all the
 * time. */
static void test_waits_quietly(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_advance(&d, 11 * NS_PER_S); /* marks are written */
    driver_make(&d, 2, "more");
    (void)driver_send(&d, "DELETE", C_PATH "/more", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/more"), 200, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "DELETE", "/more"), 200, "{}");
    driver_down(&d, REPLICA);
    driver_down(&d, PRIMARY);
    driver_advance(&d, 2 * d.settings.check_interval_ns);
    driver_up(&d, REPLICA);
    size_t before = d.call_count;
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT(d.call_count - before < 60);
    driver_close(&d);
}

/* One connection to the only one there breaks: that is no reason not to read from it. */
static void test_broken_connection_is_no_loss(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_advance(&d, 60 * NS_PER_S);
    driver_down(&d, REPLICA);
    (void)driver_write(&d, 1, "upsert", "a");
    (void)driver_serve(&d, PRIMARY);
    (void)driver_write(&d, 1, "upsert", "b");
    driver_end(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), CALL_BROKEN, true);
    driver_advance(&d, NS_PER_S);
    (void)driver_serve(&d, PRIMARY);
    char target[512];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/get", driver_id(PRIMARY, 1));
    uint64_t reader = driver_send(&d, "POST", target, "{\"ids\":[\"a\"]}");
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_status(&d, reader), 200);
    driver_close(&d);
}

/* It may have lost its latest, and there is nobody to compare it with: not read inside the window. */
static void test_window_of_the_unverified(void)
{
    driver_init(&d);
    d.settings.check_interval_ns = 5 * NS_PER_S;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_advance(&d, 60 * NS_PER_S);
    (void)driver_write(&d, 1, "upsert", "a");
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA); /* and dies, and loses it */
    driver_down(&d, REPLICA);
    (void)driver_write(&d, 1, "upsert", "b");
    (void)driver_serve(&d, PRIMARY); /* that it is away is noticed */
    driver_down(&d, PRIMARY);
    driver_up(&d, REPLICA);
    while (driver_next(&d, REPLICA) != NULL) {
        (void)driver_serve(&d, REPLICA);
    }
    char target[512];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/get", driver_id(PRIMARY, 1));
    uint64_t reader = driver_send(&d, "POST", target, "{\"ids\":[\"a\"]}");
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_leave(&d, reader);
    driver_advance(&d, d.settings.consistency_window_ns);
    reader = driver_send(&d, "POST", target, "{\"ids\":[\"a\"]}");
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, reader), 200);
    driver_close(&d);
}

/* It was away, and what it may have lost is still to be compared when walproxy restarts. */
static void test_doubt_survives_restart(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "b");
    (void)driver_serve(&d, PRIMARY); /* and dies, and loses it */
    (void)driver_serve(&d, REPLICA);
    driver_down(&d, PRIMARY);
    (void)driver_write(&d, 1, "upsert", "c"); /* that it is away is noticed */
    (void)driver_serve(&d, REPLICA);
    d.hold_resync = true;
    d.up[PRIMARY] = true;
    driver_restart(&d, false);
    while (driver_is_fence(driver_next(&d, PRIMARY))) {
        driver_answer(&d, driver_next(&d, PRIMARY), 201, "{}");
    }
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    driver_advance(&d, NS_PER_S); /* nothing is behind any more: compared, the replica being right */
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(REPLICA, 1), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_close(&d);
}

/* A copy is broken off with a removal on its way: whatever comes next waits until it cannot come any more. */
static void test_broken_off_copy_is_fenced(void)
{
    primary_restored();
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(REPLICA, 1), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 200, "1");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/get"), 200, NO_ROWS);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/get"), 200, ROWS("gone"));
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/get"), 200, NO_ROWS);
    (void)driver_expect(&d, PRIMARY, "POST", "/delete"); /* on its way */
    driver_down(&d, REPLICA);
    (void)driver_write(&d, 1, "upsert", "c"); /* that it is away is noticed */
    driver_advance(&d, NS_PER_S);
    driver_up(&d, REPLICA);
    driver_advance(&d, NS_PER_S);
    bool fenced = false;
    bool written = false;
    for (unsigned n = 0; n < 20; n++) {
        struct driver_call *call = driver_next(&d, PRIMARY);
        if (call != NULL) {
            bool reads = strncmp(call->request, "GET ", 4) == 0 || strstr(call->request, "/get") != NULL;
            fenced = fenced || driver_is_fence(call);
            written = written || (!reads && !fenced);
            driver_answer(&d, call, 200, reads ? driver_object(driver_id(PRIMARY, 1), "docs") : "{}");
        }
        call = driver_next(&d, REPLICA);
        if (call != NULL) {
            driver_answer(&d, call, 200, driver_object(driver_id(REPLICA, 1), "docs"));
        }
        driver_advance(&d, 100 * NS_PER_MS);
    }
    CU_ASSERT_TRUE(fenced);
    CU_ASSERT_FALSE(written);
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "an instance that cannot be verified yet is left in peace", test_waits_quietly },
    { "both instances are marked", test_marks_are_written },
    { "what came after a mark that could not be renewed is compared", test_overdue_mark },
    { "what cannot be compared for long is read, and compared later", test_verified_late },
    { "clients neither see the marks nor reach them", test_marks_are_hidden },
    { "an instance that is the same is not copied", test_same_is_not_copied },
    { "an empty replica is refilled under load", test_empty_is_refilled },
    { "a restored primary is made equal before it is asked", test_older_is_made_equal },
    { "a copy comes to its end after a refusal and a restart", test_copy_after_refusal_and_restart },
    { "of two in doubt the one that did not begin anew is believed", test_truth_of_two_in_doubt },
    { "an instance of another log stops the start", test_foreign_is_refused },
    { "unless it is to be adopted", test_foreign_is_adopted_on_wish },
    { "the others get the create that was shown", test_others_get_what_was_shown },
    { "with nobody to ask, creates go by the listing that is held", test_creates_alone },
    { "without a listing nothing is created", test_no_listing_no_create },
    { "an id is looked for in the other databases too", test_id_of_another_database },
    { "thirty creates of one name make one mapping", test_thirty_creates },
    { "what may be lost is not read inside the window", test_window_of_the_unverified },
    { "a restart does not make it trustworthy", test_doubt_survives_restart },
    { "a copy that is broken off leaves a fence", test_broken_off_copy_is_fenced },
    { "a broken connection is no loss", test_broken_connection_is_no_loss },
};

TEST_MAIN("core_repair", tests)
