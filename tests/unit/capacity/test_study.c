/* The tables beside the forecast: bodies as clients send them, budgets, the guide's columns. */
#include "base/units.h"
#include "harness/capacity/study.h"
#include "proxy/core/join.h"
#include "tests/lib/suite.h"
#include <math.h>
#include <string.h>

#define BODY_MAX ((size_t)1 << 24)

/* What is weighed is what a Chroma would take: walproxy understands each of them completely. */
static void test_bodies_are_chromas(void)
{
    for (int encoding = 0; encoding < BODY_ENCODINGS; encoding++) {
        struct body_shape shape = {
            .dimension = 384, .document_bytes = 500, .records = 3, .encoding = (enum body_encoding)encoding
        };
        struct buf body;
        struct join_part part;
        buf_init(&body, BODY_MAX);
        body_write(&body, &shape, 7);
        CU_ASSERT_TRUE(join_read(OP_ADD, buf_str(&body), &part));
        CU_ASSERT_EQUAL(part.records, 3);
        CU_ASSERT_EQUAL(part.width, 384);
        CU_ASSERT_EQUAL(part.encoding, encoding == BODY_JSON ? JOIN_ARRAYS : JOIN_BASE64);
        buf_deinit(&body);
    }
}

static void test_weight_of_bodies(void)
{
    struct body_shape json = { .dimension = 384, .document_bytes = 500, .records = 1, .encoding = BODY_JSON };
    struct body_shape base64 = json;
    base64.encoding = BODY_BASE64;
    /* 384 numbers of 20 characters or so; of 5 1/3. */
    CU_ASSERT(body_bytes(&json) > 384 * 18 + 500 && body_bytes(&json) < 384 * 23 + 800);
    CU_ASSERT(body_bytes(&base64) > 384 * 16 / 3.0 + 500 && body_bytes(&base64) < 384 * 16 / 3.0 + 800);
}

static void test_study(void)
{
    static struct capacity_study study;
    memset(&study, 0, sizeof(study));
    capacity_question_init(&study.question);
    capacity_study(&study, true);
    CU_ASSERT_DOUBLE_EQUAL(study.guide_mb, 29.296875, 1e-9); /* the medium example is asked about */
    CU_ASSERT_EQUAL(study.sweep_count, 27);
    for (size_t i = 1; i < CAPACITY_BUDGETS; i++) {
        CU_ASSERT(study.budgets[i].safe_memory_s > study.budgets[i - 1].safe_memory_s);
        CU_ASSERT(study.budgets[i].safe_disk_s > study.budgets[i - 1].safe_disk_s);
    }
    for (size_t i = 1; i < CAPACITY_CURVE; i++) {
        CU_ASSERT(study.curve[i].forecast.memory_bytes >= study.curve[i - 1].forecast.memory_bytes);
    }
    CU_ASSERT_EQUAL(study.curve[CAPACITY_CURVE - 1].minutes, 60);
    /* Ten thousand writes of that size fill one GiB. */
    CU_ASSERT(study.body_for_guide_gib > 100 * 1024 && study.body_for_guide_gib < 110 * 1024);
    capacity_study_deinit(&study);
}

/* The guide's table is what LOAD_PROFILE sets. */
static void test_columns(void)
{
    static struct capacity_study study;
    static const struct {
        double window_s, ratio, timeout_s, check_s;
    } table[CAPACITY_COLUMNS] = { { 30, 0.5, 30, 60 }, { 20, 0.7, 15, 30 }, { 10, 0.8, 10, 15 } };
    memset(&study, 0, sizeof(study));
    capacity_question_init(&study.question);
    capacity_study(&study, false);
    unsigned recommended = 0;
    for (size_t i = 0; i < CAPACITY_COLUMNS; i++) {
        CU_ASSERT_EQUAL(study.columns[i].window_s, table[i].window_s);
        CU_ASSERT_EQUAL(study.columns[i].replica_ratio, table[i].ratio);
        CU_ASSERT_EQUAL(study.columns[i].timeout_s, table[i].timeout_s);
        CU_ASSERT_EQUAL(study.columns[i].check_s, table[i].check_s);
        CU_ASSERT(study.columns[i].noticed_s > table[i].check_s &&
                  study.columns[i].noticed_s < 2 * table[i].check_s);
        recommended += study.columns[i].fits ? 1 : 0;
    }
    CU_ASSERT_EQUAL(recommended, 1);
    CU_ASSERT_TRUE(study.columns[1].fits); /* 50 a minute is the guide's medium load */
    CU_ASSERT_EQUAL(study.sweep_count, 0);
    capacity_study_deinit(&study);
}

static const struct suite_test tests[] = {
    { "the bodies that are weighed are what Chroma takes", test_bodies_are_chromas },
    { "a body as JSON and as base64", test_weight_of_bodies },
    { "budgets, sweep, curve and the guide's 10,000 writes", test_study },
    { "the guide's columns", test_columns },
};
TEST_MAIN("capacity study", tests)
