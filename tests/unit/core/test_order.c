/* What must not pass what: lanes, names, places (rules 12 and 13), and what is left for an instance that
 * comes back. */
#include "tests/unit/core/driver.h"
#include <stdio.h>

static struct driver d;

#define DATABASES "/api/v2/tenants/default_tenant/databases"

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static const char *path_of(unsigned nth, const char *tail)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), C_PATH "/%s%s", driver_id(PRIMARY, nth), tail);
    return path;
}

static struct driver_call *open_call(unsigned instance, const char *part)
{
    for (size_t i = 0; i < d.call_count; i++) {
        if (!d.calls[i].over && d.calls[i].instance == instance && strstr(d.calls[i].request, part) != NULL) {
            return &d.calls[i];
        }
    }
    return NULL;
}

static struct driver_call *wait_open(unsigned instance, const char *part)
{
    for (int i = 0; i < 200 && open_call(instance, part) == NULL; i++) {
        driver_advance(&d, 50 * NS_PER_MS);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(open_call(instance, part));
    return open_call(instance, part);
}

/* The next call that is no fence. */
static struct driver_call *next_real(unsigned instance)
{
    for (int i = 0; i < 20; i++) {
        struct driver_call *call = driver_next(&d, instance);
        if (call == NULL) {
            driver_advance(&d, NS_PER_S);
        } else if (strncmp(call->request, "PATCH ", 6) == 0) {
            driver_answer(&d, call, 404, NOT_FOUND);
        } else if (driver_is_fence(call)) {
            driver_answer(&d, call, 201, "{}");
        } else {
            return call;
        }
    }
    CU_FAIL_FATAL("nothing is asked");
    return NULL;
}

static void test_delete_waits_for_its_writes(void)
{
    ready();
    (void)driver_write(&d, 1, "add", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    struct driver_call *copy = driver_expect(&d, REPLICA, "POST", "/add");
    (void)driver_send(&d, "DELETE", C_PATH "/docs", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/docs"), 200, "{}");
    CU_ASSERT_PTR_NULL(open_call(REPLICA, "DELETE "));
    driver_answer(&d, copy, 201, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "DELETE", "/docs"), 200, "{}");
    driver_close(&d);
}

static void test_write_after_delete(void)
{
    ready();
    (void)driver_send(&d, "DELETE", C_PATH "/docs", "");
    uint64_t racing = driver_write(&d, 1, "add", "late"); /* behind the delete, which is not decided yet */
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/docs"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, racing), 404);
    uint64_t after = driver_write(&d, 1, "add", "later");
    CU_ASSERT_EQUAL(driver_status(&d, after), 404);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, after), driver_id(PRIMARY, 1)));
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_create_waits_for_delete(void)
{
    ready();
    d.up[PRIMARY] = false;
    (void)driver_send(&d, "DELETE", C_PATH "/docs", "");
    driver_answer(&d, driver_expect(&d, REPLICA, "DELETE", "/docs"), 200, "{}");
    (void)driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/collections"), 200,
                  driver_object(driver_id(REPLICA, 2), "docs"));
    driver_up(&d, PRIMARY);
    CU_ASSERT_PTR_NULL(open_call(PRIMARY, "POST "));
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/docs"), 200, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 2), "docs"));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* The primary missed a delete and a new collection of that name: what is written to the new one must not
 * find the old one by its name. */
static void test_new_incarnation(void)
{
    ready();
    d.up[PRIMARY] = false;
    (void)driver_send(&d, "DELETE", C_PATH "/docs", "");
    driver_answer(&d, driver_expect(&d, REPLICA, "DELETE", "/docs"), 200, "{}");
    (void)driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/collections"), 200,
                  driver_object(driver_id(REPLICA, 2), "docs"));
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/add", driver_id(REPLICA, 2));
    (void)driver_send(&d, "POST", target, "{\"ids\":[\"a\"],\"embeddings\":[[1]]}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/add"), 201, "{}");
    driver_up(&d, PRIMARY);
    struct driver_call *old = wait_open(PRIMARY, "DELETE ");
    struct driver_call *look = open_call(PRIMARY, "GET ");
    if (look != NULL) { /* the old one still has the name */
        driver_answer(&d, look, 200, driver_object(driver_id(PRIMARY, 1), "docs"));
    }
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_PTR_NULL(open_call(PRIMARY, "/add\n"));
    driver_answer(&d, old, 200, "{}");
    driver_answer(&d, wait_open(PRIMARY, "POST "), 200, driver_object(driver_id(PRIMARY, 2), "docs"));
    struct driver_call *add = wait_open(PRIMARY, "/add\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(add->request, driver_id(PRIMARY, 2)));
    driver_answer(&d, add, 201, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_rename(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    (void)driver_send(&d, "PUT", path_of(1, ""), "{\"new_name\":\"papers\"}");
    CU_ASSERT_PTR_NULL(open_call(PRIMARY, "PUT ")); /* after the upsert */
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    uint64_t taken = driver_send(&d, "POST", C_PATH, "{\"name\":\"papers\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "PUT", ""), 200, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 409, TAKEN); /* after the rename */
    CU_ASSERT_EQUAL(driver_status(&d, taken), 409);
    (void)driver_serve(&d, REPLICA);
    uint64_t client = driver_write(&d, 1, "upsert", "b"); /* the same collection as before */
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static uint64_t rename_docs(const char *new_name)
{
    char target[256];
    char body[64];
    (void)snprintf(target, sizeof(target), C_PATH "/%s", driver_id(PRIMARY, 1));
    (void)snprintf(body, sizeof(body), "{\"new_name\":\"%s\"}", new_name);
    return driver_send(&d, "PUT", target, body);
}

/* The second one frees the name that the first one is still to give. */
static void test_rename_behind_rename(void)
{
    ready();
    (void)rename_docs("between");
    struct driver_call *first = driver_expect(&d, PRIMARY, "PUT", driver_id(PRIMARY, 1));
    uint64_t second = rename_docs("after");
    uint64_t create = driver_send(&d, "POST", C_PATH, "{\"name\":\"between\"}");
    driver_answer(&d, first, 200, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "PUT", driver_id(REPLICA, 1)), 200, "{}");
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_PTR_NULL(open_call(i, "POST "));
        driver_answer(&d, driver_expect(&d, i, "PUT", driver_id(i, 1)), 200, "{}");
    }
    CU_ASSERT_EQUAL(driver_status(&d, second), 200);
    for (unsigned i = 0; i < 2; i++) {
        driver_answer(&d, driver_expect(&d, i, "POST", "/collections"), 200,
                      driver_object(driver_id(i, 2), "between"));
    }
    CU_ASSERT_EQUAL(driver_status(&d, create), 200);
    driver_close(&d);
}

/* The first one is refused: the second one frees the name of old. */
static void test_rename_behind_refused_rename(void)
{
    ready();
    (void)rename_docs("taken");
    struct driver_call *first = driver_expect(&d, PRIMARY, "PUT", driver_id(PRIMARY, 1));
    (void)rename_docs("after");
    (void)driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
    driver_answer(&d, first, 400, INVALID);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_PTR_NULL(open_call(i, "POST "));
        driver_answer(&d, driver_expect(&d, i, "PUT", driver_id(i, 1)), 200, "{}");
    }
    (void)driver_expect(&d, PRIMARY, "POST", "/collections");
    driver_close(&d);
}

/* A deletion by the name that a rename is still to give deletes the renamed one. */
static void test_delete_behind_rename(void)
{
    ready();
    (void)rename_docs("after");
    struct driver_call *first = driver_expect(&d, PRIMARY, "PUT", driver_id(PRIMARY, 1));
    uint64_t delete = driver_send(&d, "DELETE", C_PATH "/after", "");
    driver_answer(&d, open_call(PRIMARY, "GET "), 200, "[]"); /* it is not listed yet */
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200, "[]");
    CU_ASSERT_PTR_NULL(open_call(PRIMARY, "DELETE "));
    driver_answer(&d, first, 200, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/after"), 200, "{}");
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, delete), 200);
    uint64_t client = driver_write(&d, 1, "add", "a");
    CU_ASSERT_EQUAL(driver_status(&d, client), 404);
    driver_close(&d);
}

/* Another collection has got the name since: the deletion that comes late at the replica is not of that one.
 */
static void test_late_deletion_of_a_name_given_anew(void)
{
    for (int restart = 0; restart < 2; restart++) {
        ready();
        driver_make(&d, 2, "papers");
        driver_down(&d, REPLICA);
        (void)driver_send(&d, "DELETE", C_PATH "/papers", "");
        driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/papers"), 200, "{}");
        (void)rename_docs("papers");
        driver_answer(&d, driver_expect(&d, PRIMARY, "PUT", driver_id(PRIMARY, 1)), 200, "{}");
        if (restart == 1) {
            driver_restart(&d, false);
        }
        driver_up(&d, REPLICA);
        struct driver_call *call = next_real(REPLICA);
        if (restart == 1) { /* it may have been on its way when the proxy died */
            CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "GET " C_PATH "/papers\n"));
            driver_answer(&d, call, 200, driver_object(driver_id(REPLICA, 2), "papers"));
            call = next_real(REPLICA);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "DELETE " C_PATH "/papers\n"));
        driver_answer(&d, call, 200, "{}");
        call = next_real(REPLICA);
        CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "PUT "));
        driver_answer(&d, call, 200, "{}");
        uint64_t client = driver_write(&d, 1, "upsert", "a");
        driver_answer(&d, wait_open(PRIMARY, "/upsert"), 200, "{}");
        CU_ASSERT_EQUAL(driver_status(&d, client), 200);
        driver_answer(&d, wait_open(REPLICA, "/upsert"), 200, "{}");
        driver_close(&d);
    }
}

static void test_rename_onto_taken(void)
{
    ready();
    uint64_t client = driver_send(&d, "PUT", path_of(1, ""), "{\"new_name\":\"other\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "PUT", ""), 500,
                  "{\"error\":\"InternalError\",\"message\":\"Database error: error returned from database: "
                  "(code: 2067) UNIQUE constraint failed: collections.name, collections.database_id\"}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 500); /* it says so every time: a refusal */
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    client = driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

/* ---- places ---- */

static void test_database_is_a_barrier(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    struct driver_call *older = driver_expect(&d, PRIMARY, "POST", "/upsert");
    (void)driver_send(&d, "DELETE", DATABASES "/default_database", "");
    uint64_t younger = driver_write(&d, 1, "upsert", "b");
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_PTR_NULL(open_call(PRIMARY, "DELETE "));
    driver_answer(&d, older, 200, "{}");
    struct driver_call *gone = wait_open(PRIMARY, "DELETE ");
    CU_ASSERT_EQUAL(driver_status(&d, younger), 0);
    driver_answer(&d, gone, 200, "{}");
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, younger), 404); /* its collection went with the database */
    driver_close(&d);
}

static void test_database_leaves_others_alone(void)
{
    ready();
    (void)driver_send(&d, "POST", DATABASES, "{\"name\":\"second\"}");
    struct driver_call *create = driver_expect(&d, PRIMARY, "POST", "/databases");
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, open_call(PRIMARY, "/upsert\n"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_answer(&d, create, 200, "{}");
    driver_close(&d);
}

/* A database that exists is created again while the replica is away: refused, and nothing may wait for it. */
static void test_refused_barrier(void)
{
    ready();
    d.up[REPLICA] = false;
    (void)driver_send(&d, "POST", DATABASES, "{\"name\":\"second\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/databases"), 200, "{}");
    uint64_t again = driver_send(&d, "POST", DATABASES, "{\"name\":\"second\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/databases"), 409, TAKEN);
    CU_ASSERT_EQUAL(driver_status(&d, again), 409);
    uint64_t client = driver_send(&d, "POST", DATABASES "/second/collections", "{\"name\":\"new\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/second/collections"), 200,
                  driver_object(driver_id(PRIMARY, 5), "new"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

/* ---- what does not converge when it is done again ---- */

static void test_update_between_marks(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    d.slow_log = true;
    (void)driver_write(&d, 1, "upsert", "b");
    uint64_t logged = d.log[d.log_count - 1].lsn;
    (void)driver_write(&d, 1, "update", "b");
    (void)driver_write(&d, 1, "upsert", "c");
    driver_durable_to(&d, d.log[d.log_count - 1].lsn);
    driver_tick(&d);
    CU_ASSERT(logged < d.durable_lsn);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY)); /* where the primary stands is not on disk */
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/update"), 200, "{}");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY)); /* nor after it */
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    driver_close(&d);
}

/* Else a crash would bring the refused one back to life, behind what was applied after it. */
static void test_refusal_is_durable_first(void)
{
    ready();
    d.slow_log = true;
    uint64_t refused = driver_write(&d, 1, "upsert", "refused");
    uint64_t younger = driver_write(&d, 1, "upsert", "younger");
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 400, INVALID);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_EQUAL(driver_status(&d, refused), 0);
    driver_durable(&d);
    CU_ASSERT_EQUAL(driver_status(&d, refused), 400);
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "younger"));
    driver_answer(&d, call, 200, "{}");
    driver_durable(&d);
    CU_ASSERT_EQUAL(driver_status(&d, younger), 200);
    (void)driver_serve(&d, REPLICA);
    driver_close(&d);
}

static void test_restart_in_replay(void)
{
    driver_init(&d);
    d.settings.replay_batch_records = 1; /* so that there is a middle */
    driver_start(&d);
    driver_make(&d, 1, "docs");
    d.up[PRIMARY] = false;
    const char *const records[] = { "first", "second", "third" };
    for (size_t i = 0; i < 3; i++) {
        (void)driver_write(&d, 1, "upsert", records[i]);
        driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    }
    driver_up(&d, PRIMARY);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    (void)driver_expect(&d, PRIMARY, "POST", "/upsert"); /* in flight when the proxy dies */
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 2);
    CU_ASSERT_TRUE_FATAL(driver_is_fence(driver_next(&d, PRIMARY)));
    driver_answer(&d, driver_next(&d, PRIMARY), 201, "{}");
    for (size_t i = 1; i < 3; i++) {
        struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
        CU_ASSERT_PTR_NOT_NULL(strstr(call->body, records[i]));
        driver_answer(&d, call, 200, "{}");
    }
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA)); /* it has them all */
    driver_close(&d);
}

/* The create and the delete of a collection are on both sides of a trimmed log and of a crash. */
static void test_delete_knows_its_collection(void)
{
    driver_init(&d);
    d.settings.wal_segment_bytes = 2000;
    d.settings.wal_retain_ns = 0;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_make(&d, 2, "other");
    uint64_t created = d.log[d.log_count - 1].lsn;
    driver_advance(&d, 11 * NS_PER_S); /* both are marked: what came before may be trimmed */
    d.up[REPLICA] = false;
    (void)driver_write(&d, 1, "add", "a");
    uint64_t pending = d.log[d.log_count - 1].lsn;
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    (void)driver_send(&d, "DELETE", C_PATH "/docs", "");
    (void)driver_expect(&d, PRIMARY, "DELETE", "/docs"); /* in flight when the proxy dies */
    for (int i = 0; i < 10; i++) {                       /* until a checkpoint has let the create go */
        (void)driver_write(&d, 2, "upsert", "filling");
        driver_answer(&d, open_call(PRIMARY, "/upsert\n"), 200, "{}");
    }
    CU_ASSERT_FATAL(d.trimmed_lsn > created && d.trimmed_lsn <= pending);
    driver_trim(&d);
    d.up[REPLICA] = true;
    driver_restart(&d, false);
    for (int i = 0; i < 50; i++) {
        CU_ASSERT(open_call(REPLICA, "DELETE ") == NULL || open_call(REPLICA, "/add\n") == NULL);
        struct driver_call *call = driver_next(&d, i % 2 == 0 ? REPLICA : PRIMARY);
        if (call == NULL) {
            driver_advance(&d, 100 * NS_PER_MS);
        } else if (strncmp(call->request, "GET ", 4) == 0) {
            driver_answer(&d, call, 200, driver_object(driver_id(call->instance, 1), "docs"));
        } else {
            bool added = strstr(call->request, "/add\n") != NULL;
            driver_answer(&d, call, added ? 201 : 200, "{}");
        }
    }
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    uint64_t client = driver_write(&d, 1, "add", "b");
    CU_ASSERT_EQUAL(driver_status(&d, client), 404); /* it is gone, and known to be */
    driver_close(&d);
}

/* A get_or_create that found the collection, and its deletion; both were carried out, and a crash forgot
 * that. Sent again, the first makes a new collection of that name, and the second must not leave it there. */
static void test_deletion_behind_a_repeated_create(void)
{
    ready();
    d.slow_log = true;
    (void)driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\",\"get_or_create\":true}");
    uint64_t gone = driver_send(&d, "DELETE", C_PATH "/docs", "");
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/docs"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, gone), 200); /* the primary's yes needs no sync */
    driver_restart(&d, false);
    d.slow_log = false;
    driver_durable(&d);
    for (unsigned i = 0; i < 2; i++) {
        struct driver_call *call = next_real(i);
        CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "POST " C_PATH "\n"));
        driver_answer(&d, call, 200, driver_object(driver_id(i, 9), "docs"));
        call = next_real(i);
        CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "GET " C_PATH "/docs\n"));
        driver_answer(&d, call, 200, driver_object(driver_id(i, 9), "docs"));
        call = next_real(i);
        CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "DELETE " C_PATH "/docs\n"));
        driver_answer(&d, call, 200, "{}");
    }
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    uint64_t again = driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}"); /* the name is free */
    driver_answer(&d, next_real(PRIMARY), 200, driver_object(driver_id(PRIMARY, 10), "docs"));
    CU_ASSERT_EQUAL(driver_status(&d, again), 200);
    (void)driver_serve(&d, REPLICA);
    driver_close(&d);
}

/* The client of the create has gone, so that it is decided before anybody knows the collection's id; the
 * replica is away all the time, and a restart comes before it is told. */
static void test_deletion_behind_a_create_in_doubt(void)
{
    for (int restart = 0; restart < 2; restart++) {
        driver_init(&d);
        driver_start(&d);
        driver_down(&d, REPLICA);
        uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
        driver_end(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), CALL_BROKEN, true);
        CU_ASSERT_EQUAL(driver_status(&d, client), 503);
        struct driver_call *fence = wait_open(PRIMARY, "PATCH ");
        uint64_t gone = driver_send(&d, "DELETE", C_PATH "/docs", "");
        driver_answer(&d, open_call(PRIMARY, "GET "), 200, "[]");
        driver_answer(&d, fence, 200, "{}");
        driver_answer(&d, wait_open(PRIMARY, "POST "), 200, driver_object(driver_id(PRIMARY, 1), "docs"));
        driver_answer(&d, wait_open(PRIMARY, "DELETE "), 200, "{}");
        CU_ASSERT_EQUAL(driver_status(&d, gone), 200);
        if (restart == 1) {
            driver_restart(&d, false);
        }
        driver_up(&d, REPLICA);
        for (int i = 0; i < 200 && open_call(REPLICA, "DELETE ") == NULL; i++) {
            struct driver_call *call = driver_next(&d, REPLICA);
            if (call != NULL) {
                driver_answer(&d, call, 200, driver_object(driver_id(REPLICA, 1), "docs"));
            }
            driver_advance(&d, 50 * NS_PER_MS);
        }
        driver_answer(&d, wait_open(REPLICA, "DELETE "), 200, "{}");
        for (unsigned i = 0; i < 2; i++) { /* neither life of it is taken for one that goes on */
            char target[256];
            (void)snprintf(target, sizeof(target), C_PATH "/%s/upsert", driver_id(i, 1));
            uint64_t write = driver_send(&d, "POST", target, "{\"ids\":[\"a\"],\"embeddings\":[[1]]}");
            CU_ASSERT_EQUAL(driver_status(&d, write), 404);
        }
        CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
        driver_close(&d);
    }
}

static const struct suite_test tests[] = {
    { "a delete waits for older writes of its collection", test_delete_waits_for_its_writes },
    { "a write behind a delete is 404, in Chroma's words", test_write_after_delete },
    { "a create waits for the delete of that name", test_create_waits_for_delete },
    { "writes to a new collection do not find the old one of its name", test_new_incarnation },
    { "a rename keeps its place among writes and names", test_rename },
    { "a rename onto a taken name is a refusal", test_rename_onto_taken },
    { "a rename behind a rename frees the name between", test_rename_behind_rename },
    { "or the name of old, when the first is refused", test_rename_behind_refused_rename },
    { "a deletion by a name that is still to be given", test_delete_behind_rename },
    { "a late deletion spares what got the name since", test_late_deletion_of_a_name_given_anew },
    { "a deleted database waits for what is in it and takes it along", test_database_is_a_barrier },
    { "a database does not hold up another", test_database_leaves_others_alone },
    { "a refused database holds up nothing", test_refused_barrier },
    { "an update stands between marks on disk", test_update_between_marks },
    { "a refusal is on disk before younger writes go", test_refusal_is_durable_first },
    { "a restart in the middle of replay goes on where it was", test_restart_in_replay },
    { "a deletion behind a create that is repeated", test_deletion_behind_a_repeated_create },
    { "a deletion behind a create that nobody knew the end of", test_deletion_behind_a_create_in_doubt },
    { "after a trim and a crash a delete still knows its collection", test_delete_knows_its_collection },
};

TEST_MAIN("core_order", tests)
