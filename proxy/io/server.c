/* The loop, and everything between it and the core.
 *
 * A process of its own runs it to the end; who embeds it takes the same steps one by one (server.h). */
#include "proxy/io/server_internal.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/settings_live.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64
#define RSS_INTERVAL_NS NS_PER_S
#define LAG_INTERVAL_NS (10 * NS_PER_S) /* between two warnings of it */

/* Events to the core. */

void proxy_server_tell(void *context, struct core_event *event)
{
    struct proxy_server *s = context;
    event->now_ns = io_clock_core_ns(&s->clock);
    event->wall_ms = io_clock_wall_ms();
    pump_event(&s->pump, event);
}

void proxy_server_tell_record(void *context, const struct wal_record *record, bool first)
{
    struct core_event event = { .kind = CORE_EV_RECORD };
    event.u.record.lsn = record->lsn;
    event.u.record.type = record->type;
    event.u.record.meta = record->meta;
    event.u.record.body = record->body;
    event.u.record.first = first;
    proxy_server_tell(context, &event);
}

static bool deliver_log(struct proxy_server *s)
{
    struct core_event event = { .kind = CORE_EV_TICK };
    bool any = false;
    s->log_ready = false;
    while (log_store_next(s->log, &event)) {
        proxy_server_tell(s, &event);
        any = true;
    }
    return any;
}

/* The process port. */

static void port_line(void *context, enum log_level level, struct block *text)
{
    struct proxy_server *s = context;
    process_log_line(&s->lines, level, block_str(text));
}

static void port_audit(void *context, struct block *text)
{
    struct proxy_server *s = context;
    if (s->audit != NULL) {
        audit_file_line(s->audit, block_str(text));
    }
}

static void port_level(void *context, enum log_level level)
{
    struct proxy_server *s = context;
    s->lines.level = level;
}

static void port_stopped(void *context)
{
    struct proxy_server *s = context;
    s->stopped = true;
}

static void port_reload(void *context, uint64_t ticket)
{
    struct proxy_server *s = context;
    s->reloads = mem_realloc(s->reloads, (s->reload_count + 1) * sizeof(s->reloads[0]));
    s->reloads[s->reload_count++] = ticket;
}

struct process_port proxy_server_process_port(struct proxy_server *s)
{
    return (struct process_port){ .context = s,
                                  .line = port_line,
                                  .audit = port_audit,
                                  .level = port_level,
                                  .reload = port_reload,
                                  .stopped = port_stopped };
}

/* Orders from outside the loop. */

static void reload(struct proxy_server *s, uint64_t ticket)
{
    struct errmsg msg = { "" };
    struct core_event event = { .kind = CORE_EV_COMMAND };
    int rc = s->source.load(s->source.context, &s->wanted, &msg);
    event.u.command.command = CORE_COMMAND_SETTINGS;
    event.u.command.ticket = ticket;
    event.u.command.settings = rc == 0 ? &s->wanted : NULL;
    event.u.command.detail = msg.text;
    proxy_server_tell(s, &event);
    if (rc == 0) {
        settings_take_over(&s->settings, &s->wanted, NULL, NULL);
    }
    if (s->audit != NULL) {
        audit_file_reopen(s->audit);
    }
}

static bool deliver_reloads(struct proxy_server *s)
{
    bool any = s->reload_count > 0;
    for (; s->reload_count > 0; s->reload_count--) {
        reload(s, s->reloads[s->reload_count - 1]);
    }
    return any;
}

static void drain(struct proxy_server *s, const char *signal)
{
    struct core_event event = { .kind = CORE_EV_COMMAND };
    event.u.command.command = CORE_COMMAND_DRAIN;
    process_log_note(&s->lines, LOG_INFO, "draining", "signal", str_of(signal));
    proxy_server_tell(s, &event);
}

static void act_on_signals(struct proxy_server *s, unsigned *acted)
{
    if (s->signals.reload) {
        s->signals.reload = false;
        reload(s, 0);
    }
    if (*acted == 0 && s->signals.ends > 0) {
        drain(s, sigabbrev_np(s->signals.end_signal));
    }
    *acted = s->signals.ends;
}

/* The loop. */

/* Actions go on while the audit log cannot be written, so that has to be said loudly. */
static void look_at_audit(struct proxy_server *s)
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

static void measure_memory(struct proxy_server *s)
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
static void measure_lag(struct proxy_server *s, uint64_t wanted_ns, uint64_t now_ns)
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

static void tick(struct proxy_server *s)
{
    uint64_t deadline = io_clock_to_real(&s->clock, core_deadline(s->pump.core));
    uint64_t now = io_clock_real_ns();
    if (deadline <= now) {
        struct core_event event = { .kind = CORE_EV_TICK };
        measure_lag(s, deadline, now);
        proxy_server_tell(s, &event);
    }
}

static uint64_t next_deadline(struct proxy_server *s, uint64_t now_ns)
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

/* True when there were any. */
static bool wait_for_events(struct proxy_server *s, uint64_t wait)
{
    struct epoll_event events[EVENTS_PER_TURN];
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
    return n > 0;
}

static void turn(struct proxy_server *s)
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
static void warn_memory_mode(struct proxy_server *s)
{
    if (s->settings.wal_mode == WAL_MODE_MEMORY) {
        process_log_note(&s->lines, LOG_WARN, "wal_in_memory", "why",
                         STR("writes that are pending are lost when this process is killed"));
    }
}

void proxy_server_hand_over(struct proxy_server *s)
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

void proxy_server_begin(struct proxy_server *s)
{
    struct core_event start = { .kind = CORE_EV_START, .u.start.queue_lost = s->queue_lost };
    warn_memory_mode(s);
    proxy_server_tell(s, &start);
}

int proxy_server_run(struct proxy_server *s)
{
    unsigned acted = 0;
    proxy_server_begin(s);
    while (!s->stopped && s->signals.ends < 2) {
        turn(s);
        uint64_t now = io_clock_real_ns();
        uint64_t until = next_deadline(s, now);
        (void)wait_for_events(s, until > now ? until - now : 0);
        act_on_signals(s, &acted);
    }
    proxy_server_hand_over(s);
    char lag[32];
    units_format_duration(s->lag_max_ns, lag, sizeof(lag));
    process_log_note(&s->lines, LOG_INFO, "stopped", "lag_max", str_of(lag));
    return s->stopped ? 0 : 128 + s->signals.end_signal;
}

/* Steps for who embeds it. */

bool proxy_server_turn(struct proxy_server *s)
{
    uint64_t now = io_clock_real_ns();
    bool any = wait_for_events(s, 0);
    any = next_deadline(s, now) <= now || any;
    if (any) {
        turn(s);
    }
    return any;
}

uint64_t proxy_server_deadline(struct proxy_server *s)
{
    return next_deadline(s, io_clock_real_ns());
}

void proxy_server_take(struct proxy_server *s)
{
    log_store_take(s->log);
}

bool proxy_server_work(struct proxy_server *s)
{
    return log_store_deadline(s->log) <= io_clock_real_ns() && log_store_work(s->log);
}

uint64_t proxy_server_work_deadline(const struct proxy_server *s)
{
    return log_store_deadline(s->log);
}

void proxy_server_drain(struct proxy_server *s)
{
    drain(s, "TERM");
}

bool proxy_server_stopped(const struct proxy_server *s)
{
    return s->stopped;
}

size_t proxy_server_calls(const struct proxy_server *s)
{
    return upstream_in_flight(s->upstream);
}
