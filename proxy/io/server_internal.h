/* Inside of struct proxy_server, shared by server.c (the loop, what the core is told and what it wants of the
 * process) and server_life.c (opening and closing). */
#ifndef WALDRILL_PROXY_IO_SERVER_INTERNAL_H
#define WALDRILL_PROXY_IO_SERVER_INTERNAL_H

#include "proxy/io/audit_file.h"
#include "proxy/io/clients.h"
#include "proxy/io/io_clock.h"
#include "proxy/io/log_store.h"
#include "proxy/io/process_log.h"
#include "proxy/io/server.h"
#include "proxy/io/signals.h"
#include "proxy/io/tls.h"
#include "proxy/io/upstream.h"
#include "proxy/ports/pump.h"
#include "proxy/wal/writer.h"

struct proxy_server {
    struct settings settings;
    struct io_clock clock;
    struct pump pump;
    struct tls tls;
    int epoll_fd;
    int statm_fd;
    int listen_fd; /* -1 once the clients' side owns it */
    unsigned port;
    struct signals signals;
    struct io_watch log_watch;
    struct log_store *log;
    struct clients *clients;
    struct upstream *upstream;
    struct process_log lines;
    struct audit_file *audit; /* NULL without AUDIT_LOG */
    struct audit_state audit_state;
    bool log_ready;
    bool queue_lost;
    bool stopped;
    bool embedded; /* in a process that is not ours: see server.h */
    struct proxy_server_source source;
    struct settings wanted; /* as read again */
    uint64_t *reloads;      /* tickets of those who wait for that */
    size_t reload_count;
    uint64_t rss_at_ns;
    uint64_t lag_max_ns;
    uint64_t lag_told_ns;
};

/* server.c */
void proxy_server_tell(void *context, struct core_event *event); /* an io_event_cb */
void proxy_server_tell_record(void *context, const struct wal_record *record,
                              bool first); /* a wal_record_cb */
struct process_port proxy_server_process_port(struct proxy_server *s);
/* At an orderly end: what a log in memory would lose is written down. */
void proxy_server_hand_over(struct proxy_server *s);

#endif
