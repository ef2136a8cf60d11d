/* docs/scenarios.md's reference is what the tables say.  When it is not, the right text is left beside the
 * build and the message says where. */
#include "base/buf.h"
#include "base/memory.h"
#include "harness/scenario/scenario.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define BEGIN "<!-- reference: begin -->\n"
#define END   "<!-- reference: end -->"

static void manual_is_current(void)
{
    struct errmsg msg = { "" };
    size_t size = 0;
    char *manual = scenario_read_file(TEST_SOURCE_DIR "/docs/scenarios.md", &size, &msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(manual);
    char *begin = strstr(manual, BEGIN);
    char *end = strstr(manual, END);
    CU_ASSERT_PTR_NOT_NULL_FATAL(begin);
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    struct buf reference;
    buf_init(&reference, (size_t)1 << 20);
    scenario_reference(&reference);
    struct str written = str_make(begin + strlen(BEGIN), (size_t)(end - begin) - strlen(BEGIN));
    bool current = str_equal(written, buf_str(&reference));
    if (!current) {
        static const char path[] = TEST_BIN_DIR "/../scenarios-reference.md";
        FILE *out = fopen(path, "we");
        CU_ASSERT_PTR_NOT_NULL_FATAL(out);
        (void)fputs(buf_text(&reference), out);
        (void)fclose(out);
        (void)fprintf(stderr, "docs/scenarios.md is behind the tables; put %s between its marks\n", path);
    }
    CU_ASSERT_TRUE(current);
    CU_ASSERT_TRUE(reference.size > 1000);
    buf_deinit(&reference);
    mem_free(manual);
}

static const struct suite_test tests[] = {
    { "the manual's reference is what the parser reads", manual_is_current },
};
TEST_MAIN("scenario reference", tests)
