/* The plan of a load: the same for the same seed, at the rate and mix that were asked for, with bodies that
 * are JSON of the size that was asked for. */
#include "base/json_scan.h"
#include "base/units.h"
#include "harness/runner/workload.h"
#include "tests/lib/suite.h"
#include <math.h>

static struct scenario_load load_of(double per_second, bool poisson)
{
    static char name[] = "writer";
    return (struct scenario_load){
        .name = name,
        .per_second = per_second,
        .poisson = poisson,
        .body_bytes = 2000,
        .dimension = 4,
        .mix = { { OP_ADD, 0.8 }, { OP_UPSERT, 0.15 }, { OP_DELETE, 0.05 } },
        .mix_count = 3,
        .collections = 8,
        .records = 1000,
        .during = UINT32_MAX,
    };
}

static size_t count_until(struct workload *w, uint64_t end_ns)
{
    size_t count = 0;
    for (; workload_peek(w)->planned_ns < end_ns; workload_pop(w)) {
        count++;
    }
    return count;
}

static void same_seed_same_plan(void)
{
    struct scenario_load load = load_of(10, true);
    struct workload a;
    struct workload b;
    struct workload other;
    workload_init(&a, &load, 7, 0, 8, 1000);
    workload_init(&b, &load, 7, 0, 8, 1000);
    workload_init(&other, &load, 8, 0, 8, 1000);
    size_t same = 0;
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(workload_peek(&a)->planned_ns, workload_peek(&b)->planned_ns);
        CU_ASSERT_EQUAL(workload_peek(&a)->op, workload_peek(&b)->op);
        CU_ASSERT_EQUAL(workload_peek(&a)->record, workload_peek(&b)->record);
        CU_ASSERT_EQUAL(workload_peek(&a)->body_seed, workload_peek(&b)->body_seed);
        same += workload_peek(&a)->planned_ns == workload_peek(&other)->planned_ns ? 1 : 0;
        workload_pop(&a);
        workload_pop(&b);
        workload_pop(&other);
    }
    CU_ASSERT_TRUE(same < 5);
}

/* The size of a body must not change what is written where. */
static void body_size_leaves_the_plan_alone(void)
{
    struct scenario_load small = load_of(10, true);
    struct scenario_load large = small;
    large.body_bytes = 100000;
    struct workload a;
    struct workload b;
    workload_init(&a, &small, 7, 0, 8, 1000);
    workload_init(&b, &large, 7, 0, 8, 1000);
    for (int i = 0; i < 200; i++) {
        CU_ASSERT_EQUAL(workload_peek(&a)->planned_ns, workload_peek(&b)->planned_ns);
        CU_ASSERT_EQUAL(workload_peek(&a)->record, workload_peek(&b)->record);
        workload_pop(&a);
        workload_pop(&b);
    }
}

/* 50 a minute for 5 minutes are 250, the guide's figure. */
static void even_load_is_exact(void)
{
    struct scenario_load load = load_of(50.0 / 60, false);
    struct workload w;
    workload_init(&w, &load, 1, 3 * NS_PER_S, 8, 1000);
    CU_ASSERT_TRUE(workload_peek(&w)->planned_ns > 3 * NS_PER_S);
    CU_ASSERT_EQUAL(count_until(&w, 303 * NS_PER_S), 250);
}

/* 10,000 expected arrivals: the count lies within four standard deviations (400). */
static void poisson_load_has_its_rate(void)
{
    struct scenario_load load = load_of(10, true);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct workload w;
        workload_init(&w, &load, seed, 0, 8, 1000);
        size_t count = count_until(&w, 1000 * NS_PER_S);
        CU_ASSERT_TRUE(count > 9600);
        CU_ASSERT_TRUE(count < 10400);
    }
}

static void mix_and_spread_are_as_asked(void)
{
    struct scenario_load load = load_of(10, true);
    struct workload w;
    workload_init(&w, &load, 3, 0, 8, 1000);
    size_t ops[CHROMA_OP_COUNT] = { 0 };
    size_t collections[8] = { 0 };
    for (int i = 0; i < 10000; i++) {
        const struct workload_op *op = workload_peek(&w);
        ops[op->op]++;
        CU_ASSERT_TRUE_FATAL(op->collection < 8);
        CU_ASSERT_TRUE_FATAL(op->record < 1000);
        collections[op->collection]++;
        workload_pop(&w);
    }
    CU_ASSERT_TRUE(ops[OP_ADD] > 7800 && ops[OP_ADD] < 8200);
    CU_ASSERT_TRUE(ops[OP_UPSERT] > 1350 && ops[OP_UPSERT] < 1650);
    CU_ASSERT_TRUE(ops[OP_DELETE] > 400 && ops[OP_DELETE] < 600);
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_TRUE(collections[i] > 1000);
    }
}

static void write_is_json_of_the_size_asked(void)
{
    struct scenario_load load = load_of(10, true);
    struct workload_op op = { .op = OP_ADD, .body_seed = 99 };
    struct buf body;
    buf_init(&body, 1 << 20);
    workload_body(&body, &load, &op, 137, 4711);
    CU_ASSERT_EQUAL(body.size, 2000);
    struct json_scan scan;
    CU_ASSERT_EQUAL_FATAL(json_scan(buf_str(&body), &scan), 0);
    CU_ASSERT_EQUAL(scan.trailing, 0);
    const char *const lists[] = { "ids", "embeddings", "metadatas", "documents" };
    for (size_t i = 0; i < 4; i++) {
        const struct json_member *member = json_scan_find(&scan, lists[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(member);
        CU_ASSERT_EQUAL(member->elements, 1);
    }
    CU_ASSERT_TRUE(str_equal(json_scan_find(&scan, "ids")->value, STR("[\"doc-000137\"]")));
    CU_ASSERT_TRUE(str_equal(json_scan_find(&scan, "metadatas")->value, STR("[{\"wd_op\":4711}]")));
    size_t at = 0;
    struct str vector;
    enum json_kind kind;
    CU_ASSERT_TRUE(json_scan_next(json_scan_find(&scan, "embeddings")->value, &at, &vector, &kind));
    size_t commas = 0;
    for (size_t i = 0; i < vector.size; i++) {
        commas += vector.data[i] == ',' ? 1 : 0;
    }
    CU_ASSERT_EQUAL(commas, 3);
    buf_deinit(&body);
}

static void other_bodies_are_json(void)
{
    struct scenario_load load = load_of(10, true);
    const enum chroma_op kinds[] = { OP_DELETE, OP_GET, OP_QUERY };
    for (size_t i = 0; i < 3; i++) {
        struct workload_op op = { .op = kinds[i], .body_seed = 5 };
        struct buf body;
        struct json_scan scan;
        buf_init(&body, 1 << 20);
        workload_body(&body, &load, &op, 1, 2);
        CU_ASSERT_EQUAL(json_scan(buf_str(&body), &scan), 0);
        CU_ASSERT_TRUE(scan.is_object);
        buf_deinit(&body);
    }
    struct workload_op count = { .op = OP_COUNT };
    struct buf none;
    buf_init(&none, 100);
    workload_body(&none, &load, &count, 1, 2);
    CU_ASSERT_EQUAL(none.size, 0);
    buf_deinit(&none);
}

static void seen_tag_reads_answers(void)
{
    CU_ASSERT_EQUAL(workload_seen_tag(STR("{\"ids\":[\"doc-000001\"],\"metadatas\":[{\"wd_op\":17}]}")), 17);
    CU_ASSERT_EQUAL(workload_seen_tag(STR("{\"ids\":[],\"metadatas\":[]}")), 0);
    CU_ASSERT_EQUAL(workload_seen_tag(STR("{\"error\":\"x\"}")), -1);
    CU_ASSERT_EQUAL(workload_seen_tag(STR("")), -1);
    CU_ASSERT_EQUAL(workload_seen_tag(STR("\"wd_op\":")), -1);
    CU_ASSERT_EQUAL(workload_seen_tag(STR("\"wd_op\":99999999999999999999999999")), -1);
}

static const struct suite_test tests[] = {
    { "the same seed gives the same plan, another seed another", same_seed_same_plan },
    { "the size of bodies does not change what is written where", body_size_leaves_the_plan_alone },
    { "an evenly spaced load offers exactly its rate", even_load_is_exact },
    { "a poisson load offers its rate", poisson_load_has_its_rate },
    { "operations and collections are drawn as asked", mix_and_spread_are_as_asked },
    { "a write is JSON of the size asked for, with id and tag", write_is_json_of_the_size_asked },
    { "deletes, gets and queries are JSON, counts have no body", other_bodies_are_json },
    { "a get's answer tells which write it saw", seen_tag_reads_answers },
};

TEST_MAIN("workload", tests)
