/* Sockets and the loop of the data port.
 *
 * The listening socket is closed by a fault that refuses, so that a client sees a refusal and not a
 * silence.  HTTP is spoken in wire.c and framing.c: libmicrohttpd can neither reset nor cut, nor leave
 * the bytes of head and reason alone. */
#include "mockchroma/io/server_internal.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4000
#define BACKLOG         1024
#define EVENTS_MAX      64
#define ACTIONS_MAX     32
#define LISTEN_RETRY_NS (50 * NS_PER_MS)

/* Set once by server_clock_start, before anything runs. */
static struct {
    uint64_t mono_ns;
    int64_t wall_ms;
    double scale;
} start;

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void server_clock_start(double scale)
{
    start.scale = scale;
    start.mono_ns = clock_ns(CLOCK_MONOTONIC);
    start.wall_ms = (int64_t)(clock_ns(CLOCK_REALTIME) / NS_PER_MS);
}

uint64_t server_now_ns(void)
{
    return (uint64_t)((double)(clock_ns(CLOCK_MONOTONIC) - start.mono_ns) * start.scale);
}

int64_t server_start_wall_ms(void)
{
    return start.wall_ms;
}

struct wire *server_find_wire(struct server *s, uint64_t id)
{
    struct wire *w = NULL;
    HASH_FIND(hh, s->wires, &id, (unsigned)sizeof(id), w);
    return w;
}

/* ---- listening ---- */

static int listen_failed(const struct server *s, int fd, struct errmsg *msg)
{
    int why = errno;
    char text[INET_ADDRSTRLEN];
    (void)close(fd);
    if (s->place.sun_path[0] != '\0') {
        return error_set(msg, ERR_IO, "cannot listen on %s: %s", s->place.sun_path, strerror(why));
    }
    (void)inet_ntop(AF_INET, &s->address.sin_addr, text, sizeof(text));
    return error_set(msg, why == EADDRINUSE ? ERR_BUSY : ERR_IO, "cannot listen on %s port %u: %s", text,
                     ntohs(s->address.sin_port), strerror(why));
}

/* A port that nobody listens on is the system's to give away, and another program's clients and ours would
 * meet there.  One that is bound is not, and a listener may stand beside what is only bound. */
static int keep_port(struct server *s, struct errmsg *msg)
{
    int one = 1;
    socklen_t size = sizeof(s->address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_set(msg, ERR_IO, "socket: %s", strerror(errno));
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&s->address, size) != 0) {
        return listen_failed(s, fd, msg);
    }
    (void)getsockname(fd, (struct sockaddr *)&s->address, &size); /* may have been given by the system */
    s->port_fd = fd;
    return 0;
}

static int open_listener(struct server *s, struct errmsg *msg)
{
    int one = 1;
    bool by_path = s->place.sun_path[0] != '\0';
    const struct sockaddr *address = by_path ? (struct sockaddr *)&s->place : (struct sockaddr *)&s->address;
    socklen_t size = by_path ? sizeof(s->place) : sizeof(s->address);
    int fd = socket(by_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_set(msg, ERR_IO, "socket: %s", strerror(errno));
    }
    if (by_path) {
        (void)unlink(s->place.sun_path); /* what an earlier listener has left */
    } else {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (bind(fd, address, size) != 0 || listen(fd, BACKLOG) != 0) {
        return listen_failed(s, fd, msg);
    }
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 0 };
    (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    s->listen_fd = fd;
    return 0;
}

static void set_listening(struct server *s, bool listening)
{
    s->retry_listen_ns = 0;
    if (!listening && s->listen_fd >= 0) {
        (void)close(s->listen_fd); /* connections not accepted yet are reset by the kernel */
        s->listen_fd = -1;
    }
    if (listening && s->listen_fd < 0 && open_listener(s, NULL) != 0) {
        s->retry_listen_ns = server_now_ns() + LISTEN_RETRY_NS;
    }
}

static void accept_all(struct server *s)
{
    int one = 1;
    while (s->listen_fd >= 0) {
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        if (HASH_COUNT(s->wires) >= CONNECTIONS_MAX) {
            (void)close(fd);
            continue;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        wire_open(s, fd);
    }
}

/* ---- the core ---- */

static void carry_out(struct server *s, struct mock_action *a)
{
    struct wire *w = server_find_wire(s, a->conn * 2);
    switch (a->kind) {
        case MOCK_ACT_RESPOND:
            if (w != NULL) {
                wire_respond(s, w, a);
            }
            break;
        case MOCK_ACT_RESET:
        case MOCK_ACT_CLOSE:
            if (w != NULL) {
                w->told = true;
                wire_close(s, w, a->kind == MOCK_ACT_RESET);
            }
            break;
        case MOCK_ACT_LISTEN:
            set_listening(s, a->listen);
            break;
        case MOCK_ACT_FORWARD:
            link_forward(s, w, a);
            break;
    }
    mock_action_release(a);
}

void server_event(struct server *s, const struct mock_event *given)
{
    struct mock_action actions[ACTIONS_MAX];
    struct mock_event event = *given;
    bool more = true;
    event.now_ns = server_now_ns();
    while (more) {
        size_t count = mock_step(s->mock, &event, actions, ACTIONS_MAX, &more);
        for (size_t i = 0; i < count; i++) {
            carry_out(s, &actions[i]);
        }
        event.kind = MOCK_EV_TICK;
    }
}

void server_poke(struct server *s)
{
    server_event(s, &(struct mock_event){ .kind = MOCK_EV_TICK });
}

/* ---- the loop ---- */

static uint64_t next_paced_ns(const struct server *s)
{
    const struct wire *w;
    uint64_t next = UINT64_MAX;
    TAILQ_FOREACH (w, &s->paced, in_paced) {
        next = w->next_ns < next ? w->next_ns : next;
    }
    return next;
}

uint64_t server_wait_ns(const struct server *s)
{
    uint64_t now = server_now_ns();
    uint64_t next = mock_deadline(s->mock);
    uint64_t paced = next_paced_ns(s);
    next = paced < next ? paced : next;
    next = s->retry_listen_ns != 0 && s->retry_listen_ns < next ? s->retry_listen_ns : next;
    if (!TAILQ_EMPTY(&s->ready) || next <= now) {
        return 0;
    }
    return next == UINT64_MAX ? UINT64_MAX : (uint64_t)((double)(next - now) / start.scale) + 1;
}

static void advance_paced(struct server *s)
{
    uint64_t now = server_now_ns();
    struct wire *w = TAILQ_FIRST(&s->paced);
    while (w != NULL) {
        struct wire *next = TAILQ_NEXT(w, in_paced);
        if (w->next_ns <= now) {
            wire_send(s, w);
        }
        w = next;
    }
}

static void run_ready(struct server *s)
{
    struct wire *w;
    while ((w = TAILQ_FIRST(&s->ready)) != NULL) {
        TAILQ_REMOVE(&s->ready, w, in_ready);
        w->is_ready = false;
        if (!w->dead) {
            wire_run(s, w);
        }
    }
}

static void bury(struct server *s)
{
    struct wire *w;
    struct link *l;
    while ((w = TAILQ_FIRST(&s->dead_wires)) != NULL) {
        wire_free(s, w);
    }
    while ((l = TAILQ_FIRST(&s->dead_links)) != NULL) {
        link_free(s, l);
    }
}

bool server_run(struct server *s)
{
    struct epoll_event events[EVENTS_MAX];
    bool due = server_wait_ns(s) == 0;
    int count = epoll_wait(s->epoll_fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        uint64_t id = events[i].data.u64;
        if (id == 0) {
            accept_all(s);
        } else if (id % 2 == 0) {
            wire_events(s, id, events[i].events);
        } else {
            link_events(s, id, events[i].events);
        }
    }
    if (s->retry_listen_ns != 0 && s->retry_listen_ns <= server_now_ns()) {
        set_listening(s, true);
    }
    if (mock_deadline(s->mock) <= server_now_ns()) {
        server_poke(s);
    }
    advance_paced(s);
    run_ready(s);
    bury(s);
    return due || count > 0;
}

/* ---- making and unmaking ---- */

static int set_address(struct server *s, const struct server_options *options, struct errmsg *msg)
{
    if (options->path != NULL) {
        size_t size = strlen(options->path);
        if (size >= sizeof(s->place.sun_path)) {
            return error_set(msg, ERR_INVALID, "the path \"%s\" is too long for a socket", options->path);
        }
        s->place.sun_family = AF_UNIX;
        memcpy(s->place.sun_path, options->path, size);
        return 0;
    }
    s->address.sin_family = AF_INET;
    s->address.sin_port = htons(options->port);
    return inet_pton(AF_INET, options->host, &s->address.sin_addr) == 1
               ? 0
               : error_set(msg, ERR_INVALID, "\"%s\" is no IPv4 address; write 127.0.0.1 or 0.0.0.0",
                           options->host);
}

struct server *server_new(struct mock *mock, const struct server_options *options, struct errmsg *msg)
{
    struct server *s = mem_alloc(sizeof(*s));
    s->mock = mock;
    s->listen_fd = -1;
    s->port_fd = -1;
    s->next_link = 1;
    s->max_body_bytes = options->max_body_bytes == 0 ? MOCK_MAX_BODY_BYTES : options->max_body_bytes;
    s->gateway = options->upstream != NULL;
    TAILQ_INIT(&s->ready);
    TAILQ_INIT(&s->paced);
    TAILQ_INIT(&s->dead_wires);
    TAILQ_INIT(&s->dead_links);
    if (s->gateway) {
        s->upstream = *options->upstream;
    }
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0) {
        (void)error_set(msg, ERR_IO, "epoll: %s", strerror(errno));
        goto err_free;
    }
    if (set_address(s, options, msg) != 0) {
        goto err_epoll;
    }
    if ((options->path == NULL && keep_port(s, msg) != 0) || open_listener(s, msg) != 0) {
        goto err_port;
    }
    return s;

err_port:
    if (s->port_fd >= 0) {
        (void)close(s->port_fd);
    }
err_epoll:
    (void)close(s->epoll_fd);
err_free:
    mem_free(s);
    return NULL;
}

void server_free(struct server *s)
{
    struct wire *w;
    struct wire *next;
    struct link *l;
    struct link *after;
    if (s == NULL) {
        return;
    }
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    if (s->port_fd >= 0) {
        (void)close(s->port_fd);
    }
    HASH_ITER (hh, s->wires, w, next) {
        wire_close(s, w, false);
    }
    HASH_ITER (hh, s->links, l, after) {
        link_end(s, l);
    }
    bury(s);
    (void)close(s->epoll_fd);
    mem_free(s);
}

uint16_t server_port(const struct server *s)
{
    return ntohs(s->address.sin_port);
}

size_t server_held(const struct server *s)
{
    size_t count = 0;
    for (const struct wire *w = s->wires; w != NULL; w = w->hh.next) {
        count += w->request != 0 ? 1 : 0;
    }
    return count;
}

int server_epoll_fd(const struct server *s)
{
    return s->epoll_fd;
}
