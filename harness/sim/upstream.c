/* Calls of the core to the instances.  Each ends with exactly one CORE_EV_CALL_END, cancelled ones too;
 * a black-holed one ends only when the core cancels it. */
#include "harness/sim/upstream.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/sim/balancer.h"
#include "harness/sim/clients.h"
#include "harness/sim/net.h"
#include <uthash.h>

#define HEADERS_MAX 64u

struct call {
    uint64_t id;
    struct conn *conn; /* NULL once cancelled */
    bool head_first;
    bool bytes_left; /* when cancelled */
    bool ending;     /* cancelled, and the happening that tells so is on its way */
    bool dead;       /* the process that asked is gone */
    uint64_t limit;
    bool relaying;
    uint64_t client;
    struct block *relay_headers;
    UT_hash_handle hh;
};

struct upstream {
    struct call *calls;
};

void sim_upstream_open(struct world *w)
{
    w->upstream = mem_alloc(sizeof(*w->upstream));
}

static struct call *find(struct world *w, uint64_t id)
{
    struct call *call = NULL;
    HASH_FIND(hh, w->upstream->calls, &id, sizeof(id), call);
    return call;
}

static void drop(struct world *w, struct call *call)
{
    if (!call->dead) {
        HASH_DEL(w->upstream->calls, call);
    }
    block_unref(call->relay_headers);
    mem_free(call);
}

static void tell_end(struct world *w, const struct call *call, enum call_outcome outcome,
                     const struct net_result *r, const struct http_head *head, struct block *body)
{
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_CALL_END, call->id, (uint64_t)outcome,
                 (uint64_t)r->status, STR(""));
    struct core_event event = { .kind = CORE_EV_CALL_END };
    event.u.call_end.call = call->id;
    event.u.call_end.outcome = outcome;
    event.u.call_end.bytes_left = r->bytes_left;
    event.u.call_end.head = head;
    event.u.call_end.body = body;
    event.u.call_end.detail = r->detail == NULL ? "" : r->detail;
    balancer_event(w, &event);
}

static void on_head(struct world *w, void *owner, int status, struct block *headers, int64_t content_length)
{
    struct call *call = owner;
    struct http_header parsed[HEADERS_MAX];
    struct http_head head = { .status = status, .headers = parsed, .content_length = content_length };
    head.header_count = http_headers_parse(block_str(headers), parsed, HEADERS_MAX);
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_CALL_HEAD, call->id, (uint64_t)status, 0, STR(""));
    struct core_event event = { .kind = CORE_EV_CALL_HEAD };
    event.u.call_head.call = call->id;
    event.u.call_head.head = &head;
    balancer_event(w, &event);
}

static void answered(struct world *w, struct call *call, struct net_result *r)
{
    if (call->relaying) {
        clients_relayed(w, call->client, r->status, r->headers, call->relay_headers, r->body, true);
        tell_end(w, call, CALL_ANSWERED, r, NULL, NULL);
        return;
    }
    if (block_str(r->body).size > call->limit) {
        r->detail = "the answer is larger than asked for";
        tell_end(w, call, CALL_BROKEN, r, NULL, NULL);
        return;
    }
    struct http_header parsed[HEADERS_MAX];
    struct http_head head = { .status = r->status,
                              .headers = parsed,
                              .content_length = (int64_t)block_str(r->body).size };
    head.header_count = http_headers_parse(block_str(r->headers), parsed, HEADERS_MAX);
    tell_end(w, call, CALL_ANSWERED, r, call->head_first ? NULL : &head, r->body);
}

static void on_end(struct world *w, void *owner, const struct net_result *result)
{
    struct call *call = owner;
    struct net_result r = *result;
    call->conn = NULL;
    switch (r.outcome) {
        case NET_ANSWERED:
            answered(w, call, &r);
            break;
        case NET_REFUSED:
            tell_end(w, call, CALL_REFUSED, &r, NULL, NULL);
            break;
        case NET_BROKEN:
            if (call->relaying) {
                clients_relayed(w, call->client, 0, NULL, NULL, NULL, false);
            }
            tell_end(w, call, CALL_BROKEN, &r, NULL, NULL);
            break;
    }
    /* Whatever the core did meanwhile, the call's end ends the ticket. */
    drop(w, call);
}

static const struct net_ops call_ops = { .on_head = on_head, .on_end = on_end };

static void port_call(void *context, const struct upstream_request *request)
{
    struct world *w = context;
    struct call *call = mem_alloc(sizeof(*call));
    call->id = request->call;
    call->head_first = request->head_first;
    call->limit = request->answer_limit;
    HASH_ADD(hh, w->upstream->calls, id, sizeof(call->id), call);
    struct str rest;
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_CALL, call->id, request->instance,
                 block_str(request->body).size, str_cut(block_str(request->request), '\n', &rest));
    call->conn = net_send(w, &(struct net_request){
                                 .instance = request->instance,
                                 .request = request->request,
                                 .body = request->body,
                                 .fresh = request->fresh,
                                 .head_first = request->head_first,
                                 .at_balancer = true,
                                 .ops = &call_ops,
                                 .owner = call,
                             });
}

static void port_collect(void *context, uint64_t id, uint64_t limit)
{
    struct world *w = context;
    struct call *call = find(w, id);
    if (call != NULL && call->conn != NULL) {
        call->limit = limit;
        net_read_body(w, call->conn);
    }
}

static void cancelled(struct world *w, struct happening *h)
{
    struct call *call = h->subject;
    if (!call->dead) {
        struct net_result r = { .bytes_left = call->bytes_left, .detail = "cancelled" };
        tell_end(w, call, CALL_CANCELLED, &r, NULL, NULL);
    }
    drop(w, call);
}

static void port_cancel(void *context, uint64_t id)
{
    struct world *w = context;
    struct call *call = find(w, id);
    if (call == NULL || call->conn == NULL) {
        return;
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_CANCEL, id, 0, 0, STR(""));
    call->bytes_left = net_bytes_left(call->conn);
    net_cancel(w, call->conn);
    call->conn = NULL;
    call->ending = true;
    if (call->relaying) {
        clients_relayed(w, call->client, 0, NULL, NULL, NULL, false);
    }
    world_schedule_balancer(w, w->now_ns + NS_PER_US, cancelled, call, 0);
}

struct upstream_port sim_upstream_port(struct world *w)
{
    return (struct upstream_port){
        .context = w, .call = port_call, .collect = port_collect, .cancel = port_cancel
    };
}

void sim_upstream_relay(struct world *w, uint64_t id, uint64_t client, struct block *headers)
{
    struct call *call = find(w, id);
    if (call == NULL || call->conn == NULL || call->relaying) {
        return;
    }
    call->relaying = true;
    call->client = client;
    call->relay_headers = block_ref(headers);
    net_read_body(w, call->conn);
}

void upstream_drop_all(struct world *w)
{
    struct call *call;
    struct call *next;
    HASH_ITER (hh, w->upstream->calls, call, next) {
        if (call->conn != NULL) {
            net_cancel(w, call->conn);
        }
        if (call->ending) {
            HASH_DEL(w->upstream->calls, call);
            call->dead = true; /* the happening on its way frees it */
        } else {
            drop(w, call);
        }
    }
    net_close_idle(w);
}

void sim_upstream_close(struct world *w)
{
    if (w->upstream == NULL) {
        return;
    }
    struct call *call;
    struct call *next;
    HASH_ITER (hh, w->upstream->calls, call, next) {
        drop(w, call);
    }
    mem_free(w->upstream);
    w->upstream = NULL;
}
