/* What the mock keeps of a write, rule by rule: the rules a proxy's replay depends on. */
#include "tests/unit/mock/driver.h"

static struct driver d;

static void begin(void)
{
    driver_init(&d, "none", 7);
    driver_collection(&d, "films");
}

static void expect_record(const char *expected)
{
    const char *body;
    CU_ASSERT_EQUAL(
        driver_record(&d, "get", "{\"include\":[\"documents\",\"metadatas\",\"embeddings\"]}", &body), 200);
    if (strstr(body, expected) == NULL) {
        (void)fprintf(stderr, "expected %s\nin       %s\n", expected, body);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(body, expected));
}

static void add_keeps_the_first_writer(void)
{
    begin();
    CU_ASSERT_EQUAL(
        driver_record(&d, "add", "{\"ids\":[\"a\"],\"embeddings\":[[1,2]],\"documents\":[\"first\"]}", NULL),
        201);
    CU_ASSERT_EQUAL(
        driver_record(&d, "add",
                      "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[9,9],[3,4]],\"documents\":[\"second\",null]}",
                      NULL),
        201);
    expect_record("\"documents\":[\"first\",null]");
    expect_record("\"embeddings\":[[1.0,2.0],[3.0,4.0]]");
    driver_done(&d);
}

static void upsert_merges_metadata_key_by_key(void)
{
    begin();
    (void)driver_record(
        &d, "add", "{\"ids\":[\"a\"],\"embeddings\":[[1,2]],\"metadatas\":[{\"k\":1,\"gone\":true}]}", NULL);
    CU_ASSERT_EQUAL(
        driver_record(&d, "upsert",
                      "{\"ids\":[\"a\"],\"embeddings\":[[5,6]],\"metadatas\":[{\"n\":2.5,\"gone\":null}]}",
                      NULL),
        200);
    expect_record("\"metadatas\":[{\"k\":1,\"n\":2.5}]");
    (void)driver_record(&d, "update", "{\"ids\":[\"a\"],\"metadatas\":[{\"k\":null,\"n\":null}]}", NULL);
    expect_record("\"metadatas\":[null]");
    driver_done(&d);
}

static void update_leaves_what_it_does_not_name(void)
{
    begin();
    (void)driver_record(&d, "add", "{\"ids\":[\"a\"],\"embeddings\":[[1,2]],\"documents\":[\"doc\"]}", NULL);
    CU_ASSERT_EQUAL(
        driver_record(&d, "update", "{\"ids\":[\"a\",\"unknown\"],\"embeddings\":[null,[7,7]]}", NULL), 200);
    expect_record("\"ids\":[\"a\"],\"embeddings\":[[1.0,2.0]],\"documents\":[\"doc\"]");
    driver_done(&d);
}

static void a_row_added_again_moves_to_the_end(void)
{
    begin();
    (void)driver_record(&d, "add", "{\"ids\":[\"c\",\"a\"],\"embeddings\":[[1,1],[2,2]]}", NULL);
    (void)driver_record(&d, "delete", "{\"ids\":[\"c\"]}", NULL);
    (void)driver_record(&d, "add", "{\"ids\":[\"c\"],\"embeddings\":[[3,3]]}", NULL);
    expect_record("\"ids\":[\"a\",\"c\"]");
    driver_done(&d);
}

static void a_refused_add_fixes_the_dimension(void)
{
    const char *body;
    begin();
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2]]}", NULL), 400);
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"a\"],\"embeddings\":[[1,2,3]]}", &body), 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(body, "expecting embedding with dimension of 2, got 3"));
    CU_ASSERT_EQUAL(driver_count(&d), 0);
    driver_done(&d);
}

static void some_refused_adds_do_not_fix_the_dimension(void)
{
    begin();
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2],[1]]}", NULL),
                    400);
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"a\"],\"embeddings\":[[]]}", NULL), 400);
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[5],\"embeddings\":[[1,2]]}", NULL), 422);
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"a\"],\"embeddings\":[[1,2,3]]}", NULL), 201);
    driver_done(&d);
}

/* Content type before JSON before types before the UUID's form before its existence before sizes. */
static void errors_come_in_the_order_of_the_real_server(void)
{
    begin();
    CU_ASSERT_EQUAL(driver_call(&d, "POST", C_PATH "/nope/add", "{\"ids\":[\"a\"]", NULL), 400);
    CU_ASSERT_EQUAL(driver_call(&d, "POST", C_PATH "/nope/add", "{\"ids\":[\"a\"]}", NULL), 422);
    CU_ASSERT_EQUAL(driver_call(&d, "POST", C_PATH "/nope/add", "{\"ids\":[],\"embeddings\":[]}", NULL), 400);
    CU_ASSERT_EQUAL(driver_call(&d, "POST", C_PATH "/00000000-0000-4000-8000-000000000001/add",
                                "{\"ids\":[\"a\"],\"embeddings\":[[1],[2]]}", NULL),
                    404);
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"a\"],\"embeddings\":[[1],[2]]}", NULL), 400);
    driver_done(&d);
}

static void query_orders_by_distance_and_age(void)
{
    const char *body;
    begin();
    (void)driver_record(
        &d, "add",
        "{\"ids\":[\"far\",\"twin1\",\"twin2\",\"near\"],\"embeddings\":[[9,0],[1,0],[1,0],[0,0]]}", NULL);
    CU_ASSERT_EQUAL(
        driver_record(&d, "query",
                      "{\"query_embeddings\":[[0,0]],\"n_results\":3,\"include\":[\"distances\"]}", &body),
        200);
    CU_ASSERT_PTR_NOT_NULL(strstr(body, "\"ids\":[[\"near\",\"twin1\",\"twin2\"]]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(body, "\"distances\":[[0.0,1.0,1.0]]"));
    driver_done(&d);
}

static void dumps_tell_content_not_identity(void)
{
    /* Too large for the stack. */
    static struct driver other;
    struct buf a;
    struct buf b;
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    begin();
    driver_init(&other, "none", 99);
    driver_collection(&other, "films");
    CU_ASSERT_STRING_NOT_EQUAL(d.uuid, other.uuid);
    (void)driver_record(&d, "add", "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2],[3,4]]}", NULL);
    (void)driver_record(&other, "add", "{\"ids\":[\"b\"],\"embeddings\":[[3,4]]}", NULL);
    mock_dump(d.mock, MOCK_DUMP_WHOLE, &a);
    mock_dump(other.mock, MOCK_DUMP_WHOLE, &b);
    CU_ASSERT_FALSE(str_equal(buf_str(&a), buf_str(&b)));
    (void)driver_record(&other, "add", "{\"ids\":[\"a\"],\"embeddings\":[[1,2]]}", NULL);
    buf_clear(&b);
    mock_dump(other.mock, MOCK_DUMP_WHOLE, &b);
    CU_ASSERT_TRUE(str_equal(buf_str(&a), buf_str(&b)));
    driver_done(&other);
    driver_done(&d);
    buf_deinit(&a);
    buf_deinit(&b);
}

static void hostile_bodies_are_refused(void)
{
    static const char *const bodies[] = {
        "",
        "{",
        "[",
        "{\"ids\":",
        "{\"ids\":[\"\\ud800\"]}",
        "{\"ids\":[\"\xff\"]}",
        "{\"ids\":[1e999]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[1,]]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[01]]}",
        "nul",
        "tru",
        "{\"ids\":[\"a\"] \"embeddings\":[]}",
        "{\"a\":\"\\x\"}",
        "{\"ids\":[\"a\n\"]}",
        "-",
        "{,}",
    };
    char deep[1000];
    begin();
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        int status = driver_record(&d, "add", bodies[i], NULL);
        CU_ASSERT_TRUE(status == 400 || status == 422);
    }
    memset(deep, '[', sizeof(deep));
    memcpy(deep, "{\"x\":", 5);
    deep[sizeof(deep) - 1] = '\0';
    CU_ASSERT_EQUAL(driver_record(&d, "get", deep, NULL), 400);
    CU_ASSERT_EQUAL(driver_count(&d), 0);
    driver_done(&d);
}

static const struct suite_test tests[] = {
    { "add keeps the first writer", add_keeps_the_first_writer },
    { "upsert merges metadata key by key", upsert_merges_metadata_key_by_key },
    { "update leaves what it does not name", update_leaves_what_it_does_not_name },
    { "a row added again moves to the end", a_row_added_again_moves_to_the_end },
    { "a refused add fixes the dimension", a_refused_add_fixes_the_dimension },
    { "some refused adds do not fix the dimension", some_refused_adds_do_not_fix_the_dimension },
    { "errors come in the order of the real server", errors_come_in_the_order_of_the_real_server },
    { "query orders by distance and age", query_orders_by_distance_and_age },
    { "dumps tell content, not identity", dumps_tell_content_not_identity },
    { "hostile bodies are refused", hostile_bodies_are_refused },
};

TEST_MAIN("mock store", tests)
