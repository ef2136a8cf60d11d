/* index.html: all runs of a suite on one page, those that did not pass first, each with its verdict, its wall
 * time, a small picture of its pending writes and a link to its report. */
#ifndef WALDRILL_REPORTS_GALLERY_H
#define WALDRILL_REPORTS_GALLERY_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

/* Lists every run below the folder (its results.json) and writes folder/index.html; whole: folder/whole.html,
 * too, one file that holds the reports and the pages of capacity as well.  count: how many runs.  None is an
 * error; one that cannot be read is listed with the reason. */
int gallery_write(const char *folder, bool whole, size_t *count, struct errmsg *msg);

#endif
