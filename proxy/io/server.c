#include "proxy/io/server.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/io/audit_file.h"
#include "proxy/io/clients.h"
#include "proxy/io/handover.h"
#include "proxy/io/io_clock.h"
#include "proxy/io/listen.h"
#include "proxy/io/log_memory.h"
#include "proxy/io/log_store.h"
#include "proxy/io/log_writer.h"
#include "proxy/io/process_log.h"
#include "proxy/io/signals.h"
#include "proxy/io/tls.h"
#include "proxy/io/upstream.h"
#include "proxy/core/settings_live.h"
#include "proxy/ports/pump.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64
#define IDLE_TIMEOUT_S  75u
#define RSS_INTERVAL_NS NS_PER_S
#define LAG_INTERVAL_NS (10 * NS_PER_S) /* between two warnings of it */

struct server {
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
    struct server_source source;
    struct settings wanted; /* as read again */
    uint64_t *reloads;      /* tickets of those who wait for that */
    size_t reload_count;
    uint64_t rss_at_ns;
    uint64_t lag_max_ns;
    uint64_t lag_told_ns;
};

/* Events to the core. */

static void tell_core(void *context, struct core_event *event)
{
    struct server *s = context;
    event->now_ns = io_clock_core_ns(&s->clock);
    event->wall_ms = io_clock_wall_ms();
    pump_event(&s->pump, event);
}

static void tell_record(void *context, const struct wal_record *record, bool first)
{
    struct core_event event = { .kind = CORE_EV_RECORD };
    event.u.record.lsn = record->lsn;
    event.u.record.type = record->type;
    event.u.record.meta = record->meta;
    event.u.record.body = record->body;
    event.u.record.first = first;
    tell_core(context, &event);
}

static bool deliver_log(struct server *s)
{
    struct core_event event = { .kind = CORE_EV_TICK };
    bool any = false;
    s->log_ready = false;
    while (log_store_next(s->log, &event)) {
        tell_core(s, &event);
        any = true;
    }
    return any;
}

/* The process port. */

static void port_line(void *context, enum log_level level, struct block *text)
{
    struct server *s = context;
    process_log_line(&s->lines, level, block_str(text));
}

static void port_audit(void *context, struct block *text)
{
    struct server *s = context;
    if (s->audit != NULL) {
        audit_file_line(s->audit, block_str(text));
    }
}

static void port_level(void *context, enum log_level level)
{
    struct server *s = context;
    s->lines.level = level;
}

static void port_stopped(void *context)
{
    struct server *s = context;
    s->stopped = true;
}

static void note(void *context, const char *text)
{
    struct server *s = context;
    process_log_note(&s->lines, LOG_DEBUG, "microhttpd", "why", str_of(text));
}

static struct relay *open_relay(void *context, uint64_t call, struct http_head *head)
{
    struct server *s = context;
    return upstream_relay(s->upstream, call, head);
}

/* Orders from outside the loop. */

static void port_reload(void *context, uint64_t ticket)
{
    struct server *s = context;
    s->reloads = mem_realloc(s->reloads, (s->reload_count + 1) * sizeof(s->reloads[0]));
    s->reloads[s->reload_count++] = ticket;
}

static void reload(struct server *s, uint64_t ticket)
{
    struct errmsg msg = { "" };
    struct core_event event = { .kind = CORE_EV_COMMAND };
    int rc = s->source.load(s->source.context, &s->wanted, &msg);
    event.u.command.command = CORE_COMMAND_SETTINGS;
    event.u.command.ticket = ticket;
    event.u.command.settings = rc == 0 ? &s->wanted : NULL;
    event.u.command.detail = msg.text;
    tell_core(s, &event);
    if (rc == 0) {
        settings_take_over(&s->settings, &s->wanted, NULL, NULL);
    }
    if (s->audit != NULL) {
        audit_file_reopen(s->audit);
    }
}

static bool deliver_reloads(struct server *s)
{
    bool any = s->reload_count > 0;
    for (; s->reload_count > 0; s->reload_count--) {
        reload(s, s->reloads[s->reload_count - 1]);
    }
    return any;
}

static void act_on_signals(struct server *s, unsigned *acted)
{
    if (s->signals.reload) {
        s->signals.reload = false;
        reload(s, 0);
    }
    if (*acted == 0 && s->signals.ends > 0) {
        struct core_event event = { .kind = CORE_EV_COMMAND };
        event.u.command.command = CORE_COMMAND_DRAIN;
        process_log_note(&s->lines, LOG_INFO, "draining", "signal",
                         str_of(sigabbrev_np(s->signals.end_signal)));
        tell_core(s, &event);
    }
    *acted = s->signals.ends;
}

static void log_is_ready(void *context, int fd, uint32_t events)
{
    struct server *s = context;
    (void)fd;
    (void)events;
    s->log_ready = true;
}

/* The loop. */

/* Actions go on while the audit log cannot be written, so that has to be said loudly. */
static void look_at_audit(struct server *s)
{
    struct audit_state now;
    if (s->audit == NULL) {
        return;
    }
    audit_file_state(s->audit, &now);
    if (now.failed != s->audit_state.failed || strcmp(now.why, s->audit_state.why) != 0) {
        process_log_note(&s->lines, now.failed ? LOG_ERROR : LOG_WARN,
                         now.failed ? "audit_log_failed" : "audit_log_works_again", now.failed ? "why" : NULL,
                         str_of(now.why));
    }
    if (now.lost != s->audit_state.lost) {
        char text[32];
        int n = snprintf(text, sizeof(text), "%" PRIu64, now.lost);
        process_log_note(&s->lines, LOG_ERROR, "audit_lines_lost", "count", str_make(text, (size_t)n));
    }
    s->audit_state = now;
    core_set_audit(s->pump.core, now.failed, now.lost);
}

static void measure_memory(struct server *s)
{
    char text[128];
    struct str rest;
    uint64_t pages = 0;
    ssize_t n = pread(s->statm_fd, text, sizeof(text), 0); /* /proc: answered from memory */
    if (n > 0) {
        (void)str_cut(str_make(text, (size_t)n), ' ', &rest);
        if (units_parse_u64(str_cut(rest, ' ', &rest), &pages, NULL) == 0) {
            core_set_rss(s->pump.core, pages * (uint64_t)sysconf(_SC_PAGESIZE));
        }
    }
}

/* Lag is how late the core hears that a deadline of its has passed.  With TIME_SCALE it counts that many
 * times, and a rehearsal whose lag nears its intervals proves nothing: hence the warning. */
static void measure_lag(struct server *s, uint64_t wanted_ns, uint64_t now_ns)
{
    uint64_t lag = now_ns > wanted_ns ? now_ns - wanted_ns : 0;
    if (lag > s->lag_max_ns) {
        s->lag_max_ns = lag;
    }
    if ((double)lag * s->settings.time_scale * 10 <= (double)s->settings.check_interval_ns ||
        (s->lag_told_ns != 0 && now_ns < s->lag_told_ns + LAG_INTERVAL_NS)) {
        return;
    }
    char text[32];
    units_format_duration(lag, text, sizeof(text));
    s->lag_told_ns = now_ns;
    process_log_note(&s->lines, LOG_WARN, "loop_lag", "lag", str_of(text));
}

static void tick(struct server *s)
{
    uint64_t deadline = io_clock_to_real(&s->clock, core_deadline(s->pump.core));
    uint64_t now = io_clock_real_ns();
    if (deadline <= now) {
        struct core_event event = { .kind = CORE_EV_TICK };
        measure_lag(s, deadline, now);
        tell_core(s, &event);
    }
}

static uint64_t next_deadline(struct server *s, uint64_t now_ns)
{
    uint64_t deadlines[] = { io_clock_to_real(&s->clock, core_deadline(s->pump.core)),
                             upstream_deadline(s->upstream), clients_deadline(s->clients, now_ns),
                             s->rss_at_ns };
    uint64_t first = IO_CLOCK_NEVER;
    for (size_t i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++) {
        first = deadlines[i] < first ? deadlines[i] : first;
    }
    return first;
}

static void wait_for_events(struct server *s)
{
    struct epoll_event events[EVENTS_PER_TURN];
    uint64_t now = io_clock_real_ns();
    uint64_t until = next_deadline(s, now);
    uint64_t wait = until > now ? until - now : 0;
    struct timespec timeout = { (time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S) };
    int n = epoll_pwait2(s->epoll_fd, events, EVENTS_PER_TURN, &timeout, NULL);
    if (n < 0 && errno == ENOSYS) { /* kernels before 5.11 */
        n = epoll_wait(s->epoll_fd, events, EVENTS_PER_TURN, (int)((wait + NS_PER_MS - 1) / NS_PER_MS));
    }
    CHECK(n >= 0 || errno == EINTR);
    for (int i = 0; i < n; i++) {
        struct io_watch *watch = events[i].data.ptr;
        watch->ready(watch->context, watch->fd, events[i].events);
    }
}

static void turn(struct server *s)
{
    uint64_t now = io_clock_real_ns();
    clients_turn(s->clients, now);
    upstream_turn(s->upstream, now);
    for (bool more = true; more;) {
        more = upstream_deliver(s->upstream);
        more = clients_deliver(s->clients) || more;
        more = (s->log_ready && deliver_log(s)) || more;
        more = deliver_reloads(s) || more;
    }
    tick(s);
    if (now >= s->rss_at_ns) {
        s->rss_at_ns = now + RSS_INTERVAL_NS;
        measure_memory(s);
        look_at_audit(s);
    }
    process_log_flush(&s->lines);
}

/* What WAL_MODE=memory means is said when it begins and when it comes true. */
static void warn_memory_mode(struct server *s)
{
    if (s->settings.wal_mode == WAL_MODE_MEMORY) {
        process_log_note(&s->lines, LOG_WARN, "wal_in_memory", "why",
                         STR("writes that are pending are lost when this process is killed"));
    }
}

static void hand_over(struct server *s)
{
    struct core_facts facts = { 0 };
    struct errmsg msg = { "" };
    char text[32];
    core_facts(s->pump.core, io_clock_core_ns(&s->clock), &facts);
    int n = snprintf(text, sizeof(text), "%" PRIu64, facts.pending_writes);
    struct str count = str_make(text, (size_t)n);
    if (log_store_hand_over(s->log, &msg) != 0) {
        process_log_note(&s->lines, LOG_ERROR, "handover_failed", "why", str_of(msg.text));
        process_log_note(&s->lines, LOG_ERROR, "writes_lost", "count", count);
    } else if (s->settings.wal_mode == WAL_MODE_MEMORY) {
        process_log_note(&s->lines, LOG_INFO, "handed_over", "pending_writes", count);
    }
}

int server_run(struct server *s)
{
    unsigned acted = 0;
    struct core_event start = { .kind = CORE_EV_START, .u.start.queue_lost = s->queue_lost };
    warn_memory_mode(s);
    tell_core(s, &start);
    while (!s->stopped && s->signals.ends < 2) {
        turn(s);
        wait_for_events(s);
        act_on_signals(s, &acted);
    }
    hand_over(s);
    char lag[32];
    units_format_duration(s->lag_max_ns, lag, sizeof(lag));
    process_log_note(&s->lines, LOG_INFO, "stopped", "lag_max", str_of(lag));
    return s->stopped ? 0 : 128 + s->signals.end_signal;
}

/* Opening and closing. */

static int watch_fd(struct server *s, int fd, struct io_watch *watch, struct errmsg *msg)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = watch };
    watch->fd = fd;
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        return error_set(msg, ERR_IO, "epoll: %s", strerror(errno));
    }
    return 0;
}

static int open_descriptors(struct server *s, struct errmsg *msg)
{
    s->statm_fd = -1;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0) {
        return error_set(msg, ERR_IO, "event loop: %s", strerror(errno));
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

static int open_audit(struct server *s, struct errmsg *msg)
{
    return s->settings.audit_log[0] == '\0'
               ? 0
               : audit_file_open(&s->audit, s->settings.audit_log, s->settings.audit_retain, 0, msg);
}

static int open_log(struct server *s, struct errmsg *msg)
{
    struct log_writer_options options = { .dir = s->settings.wal_dir,
                                          .segment_bytes = s->settings.wal_segment_bytes };
    bool in_memory = s->settings.wal_mode == WAL_MODE_MEMORY;
    int rc = in_memory ? log_memory_open(&s->log, s->settings.wal_dir, tell_record, s, &s->queue_lost, msg)
                       : log_writer_open(&s->log, &options, tell_record, s, NULL, msg);
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

static int open_network(struct server *s, struct errmsg *msg)
{
    struct io_sink sink = { tell_core, s };
    const char *urls[CORE_INSTANCES] = { s->settings.primary_url, s->settings.replica_url };
    int rc = upstream_open(&s->upstream, urls, buf_str(&s->tls.ca), s->epoll_fd, sink, msg);
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

int server_open(struct server **out, const struct settings *settings, const struct server_source *source,
                uint64_t seed, struct errmsg *msg)
{
    struct server *s = mem_alloc(sizeof(*s));
    s->settings = *settings;
    s->source = *source;
    s->listen_fd = -1;
    s->signals.fd = -1;
    io_clock_init(&s->clock, settings->time_scale);
    process_log_init(&s->lines, STDERR_FILENO, settings->log_level, settings->log_format);
    s->pump.ports.process = (struct process_port){ .context = s,
                                                   .line = port_line,
                                                   .audit = port_audit,
                                                   .level = port_level,
                                                   .reload = port_reload,
                                                   .stopped = port_stopped };
    int rc = tls_load(&s->tls, settings, msg);
    if (rc == 0) {
        rc = open_descriptors(s, msg);
    }
    if (rc == 0) {
        rc = listen_bind(settings, &s->listen_fd, &s->port, msg);
    }
    if (rc == 0) {
        s->pump.core = core_new(&s->settings, seed);
        rc = open_log(s, msg);
    }
    if (rc == 0) {
        rc = open_network(s, msg);
    }
    if (rc == 0) {
        rc = open_audit(s, msg);
    }
    if (rc == 0) {
        rc = log_store_start(s->log, msg);
    }
    if (rc != 0) {
        server_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

unsigned server_port(const struct server *s)
{
    return s->port;
}

/* Clients first: their relays borrow from calls.  The log last but for the core, which may still hold
 * blocks that the log thread is reading. */
void server_close(struct server *s)
{
    if (s == NULL) {
        return;
    }
    clients_close(s->clients);
    upstream_close(s->upstream);
    log_store_close(s->log);
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
