#include "proxy/io/listen.h"

#include "base/units.h"
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

static int refuse(const struct settings *settings, int error, struct errmsg *msg)
{
    const char *why = error == EADDRINUSE ? "the port is in use by another program" : strerror(error);
    return error_set(msg, error == EADDRINUSE ? ERR_BUSY : ERR_IO, "LISTEN: cannot listen on %.200s: %s",
                     settings->listen, why);
}

static unsigned bound_port(int fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof(address);
    char port[8] = "0";
    uint64_t number = 0;
    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
        getnameinfo((struct sockaddr *)&address, size, NULL, 0, port, sizeof(port), NI_NUMERICSERV) == 0 &&
        units_parse_u64(str_of(port), &number, NULL) == 0) {
        return (unsigned)number;
    }
    return 0;
}

int listen_bind(const struct settings *settings, int *fd, unsigned *port, struct errmsg *msg)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    char service[8];
    int on = 1;
    (void)snprintf(service, sizeof(service), "%" PRIu64, settings->port & 0xffff);
    int rc = getaddrinfo(settings->host, service, &hints, &found);
    if (rc != 0) {
        return error_set(msg, ERR_IO, "LISTEN: \"%.200s\" is no address of this machine: %s", settings->host,
                         gai_strerror(rc));
    }
    int s = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = s < 0 ? errno : 0;
    if (error == 0 && (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
                       bind(s, found->ai_addr, found->ai_addrlen) != 0)) {
        error = errno;
    }
    freeaddrinfo(found);
    if (error != 0) {
        if (s >= 0) {
            (void)close(s);
        }
        return refuse(settings, error, msg);
    }
    *fd = s;
    *port = bound_port(s);
    return 0;
}

int listen_begin(int fd, struct errmsg *msg)
{
    if (listen(fd, BACKLOG) != 0) {
        return error_set(msg, errno == EADDRINUSE ? ERR_BUSY : ERR_IO, "LISTEN: %s",
                         errno == EADDRINUSE ? "the port is in use by another program" : strerror(errno));
    }
    return 0;
}
