/* A long collection is copied to an empty replica while clients write to it: what goes on, what waits, and
 * that both hold the same at the end.  Two small models of Chroma stand behind the driver; the test chooses
 * when a request takes effect and when it is answered. */
#include "tests/unit/core/twins.h"

#include "base/memory.h"
#include "base/prng.h"
#include <stdio.h>

struct effect { /* of a call that has been carried out and not yet answered */
    bool done;
    int status;
    char *answer;
};

static struct driver d;
static struct effect effects[DRIVER_CALLS];

static struct effect *take_effect(const struct driver_call *call)
{
    struct effect *effect = &effects[call - d.calls];
    if (!effect->done) {
        effect->done = true;
        effect->answer = twin_carry_out(call, &effect->status);
    }
    return effect;
}

static void answer(struct driver_call *call)
{
    const struct effect *effect = take_effect(call);
    driver_answer(&d, call, effect->status, effect->answer);
}

/* ---- the run ---- */

/* A primary that holds r0, r1, ..., and a replica that has never been seen. */
static void begin(unsigned rows)
{
    memset(effects, 0, sizeof(effects));
    twins[PRIMARY].exists = true;
    for (unsigned id = 0; id < rows; id++) {
        twin_put(&twins[PRIMARY], "add", id, 0);
    }
    driver_init(&d);
    d.hold_resync = true;
    driver_start(&d);
}

/* A replica that holds nothing. */
static void adopt(unsigned rows)
{
    memset(twins, 0, sizeof(twins));
    begin(rows);
}

/* One that has the collection already, empty and with that metadata. */
static void adopt_held(unsigned rows, unsigned metadata)
{
    memset(twins, 0, sizeof(twins));
    twins[REPLICA].exists = true;
    twins[REPLICA].metadata = metadata;
    begin(rows);
}

static void finish(void)
{
    for (size_t i = 0; i < DRIVER_CALLS; i++) {
        mem_free(effects[i].answer);
    }
    driver_close(&d);
}

static uint64_t write_body(const char *verb, const char *body)
{
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s%s%s", driver_id(PRIMARY, 1),
                   verb[0] == '\0' ? "" : "/", verb);
    return driver_send(&d, verb[0] == '\0' ? "PUT" : "POST", target, body);
}

static uint64_t write_row(const char *verb, unsigned id, unsigned value)
{
    char body[256];
    if (strcmp(verb, "delete") == 0) {
        (void)snprintf(body, sizeof(body), "{\"ids\":[\"r%u\"]}", id);
    } else {
        (void)snprintf(body, sizeof(body),
                       "{\"ids\":[\"r%u\"],\"embeddings\":[[1.0]],\"documents\":[\"v%u\"]}", id, value);
    }
    return write_body(verb, body);
}

static struct driver_call *anybody(void)
{
    struct driver_call *call = driver_next(&d, PRIMARY);
    return call != NULL ? call : driver_next(&d, REPLICA);
}

/* Everybody is answered until that instance is asked for that; it then waits. */
static struct driver_call *until_asked(unsigned instance, const char *tail)
{
    for (unsigned n = 0; n < 200; n++) {
        struct driver_call *call = driver_next(&d, instance);
        if (call != NULL && twin_asked_for(call, tail)) {
            return call;
        }
        call = anybody();
        if (call != NULL) {
            answer(call);
        } else {
            driver_advance(&d, 20 * NS_PER_MS);
        }
    }
    CU_FAIL_FATAL("nobody asks for it");
    return NULL;
}

/* Everybody is answered until nobody asks any more. */
static void run_out(void)
{
    struct driver_call *call;
    for (unsigned idle = 0; idle < 100;) {
        call = anybody();
        idle = call == NULL ? idle + 1 : 0;
        if (call != NULL) {
            answer(call);
        } else {
            driver_advance(&d, 50 * NS_PER_MS);
        }
    }
}

/* The same, but the replica refuses requests that add that record. */
static void answer_refusing(unsigned id)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "\"r%u\"", id);
    for (unsigned idle = 0; idle < 100;) {
        struct driver_call *call = anybody();
        idle = call == NULL ? idle + 1 : 0;
        if (call == NULL) {
            driver_advance(&d, 50 * NS_PER_MS);
        } else if (twin_asked_for(call, "/add") && strstr(call->body, text) != NULL) {
            driver_answer(&d, call, 400, INVALID);
        } else {
            answer(call);
        }
    }
}

static void check_equal(void)
{
    const struct twin *a = &twins[PRIMARY];
    const struct twin *b = &twins[REPLICA];
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"resync\":null"));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(a->count, b->count);
    CU_ASSERT_EQUAL(a->metadata, b->metadata);
    for (size_t i = 0; i < a->count; i++) {
        size_t at = twin_place_of(b, a->rows[i].id);
        CU_ASSERT(at < b->count && b->rows[at].value == a->rows[i].value);
    }
}

/* Two pages: the first is here, and it has taken more than a second. */
static struct driver_call *adopt_slowly(void)
{
    adopt(150);
    struct driver_call *add = until_asked(REPLICA, "/add");
    driver_advance(&d, 2 * NS_PER_S);
    return add;
}

static void test_updates_go_on(void)
{
    struct driver_call *add = adopt_slowly();
    uint64_t early = write_row("update", 3, 7); /* the copy is not known to be a long one */
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    answer(add);
    answer(driver_expect(&d, PRIMARY, "POST", "/get"));
    answer(driver_expect(&d, PRIMARY, "POST", "/update"));
    CU_ASSERT_EQUAL(driver_status(&d, early), 200);
    uint64_t late = write_row("update", 4, 8);
    answer(driver_expect(&d, PRIMARY, "POST", "/update"));
    CU_ASSERT_EQUAL(driver_status(&d, late), 200);
    CU_ASSERT_FALSE(driver_queued(&d, late)); /* the primary's own word */
    run_out();
    check_equal();
    CU_ASSERT_EQUAL(twins[REPLICA].rows[twin_place_of(&twins[REPLICA], 3)].value, 7);
    CU_ASSERT_EQUAL(twins[REPLICA].rows[twin_place_of(&twins[REPLICA], 4)].value, 8);
    for (size_t i = 0; i < d.call_count; i++) { /* its copy holds them already */
        CU_ASSERT_FALSE(d.calls[i].instance == REPLICA && twin_asked_for(&d.calls[i], "/update"));
    }
    finish();
}

/* A read inside the consistency window that has to see such a write is answered meanwhile. */
static void test_reads_see_them(void)
{
    struct driver_call *add = adopt_slowly();
    answer(add);
    answer(driver_expect(&d, PRIMARY, "POST", "/get"));
    (void)write_row("update", 3, 7);
    answer(driver_expect(&d, PRIMARY, "POST", "/update"));
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/get", driver_id(PRIMARY, 1));
    uint64_t reader = driver_send(&d, "POST", target, "{\"ids\":[\"r3\"]}");
    answer(driver_expect(&d, PRIMARY, "POST", "/get"));
    CU_ASSERT_EQUAL(driver_status(&d, reader), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, reader), "v7"));
    run_out();
    check_equal();
    finish();
}

/* Rows behind a deleted one move forward: the next page begins earlier, and none is being read meanwhile. */
static void test_deletes_move_pages(void)
{
    struct driver_call *add = adopt_slowly();
    answer(add);
    struct driver_call *page = driver_expect(&d, PRIMARY, "POST", "/get");
    CU_ASSERT_PTR_NOT_NULL(strstr(page->body, "\"offset\":100,"));
    uint64_t client = write_row("delete", 0, 0);
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    answer(page); /* r100 to r149 */
    struct driver_call *removal = driver_expect(&d, PRIMARY, "POST", "/delete");
    struct driver_call *compare = driver_expect(&d, REPLICA, "POST", "/get");
    answer(compare);
    answer(driver_expect(&d, REPLICA, "POST", "/add"));
    driver_advance(&d, 100 * NS_PER_MS);
    CU_ASSERT_PTR_EQUAL(driver_next(&d, PRIMARY), removal); /* no page before its end is known */
    answer(removal);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_advance(&d, 100 * NS_PER_MS);
    page = driver_expect(&d, PRIMARY, "POST", "/get");
    CU_ASSERT_PTR_NOT_NULL(strstr(page->body, "\"offset\":149,"));
    run_out();
    check_equal();
    CU_ASSERT_EQUAL(twins[REPLICA].count, 149);
    finish();
}

/* Nobody knows what a filter touches: it waits for the end, and both get it then. */
static void test_filters_wait(void)
{
    struct driver_call *add = adopt_slowly();
    (void)write_body("delete", "{\"where\":{\"k\":1}}");
    uint64_t behind = write_row("update", 5, 9);
    answer(add);
    for (struct driver_call *call = NULL; call == NULL || !twin_asked_for(call, "/delete");) {
        CU_ASSERT_EQUAL(twins[PRIMARY].count, 150);
        call = anybody();
        if (call == NULL) {
            driver_advance(&d, 20 * NS_PER_MS);
        } else if (!twin_asked_for(call, "/delete")) {
            answer(call);
        }
    }
    CU_ASSERT_EQUAL(twins[REPLICA].count, 150);
    run_out();
    check_equal();
    CU_ASSERT_EQUAL(driver_status(&d, behind), 200);
    CU_ASSERT_EQUAL(twins[REPLICA].count, 135);
    finish();
}

/* A write whose ids cannot be read: everything is compared once more, and the others wait meanwhile. */
static void test_not_understood(void)
{
    struct driver_call *add = adopt_slowly();
    answer(add);
    answer(driver_expect(&d, PRIMARY, "POST", "/get"));
    uint64_t client = write_body(
        "update", "{\"ids\":[\"r1\"],\"embeddings\":[[1.0]],\"documents\":[\"v5\"],\"\\u0078\":1}");
    answer(driver_expect(&d, PRIMARY, "POST", "/update"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    struct driver_call *page = until_asked(PRIMARY, "/get");
    CU_ASSERT_PTR_NOT_NULL(strstr(page->body, "\"offset\":0,"));
    answer(page);
    uint64_t next = write_row("update", 2, 6);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    run_out();
    CU_ASSERT_EQUAL(driver_status(&d, next), 200);
    check_equal();
    finish();
}

/* After a restart the copy begins anew, whatever had gone on. */
static void test_restart_in_the_middle(void)
{
    struct driver_call *add = adopt_slowly();
    answer(add);
    answer(driver_expect(&d, PRIMARY, "POST", "/get"));
    (void)write_row("update", 3, 7);
    answer(driver_expect(&d, PRIMARY, "POST", "/update"));
    (void)write_row("delete", 3, 0);
    answer(driver_expect(&d, PRIMARY, "POST", "/delete"));
    (void)write_row("add", 3, 9);
    answer(driver_expect(&d, PRIMARY, "POST", "/add"));
    driver_restart(&d, true);
    for (size_t i = 0; i < DRIVER_CALLS; i++) {
        mem_free(effects[i].answer);
    }
    memset(effects, 0, sizeof(effects));
    run_out();
    check_equal();
    CU_ASSERT_EQUAL(twins[REPLICA].rows[twin_place_of(&twins[REPLICA], 3)].value, 9);
    finish();
}

/* ---- what stands at the replica already ---- */

/* Another metadata, a record that differs, one that only it has: the first two are made equal, the last
 * stays. */
static void test_replica_with_records(void)
{
    adopt_held(20, 7);
    twin_put(&twins[REPLICA], "add", 3, 5);
    twin_put(&twins[REPLICA], "add", 599, 1);
    run_out();
    CU_ASSERT_EQUAL(twins[REPLICA].metadata, 0);
    CU_ASSERT_EQUAL(twins[REPLICA].count, 21);
    CU_ASSERT_EQUAL(twins[REPLICA].rows[twin_place_of(&twins[REPLICA], 3)].value, 0);
    CU_ASSERT(twin_place_of(&twins[REPLICA], 599) < twins[REPLICA].count);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"resync\":null"));
    finish();
}

/* There rows are kept that only the replica has: updates wait for the end of a long copy, as told in the
 * docs. */
static void test_kept_rows_make_wait(void)
{
    adopt_held(150, 0);
    twin_put(&twins[REPLICA], "add", 599, 1);
    struct driver_call *add = until_asked(REPLICA, "/add");
    driver_advance(&d, 2 * NS_PER_S);
    uint64_t client = write_row("update", 3, 7);
    answer(add);
    struct driver_call *page = driver_expect(&d, PRIMARY, "POST", "/get");
    answer(page);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    run_out();
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_EQUAL(twins[REPLICA].count, 151);
    CU_ASSERT_EQUAL(twins[REPLICA].rows[twin_place_of(&twins[REPLICA], 3)].value, 7);
    finish();
}

/* Until the source is asked which of the target's ids it has. */
static struct driver_call *until_extras(void)
{
    struct driver_call *call = until_asked(PRIMARY, "/get");
    while (strncmp(call->body, "{\"ids\"", 6) != 0 || strstr(call->body, "\"include\":[]") == NULL) {
        answer(call);
        call = until_asked(PRIMARY, "/get");
    }
    return call;
}

/* A record that only the replica has is written at the primary when all pages are read: the source then has
 * that id, too, and the write that comes to the replica behind the copy would meet the old row. */
static void test_written_behind_the_pages(void)
{
    static const char *const verbs[] = { "add", "upsert" };
    for (unsigned how = 0; how < 4; how++) {
        adopt_held(20, 0);
        twin_put(&twins[REPLICA], "add", 599, 1);
        struct driver_call *extras = until_extras();
        (void)write_row(verbs[how % 2], 599, 5);
        struct driver_call *write = driver_next(&d, PRIMARY);
        write = write == extras ? NULL : write;
        for (size_t i = 0; i < d.call_count && write == NULL; i++) {
            bool open = !d.calls[i].over && d.calls[i].instance == PRIMARY && &d.calls[i] != extras;
            write = open && !d.calls[i].probe && !d.calls[i].own ? &d.calls[i] : NULL;
        }
        CU_ASSERT_PTR_NOT_NULL_FATAL(write);
        (void)take_effect(write); /* seen by the source, and its answer comes before or behind the other */
        answer(how < 2 ? write : extras);
        answer(how < 2 ? extras : write);
        run_out();
        check_equal();
        CU_ASSERT_EQUAL(twins[REPLICA].rows[twin_place_of(&twins[REPLICA], 599)].value, 5);
        finish();
    }
}

/* A whole page is refused: the record it is about is found, named in the log, and the rest is copied. */
static void test_refused_record(void)
{
    adopt(5);
    answer_refusing(2);
    CU_ASSERT_EQUAL(twins[REPLICA].count, 4);
    CU_ASSERT_EQUAL(twin_place_of(&twins[REPLICA], 2), twins[REPLICA].count);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&d.trace), "resync_record_refused"));
    finish();
}

/* Answers that are no answers: the step is tried again. */
static void test_malformed_answers(void)
{
    static const char *const tails[] = { "/get", "/docs", "/databases", "/collections" };
    static const char *const answers[] = { "{\"ids\":", "<html>", "{\"unexpected\":[{\"shape\":1}]}" };
    for (size_t k = 0; k < sizeof(tails) / sizeof(tails[0]); k++) {
        adopt(5);
        for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
            driver_answer(&d, until_asked(PRIMARY, tails[k]), 200, answers[i]);
        }
        run_out();
        check_equal();
        finish();
    }
}

/* An empty collection whose dimension is fixed: the replica's has to be. */
static void test_dimension_of_empty(void)
{
    adopt(0);
    twins[REPLICA].loose = true;
    bool added = false;
    for (unsigned idle = 0; idle < 40;) {
        struct driver_call *call = anybody();
        idle = call == NULL ? idle + 1 : 0;
        if (call == NULL) {
            driver_advance(&d, 50 * NS_PER_MS);
        } else if (call->instance == REPLICA && twin_asked_for(call, "/add") && !added) {
            added = true;
            CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "[[0.0]]"));
            driver_end(&d, call, CALL_BROKEN, true); /* and once more, behind a fence */
        } else {
            answer(call);
        }
    }
    CU_ASSERT_TRUE(added);
    CU_ASSERT_EQUAL(twins[REPLICA].count, 0);
    check_equal();
    finish();
}

/* ---- any order ---- */

static void write_something(struct prng *prng)
{
    static const char *const verbs[] = { "add", "upsert", "update", "update", "delete", "delete" };
    static unsigned value;
    unsigned kind = (unsigned)prng_below(prng, 60);
    unsigned id = (unsigned)prng_below(prng, 40) * 12; /* some of them often */
    char body[64];
    value++;
    if (kind == 0) {
        (void)write_body("delete", "{\"where\":{\"k\":1}}");
    } else if (kind == 1) {
        (void)snprintf(body, sizeof(body), "{\"new_metadata\":{\"v\":%u}}", value);
        (void)write_body("", body);
    } else if (kind == 2) {
        (void)snprintf(body, sizeof(body), "{\"ids\":[\"r%u\"],\"\\u0078\":1}", id);
        (void)write_body("delete", body);
    } else {
        (void)write_row(verbs[prng_below(prng, 6)], id, value);
    }
}

static struct driver_call *some_call(struct prng *prng)
{
    struct driver_call *chosen = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < d.call_count; i++) {
        struct driver_call *call = &d.calls[i];
        if (!call->over && !call->probe && !call->own && prng_below(prng, ++seen) == 0) {
            chosen = call;
        }
    }
    return chosen;
}

/* Something happens: a write comes, time passes, or a call takes effect, is answered, or breaks. */
static void happen(struct prng *prng, bool calm)
{
    struct driver_call *call = some_call(prng);
    uint64_t what = prng_below(prng, 10);
    if (what < 2) {
        write_something(prng);
    } else if (what == 2) {
        driver_advance(&d, prng_below(prng, 100) * NS_PER_MS);
    } else if (call == NULL) {
        driver_advance(&d, 10 * NS_PER_MS);
    } else if (what < 6) {
        (void)take_effect(call);
    } else if (!calm && prng_below(prng, 100) == 0) {
        if (prng_below(prng, 2) == 0) {
            (void)take_effect(call);
        }
        driver_end(&d, call, CALL_BROKEN, true);
    } else {
        answer(call);
    }
}

static void play(uint64_t seed)
{
    struct prng prng;
    prng_seed(&prng, seed);
    bool calm = seed % 2 == 0;
    adopt(350 + (unsigned)prng_below(&prng, 140));
    (void)until_asked(REPLICA, "/add");
    driver_advance(&d, prng_below(&prng, 4) * NS_PER_S);
    while (d.log_count < DRIVER_MANY * 5 / 8 && d.call_count < DRIVER_CALLS * 5 / 8) {
        happen(&prng, calm);
    }
    run_out();
    unsigned before = CU_get_number_of_failures();
    check_equal();
    if (CU_get_number_of_failures() > before) {
        (void)printf("    seed %llu\n", (unsigned long long)seed);
    }
    finish();
}

static void test_any_order(void)
{
    for (uint64_t seed = 1; seed <= 150; seed++) {
        play(seed);
    }
}

static const struct suite_test tests[] = {
    { "updates go on at the source during a long copy", test_updates_go_on },
    { "and reads that have to see them are answered", test_reads_see_them },
    { "deletes go on between two pages, and the next begins earlier", test_deletes_move_pages },
    { "a delete by filter waits for the end of the copy", test_filters_wait },
    { "a write that is not understood makes it compare again", test_not_understood },
    { "a restart in the middle begins anew", test_restart_in_the_middle },
    { "a replica that holds something is made equal, and keeps its own", test_replica_with_records },
    { "and then updates wait for the end", test_kept_rows_make_wait },
    { "what is written behind the pages is compared once more", test_written_behind_the_pages },
    { "a record that is refused does not stop the others", test_refused_record },
    { "answers that cannot be read are asked for again", test_malformed_answers },
    { "the dimension of an empty collection is copied", test_dimension_of_empty },
    { "both hold the same at the end, whatever the order", test_any_order },
};

TEST_MAIN("core_walk", tests)
