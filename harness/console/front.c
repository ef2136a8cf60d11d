/* HTTP towards the browser: a table of files, and one of what can be read and done.
 *
 * Whatever asks under another name than localhost or an address is refused, no answer may be read by a page
 * of another origin, and the page itself may talk to nobody else (its Content-Security-Policy).  A request
 * that is too large is told so and cut off; a client that neither sends nor reads is left after a while. */
#include "harness/console/internal.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/console/guard.h"
#include "harness/console/guide.h"
#include "reports/template.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRONT_BACKLOG     64
#define FRONT_CONNECTIONS 64U
#define FRONT_IDLE_S      20U
#define FRONT_BODY        ((size_t)1 << 20)
#define FRONT_PATIENCE    ((uint64_t)16 << 20) /* bytes of a body that is refused */
#define FRONT_PATH        96

static const char too_large[] = "the request is larger than 1 MiB";
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* See cmake/Embed.cmake. */
extern const unsigned char console_page[], console_style[], console_live[], console_served[], console_act[],
    console_runbook[], console_script[];
extern const size_t console_page_size, console_style_size, console_live_size, console_served_size,
    console_act_size, console_runbook_size, console_script_size;

static const struct file {
    const char *path, *type;
    const char *part; /* one that the reports have, too (reports/template.h); NULL: our own */
    const unsigned char *bytes;
    const size_t *size;
} files[] = {
    { "/", "text/html; charset=utf-8", NULL, console_page, &console_page_size },
    { "/console.css", "text/css; charset=utf-8", NULL, console_style, &console_style_size },
    { "/act.js", "text/javascript; charset=utf-8", NULL, console_act, &console_act_size },
    { "/guide.js", "text/javascript; charset=utf-8", NULL, console_runbook, &console_runbook_size },
    { "/live.js", "text/javascript; charset=utf-8", NULL, console_live, &console_live_size },
    { "/served.js", "text/javascript; charset=utf-8", NULL, console_served, &console_served_size },
    { "/console.js", "text/javascript; charset=utf-8", NULL, console_script, &console_script_size },
    { "/uplot.css", "text/css; charset=utf-8", "uplot_style", NULL, NULL },
    { "/page.css", "text/css; charset=utf-8", "page_style", NULL, NULL },
    { "/uplot.js", "text/javascript; charset=utf-8", "uplot_script", NULL, NULL },
    { "/dom.js", "text/javascript; charset=utf-8", "page_dom", NULL, NULL },
    { "/charts.js", "text/javascript; charset=utf-8", "page_charts", NULL, NULL },
    { "/lanes.js", "text/javascript; charset=utf-8", "page_lanes", NULL, NULL },
    { "/timeline.js", "text/javascript; charset=utf-8", "page_timeline", NULL, NULL },
};

/* --- answers -------------------------------------------------------------------------------------------- */

static enum MHD_Result front_answer(struct MHD_Connection *connection, unsigned status, const char *type,
                                    struct str body, bool copy, const char *allow)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.size, (void *)(uintptr_t)body.data, copy ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", type);
    (void)MHD_add_response_header(response, "Content-Security-Policy", policy);
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    (void)MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    (void)MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    if (allow != NULL) {
        (void)MHD_add_response_header(response, "Allow", allow);
    }
    if (status == MHD_HTTP_UNAUTHORIZED) {
        (void)MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* {"error": "why, in words"} */
static enum MHD_Result front_refuse(struct MHD_Connection *connection, unsigned status, const char *words,
                                    const char *allow)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, CONSOLE_DOCUMENT);
    json_writer_init(&w, &out, 0);
    json_object_begin(&w);
    json_pair_text(&w, "error", words);
    json_object_end(&w);
    enum MHD_Result result = front_answer(connection, status, "application/json", buf_str(&out), true, allow);
    buf_deinit(&out);
    return result;
}

/* What another side has answered, or why nothing was done. */
static enum MHD_Result front_outcome(struct MHD_Connection *connection, unsigned status, struct buf *out,
                                     const struct errmsg *msg)
{
    enum MHD_Result result;
    if (status != MHD_HTTP_OK) {
        result = front_refuse(connection, status, msg->text, NULL);
    } else if (out->failed) {
        result = front_refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the answer is too large", NULL);
    } else {
        struct str body = out->size == 0 ? STR("{}") : buf_str(out);
        result = front_answer(connection, MHD_HTTP_OK, "application/json", body, true, NULL);
    }
    buf_deinit(out);
    return result;
}

/* --- what there is besides files ------------------------------------------------------------------------ */

static enum MHD_Result front_live(struct console *c, struct MHD_Connection *connection, struct str rest,
                                  struct str body)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "from");
    struct errmsg msg = { "from is the number of a sample" };
    struct buf out;
    uint64_t from = 0;
    (void)rest;
    (void)body;
    buf_init(&out, 2 * CONSOLE_DOCUMENT);
    if (text != NULL && units_parse_u64(str_of(text), &from, NULL) != 0) {
        return front_outcome(connection, MHD_HTTP_BAD_REQUEST, &out, &msg);
    }
    (void)pthread_mutex_lock(&c->lock);
    live_write(c, from, &out);
    (void)pthread_mutex_unlock(&c->lock);
    return front_outcome(connection, MHD_HTTP_OK, &out, &msg);
}

static enum MHD_Result front_guide(struct console *c, struct MHD_Connection *connection, struct str rest,
                                   struct str body)
{
    struct buf out;
    (void)c;
    (void)rest;
    (void)body;
    buf_init(&out, CONSOLE_DOCUMENT);
    guide_write(&out);
    return front_outcome(connection, MHD_HTTP_OK, &out, NULL);
}

static enum MHD_Result front_menu(struct console *c, struct MHD_Connection *connection, struct str rest,
                                  struct str body)
{
    struct buf out;
    (void)c;
    (void)rest;
    (void)body;
    buf_init(&out, CONSOLE_DOCUMENT);
    order_menu(&out);
    return front_outcome(connection, MHD_HTTP_OK, &out, NULL);
}

/* rest: "/17", one of them with its body; empty: the list */
static enum MHD_Result front_letters(struct console *c, struct MHD_Connection *connection, struct str rest,
                                     struct str body)
{
    char path[FRONT_PATH];
    uint64_t lsn;
    struct errmsg msg = { "a dead letter is called by its number" };
    struct buf out;
    (void)body;
    buf_init(&out, CONSOLE_DOCUMENT);
    if (rest.size > 0 && units_parse_u64(str_make(rest.data + 1, rest.size - 1), &lsn, NULL) != 0) {
        return front_outcome(connection, MHD_HTTP_BAD_REQUEST, &out, &msg);
    }
    (void)snprintf(path, sizeof(path), "/admin/dead-letters%.*s", STR_ARGS(rest));
    return front_outcome(connection, act_look(c, path, &out, &msg), &out, &msg);
}

static enum MHD_Result front_act(struct console *c, struct MHD_Connection *connection, struct str rest,
                                 struct str body)
{
    struct order order;
    struct errmsg msg = { "" };
    struct buf out;
    (void)rest;
    buf_init(&out, CONSOLE_DOCUMENT);
    unsigned status = MHD_HTTP_BAD_REQUEST;
    if (order_read(body, act_lease_ns(c), &order, &msg) == 0) {
        status = act_do(c, &order, &out, &msg);
    }
    order_deinit(&order);
    return front_outcome(connection, status, &out, &msg);
}

static const struct route {
    const char *path;
    bool longer;     /* a part of the path may follow */
    bool of_console; /* only there with a token, which it wants shown if it is guarded */
    bool guarded;
    bool acts; /* POST; the others are read */
    enum MHD_Result (*answer)(struct console *c, struct MHD_Connection *connection, struct str rest,
                              struct str body);
} routes[] = {
    { "/api/live", false, false, false, false, front_live },
    { "/api/guide", false, false, false, false, front_guide },
    { "/api/menu", false, true, false, false, front_menu },
    { "/api/letters", true, true, true, false, front_letters }, /* they hold what clients have sent */
    { "/api/act", false, true, true, true, front_act },
};

/* --- requests ------------------------------------------------------------------------------------------- */

/* One request; allocated when its head is there. */
struct call {
    const struct file *file; /* one of these two, or none */
    const struct route *route;
    struct str rest; /* of the path, behind the route's */
    struct buf body;
    uint64_t received; /* bytes of the body */
    unsigned refused;  /* 0, or the status to answer with once the body is through */
    const char *words, *allow;
};

static const struct file *front_file(const char *path)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (strcmp(files[i].path, path) == 0) {
            return &files[i];
        }
    }
    return NULL;
}

static const struct route *front_route(const struct console *c, const char *path, struct str *rest)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        size_t size = strlen(routes[i].path);
        *rest = str_of(strncmp(path, routes[i].path, size) == 0 ? path + size : "?");
        bool fits = rest->size == 0 || (routes[i].longer && rest->data[0] == '/');
        if (fits && (c->setup.token != NULL || !routes[i].of_console)) {
            return &routes[i];
        }
    }
    return NULL;
}

static const char *front_header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* What is wrong with a request before its body is read; 0: nothing. */
static unsigned front_judge(const struct console *c, struct MHD_Connection *connection, const char *method,
                            struct call *call)
{
    bool acts = call->route != NULL && call->route->acts;
    bool fits =
        acts ? strcmp(method, "POST") == 0 : strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (!guard_host(str_of(front_header(connection, "Host")))) {
        call->words = "this page is served to localhost and to addresses, not to a name";
        return MHD_HTTP_FORBIDDEN;
    }
    if (call->file == NULL && call->route == NULL) {
        call->words = "there is nothing here";
        return MHD_HTTP_NOT_FOUND;
    }
    if (!fits) {
        call->words = acts ? "this is for acting: POST" : "this can only be read";
        call->allow = acts ? "POST" : "GET, HEAD";
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    if (call->route != NULL && call->route->guarded &&
        !guard_token(str_of(c->setup.token), str_of(front_header(connection, "Authorization")))) {
        call->words = "this wants the console's token: open the address that waldrill up has printed";
        return MHD_HTTP_UNAUTHORIZED;
    }
    return 0;
}

static enum MHD_Result front_begin(struct console *c, struct MHD_Connection *connection, const char *path,
                                   const char *method, void **request)
{
    struct call *call = mem_alloc(sizeof(*call));
    *request = call;
    call->file = front_file(path);
    call->route = front_route(c, path, &call->rest);
    buf_init(&call->body, FRONT_BODY);
    call->refused = front_judge(c, connection, method, call);
    return MHD_YES;
}

/* A body that is refused, or grows too large, is read on a while and thrown away: who is cut off while
 * sending never reads why. */
static enum MHD_Result front_receive(struct call *call, const char *data, size_t *size)
{
    call->received += *size;
    if (call->refused == 0) {
        buf_append(&call->body, data, *size);
        if (call->body.failed) {
            call->refused = MHD_HTTP_CONTENT_TOO_LARGE;
            call->words = too_large;
        }
    }
    *size = 0;
    return call->received > FRONT_PATIENCE ? MHD_NO : MHD_YES;
}

static enum MHD_Result front_request(void *context, struct MHD_Connection *connection, const char *path,
                                     const char *method, const char *version, const char *data, size_t *size,
                                     void **request)
{
    struct console *c = context;
    struct call *call = *request;
    (void)version;
    if (call == NULL) {
        return front_begin(c, connection, path, method, request);
    }
    if (*size > 0) {
        return front_receive(call, data, size);
    }
    if (call->refused != 0) {
        return front_refuse(connection, call->refused, call->words, call->allow);
    }
    if (call->route != NULL) {
        return call->route->answer(c, connection, call->rest, buf_str(&call->body));
    }
    const struct file *file = call->file;
    struct str bytes =
        file->part != NULL ? template_part(file->part) : str_make((const char *)file->bytes, *file->size);
    return front_answer(connection, MHD_HTTP_OK, file->type, bytes, false, NULL);
}

static void front_completed(void *context, struct MHD_Connection *connection, void **request,
                            enum MHD_RequestTerminationCode code)
{
    struct call *call = *request;
    (void)context;
    (void)connection;
    (void)code;
    if (call != NULL) {
        buf_deinit(&call->body);
        mem_free(call);
        *request = NULL;
    }
}

/* --- opening and closing -------------------------------------------------------------------------------- */

static int front_bind(const char *address, unsigned port, int *fd, unsigned *bound, struct errmsg *msg)
{
    struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    socklen_t size = sizeof(place);
    int one = 1;
    if (inet_pton(AF_INET, address, &place.sin_addr) != 1) {
        return error_set(msg, ERR_INVALID, "\"%s\" is no IPv4 address; write 127.0.0.1 or 0.0.0.0", address);
    }
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s >= 0) {
        (void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (s < 0 || bind(s, (struct sockaddr *)&place, sizeof(place)) != 0 || listen(s, FRONT_BACKLOG) != 0) {
        int why = errno;
        if (s >= 0) {
            (void)close(s);
        }
        return error_set(msg, why == EADDRINUSE ? ERR_BUSY : ERR_IO,
                         "the page cannot listen on %s port %u: %s", address, port, strerror(why));
    }
    (void)getsockname(s, (struct sockaddr *)&place, &size);
    *fd = s;
    *bound = ntohs(place.sin_port);
    return 0;
}

int front_open(struct console *c, struct errmsg *msg)
{
    int fd = -1;
    int rv = front_bind(c->setup.address, c->setup.port, &fd, &c->port, msg);
    if (rv == ERR_BUSY && c->setup.port_or_any) {
        rv = front_bind(c->setup.address, 0, &fd, &c->port, msg);
    }
    if (rv != 0) {
        return rv;
    }
    c->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL,
                         front_request, c, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                         FRONT_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, FRONT_IDLE_S,
                         MHD_OPTION_NOTIFY_COMPLETED, front_completed, NULL, MHD_OPTION_END);
    if (c->daemon == NULL) {
        (void)close(fd);
        return error_set(msg, ERR_IO, "libmicrohttpd does not start");
    }
    return 0;
}

void front_close(struct console *c)
{
    MHD_stop_daemon(c->daemon);
}
