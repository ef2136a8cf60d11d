/* docs/faults.md holds the tables of the parser.  When it does not, the right text is left beside the build
 * and the message says where. */
#include "base/buf.h"
#include "mockchroma/core/mock.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define BEGIN "<!-- tables: begin -->\n"
#define END   "<!-- tables: end -->\n"

static void read_manual(struct buf *out)
{
    char piece[4096];
    FILE *f = fopen(TEST_SOURCE_DIR "/docs/faults.md", "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (size_t n = fread(piece, 1, sizeof(piece), f); n > 0; n = fread(piece, 1, sizeof(piece), f)) {
        buf_append(out, piece, n);
    }
    (void)fclose(f);
}

static void manual_is_current(void)
{
    struct buf manual;
    struct buf tables;
    buf_init(&manual, (size_t)1 << 20);
    buf_init(&tables, (size_t)1 << 20);
    read_manual(&manual);
    mock_fault_manual(&tables);
    const char *begin = strstr(buf_text(&manual), BEGIN);
    const char *end = strstr(buf_text(&manual), END);
    CU_ASSERT_PTR_NOT_NULL_FATAL(begin);
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    begin += strlen(BEGIN);
    bool current = str_equal(str_make(begin, (size_t)(end - begin)), buf_str(&tables));
    if (!current) {
        static const char path[] = TEST_BIN_DIR "/../faults-tables.md";
        FILE *out = fopen(path, "we");
        CU_ASSERT_PTR_NOT_NULL_FATAL(out);
        (void)fputs(buf_text(&tables), out);
        (void)fclose(out);
        (void)fprintf(stderr, "docs/faults.md is behind the tables; put %s between its marks\n", path);
    }
    CU_ASSERT_TRUE(current);
    CU_ASSERT(tables.size > 1000);
    buf_deinit(&manual);
    buf_deinit(&tables);
}

static const struct suite_test tests[] = {
    { "docs/faults.md holds the parser's tables", manual_is_current },
};

TEST_MAIN("fault manual", tests)
