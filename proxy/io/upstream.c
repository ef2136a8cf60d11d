/* The multi handle and its place in the loop.
 *
 * Sockets: libcurl tells which descriptors it wants watched.  When it loses interest in one of its
 * connections the descriptor stays registered (measured: a sixth of the time of a request goes into
 * epoll_ctl otherwise) and is only taken out when it is closed or becomes ready unasked.  Descriptors that
 * are not connections (the resolver's) are taken out at once, because libcurl closes them without telling.
 *
 * Order: callbacks of libcurl only put calls on the list of those that have something to tell;
 * upstream_deliver, called from the loop, tells it.  A call with head_first tells its head, then waits for
 * the core's word, then tells its end; a call that failed tells that at once. */
#include "proxy/io/upstream.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/io/io_clock.h"
#include "proxy/io/upstream_call.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEPT_CONNECTIONS 256L
#define KEPT_HANDLES     128u

struct watched_socket {
    struct io_watch watch;
    uint32_t registered; /* what epoll knows; 0 = not in the set */
    uint32_t wanted;     /* what libcurl wants; 0 = nothing at the moment */
    bool connection;     /* opened by us: its closing is told */
};

struct upstream {
    CURLM *multi;
    CURLU *urls[CORE_INSTANCES];      /* NULL = no such instance */
    char *unix_paths[CORE_INSTANCES]; /* NULL = by the URL */
    struct curl_blob ca;              /* no data = the system's */
    int epoll_fd;
    struct io_sink sink;
    uint64_t timer_ns;               /* real */
    struct watched_socket **sockets; /* by descriptor; entries live until close, for late events */
    size_t socket_count;
    CURL *idle[KEPT_HANDLES];
    size_t idle_count;
    struct upstream_call *calls;
    STAILQ_HEAD(, upstream_call) due;
    STAILQ_HEAD(, upstream_call) unpause;
};

void upstream_note_due(struct upstream_call *call)
{
    if (!call->due) {
        call->due = true;
        STAILQ_INSERT_TAIL(&call->owner->due, call, due_link);
    }
}

void upstream_note_unpause(void *context)
{
    struct upstream_call *call = context;
    if (!call->unpausing && call->easy != NULL) {
        call->unpausing = true;
        STAILQ_INSERT_TAIL(&call->owner->unpause, call, unpause_link);
    }
}

/* Sockets. */

static void socket_ready(void *context, int fd, uint32_t events);

static struct watched_socket *socket_entry(struct upstream *u, int fd)
{
    size_t index = (size_t)fd;
    CHECK(fd >= 0);
    if (index >= u->socket_count) {
        size_t count = index + 64;
        u->sockets = mem_realloc(u->sockets, count * sizeof(*u->sockets));
        memset(u->sockets + u->socket_count, 0, (count - u->socket_count) * sizeof(*u->sockets));
        u->socket_count = count;
    }
    if (u->sockets[index] == NULL) {
        u->sockets[index] = mem_alloc(sizeof(*u->sockets[index]));
        u->sockets[index]->watch = (struct io_watch){ socket_ready, u, fd };
    }
    return u->sockets[index];
}

static void socket_register(struct upstream *u, int fd, struct watched_socket *s, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = &s->watch };
    if (s->registered == events) {
        return;
    }
    if (events == 0) {
        (void)epoll_ctl(u->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be closed by now */
    } else if (s->registered == 0 || epoll_ctl(u->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0) {
        int rc = epoll_ctl(u->epoll_fd, EPOLL_CTL_ADD, fd, &event);
        CHECK(rc == 0 || (errno == EEXIST && epoll_ctl(u->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0));
    }
    s->registered = events;
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
    struct upstream *u = context;
    struct watched_socket *s = socket_entry(u, fd);
    (void)easy;
    (void)unused;
    s->wanted =
        (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0u) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0u);
    if (what == CURL_POLL_REMOVE) {
        s->wanted = 0;
        if (!s->connection) {
            socket_register(u, fd, s, 0);
        }
        return 0;
    }
    socket_register(u, fd, s, s->wanted);
    return 0;
}

static void socket_ready(void *context, int fd, uint32_t events)
{
    struct upstream *u = context;
    struct watched_socket *s = socket_entry(u, fd);
    int running = 0;
    if (s->wanted == 0) {
        socket_register(u, fd, s, 0);
        return;
    }
    int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    CHECK(curl_multi_socket_action(u->multi, fd, what, &running) == CURLM_OK);
}

static curl_socket_t socket_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct upstream *u = context;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) {
        return CURL_SOCKET_BAD;
    }
    socket_entry(u, fd)->connection = true;
    return fd;
}

static int socket_close(void *context, curl_socket_t fd)
{
    struct upstream *u = context;
    struct watched_socket *s = socket_entry(u, fd);
    socket_register(u, fd, s, 0);
    s->wanted = 0;
    s->connection = false;
    return close(fd);
}

static int timer_wanted(CURLM *multi, long timeout_ms, void *context)
{
    struct upstream *u = context;
    (void)multi; /* calling libcurl from here would re-enter it */
    u->timer_ns = timeout_ms < 0 ? IO_CLOCK_NEVER : io_clock_real_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    return 0;
}

/* Calls. */

static CURL *handle_take(struct upstream *u)
{
    return u->idle_count > 0 ? u->idle[--u->idle_count] : curl_easy_init();
}

static void handle_give(struct upstream *u, CURL *easy)
{
    if (u->idle_count == KEPT_HANDLES) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    u->idle[u->idle_count++] = easy;
}

/* The transfer is over, for libcurl: removing a handle in the middle of a transfer closes its connection. */
static void call_detach(struct upstream_call *call)
{
    struct upstream *u = call->owner;
    if (call->unpausing) {
        call->unpausing = false;
        STAILQ_REMOVE(&u->unpause, call, upstream_call, unpause_link);
    }
    if (call->easy != NULL) {
        (void)curl_multi_remove_handle(u->multi,
                                       call->easy); /* a handle never added is no error that matters */
        handle_give(u, call->easy);
        call->easy = NULL;
    }
}

static void call_cut(struct upstream_call *call, enum call_outcome outcome, const char *detail)
{
    upstream_call_cut(call, outcome, detail);
    call_detach(call);
    upstream_note_due(call);
}

static struct upstream_call *call_find(struct upstream *u, uint64_t id)
{
    struct upstream_call *call = NULL;
    HASH_FIND(hh, u->calls, &id, sizeof(id), call);
    return call;
}

/* Whose certificates are believed.  From memory: reading a file would hold up the loop. */
static bool trust(const struct upstream *u, CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           (u->ca.len == 0 || curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &u->ca) == CURLE_OK);
}

static void port_call(void *context, const struct upstream_request *request)
{
    struct upstream *u = context;
    const char *detail = "";
    struct upstream_call *call = upstream_call_new(request, &detail);
    call->owner = u;
    CHECK(call_find(u, call->id) == NULL);
    HASH_ADD(hh, u->calls, id, sizeof(call->id), call);
    CURLU *url = request->instance < CORE_INSTANCES ? u->urls[request->instance] : NULL;
    if (detail[0] == '\0' && url == NULL) {
        detail = "no such instance is configured";
    }
    if (detail[0] == '\0') {
        CURL *easy = handle_take(u);
        bool ready = easy != NULL && upstream_call_prepare(call, easy, url, request->fresh) &&
                     trust(u, easy) &&
                     (u->unix_paths[request->instance] == NULL ||
                      curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, u->unix_paths[request->instance]) ==
                          CURLE_OK) &&
                     curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open) == CURLE_OK &&
                     curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, u) == CURLE_OK &&
                     curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, socket_close) == CURLE_OK &&
                     curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, u) == CURLE_OK;
        if (ready && curl_multi_add_handle(u->multi, easy) == CURLM_OK) {
            call->easy = easy;
            return;
        }
        if (easy != NULL) {
            curl_easy_cleanup(easy);
        }
        detail = "out of memory";
    }
    call_cut(call, CALL_REFUSED, detail);
}

static void port_collect(void *context, uint64_t id, uint64_t limit)
{
    struct upstream_call *call = call_find(context, id);
    if (call == NULL || call->mode != CALL_MODE_UNDECIDED) {
        return; /* it ended meanwhile; the core knows or will be told */
    }
    call->mode = CALL_MODE_COLLECT;
    call->limit = limit;
    if (!call->finished && relay_held(call->relay) > limit) {
        call_cut(call, CALL_BROKEN, "the answer is larger than asked for");
        return;
    }
    if (call->relay->writer_waits) {
        call->relay->writer_waits = false;
        upstream_note_unpause(call);
    }
    if (call->finished) {
        upstream_note_due(call);
    }
}

static void port_cancel(void *context, uint64_t id)
{
    struct upstream_call *call = call_find(context, id);
    if (call == NULL) {
        return; /* its end has been told already */
    }
    if (call->finished) {
        call->outcome = CALL_CANCELLED;
        upstream_note_due(call);
        return;
    }
    call_cut(call, CALL_CANCELLED, "cancelled");
}

struct upstream_port upstream_port(struct upstream *u)
{
    return (struct upstream_port){
        .context = u, .call = port_call, .collect = port_collect, .cancel = port_cancel
    };
}

struct relay *upstream_relay(struct upstream *u, uint64_t id, struct http_head *head)
{
    struct upstream_call *call = call_find(u, id);
    if (call == NULL || call->mode != CALL_MODE_UNDECIDED || !call->head_told) {
        return NULL;
    }
    call->mode = CALL_MODE_RELAY;
    *head = call->head;
    if (call->finished) {
        upstream_note_due(call);
    }
    return relay_ref(call->relay);
}

/* Turns. */

uint64_t upstream_deadline(const struct upstream *u)
{
    return STAILQ_EMPTY(&u->due) && STAILQ_EMPTY(&u->unpause) ? u->timer_ns : 0;
}

static void go_on_paused(struct upstream *u)
{
    struct upstream_call *call;
    while ((call = STAILQ_FIRST(&u->unpause)) != NULL) {
        STAILQ_REMOVE_HEAD(&u->unpause, unpause_link);
        call->unpausing = false;
        (void)curl_easy_pause(call->easy,
                              CURLPAUSE_CONT); /* a failure ends the transfer: told as its message */
    }
}

static void take_messages(struct upstream *u)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(u->multi, &left)) != NULL) {
        struct upstream_call *call = NULL;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = message->data.result;
        CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK && call != NULL);
        upstream_call_conclude(call, code);
        call_detach(call);
        upstream_note_due(call);
    }
}

void upstream_turn(struct upstream *u, uint64_t now_ns)
{
    int running = 0;
    go_on_paused(u);
    if (u->timer_ns <= now_ns) {
        u->timer_ns = IO_CLOCK_NEVER;
        CHECK(curl_multi_socket_action(u->multi, CURL_SOCKET_TIMEOUT, 0, &running) == CURLM_OK);
    }
    take_messages(u);
}

static void tell_head(struct upstream_call *call)
{
    struct core_event event = { .kind = CORE_EV_CALL_HEAD };
    call->head_told = true;
    event.u.call_head.call = call->id;
    event.u.call_head.head = &call->head;
    call->owner->sink.event(call->owner->sink.context, &event);
}

static void tell_end(struct upstream_call *call)
{
    struct upstream *u = call->owner;
    struct core_event event = { .kind = CORE_EV_CALL_END };
    struct block *body = NULL;
    if (call->outcome == CALL_ANSWERED && call->mode == CALL_MODE_COLLECT && relay_held(call->relay) > 0) {
        if (relay_held(call->relay) <= call->limit) {
            body = block_from_buf(&call->relay->bytes);
        }
        if (body == NULL) {
            call->outcome = CALL_BROKEN;
            (void)snprintf(call->detail, sizeof(call->detail),
                           "the answer is larger than %llu bytes or than memory",
                           (unsigned long long)call->limit);
        }
    }
    event.u.call_end.call = call->id;
    event.u.call_end.outcome = call->outcome;
    event.u.call_end.bytes_left = call->bytes_left;
    event.u.call_end.head = call->outcome == CALL_ANSWERED && !call->head_first ? &call->head : NULL;
    event.u.call_end.body = body;
    event.u.call_end.detail = call->detail;
    HASH_DEL(u->calls, call);
    u->sink.event(u->sink.context, &event);
    block_unref(body);
    upstream_call_free(call);
}

bool upstream_deliver(struct upstream *u)
{
    struct upstream_call *call;
    bool any = false;
    while ((call = STAILQ_FIRST(&u->due)) != NULL) {
        STAILQ_REMOVE_HEAD(&u->due, due_link);
        call->due = false;
        any = true;
        if (call->head_first && call->head_complete && !call->head_told && call->outcome != CALL_CANCELLED) {
            /* What the core answers may put the call on the list again, or cancel it. */
            bool finished = call->finished;
            tell_head(call);
            if (finished) {
                upstream_note_due(call);
            }
            continue;
        }
        bool waiting =
            call->head_first && call->outcome == CALL_ANSWERED && call->mode == CALL_MODE_UNDECIDED;
        if (call->finished && !waiting) {
            tell_end(call);
        }
    }
    return any;
}

size_t upstream_in_flight(const struct upstream *u)
{
    size_t count = 0;
    for (const struct upstream_call *call = u->calls; call != NULL; call = call->hh.next) {
        count += call->easy != NULL && !call->relay->writer_waits ? 1 : 0;
    }
    return count;
}

/* Life. */

static bool multi_prepare(struct upstream *u)
{
    return curl_multi_setopt(u->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted) == CURLM_OK &&
           curl_multi_setopt(u->multi, CURLMOPT_SOCKETDATA, u) == CURLM_OK &&
           curl_multi_setopt(u->multi, CURLMOPT_TIMERFUNCTION, timer_wanted) == CURLM_OK &&
           curl_multi_setopt(u->multi, CURLMOPT_TIMERDATA, u) == CURLM_OK &&
           curl_multi_setopt(u->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS) == CURLM_OK &&
           curl_multi_setopt(u->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK;
}

int upstream_open(struct upstream **out, const struct upstream_options *options, struct errmsg *msg)
{
    struct str ca = options->ca;
    struct upstream *u = mem_alloc(sizeof(*u));
    u->ca = (struct curl_blob){ ca.size == 0 ? NULL : mem_alloc(ca.size), ca.size, CURL_BLOB_NOCOPY };
    if (ca.size > 0) {
        memcpy(u->ca.data, ca.data, ca.size);
    }
    u->epoll_fd = options->epoll_fd;
    u->sink = options->sink;
    u->timer_ns = IO_CLOCK_NEVER;
    STAILQ_INIT(&u->due);
    STAILQ_INIT(&u->unpause);
    u->multi = curl_multi_init();
    if (u->multi == NULL || !multi_prepare(u)) {
        upstream_close(u);
        return error_set(msg, ERR_NOMEM, "libcurl: cannot be set up");
    }
    for (size_t i = 0; i < CORE_INSTANCES; i++) {
        const char *url = options->urls[i];
        if (url == NULL || url[0] == '\0') {
            continue;
        }
        u->unix_paths[i] = options->sockets[i] == NULL ? NULL : mem_strdup(options->sockets[i]);
        u->urls[i] = curl_url();
        if (u->urls[i] == NULL || curl_url_set(u->urls[i], CURLUPART_URL, url, 0) != CURLUE_OK) {
            upstream_close(u);
            return error_set(msg, ERR_INVALID, "libcurl: not a URL: %s", url);
        }
    }
    *out = u;
    return 0;
}

void upstream_close(struct upstream *u)
{
    struct upstream_call *call;
    struct upstream_call *next;
    if (u == NULL) {
        return;
    }
    HASH_ITER (hh, u->calls, call, next) {
        call_detach(call);
        if (!call->finished) {
            upstream_call_cut(call, CALL_CANCELLED, "");
        }
        HASH_DEL(u->calls, call); /* NOLINT(clang-analyzer-core.NullDereference): the call is in it */
        upstream_call_free(call);
    }
    while (u->idle_count > 0) {
        curl_easy_cleanup(u->idle[--u->idle_count]);
    }
    if (u->multi != NULL) {
        (void)curl_multi_cleanup(u->multi);
    }
    for (size_t i = 0; i < CORE_INSTANCES; i++) {
        curl_url_cleanup(u->urls[i]);
        mem_free(u->unix_paths[i]);
    }
    for (size_t i = 0; i < u->socket_count; i++) {
        mem_free(u->sockets[i]);
    }
    mem_free(u->sockets);
    mem_free(u->ca.data);
    mem_free(u);
}
