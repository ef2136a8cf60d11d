/* See client.h. */
#include "bench/client.h"
#include "base/memory.h"
#include "base/prng.h"
#include "base/units.h"
#include "bench/measure.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)256 * 1024 * 1024)
#define READ_BYTES ((size_t)64 * 1024)

static int open_connection(unsigned port)
{
    int one = 1;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        bench_die("cannot connect");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

void bench_client_init(struct bench_client *c, unsigned port)
{
    *c = (struct bench_client){ .fd = open_connection(port) };
    buf_init(&c->in, ANSWER_MAX);
}

void bench_client_deinit(struct bench_client *c)
{
    (void)close(c->fd);
    buf_deinit(&c->in);
}

void bench_request(struct buf *out, const char *method, const char *path, struct str body)
{
    buf_printf(out, "%s %s HTTP/1.1\r\nhost: 127.0.0.1\r\n", method, path);
    if (body.size > 0) {
        buf_printf(out, "content-type: application/json\r\ncontent-length: %zu\r\n", body.size);
    }
    buf_append_text(out, "\r\n");
    buf_append_str(out, body);
}

static void send_all(int fd, struct str bytes)
{
    while (bytes.size > 0) {
        ssize_t n = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (n <= 0) {
            bench_die("the server does not take the request");
        }
        bytes = str_make(bytes.data + n, bytes.size - (size_t)n);
    }
}

/* Size of the whole answer that begins in; 0 while its head has not come. */
static size_t answer_size(const struct buf *in, size_t *head_size)
{
    const char *end = in->size == 0 ? NULL : memmem(in->data, in->size, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }
    *head_size = (size_t)(end - in->data) + 4;
    for (struct str lines = str_make(in->data, *head_size); lines.size > 0;) {
        struct str value;
        struct str name = str_cut(str_cut(lines, '\n', &lines), ':', &value);
        uint64_t length;
        if (str_equal_nocase(name, STR("content-length")) &&
            units_parse_u64(str_trim(value), &length, NULL) == 0) {
            return *head_size + (size_t)length;
        }
    }
    bench_die("an answer without content-length");
}

/* Reads what there is. */
static void read_some(int fd, struct buf *in)
{
    char *room = buf_reserve(in, READ_BYTES);
    ssize_t n = room == NULL ? 0 : recv(fd, room, READ_BYTES, 0);
    if (n <= 0) {
        bench_die("the server does not answer");
    }
    in->size += (size_t)n;
}

uint64_t bench_ask(struct bench_client *c, struct str request)
{
    size_t head_size = 0;
    size_t size = 0;
    buf_clear(&c->in);
    uint64_t begin = bench_now_ns();
    send_all(c->fd, request);
    while (size == 0 || c->in.size < size) {
        read_some(c->fd, &c->in);
        size = size == 0 ? answer_size(&c->in, &head_size) : size;
    }
    uint64_t took = bench_now_ns() - begin;
    c->body = str_make(c->in.data + head_size, size - head_size);
    if (sscanf(buf_text(&c->in), "HTTP/1.1 %d", &c->status) != 1) {
        bench_die("the server does not speak HTTP");
    }
    return took;
}

void bench_must(struct bench_client *c, const char *method, const char *path, struct str body, int status)
{
    struct buf request;
    buf_init(&request, ANSWER_MAX);
    bench_request(&request, method, path, body);
    (void)bench_ask(c, buf_str(&request));
    buf_deinit(&request);
    if (c->status != status) {
        (void)fprintf(stderr, "%s %s: %d %.*s\n", method, path, c->status,
                      (int)(c->body.size < 500 ? c->body.size : 500), c->body.data);
        bench_die("another status was expected");
    }
}

void bench_collection(struct bench_client *c, const char *name, char *path, size_t size)
{
    char body[128];
    char id[40];
    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
    bench_must(c, "POST", BENCH_COLLECTIONS, str_of(body), 200);
    const char *at = memmem(c->body.data, c->body.size, "\"id\":\"", 6);
    if (at == NULL || sscanf(at, "\"id\":\"%36s", id) != 1) {
        bench_die("a collection without an id");
    }
    (void)snprintf(path, size, BENCH_COLLECTIONS "/%s", id);
}

void bench_put_vector(struct buf *out, unsigned record, unsigned numbers)
{
    struct prng prng;
    prng_seed(&prng, record);
    for (unsigned i = 0; i < numbers; i++) {
        uint64_t digits = prng_below(&prng, UINT64_C(200000000));
        buf_printf(out, "%s%s0.%08llu", i == 0 ? "[" : ",", digits % 2 == 0 ? "" : "-",
                   (unsigned long long)digits / 2);
    }
    buf_append_char(out, ']');
}

void bench_put_records(struct buf *out, unsigned first, unsigned count, unsigned numbers,
                       unsigned document_bytes)
{
    buf_append_text(out, "{\"ids\":[");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(out, "%s\"r%07u\"", i == 0 ? "" : ",", first + i);
    }
    buf_append_text(out, "],\"embeddings\":[");
    for (unsigned i = 0; i < count; i++) {
        buf_append_text(out, i == 0 ? "" : ",");
        bench_put_vector(out, first + i, numbers);
    }
    buf_append_text(out, document_bytes == 0 ? "]" : "],\"documents\":[");
    for (unsigned i = 0; document_bytes > 0 && i < count; i++) {
        buf_printf(out, "%s\"%0*u\"", i == 0 ? "" : ",", (int)document_bytes, first + i);
    }
    buf_append_text(out, document_bytes == 0 ? "}" : "]}");
}

/* ---- load ---- */

struct bench_line {
    int fd;
    struct buf in;
    size_t size; /* of the answer being read; 0 = not known yet */
};

/* True: a whole answer has come. */
static bool take_answer(struct bench_line *l)
{
    size_t head_size;
    read_some(l->fd, &l->in);
    l->size = l->size == 0 ? answer_size(&l->in, &head_size) : l->size;
    if (l->size == 0 || l->in.size < l->size) {
        return false;
    }
    if (!str_starts(buf_str(&l->in), STR("HTTP/1.1 2"))) {
        bench_die("an answer under load is no success");
    }
    buf_clear(&l->in);
    l->size = 0;
    return true;
}

double bench_load(unsigned port, struct str request, unsigned connections, uint64_t span_ns)
{
    struct bench_line *lines = mem_alloc_array(connections, sizeof(*lines));
    struct epoll_event events[64];
    uint64_t answers = 0;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) {
        bench_die("cannot make the load");
    }
    for (unsigned i = 0; i < connections; i++) {
        lines[i] = (struct bench_line){ .fd = open_connection(port) };
        buf_init(&lines[i].in, ANSWER_MAX);
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
        (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, lines[i].fd, &event);
        send_all(lines[i].fd, request);
    }
    uint64_t begin = bench_now_ns();
    uint64_t now = begin;
    while (now - begin < span_ns) {
        int count = epoll_wait(epoll_fd, events, 64, 1000);
        if (count <= 0) {
            bench_die("no answer in a second of load");
        }
        for (int i = 0; i < count; i++) {
            struct bench_line *l = &lines[events[i].data.u32];
            if (take_answer(l)) {
                answers++;
                send_all(l->fd, request);
            }
        }
        now = bench_now_ns();
    }
    for (unsigned i = 0; i < connections; i++) {
        (void)close(lines[i].fd);
        buf_deinit(&lines[i].in);
    }
    (void)close(epoll_fd);
    mem_free(lines);
    return (double)answers * (double)NS_PER_S / (double)(now - begin);
}
