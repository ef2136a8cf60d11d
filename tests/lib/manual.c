#include "tests/lib/manual.h"

#include "base/buf.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define BEGIN "<!-- tables: begin -->\n"
#define END   "<!-- tables: end -->\n"

static void read_page(const char *page, struct buf *out)
{
    char path[512];
    char piece[4096];
    (void)snprintf(path, sizeof(path), "%s/docs/%s", TEST_SOURCE_DIR, page);
    FILE *f = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (size_t n = fread(piece, 1, sizeof(piece), f); n > 0; n = fread(piece, 1, sizeof(piece), f)) {
        buf_append(out, piece, n);
    }
    (void)fclose(f);
}

static void leave_right_text(const char *page, struct str tables)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/../tables-of-%s", TEST_BIN_DIR, page);
    FILE *out = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    (void)fwrite(tables.data, 1, tables.size, out);
    (void)fclose(out);
    (void)fprintf(stderr, "docs/%s is behind the code; put %s between its marks\n", page, path);
}

void manual_assert_current(const char *page, struct str tables)
{
    struct buf text;
    buf_init(&text, (size_t)1 << 20);
    read_page(page, &text);
    const char *begin = strstr(buf_text(&text), BEGIN);
    const char *end = strstr(buf_text(&text), END);
    CU_ASSERT_PTR_NOT_NULL_FATAL(begin);
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    begin += strlen(BEGIN);
    bool current = end >= begin && str_equal(str_make(begin, (size_t)(end - begin)), tables);
    if (!current) {
        leave_right_text(page, tables);
    }
    CU_ASSERT_TRUE(current);
    buf_deinit(&text);
}
