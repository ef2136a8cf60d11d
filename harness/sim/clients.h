/* The harness's clients: requests to the balancer through its client port, and requests straight to an
 * instance.  Each is answered through its callback exactly once. */
#ifndef WALDRILL_HARNESS_SIM_CLIENTS_H
#define WALDRILL_HARNESS_SIM_CLIENTS_H

#include "harness/sim/world.h"
#include "proxy/ports/ports.h"

void sim_clients_open(struct world *w);
void sim_clients_close(struct world *w);
int clients_request(struct world *w, const struct engine_request *request, uint64_t tag, engine_answer_cb *cb,
                    void *context, struct errmsg *msg);
struct client_port sim_clients_port(struct world *w);
/* An answer streamed from an instance has come to its end, whole or cut. */
void clients_relayed(struct world *w, uint64_t client, int status, struct block *headers,
                     struct block *more_headers, struct block *body, bool whole);
/* The balancer's process is gone: what it had not answered breaks. */
void clients_break_all(struct world *w);
/* The run is over: what is still open is told as OP_PENDING. */
void clients_end_all(struct world *w);

#endif
