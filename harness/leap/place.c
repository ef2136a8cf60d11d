/* A socket's address holds 107 bytes, a folder's name may be longer: the folder is opened, and the addresses
 * lead through its descriptor.  Not abstract addresses: libcurl does not use connections to those again. */
#include "harness/leap/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char
    *const names[3] = { [TARGET_LB] = "lb", [TARGET_PRIMARY] = "primary", [TARGET_REPLICA] = "replica" };

int leap_place_open(struct leap_place *place, const char *work_dir, struct errmsg *msg)
{
    place->folder_fd = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->folder_fd < 0) {
        return error_set(msg, ERR_IO, "cannot open %s: %s", work_dir, strerror(errno));
    }
    for (unsigned t = 0; t < 3; t++) {
        (void)snprintf(place->sockets[t], sizeof(place->sockets[t]), "/proc/self/fd/%d/%s.socket",
                       place->folder_fd, names[t]);
    }
    return 0;
}

void leap_place_close(struct leap_place *place)
{
    if (place->folder_fd >= 0) {
        for (unsigned t = 0; t < 3; t++) {
            (void)unlink(place->sockets[t]);
        }
        (void)close(place->folder_fd);
        place->folder_fd = -1;
    }
}

int leap_place_bind(const struct leap_place *place, enum engine_target target, int *fd, struct errmsg *msg)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, place->sockets[target], strlen(place->sockets[target]));
    (void)unlink(address.sun_path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0 || bind(*fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int why = errno;
        if (*fd >= 0) {
            (void)close(*fd);
        }
        return error_set(msg, ERR_IO, "cannot make the socket of the %s: %s", names[target], strerror(why));
    }
    return 0;
}

int leap_place_file(const struct leap_place *place, const char *name, int *fd, struct errmsg *msg)
{
    *fd = openat(place->folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    return *fd >= 0 ? 0 : error_set(msg, ERR_IO, "cannot write %s: %s", name, strerror(errno));
}
