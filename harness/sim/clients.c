/* One struct per request, on its way through: it leaves the client, arrives at the balancer (or at an
 * instance), is answered there, and the answer arrives at the client, who may have gone by then.  Whether
 * the balancer notices a client's departure before it answers is drawn for each: an HTTP server that does
 * not read a parked connection does not. */
#include "harness/sim/clients.h"

#include "base/http_head.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/sim/balancer.h"
#include "harness/sim/net.h"
#include "harness/sim/upstream.h"
#include <uthash.h>

#define HEADERS_MAX 64u

struct client {
    uint64_t id;
    enum engine_target target;
    char *method, *path;
    struct block *headers, *body;
    uint64_t tag;
    engine_answer_cb *cb; /* NULL once told */
    void *context;
    uint64_t sent_ns;
    struct happening *patience;
    struct conn *conn; /* to an instance */
    bool at_lb;        /* the core knows it and was not told CLIENT_DONE */
    bool answering;    /* REPLY, RELAY or ABORT was asked for */
    unsigned pins;     /* happenings on their way */
    /* The answer on its way. */
    bool broken;
    int status;
    struct block *answer_headers, *answer_body;
    UT_hash_handle hh;
};

struct clients {
    struct client *all;
    uint64_t next;
    struct prng prng;
};

void sim_clients_open(struct world *w)
{
    w->clients = mem_alloc(sizeof(*w->clients));
    struct prng root;
    prng_seed(&root, w->seed);
    w->clients->prng = prng_split(&root, "clients");
}

static void destroy(struct world *w, struct client *c)
{
    HASH_DEL(w->clients->all, c);
    mem_free(c->method);
    mem_free(c->path);
    block_unref(c->headers);
    block_unref(c->body);
    block_unref(c->answer_headers);
    block_unref(c->answer_body);
    mem_free(c);
}

static void free_if_over(struct world *w, struct client *c)
{
    if (c->cb == NULL && !c->at_lb && c->pins == 0) {
        destroy(w, c);
    }
}

static struct client *unpin(struct happening *h)
{
    struct client *c = h->subject;
    c->pins--;
    return c;
}

static void later(struct world *w, struct client *c, uint64_t delay_ns, happen_fn *happen, bool at_balancer)
{
    c->pins++;
    if (at_balancer) {
        world_schedule_balancer(w, w->now_ns + delay_ns, happen, c, 0);
    } else {
        world_schedule(w, w->now_ns + delay_ns, happen, c, 0);
    }
}

/* The client knows how it ended. */
static void tell(struct world *w, struct client *c, enum op_outcome outcome)
{
    engine_answer_cb *cb = c->cb;
    if (cb == NULL) {
        return;
    }
    c->cb = NULL;
    if (c->patience != NULL) {
        world_cancel(w, c->patience);
        c->patience = NULL;
    }
    bool answered = outcome == OP_ANSWERED;
    struct engine_answer answer = {
        .outcome = outcome,
        .status = answered ? c->status : 0,
        .headers = answered ? block_str(c->answer_headers) : STR(""),
        .body = answered ? block_str(c->answer_body) : STR(""),
        .sent_ns = world_scenario_time(w, c->sent_ns),
        .done_ns = outcome == OP_PENDING ? HISTORY_NEVER : world_scenario_time(w, w->now_ns),
    };
    journal_note(&w->journal, w->now_ns, JOURNAL_CLIENT_OVER, c->id, (uint64_t)outcome,
                 (uint64_t)answer.status, STR(""));
    cb(c->context, c->tag, &answer);
}

/* ---- to the balancer ---- */

static void done(struct world *w, struct client *c, bool delivered)
{
    if (!c->at_lb) {
        return;
    }
    c->at_lb = false;
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_CLIENT_DONE, c->id, delivered, 0, STR(""));
    struct core_event event = { .kind = CORE_EV_CLIENT_DONE };
    event.u.client_done.client = c->id;
    event.u.client_done.delivered = delivered;
    balancer_event(w, &event);
}

static void done_delivered(struct world *w, struct happening *h)
{
    struct client *c = unpin(h);
    done(w, c, true);
    free_if_over(w, c);
}

static void done_undelivered(struct world *w, struct happening *h)
{
    struct client *c = unpin(h);
    done(w, c, false);
    free_if_over(w, c);
}

static void answer_reaches_client(struct world *w, struct happening *h)
{
    struct client *c = unpin(h);
    tell(w, c, c->broken ? OP_CONN_BROKEN : OP_ANSWERED);
    free_if_over(w, c);
}

static void refusal_reaches_client(struct world *w, struct happening *h)
{
    struct client *c = unpin(h);
    tell(w, c, OP_CONN_REFUSED);
    free_if_over(w, c);
}

static void head_enters_balancer(struct world *w, struct happening *h)
{
    struct client *c = unpin(h);
    if (!balancer_listens(w)) { /* it died between the handshake and now */
        c->broken = true;
        later(w, c, net_latency(w), answer_reaches_client, false);
        return;
    }
    struct http_header parsed[HEADERS_MAX];
    struct http_head head = {
        .method = str_of(c->method),
        .target = str_of(c->path),
        .headers = parsed,
        .header_count = http_headers_parse(block_str(c->headers), parsed, HEADERS_MAX),
        .content_length = c->body == NULL ? 0 : (int64_t)c->body->size,
    };
    c->at_lb = true;
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_HEAD, c->id, block_str(c->body).size, 0, head.target);
    struct core_event event = { .kind = CORE_EV_CLIENT_HEAD };
    event.u.client_head.client = c->id;
    event.u.client_head.head = &head;
    event.u.client_head.loopback = true;
    balancer_event(w, &event);
    free_if_over(w, c);
}

static void head_arrives(struct world *w, struct happening *h)
{
    struct client *c = unpin(h);
    if (balancer_listens(w)) {
        later(w, c, 0, head_enters_balancer, true);
    } else {
        later(w, c, net_latency(w), refusal_reaches_client, false);
    }
}

static void body_enters_balancer(struct world *w, struct happening *h)
{
    struct client *c = unpin(h);
    if (c->at_lb) {
        bool too_large = h->value != 0;
        journal_note(&w->journal, w->now_ns, JOURNAL_LB_BODY, c->id, block_str(c->body).size, too_large,
                     STR(""));
        struct core_event event = { .kind = CORE_EV_CLIENT_BODY };
        event.u.client_body.client = c->id;
        event.u.client_body.body = too_large ? NULL : c->body;
        event.u.client_body.too_large = too_large;
        balancer_event(w, &event);
    }
    free_if_over(w, c);
}

/* ---- the port ---- */

static struct client *at_lb(struct world *w, uint64_t id)
{
    struct client *c = NULL;
    HASH_FIND(hh, w->clients->all, &id, sizeof(id), c);
    return c != NULL && c->at_lb && !c->answering ? c : NULL;
}

static void port_collect(void *context, uint64_t id, uint64_t limit)
{
    struct world *w = context;
    struct client *c = at_lb(w, id);
    if (c == NULL) {
        return;
    }
    uint64_t size = block_str(c->body).size;
    c->pins++;
    world_schedule_balancer(w, w->now_ns + NS_PER_US + net_transfer(size), body_enters_balancer, c,
                            size > limit);
}

/* An answer leaves the balancer for a client who may have gone. */
static void send_answer(struct world *w, struct client *c, uint64_t size)
{
    c->answering = true;
    if (c->cb == NULL) {
        later(w, c, NS_PER_US, done_undelivered, true);
        return;
    }
    later(w, c, net_latency(w) + net_transfer(size), answer_reaches_client, false);
    later(w, c, 5 * NS_PER_US + net_transfer(size), c->broken ? done_undelivered : done_delivered, true);
}

static void port_reply(void *context, uint64_t id, int status, struct block *headers, struct block *body)
{
    struct world *w = context;
    struct client *c = at_lb(w, id);
    if (c == NULL) {
        return;
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_REPLY, id, (uint64_t)status, block_str(body).size,
                 STR(""));
    c->status = status;
    c->answer_headers = block_ref(headers);
    c->answer_body = block_ref(body);
    send_answer(w, c, block_str(body).size);
}

static void port_relay(void *context, uint64_t id, uint64_t call, struct block *headers)
{
    struct world *w = context;
    struct client *c = at_lb(w, id);
    if (c == NULL) {
        return;
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_RELAY, id, call, 0, STR(""));
    c->answering = true;
    sim_upstream_relay(w, call, id, headers);
}

static void port_abort(void *context, uint64_t id)
{
    struct world *w = context;
    struct client *c = NULL;
    HASH_FIND(hh, w->clients->all, &id, sizeof(id), c);
    if (c == NULL || !c->at_lb || c->status != 0) {
        return;
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_ABORT, id, 0, 0, STR(""));
    c->broken = true;
    send_answer(w, c, 0);
}

struct client_port sim_clients_port(struct world *w)
{
    return (struct client_port){
        .context = w, .collect = port_collect, .reply = port_reply, .relay = port_relay, .abort = port_abort
    };
}

static struct block *joined_headers(struct block *headers, struct block *more)
{
    struct http_header parsed[HEADERS_MAX];
    size_t count = http_headers_parse(block_str(headers), parsed, HEADERS_MAX);
    struct buf out;
    buf_init(&out, SIZE_MAX / 4);
    for (size_t i = 0; i < count; i++) {
        if (!http_header_is_hop_by_hop(parsed[i].name)) {
            http_headers_write(&out, &parsed[i], 1);
        }
    }
    buf_append_str(&out, block_str(more));
    struct block *joined = block_from_buf(&out);
    buf_deinit(&out);
    return joined;
}

void clients_relayed(struct world *w, uint64_t id, int status, struct block *headers,
                     struct block *more_headers, struct block *body, bool whole)
{
    struct client *c = NULL;
    HASH_FIND(hh, w->clients->all, &id, sizeof(id), c);
    if (c == NULL || !c->at_lb) {
        return;
    }
    c->broken = !whole;
    if (whole) {
        c->status = status;
        c->answer_headers = joined_headers(headers, more_headers);
        c->answer_body = block_ref(body);
    }
    send_answer(w, c, block_str(body).size);
}

/* ---- straight to an instance ---- */

static void instance_answered(struct world *w, void *owner, const struct net_result *r)
{
    struct client *c = owner;
    c->conn = NULL;
    c->status = r->status;
    c->answer_headers = block_ref(r->headers);
    c->answer_body = block_ref(r->body);
    tell(w, c,
         r->outcome == NET_ANSWERED  ? OP_ANSWERED
         : r->outcome == NET_REFUSED ? OP_CONN_REFUSED
                                     : OP_CONN_BROKEN);
    free_if_over(w, c);
}

static const struct net_ops instance_ops = { .on_end = instance_answered };

static void send_to_instance(struct world *w, struct client *c)
{
    struct buf head;
    buf_init(&head, SIZE_MAX / 4);
    buf_printf(&head, "%s %s\n", c->method, c->path);
    buf_append_str(&head, block_str(c->headers));
    struct block *request = block_from_buf(&head);
    buf_deinit(&head);
    c->conn = net_send(w, &(struct net_request){
                              .instance = c->target == TARGET_PRIMARY ? 0 : 1,
                              .request = request,
                              .body = c->body,
                              .fresh = true,
                              .ops = &instance_ops,
                              .owner = c,
                          });
    block_unref(request);
}

/* ---- the client's own ---- */

static void patience_ends(struct world *w, struct happening *h)
{
    struct client *c = h->subject;
    c->patience = NULL;
    if (c->conn != NULL) {
        net_cancel(w, c->conn);
        c->conn = NULL;
    }
    /* Our end closes; the balancer sees it soon, or only when it answers. */
    if (c->at_lb && !c->answering && prng_chance(&w->clients->prng, 1, 2)) {
        later(w, c, net_latency(w), done_undelivered, true);
    }
    tell(w, c, OP_TIMED_OUT);
    free_if_over(w, c);
}

int clients_request(struct world *w, const struct engine_request *request, uint64_t tag, engine_answer_cb *cb,
                    void *context, struct errmsg *msg)
{
    struct client *c = mem_alloc(sizeof(*c));
    c->id = ++w->clients->next;
    c->target = request->target;
    c->method = mem_strdup(request->method);
    c->path = mem_strdup(request->path);
    struct str headers = str_of(request->headers);
    c->headers = headers.size == 0 ? NULL : block_copy(headers.data, headers.size);
    c->body = request->body.size == 0 ? NULL : block_copy(request->body.data, request->body.size);
    c->tag = tag;
    c->cb = cb;
    c->context = context;
    c->sent_ns = w->now_ns;
    HASH_ADD(hh, w->clients->all, id, sizeof(c->id), c);
    if (request->body.size > 0 && c->body == NULL) {
        destroy(w, c);
        return error_set(msg, ERR_NOMEM, "a request's body of %zu bytes", request->body.size);
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_CLIENT_SENT, c->id, request->body.size,
                 (uint64_t)request->target, str_of(request->path));
    c->patience = world_schedule(w, w->now_ns + request->timeout_ns, patience_ends, c, 0);
    if (request->target == TARGET_LB) {
        later(w, c, net_latency(w) + net_transfer(request->body.size), head_arrives, false);
    } else {
        send_to_instance(w, c);
    }
    return 0;
}

/* ---- ends ---- */

void clients_break_all(struct world *w)
{
    struct client *c;
    struct client *next;
    HASH_ITER (hh, w->clients->all, c, next) {
        if (!c->at_lb) {
            continue;
        }
        bool answer_left = c->answering && (c->status != 0 || c->broken);
        c->at_lb = false;
        if (c->cb != NULL && !answer_left) {
            c->broken = true;
            later(w, c, net_latency(w), answer_reaches_client, false);
        }
        free_if_over(w, c);
    }
}

void clients_end_all(struct world *w)
{
    struct client *c;
    struct client *next;
    HASH_ITER (hh, w->clients->all, c, next) {
        if (c->conn != NULL) {
            net_cancel(w, c->conn);
            c->conn = NULL;
        }
        tell(w, c, OP_PENDING);
        free_if_over(w, c);
    }
}

void sim_clients_close(struct world *w)
{
    if (w->clients == NULL) {
        return;
    }
    struct client *c;
    struct client *next;
    HASH_ITER (hh, w->clients->all, c, next) {
        destroy(w, c);
    }
    mem_free(w->clients);
    w->clients = NULL;
}
