/* HTTP towards the browser: a table of files, one document to read.
 *
 * Whatever asks under another name than localhost or an address is refused, no answer may be read by a page
 * of another origin, and the page itself may talk to nobody else (its Content-Security-Policy).  A request
 * that is too large is told so and cut off; a client that neither sends nor reads is left after a while. */
#include "harness/console/internal.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/console/guard.h"
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

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* See cmake/Embed.cmake. */
extern const unsigned char console_page[], console_style[], console_live[], console_script[];
extern const size_t console_page_size, console_style_size, console_live_size, console_script_size;

static const struct file {
    const char *path, *type;
    const char *part; /* one that the reports have, too (reports/template.h); NULL: our own */
    const unsigned char *bytes;
    const size_t *size;
} files[] = {
    { "/", "text/html; charset=utf-8", NULL, console_page, &console_page_size },
    { "/console.css", "text/css; charset=utf-8", NULL, console_style, &console_style_size },
    { "/live.js", "text/javascript; charset=utf-8", NULL, console_live, &console_live_size },
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

static enum MHD_Result front_live(struct console *c, struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "from");
    uint64_t from = 0;
    if (text != NULL && units_parse_u64(str_of(text), &from, NULL) != 0) {
        return front_refuse(connection, MHD_HTTP_BAD_REQUEST, "from is the number of a sample", NULL);
    }
    struct buf out;
    buf_init(&out, 2 * CONSOLE_DOCUMENT);
    (void)pthread_mutex_lock(&c->lock);
    live_write(c, from, &out);
    (void)pthread_mutex_unlock(&c->lock);
    enum MHD_Result result =
        out.failed ? front_refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the answer is too large", NULL)
                   : front_answer(connection, MHD_HTTP_OK, "application/json", buf_str(&out), true, NULL);
    buf_deinit(&out);
    return result;
}

/* --- requests ------------------------------------------------------------------------------------------- */

static const struct file *front_file(const char *path)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (strcmp(files[i].path, path) == 0) {
            return &files[i];
        }
    }
    return NULL;
}

static enum MHD_Result front_request(void *context, struct MHD_Connection *connection, const char *path,
                                     const char *method, const char *version, const char *data, size_t *size,
                                     void **request)
{
    struct console *c = context;
    static char begun;
    (void)version;
    (void)data;
    if (*request == NULL) {
        *request = &begun; /* answered at once, libmicrohttpd would close the connection */
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0; /* nothing here reads a body */
        return MHD_YES;
    }
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    bool live = strcmp(path, "/api/live") == 0;
    const struct file *file = front_file(path);
    if (!guard_host(str_of(host))) {
        return front_refuse(connection, MHD_HTTP_FORBIDDEN,
                            "this page is served to localhost and to addresses, not to a name", NULL);
    }
    if (file == NULL && !live) {
        return front_refuse(connection, MHD_HTTP_NOT_FOUND, "there is nothing here", NULL);
    }
    if (!reads) {
        return front_refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "this can only be read", "GET, HEAD");
    }
    if (live) {
        return front_live(c, connection);
    }
    struct str bytes =
        file->part != NULL ? template_part(file->part) : str_make((const char *)file->bytes, *file->size);
    return front_answer(connection, MHD_HTTP_OK, file->type, bytes, false, NULL);
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
    int fd;
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
                         FRONT_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, FRONT_IDLE_S, MHD_OPTION_END);
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
