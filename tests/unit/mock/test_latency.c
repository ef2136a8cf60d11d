/* Latency profiles: what was measured, or is documented, comes out of the draws again, alone and through the
 * mock; a wrong name is answered with the right one. */
#include "mockchroma/core/latency.h"
#include "mockchroma/core/latency_measured.h"
#include "tests/unit/mock/driver.h"
#include <stdlib.h>

#define DRAWS 20000

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static const uint64_t *sorted_draws(const char *profile, enum chroma_op op, size_t records)
{
    static uint64_t ns[DRAWS];
    struct errmsg msg;
    const struct latency_profile *p = latency_profile_find(profile, &msg);
    struct prng prng;
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    prng_seed(&prng, 7);
    for (size_t i = 0; i < DRAWS; i++) {
        ns[i] = latency_draw(p, &prng, op, records);
    }
    qsort(ns, DRAWS, sizeof(ns[0]), compare);
    return ns;
}

static bool near(uint64_t ns, double us, double share)
{
    double expected = us * (double)NS_PER_US;
    bool good = (double)ns >= expected * (1 - share) && (double)ns <= expected * (1 + share);
    if (!good) {
        (void)fprintf(stderr, "expected %.0f us, drawn %.0f us\n", us, (double)ns / (double)NS_PER_US);
    }
    return good;
}

/* per_cent of the draws, one more or less, lie below us. */
static void check_percentile(const uint64_t *ns, double us, size_t per_cent)
{
    size_t low = DRAWS * per_cent / 100 - DRAWS / 100;
    CU_ASSERT((double)ns[low] <= us * (double)NS_PER_US);
    CU_ASSERT((double)ns[low + DRAWS / 50 - 1] >= us * (double)NS_PER_US);
}

static void check_measured(enum chroma_op op, size_t records, const uint32_t *us)
{
    const uint64_t *ns = sorted_draws("measured-vm", op, records);
    check_percentile(ns, us[1], 10);
    check_percentile(ns, us[3], 50);
    check_percentile(ns, us[5], 90);
    check_percentile(ns, us[7], 99);
    CU_ASSERT(ns[0] >= us[0] * NS_PER_US);
    CU_ASSERT(ns[DRAWS - 1] <= us[8] * NS_PER_US);
}

static void test_measured(void)
{
#define X(op, records, held, clients, samples, ...) { op, records, clients, { __VA_ARGS__ } },
    static const struct {
        enum chroma_op op;
        size_t records;
        unsigned clients;
        uint32_t us[9];
    } rows[] = { LATENCY_MEASURED(X) };
#undef X
    bool done[CHROMA_OP_COUNT] = { false }; /* of several sizes of a collection the first one counts */
    size_t checked = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].clients == 1 && rows[i].records == 100) {
            const uint64_t *ns = sorted_draws("measured-vm", rows[i].op, 100);
            CU_ASSERT(near(ns[DRAWS / 2], rows[i].us[3], 0.05));
        } else if (rows[i].clients == 1 && !done[rows[i].op]) {
            done[rows[i].op] = true;
            check_measured(rows[i].op, 1, rows[i].us);
            checked++;
        }
    }
    CU_ASSERT(checked >= 9);
}

/* The figures of docs/chroma-wire.md section 7. */
static void test_documented(void)
{
    static const struct {
        enum chroma_op op;
        size_t records;
        double p50_us;
        double p99_us;
    } rows[] = {
        { OP_VERSION, 0, 400, 2000 },   { OP_COLLECTION_CREATE, 0, 3900, 12000 },
        { OP_ADD, 1, 22000, 92000 },    { OP_UPSERT, 1, 24000, 62000 },
        { OP_UPDATE, 1, 14000, 74000 }, { OP_QUERY, 1, 3300, 13000 },
        { OP_GET, 1, 1700, 10000 },     { OP_COUNT, 0, 2600, 12000 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint64_t *ns = sorted_draws("measured-small", rows[i].op, rows[i].records);
        CU_ASSERT(near(ns[DRAWS / 2], rows[i].p50_us, 0.05));
        CU_ASSERT(near(ns[DRAWS * 99 / 100], rows[i].p99_us, 0.10));
    }
}

/* What a client of the mock waits for is what the profile draws: one add after the other. */
static void test_through_the_mock(void)
{
    enum { ADDS = 2000 };
    static uint64_t ns[ADDS];
    static struct driver d;
    driver_init(&d, "measured-vm", 7);
    driver_send(&d, "POST", C_PATH, "{\"name\":\"films\"}");
    driver_wait(&d, NS_PER_S);
    CU_ASSERT_EQUAL_FATAL(sscanf(d.log[0].body, "{\"id\":\"%36s", d.uuid), 1);
    for (size_t i = 0; i < ADDS; i++) {
        char body[64];
        uint64_t begin = d.now_ns;
        (void)snprintf(body, sizeof(body), "{\"ids\":[\"r%zu\"],\"embeddings\":[[1,2]]}", i);
        d.log_count = 0;
        uint64_t request = driver_record_send(&d, "add", body);
        driver_wait(&d, 10 * NS_PER_S);
        const struct driver_answer *answer = driver_find(&d, request);
        CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
        ns[i] = answer->at_ns - begin;
    }
    qsort(ns, ADDS, sizeof(ns[0]), compare);
    uint64_t median = sorted_draws("measured-vm", OP_ADD, 1)[DRAWS / 2];
    CU_ASSERT(near(ns[ADDS / 2], (double)median / (double)NS_PER_US, 0.05));
    driver_done(&d);
}

static void test_names(void)
{
    struct errmsg msg = { "" };
    CU_ASSERT_PTR_NULL(latency_profile_find("measured-fst-disk", &msg));
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "did you mean \"measured-fast-disk\"?"));
    for (struct str names = str_of(latency_names()); names.size > 0;) {
        char name[40];
        struct str one = str_trim(str_cut(names, ',', &names));
        (void)snprintf(name, sizeof(name), "%.*s", STR_ARGS(one));
        CU_ASSERT_PTR_NOT_NULL(latency_profile_find(name, &msg));
    }
}

static const struct suite_test tests[] = {
    { "the measured percentiles come out of the draws", test_measured },
    { "the documented percentiles come out of the draws", test_documented },
    { "a client of the mock waits as the profile says", test_through_the_mock },
    { "every name is known, a wrong one is answered with the nearest", test_names },
};

TEST_MAIN("mock_latency", tests)
