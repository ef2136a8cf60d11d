/* What the core asks of the world, taken down: answers for clients, requests to instances, records for the
 * log. */
#include "tests/unit/core/driver.h"

#include "base/memory.h"

static char *text_of(const struct block *block)
{
    struct str s = block_str(block);
    char *text = mem_alloc(s.size + 1);
    if (s.size > 0) {
        memcpy(text, s.data, s.size);
    }
    return text;
}

static struct driver_call *call_of(struct driver *d, uint64_t id)
{
    for (size_t i = 0; i < d->call_count; i++) {
        if (d->calls[i].id == id) {
            return &d->calls[i];
        }
    }
    CU_FAIL_FATAL("no such call");
    return NULL;
}

struct driver_client *driver_client(struct driver *d, uint64_t id)
{
    for (size_t i = 0; i < d->client_count; i++) {
        if (d->clients[i].id == id) {
            return &d->clients[i];
        }
    }
    CU_FAIL_FATAL("no such client");
    return NULL;
}

static void note(struct driver *d, const char *what, uint64_t id, const char *text)
{
    int length = (int)strcspn(text, "\n");
    buf_printf(&d->trace, "%llu %s %llu %.*s\n", (unsigned long long)d->now_ns, what, (unsigned long long)id,
               length, text);
}

static void take_reply(struct driver *d, const struct core_action *a)
{
    struct driver_client *c = driver_client(d, a->u.reply.client);
    CU_ASSERT_FALSE(c->over); /* nobody is answered twice, nor after it left */
    c->ended++;
    c->status = a->u.reply.status;
    c->headers = text_of(a->u.reply.headers);
    c->answer = text_of(a->u.reply.body);
    buf_printf(&d->trace, "%llu reply %llu %d %s\n", (unsigned long long)d->now_ns, (unsigned long long)c->id,
               c->status, c->answer);
}

static void take_call(struct driver *d, const struct core_action *a)
{
    CU_ASSERT_FATAL(d->call_count < DRIVER_CALLS);
    struct driver_call *call = &d->calls[d->call_count++];
    *call = (struct driver_call){
        .id = a->u.call.call,
        .instance = a->u.call.instance,
        .request = text_of(a->u.call.request),
        .body = text_of(a->u.call.body),
        .head_first = a->u.call.head_first,
        .fresh = a->u.call.fresh,
    };
    call->probe = !d->hold_probes && strstr(call->request, "/collections?limit=1\n") != NULL &&
                  strstr(call->request, "x-") == NULL;
    call->own = driver_is_mark(call) || (!d->hold_resync && driver_is_resync(call));
    note(d, call->instance == PRIMARY ? "call primary" : "call replica", call->id, call->request);
}

static void take_append(struct driver *d, const struct core_action *a)
{
    CU_ASSERT_FATAL(d->log_count < DRIVER_MANY);
    struct driver_record *r = &d->log[d->log_count++];
    r->lsn = a->u.append.lsn;
    r->type = a->u.append.type;
    r->sync = a->u.append.sync;
    r->meta = block_ref(a->u.append.meta);
    r->body = block_ref(a->u.append.body);
    note(d, "append", r->lsn, record_type_name(r->type));
}

static void command_done(struct driver *d, const struct core_action *a)
{
    CU_ASSERT_EQUAL(a->u.command_done.ticket, d->commands);
    CU_ASSERT_EQUAL(d->command_status, 0); /* once */
    d->command_status = a->u.command_done.status;
    mem_free(d->command_answer);
    d->command_answer = text_of(a->u.command_done.body);
    note(d, "command_done", a->u.command_done.ticket, d->command_answer);
}

void driver_carry_out(struct driver *d, const struct core_action *a)
{
    switch (a->kind) {
        case CORE_ACT_COLLECT: {
            note(d, "collect", a->u.collect.client, "");
            break; /* the body is given by driver_send */
        }
        case CORE_ACT_REPLY:
            take_reply(d, a);
            break;
        case CORE_ACT_RELAY: {
            struct driver_client *c = driver_client(d, a->u.relay.client);
            c->relays = a->u.relay.call;
            c->headers = text_of(a->u.relay.headers);
            call_of(d, a->u.relay.call)->relayed = true;
            note(d, "relay", c->id, "");
            break;
        }
        case CORE_ACT_ABORT: {
            struct driver_client *c = driver_client(d, a->u.abort.client);
            c->aborted = true;
            c->ended++;
            note(d, "abort", c->id, "");
            break;
        }
        case CORE_ACT_CALL:
            take_call(d, a);
            break;
        case CORE_ACT_CALL_COLLECT:
            call_of(d, a->u.call_collect.call)->collect = true;
            note(d, "call collect", a->u.call_collect.call, "");
            break;
        case CORE_ACT_CANCEL:
            call_of(d, a->u.cancel.call)->cancelled = true;
            note(d, "cancel", a->u.cancel.call, "");
            break;
        case CORE_ACT_APPEND:
            take_append(d, a);
            break;
        case CORE_ACT_TRIM:
            d->trimmed_lsn = a->u.trim.lsn;
            note(d, "trim", a->u.trim.lsn, "");
            break;
        case CORE_ACT_LINE:
            note(d, "line", 0, block_str(a->u.line.text).data);
            break;
        case CORE_ACT_AUDIT:
            note(d, "audit", 0, block_str(a->u.line.text).data);
            break;
        case CORE_ACT_RELOAD:
            note(d, "reload", a->u.reload.ticket, "");
            break;
        case CORE_ACT_LEVEL:
            note(d, "level", (uint64_t)a->u.level.level, "");
            break;
        case CORE_ACT_STOPPED:
            d->stopped = true;
            note(d, "stopped", 0, "");
            break;
        case CORE_ACT_READ:
            CU_ASSERT_FATAL(d->read_count < DRIVER_MANY);
            d->reads[d->read_count++] = a->u.read.lsn;
            note(d, "read", a->u.read.lsn, "");
            break;
        case CORE_ACT_COMMAND_DONE:
            command_done(d, a);
            break;
    }
}
