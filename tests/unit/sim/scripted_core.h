/* A core small enough to know by heart, linked instead of walproxy's: the tests of the simulator see what
 * the world tells a core, without walproxy's own judgement in between.
 *
 *   POST /log           appends the body as a record, answers 201 once it is durable
 *   GET /status         answers 200 with the number of records held, the recovered ones included
 *   anything else       is forwarded: to the replica with "x-to: replica", on a connection of its own with
 *                       "x-fresh: 1", cancelled after "x-patience: MS" milliseconds (default: never).
 *                       What comes back is the answer; a failure is 599 with the outcome in words. */
#ifndef WALDRILL_TESTS_UNIT_SIM_SCRIPTED_CORE_H
#define WALDRILL_TESTS_UNIT_SIM_SCRIPTED_CORE_H

#include "base/buf.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/core.h"
#include <stdio.h>
#include <stdlib.h>

#define SCRIPTED_TICKETS 4096
#define SCRIPTED_QUEUE   256

struct scripted_ticket {
    uint64_t client, call, lsn;
    unsigned instance;
    bool fresh, log, open;
    uint64_t patience_ns, deadline_ns;
    struct block *request;
};

struct core {
    struct scripted_ticket tickets[SCRIPTED_TICKETS];
    size_t ticket_count;
    struct core_action queue[SCRIPTED_QUEUE];
    size_t queued, taken;
    uint64_t next_call, next_lsn, recovered, held;
    unsigned call_ends[SCRIPTED_TICKETS]; /* by call: each must come to 1 */
};

static struct core_action *scripted_want(struct core *core, enum core_action_kind kind)
{
    if (core->queued == SCRIPTED_QUEUE) {
        abort();
    }
    struct core_action *action = &core->queue[core->queued++];
    *action = (struct core_action){ .kind = kind };
    return action;
}

static void scripted_reply(struct core *core, uint64_t client, int status, const char *text)
{
    struct core_action *action = scripted_want(core, CORE_ACT_REPLY);
    action->u.reply.client = client;
    action->u.reply.status = status;
    action->u.reply.body = block_copy(text, strlen(text));
}

static struct scripted_ticket *scripted_find(struct core *core, uint64_t client, uint64_t call)
{
    for (size_t i = 0; i < core->ticket_count; i++) {
        struct scripted_ticket *t = &core->tickets[i];
        if (t->open && (client != 0 ? t->client == client : t->call == call)) {
            return t;
        }
    }
    return NULL;
}

static void scripted_close(struct scripted_ticket *t)
{
    t->open = false;
    block_unref(t->request);
    t->request = NULL;
}

static void scripted_head(struct core *core, const struct core_event *event)
{
    const struct http_head *head = event->u.client_head.head;
    if (core->ticket_count == SCRIPTED_TICKETS) {
        abort();
    }
    if (str_equal(head->target, STR("/status"))) {
        char text[32];
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)(core->recovered + core->held));
        scripted_reply(core, event->u.client_head.client, 200, text);
        return;
    }
    struct scripted_ticket *t = &core->tickets[core->ticket_count++];
    *t = (struct scripted_ticket){ .client = event->u.client_head.client,
                                   .open = true,
                                   .deadline_ns = UINT64_MAX };
    struct str to = http_header_find(head->headers, head->header_count, "x-to");
    struct str patience = http_header_find(head->headers, head->header_count, "x-patience");
    t->instance = str_equal(to, STR("replica")) ? 1 : 0;
    t->fresh = http_header_find(head->headers, head->header_count, "x-fresh").data != NULL;
    t->log = str_equal(head->target, STR("/log"));
    uint64_t ms = 0;
    if (patience.size > 0 && units_parse_u64(patience, &ms, NULL) == 0) {
        t->patience_ns = ms * NS_PER_MS;
    }
    struct buf request;
    buf_init(&request, 65536);
    buf_printf(&request, "%.*s %.*s\n", STR_ARGS(head->method), STR_ARGS(head->target));
    http_headers_write(&request, head->headers, head->header_count);
    t->request = block_from_buf(&request);
    buf_deinit(&request);
    struct core_action *action = scripted_want(core, CORE_ACT_COLLECT);
    action->u.collect.client = t->client;
    action->u.collect.limit = 1u << 20;
}

static void scripted_body(struct core *core, const struct core_event *event)
{
    struct scripted_ticket *t = scripted_find(core, event->u.client_body.client, 0);
    if (t == NULL) {
        return;
    }
    if (t->log) {
        t->lsn = core->next_lsn++;
        struct core_action *action = scripted_want(core, CORE_ACT_APPEND);
        action->u.append.lsn = t->lsn;
        action->u.append.type = 1;
        action->u.append.meta = block_copy("m", 1);
        action->u.append.body = block_ref(event->u.client_body.body);
        action->u.append.sync = true;
        return;
    }
    t->call = ++core->next_call;
    t->deadline_ns = t->patience_ns == 0 ? UINT64_MAX : event->now_ns + t->patience_ns;
    struct core_action *action = scripted_want(core, CORE_ACT_CALL);
    action->u.call.call = t->call;
    action->u.call.instance = t->instance;
    action->u.call.request = block_ref(t->request);
    action->u.call.body = block_ref(event->u.client_body.body);
    action->u.call.answer_limit = 1u << 20;
    action->u.call.fresh = t->fresh;
}

static void scripted_call_end(struct core *core, const struct core_event *event)
{
    core->call_ends[event->u.call_end.call]++;
    struct scripted_ticket *t = scripted_find(core, 0, event->u.call_end.call);
    if (t == NULL) {
        return;
    }
    if (event->u.call_end.outcome == CALL_ANSWERED) {
        struct core_action *action = scripted_want(core, CORE_ACT_REPLY);
        action->u.reply.client = t->client;
        action->u.reply.status = event->u.call_end.head->status;
        action->u.reply.body = block_ref(event->u.call_end.body);
    } else {
        static const char *const words[] = { "answered", "refused", "broken", "cancelled" };
        char text[64];
        (void)snprintf(text, sizeof(text), "%s, %s", words[event->u.call_end.outcome],
                       event->u.call_end.bytes_left ? "bytes left" : "nothing left");
        scripted_reply(core, t->client, 599, text);
    }
    scripted_close(t);
}

static void scripted_durable(struct core *core, uint64_t lsn)
{
    for (size_t i = 0; i < core->ticket_count; i++) {
        struct scripted_ticket *t = &core->tickets[i];
        if (t->open && t->lsn != 0 && t->lsn <= lsn) {
            core->held++;
            scripted_reply(core, t->client, 201, "");
            scripted_close(t);
        }
    }
}

static void scripted_tick(struct core *core, uint64_t now_ns)
{
    for (size_t i = 0; i < core->ticket_count; i++) {
        struct scripted_ticket *t = &core->tickets[i];
        if (t->open && t->deadline_ns <= now_ns) {
            t->deadline_ns = UINT64_MAX;
            scripted_want(core, CORE_ACT_CANCEL)->u.cancel.call = t->call;
        }
    }
}

static void scripted_event(struct core *core, const struct core_event *event)
{
    switch (event->kind) {
        case CORE_EV_RECORD:
            core->recovered++;
            core->next_lsn = event->u.record.lsn + 1;
            break;
        case CORE_EV_CLIENT_HEAD:
            scripted_head(core, event);
            break;
        case CORE_EV_CLIENT_BODY:
            scripted_body(core, event);
            break;
        case CORE_EV_CALL_END:
            scripted_call_end(core, event);
            break;
        case CORE_EV_LOG_DURABLE:
            scripted_durable(core, event->u.log_durable.lsn);
            break;
        case CORE_EV_TICK:
            scripted_tick(core, event->now_ns);
            break;
        case CORE_EV_COMMAND:
            (void)scripted_want(core, CORE_ACT_STOPPED);
            break;
        case CORE_EV_START:
        case CORE_EV_CLIENT_DONE:
        case CORE_EV_CALL_HEAD:
        case CORE_EV_LOG_FAILED:
        case CORE_EV_LOG_READ:
            break;
    }
}

struct core *core_new(const struct settings *settings, uint64_t seed)
{
    (void)settings;
    (void)seed;
    struct core *core = mem_alloc(sizeof(*core));
    core->next_lsn = 1;
    return core;
}

void core_free(struct core *core)
{
    for (size_t i = 0; i < core->ticket_count; i++) {
        scripted_close(&core->tickets[i]);
    }
    mem_free(core);
}

size_t core_step(struct core *core, const struct core_event *event, struct core_action *actions,
                 size_t capacity, bool *more)
{
    scripted_event(core, event);
    size_t count = 0;
    while (count < capacity && core->taken < core->queued) {
        actions[count++] = core->queue[core->taken++];
    }
    *more = core->taken < core->queued;
    if (!*more) {
        core->taken = 0;
        core->queued = 0;
    }
    return count;
}

uint64_t core_deadline(const struct core *core)
{
    uint64_t next = CORE_NO_DEADLINE;
    for (size_t i = 0; i < core->ticket_count; i++) {
        if (core->tickets[i].open && core->tickets[i].deadline_ns < next) {
            next = core->tickets[i].deadline_ns;
        }
    }
    return next;
}

void core_action_release(struct core_action *action)
{
    if (action->kind == CORE_ACT_REPLY) {
        block_unref(action->u.reply.body);
    } else if (action->kind == CORE_ACT_CALL) {
        block_unref(action->u.call.request);
        block_unref(action->u.call.body);
    } else if (action->kind == CORE_ACT_APPEND) {
        block_unref(action->u.append.meta);
        block_unref(action->u.append.body);
    }
}

void core_facts(const struct core *core, uint64_t now_ns, struct core_facts *out)
{
    (void)core;
    (void)now_ns;
    *out = (struct core_facts){ 0 };
}

#ifdef WALDRILL_MUTANTS
const char *const core_mutant_names[] = { NULL };
int core_set_mutant(struct core *core, const char *name)
{
    (void)core;
    (void)name;
    return ERR_NOT_FOUND;
}
#endif

#endif
