/* What a page of the last hour is given: nothing twice, nothing lost that there is room for, gaps where
 * nobody answered. */
#include "harness/console/past.h"

#include "base/units.h"
#include "tests/lib/suite.h"
#include <stdio.h>

static struct past past;
static struct buf out;

static void add_served(double pending, const struct served_figures *served)
{
    struct status_sample sample = { .at_ns = (int64_t)(past.taken * NS_PER_S),
                                    .answered = pending >= 0,
                                    .pending_writes = pending,
                                    .oldest_pending_s = -1,
                                    .healthy = { true, false } };
    past_add(&past, &sample, served);
}

static void add(double pending)
{
    const struct served_figures nothing = { .per_s = { 0 },
                                            .p50_ms = { -1, -1, -1 },
                                            .p99_ms = { -1, -1, -1 } };
    add_served(pending, &nothing);
}

static const char *written(uint64_t from)
{
    struct json_writer w;
    buf_clear(&out);
    json_writer_init(&w, &out, 0);
    past_write(&past, from, &w);
    return buf_text(&out);
}

static void begin(void)
{
    past_init(&past);
    buf_init(&out, (size_t)4 << 20);
}

static void end(void)
{
    past_deinit(&past);
    buf_deinit(&out);
}

static void a_page_gets_what_is_new_to_it(void)
{
    begin();
    add(3);
    add(4);
    CU_ASSERT_PTR_NOT_NULL(strstr(written(0), "\"at_s\":[0,1],\"pending\":[3,4],\"oldest_s\":[0,0]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(written(0), "\"primary\":[true,true],\"replica\":[false,false]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(written(1), "\"at_s\":[1],\"pending\":[4]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(written(2), "\"at_s\":[],\"pending\":[]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(written(99), "\"at_s\":[]")); /* of another life of this program */
    end();
}

static void silence_is_a_gap_and_remembers_since_when(void)
{
    begin();
    add(1);
    CU_ASSERT_EQUAL(past.silent_since_ns, PAST_OPEN);
    add(-1);
    add(-1);
    CU_ASSERT_EQUAL(past.silent_since_ns, (int64_t)NS_PER_S);
    CU_ASSERT_PTR_NOT_NULL(strstr(written(0), "\"pending\":[1,null,null]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(written(0), "\"primary\":[true,null,null]"));
    add(2);
    CU_ASSERT_EQUAL(past.silent_since_ns, PAST_OPEN);
    end();
}

static void what_clients_got_is_told_and_what_nobody_knows_is_not(void)
{
    const struct served_figures some = { .per_s = { 12.34567, 3, 0 },
                                         .refused_per_s = 0.5,
                                         .failed_per_s = 0.25,
                                         .p50_ms = { 1.0004, 20, -1 },
                                         .p99_ms = { 9.8765, 30000, -1 } };
    const struct served_figures unknown = { .per_s = { -1, -1, -1 },
                                            .refused_per_s = -1,
                                            .failed_per_s = -1,
                                            .p50_ms = { -1, -1, -1 },
                                            .p99_ms = { -1, -1, -1 } };
    begin();
    add_served(1, &some);
    add_served(1, &unknown);
    add_served(-1, &some); /* nobody answered */
    CU_ASSERT_PTR_NOT_NULL(strstr(written(0),
                                  "\"read_per_s\":[12.346,null,null],\"write_per_s\":[3,null,null],"
                                  "\"other_per_s\":[0,null,null],\"refused_per_s\":[0.5,null,null],"
                                  "\"failed_per_s\":[0.25,null,null],\"read_p50_ms\":[1,null,null],"
                                  "\"write_p50_ms\":[20,null,null],\"other_p50_ms\":[null,null,null],"
                                  "\"read_p99_ms\":[9.877,null,null],\"write_p99_ms\":[30000,null,null],"
                                  "\"other_p99_ms\":[null,null,null]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(written(0), "\"pending\":[1,1,null]"));
    end();
}

static void an_hour_is_kept_and_no_more(void)
{
    begin();
    for (size_t i = 0; i < PAST_SAMPLES + 5; i++) {
        add((double)i);
    }
    CU_ASSERT_EQUAL(past_first(&past), 5);
    CU_ASSERT_EQUAL(past_at(&past, 5)->pending_writes, 5);
    CU_ASSERT_EQUAL(past_at(&past, past.taken - 1)->pending_writes, (double)(PAST_SAMPLES + 4));
    CU_ASSERT_PTR_NOT_NULL(strstr(written(0), "\"at_s\":[5,6,"));
    end();
}

/* --- spans ---------------------------------------------------------------------------------------------- */

static struct past_spans spans;

static const char *spans_written(void)
{
    struct json_writer w;
    buf_clear(&out);
    json_writer_init(&w, &out, 0);
    past_spans_write(&spans, &w);
    return buf_text(&out);
}

static void look(int64_t at_s, const char *one, const char *two)
{
    past_look_begin(&spans);
    if (one != NULL) {
        past_look(&spans, one, at_s * (int64_t)NS_PER_S);
    }
    if (two != NULL) {
        past_look(&spans, two, at_s * (int64_t)NS_PER_S);
    }
    past_look_end(&spans, at_s * (int64_t)NS_PER_S);
}

static void what_is_so_begins_and_ends_once(void)
{
    buf_init(&out, (size_t)1 << 20);
    look(1, "a", NULL);
    look(2, "a", "b");
    look(3, "b", NULL);
    look(4, NULL, NULL);
    look(5, "a", NULL);
    CU_ASSERT_STRING_EQUAL(spans_written(),
                           "[{\"name\":\"a\",\"start_s\":1,\"end_s\":3},"
                           "{\"name\":\"b\",\"start_s\":2,\"end_s\":4},"
                           "{\"name\":\"a\",\"start_s\":5,\"end_s\":null}]");
    past_spans_deinit(&spans);
    buf_deinit(&out);
}

static void the_oldest_that_is_over_makes_room(void)
{
    char name[16];
    buf_init(&out, (size_t)1 << 20);
    look(0, "always", NULL);
    for (int i = 1; i < (int)PAST_SPANS + 3; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        look(i, "always", name);
    }
    CU_ASSERT_EQUAL(spans.count, PAST_SPANS);
    CU_ASSERT_STRING_EQUAL(spans.spans[0].name, "always");
    CU_ASSERT_EQUAL(spans.spans[0].end_ns, PAST_OPEN);
    CU_ASSERT_STRING_EQUAL(spans.spans[1].name, "n4");
    CU_ASSERT_STRING_EQUAL(spans.spans[PAST_SPANS - 1].name, name);
    past_spans_deinit(&spans);
    buf_deinit(&out);
}

static const struct suite_test tests[] = {
    { "a page gets what is new to it", a_page_gets_what_is_new_to_it },
    { "silence is a gap, and remembers since when", silence_is_a_gap_and_remembers_since_when },
    { "what clients got is told, and what nobody knows is not",
      what_clients_got_is_told_and_what_nobody_knows_is_not },
    { "an hour is kept, and no more", an_hour_is_kept_and_no_more },
    { "what is so begins and ends once", what_is_so_begins_and_ends_once },
    { "the oldest that is over makes room", the_oldest_that_is_over_makes_room },
};
TEST_MAIN("console past", tests)
