/* The core's outer shell: taking events, handing out actions, keeping one heap of timers.
 *
 * What happens inside is spread by idea: clients.c (a request from head to answer), writes.c (a logged
 * write from record to decision), send.c (which write goes to which instance next), outcome.c (what an
 * answer means), reads.c, learn.c (identity), health.c, recover.c, status.c.  Nothing in here or there
 * performs I/O; whatever is wished for is pushed as an action and carried out by the pump. */
#include "proxy/core/core.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/admin.h"
#include "proxy/core/admin_answers.h"
#include "proxy/core/alerts.h"
#include "proxy/core/batch.h"
#include "proxy/core/calls.h"
#include "proxy/core/checkpoint.h"
#include "proxy/core/clients.h"
#include "proxy/core/failover.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/mark.h"
#include "proxy/core/payload.h"
#include "proxy/core/quota.h"
#include "proxy/core/recover.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
#include "proxy/core/state.h"
#include "proxy/core/trail.h"
#include "proxy/core/writes.h"
#include <stdarg.h>

struct core *core_new(const struct settings *settings, uint64_t seed)
{
    struct core *core = mem_alloc(sizeof(*core));
    core->settings = *settings;
    prng_seed(&core->prng, seed);
    core->instance_count = settings->replica_url[0] == '\0' ? 1 : 2;
    core->next_call = 1;
    core->next_lsn = 1;
    TAILQ_INIT(&core->waiting);
    TAILQ_INIT(&core->undecided);
    TAILQ_INIT(&core->loose);
    TAILQ_INIT(&core->awaiting_sync);
    TAILQ_INIT(&core->barriers);
    TAILQ_INIT(&core->letters);
    TAILQ_INIT(&core->letter_jobs);
    TAILQ_INIT(&core->admin_answers);
    TAILQ_INIT(&core->trail.open);
    heap_init(&core->timers);
    alerts_init(core);
    health_init(core);
    mark_init(core);
    resync_init(core);
    timer_init(&core->failover.timer, TIMER_FAILOVER, 0, NULL);
    return core;
}

void core_free(struct core *core)
{
    clients_free(core);
    calls_free(core);
    batch_free(core);
    admin_free(core);
    trail_free(core);
    letters_free(core);
    resync_free(core);
    writes_free(core);
    lanes_free(core);
    heap_deinit(&core->timers);
    for (size_t i = core->action_first; i < core->action_count; i++) {
        core_action_release(&core->actions[i]);
    }
    mem_free(core->actions);
    mem_free(core);
}

/* ---- actions ---- */

struct core_action *core_push(struct core *core, enum core_action_kind kind)
{
    if (core->action_count == core->action_capacity) {
        core->action_capacity = core->action_capacity == 0 ? 64 : core->action_capacity * 2;
        core->actions = mem_realloc(core->actions, core->action_capacity * sizeof(*core->actions));
    }
    struct core_action *action = &core->actions[core->action_count++];
    memset(action, 0, sizeof(*action));
    action->kind = kind;
    return action;
}

void core_action_release(struct core_action *action)
{
    switch (action->kind) {
        case CORE_ACT_REPLY:
            block_unref(action->u.reply.headers);
            block_unref(action->u.reply.body);
            break;
        case CORE_ACT_RELAY:
            block_unref(action->u.relay.headers);
            break;
        case CORE_ACT_CALL:
            block_unref(action->u.call.request);
            block_unref(action->u.call.body);
            break;
        case CORE_ACT_APPEND:
            block_unref(action->u.append.meta);
            block_unref(action->u.append.body);
            break;
        case CORE_ACT_COMMAND_DONE:
            block_unref(action->u.command_done.body);
            break;
        case CORE_ACT_LINE:
        case CORE_ACT_AUDIT:
            block_unref(action->u.line.text);
            break;
        case CORE_ACT_COLLECT:
        case CORE_ACT_ABORT:
        case CORE_ACT_CALL_COLLECT:
        case CORE_ACT_CANCEL:
        case CORE_ACT_READ:
        case CORE_ACT_TRIM:
        case CORE_ACT_LEVEL:
        case CORE_ACT_RELOAD:
        case CORE_ACT_STOPPED:
            break;
    }
}

static size_t hand_out(struct core *core, struct core_action *actions, size_t capacity, bool *more)
{
    size_t waiting = core->action_count - core->action_first;
    size_t count = waiting < capacity ? waiting : capacity;
    if (count > 0) {
        memcpy(actions, core->actions + core->action_first, count * sizeof(*actions));
    }
    core->action_first += count;
    if (core->action_first == core->action_count) {
        core->action_first = 0;
        core->action_count = 0;
    }
    *more = core->action_first != core->action_count;
    return count;
}

/* ---- timers ---- */

void timer_init(struct timer *timer, enum timer_kind kind, unsigned instance, void *owner)
{
    memset(timer, 0, sizeof(*timer));
    timer->kind = kind;
    timer->instance = instance;
    timer->owner = owner;
}

void timer_stop(struct core *core, struct timer *timer)
{
    heap_remove(&core->timers, &timer->node);
}

void timer_set(struct core *core, struct timer *timer, uint64_t at_ns)
{
    timer_stop(core, timer);
    heap_insert(&core->timers, &timer->node, at_ns);
}

static void fire(struct core *core, struct timer *timer)
{
    switch (timer->kind) {
        case TIMER_CALL:
            call_timed_out(core, timer->owner);
            break;
        case TIMER_CLIENT:
            client_timed_out(core, timer->owner);
            break;
        case TIMER_PROBE:
            health_probe(core, timer->instance);
            break;
        case TIMER_PACE:
        case TIMER_ALERT:
        case TIMER_FAILOVER:
            break; /* send_all, alerts_look and failover_run run in each step */
        case TIMER_BACKOFF:
            core->instances[timer->instance].backoff_ns = 0;
            break;
        case TIMER_STRAND: {
            struct strand *strand = timer->owner;
            strand->retry_ns[timer->instance] = 0;
            send_wake(core, strand, timer->instance);
            break;
        }
        case TIMER_MARK:
            mark_timer(core, timer->instance);
            break;
        case TIMER_RESYNC:
            resync_timer(core);
            break;
    }
}

static void run_timers(struct core *core)
{
    struct heap_node *node;
    while ((node = heap_peek(&core->timers)) != NULL && node->key <= core->now_ns) {
        (void)heap_pop(&core->timers);
        fire(core, HEAP_ENTRY(node, struct timer, node));
    }
}

uint64_t core_deadline(const struct core *core)
{
    const struct heap_node *node = heap_peek(&core->timers);
    return node == NULL ? CORE_NO_DEADLINE : node->key;
}

/* ---- events ---- */

static void log_failed(struct core *core, const char *detail)
{
    core->log_failed = true;
    core_line(core, LOG_ERROR, "log_failed", "detail", detail, NULL);
    clients_log_failed(core);
    admin_log_failed(core);
}

static void take(struct core *core, const struct core_event *event)
{
    switch (event->kind) {
        case CORE_EV_TICK:
            break;
        case CORE_EV_RECORD:
            recover_record(core, event);
            break;
        case CORE_EV_START:
            core->started = true;
            if (event->u.start.queue_lost) {
                recover_lost(core);
            }
            core->start_ms = event->wall_ms;
            core->start_ns = core->now_ns;
            recover_finish(core);
            mark_start(core);
            health_start(core);
            break;
        case CORE_EV_CLIENT_HEAD:
            client_head(core, event);
            break;
        case CORE_EV_CLIENT_BODY:
            client_body(core, event);
            break;
        case CORE_EV_CLIENT_DONE:
            client_done(core, event->u.client_done.client, event->u.client_done.delivered);
            break;
        case CORE_EV_CALL_HEAD:
            call_head(core, event);
            break;
        case CORE_EV_CALL_END:
            call_end(core, event);
            break;
        case CORE_EV_LOG_DURABLE:
            writes_durable(core, event->u.log_durable.lsn, event->u.log_durable.log_bytes);
            break;
        case CORE_EV_LOG_FAILED:
            log_failed(core, event->u.log_failed.detail);
            break;
        case CORE_EV_LOG_READ:
            if (!letters_read(core, event)) {
                payload_read(core, event);
            }
            break;
        case CORE_EV_COMMAND:
            admin_command(core, event);
            break;
    }
}

/* A drained core has answered every client and has nothing in flight towards a client. */
static void stop_when_drained(struct core *core)
{
    if (core->draining && !core->stopped && core->clients == NULL) {
        core->stopped = true;
        core_line(core, LOG_INFO, "stopped", NULL);
        (void)core_push(core, CORE_ACT_STOPPED);
    }
}

size_t core_step(struct core *core, const struct core_event *event, struct core_action *actions,
                 size_t capacity, bool *more)
{
    CHECK(capacity > 0);
    CHECK(event->now_ns >= core->now_ns);
    core->now_ns = event->now_ns;
    core->wall_ms = event->wall_ms;
    take(core, event);
    if (core->started) {
        run_timers(core);
        failover_run(core);
        writes_ask_again(core);
        send_all(core);
        resync_run(core);
        send_all(core);
        writes_note_cursors(core);
        quota_look(core);
        alerts_look(core);
        writes_checkpoint(core);
        recover_look(core);
        stop_when_drained(core);
    }
    return hand_out(core, actions, capacity, more);
}

/* ---- log lines ---- */

void core_line(struct core *core, enum log_level level, const char *event, ...)
{
    if (level < core->settings.log_level) {
        return;
    }
    struct buf b;
    buf_init(&b, 8192);
    enum log_format format = core->settings.log_format;
    log_line_begin(&b, format, core->wall_ms, level, "core", event);
    va_list args;
    va_start(args, event);
    const char *key;
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): begun above */
    while ((key = va_arg(args, const char *)) != NULL) {
        log_line_str(&b, format, key, str_of(va_arg(args, const char *)));
    }
    va_end(args);
    log_line_end(&b, format);
    struct core_action *action = core_push(core, CORE_ACT_LINE);
    action->u.line.level = level;
    action->u.line.text = block_from_buf(&b);
    buf_deinit(&b);
    if (action->u.line.text == NULL) {
        core->action_count--; /* no memory for a log line: the line is what we can do without */
    }
}

void core_set_rss(struct core *core, uint64_t rss_bytes)
{
    core->rss_bytes = rss_bytes;
}

void core_set_audit(struct core *core, bool failed, uint64_t lost)
{
    core->audit_failed = failed;
    core->audit_lost = lost;
}
