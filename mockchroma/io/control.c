/* One table of routes; each handler fills a JSON answer.  Requests are answered inside the handler: a
 * controller never waits for the server it controls. */
#include "mockchroma/io/control.h"
#include "base/digest.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/units.h"
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_LIMIT   ((size_t)1024 * 1024)
#define ANSWER_LIMIT ((size_t)2 * 1024 * 1024 * 1024)

struct control {
    struct MHD_Daemon *daemon;
    struct mock *mock;
    struct server *server;
    struct journal_log *journal;
    uint16_t port;
    int epoll_fd;
    enum mock_restart pending; /* what a kill said about its restart */
    uint64_t pending_lost_ns;
};

struct call {
    struct control *control;
    struct MHD_Connection *connection;
    struct str body;
    uint64_t id; /* of /faults/{id} */
    struct buf out;
    int status;
    const char *type;
};

static void fail(struct call *c, int status, const char *message)
{
    struct json_writer w;
    buf_clear(&c->out);
    json_writer_init(&w, &c->out, 0);
    json_object_begin(&w);
    json_pair_text(&w, "error", message);
    json_object_end(&w);
    c->status = status;
}

static void fail_code(struct call *c, int code, const struct errmsg *msg)
{
    fail(c, code == ERR_NOT_FOUND ? 404 : code == ERR_STATE ? 409 : 400, msg->text);
}

/* ---- faults ---- */

static void add_fault(struct call *c)
{
    struct errmsg msg = { "" };
    struct mock *mock = c->control->mock;
    uint64_t now = server_now_ns();
    uint64_t first;
    uint64_t ignored;
    uint64_t count = 1;
    struct str body = str_trim(c->body);
    bool list = body.size > 0 && body.data[0] == '[';
    int rc = list ? mock_fault_add_all(mock, now, body, &first, &count, &msg)
                  : mock_fault_add(mock, now, body, &first, &ignored, &msg);
    if (rc != 0) {
        fail_code(c, rc, &msg);
        return;
    }
    server_poke(c->control->server);
    buf_append_text(&c->out, list ? "[" : "");
    for (uint64_t i = 0; i < count; i++) {
        buf_append_text(&c->out, i == 0 ? "" : ",");
        mock_fault_describe(mock, now, first + i, &c->out);
    }
    buf_append_text(&c->out, list ? "]" : "");
    c->status = 201;
}

static void change_fault(struct call *c)
{
    struct errmsg msg = { "" };
    int rc = mock_fault_change(c->control->mock, server_now_ns(), c->id, c->body, &msg);
    if (rc != 0) {
        fail_code(c, rc, &msg);
        return;
    }
    server_poke(c->control->server);
    mock_fault_describe(c->control->mock, server_now_ns(), c->id, &c->out);
}

static void list_faults(struct call *c)
{
    mock_fault_list(c->control->mock, server_now_ns(), &c->out);
}

static void clear_faults(struct call *c)
{
    mock_fault_clear(c->control->mock, server_now_ns());
    server_poke(c->control->server);
    buf_append_text(&c->out, "{}");
}

static void remove_fault(struct call *c)
{
    struct errmsg msg = { "" };
    int rc = mock_fault_remove(c->control->mock, server_now_ns(), c->id, &msg);
    if (rc != 0) {
        fail_code(c, rc, &msg);
        return;
    }
    server_poke(c->control->server);
    buf_printf(&c->out, "{\"id\":%llu,\"hits\":%llu}", (unsigned long long)c->id,
               (unsigned long long)mock_fault_hits(c->control->mock, c->id));
}

static void renew_fault(struct call *c)
{
    struct errmsg msg = { "" };
    int rc = mock_fault_renew(c->control->mock, server_now_ns(), c->id, &msg);
    if (rc != 0) {
        fail_code(c, rc, &msg);
        return;
    }
    buf_printf(&c->out, "{\"id\":%llu}", (unsigned long long)c->id);
}

/* ---- looking ---- */

static bool query_number(struct call *c, const char *name, uint64_t otherwise, uint64_t *out)
{
    struct errmsg msg = { "" };
    const char *text = MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, name);
    *out = otherwise;
    if (text == NULL || units_parse_u64(str_of(text), out, &msg) == 0) {
        return true;
    }
    (void)error_wrap(&msg, ERR_INVALID, "%s", name);
    fail(c, 400, msg.text);
    return false;
}

static void read_journal(struct call *c)
{
    uint64_t after;
    uint64_t limit;
    if (query_number(c, "after", 0, &after) && query_number(c, "limit", UINT64_MAX, &limit)) {
        journal_log_read(c->control->journal, after, limit, &c->out);
        c->type = "application/x-ndjson";
    }
}

static void read_dump(struct call *c)
{
    mock_dump(c->control->mock, MOCK_DUMP_WHOLE, &c->out);
}

static void read_hash(struct call *c)
{
    char text[DIGEST_TEXT_SIZE + 1];
    struct buf dump;
    buf_init(&dump, ANSWER_LIMIT);
    mock_dump(c->control->mock, MOCK_DUMP_WHOLE, &dump);
    digest_of(buf_str(&dump), text);
    buf_deinit(&dump);
    buf_printf(&c->out, "{\"hash\":\"%s\"}", text);
}

static void read_status(struct call *c)
{
    mock_status(c->control->mock, server_now_ns(), &c->out);
    if (c->out.size > 0 && c->out.data[c->out.size - 1] == '}') {
        c->out.size--;
        buf_printf(
            &c->out, ",\"start_wall_ms\":%lld,\"journal_first\":%llu,\"journal_last\":%llu,\"port\":%u}",
            (long long)server_start_wall_ms(), (unsigned long long)journal_log_first(c->control->journal),
            (unsigned long long)journal_log_last(c->control->journal), server_port(c->control->server));
    }
}

/* ---- death ---- */

/* {"data": "keep" | "lose" | "empty", "lost": "5s"}; an empty body keeps what a kill has said. */
static bool read_restart(struct call *c)
{
    struct control *k = c->control;
    struct errmsg msg = { "" };
    json_error_t error;
    if (str_trim(c->body).size == 0) {
        return true;
    }
    json_t *root = json_loadb(c->body.data, c->body.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        fail(c, 400, root == NULL ? error.text : "expected {\"data\": ..., \"lost\": ...}");
        json_decref(root);
        return false;
    }
    const char *data = json_string_value(json_object_get(root, "data"));
    const char *lost = json_string_value(json_object_get(root, "lost"));
    size_t known = (data != NULL ? 1U : 0U) + (lost != NULL ? 1U : 0U);
    bool good = known == json_object_size(root);
    uint64_t lost_ns = 0;
    enum mock_restart what = lost != NULL ? MOCK_LOSE_TAIL : MOCK_KEEP_ALL;
    if (data != NULL) {
        what = strcmp(data, "lose") == 0    ? MOCK_LOSE_TAIL
               : strcmp(data, "empty") == 0 ? MOCK_LOSE_ALL
                                            : MOCK_KEEP_ALL;
        good = good && (what != MOCK_KEEP_ALL || strcmp(data, "keep") == 0);
    }
    good = good && (what == MOCK_LOSE_TAIL) == (lost != NULL);
    if (good && lost != NULL && units_parse_duration(str_of(lost), 0, &lost_ns, &msg) != 0) {
        fail(c, 400, msg.text);
        json_decref(root);
        return false;
    }
    json_decref(root);
    if (!good) {
        fail(c, 400, "expected {\"data\": \"keep\" or \"empty\"} or {\"data\": \"lose\", \"lost\": \"5s\"}");
        return false;
    }
    k->pending = what;
    k->pending_lost_ns = lost_ns;
    return true;
}

static void do_kill(struct call *c)
{
    if (read_restart(c)) {
        mock_kill(c->control->mock, server_now_ns());
        server_poke(c->control->server);
        buf_append_text(&c->out, "{}");
    }
}

static void do_restart(struct call *c)
{
    struct control *k = c->control;
    if (read_restart(c)) {
        mock_restart(k->mock, server_now_ns(), k->pending, k->pending_lost_ns);
        k->pending = MOCK_KEEP_ALL;
        server_poke(k->server);
        buf_append_text(&c->out, "{}");
    }
}

/* ---- snapshots ---- */

/* {"name": "before"}; false after an answer. */
static bool read_name(struct call *c, json_t **root, struct str *name)
{
    json_error_t error;
    *root =
        json_loadb(c->body.data == NULL ? "" : c->body.data, c->body.size, JSON_REJECT_DUPLICATES, &error);
    json_t *text = json_object_get(*root, "name");
    if (json_object_size(*root) != 1 || !json_is_string(text) || json_string_length(text) == 0) {
        fail(c, 400, "expected {\"name\": \"before-the-outage\"}");
        json_decref(*root);
        return false;
    }
    *name = str_of(json_string_value(text));
    return true;
}

static void take_snapshot(struct call *c)
{
    json_t *root;
    struct str name;
    if (read_name(c, &root, &name)) {
        mock_snapshot(c->control->mock, name);
        c->status = 201;
        buf_append_text(&c->out, "{}");
        json_decref(root);
    }
}

static void restore_snapshot(struct call *c)
{
    json_t *root;
    struct str name;
    struct errmsg msg = { "" };
    if (read_name(c, &root, &name)) {
        int rc = mock_restore(c->control->mock, server_now_ns(), name, &msg);
        if (rc != 0) {
            fail_code(c, rc, &msg);
        } else {
            buf_append_text(&c->out, "{}");
        }
        json_decref(root);
    }
}

static const struct {
    const char *method;
    const char *path; /* "#" stands for a number */
    void (*run)(struct call *c);
    bool needs_data; /* of the mock's own: a gateway has none */
} routes[] = {
    { "POST", "/faults", add_fault, false },
    { "GET", "/faults", list_faults, false },
    { "DELETE", "/faults", clear_faults, false },
    { "PUT", "/faults/#", change_fault, false },
    { "DELETE", "/faults/#", remove_fault, false },
    { "POST", "/faults/#/renew", renew_fault, false },
    { "GET", "/journal", read_journal, false },
    { "GET", "/dump", read_dump, true },
    { "GET", "/hash", read_hash, true },
    { "GET", "/status", read_status, false },
    { "POST", "/snapshots", take_snapshot, true },
    { "POST", "/restore", restore_snapshot, true },
    { "POST", "/kill", do_kill, true },
    { "POST", "/restart", do_restart, true },
};
enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static bool path_matches(const char *pattern, const char *path, uint64_t *id)
{
    const char *hash = strchr(pattern, '#');
    if (hash == NULL) {
        return strcmp(pattern, path) == 0;
    }
    size_t before = (size_t)(hash - pattern);
    if (strncmp(pattern, path, before) != 0) {
        return false;
    }
    const char *digits = path + before;
    size_t count = strspn(digits, "0123456789");
    return count > 0 && count < 19 && strcmp(digits + count, hash + 1) == 0 &&
           units_parse_u64(str_make(digits, count), id, NULL) == 0;
}

static void dispatch(struct call *c, const char *method, const char *path)
{
    bool known = false;
    for (size_t i = 0; i < ROUTES; i++) {
        if (path_matches(routes[i].path, path, &c->id)) {
            known = true;
            if (strcmp(routes[i].method, method) != 0) {
                continue;
            }
            if (routes[i].needs_data && mock_is_gateway(c->control->mock)) {
                fail(c, 409,
                     "a gateway holds no data: kill, restart, snapshots, dump and hash belong to the server "
                     "behind it");
                return;
            }
            routes[i].run(c);
            return;
        }
    }
    fail(
        c, known ? 405 : 404,
        "the control API has GET, POST and DELETE /faults, PUT and DELETE /faults/ID, POST /faults/ID/renew, "
        "GET /journal?after=N, GET /dump, GET /hash, GET /status, POST /snapshots, POST /restore, "
        "POST /kill, POST /restart");
}

/* ---- libmicrohttpd ---- */

static void free_bytes(void *context)
{
    mem_free(context);
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct call *c)
{
    if (c->out.failed) {
        buf_clear(&c->out);
        fail(c, 500, "the answer is too large");
    }
    char *bytes = c->out.data == NULL ? mem_strdup("") : c->out.data;
    struct MHD_Response *r =
        MHD_create_response_from_buffer_with_free_callback_cls(c->out.size, bytes, free_bytes, bytes);
    if (r == NULL) {
        mem_free(bytes);
        return MHD_NO;
    }
    (void)MHD_add_response_header(r, "content-type", c->type);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)c->status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload_data,
                              size_t *upload_data_size, void **request_context)
{
    struct buf *body = *request_context;
    (void)version;
    if (body == NULL) {
        body = mem_alloc(sizeof(*body));
        buf_init(body, BODY_LIMIT);
        *request_context = body;
        return MHD_YES;
    }
    if (*upload_data_size > 0) {
        buf_append(body, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return MHD_YES;
    }
    struct call c = { .control = context,
                      .connection = connection,
                      .body = buf_str(body),
                      .status = 200,
                      .type = "application/json" };
    buf_init(&c.out, ANSWER_LIMIT);
    if (body->failed) {
        fail(&c, 413, "the document is above 1 MiB");
    } else {
        dispatch(&c, method, url);
    }
    return answer(connection, &c);
}

static void completed(void *context, struct MHD_Connection *connection, void **request_context,
                      enum MHD_RequestTerminationCode code)
{
    struct buf *body = *request_context;
    (void)context;
    (void)connection;
    (void)code;
    if (body != NULL) {
        buf_deinit(body);
        mem_free(body);
        *request_context = NULL;
    }
}

static int listen_socket(const char *host, uint16_t port, uint16_t *bound, struct errmsg *msg)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    socklen_t size = sizeof(address);
    int one = 1;
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        (void)error_set(msg, ERR_INVALID, "\"%s\" is no IPv4 address; write 127.0.0.1", host);
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 128) != 0) {
        int why = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        (void)error_set(msg, why == EADDRINUSE ? ERR_BUSY : ERR_IO, "cannot listen on %s port %u: %s", host,
                        port, strerror(why));
        return -1;
    }
    (void)getsockname(fd, (struct sockaddr *)&address, &size);
    *bound = ntohs(address.sin_port);
    return fd;
}

struct control *control_new(struct mock *mock, struct server *server, struct journal_log *journal,
                            const char *host, uint16_t port, struct errmsg *msg)
{
    struct control *c = mem_alloc(sizeof(*c));
    c->mock = mock;
    c->server = server;
    c->journal = journal;
    int fd = listen_socket(host, port, &c->port, msg);
    if (fd < 0) {
        mem_free(c);
        return NULL;
    }
    c->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, c, MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_NOTIFY_COMPLETED, completed, c, MHD_OPTION_END);
    if (c->daemon == NULL) {
        (void)close(fd);
        (void)error_set(msg, ERR_IO, "libmicrohttpd does not start");
        mem_free(c);
        return NULL;
    }
    c->epoll_fd = MHD_get_daemon_info(c->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return c;
}

void control_free(struct control *c)
{
    if (c != NULL) {
        MHD_stop_daemon(c->daemon);
        mem_free(c);
    }
}

uint16_t control_port(const struct control *c)
{
    return c->port;
}

int control_epoll_fd(const struct control *c)
{
    return c->epoll_fd;
}

uint64_t control_wait_ns(const struct control *c)
{
    MHD_UNSIGNED_LONG_LONG ms;
    return MHD_get_timeout(c->daemon, &ms) == MHD_YES ? ms * NS_PER_MS : UINT64_MAX;
}

void control_run(struct control *c)
{
    (void)MHD_run(c->daemon);
}
