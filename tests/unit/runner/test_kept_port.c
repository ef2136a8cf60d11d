/* The port of a balancer that is away: nobody else gets it, nobody is answered there, and it can come back.
 */
#include "harness/real/kept_port.h"
#include "tests/lib/suite.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in place(unsigned port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

/* The socket, or -errno. */
static int bind_to(unsigned port, bool reuse)
{
    const int on = reuse ? 1 : 0;
    struct sockaddr_in address = place(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        return fd;
    }
    int why = errno;
    (void)close(fd);
    return -why;
}

/* 0, or errno. */
static int connect_to(unsigned port)
{
    struct sockaddr_in address = place(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int why = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
    (void)close(fd);
    return why;
}

static void it_is_ours_while_nobody_listens(void)
{
    int fd = -1;
    unsigned port = 0;
    CU_ASSERT_EQUAL_FATAL(kept_port_open(&fd, &port, NULL), 0);
    CU_ASSERT_TRUE(port > 0);
    CU_ASSERT_EQUAL(bind_to(port, false), -EADDRINUSE);
    CU_ASSERT_EQUAL(connect_to(port), ECONNREFUSED);
    (void)close(fd);
    fd = bind_to(port, false);
    CU_ASSERT_TRUE(fd >= 0); /* given back */
    (void)close(fd);
}

static void a_listener_comes_goes_and_comes_back(void)
{
    int fd = -1;
    unsigned port = 0;
    CU_ASSERT_EQUAL_FATAL(kept_port_open(&fd, &port, NULL), 0);
    for (int i = 0; i < 2; i++) {
        int listener = bind_to(port, true);
        CU_ASSERT_TRUE_FATAL(listener >= 0);
        CU_ASSERT_EQUAL(listen(listener, 1), 0);
        CU_ASSERT_EQUAL(connect_to(port), 0);
        (void)close(listener);
        CU_ASSERT_EQUAL(connect_to(port), ECONNREFUSED);
    }
    (void)close(fd);
}

static const struct suite_test tests[] = {
    { "it is ours while nobody listens", it_is_ours_while_nobody_listens },
    { "a listener comes, goes and comes back", a_listener_comes_goes_and_comes_back },
};
TEST_MAIN("kept port", tests)
