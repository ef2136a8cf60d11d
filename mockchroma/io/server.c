/* Sockets and the loop of the data port.
 *
 * libmicrohttpd speaks HTTP, but the listening socket is ours (MHD_USE_NO_LISTEN_SOCKET and
 * MHD_add_connection): a fault that refuses must really close it, and libmicrohttpd cannot open one
 * again.  A reset is connect(AF_UNSPEC), which sends RST at once and leaves the descriptor for
 * libmicrohttpd to close.  Facts the code relies on:
 *  - a suspended connection notices nothing, so every socket is also in our own epoll set, where the
 *    client's departure shows as EPOLLRDHUP;
 *  - after MHD_resume_connection MHD_run must be called (kick), and MHD_get_timeout asked each turn. */
#include "mockchroma/io/server_internal.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX  4000
#define CONNECTION_BYTES ((size_t)32 * 1024)
#define BACKLOG          1024
#define EVENTS_MAX       64
#define ACTIONS_MAX      32
#define LISTEN_RETRY_NS  (50 * NS_PER_MS)

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

/* ---- connections ---- */

static struct wire *find_wire(struct server *s, uint64_t id)
{
    struct wire *w = NULL;
    HASH_FIND(hh, s->wires, &id, (unsigned)sizeof(id), w);
    return w;
}

void server_resume(struct server *s, struct wire *w)
{
    if (w->suspended) {
        w->suspended = false;
        MHD_resume_connection(w->connection);
        s->kick = true;
    }
}

void server_close_wire(struct server *s, struct wire *w, bool reset)
{
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    raw_stop(s, w);
    if (reset) {
        (void)connect(w->fd, &none, sizeof(none));
    } else {
        (void)shutdown(w->fd, SHUT_RDWR);
    }
    w->doomed = true;
    w->told = true;
    server_resume(s, w);
    s->kick = true;
}

void server_tell_closed(struct server *s, struct wire *w)
{
    if (!w->told) {
        w->told = true;
        server_event(s, &(struct mock_event){ .kind = MOCK_EV_CONN_CLOSED, .conn = w->id });
    }
    w->doomed = true;
    raw_stop(s, w);
    server_resume(s, w);
}

static void notify_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                              enum MHD_ConnectionNotificationCode code)
{
    struct server *s = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct wire *w = mem_alloc(sizeof(*w));
        w->id = ++s->next_wire;
        w->fd = info->connect_fd;
        w->connection = connection;
        HASH_ADD(hh, s->wires, id, (unsigned)sizeof(w->id), w);
        *socket_context = w;
        struct epoll_event ev = { .events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = w->id };
        (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, w->fd, &ev);
        server_event(s, &(struct mock_event){ .kind = MOCK_EV_CONN_OPENED, .conn = w->id });
        return;
    }
    struct wire *w = *socket_context;
    if (w != NULL) {
        if (!w->told) {
            server_event(s, &(struct mock_event){ .kind = MOCK_EV_CONN_CLOSED, .conn = w->id });
        }
        raw_stop(s, w);
        (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
        HASH_DEL(s->wires, w);
        mem_free(w);
        *socket_context = NULL;
    }
}

/* ---- listening ---- */

static int open_listener(struct server *s, struct errmsg *msg)
{
    int one = 1;
    char text[INET_ADDRSTRLEN];
    socklen_t size = sizeof(s->address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_set(msg, ERR_IO, "socket: %s", strerror(errno));
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&s->address, sizeof(s->address)) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        (void)close(fd);
        (void)inet_ntop(AF_INET, &s->address.sin_addr, text, sizeof(text));
        return error_set(msg, why == EADDRINUSE ? ERR_BUSY : ERR_IO, "cannot listen on %s port %u: %s", text,
                         ntohs(s->address.sin_port), strerror(why));
    }
    (void)getsockname(fd, (struct sockaddr *)&s->address, &size); /* keeps a port given by the system */
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
        struct sockaddr_in peer;
        socklen_t size = sizeof(peer);
        int fd = accept4(s->listen_fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        /* On failure libmicrohttpd has closed it: too many connections, or no memory. */
        (void)MHD_add_connection(s->daemon, fd, (struct sockaddr *)&peer, size);
        s->kick = true;
    }
}

/* ---- the core ---- */

static void carry_out(struct server *s, struct mock_action *a)
{
    struct wire *w = find_wire(s, a->conn);
    switch (a->kind) {
        case MOCK_ACT_RESPOND:
            if (w != NULL) {
                request_respond(s, w, a);
            }
            break;
        case MOCK_ACT_RESET:
        case MOCK_ACT_CLOSE:
            if (w != NULL) {
                server_close_wire(s, w, a->kind == MOCK_ACT_RESET);
            }
            break;
        case MOCK_ACT_LISTEN:
            set_listening(s, a->listen);
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

static uint64_t next_raw_ns(const struct server *s)
{
    const struct wire *w;
    uint64_t next = UINT64_MAX;
    TAILQ_FOREACH (w, &s->raw_wires, in_raw) {
        next = w->raw_next_ns < next ? w->raw_next_ns : next;
    }
    return next;
}

uint64_t server_wait_ns(const struct server *s)
{
    MHD_UNSIGNED_LONG_LONG mhd_ms;
    uint64_t now = server_now_ns();
    uint64_t next = mock_deadline(s->mock);
    uint64_t raw = next_raw_ns(s);
    next = raw < next ? raw : next;
    next = s->retry_listen_ns != 0 && s->retry_listen_ns < next ? s->retry_listen_ns : next;
    uint64_t wait = UINT64_MAX;
    if (next != UINT64_MAX) {
        wait = next > now ? (uint64_t)((double)(next - now) / start.scale) + 1 : 0;
    }
    if (s->kick) {
        return 0;
    }
    if (MHD_get_timeout(s->daemon, &mhd_ms) == MHD_YES && mhd_ms * NS_PER_MS < wait) {
        wait = mhd_ms * NS_PER_MS;
    }
    return wait;
}

static void advance_raw(struct server *s)
{
    uint64_t now = server_now_ns();
    struct wire *w = TAILQ_FIRST(&s->raw_wires);
    while (w != NULL) {
        struct wire *next = TAILQ_NEXT(w, in_raw);
        if (w->raw_next_ns <= now && w->suspended) {
            raw_advance(s, w);
        }
        w = next;
    }
}

static void departure(struct server *s, uint64_t id)
{
    struct wire *w = find_wire(s, id);
    if (w != NULL) {
        w->peer_gone = true;
        if (w->suspended) {
            server_tell_closed(s, w);
        }
    }
}

void server_run(struct server *s)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(s->epoll_fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == 0) {
            accept_all(s);
        } else if (events[i].data.u64 == UINT64_MAX) {
            s->kick = true;
        } else {
            departure(s, events[i].data.u64);
        }
    }
    if (s->retry_listen_ns != 0 && s->retry_listen_ns <= server_now_ns()) {
        set_listening(s, true);
    }
    if (mock_deadline(s->mock) <= server_now_ns()) {
        server_poke(s);
    }
    advance_raw(s);
    s->kick = false;
    (void)MHD_run(s->daemon);
}

/* ---- making and unmaking ---- */

static int start_daemon(struct server *s, struct errmsg *msg)
{
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_handle, s,                 /* options */
                                 MHD_OPTION_URI_LOG_CALLBACK, request_begin, s,           //
                                 MHD_OPTION_NOTIFY_COMPLETED, request_completed, s,       //
                                 MHD_OPTION_NOTIFY_CONNECTION, notify_connection, s,      //
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,  //
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,    //
                                 MHD_OPTION_STRICT_FOR_CLIENT, 0,                         //
                                 MHD_OPTION_CONNECTION_TIMEOUT, 0U, MHD_OPTION_END);
    if (s->daemon == NULL) {
        return error_set(msg, ERR_IO, "libmicrohttpd does not start");
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->mhd_fd = info->epoll_fd;
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = UINT64_MAX };
    (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->mhd_fd, &ev);
    return 0;
}

struct server *server_new(struct mock *mock, const struct server_options *options, struct errmsg *msg)
{
    struct server *s = mem_alloc(sizeof(*s));
    s->mock = mock;
    s->listen_fd = -1;
    s->max_body_bytes = options->max_body_bytes;
    TAILQ_INIT(&s->raw_wires);
    s->address.sin_family = AF_INET;
    s->address.sin_port = htons(options->port);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0) {
        (void)error_set(msg, ERR_IO, "epoll: %s", strerror(errno));
        goto err_free;
    }
    if (inet_pton(AF_INET, options->host, &s->address.sin_addr) != 1) {
        (void)error_set(msg, ERR_INVALID, "\"%s\" is no IPv4 address; write 127.0.0.1 or 0.0.0.0",
                        options->host);
        goto err_epoll;
    }
    if (start_daemon(s, msg) != 0) {
        goto err_epoll;
    }
    if (open_listener(s, msg) != 0) {
        goto err_daemon;
    }
    return s;

err_daemon:
    MHD_stop_daemon(s->daemon);
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
    if (s == NULL) {
        return;
    }
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    HASH_ITER (hh, s->wires, w, next) {
        w->told = true;
        w->doomed = true;
        raw_stop(s, w);
        server_resume(s, w); /* libmicrohttpd refuses to stop with suspended connections */
    }
    (void)MHD_run(s->daemon);
    MHD_stop_daemon(s->daemon);
    (void)close(s->epoll_fd);
    mem_free(s);
}

uint16_t server_port(const struct server *s)
{
    return ntohs(s->address.sin_port);
}

int server_epoll_fd(const struct server *s)
{
    return s->epoll_fd;
}
