/* curl multi with a list of open requests, its sockets in an epoll set of our own: what one turn costs does
 * not grow with the number of requests that wait.
 *
 * libcurl re-sends a request when a reused connection dies before the first byte of an answer.  A write that
 * leaves twice would look like a proxy's double effect, so bodies go through CURLOPT_READFUNCTION without a
 * seek callback (curl then fails instead of rewinding) and writes without a body get a connection of their
 * own. */
#include "harness/real/requests.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#define REQUESTS_ANSWER_MAX ((size_t)256 << 20)
#define REQUESTS_HEAD_MAX   ((size_t)1 << 20)
#define REQUESTS_URL        1024
#define REQUESTS_EVENTS     64

struct open_request {
    TAILQ_ENTRY(open_request) entry;
    struct requests *owner;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    size_t body_at;
    struct buf answer_head;
    struct buf answer_body;
    uint64_t tag;
    engine_answer_cb *cb;
    void *context;
    int64_t sent_ns;
    uint64_t sent_real_ns;
};

struct requests {
    CURLM *multi;
    TAILQ_HEAD(open_list, open_request) open;
    size_t open_count;
    uint64_t (*now_ns)(void *context);
    void *now_context;
    int epoll_fd;
    uint64_t timer_ns; /* when libcurl wants to be called; UINT64_MAX = on sockets only */
    bool worked;       /* the last turn found something to do */
};

static uint64_t requests_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int requests_watch(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct requests *r = context;
    struct epoll_event event = { .events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0u) |
                                           (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0u),
                                 .data.fd = fd };
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be closed by now */
        return 0;
    }
    (void)curl_multi_assign(r->multi, fd, r);
    return epoll_ctl(r->epoll_fd, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

static int requests_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct requests *r = context;
    (void)multi; /* calling libcurl from here would re-enter it */
    r->timer_ns = timeout_ms < 0 ? UINT64_MAX : requests_clock_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    return 0;
}

struct requests *requests_new(uint64_t (*now_ns)(void *context), void *context)
{
    struct requests *r = mem_alloc(sizeof(*r));
    TAILQ_INIT(&r->open);
    r->now_ns = now_ns;
    r->now_context = context;
    r->timer_ns = UINT64_MAX;
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    r->multi = curl_multi_init();
    CHECK(r->epoll_fd >= 0 && r->multi != NULL);
    (void)curl_multi_setopt(r->multi, CURLMOPT_SOCKETFUNCTION, requests_watch);
    (void)curl_multi_setopt(r->multi, CURLMOPT_SOCKETDATA, r);
    (void)curl_multi_setopt(r->multi, CURLMOPT_TIMERFUNCTION, requests_timer);
    (void)curl_multi_setopt(r->multi, CURLMOPT_TIMERDATA, r);
    return r;
}

static void request_free(struct open_request *q)
{
    TAILQ_REMOVE(&q->owner->open, q, entry);
    q->owner->open_count--;
    if (q->easy != NULL) {
        (void)curl_multi_remove_handle(q->owner->multi, q->easy);
        curl_easy_cleanup(q->easy);
    }
    curl_slist_free_all(q->headers);
    buf_deinit(&q->body);
    buf_deinit(&q->answer_head);
    buf_deinit(&q->answer_body);
    mem_free(q);
}

void requests_free(struct requests *r)
{
    if (r == NULL) {
        return;
    }
    while (!TAILQ_EMPTY(&r->open)) {
        request_free(TAILQ_FIRST(&r->open));
    }
    (void)curl_multi_cleanup(r->multi);
    (void)close(r->epoll_fd);
    mem_free(r);
}

size_t requests_open(const struct requests *r)
{
    return r->open_count;
}

static size_t request_read(char *out, size_t size, size_t count, void *context)
{
    struct open_request *q = context;
    size_t left = q->body.size - q->body_at;
    size_t part = size * count < left ? size * count : left;
    if (part > 0) {
        memcpy(out, q->body.data + q->body_at, part);
    }
    q->body_at += part;
    return part;
}

static size_t request_head(char *data, size_t size, size_t count, void *context)
{
    struct open_request *q = context;
    struct str line = str_make(data, size * count);
    if (str_starts(line, STR("HTTP/"))) {
        buf_clear(&q->answer_head); /* after a 100 Continue comes the real one */
    } else if (str_trim(line).size > 0) {
        buf_append_str(&q->answer_head, line);
    }
    return size * count;
}

static size_t request_body(char *data, size_t size, size_t count, void *context)
{
    struct open_request *q = context;
    buf_append(&q->answer_body, data, size * count);
    return q->answer_body.failed ? 0 : size * count;
}

/* A name with nothing after the colon takes away what libcurl would add by itself: what is not typed is not
 * sent, and a form is nothing that Chroma takes. */
static void request_set_headers(struct open_request *q, const char *lines)
{
    struct str rest = str_of(lines == NULL ? "" : lines);
    bool typed = false;
    q->headers = curl_slist_append(NULL, "Expect:");
    while (rest.size > 0) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        char text[512];
        if (line.size > 0 && line.size < sizeof(text)) {
            (void)snprintf(text, sizeof(text), "%.*s", STR_ARGS(line));
            q->headers = curl_slist_append(q->headers, text);
            struct str value;
            typed = typed || str_equal_nocase(str_cut(line, ':', &value), STR("content-type"));
        }
    }
    if (!typed) {
        q->headers = curl_slist_append(q->headers, "Content-Type:");
    }
}

static void request_set_body(struct open_request *q, const char *method)
{
    bool is_head = strcmp(method, "HEAD") == 0;
    if (q->body.size > 0) {
        (void)curl_easy_setopt(q->easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(q->easy, CURLOPT_READFUNCTION, request_read);
        (void)curl_easy_setopt(q->easy, CURLOPT_READDATA, q);
        (void)curl_easy_setopt(q->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.size);
    } else if (is_head) {
        (void)curl_easy_setopt(q->easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "GET") != 0) {
        (void)curl_easy_setopt(q->easy, CURLOPT_FRESH_CONNECT, 1L);
        if (strcmp(method, "DELETE") != 0) {
            (void)curl_easy_setopt(q->easy, CURLOPT_POSTFIELDS, "");
            (void)curl_easy_setopt(q->easy, CURLOPT_POSTFIELDSIZE, 0L);
        }
    }
    if (!is_head) {
        (void)curl_easy_setopt(q->easy, CURLOPT_CUSTOMREQUEST, method);
    }
}

int requests_send(struct requests *r, const char *base_url, const char *socket,
                  const struct engine_request *request, long timeout_ms, uint64_t tag, engine_answer_cb *cb,
                  void *context, struct errmsg *msg)
{
    char url[REQUESTS_URL];
    int size = snprintf(url, sizeof(url), "%s%s", base_url, request->path);
    if (size < 0 || (size_t)size >= sizeof(url)) {
        return error_set(msg, ERR_LIMIT, "a path of %zu bytes is too long", strlen(request->path));
    }
    struct open_request *q = mem_alloc(sizeof(*q));
    q->owner = r;
    TAILQ_INSERT_TAIL(&r->open, q, entry);
    r->open_count++;
    q->easy = curl_easy_init();
    if (q->easy == NULL) {
        request_free(q);
        return error_set(msg, ERR_NOMEM, "no curl handle");
    }
    buf_init(&q->body, request->body.size + 1);
    buf_init(&q->answer_head, REQUESTS_HEAD_MAX);
    buf_init(&q->answer_body, REQUESTS_ANSWER_MAX);
    buf_append_str(&q->body, request->body);
    request_set_headers(q, request->headers);
    q->tag = tag;
    q->cb = cb;
    q->context = context;
    (void)curl_easy_setopt(q->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(q->easy, CURLOPT_UNIX_SOCKET_PATH, socket);
    (void)curl_easy_setopt(q->easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(q->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(q->easy, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(q->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(q->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    (void)curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, q->headers);
    (void)curl_easy_setopt(q->easy, CURLOPT_HEADERFUNCTION, request_head);
    (void)curl_easy_setopt(q->easy, CURLOPT_HEADERDATA, q);
    (void)curl_easy_setopt(q->easy, CURLOPT_WRITEFUNCTION, request_body);
    (void)curl_easy_setopt(q->easy, CURLOPT_WRITEDATA, q);
    (void)curl_easy_setopt(q->easy, CURLOPT_PRIVATE, q);
    request_set_body(q, request->method);
    q->sent_ns = (int64_t)r->now_ns(r->now_context);
    q->sent_real_ns = requests_clock_ns();
    CURLMcode rc = curl_multi_add_handle(r->multi, q->easy);
    if (rc != CURLM_OK) {
        request_free(q);
        return error_set(msg, ERR_IO, "curl: %s", curl_multi_strerror(rc));
    }
    return 0;
}

static enum op_outcome request_outcome(CURLcode rc)
{
    if (rc == CURLE_OK) {
        return OP_ANSWERED;
    }
    if (rc == CURLE_COULDNT_CONNECT) {
        return OP_CONN_REFUSED;
    }
    return rc == CURLE_OPERATION_TIMEDOUT ? OP_TIMED_OUT : OP_CONN_BROKEN;
}

static void request_over(struct open_request *q, CURLcode rc)
{
    long status = 0;
    (void)curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
    struct engine_answer answer = {
        .outcome = request_outcome(rc),
        .status = rc == CURLE_OK ? (int)status : 0,
        .headers = buf_str(&q->answer_head),
        .body = buf_str(&q->answer_body),
        .sent_ns = q->sent_ns,
        .done_ns = (int64_t)q->owner->now_ns(q->owner->now_context),
        .took_ns = requests_clock_ns() - q->sent_real_ns,
    };
    q->cb(q->context, q->tag, &answer);
    request_free(q);
}

static CURLMcode requests_timeout(struct requests *r)
{
    int running = 0;
    if (r->timer_ns > requests_clock_ns()) {
        return CURLM_OK;
    }
    r->timer_ns = UINT64_MAX;
    r->worked = true;
    return curl_multi_socket_action(r->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* wait_ms: not beyond libcurl's own timer. */
static CURLMcode requests_sockets(struct requests *r, int wait_ms)
{
    struct epoll_event events[REQUESTS_EVENTS];
    CURLMcode rc = CURLM_OK;
    if (wait_ms > 0 && r->timer_ns != UINT64_MAX) {
        uint64_t now_ns = requests_clock_ns();
        uint64_t timer_ms = r->timer_ns > now_ns ? (r->timer_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
        wait_ms = timer_ms < (uint64_t)wait_ms ? (int)timer_ms : wait_ms;
    }
    int count = epoll_wait(r->epoll_fd, events, REQUESTS_EVENTS, wait_ms);
    for (int i = 0; i < count && rc == CURLM_OK; i++) {
        int running = 0;
        int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        rc = curl_multi_socket_action(r->multi, events[i].data.fd, what, &running);
    }
    r->worked = r->worked || count > 0;
    return rc;
}

int requests_turn(struct requests *r, int wait_ms, struct errmsg *msg)
{
    r->worked = false;
    CURLMcode rc = requests_timeout(r);
    rc = rc != CURLM_OK ? rc : requests_sockets(r, r->worked ? 0 : wait_ms);
    rc = rc != CURLM_OK ? rc : requests_timeout(r);
    if (rc != CURLM_OK) {
        return error_set(msg, ERR_IO, "curl: %s", curl_multi_strerror(rc));
    }
    CURLMsg *over;
    int left;
    while ((over = curl_multi_info_read(r->multi, &left)) != NULL) {
        if (over->msg == CURLMSG_DONE) {
            struct open_request *q = NULL;
            (void)curl_easy_getinfo(over->easy_handle, CURLINFO_PRIVATE, (char **)&q);
            request_over(q, over->data.result);
        }
    }
    return 0;
}

bool requests_worked(const struct requests *r)
{
    return r->worked;
}

uint64_t requests_deadline(const struct requests *r)
{
    return r->timer_ns;
}
