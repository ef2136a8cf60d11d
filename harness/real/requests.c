/* curl multi with a list of open requests.
 *
 * libcurl re-sends a request when a reused connection dies before the first byte of an answer.  A write that
 * leaves twice would look like a proxy's double effect, so bodies go through CURLOPT_READFUNCTION without a
 * seek callback (curl then fails instead of rewinding) and writes without a body get a connection of their
 * own. */
#include "harness/real/requests.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/units.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#define REQUESTS_ANSWER_MAX ((size_t)256 << 20)
#define REQUESTS_HEAD_MAX   ((size_t)1 << 20)
#define REQUESTS_URL        1024

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
};

static uint64_t requests_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

struct requests *requests_new(uint64_t (*now_ns)(void *context), void *context)
{
    struct requests *r = mem_alloc(sizeof(*r));
    TAILQ_INIT(&r->open);
    r->now_ns = now_ns;
    r->now_context = context;
    r->multi = curl_multi_init();
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

static void request_set_headers(struct open_request *q, const char *lines)
{
    struct str rest = str_of(lines == NULL ? "" : lines);
    q->headers = curl_slist_append(NULL, "Expect:");
    while (rest.size > 0) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        char text[512];
        if (line.size > 0 && line.size < sizeof(text)) {
            (void)snprintf(text, sizeof(text), "%.*s", STR_ARGS(line));
            q->headers = curl_slist_append(q->headers, text);
        }
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

int requests_turn(struct requests *r, int wait_ms, struct errmsg *msg)
{
    int running = 0;
    CURLMcode rc = curl_multi_perform(r->multi, &running);
    if (rc == CURLM_OK && wait_ms > 0) {
        rc = curl_multi_poll(r->multi, NULL, 0, wait_ms, NULL);
    }
    if (rc == CURLM_OK) {
        rc = curl_multi_perform(r->multi, &running);
    }
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

uint64_t requests_idle_ns(struct requests *r)
{
    int ready = 0;
    long timeout_ms = -1;
    (void)curl_multi_timeout(r->multi, &timeout_ms);
    if (timeout_ms == 0 || curl_multi_poll(r->multi, NULL, 0, 0, &ready) != CURLM_OK || ready > 0) {
        return 0;
    }
    return timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * NS_PER_MS;
}
