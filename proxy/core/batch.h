/* Which writes travel in one request: neighbours of a lane, of one operation (rule 10 of the design).
 *
 * The head of a strand decides; whoever stands behind it and may be sent too is joined to it, live writes
 * that waited behind one in flight as well as replays.  Each keeps its own client and its own fate; what
 * happens to the request happens to all of them:
 *
 *   applied             all applied
 *   refused (4xx, 413)  proves nothing about any one of them: halves, down to single requests
 *   ambiguous, not now  all of them; the same composition goes first (rule 2).  When that has failed too, it
 *                       is halved: its size may be what the instance cannot bear, and nothing late can
 *                       come any more, because a fence has been answered */
#ifndef WALDRILL_PROXY_CORE_BATCH_H
#define WALDRILL_PROXY_CORE_BATCH_H

#include "proxy/core/state.h"

/* Puts together core->batch from the strand's first unfinished write at that instance.  False when a member
 * of a composition that must go again cannot be sent yet. */
bool batch_gather(struct core *core, struct strand *strand, unsigned instance);
/* How many would travel with the strand's first unfinished write at that instance, it included, if it were
 * sent now; 0 = its bytes are not in memory.  Changes nothing. */
size_t batch_would_join(struct core *core, struct strand *strand, unsigned instance);
/* One write alone. */
void batch_single(struct core *core, struct entry *entry, unsigned instance);
/* The request's body: the head's own when it travels alone.  One reference; NULL when there is no body or no
 * memory for a joined one (then *alone is set, and only the head may be sent). */
struct block *batch_body(const struct batch *batch, bool *alone);
/* "a,b,c" */
void batch_request_id(const struct batch *batch, struct buf *out);

/* What became of a request with these members. */
void batch_refused(const struct call *call);   /* joined, and 4xx */
void batch_repeat(const struct call *call);    /* the same again, first */
void batch_succeeded(const struct call *call); /* all applied */

/* Takes note of the dimension of an accepted write's vectors. */
void batch_learn_dimension(struct entry *entry);
void batch_free(struct core *core);

#endif
