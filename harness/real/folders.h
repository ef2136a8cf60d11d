/* Folders of a run. */
#ifndef WALDRILL_HARNESS_REAL_FOLDERS_H
#define WALDRILL_HARNESS_REAL_FOLDERS_H

#include "base/error.h"

/* An empty folder at path, whatever stood there before. */
int folder_fresh(const char *path, struct errmsg *msg);
/* With all that is in it; one that is not there is gone already. */
int folder_remove(const char *path, struct errmsg *msg);

#endif
