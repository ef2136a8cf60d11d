/* Removing trees: an earlier run must not speak in this one. */
#include "harness/real/folders.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDERS_OPEN 16

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

int folder_remove(const char *path, struct errmsg *msg)
{
    if (nftw(path, remove_entry, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        return error_set(msg, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    }
    return 0;
}

int folder_fresh(const char *path, struct errmsg *msg)
{
    int rv = folder_remove(path, msg);
    if (rv == 0 && mkdir(path, 0777) != 0) {
        rv = error_set(msg, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    }
    return rv;
}
