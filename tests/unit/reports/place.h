/* Files in a test's own folder (temp_dir_make). */
#ifndef WALDRILL_TESTS_UNIT_REPORTS_PLACE_H
#define WALDRILL_TESTS_UNIT_REPORTS_PLACE_H

#include "base/buf.h"
#include <stdbool.h>

#define PLACE_BYTES 256

/* A whole file; false when it is not there.  The caller deinits the buffer either way. */
bool place_read(const char *folder, const char *name, struct buf *out);
void place_write(const char *folder, const char *name, struct str text);
/* Are both files there and the same, byte by byte? */
bool place_same(const char *a, const char *b, const char *name);

#endif
