#include "tests/lib/stage.h"
#include "base/buf.h"
#include "base/memory.h"
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BOUND_MS    10000
#define COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"

static struct process *start(const char *upstream, unsigned *port, unsigned *control)
{
    char rest[200];
    const char *argv[] = { TEST_BIN_DIR "/mockchroma", "--port", "0", "--tag-key", "tag", NULL, NULL, NULL };
    if (upstream != NULL) {
        argv[5] = "--upstream";
        argv[6] = upstream;
    }
    struct process *p = process_spawn(argv, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_TRUE_FATAL(process_wait_line(p, "listening http://127.0.0.1:", rest, sizeof(rest), BOUND_MS));
    *port = (unsigned)strtoul(rest, NULL, 10);
    *control = (unsigned)strtoul(strrchr(rest, ':') + 1, NULL, 10);
    return p;
}

static void make_collection(struct stage *s)
{
    struct http_reply r = http_ask(s->port, "POST", COLLECTIONS, NULL,
                                   "{\"name\":\"things\",\"get_or_create\":true}", BOUND_MS);
    const char *id = strstr(r.body, "\"id\":\"");
    CU_ASSERT_EQUAL_FATAL(r.status, 200);
    CU_ASSERT_PTR_NOT_NULL_FATAL(id);
    (void)snprintf(s->uuid, sizeof(s->uuid), "%.36s", id + 6);
    (void)snprintf(s->path, sizeof(s->path), COLLECTIONS "/%s", s->uuid);
    http_reply_free(&r);
}

void stage_open(struct stage *s, bool gateway, unsigned upstream_port)
{
    unsigned ignored;
    char url[60];
    *s = (struct stage){ .truth = upstream_port };
    if (gateway) {
        if (upstream_port == 0) {
            s->server = start(NULL, &s->truth, &ignored);
        }
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", s->truth);
    }
    s->mock = start(gateway ? url : NULL, &s->port, &s->control);
    s->truth = gateway ? s->truth : s->port;
    make_collection(s);
}

static void stop(struct process *p)
{
    if (p != NULL) {
        process_signal(p, SIGTERM);
        CU_ASSERT_EQUAL(process_wait(p, BOUND_MS), 0);
        process_free(p);
    }
}

void stage_close(struct stage *s)
{
    stop(s->mock);
    stop(s->server);
}

unsigned long stage_fault(struct stage *s, const char *document)
{
    struct http_reply r = http_ask(s->control, "POST", "/faults", NULL, document, BOUND_MS);
    const char *id = strstr(r.body, "\"id\":");
    unsigned long number = id == NULL ? 0 : strtoul(id + 5, NULL, 10);
    if (r.status != 201) {
        (void)fprintf(stderr, "%s: %s\n", document, r.body);
    }
    CU_ASSERT_EQUAL_FATAL(r.status, 201);
    http_reply_free(&r);
    return number;
}

void stage_clear(struct stage *s)
{
    CU_ASSERT_EQUAL(http_status(s->control, "DELETE", "/faults", NULL, BOUND_MS), 200);
}

long stage_count(const struct stage *s)
{
    char target[260];
    (void)snprintf(target, sizeof(target), "%s/count", s->path);
    struct http_reply r = http_ask(s->truth, "GET", target, NULL, NULL, BOUND_MS);
    long count = r.status == 200 ? strtol(r.body, NULL, 10) : -1;
    http_reply_free(&r);
    return count;
}

bool stage_wait_count(const struct stage *s, long wanted)
{
    long long until = test_now_ms() + BOUND_MS;
    while (stage_count(s) != wanted) {
        if (test_now_ms() > until) {
            return false;
        }
        (void)poll(NULL, 0, 10);
    }
    return true;
}

void stage_journal(const struct stage *s, const char *text, char *line, size_t size)
{
    struct http_reply r = http_ask(s->control, "GET", "/journal", NULL, NULL, BOUND_MS);
    char *rest = r.body;
    line[0] = '\0';
    for (char *at = strsep(&rest, "\n"); at != NULL; at = strsep(&rest, "\n")) {
        if (strstr(at, text) != NULL) {
            (void)snprintf(line, size, "%s", at);
        }
    }
    http_reply_free(&r);
}

bool stage_wait_journal(const struct stage *s, const char *text, char *line, size_t size)
{
    long long until = test_now_ms() + BOUND_MS;
    for (stage_journal(s, text, line, size); line[0] == '\0'; stage_journal(s, text, line, size)) {
        if (test_now_ms() > until) {
            return false;
        }
        (void)poll(NULL, 0, 10);
    }
    return true;
}

struct wire_bytes wire_exchange(int fd, const char *request, int quiet_ms)
{
    struct wire_bytes b = { .data = mem_strdup(""), .end = WIRE_OPEN };
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (request != NULL) {
        (void)http_send(fd, request, strlen(request));
    }
    while (poll(&p, 1, quiet_ms) > 0) {
        b.data = mem_realloc(b.data, b.size + 65537);
        ssize_t n = recv(fd, b.data + b.size, 65536, 0);
        if (n <= 0) {
            b.end = n == 0 ? WIRE_CLOSED : errno == ECONNRESET ? WIRE_RESET : WIRE_OPEN;
            break;
        }
        b.size += (size_t)n;
    }
    b.data[b.size] = '\0';
    return b;
}

void wire_bytes_free(struct wire_bytes *b)
{
    mem_free(b->data);
    b->data = NULL;
}

const char *stage_records(const struct stage *s, const char *verb, const char *id, unsigned count)
{
    static char text[8192];
    char body[4096];
    size_t at = (size_t)snprintf(body, sizeof(body), "{\"ids\":[");
    for (unsigned i = 0; i < count; i++) {
        at += (size_t)snprintf(body + at, sizeof(body) - at, "%s\"%s%u\"", i == 0 ? "" : ",", id, i);
    }
    at += (size_t)snprintf(body + at, sizeof(body) - at, "],\"embeddings\":[");
    for (unsigned i = 0; i < count; i++) {
        at += (size_t)snprintf(body + at, sizeof(body) - at, "%s[1,2,%u]", i == 0 ? "" : ",", i);
    }
    at += (size_t)snprintf(body + at, sizeof(body) - at, "],\"metadatas\":[");
    for (unsigned i = 0; i < count; i++) {
        at += (size_t)snprintf(body + at, sizeof(body) - at, "%s{\"tag\":%u}", i == 0 ? "" : ",", 70 + i);
    }
    at += (size_t)snprintf(body + at, sizeof(body) - at, "]}");
    (void)snprintf(
        text, sizeof(text),
        "POST %s/%s HTTP/1.1\r\nhost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
        "x-request-id: rq-%s\r\nContent-Length: %zu\r\n\r\n%s",
        s->path, verb, id, at, body);
    return text;
}
