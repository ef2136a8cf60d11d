#include "proxy/core/calls.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/health.h"
#include "proxy/core/learn.h"
#include "proxy/core/mark.h"
#include "proxy/core/outcome.h"
#include "proxy/core/reads.h"
#include "proxy/core/reset.h"
#include "proxy/core/resync.h"

#define SCALED_TIMEOUT_FLOOR_NS (2 * NS_PER_S)
#define FIRST_ATTEMPT_MIN_NS    (1 * NS_PER_S)
#define FIRST_ATTEMPT_PER_MB_NS (200 * NS_PER_MS)

uint64_t call_timeout_floor(const struct core *core, uint64_t timeout_ns)
{
    double scale = core->settings.time_scale;
    if (scale <= 1.0) {
        return timeout_ns;
    }
    uint64_t floor_ns = (uint64_t)((double)SCALED_TIMEOUT_FLOOR_NS * scale);
    return timeout_ns < floor_ns ? floor_ns : timeout_ns;
}

uint64_t call_first_timeout(const struct core *core, size_t body_size)
{
    uint64_t share_ns = core->settings.request_timeout_ns / 3;
    uint64_t least_ns = FIRST_ATTEMPT_MIN_NS + (uint64_t)(body_size >> 20) * FIRST_ATTEMPT_PER_MB_NS;
    return call_timeout_floor(core, share_ns < least_ns ? least_ns : share_ns);
}

static struct block *request_block(const struct core *core, const struct call_spec *spec)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    buf_append_str(&b, spec->method);
    buf_append_char(&b, ' ');
    buf_append_str(&b, spec->target);
    buf_append_char(&b, '\n');
    if (spec->content_type.size > 0) {
        buf_append_text(&b, "content-type: ");
        buf_append_str(&b, spec->content_type);
        buf_append_text(&b, "\r\n");
    }
    if (spec->request_id.size > 0) {
        buf_append_text(&b, "x-request-id: ");
        buf_append_str(&b, spec->request_id);
        buf_append_text(&b, "\r\n");
    }
    buf_append_str(&b, spec->header_lines);
    if (!spec->by_client) {
        settings_auth_line(spec->instance == 0 ? core->settings.primary_auth : core->settings.replica_auth,
                           &b);
    }
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    CHECK(block != NULL); /* bounded by the head limits of the adapter */
    return block;
}

/* The proxy's own housekeeping does not count as requests. */
static bool ours(enum call_kind kind)
{
    return kind == CALL_PROBE || kind == CALL_MARK || kind == CALL_RESYNC;
}

struct call *call_start(struct core *core, const struct call_spec *spec)
{
    struct call *call = mem_alloc(sizeof(*call));
    call->id = core->next_call++;
    call->kind = spec->kind;
    call->instance = spec->instance;
    call->sent_ns = core->now_ns;
    timer_init(&call->timer, TIMER_CALL, spec->instance, call);
    timer_set(core, &call->timer, core->now_ns + spec->timeout_ns);
    HASH_ADD(hh, core->calls, id, sizeof(call->id), call);
    struct core_action *action = core_push(core, CORE_ACT_CALL);
    action->u.call.call = call->id;
    action->u.call.instance = spec->instance;
    action->u.call.request = request_block(core, spec);
    action->u.call.body = block_ref(spec->body);
    action->u.call.head_first = spec->head_first;
    action->u.call.answer_limit = spec->answer_limit;
    action->u.call.fresh = spec->fresh;
    if (!ours(spec->kind)) {
        core->instances[spec->instance].requests++;
    }
    return call;
}

struct call *call_find(struct core *core, uint64_t id)
{
    struct call *call = NULL;
    HASH_FIND(hh, core->calls, &id, sizeof(id), call);
    return call;
}

void call_drop(struct core *core, uint64_t id)
{
    struct call *call = id == 0 ? NULL : call_find(core, id);
    if (call == NULL || call->dropped) {
        return;
    }
    call->dropped = true;
    call->client = 0;
    timer_stop(core, &call->timer);
    core_push(core, CORE_ACT_CANCEL)->u.cancel.call = id;
}

void call_timed_out(struct core *core, struct call *call)
{
    call->timed_out = true;
    core_push(core, CORE_ACT_CANCEL)->u.cancel.call = call->id;
}

static void call_free(struct core *core, struct call *call)
{
    timer_stop(core, &call->timer);
    HASH_DEL(core->calls, call);
    block_unref(call->headers);
    mem_free(call->members);
    mem_free(call);
}

void call_head(struct core *core, const struct core_event *event)
{
    struct call *call = call_find(core, event->u.call_head.call);
    if (call != NULL && !call->dropped && !call->timed_out) {
        CHECK(call->kind == CALL_READ || call->kind == CALL_PASS);
        read_head(core, call, event->u.call_head.head);
    }
}

static void note_evidence(struct core *core, const struct call *call, const struct core_event *event)
{
    enum call_outcome outcome = event->u.call_end.outcome;
    struct instance *instance = &core->instances[call->instance];
    if (outcome == CALL_ANSWERED) {
        instance->requests_ok += ours(call->kind) ? 0 : 1;
        return;
    }
    instance->unanswered += call->dropped || ours(call->kind) ? 0 : 1;
    if (!call->dropped && call->kind != CALL_PROBE) {
        if (call->timed_out) {
            health_evidence(core, call->instance, "timeout");
        } else {
            if (outcome == CALL_REFUSED) {
                mark_refused(core, call->instance);
            }
            health_lost(core, call->instance, event->u.call_end.detail);
        }
    }
}

void call_end(struct core *core, const struct core_event *event)
{
    struct call *call = call_find(core, event->u.call_end.call);
    CHECK(call != NULL); /* each call completes exactly once */
    if (call->kind != CALL_MARK) {
        note_evidence(core, call, event);
    }
    switch (call->kind) {
        case CALL_PROBE:
            health_probe_end(core, call, event);
            break;
        case CALL_READ:
        case CALL_PASS:
            read_end(core, call, event);
            break;
        case CALL_WRITE:
            outcome_write(core, call, event);
            break;
        case CALL_FENCE:
            outcome_fence(core, call, event);
            break;
        case CALL_NAME:
            outcome_name(core, call, event);
            break;
        case CALL_LEARN:
            learn_end(core, call, event);
            break;
        case CALL_MARK:
            mark_end(core, call, event);
            note_evidence(core, call, event); /* which may ask for the mark to be read again */
            break;
        case CALL_RESYNC:
            resync_end(core, call, event);
            break;
        case CALL_RESET:
            reset_end(core, call, event);
            break;
    }
    call_free(core, call);
}

void calls_free(struct core *core)
{
    struct call *call;
    struct call *next;
    HASH_ITER (hh, core->calls, call, next) {
        call_free(core, call);
    }
}
