/* libmicrohttpd with a thread for each port; a request is suspended while its owner has it.
 *
 * How it fails: a body beyond the bound is answered 413; what still waits when the observer stops is closed
 * without an answer. */
#include "harness/desk/observer.h"

#include "base/check.h"
#include "base/http_head.h"
#include "base/memory.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define OBSERVER_BODY    ((size_t)48 << 20)
#define OBSERVER_HEADERS ((size_t)64 << 10)
#define OBSERVER_LINES   64
#define OBSERVER_TOO_BIG 413

struct observer_server {
    struct observer *owner;
    unsigned port;
    struct MHD_Daemon *daemon;
    unsigned listens;
};

struct observer {
    struct observer_server servers[OBSERVER_PORTS];
    pthread_mutex_t mutex;
    struct observer_call *first, *last; /* waiting to be taken */
    bool stopping;
};

/* ---- a request comes ---- */

static bool is_of_connection(struct str name)
{
    return http_header_is_hop_by_hop(name) || str_equal_nocase(name, STR("content-length")) ||
           str_equal_nocase(name, STR("expect")) || str_equal_nocase(name, STR("host"));
}

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct buf *lines = context;
    (void)kind;
    if (!is_of_connection(str_of(key))) {
        buf_printf(lines, "%s: %s\r\n", key, value == NULL ? "" : value);
    }
    return MHD_YES;
}

/* The path as it was sent, before anything is decoded. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    const struct observer_server *server = context;
    struct observer_call *call = mem_alloc(sizeof(*call));
    call->port = server->port;
    call->owner = server->owner;
    call->connection = connection;
    call->path = mem_strdup(uri);
    buf_init(&call->headers, OBSERVER_HEADERS);
    buf_init(&call->body, OBSERVER_BODY);
    buf_init(&call->answer_headers, OBSERVER_HEADERS);
    buf_init(&call->answer_body, (size_t)1 << 30);
    return call;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct observer_call *call = *state;
    (void)context;
    (void)connection;
    (void)code;
    if (call == NULL) {
        return;
    }
    mem_free(call->method);
    mem_free(call->path);
    buf_deinit(&call->headers);
    buf_deinit(&call->body);
    buf_deinit(&call->answer_headers);
    buf_deinit(&call->answer_body);
    mem_free(call);
    *state = NULL;
}

static enum MHD_Result respond(struct MHD_Connection *connection, struct observer_call *call)
{
    struct http_header lines[OBSERVER_LINES];
    struct MHD_Response *response = MHD_create_response_from_buffer(
        call->answer_body.size, call->answer_body.data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    size_t count = http_headers_parse(buf_str(&call->answer_headers), lines, OBSERVER_LINES);
    for (size_t i = 0; i < count; i++) {
        if (is_of_connection(lines[i].name)) {
            continue;
        }
        char *name = mem_strndup(lines[i].name.data, lines[i].name.size);
        char *value = mem_strndup(lines[i].value.size == 0 ? "" : lines[i].value.data, lines[i].value.size);
        (void)MHD_add_response_header(response, name, value); /* one that it refuses is left out */
        mem_free(name);
        mem_free(value);
    }
    enum MHD_Result rv = MHD_queue_response(connection, (unsigned)call->status, response);
    MHD_destroy_response(response);
    return rv;
}

/* Waits for its owner from here on, unless nobody will come any more. */
static enum MHD_Result park(struct MHD_Connection *connection, struct observer_call *call)
{
    struct observer *o = call->owner;
    (void)pthread_mutex_lock(&o->mutex);
    bool stopping = o->stopping;
    if (!stopping) {
        MHD_suspend_connection(connection);
        if (o->last == NULL) {
            o->first = call;
        } else {
            o->last->next = call;
        }
        o->last = call;
    }
    (void)pthread_mutex_unlock(&o->mutex);
    return stopping ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **state)
{
    struct observer_call *call = *state;
    (void)context;
    (void)url;
    (void)version;
    if (call->method == NULL) {
        call->method = mem_strdup(method);
        (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, &call->headers);
        return MHD_YES;
    }
    if (*size > 0) {
        buf_append(&call->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (call->body.failed || call->headers.failed) {
        call->status = OBSERVER_TOO_BIG;
        return respond(connection, call);
    }
    if (!call->answered) {
        return park(connection, call);
    }
    return call->broken ? MHD_NO : respond(connection, call);
}

static size_t keep_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* ---- its owner ---- */

static bool start_server(struct observer *o, unsigned port)
{
    struct observer_server *server = &o->servers[port];
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    *server = (struct observer_server){ .owner = o, .port = port };
    server->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL,
                         NULL, on_request, server, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&here,
                         MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_UNESCAPE_CALLBACK,
                         keep_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        server->daemon == NULL ? NULL : MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    server->listens = info == NULL ? 0 : info->port;
    return server->listens != 0;
}

struct observer *observer_start(struct errmsg *msg)
{
    struct observer *o = mem_alloc(sizeof(*o));
    (void)pthread_mutex_init(&o->mutex, NULL);
    for (unsigned port = 0; port < OBSERVER_PORTS; port++) {
        if (!start_server(o, port)) {
            (void)error_set(msg, ERR_IO, "no port of loopback to observe on");
            observer_stop(o);
            return NULL;
        }
    }
    return o;
}

unsigned observer_port(const struct observer *o, unsigned port)
{
    CHECK(port < OBSERVER_PORTS);
    return o->servers[port].listens;
}

struct observer_call *observer_take(struct observer *o)
{
    (void)pthread_mutex_lock(&o->mutex);
    struct observer_call *call = o->first;
    if (call != NULL) {
        o->first = call->next;
        o->last = o->first == NULL ? NULL : o->last;
        call->next = NULL;
    }
    (void)pthread_mutex_unlock(&o->mutex);
    return call;
}

static void finish(struct observer_call *call)
{
    call->answered = true;
    MHD_resume_connection(call->connection); /* from here on it is the server's */
}

void observer_answer(struct observer_call *call, int status, struct str headers, struct str body)
{
    call->status = status;
    buf_append_str(&call->answer_headers, headers);
    buf_append_str(&call->answer_body, body);
    call->broken = call->answer_body.failed;
    finish(call);
}

void observer_break(struct observer_call *call)
{
    call->broken = true;
    finish(call);
}

void observer_stop(struct observer *o)
{
    struct observer_call *call;
    (void)pthread_mutex_lock(&o->mutex);
    o->stopping = true;
    (void)pthread_mutex_unlock(&o->mutex);
    while ((call = observer_take(o)) != NULL) {
        observer_break(call);
    }
    for (unsigned port = 0; port < OBSERVER_PORTS; port++) {
        if (o->servers[port].daemon != NULL) {
            MHD_stop_daemon(o->servers[port].daemon);
        }
    }
    (void)pthread_mutex_destroy(&o->mutex);
    mem_free(o);
}
