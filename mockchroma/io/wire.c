/* Connections of clients: requests are read and handed to the core one at a time, answers are sent as
 * the core wants them, whole or cut, at once or slowly, and followed by silence, a close or a reset.
 *
 * While a request is with the core nothing more is read, so pipelined requests are answered in order.
 * A client that closes its side while it waits counts as gone, as for the real server.  A reset would
 * take back what still lies in the send queue, so it waits until the peer has got it. */
#include "mockchroma/io/server_internal.h"
#include "base/memory.h"
#include "base/units.h"
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES    ((size_t)16 * 1024)
#define IN_LIMIT      ((size_t)4 * 1024 * 1024 * 1024)
#define RATE_STEP_NS  (20 * NS_PER_MS)
#define DRAIN_STEP_NS (2 * NS_PER_MS)
#define DRAIN_STEPS   500
#define KEEP_BYTES    ((size_t)256 * 1024) /* a buffer above this is given back after use */

/* ---- life ---- */

void wire_make_ready(struct server *s, struct wire *w)
{
    if (!w->is_ready && !w->dead) {
        w->is_ready = true;
        TAILQ_INSERT_TAIL(&s->ready, w, in_ready);
    }
}

static void begin_message(struct server *s, struct wire *w)
{
    w->framing = (struct framing){ .state = FRAMING_HEAD };
    if (w->body.capacity > KEEP_BYTES) {
        buf_deinit(&w->body);
        /* One byte above the limit is enough for the core to see that it is too much. */
        buf_init(&w->body, (size_t)s->max_body_bytes + 1);
    }
    buf_clear(&w->body);
}

void wire_open(struct server *s, int fd)
{
    struct wire *w = mem_alloc(sizeof(*w));
    w->id = s->next_wire += 2;
    w->fd = fd;
    w->next_ns = UINT64_MAX;
    buf_init(&w->in, IN_LIMIT);
    buf_init(&w->body, (size_t)s->max_body_bytes + 1);
    buf_init(&w->out.head, (size_t)1024 * 1024);
    begin_message(s, w);
    HASH_ADD(hh, s->wires, id, (unsigned)sizeof(w->id), w);
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = w->id };
    (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    server_event(s, &(struct mock_event){ .kind = MOCK_EV_CONN_OPENED, .conn = w->id / 2 });
}

static void stop_pacing(struct server *s, struct wire *w)
{
    if (w->is_paced) {
        w->is_paced = false;
        TAILQ_REMOVE(&s->paced, w, in_paced);
    }
    w->next_ns = UINT64_MAX;
}

static void pace(struct server *s, struct wire *w, uint64_t at_ns)
{
    if (!w->is_paced) {
        w->is_paced = true;
        TAILQ_INSERT_TAIL(&s->paced, w, in_paced);
    }
    w->next_ns = at_ns;
}

void wire_close(struct server *s, struct wire *w, bool reset)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    char rest[4096];
    if (w->dead) {
        return;
    }
    w->dead = true;
    stop_pacing(s, w);
    HASH_DEL(s->wires, w);
    TAILQ_INSERT_TAIL(&s->dead_wires, w, in_dead);
    if (w->link != NULL) {
        link_orphan(s, w->link);
    }
    if (reset) {
        (void)setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    } else {
        /* Bytes left unread would turn the close into a reset. */
        (void)shutdown(w->fd, SHUT_WR);
        while (recv(w->fd, rest, sizeof(rest), MSG_DONTWAIT) > 0) {
        }
    }
    (void)close(w->fd);
    if (!w->told) {
        w->told = true;
        server_event(s, &(struct mock_event){ .kind = MOCK_EV_CONN_CLOSED, .conn = w->id / 2 });
    }
}

void wire_free(struct server *s, struct wire *w)
{
    if (w->is_ready) {
        TAILQ_REMOVE(&s->ready, w, in_ready);
    }
    TAILQ_REMOVE(&s->dead_wires, w, in_dead);
    block_unref(w->out.block);
    buf_deinit(&w->out.head);
    buf_deinit(&w->in);
    buf_deinit(&w->body);
    mem_free(w);
}

/* ---- sending ---- */

static size_t allowed(const struct outgoing *o, uint64_t now_ns)
{
    if (o->rate == 0) {
        return o->size;
    }
    double due = (double)(now_ns - o->begin_ns) / (double)NS_PER_S * (double)o->rate;
    return due < (double)o->size ? (size_t)due : o->size;
}

/* False: the client is gone. */
static bool send_until(struct wire *w, size_t until)
{
    struct outgoing *o = &w->out;
    while (o->sent < until) {
        struct iovec parts[2];
        struct msghdr message = { .msg_iov = parts };
        struct str body = block_str(o->block);
        size_t head = o->sent < o->head.size ? o->head.size - o->sent : 0;
        size_t want = until - o->sent;
        union {
            const char *from;
            void *to;
        } bytes;
        if (head > 0) {
            parts[message.msg_iovlen++] = (struct iovec){ o->head.data + o->sent, head < want ? head : want };
        }
        if (want > head) {
            bytes.from = body.data + (o->sent + head - o->head.size);
            parts[message.msg_iovlen++] = (struct iovec){ bytes.to, want - head };
        }
        ssize_t n = sendmsg(w->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN;
        }
        o->sent += (size_t)n;
    }
    return true;
}

static void end_answer(struct server *s, struct wire *w)
{
    int queued = 0;
    bool reset = w->out.then == MOCK_THEN_RESET;
    if (w->out.then == MOCK_THEN_HANG) {
        stop_pacing(s, w);
        return;
    }
    if (reset && ioctl(w->fd, SIOCOUTQ, &queued) == 0 && queued > 0 && w->out.waits++ < DRAIN_STEPS) {
        pace(s, w, server_now_ns() + DRAIN_STEP_NS);
        return;
    }
    if (w->out.then != MOCK_KEEP || !w->keep_alive) {
        wire_close(s, w, reset);
        return;
    }
    stop_pacing(s, w);
    w->sending = false;
    w->request = 0;
    block_unref(w->out.block);
    w->out.block = NULL;
    wire_make_ready(s, w); /* the next request may be there already */
}

void wire_send(struct server *s, struct wire *w)
{
    uint64_t now = server_now_ns();
    if (!send_until(w, allowed(&w->out, now))) {
        wire_close(s, w, false);
    } else if (w->out.sent == w->out.size) {
        end_answer(s, w);
    } else if (w->out.rate > 0) {
        pace(s, w, now + RATE_STEP_NS);
    }
}

static const char *date_text(struct server *s)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct timespec now;
    struct tm t;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != s->date_second && gmtime_r(&now.tv_sec, &t) != NULL) {
        s->date_second = now.tv_sec;
        (void)snprintf(s->date, sizeof(s->date), "%s, %02d %s %d %02d:%02d:%02d GMT", days[t.tm_wday % 7],
                       t.tm_mday % 100, months[t.tm_mon % 12], (t.tm_year + 1900) % 10000, t.tm_hour % 100,
                       t.tm_min % 100, t.tm_sec % 100);
    }
    return s->date;
}

/* By hand: printf would be a quarter of what an answer without a body costs outside the kernel. */
static void write_status_line(struct buf *head, bool http10, int status)
{
    const char digits[] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                            (char)('0' + status % 10), ' ' };
    buf_append_text(head, http10 ? "HTTP/1.0 " : "HTTP/1.1 ");
    buf_append(head, digits, sizeof(digits));
    buf_append_text(head, http_reason(status));
    buf_append_text(head, "\r\n");
}

/* The head of an answer of ours.  One that is cut or ended by the fault has no date, so that the place of a
 * cut means the same bytes every time. */
static void write_head(struct server *s, struct wire *w, const struct mock_action *a)
{
    struct buf *head = &w->out.head;
    bool plain = a->cut_after < 0 && a->then == MOCK_KEEP;
    write_status_line(head, w->http10, a->status);
    buf_append_str(head, block_str(a->headers));
    if (plain && w->http10 == w->keep_alive) {
        buf_append_text(head, w->keep_alive ? "connection: keep-alive\r\n" : "connection: close\r\n");
    }
    if (plain) {
        buf_append_text(head, "date: ");
        buf_append_text(head, date_text(s));
        buf_append_text(head, "\r\n");
    }
    buf_append_text(head, "\r\n");
}

void wire_respond(struct server *s, struct wire *w, struct mock_action *a)
{
    struct outgoing *o = &w->out;
    if (w->request != a->request || w->sending) {
        return; /* the request is gone */
    }
    buf_clear(&o->head);
    if (a->raw != NULL) {
        o->block = block_ref(a->raw);
    } else {
        write_head(s, w, a);
        o->block = block_ref(a->body);
    }
    o->size = o->head.size + block_str(o->block).size;
    if (a->cut_after >= 0 && (uint64_t)a->cut_after < o->size) {
        o->size = (size_t)a->cut_after;
    }
    o->sent = 0;
    o->rate = a->bytes_per_second;
    o->begin_ns = server_now_ns();
    o->then = a->then;
    o->waits = 0;
    w->sending = true;
    wire_send(s, w);
}

/* What the real server answers to bytes that are no request; then it closes. */
static void refuse(struct server *s, struct wire *w, int status)
{
    w->keep_alive = false;
    w->http10 = false;
    buf_clear(&w->out.head);
    buf_printf(&w->out.head, "HTTP/1.1 %d %s\r\nconnection: close\r\ncontent-length: 0\r\ndate: %s\r\n\r\n",
               status, http_reason(status), date_text(s));
    w->out.size = w->out.head.size;
    w->out.sent = 0;
    w->out.rate = 0;
    w->out.then = MOCK_THEN_CLOSE;
    w->sending = true;
    wire_send(s, w);
}

/* ---- reading ---- */

/* "http://host/path" is the same as "/path". */
static struct str origin_form(struct str target)
{
    const char *scheme =
        target.size > 0 && target.data[0] != '/' ? memmem(target.data, target.size, "://", 3) : NULL;
    if (scheme == NULL) {
        return target;
    }
    const char *from = scheme + 3;
    const char *end = target.data + target.size;
    const char *path = memchr(from, '/', (size_t)(end - from));
    return path == NULL ? target : str_make(path, (size_t)(end - path));
}

static void submit(struct server *s, struct wire *w)
{
    struct http_header headers[FRAMING_HEADERS_MAX];
    struct http_head head;
    struct block *body = w->body.size == 0 ? NULL : block_from_buf(&w->body);
    struct block *raw = s->gateway ? block_copy(w->in.data, w->framing.at) : NULL;
    framing_head(&w->framing, &w->in, headers, &head);
    head.target = origin_form(head.target);
    head.content_length = (int64_t)w->body.size;
    w->keep_alive = w->framing.keep_alive;
    w->http10 = w->framing.http10;
    w->request = ++s->next_request;
    struct mock_event event = { .kind = MOCK_EV_REQUEST,
                                .conn = w->id / 2,
                                .request = w->request,
                                .head = &head,
                                .body = body,
                                .raw = raw };
    server_event(s, &event);
    block_unref(body);
    block_unref(raw);
    if (!w->dead) {
        buf_remove_front(&w->in, w->framing.at);
        begin_message(s, w);
    }
}

static void take_input(struct server *s, struct wire *w)
{
    while (!w->dead && w->request == 0 && !w->sending && w->in.size > w->framing.at) {
        bool before = w->framing.state == FRAMING_HEAD;
        int status = framing_take(&w->framing, &w->in, &w->body);
        if (status == 0 && before && w->framing.state != FRAMING_HEAD && w->framing.expects_continue) {
            /* Asked for or not by now: the real server says so even when the body has come along. */
            (void)send(w->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        if (status != 0 || w->in.failed) {
            refuse(s, w, status == 0 ? 413 : status);
            return;
        }
        if (w->framing.state == FRAMING_DONE) {
            submit(s, w);
            continue;
        }
        if (!s->gateway && w->framing.state != FRAMING_HEAD) {
            /* The body is kept elsewhere; only its head is still needed. */
            w->in.size -= w->framing.at - w->framing.head_size;
            memmove(w->in.data + w->framing.head_size, w->in.data + w->framing.at,
                    w->in.size - w->framing.head_size);
            w->framing.at = w->framing.head_size;
        }
        return;
    }
}

static void read_some(struct server *s, struct wire *w)
{
    char *room = buf_reserve(&w->in, READ_BYTES);
    if (room == NULL) {
        wire_close(s, w, true); /* no memory left */
        return;
    }
    ssize_t n = recv(w->fd, room, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        w->readable = false;
    } else if (n == 0 || (n < 0 && errno != EINTR)) {
        wire_close(s, w, false);
    } else if (n > 0) {
        w->in.size += (size_t)n;
        w->readable = (size_t)n == READ_BYTES || w->departed;
    }
}

void wire_run(struct server *s, struct wire *w)
{
    if (w->sending && !w->dead && w->next_ns == UINT64_MAX) {
        wire_send(s, w);
    }
    take_input(s, w);
    while (!w->dead && w->readable && w->request == 0 && !w->sending) {
        read_some(s, w);
        take_input(s, w);
    }
    if (!w->dead && w->departed && (w->request != 0 || w->sending)) {
        wire_close(s, w, false);
    }
}

void wire_events(struct server *s, uint64_t id, uint32_t events)
{
    struct wire *w = server_find_wire(s, id);
    if (w == NULL) {
        return;
    }
    w->readable = w->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    w->departed = w->departed || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    wire_run(s, w);
}
