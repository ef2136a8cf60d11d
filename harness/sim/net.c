/* Connections as TCP gives them: in order on one connection, never doubled, never garbled.
 *
 * A request has four instants here: it leaves (sent), arrives (received), and its answer leaves and
 * arrives; between them either end may close.  Closing our side does not call back what has left: the
 * server receives it, then learns of the close, and may carry it out all the same (rule 27).
 *
 * Never injected, because no client of such a server could survive it: a request that overtakes bytes
 * sent to the same instance before its connection was opened.  (On one machine the bytes are in the
 * server's socket as soon as they have left.)  How long a received request waits to be carried out is the
 * mock's and its faults' business. */
#include "harness/sim/net.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/sim/instances.h"
#include <sys/queue.h>
#include <uthash.h>

#define IDLE_MAX    64u
#define HEADERS_MAX 64u

struct conn {
    uint64_t id;
    unsigned instance;
    bool at_balancer;
    bool client_open;
    bool server_open;
    bool idle;
    bool sent;
    bool head_first;
    bool head_here; /* on_head was called, on_end not yet */
    bool body_wanted;
    unsigned pins; /* happenings on their way */
    uint64_t up_last_ns, down_last_ns;
    const struct net_ops *ops; /* of the exchange in flight; NULL = none */
    void *owner;
    uint64_t request_id;
    struct block *request, *body;
    struct {
        bool under_way;
        bool whole;
        enum mock_after then;
        int status;
        struct block *headers, *body;
        uint64_t end_ns;
    } answer;
    TAILQ_ENTRY(conn) idle_link;
    UT_hash_handle hh;
};

TAILQ_HEAD(conn_list, conn);

struct net {
    struct conn *conns; /* all, by id */
    struct conn_list idle[2];
    size_t idle_count[2];
    uint64_t next_conn, next_request;
    uint64_t last_arrival_ns[2]; /* of anything sent to an instance */
    struct prng prng;
};

void net_open(struct world *w)
{
    w->net = mem_alloc(sizeof(*w->net));
    TAILQ_INIT(&w->net->idle[0]);
    TAILQ_INIT(&w->net->idle[1]);
    struct prng root;
    prng_seed(&root, w->seed);
    w->net->prng = prng_split(&root, "network");
}

uint64_t net_latency(struct world *w)
{
    struct prng *p = &w->net->prng;
    uint64_t ns = 40 * NS_PER_US + prng_exponential(p, 60 * NS_PER_US);
    /* Now and then a message waits: a busy machine, a delayed acknowledgement. */
    if (prng_chance(p, 1, 256)) {
        ns += prng_between(p, 1000 * NS_PER_US, 40000 * NS_PER_US);
    }
    return ns;
}

uint64_t net_transfer(uint64_t bytes)
{
    return bytes; /* a gigabyte a second */
}

/* ---- life of a connection ---- */

static void drop_answer(struct conn *c)
{
    c->head_here = false;
    c->body_wanted = false;
    c->answer.under_way = false;
    block_unref(c->answer.headers);
    block_unref(c->answer.body);
    c->answer.headers = NULL;
    c->answer.body = NULL;
}

static void drop_exchange(struct conn *c)
{
    c->ops = NULL;
    c->owner = NULL;
    drop_answer(c);
}

static void leave_idle(struct world *w, struct conn *c)
{
    if (c->idle) {
        TAILQ_REMOVE(&w->net->idle[c->instance], c, idle_link);
        w->net->idle_count[c->instance]--;
        c->idle = false;
    }
}

static void free_if_over(struct world *w, struct conn *c)
{
    if (c->client_open || c->server_open || c->pins > 0) {
        return;
    }
    HASH_DEL(w->net->conns, c);
    drop_exchange(c);
    block_unref(c->request);
    block_unref(c->body);
    mem_free(c);
}

static struct conn *unpin(struct happening *h)
{
    struct conn *c = h->subject;
    c->pins--;
    return c;
}

/* Towards the server, in order on the connection. */
static void send_up(struct world *w, struct conn *c, happen_fn *happen, uint64_t bytes)
{
    uint64_t at = w->now_ns + net_latency(w) + net_transfer(bytes);
    at = at > c->up_last_ns ? at : c->up_last_ns + 1;
    c->up_last_ns = at;
    if (at > w->net->last_arrival_ns[c->instance]) {
        w->net->last_arrival_ns[c->instance] = at;
    }
    c->pins++;
    world_schedule(w, at, happen, c, 0);
}

/* Towards the client; returns when it will be there. */
static uint64_t send_down(struct world *w, struct conn *c, happen_fn *happen, uint64_t extra_ns)
{
    uint64_t at = w->now_ns + net_latency(w) + extra_ns;
    at = at > c->down_last_ns ? at : c->down_last_ns + 1;
    c->down_last_ns = at;
    c->pins++;
    if (c->at_balancer) {
        world_schedule_balancer(w, at, happen, c, 0);
    } else {
        world_schedule(w, at, happen, c, 0);
    }
    return at;
}

static void close_arrives(struct world *w, struct happening *h)
{
    struct conn *c = unpin(h);
    if (c->server_open) {
        c->server_open = false;
        journal_note(&w->journal, w->now_ns, JOURNAL_CLOSED, c->id, 0, 0, STR(""));
        instances_event(w, c->instance, (struct mock_event){ .kind = MOCK_EV_CONN_CLOSED, .conn = c->id });
    }
    free_if_over(w, c);
}

/* The client's side closes; the server learns of it later. */
static void close_client_side(struct world *w, struct conn *c)
{
    c->client_open = false;
    leave_idle(w, c);
    drop_exchange(c);
    send_up(w, c, close_arrives, 0);
}

/* ---- the way of a request ---- */

static void break_exchange(struct world *w, struct conn *c, const char *detail)
{
    struct net_result result = { .outcome = c->sent ? NET_BROKEN : NET_REFUSED,
                                 .bytes_left = c->sent,
                                 .detail = detail };
    const struct net_ops *ops = c->ops;
    void *owner = c->owner;
    close_client_side(w, c);
    if (ops != NULL) {
        ops->on_end(w, owner, &result);
    }
}

static void reset_arrives(struct world *w, struct happening *h)
{
    struct conn *c = unpin(h);
    bool whole_answer_here = c->answer.under_way && c->answer.whole && c->answer.end_ns <= w->now_ns;
    if (c->client_open && whole_answer_here) {
        c->answer.then = MOCK_THEN_CLOSE; /* the answer waits in our socket; only the connection is lost */
    } else if (c->client_open) {
        break_exchange(w, c, "Connection reset by peer");
    }
    free_if_over(w, c);
}

static void request_arrives(struct world *w, struct happening *h)
{
    struct conn *c = unpin(h);
    struct block *request = c->request;
    struct block *body = c->body;
    c->request = NULL;
    c->body = NULL;
    if (c->server_open) {
        struct str lines;
        struct str first = str_cut(block_str(request), '\n', &lines);
        struct http_header headers[HEADERS_MAX];
        struct http_head head = { .content_length = body == NULL ? -1 : (int64_t)body->size };
        head.method = str_cut(first, ' ', &head.target);
        head.header_count = http_headers_parse(lines, headers, HEADERS_MAX);
        head.headers = headers;
        journal_note(&w->journal, w->now_ns, JOURNAL_RECEIVED, c->id, c->request_id, block_str(body).size,
                     first);
        instances_event(w, c->instance,
                        (struct mock_event){ .kind = MOCK_EV_REQUEST,
                                             .conn = c->id,
                                             .request = c->request_id,
                                             .head = &head,
                                             .body = body });
    }
    block_unref(request);
    block_unref(body);
    free_if_over(w, c);
}

static void send_request(struct world *w, struct conn *c)
{
    c->sent = true;
    c->request_id = ++w->net->next_request;
    send_up(w, c, request_arrives, block_str(c->request).size + block_str(c->body).size);
}

static void connected(struct world *w, struct happening *h)
{
    struct conn *c = unpin(h);
    if (c->client_open) {
        send_request(w, c);
    }
    free_if_over(w, c);
}

static void refused(struct world *w, struct happening *h)
{
    struct conn *c = unpin(h);
    if (c->client_open) {
        struct net_result result = { .outcome = NET_REFUSED, .detail = "Connection refused" };
        const struct net_ops *ops = c->ops;
        void *owner = c->owner;
        c->client_open = false;
        drop_exchange(c);
        ops->on_end(w, owner, &result);
    }
    free_if_over(w, c);
}

static void connection_arrives(struct world *w, struct happening *h)
{
    struct conn *c = unpin(h);
    bool accepted = instances_accepts(w, c->instance);
    journal_note(&w->journal, w->now_ns, JOURNAL_CONNECT, c->id, c->instance, accepted, STR(""));
    if (accepted) {
        c->server_open = true;
        send_down(w, c, connected, 0);
        instances_event(w, c->instance, (struct mock_event){ .kind = MOCK_EV_CONN_OPENED, .conn = c->id });
    } else {
        send_down(w, c, refused, 0);
    }
    free_if_over(w, c);
}

static struct conn *open_conn(struct world *w, unsigned instance, bool at_balancer)
{
    struct conn *c = mem_alloc(sizeof(*c));
    c->id = ++w->net->next_conn;
    c->instance = instance;
    c->at_balancer = at_balancer;
    c->client_open = true;
    HASH_ADD(hh, w->net->conns, id, sizeof(c->id), c);
    /* Behind everything sent to this instance before: see the top. */
    c->up_last_ns = w->net->last_arrival_ns[instance];
    send_up(w, c, connection_arrives, 0);
    return c;
}

struct conn *net_send(struct world *w, const struct net_request *request)
{
    struct conn *c = request->at_balancer && !request->fresh
                         ? TAILQ_LAST(&w->net->idle[request->instance], conn_list)
                         : NULL;
    bool reused = c != NULL;
    if (reused) {
        leave_idle(w, c);
    } else {
        c = open_conn(w, request->instance, request->at_balancer);
    }
    c->sent = false;
    c->ops = request->ops;
    c->owner = request->owner;
    c->head_first = request->head_first;
    c->request = block_ref(request->request);
    c->body = block_ref(request->body);
    if (reused) {
        send_request(w, c);
    }
    return c;
}

bool net_bytes_left(const struct conn *c)
{
    return c->sent;
}

void net_cancel(struct world *w, struct conn *c)
{
    close_client_side(w, c);
}

/* ---- the way of an answer ---- */

static void keep_or_close(struct world *w, struct conn *c)
{
    bool keep =
        c->server_open && c->at_balancer && (c->answer.then == MOCK_KEEP || c->answer.then == MOCK_THEN_HANG);
    drop_exchange(c);
    if (keep && w->net->idle_count[c->instance] < IDLE_MAX) {
        c->idle = true;
        TAILQ_INSERT_TAIL(&w->net->idle[c->instance], c, idle_link);
        w->net->idle_count[c->instance]++;
    } else {
        close_client_side(w, c);
    }
}

static void answer_ends(struct world *w, struct happening *h)
{
    struct conn *c = unpin(h);
    bool ours = c->client_open && c->ops != NULL && c->answer.under_way;
    if (ours && c->answer.whole) {
        struct net_result result = { .outcome = NET_ANSWERED,
                                     .bytes_left = true,
                                     .status = c->answer.status,
                                     .headers = block_ref(c->answer.headers),
                                     .body = block_ref(c->answer.body) };
        const struct net_ops *ops = c->ops;
        void *owner = c->owner;
        keep_or_close(w, c); /* first: the caller's next request may go out on it */
        ops->on_end(w, owner, &result);
        block_unref(result.headers);
        block_unref(result.body);
    } else if (ours) {
        break_exchange(w, c, "the answer was cut");
    }
    free_if_over(w, c);
}

static void schedule_end(struct world *w, struct conn *c)
{
    bool hangs = !c->answer.whole && (c->answer.then == MOCK_THEN_HANG || c->answer.then == MOCK_KEEP);
    if (hangs) {
        return;
    }
    c->pins++;
    if (c->at_balancer) {
        world_schedule_balancer(w, c->answer.end_ns, answer_ends, c, 0);
    } else {
        world_schedule(w, c->answer.end_ns, answer_ends, c, 0);
    }
}

static void head_arrives(struct world *w, struct happening *h)
{
    struct conn *c = unpin(h);
    if (c->client_open && c->ops != NULL && c->answer.under_way) {
        c->head_here = true;
        c->ops->on_head(w, c->owner, c->answer.status, c->answer.headers,
                        (int64_t)block_str(c->answer.body).size);
    }
    free_if_over(w, c);
}

void net_read_body(struct world *w, struct conn *c)
{
    if (c->head_here && !c->body_wanted) {
        c->body_wanted = true;
        schedule_end(w, c);
    }
}

void net_server_respond(struct world *w, const struct mock_action *answer)
{
    struct conn *c = NULL;
    HASH_FIND(hh, w->net->conns, &answer->conn, sizeof(answer->conn), c);
    if (c == NULL || !c->server_open || answer->request != c->request_id) {
        return;
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_ANSWERED, c->id, (uint64_t)answer->status,
                 block_str(answer->body).size, STR(""));
    if (answer->then == MOCK_THEN_CLOSE || answer->then == MOCK_THEN_RESET) {
        c->server_open = false;
    }
    if (!c->client_open || c->ops == NULL) {
        free_if_over(w, c);
        return;
    }
    uint64_t head_size = 32 + block_str(answer->headers).size; /* status line and blank line */
    uint64_t total = head_size + block_str(answer->body).size;
    uint64_t sent =
        answer->cut_after < 0 || (uint64_t)answer->cut_after >= total ? total : (uint64_t)answer->cut_after;
    uint64_t pace = answer->bytes_per_second;
    uint64_t head_ns = pace > 0 ? head_size * NS_PER_S / pace : net_transfer(head_size);
    uint64_t all_ns = pace > 0 ? sent * NS_PER_S / pace : net_transfer(sent);
    drop_answer(c);
    c->answer.under_way = true;
    c->answer.whole = sent == total;
    c->answer.then = answer->then;
    c->answer.status = answer->status;
    c->answer.headers = block_ref(answer->headers);
    c->answer.body = block_ref(answer->body);
    bool head_first = c->head_first && sent >= head_size;
    if (head_first) {
        uint64_t head_at = send_down(w, c, head_arrives, head_ns);
        c->answer.end_ns = head_at + (all_ns > head_ns ? all_ns - head_ns : 0);
        c->down_last_ns = c->answer.end_ns;
    } else {
        uint64_t at = w->now_ns + net_latency(w) + all_ns;
        c->answer.end_ns = at > c->down_last_ns ? at : c->down_last_ns + 1;
        c->down_last_ns = c->answer.end_ns;
        schedule_end(w, c);
    }
}

void net_server_close(struct world *w, uint64_t conn)
{
    struct conn *c = NULL;
    HASH_FIND(hh, w->net->conns, &conn, sizeof(conn), c);
    if (c == NULL || !c->server_open) {
        return;
    }
    c->server_open = false;
    journal_note(&w->journal, w->now_ns, JOURNAL_CLOSED, c->id, 1, 0, STR(""));
    send_down(w, c, reset_arrives, 0);
}

/* ---- ends ---- */

void net_close_idle(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        struct conn *c;
        while ((c = TAILQ_FIRST(&w->net->idle[i])) != NULL) {
            close_client_side(w, c);
        }
    }
}

void net_close(struct world *w)
{
    if (w->net == NULL) {
        return;
    }
    struct conn *c;
    struct conn *next;
    HASH_ITER (hh, w->net->conns, c, next) {
        HASH_DEL(w->net->conns, c);
        drop_exchange(c);
        block_unref(c->request);
        block_unref(c->body);
        mem_free(c);
    }
    mem_free(w->net);
    w->net = NULL;
}
