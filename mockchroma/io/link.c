/* Connections of a gateway to the server behind it: one for each client connection, opened with its
 * first request, so that the server sees as many connections as there are clients.
 *
 * Bytes go out as they came in and come back as they are: nothing is re-sent, ever.  An answer under way
 * outlives its client.  When the server closes an idle connection, its client's is closed too, as it
 * would be without a gateway between. */
#include "mockchroma/io/server_internal.h"
#include "base/memory.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 * 1024)
#define IN_LIMIT   ((size_t)4 * 1024 * 1024 * 1024)

static struct link *find(struct server *s, uint64_t id)
{
    struct link *l = NULL;
    HASH_FIND(hh, s->links, &id, (unsigned)sizeof(id), l);
    return l;
}

void link_end(struct server *s, struct link *l)
{
    if (l->dead) {
        return;
    }
    l->dead = true;
    HASH_DEL(s->links, l);
    TAILQ_INSERT_TAIL(&s->dead_links, l, in_dead);
    if (l->fd >= 0) {
        (void)close(l->fd);
    }
    if (l->wire != NULL) {
        l->wire->link = NULL;
        l->wire = NULL;
    }
}

void link_free(struct server *s, struct link *l)
{
    TAILQ_REMOVE(&s->dead_links, l, in_dead);
    block_unref(l->sent);
    buf_deinit(&l->in);
    buf_deinit(&l->body);
    mem_free(l);
}

void link_orphan(struct server *s, struct link *l)
{
    l->wire->link = NULL;
    l->wire = NULL;
    if (l->request == 0) {
        link_end(s, l);
    }
}

/* Tells the core, with the answer or without one. */
static void tell(struct server *s, struct link *l, bool answered)
{
    struct http_header headers[FRAMING_HEADERS_MAX];
    struct http_head head;
    struct mock_event event = { .kind = MOCK_EV_UPSTREAM, .request = l->request };
    struct block *raw = answered ? block_copy(l->in.data, l->framing.at) : NULL;
    if (raw != NULL) {
        framing_head(&l->framing, &l->in, headers, &head);
        event.head = &head;
        event.raw = raw;
        event.raw_head_size = l->framing.head_size;
        event.closes = !l->framing.keep_alive;
    }
    l->request = 0;
    server_event(s, &event);
    block_unref(raw);
}

/* Refused, reset, or closed: without a whole answer the request failed. */
static void lost(struct server *s, struct link *l)
{
    struct wire *w = l->wire;
    uint64_t request = l->request;
    bool whole = request != 0 && l->framing.state == FRAMING_UNTIL_CLOSE;
    if (request != 0) {
        tell(s, l, whole);
    } else if (w != NULL && !w->dead) {
        wire_close(s, w, false);
    }
    link_end(s, l);
}

static bool open_socket(struct server *s, struct link *l)
{
    int one = 1;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0) {
        return false;
    }
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = l->id };
    (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, l->fd, &ev);
    return connect(l->fd, (struct sockaddr *)&s->upstream, sizeof(s->upstream)) == 0 || errno == EINPROGRESS;
}

static void push(struct link *l)
{
    while (l->connected && l->sent != NULL && l->sent_size < l->sent->size) {
        ssize_t n = send(l->fd, l->sent->data + l->sent_size, l->sent->size - l->sent_size,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n < 0 && errno != EINTR) {
            /* What was answered before the server closed may still be read. */
            l->sent_size = l->sent->size;
            return;
        }
        l->sent_size += n > 0 ? (size_t)n : 0;
    }
}

void link_forward(struct server *s, struct wire *w, struct mock_action *a)
{
    struct link *l = w == NULL ? NULL : w->link;
    struct str method;
    struct str rest;
    if (l == NULL || l->request != 0) {
        l = mem_alloc(sizeof(*l));
        l->id = s->next_link += 2;
        l->fd = -1;
        buf_init(&l->in, IN_LIMIT);
        buf_init(&l->body, 0);
        HASH_ADD(hh, s->links, id, (unsigned)sizeof(l->id), l);
        if (w != NULL && w->link == NULL) {
            w->link = l;
            l->wire = w;
        }
    }
    block_unref(l->sent);
    l->sent = block_ref(a->raw);
    l->sent_size = 0;
    l->request = a->request;
    method = str_cut(block_str(a->raw), ' ', &rest);
    buf_clear(&l->in);
    l->framing = (struct framing){ .state = FRAMING_HEAD,
                                   .answer = true,
                                   .answer_to_head = str_equal(method, STR("HEAD")) };
    if (a->raw == NULL || (l->fd < 0 && !open_socket(s, l))) {
        lost(s, l);
        return;
    }
    push(l);
}

/* One interim answer (100 Continue) is not the answer; the client has had its own. */
static bool skip_interim(struct link *l)
{
    struct http_header headers[FRAMING_HEADERS_MAX];
    struct http_head head;
    framing_head(&l->framing, &l->in, headers, &head);
    if (head.status >= 200 || head.status == 101) {
        return false;
    }
    bool to_head = l->framing.answer_to_head;
    buf_remove_front(&l->in, l->framing.at);
    l->framing = (struct framing){ .state = FRAMING_HEAD, .answer = true, .answer_to_head = to_head };
    return true;
}

/* False: the link has ended. */
static bool take_answer(struct server *s, struct link *l)
{
    int status = framing_take(&l->framing, &l->in, &l->body);
    while (status == 0 && l->framing.state == FRAMING_DONE && skip_interim(l)) {
        status = framing_take(&l->framing, &l->in, &l->body);
    }
    if (status != 0 || l->in.failed) {
        lost(s, l);
        return false;
    }
    if (l->framing.state != FRAMING_DONE) {
        return true;
    }
    bool closes = !l->framing.keep_alive;
    tell(s, l, true);
    if (!l->dead && (closes || (l->wire == NULL && l->request == 0))) {
        link_end(s, l);
    }
    return !l->dead;
}

static void pull(struct server *s, struct link *l)
{
    for (;;) {
        char *room = buf_reserve(&l->in, READ_BYTES);
        ssize_t n = room == NULL ? -1 : recv(l->fd, room, READ_BYTES, MSG_DONTWAIT);
        if (n < 0 && room != NULL && errno == EINTR) {
            continue;
        }
        if (n < 0 && room != NULL && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            lost(s, l);
            return;
        }
        l->in.size += (size_t)n;
        if (l->request != 0 && !take_answer(s, l)) {
            return;
        }
    }
}

void link_events(struct server *s, uint64_t id, uint32_t events)
{
    struct link *l = find(s, id);
    if (l == NULL) {
        return;
    }
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 && !l->connected) {
        int error = 0;
        socklen_t size = sizeof(error);
        (void)getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            lost(s, l);
            return;
        }
        l->connected = (events & EPOLLOUT) != 0;
    }
    push(l);
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        pull(s, l);
    }
}
