/* Long texts: kept once, whole for everybody who holds them, told apart in a dump that does not spell them
 * out. */
#include "mockchroma/core/text.h"
#include "tests/unit/mock/driver.h"

#define LONG 1500u

/* Too large for the stack. */
static struct driver one, two;

/* {"ids":[id],"embeddings":[[1,2]],"documents":[prefix, then LONG times fill]} */
static const char *add_of(const char *id, const char *prefix, char fill)
{
    static char body[LONG + 256];
    char text[LONG + 1];
    memset(text, fill, LONG);
    text[LONG] = '\0';
    (void)snprintf(body, sizeof(body), "{\"ids\":[\"%s\"],\"embeddings\":[[1,2]],\"documents\":[\"%s%s\"]}",
                   id, prefix, text);
    return body;
}

static struct str document_of(struct driver *d)
{
    const char *body;
    CU_ASSERT_EQUAL(driver_record(d, "get", "{\"include\":[\"documents\"]}", &body), 200);
    const char *start = strstr(body, "\"documents\":[\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(start);
    start += strlen("\"documents\":[\"");
    const char *end = strstr(start, "\"]");
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    return str_make(start, (size_t)(end - start));
}

static bool is_fill(struct str text, char fill)
{
    bool same = text.size == LONG;
    for (size_t i = 0; same && i < text.size; i++) {
        same = text.data[i] == fill;
    }
    return same;
}

static void begin(struct text_pool *texts)
{
    driver_init_sharing(&one, texts, 1);
    driver_init_sharing(&two, texts, 2);
    driver_collection(&one, "films");
    driver_collection(&two, "films");
}

static void equal_texts_hold_one_body(void)
{
    struct text_pool *pool = text_pool_new();
    size_t before = block_bytes_live();
    struct text *texts[3];
    for (int i = 0; i < 2; i++) {
        struct block *body = block_new(LONG + 10);
        memset(body->data, 'x', LONG + 10);
        texts[i] = text_new(pool, str_make(body->data + 5, LONG), body);
        block_unref(body);
    }
    texts[2] = text_copy(texts[1]);
    CU_ASSERT_EQUAL(block_bytes_live() - before, LONG + 10);
    text_free(texts[0]);
    text_free(texts[1]);
    CU_ASSERT_TRUE(is_fill(text_str(texts[2]), 'x'));
    text_free(texts[2]);
    CU_ASSERT_EQUAL(block_bytes_live(), before);
    text_pool_free(pool);
}

static void a_text_outlives_the_server_it_was_shared_with(void)
{
    struct text_pool *pool = text_pool_new();
    begin(pool);
    CU_ASSERT_EQUAL(driver_record(&one, "add", add_of("a", "", 'x'), NULL), 201);
    CU_ASSERT_EQUAL(driver_record(&two, "add", add_of("b", "", 'x'), NULL), 201);
    driver_done(&one);
    CU_ASSERT_TRUE(is_fill(document_of(&two), 'x'));
    CU_ASSERT_EQUAL(driver_record(&two, "upsert", add_of("b", "", 'y'), NULL), 200);
    CU_ASSERT_TRUE(is_fill(document_of(&two), 'y'));
    driver_done(&two);
    text_pool_free(pool);
}

static void a_long_text_with_escapes_is_decoded(void)
{
    begin(NULL);
    CU_ASSERT_EQUAL(driver_record(&one, "add", add_of("a", "\\u0041", 'x'), NULL), 201);
    CU_ASSERT_EQUAL(driver_record(&one, "update", "{\"ids\":[\"a\"],\"embeddings\":[[3,4]]}", NULL), 200);
    struct str document = document_of(&one);
    CU_ASSERT_EQUAL(document.size, LONG + 1);
    CU_ASSERT_EQUAL(document.data[0], 'A');
    driver_done(&one);
    driver_done(&two);
}

static void a_snapshot_keeps_the_long_text_it_was_taken_with(void)
{
    struct errmsg msg;
    begin(NULL);
    (void)driver_record(&one, "add", add_of("a", "", 'x'), NULL);
    mock_snapshot(one.mock, STR("before"));
    (void)driver_record(&one, "upsert", add_of("a", "", 'y'), NULL);
    CU_ASSERT_EQUAL(mock_restore(one.mock, one.now_ns, STR("before"), &msg), 0);
    CU_ASSERT_TRUE(is_fill(document_of(&one), 'x'));
    driver_done(&one);
    driver_done(&two);
}

static void dumps_with_digests_tell_content(void)
{
    struct buf a;
    struct buf b;
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    begin(NULL); /* a pool for each: the digest does not depend on who else holds the text */
    (void)driver_record(&one, "add", add_of("a", "", 'x'), NULL);
    (void)driver_record(&two, "add", add_of("a", "", 'x'), NULL);
    mock_dump(one.mock, MOCK_DUMP_DIGESTS, &a);
    mock_dump(two.mock, MOCK_DUMP_DIGESTS, &b);
    CU_ASSERT_TRUE(str_equal(buf_str(&a), buf_str(&b)));
    CU_ASSERT_TRUE(a.size < LONG);
    (void)driver_record(&two, "upsert", add_of("a", "", 'y'), NULL);
    buf_clear(&b);
    mock_dump(two.mock, MOCK_DUMP_DIGESTS, &b);
    CU_ASSERT_FALSE(str_equal(buf_str(&a), buf_str(&b)));
    (void)driver_record(&two, "upsert", "{\"ids\":[\"a\"],\"embeddings\":[[1,2]],\"documents\":[\"short\"]}",
                        NULL);
    buf_clear(&b);
    mock_dump(two.mock, MOCK_DUMP_DIGESTS, &b);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&b), "\"document\":\"short\""));
    driver_done(&one);
    driver_done(&two);
    buf_deinit(&a);
    buf_deinit(&b);
}

static const struct suite_test tests[] = {
    { "equal texts hold one body", equal_texts_hold_one_body },
    { "a text outlives the server it was shared with", a_text_outlives_the_server_it_was_shared_with },
    { "a long text with escapes is decoded", a_long_text_with_escapes_is_decoded },
    { "a snapshot keeps the long text it was taken with", a_snapshot_keeps_the_long_text_it_was_taken_with },
    { "dumps with digests tell content", dumps_with_digests_tell_content },
};

TEST_MAIN("mock texts", tests)
