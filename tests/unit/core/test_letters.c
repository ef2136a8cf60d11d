/* Dead letters and the commands of an operator: kept, told with their reason, redriven, edited, dropped;
 * replay paused, stepped and resumed, and why it does not go on. */
#include "tests/unit/core/dead.h"
#include <stdio.h>
#include <string.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    dead_begin(&d);
}

static void command(enum core_command what, uint64_t lsn, bool force, const char *body)
{
    struct core_event event = { .now_ns = 0 };
    event.u.command.command = what;
    event.u.command.lsn = lsn;
    event.u.command.force = force;
    event.u.command.body = body == NULL ? NULL : block_copy(body, strlen(body));
    driver_command(&d, &event);
    block_unref(event.u.command.body);
}

/* Written while the primary is away. */
static void queue(const char *verb, const char *id)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/%s", verb);
    (void)driver_write(&d, 1, verb, id);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", path), 200, "{}");
}

static bool listed(const char *part)
{
    command(CORE_COMMAND_LETTERS, 0, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 200);
    return strstr(d.command_answer, part) != NULL;
}

static void test_listed(void)
{
    ready();
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    char start[64];
    (void)snprintf(start, sizeof(start), "{\"count\":1,\"dead_letters\":[{\"lsn\":%llu,",
                   (unsigned long long)lsn);
    CU_ASSERT_TRUE(listed(start));
    CU_ASSERT_TRUE(listed("\"op\":\"upsert\""));
    CU_ASSERT_TRUE(listed("\"collection\":\"docs\""));
    CU_ASSERT_TRUE(listed("\"refused_by\":[\"primary\"],\"status\":400"));
    CU_ASSERT_TRUE(listed("Inconsistent dimensions"));
    CU_ASSERT_TRUE(listed("\"touched\":false"));
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 1);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 1);
    driver_close(&d);
}

static void test_survives(void)
{
    driver_init(&d);
    d.settings.wal_segment_bytes = 2000;
    d.settings.wal_retain_ns = 0;
    dead_begin(&d);
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    for (int i = 0; i < 20; i++) { /* checkpoints come, and the write's own record goes */
        (void)driver_write(&d, 1, "upsert", "b");
        dead_serve_both(&d);
        driver_advance(&d, NS_PER_S); /* marks are written */
    }
    CU_ASSERT_TRUE(d.trimmed_lsn > lsn);
    driver_trim(&d);
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 1);
    CU_ASSERT_TRUE(listed("Inconsistent dimensions"));
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 202);
    for (unsigned i = 2; i-- > 0;) {
        struct driver_call *call = driver_expect(&d, i, "POST", "/upsert");
        CU_ASSERT_STRING_EQUAL(call->body, "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]}");
        driver_answer(&d, call, 200, "{}");
    }
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    driver_close(&d);
}

static void test_redrive_at_the_tail(void)
{
    ready();
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    (void)driver_write(&d, 1, "upsert", "b"); /* in flight */
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 202);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.command_answer, "redriven_as"));
    struct driver_call *call = driver_expect(&d, REPLICA, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "\"b\""));
    driver_answer(&d, call, 200, "{}");
    call = driver_expect(&d, REPLICA, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "\"a\""));
    driver_answer(&d, call, 200, "{}");
    dead_serve_both(&d);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 404);
    driver_close(&d);
}

static void test_redrive_needs_force(void)
{
    ready();
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    (void)driver_write(&d, 1, "upsert", "b");
    dead_serve_both(&d);
    CU_ASSERT_TRUE(listed("\"touched\":false")); /* another record */
    (void)driver_write(&d, 1, "delete", "a");
    dead_serve_both(&d);
    CU_ASSERT_TRUE(listed("\"touched\":true"));
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 409);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_restart(&d, false);
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 409);
    command(CORE_COMMAND_REDRIVE, lsn, true, NULL);
    CU_ASSERT_EQUAL(d.command_status, 202);
    dead_serve_both(&d);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    driver_close(&d);
}

/* A body that no Chroma takes names its records all the same. */
static void test_poison_names_its_ids(void)
{
    static const char poison[] =
        "{\"ids\":[\"a\"],\"embeddings\":[[1.0]],\"metadatas\":[{\"k\":{\"no\":1}}]}";
    char target[256];
    ready();
    (void)snprintf(target, sizeof(target), C_PATH "/%s/upsert", driver_id(PRIMARY, 1));
    (void)driver_send(&d, "POST", target, poison);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 503, NOT_NOW);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_advance(&d, NS_PER_S);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 422, INVALID);
    (void)driver_write(&d, 1, "upsert", "b");
    dead_serve_both(&d);
    CU_ASSERT_TRUE(listed("\"touched\":false"));
    (void)snprintf(target, sizeof(target), C_PATH "/%s/delete", driver_id(PRIMARY, 1));
    (void)driver_send(&d, "POST", target, "{\"ids\":[\"b\"],\"where\":{\"k\":1}}");
    dead_serve_both(&d);
    CU_ASSERT_TRUE(listed("\"touched\":true")); /* a filter may name any */
    driver_close(&d);
}

/* What stood behind it in its lane when it died counts as younger too. */
static void test_touched_by_followers(void)
{
    driver_init(&d);
    d.settings.replay_batch_records = 1;
    dead_begin(&d);
    driver_down(&d, PRIMARY);
    queue("upsert", "a");
    uint64_t lsn = dead_last_write(&d);
    queue("delete", "a");
    driver_up(&d, PRIMARY);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 422, INVALID);
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_TRUE(listed("\"touched\":true"));
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 409);
    driver_close(&d);
}

static void test_edit(void)
{
    ready();
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    command(CORE_COMMAND_EDIT, lsn, false, "{\"ids\":[\"a\"]");
    CU_ASSERT_EQUAL(d.command_status, 400);
    command(CORE_COMMAND_EDIT, lsn, false, "{\"ids\":[\"a\"],\"embeddings\":[[9]]}");
    CU_ASSERT_EQUAL(d.command_status, 200);
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 1);
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 202);
    struct driver_call *call = driver_expect(&d, REPLICA, "POST", "/upsert");
    CU_ASSERT_STRING_EQUAL(call->body, "{\"ids\":[\"a\"],\"embeddings\":[[9]]}");
    dead_serve_both(&d);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    driver_close(&d);
}

static void test_refused_again(void)
{
    ready();
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 400, INVALID);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 1); /* nothing is ever dropped by itself */
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_TRUE(listed("Inconsistent dimensions"));
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 1);
    driver_close(&d);
}

static void test_drop(void)
{
    ready();
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    d.slow_log = true;
    command(CORE_COMMAND_DROP, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 0); /* not before it is on disk */
    driver_durable(&d);
    CU_ASSERT_EQUAL(d.command_status, 200);
    d.slow_log = false;
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    driver_close(&d);
}

static void test_unreadable(void)
{
    ready();
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    d.reads_fail = true;
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 503);
    d.reads_fail = false;
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 202);
    driver_close(&d);
}

static void test_memory_mode(void)
{
    driver_init(&d);
    d.settings.wal_mode = WAL_MODE_MEMORY;
    dead_begin(&d);
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    driver_restart(&d, false); /* as after a handover */
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 1);
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 202);
    CU_ASSERT_EQUAL(d.read_count, 1);
    driver_close(&d);
}

/* A letter that alone holds back a long log is written again at its end. */
static void test_moves_on(void)
{
    driver_init(&d);
    d.settings.wal_segment_bytes = 2000;
    d.settings.wal_retain_ns = 0;
    dead_begin(&d);
    (void)dead_letter(&d, "upsert", "a");
    d.log_bytes = 1000000;
    for (int i = 0; i < 20; i++) {
        (void)driver_write(&d, 1, "upsert", "b");
        dead_serve_both(&d);
    }
    uint64_t letters = 0;
    driver_trim(&d);
    for (size_t i = 0; i < d.log_count; i++) {
        letters += d.log[i].type == RECORD_DEAD ? 1 : 0;
    }
    CU_ASSERT_EQUAL(letters, 1);
    CU_ASSERT_TRUE(d.read_count >= 1);
    CU_ASSERT_TRUE(d.read_count < 20); /* not with each write */
    driver_restart(&d, false);
    CU_ASSERT_TRUE(listed("\"ids\"") || listed("Inconsistent dimensions"));
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 1);
    driver_close(&d);
}

static int count_status(void)
{
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/count", driver_id(PRIMARY, 1));
    driver_advance(&d, 60 * NS_PER_S); /* out of the consistency window */
    uint64_t client = driver_send(&d, "GET", target, "");
    for (unsigned i = 0; i < 2; i++) {
        struct driver_call *call = driver_next(&d, i);
        if (call != NULL) {
            CU_ASSERT_PTR_NULL(driver_next(&d, 1 - i));
            driver_answer(&d, call, 200, "1");
            return (int)i;
        }
    }
    driver_leave(&d, client);
    return -1;
}

/* Only one that lacks what another has is divergent. */
static void test_who_differs(void)
{
    ready();
    uint64_t lsn = dead_letter(&d, "upsert", "a");
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(count_status(), (int)REPLICA);
    }
    command(CORE_COMMAND_REDRIVE, lsn, false, NULL); /* the same write: equal again */
    dead_serve_both(&d);
    bool healed = false;
    for (int i = 0; i < 10; i++) {
        healed = healed || count_status() == (int)PRIMARY;
    }
    CU_ASSERT_TRUE(healed);
    driver_close(&d);
    ready();
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    (void)driver_write(&d, 1, "upsert", "a"); /* nobody has it yet */
    driver_up(&d, PRIMARY);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 400, INVALID);
    driver_up(&d, REPLICA);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 400, INVALID);
    CU_ASSERT_TRUE(listed("\"count\":1,"));
    CU_ASSERT_TRUE(listed("\"refused_by\":[\"primary\",\"replica\"]"));
    bool read[2] = { false, false };
    for (int i = 0; i < 10; i++) {
        int by = count_status();
        CU_ASSERT_TRUE_FATAL(by >= 0);
        read[by] = true;
    }
    CU_ASSERT_TRUE(read[PRIMARY] && read[REPLICA]);
    driver_close(&d);
}

static const char *why(void)
{
    const char *status = driver_get(&d, "/status");
    const char *at = strstr(status, "\"why_not_replaying\":");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return at + strlen("\"why_not_replaying\":");
}

static bool says(const char *part)
{
    static char words[256];
    (void)snprintf(words, sizeof(words), "%.*s", (int)strcspn(why(), ","), why());
    bool same = strstr(words, part) != NULL;
    if (!same) {
        (void)fprintf(stderr, "    expected \"%s\" in %s\n", part, words);
    }
    return same;
}

static void test_pause(void)
{
    ready();
    driver_down(&d, PRIMARY);
    queue("upsert", "a");
    queue("upsert", "b");
    queue("upsert", "c");
    command(CORE_COMMAND_STEP, 0, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 409);
    command(CORE_COMMAND_PAUSE, 0, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 200);
    driver_up(&d, PRIMARY);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_TRUE(says("paused by an operator"));
    uint64_t live = driver_write(&d, 1, "upsert", "d"); /* does not wait: the replica is asked */
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, live), 200);
    command(CORE_COMMAND_STEP, 0, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 202);
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_STRING_EQUAL(call->body, "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]}"); /* one write */
    driver_answer(&d, call, 200, "{}");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    command(CORE_COMMAND_PENDING, 0, false, NULL);
    CU_ASSERT_EQUAL(d.command_status, 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.command_answer, "{\"count\":3,\"pending\":[{\"lsn\":"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(d.command_answer, "\"instances\":{\"primary\":\"waiting\",\"replica\":\"applied\"}"));
    command(CORE_COMMAND_RESUME, 0, false, NULL);
    call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "[\"b\",\"c\",\"d\"]"));
    driver_answer(&d, call, 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_why(void)
{
    ready();
    CU_ASSERT_TRUE(says("null"));
    driver_down(&d, PRIMARY);
    queue("upsert", "a");
    CU_ASSERT_TRUE(says("waiting for a probe") || says("down"));
    driver_up(&d, PRIMARY);
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_TRUE(says("null")); /* it goes on */
    driver_advance(&d, 5 * NS_PER_S);
    CU_ASSERT_TRUE(says("has not answered for 5.0 s"));
    driver_answer(&d, call, 503, NOT_NOW);
    CU_ASSERT_TRUE(says("not now"));
    driver_advance(&d, 2 * NS_PER_S);
    call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    driver_end(&d, call, CALL_BROKEN, true);
    driver_advance(&d, 8 * NS_PER_S);
    CU_ASSERT_TRUE(driver_is_fence(driver_next(&d, PRIMARY)));
    CU_ASSERT_TRUE(says("fence"));
    driver_answer(&d, driver_next(&d, PRIMARY), 201, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 401,
                  "{\"error\":\"x\",\"message\":\"y\"}");
    CU_ASSERT_TRUE(says("refuses our credentials"));
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "in memory mode a letter's body is read back as well", test_memory_mode },
    { "a dead letter is listed with the instance's reason", test_listed },
    { "dead letters survive trimming and restarts", test_survives },
    { "a redriven letter enters at the tail", test_redrive_at_the_tail },
    { "redriving over younger writes takes force", test_redrive_needs_force },
    { "a body that no Chroma takes names its records all the same", test_poison_names_its_ids },
    { "what stood behind a letter counts as younger", test_touched_by_followers },
    { "an edited letter is redriven with its new body", test_edit },
    { "a letter refused again is a letter again", test_refused_again },
    { "a dropped letter is gone when that is on disk", test_drop },
    { "a letter that cannot be read back stays", test_unreadable },
    { "letters alone do not hold back a long log", test_moves_on },
    { "an instance is divergent only where another has what it lacks", test_who_differs },
    { "replay is paused, stepped and resumed", test_pause },
    { "why it is not replaying, in words", test_why },
};

TEST_MAIN("core_letters", tests)
