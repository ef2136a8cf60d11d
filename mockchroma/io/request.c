/* libmicrohttpd's side of a request: collecting it, handing it to the core, and queueing the answer.
 *
 * The raw target is taken from the URI log callback, because the url argument is already decoded.
 * An answer that the core gives at once is queued inside the handler; otherwise the connection is
 * suspended until it comes.  Header names go out in lower case, as Chroma writes them, but for the one
 * that libmicrohttpd insists on writing itself: Content-Length. */
#include "mockchroma/io/server_internal.h"
#include "base/http_head.h"
#include "base/memory.h"
#include "base/units.h"
#include <stdio.h>
#include <time.h>

#define HEADERS_MAX 128

struct wire *request_wire(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

void *request_begin(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct server *s = context;
    struct wire *w = request_wire(connection);
    struct exchange *e = mem_alloc(sizeof(*e));
    e->target = mem_strdup(uri);
    buf_init(&e->body, (size_t)s->max_body_bytes + 1);
    if (w != NULL) {
        w->exchange = e;
    }
    return e;
}

void request_completed(void *context, struct MHD_Connection *connection, void **request_context,
                       enum MHD_RequestTerminationCode code)
{
    struct exchange *e = *request_context;
    struct wire *w = request_wire(connection);
    (void)context;
    (void)code;
    if (e == NULL) {
        return;
    }
    if (w != NULL && w->exchange == e) {
        w->exchange = NULL;
    }
    if (e->response != NULL) {
        MHD_destroy_response(e->response);
    }
    buf_deinit(&e->body);
    mem_free(e->target);
    mem_free(e);
    *request_context = NULL;
}

/* ---- the request ---- */

struct header_list {
    struct http_header items[HEADERS_MAX];
    size_t count;
};

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct header_list *list = context;
    (void)kind;
    if (list->count < HEADERS_MAX) {
        list->items[list->count++] =
            (struct http_header){ str_of(key), value == NULL ? STR("") : str_of(value) };
    }
    return MHD_YES;
}

/* "http://host/path" is the same as "/path". */
static struct str origin_form(const char *target)
{
    struct str t = str_of(target);
    if (t.size > 0 && t.data[0] != '/') {
        const char *scheme = strstr(target, "://");
        const char *path = scheme == NULL ? NULL : strchr(scheme + 3, '/');
        if (path != NULL) {
            return str_of(path);
        }
    }
    return t;
}

static void submit(struct server *s, struct wire *w, const char *method)
{
    struct exchange *e = w->exchange;
    struct header_list list = { .count = 0 };
    (void)MHD_get_connection_values(w->connection, MHD_HEADER_KIND, take_header, &list);
    struct http_head head = { .method = str_of(method),
                              .target = origin_form(e->target),
                              .headers = list.items,
                              .header_count = list.count,
                              .content_length = (int64_t)e->body.size };
    struct block *body = e->body.size == 0 ? NULL : block_from_buf(&e->body);
    e->submitted = true;
    e->request = ++s->next_request;
    buf_deinit(&e->body);
    server_event(
        s, &(struct mock_event){
               .kind = MOCK_EV_REQUEST, .conn = w->id, .request = e->request, .head = &head, .body = body });
    block_unref(body);
}

static void collect(const struct server *s, struct exchange *e, const char *data, size_t size)
{
    /* One byte above the limit is enough for the core to see that it is too much. */
    size_t room = (size_t)s->max_body_bytes + 1 - e->body.size;
    buf_append(&e->body, data, size < room ? size : room);
}

enum MHD_Result request_handle(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **request_context)
{
    struct server *s = context;
    struct wire *w = request_wire(connection);
    struct exchange *e = *request_context;
    (void)url;
    (void)version;
    if (w == NULL || e == NULL || w->doomed) {
        return MHD_NO;
    }
    if (*upload_data_size > 0) {
        e->begun = true;
        collect(s, e, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return MHD_YES;
    }
    if (!e->submitted) {
        if (!e->begun) {
            e->begun = true;
            return MHD_YES;
        }
        submit(s, w, method);
    }
    if (w->doomed) {
        return MHD_NO;
    }
    if (e->response != NULL && !e->answered) {
        e->answered = true;
        return MHD_queue_response(connection, (unsigned)e->status, e->response);
    }
    w->suspended = true;
    MHD_suspend_connection(connection);
    if (w->peer_gone) {
        server_tell_closed(s, w);
    }
    return MHD_YES;
}

/* ---- the answer ---- */

static void free_block(void *context)
{
    block_unref(context);
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

/* Never called: libmicrohttpd sends no body to HEAD. */
static ssize_t no_bytes(void *context, uint64_t position, char *out, size_t size)
{
    (void)context;
    (void)position;
    (void)out;
    (void)size;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *make_body(struct mock_action *a, uint64_t length)
{
    struct str body = block_str(a->body);
    union {
        const char *from;
        char *to;
    } bytes = { .from = body.size == 0 ? "" : body.data };
    if (body.size == 0 && length > 0) {
        return MHD_create_response_from_callback(length, 1024, no_bytes, NULL, NULL);
    }
    struct MHD_Response *r =
        MHD_create_response_from_buffer_with_free_callback_cls(body.size, bytes.to, free_block, a->body);
    a->body = r == NULL ? a->body : NULL; /* the response owns it */
    return r;
}

static struct MHD_Response *make_response(struct server *s, struct mock_action *a)
{
    struct http_header list[HEADERS_MAX];
    uint64_t length = 0;
    size_t count = http_headers_parse(block_str(a->headers), list, HEADERS_MAX);
    (void)units_parse_u64(http_header_find(list, count, "content-length"), &length, NULL);
    struct MHD_Response *r = make_body(a, length);
    for (size_t i = 0; r != NULL && i < count; i++) {
        char name[64];
        char value[512];
        if (str_equal(list[i].name, STR("content-length"))) {
            continue;
        }
        (void)snprintf(name, sizeof(name), "%.*s", STR_ARGS(list[i].name));
        (void)snprintf(value, sizeof(value), "%.*s", STR_ARGS(list[i].value));
        (void)MHD_add_response_header(r, name, value);
    }
    if (r != NULL) {
        (void)MHD_add_response_header(r, "date", date_text(s));
    }
    return r;
}

void request_respond(struct server *s, struct wire *w, struct mock_action *a)
{
    struct exchange *e = w->exchange;
    if (e == NULL || e->request != a->request || e->response != NULL || w->raw) {
        return; /* the request is gone */
    }
    if (a->cut_after >= 0 || a->then != MOCK_KEEP || a->bytes_per_second > 0) {
        raw_start(s, w, a);
        return;
    }
    e->response = make_response(s, a);
    e->status = a->status;
    if (e->response == NULL) {
        server_close_wire(s, w, true);
        return;
    }
    server_resume(s, w);
}
