/* Where the servers of a run meet: Unix sockets in its folder. */
#ifndef WALDRILL_HARNESS_LEAP_PLACE_H
#define WALDRILL_HARNESS_LEAP_PLACE_H

#include "harness/engine.h"

#define PLACE_PATH 64 /* short enough for a socket's address, however long the folder's name is */

struct leap_place {
    int folder_fd;               /* -1 = not open */
    char sockets[3][PLACE_PATH]; /* by enum engine_target */
};

/* work_dir exists. */
int leap_place_open(struct leap_place *place, const char *work_dir, struct errmsg *msg);
void leap_place_close(struct leap_place *place); /* removes what is left of the sockets */
/* A socket bound for the target, not listening yet: *fd. */
int leap_place_bind(const struct leap_place *place, enum engine_target target, int *fd, struct errmsg *msg);
/* A file in the folder to append lines to: *fd. */
int leap_place_file(const struct leap_place *place, const char *name, int *fd, struct errmsg *msg);

#endif
