/* A socket that is bound and does not listen: the kernel gives its port to nobody who asks for any, and
 * resets who connects to it. */
#include "harness/real/kept_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int kept_port_open(int *fd, unsigned *port, struct errmsg *msg)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof(address);
    const int on = 1;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(s, (struct sockaddr *)&address, size) != 0 ||
        getsockname(s, (struct sockaddr *)&address, &size) != 0) {
        int why = errno;
        if (s >= 0) {
            (void)close(s);
        }
        return error_set(msg, ERR_IO, "no free port on 127.0.0.1: %s", strerror(why));
    }
    *fd = s;
    *port = ntohs(address.sin_port);
    return 0;
}
