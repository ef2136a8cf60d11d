/* The daemon, the table of requests, and the port functions.
 *
 * Three traps of libmicrohttpd 0.9.75 with an external epoll loop: every MHD_resume_connection must be
 * followed by MHD_run (so resuming is done in clients_turn only); MHD_get_timeout must be asked each
 * turn (clients_deadline); a suspended connection has no timeout and does not notice its client leaving
 * (the core owns deadlines, and CLIENT_DONE then comes when the answer cannot be sent).
 *
 * A fourth: its epoll set is edge-triggered, and after a short read it waits for the next edge, so that a
 * client's end that came together with its last bytes goes unseen until the connection has idled out.
 * The loop watches for that end itself and, once the bytes before it have been read, has the kernel tell
 * it again (shutdown of the reading side changes nothing else: there is nothing more to read). */
#include "proxy/io/clients.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/io/client.h"
#include "proxy/io/io_clock.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION_MEMORY_BYTES ((size_t)32768) /* libmicrohttpd zeroes it per request: more costs time */

/* A client's connection whose end we watch for. */
struct connection {
    struct io_watch watch;
    struct clients *owner;
    bool leaving;
    TAILQ_ENTRY(connection) leaving_link;
};

struct clients {
    struct clients_options options;
    struct MHD_Daemon *daemon;
    struct io_watch watch;
    bool ready;
    bool full; /* as many connections as allowed */
    bool closing;
    char complaint[256]; /* libmicrohttpd's last */
    uint64_t next_id;
    struct client *table;
    struct client_list resume;
    STAILQ_HEAD(, client) done;
    TAILQ_HEAD(, connection) leaving;
};

void client_tell(struct client *client, struct core_event *event)
{
    if (!client->owner->closing) {
        client->owner->options.sink.event(client->owner->options.sink.context, event);
    }
}

void client_wake(void *context)
{
    struct client *client = context;
    if (client->suspended && !client->resuming) {
        client->resuming = true;
        TAILQ_INSERT_TAIL(&client->owner->resume, client, resume_link);
    }
}

static struct client *client_find(struct clients *c, uint64_t id)
{
    struct client *client = NULL;
    HASH_FIND(hh, c->table, &id, sizeof(id), client);
    return client;
}

/* Callbacks of libmicrohttpd. */

/* The first that is known of a request: its target, before anything decodes it. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct clients *c = context;
    struct client *client = mem_alloc(sizeof(*client));
    client->owner = c;
    client->id = ++c->next_id;
    client->connection = connection;
    client->target = mem_strdup(uri);
    HASH_ADD(hh, c->table, id, sizeof(client->id), client);
    return client;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **request)
{
    struct clients *c = context;
    struct client *client = *request;
    (void)connection;
    (void)url;
    (void)version;
    if (client == NULL || c->closing) {
        return MHD_NO;
    }
    return client_handle(client, method, data, size);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    struct clients *c = context;
    struct client *client = *request;
    (void)connection;
    if (client == NULL) {
        return;
    }
    *request = NULL;
    client->delivered =
        code == MHD_REQUEST_TERMINATED_COMPLETED_OK && client->phase == CLIENT_PHASE_ANSWERED && !client->cut;
    client->connection = NULL;
    client->suspended = false;
    if (client->resuming) {
        TAILQ_REMOVE(&c->resume, client, resume_link);
        client->resuming = false;
    }
    HASH_DEL(c->table, client);
    if (client->relay != NULL) {
        relay_leave(client->relay);
    }
    if (!client->announced || c->closing) {
        client_drop(client);
        return;
    }
    STAILQ_INSERT_TAIL(&c->done, client, done_link);
}

static void on_client_end(void *context, int fd, uint32_t events)
{
    struct connection *connection = context;
    (void)fd;
    (void)events;
    if (!connection->leaving) {
        connection->leaving = true;
        TAILQ_INSERT_TAIL(&connection->owner->leaving, connection, leaving_link);
        connection->owner->ready = true;
    }
}

static void on_connection(void *context, struct MHD_Connection *opened, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    struct clients *c = context;
    struct connection *connection = *slot;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(opened, MHD_CONNECTION_INFO_CONNECTION_FD);
        connection = mem_alloc(sizeof(*connection));
        connection->owner = c;
        connection->watch =
            (struct io_watch){ on_client_end, connection, info == NULL ? -1 : info->connect_fd };
        struct epoll_event event = { .events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = &connection->watch };
        /* Failing costs no more than a connection that idles out instead of ending. */
        (void)epoll_ctl(c->options.epoll_fd, EPOLL_CTL_ADD, connection->watch.fd, &event);
        *slot = connection;
    } else if (connection != NULL) {
        (void)epoll_ctl(c->options.epoll_fd, EPOLL_CTL_DEL, connection->watch.fd, NULL);
        if (connection->leaving) {
            TAILQ_REMOVE(&c->leaving, connection, leaving_link);
        }
        mem_free(connection);
        *slot = NULL;
    }
}

/* After libmicrohttpd has run: ends that nothing stands before any more are told once again. */
static void repeat_ends(struct clients *c)
{
    struct connection *connection = TAILQ_FIRST(&c->leaving);
    while (connection != NULL) {
        struct connection *next = TAILQ_NEXT(connection, leaving_link);
        char byte;
        if (recv(connection->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
            TAILQ_REMOVE(&c->leaving, connection, leaving_link);
            connection->leaving = false;
            (void)shutdown(connection->watch.fd, SHUT_RD);
        }
        connection = next;
    }
}

static size_t keep_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text); /* the core decodes what it needs; a decoded zero byte would cut the text */
}

__attribute__((format(printf, 2, 0))) static void on_complaint(void *context, const char *format,
                                                               va_list args)
{
    struct clients *c = context;
    (void)vsnprintf(c->complaint, sizeof(c->complaint), format, args);
    c->complaint[strcspn(c->complaint, "\r\n")] = '\0';
    if (c->options.note != NULL) {
        c->options.note(c->options.note_context, c->complaint);
    }
}

static void on_ready(void *context, int fd, uint32_t events)
{
    struct clients *c = context;
    (void)fd;
    (void)events;
    c->ready = true;
}

/* The port. */

static void port_collect(void *context, uint64_t id, uint64_t limit)
{
    struct client *client = client_find(context, id);
    if (client == NULL) {
        return;
    }
    CHECK(!client->collect);
    client->collect = true;
    client->limit = limit;
    client_wake(client);
}

static bool may_answer(const struct client *client)
{
    return client != NULL && client->response == NULL && !client->cut &&
           client->phase != CLIENT_PHASE_ANSWERED;
}

static void port_reply(void *context, uint64_t id, int status, struct block *headers, struct block *body)
{
    struct client *client = client_find(context, id);
    if (may_answer(client)) {
        client_build_reply(client, status, headers, body);
        client_wake(client);
    }
}

static void port_abort(void *context, uint64_t id)
{
    struct client *client = client_find(context, id);
    if (client != NULL) {
        client->cut = true;
        client_reset_connection(client);
        client_wake(client);
    }
}

static void port_relay(void *context, uint64_t id, uint64_t call, struct block *headers)
{
    struct clients *c = context;
    struct client *client = client_find(c, id);
    struct http_head head;
    struct relay *relay = c->options.relay_open(c->options.relay_context, call, &head);
    if (!may_answer(client) || relay == NULL) {
        if (relay != NULL) {
            relay_leave(relay); /* the client is gone: let the answer run out */
            relay_unref(relay);
        }
        port_abort(c, id);
        return;
    }
    client_build_relay(client, &head, relay, headers);
    client_wake(client);
}

struct client_port clients_port(struct clients *c)
{
    return (struct client_port){
        .context = c, .collect = port_collect, .reply = port_reply, .relay = port_relay, .abort = port_abort
    };
}

/* Turns. */

uint64_t clients_deadline(struct clients *c, uint64_t now_ns)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    if (c->ready || !TAILQ_EMPTY(&c->resume) || !STAILQ_EMPTY(&c->done)) {
        return 0;
    }
    if (MHD_get_timeout(c->daemon, &timeout_ms) != MHD_YES) {
        return IO_CLOCK_NEVER;
    }
    if (timeout_ms == 0) {
        c->ready = true;
        return 0;
    }
    return now_ns + (uint64_t)timeout_ms * NS_PER_MS;
}

static bool resume_waiting(struct clients *c)
{
    struct client *client;
    bool any = false;
    while ((client = TAILQ_FIRST(&c->resume)) != NULL) {
        TAILQ_REMOVE(&c->resume, client, resume_link);
        client->resuming = false;
        client->suspended = false;
        MHD_resume_connection(client->connection);
        any = true;
    }
    return any;
}

/* A full daemon takes its listening socket out of epoll, and puts it back in the run after the one in
 * which a connection went: nobody but us would ask for that run. */
static bool room_again(struct clients *c)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(c->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    bool was_full = c->full;
    c->full = info != NULL && info->num_connections >= c->options.connections_max;
    return was_full && !c->full;
}

void clients_turn(struct clients *c, uint64_t now_ns)
{
    bool resumed = resume_waiting(c);
    bool due = !c->ready && clients_deadline(c, now_ns) <= now_ns;
    if (resumed || due || c->ready) {
        c->ready = false;
        (void)MHD_run(c->daemon);
        c->ready = room_again(c);
        repeat_ends(c);
    }
}

bool clients_deliver(struct clients *c)
{
    struct client *client;
    bool any = false;
    while ((client = STAILQ_FIRST(&c->done)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->done, done_link);
        struct core_event event = { .kind = CORE_EV_CLIENT_DONE };
        event.u.client_done.client = client->id;
        event.u.client_done.delivered = client->delivered;
        client_tell(client, &event);
        client_drop(client);
        any = true;
    }
    return any;
}

/* Life. */

static int watch_daemon(struct clients *c, struct errmsg *msg)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(c->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL) {
        return error_set(msg, ERR_UNSUPPORTED, "libmicrohttpd: no epoll");
    }
    c->watch = (struct io_watch){ on_ready, c, info->epoll_fd };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &c->watch };
    if (epoll_ctl(c->options.epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) != 0) {
        return error_set(msg, ERR_IO, "epoll: %s", strerror(errno));
    }
    return 0;
}

int clients_open(struct clients **out, const struct clients_options *options, struct errmsg *msg)
{
    static char versions[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    struct clients *c = mem_alloc(sizeof(*c));
    c->options = *options;
    c->options.tls_cert = c->options.tls_key = NULL;
    TAILQ_INIT(&c->resume);
    STAILQ_INIT(&c->done);
    TAILQ_INIT(&c->leaving);
    bool tls = options->tls_cert != NULL;
    struct MHD_OptionItem secure[] = {
        { tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, options->tls_cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, options->tls_key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, versions },
        { MHD_OPTION_END, 0, NULL },
    };
    c->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0u), 0, NULL,
        NULL, on_request, c, MHD_OPTION_EXTERNAL_LOGGER, on_complaint, c, MHD_OPTION_LISTEN_SOCKET,
        options->listen_fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, c, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, c, MHD_OPTION_URI_LOG_CALLBACK, on_uri, c, MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped,
        c, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        options->connections_max, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, secure, MHD_OPTION_END);
    if (c->daemon == NULL) {
        (void)close(options->listen_fd);
        int rc = error_set(msg, tls ? ERR_INVALID : ERR_IO, "%slibmicrohttpd cannot be started: %s",
                           tls ? "TLS_CERT, TLS_KEY: " : "",
                           c->complaint[0] == '\0' ? "no reason given" : c->complaint);
        mem_free(c);
        return rc;
    }
    int rc = watch_daemon(c, msg);
    if (rc != 0) {
        clients_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

void clients_close(struct clients *c)
{
    struct client *client;
    struct client *next;
    if (c == NULL) {
        return;
    }
    c->closing = true;
    while ((client = STAILQ_FIRST(&c->done)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->done, done_link);
        client_drop(client);
    }
    /* Stopping with suspended connections is not allowed. */
    HASH_ITER (hh, c->table, client, next) {
        client->cut = true;
        client_wake(client);
    }
    if (resume_waiting(c)) {
        (void)MHD_run(c->daemon);
    }
    (void)epoll_ctl(c->options.epoll_fd, EPOLL_CTL_DEL, c->watch.fd, NULL);
    MHD_stop_daemon(c->daemon);
    CHECK(c->table == NULL);
    mem_free(c);
}
