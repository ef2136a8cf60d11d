/* Opening and closing: everything that can fail, in an order that leaves nothing half done. */
#include "proxy/io/server_internal.h"

#include "base/memory.h"
#include "proxy/io/handover.h"
#include "proxy/io/listen.h"
#include "proxy/io/log_memory.h"
#include "proxy/io/log_writer.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define IDLE_TIMEOUT_S 75u

static void note(void *context, const char *text)
{
    struct proxy_server *s = context;
    process_log_note(&s->lines, LOG_DEBUG, "microhttpd", "why", str_of(text));
}

static struct relay *open_relay(void *context, uint64_t call, struct http_head *head)
{
    struct proxy_server *s = context;
    return upstream_relay(s->upstream, call, head);
}

static void log_is_ready(void *context, int fd, uint32_t events)
{
    struct proxy_server *s = context;
    (void)fd;
    (void)events;
    s->log_ready = true;
}

static int watch_fd(struct proxy_server *s, int fd, struct io_watch *watch, struct errmsg *msg)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = watch };
    watch->fd = fd;
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        return error_set(msg, ERR_IO, "epoll: %s", strerror(errno));
    }
    return 0;
}

static int open_descriptors(struct proxy_server *s, struct errmsg *msg)
{
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0) {
        return error_set(msg, ERR_IO, "event loop: %s", strerror(errno));
    }
    if (s->embedded) {
        return 0; /* signals and memory are the process's, which is not ours */
    }
    int rc = signals_open(&s->signals, msg);
    if (rc != 0) {
        return rc;
    }
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm != NULL) {
        s->statm_fd = dup(fileno(statm));
        (void)fclose(statm);
    }
    return watch_fd(s, s->signals.fd, &s->signals.watch, msg);
}

static int open_audit(struct proxy_server *s, struct errmsg *msg)
{
    return s->settings.audit_log[0] == '\0'
               ? 0
               : audit_file_open(&s->audit, s->settings.audit_log, s->settings.audit_retain, 0, msg);
}

static int open_log(struct proxy_server *s, const struct log_hand *hand, struct errmsg *msg)
{
    struct log_writer_options options = { .dir = s->settings.wal_dir,
                                          .segment_bytes = s->settings.wal_segment_bytes,
                                          .hand = hand };
    bool in_memory = s->settings.wal_mode == WAL_MODE_MEMORY;
    int rc = in_memory ? log_memory_open(&s->log, s->settings.wal_dir, hand, proxy_server_tell_record, s,
                                         &s->queue_lost, msg)
                       : log_writer_open(&s->log, &options, proxy_server_tell_record, s, NULL, msg);
    if (rc == 0 && !in_memory && handover_is_there(s->settings.wal_dir)) {
        rc = error_set(
            msg, ERR_STATE,
            "%s holds the handover of a life with WAL_MODE=memory: start with that mode until nothing "
            "is pending, or name another directory",
            s->settings.wal_dir);
    }
    if (rc != 0) {
        return error_wrap(msg, rc, "WAL_DIR");
    }
    s->pump.ports.log = log_store_port(s->log);
    s->log_watch = (struct io_watch){ log_is_ready, s, -1 };
    return watch_fd(s, log_store_fd(s->log), &s->log_watch, msg);
}

static int open_network(struct proxy_server *s, const struct proxy_server_place *place, struct errmsg *msg)
{
    struct io_sink sink = { proxy_server_tell, s };
    struct upstream_options to = { .urls = { s->settings.primary_url, s->settings.replica_url },
                                   .ca = buf_str(&s->tls.ca),
                                   .epoll_fd = s->epoll_fd,
                                   .sink = sink };
    for (size_t i = 0; place != NULL && i < CORE_INSTANCES; i++) {
        to.sockets[i] = place->sockets[i];
    }
    int rc = upstream_open(&s->upstream, &to, msg);
    if (rc == 0) {
        rc = listen_begin(s->listen_fd, msg);
    }
    if (rc != 0) {
        return rc;
    }
    struct clients_options options = { .listen_fd = s->listen_fd,
                                       .connections_max = (unsigned)s->settings.max_connections,
                                       .idle_timeout_s = IDLE_TIMEOUT_S,
                                       .tls_cert = s->tls.cert.data,
                                       .tls_key = s->tls.key.data,
                                       .epoll_fd = s->epoll_fd,
                                       .sink = sink,
                                       .relay_open = open_relay,
                                       .relay_context = s,
                                       .note = note,
                                       .note_context = s };
    s->listen_fd = -1;
    rc = clients_open(&s->clients, &options, msg);
    tls_forget_key(&s->tls);
    if (rc == 0) {
        s->pump.ports.client = clients_port(s->clients);
        s->pump.ports.upstream = upstream_port(s->upstream);
    }
    return rc;
}

/* Clients first: their relays borrow from calls.  The log last but for the core, which may still hold
 * blocks that the log thread is reading. */
static void close_with(struct proxy_server *s, void (*end_log)(struct log_store *log))
{
    clients_close(s->clients);
    upstream_close(s->upstream);
    if (s->log != NULL) {
        end_log(s->log);
    }
    audit_file_close(s->audit);
    if (s->pump.core != NULL) {
        core_free(s->pump.core);
    }
    process_log_deinit(&s->lines);
    tls_deinit(&s->tls);
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    if (s->statm_fd > 0) {
        (void)close(s->statm_fd);
    }
    signals_close(&s->signals);
    if (s->epoll_fd > 0) {
        (void)close(s->epoll_fd);
    }
    mem_free(s->reloads);
    mem_free(s);
}

static int open_all(struct proxy_server *s, const struct proxy_server_place *place, uint64_t seed,
                    struct errmsg *msg)
{
    int rc = tls_load(&s->tls, &s->settings, msg);
    if (rc == 0) {
        rc = open_descriptors(s, msg);
    }
    if (rc == 0 && place == NULL) {
        rc = listen_bind(&s->settings, &s->listen_fd, &s->port, msg);
    }
    if (rc == 0) {
        s->pump.core = core_new(&s->settings, seed);
        bool prepared = place == NULL || place->prepare == NULL;
        rc = prepared ? 0 : place->prepare(place->context, s->pump.core, msg);
    }
    if (rc == 0) {
        rc = open_log(s, place == NULL ? NULL : &place->hand, msg);
    }
    if (rc == 0) {
        rc = open_network(s, place, msg);
    }
    if (rc == 0) {
        rc = open_audit(s, msg);
    }
    return rc != 0 ? rc : log_store_start(s->log, msg);
}

int proxy_server_open(struct proxy_server **out, const struct settings *settings,
                      const struct proxy_server_source *source, const struct proxy_server_place *place,
                      uint64_t seed, struct errmsg *msg)
{
    struct proxy_server *s = mem_alloc(sizeof(*s));
    s->settings = *settings;
    s->source = *source;
    s->embedded = place != NULL;
    s->listen_fd = place == NULL ? -1 : place->listen_fd;
    s->statm_fd = -1;
    s->signals.fd = -1;
    io_clock_init(&s->clock, settings->time_scale);
    process_log_init(&s->lines, place == NULL ? STDERR_FILENO : place->lines_fd, settings->log_level,
                     settings->log_format);
    s->pump.ports.process = proxy_server_process_port(s);
    int rc = open_all(s, place, seed, msg);
    if (rc != 0) {
        close_with(s, log_store_close);
        return rc;
    }
    *out = s;
    return 0;
}

unsigned proxy_server_port(const struct proxy_server *s)
{
    return s->port;
}

void proxy_server_close(struct proxy_server *s)
{
    if (s != NULL) {
        close_with(s, log_store_close);
    }
}

void proxy_server_stop(struct proxy_server *s)
{
    proxy_server_hand_over(s);
    close_with(s, log_store_close);
}

void proxy_server_drop(struct proxy_server *s)
{
    close_with(s, log_store_drop);
}
