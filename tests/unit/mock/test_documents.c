/* Fault documents: the examples of the manual are taken, everything else is refused with the field and the
 * nearest right name; nothing is half done. */
#include "base/buf.h"
#include "tests/unit/mock/driver.h"

static struct driver d;

static void refused(const char *document, const char *part)
{
    struct errmsg msg = { "" };
    uint64_t id = 0;
    uint64_t touches = 0;
    CU_ASSERT_NOT_EQUAL(mock_fault_check(str_of(document), &msg), 0);
    if (strstr(msg.text, part) == NULL) {
        (void)fprintf(stderr, "%s\n  expected %s\n  saw      %s\n", document, part, msg.text);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, part));
    CU_ASSERT_PTR_NULL(strchr(msg.text, '\n'));
    CU_ASSERT_NOT_EQUAL(mock_fault_add(d.mock, d.now_ns, str_of(document), &id, &touches, &msg), 0);
}

static void test_refusals(void)
{
    driver_init(&d, "none", 7);
    driver_collection(&d, "films");
    refused("", "line 1");
    refused("{\"do\":\"refuse\"", "line 1 column");
    refused("[1]", "a fault is a JSON object");
    refused("{}", "do");
    refused("{\"do\":\"refuze\"}", "refuse");
    refused("{\"do\":7}", "do");
    refused("{\"do\":\"refuse\",\"fro\":\"3s\"}", "\"for\"");
    refused("{\"do\":\"refuse\",\"for\":\"3 parsecs\"}", "for");
    refused("{\"do\":\"refuse\",\"for\":\"-1s\"}", "for");
    refused("{\"do\":\"refuse\",\"status\":500}", "\"status\" has no meaning for \"refuse\"");
    refused("{\"do\":\"respond\",\"status\":700}", "status");
    refused("{\"do\":\"respond\"}", "\"respond\" needs \"status\"");
    refused("{\"do\":\"respond\",\"status\":500,\"share\":\"130%\"}", "share");
    refused("{\"do\":\"respond\",\"status\":500,\"times\":-1}", "times");
    refused("{\"do\":\"respond\",\"status\":500,\"every\":0}", "every");
    refused("{\"do\":\"delay\"}", "\"delay\" needs \"by\"");
    refused("{\"do\":\"delay\",\"by\":\"1s\",\"before\":\"answr\"}", "answer");
    refused("{\"do\":\"late\",\"by\":\"1s\",\"then\":\"explode\"}", "then");
    refused("{\"do\":\"refuse\",\"for\":\"1s\",\"for\":\"2s\"}", "duplicate");
    refused("{\"do\":\"blackhole\",\"match\":{\"op\":\"upsrt\"}}", "upsert");
    refused("{\"do\":\"blackhole\",\"match\":{\"colection\":\"x\"}}", "collection");
    refused("{\"do\":\"blackhole\",\"match\":7}", "match");
    refused("{\"do\":\"flap\",\"up\":\"1s\"}", "\"flap\" needs \"down\"");
    refused("{\"do\":\"slow\",\"rate\":\"0B\"}", "rate");
    refused("{\"do\":\"recover\"}", "\"recover\" needs");
    CU_ASSERT_TRUE(mock_accepts(d.mock)); /* nothing of it was done */
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"a\"],\"embeddings\":[[1]]}", NULL), 201);
    struct buf b;
    buf_init(&b, 10000);
    mock_fault_list(d.mock, d.now_ns, &b);
    CU_ASSERT_STRING_EQUAL(buf_text(&b), "[]");
    buf_deinit(&b);
    driver_done(&d);
}

/* The JSON library passes over a NUL byte between two tokens; the list of faults would end there. */
static void test_nul_byte(void)
{
    struct errmsg msg = { "" };
    CU_ASSERT_NOT_EQUAL(mock_fault_check(STR("{\"do\":\"refuse\"\0,\"for\":\"1s\"}"), &msg), 0);
    CU_ASSERT_STRING_EQUAL(msg.text, "a NUL byte after 14 bytes; a fault is JSON text");
}

/* Every example between back-quotes in the manual's table is a document that is taken. */
static void test_examples(void)
{
    struct buf b;
    buf_init(&b, 100000);
    mock_fault_manual(&b);
    char *text = mem_strdup(buf_text(&b));
    unsigned taken = 0;
    for (char *at = strstr(text, "`{\"do\":"); at != NULL; at = strstr(at, "`{\"do\":")) {
        char *end = strchr(at + 1, '`');
        CU_ASSERT_PTR_NOT_NULL_FATAL(end);
        *end = '\0';
        struct errmsg msg = { "" };
        CU_ASSERT_EQUAL(mock_fault_check(str_of(at + 1), &msg), 0);
        taken++;
        at = end + 1;
    }
    CU_ASSERT(taken >= 17);
    mem_free(text);
    buf_deinit(&b);
}

static const struct suite_test tests[] = {
    { "what is wrong is refused, with the field and the nearest name", test_refusals },
    { "a NUL byte between two tokens is refused", test_nul_byte },
    { "every example of the manual is taken", test_examples },
};

TEST_MAIN("mock_documents", tests)
