/* See place.h. */
#include "tests/unit/reports/place.h"

#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define PATH_BYTES 1024

bool place_read(const char *folder, const char *name, struct buf *out)
{
    char path[PATH_BYTES];
    char part[8192];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    buf_init(out, (size_t)256 << 20);
    for (size_t size = 1; file != NULL && size > 0;) {
        size = fread(part, 1, sizeof(part), file);
        buf_append(out, part, size);
    }
    return file != NULL && fclose(file) == 0;
}

void place_write(const char *folder, const char *name, struct str text)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(text.data, 1, text.size, file), text.size);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

bool place_same(const char *a, const char *b, const char *name)
{
    struct buf left;
    struct buf right;
    bool read_left = place_read(a, name, &left);
    bool read_right = place_read(b, name, &right);
    bool same =
        read_left && read_right && left.size == right.size && memcmp(left.data, right.data, left.size) == 0;
    if (!same) {
        (void)fprintf(stderr, "%s is not the same in %s and %s\n", name, a, b);
    }
    buf_deinit(&left);
    buf_deinit(&right);
    return same;
}
