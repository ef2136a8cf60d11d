/* See wire_cases.h. */
#include "tests/lib/wire_cases.h"

#include "tests/lib/http.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOUND_MS 10000

const char wire_version[] = "GET /api/v2/version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const char wire_version_kept[] = "GET /api/v2/version HTTP/1.1\r\nHost: a\r\n\r\n";

static unsigned real_port; /* 0: none */

void wire_both(void (*run)(struct stage *s))
{
    struct stage s;
    for (int gateway = real_port == 0 ? 0 : 1; gateway < 2; gateway++) {
        stage_open(&s, gateway == 1, real_port);
        run(&s);
        stage_close(&s);
    }
}

int wire_dial(const struct stage *s)
{
    int fd = http_connect(s->port, BOUND_MS);
    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

struct wire_bytes wire_ask(const struct stage *s, const char *request, int quiet_ms)
{
    int fd = wire_dial(s);
    struct wire_bytes b = wire_exchange(fd, request, quiet_ms);
    (void)close(fd);
    return b;
}

int wire_status(const struct wire_bytes *b)
{
    return b->size > 12 ? (int)strtol(b->data + 9, NULL, 10) : 0;
}

long stage_added(const struct stage *s, long before)
{
    return stage_count(s) - before;
}

int wire_main(int argc, char **argv, const char *name, const struct suite_test *tests, size_t count)
{
    if (argc > 2 && strcmp(argv[1], "--url") == 0 && strrchr(argv[2], ':') != NULL) {
        real_port = (unsigned)strtoul(strrchr(argv[2], ':') + 1, NULL, 10);
        argv[2] = argv[0];
        argc -= 2;
        argv += 2;
    }
    return suite_main(argc, argv, name, tests, count);
}
