/* Queues of entries that must keep their order.  An instance's cursor in a strand is the place of the first
 * entry it has not finished: an outage and ordinary replication are the same, a cursor that is behind. */
#ifndef WALDRILL_PROXY_CORE_STRANDS_H
#define WALDRILL_PROXY_CORE_STRANDS_H

#include "proxy/core/state.h"

void strand_init(struct strand *strand, struct lane *lane);
void strand_deinit(struct strand *strand);
void strand_push(struct strand *strand, struct entry *entry);
/* What stands at a place: NULL behind the end, and for entries that have left. */
struct entry *strand_at(const struct strand *strand, uint64_t place);
/* The oldest that has not left; NULL when there is none. */
struct entry *strand_front(const struct strand *strand);
/* The first entry the instance has not finished; NULL when it has all. */
struct entry *strand_head(const struct strand *strand, unsigned instance);
/* The place after the last entry. */
uint64_t strand_end(const struct strand *strand);
uint64_t strand_last_lsn(const struct strand *strand); /* of its youngest entry; 0 = there is none */
/* Moves next[instance] past entries that are finished there and wakes what stands behind. */
void strand_advance(struct core *core, struct strand *strand, unsigned instance);
/* Takes out an entry that every cursor has passed. */
void strand_remove(struct strand *strand, const struct entry *leaving);
/* That instance has finished everything up to that write. */
bool strand_has_reached(const struct strand *strand, unsigned instance, uint64_t lsn);

#endif
