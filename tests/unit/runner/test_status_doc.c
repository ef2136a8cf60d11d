/* A status that is laid over the one before reads as if it were taken apart. */
#include "harness/runner/status_doc.h"

#include "tests/lib/suite.h"
#include <stdio.h>

static struct status_doc doc;

static const char *value_at(const char *path)
{
    static char text[128];
    const struct status_place *p = status_doc_find(&doc, path);
    (void)snprintf(text, sizeof(text), "%.*s", p == NULL ? 6 : (int)p->value.size,
                   p == NULL ? "(none)" : p->value.data);
    return text;
}

static bool reads(const char *text)
{
    return status_doc_read(&doc, str_of(text));
}

static void values_are_read_in_the_layout_of_the_first(void)
{
    CU_ASSERT(
        reads("{\"a\":1,\"in\":{\"b\":null,\"c\":\"x\"},\"list\":[{\"name\":\"one\",\"up\":true},"
              "{\"name\":\"two\",\"up\":false}],\"end\":{}}"));
    unsigned layout = doc.layout;
    CU_ASSERT_STRING_EQUAL(value_at("in.b"), "null");
    CU_ASSERT_STRING_EQUAL(value_at("list.two.up"), "false");
    CU_ASSERT(
        reads("{\"a\":-2.5e3,\"in\":{\"b\":12,\"c\":\"longer\"},\"list\":[{\"name\":\"one\",\"up\":false},"
              "{\"name\":\"two\",\"up\":null}],\"end\":{}}"));
    CU_ASSERT_EQUAL(doc.layout, layout);
    CU_ASSERT_STRING_EQUAL(value_at("a"), "-2.5e3");
    CU_ASSERT_STRING_EQUAL(value_at("in.b"), "12");
    CU_ASSERT_EQUAL(status_doc_find(&doc, "in.b")->kind, JSON_NUMBER_VALUE);
    CU_ASSERT_STRING_EQUAL(value_at("in.c"), "\"longer\"");
    CU_ASSERT_STRING_EQUAL(value_at("list.one.up"), "false");
    CU_ASSERT_EQUAL(status_doc_find(&doc, "end")->kind, JSON_OBJECT_VALUE);
    status_doc_deinit(&doc);
}

static void another_layout_is_taken_apart_anew(void)
{
    CU_ASSERT(reads("{\"a\":1,\"resync\":null}"));
    CU_ASSERT(reads("{\"a\":1,\"resync\":{\"done\":3}}"));
    CU_ASSERT_STRING_EQUAL(value_at("resync.done"), "3");
    CU_ASSERT(reads("{\"list\":[{\"name\":\"one\",\"up\":1}]}"));
    CU_ASSERT(reads("{\"list\":[{\"name\":\"two\",\"up\":1}]}")); /* a name is no value */
    CU_ASSERT_STRING_EQUAL(value_at("list.one.up"), "(none)");
    CU_ASSERT_STRING_EQUAL(value_at("list.two.up"), "1");
    CU_ASSERT(reads("{\"list\":[{\"name\":\"two\",\"up\":\"\\u00e9\"}]}"));
    CU_ASSERT_STRING_EQUAL(value_at("list.two.up"), "\"\\u00e9\"");
    status_doc_deinit(&doc);
}

static void what_is_no_document_is_refused_whatever_came_before(void)
{
    static const char *const wrong[] = {
        "",           "{",           "[]",          "{\"a\":01}",       "{\"a\":1.}",  "{\"a\":-}",
        "{\"a\":1e}", "{\"a\":tru}", "{\"a\":\"b}", "{\"a\":\"\xff\"}", "{\"a\":1} x", "{\"a\":1,\"a\":2}",
        "{\"a\":1}}", "{\"a\":}",    "{\"a\":1,}",  "{\"a\":\"\x01\"}", "{\"a\":+1}",  "{\"a\":.5}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CU_ASSERT(reads("{\"a\":1}"));
        CU_ASSERT(!reads(wrong[i]));
        CU_ASSERT(!reads(wrong[i]));
    }
    status_doc_deinit(&doc);
}

static const struct suite_test tests[] = {
    { "values are read in the layout of the first", values_are_read_in_the_layout_of_the_first },
    { "another layout is taken apart anew", another_layout_is_taken_apart_anew },
    { "what is no document is refused, whatever came before",
      what_is_no_document_is_refused_whatever_came_before },
};

TEST_MAIN("runner status document", tests)
