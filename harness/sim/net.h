/* The simulated network between callers (the balancer, people with curl) and the instances: connections
 * that carry one exchange at a time, messages with latencies drawn from the seed.
 *
 * A connection is its own exchange's handle.  Each exchange ends with exactly one call of on_end, unless
 * it was cancelled: then nothing is called any more. */
#ifndef WALDRILL_HARNESS_SIM_NET_H
#define WALDRILL_HARNESS_SIM_NET_H

#include "harness/sim/world.h"
#include "mockchroma/core/mock.h"

struct conn;

struct net_result {
    enum { NET_ANSWERED, NET_REFUSED, NET_BROKEN } outcome;
    bool bytes_left; /* the request had begun to leave */
    int status;
    struct block *headers; /* borrowed */
    struct block *body;    /* borrowed */
    const char *detail;
};

struct net_ops {
    /* Only with head_first: the answer's head is here; net_read_body asks for the rest. */
    void (*on_head)(struct world *w, void *owner, int status, struct block *headers, int64_t content_length);
    void (*on_end)(struct world *w, void *owner, const struct net_result *result);
};

struct net_request {
    unsigned instance;
    struct block *request; /* "METHOD target\n", then header lines; referenced */
    struct block *body;    /* NULL = none; referenced */
    bool fresh;            /* a connection of its own */
    bool head_first;
    bool at_balancer; /* the caller is the balancer: it sees nothing while paused, and shares a pool */
    const struct net_ops *ops;
    void *owner;
};

void net_open(struct world *w);
void net_close(struct world *w);
/* Never calls back before it returns. */
struct conn *net_send(struct world *w, const struct net_request *request);
void net_read_body(struct world *w, struct conn *c);
/* Closes our side at once.  What has left goes on its way: the server may still receive and carry it out. */
void net_cancel(struct world *w, struct conn *c);
bool net_bytes_left(const struct conn *c);
/* The balancer's process is gone: its idle connections close. */
void net_close_idle(struct world *w);

/* The servers' side. */
void net_server_respond(struct world *w, const struct mock_action *answer);
void net_server_close(struct world *w, uint64_t conn);

/* One way of one message. */
uint64_t net_latency(struct world *w);
uint64_t net_transfer(uint64_t bytes);

#endif
