/* The bytes of pending writes: in memory while memory is plentiful, in the log only when it is not.
 *
 * WAL_MEMORY_BYTES bounds what is held.  A payload can be let go once it is durable and not on its way to an
 * instance; such payloads stand in one list, those that will be needed soon at its front, and are let go from
 * its back.  When an instance's cursor comes near a write that is far, it is read back through CORE_ACT_READ,
 * with a bounded number of those behind it.  A read that fails stops the write's strands, never drops it, and
 * is tried again.
 *
 * In memory mode nothing is ever let go: there is no log to read from. */
#ifndef WALDRILL_PROXY_CORE_PAYLOAD_H
#define WALDRILL_PROXY_CORE_PAYLOAD_H

#include "proxy/core/state.h"

enum payload_state {
    PAYLOAD_HERE,
    PAYLOAD_COMING,  /* being read: the entry's strands are woken when it is here */
    PAYLOAD_NO_ROOM, /* not before something in flight ends */
};

/* The bytes of a new entry.  With meta NULL they stand in the log, and stay there for now. */
struct payload {
    struct block *meta;
    struct block *body; /* NULL when empty */
    uint32_t size;      /* of both */
};
/* Gives a new entry its near, with its bytes (references are taken). */
void payload_put(struct core *core, struct entry *entry, const struct payload *payload);
/* The entry is over: its near goes, and all in it. */
void payload_drop(struct core *core, struct entry *entry);
/* It may be let go from now on, if it is durable and not on its way; soon: it will be needed shortly. */
void payload_loosen(struct core *core, struct entry *entry, bool soon);
/* It is on its way to an instance. */
void payload_hold(struct core *core, struct entry *entry);
/* Lets go of what it can until so many more bytes fit; whether they do. */
bool payload_make_room(struct core *core, uint64_t bytes);
/* The write is next at that instance: is it in memory?  If not, it is read back. */
enum payload_state payload_want(struct core *core, struct entry *entry, unsigned instance);
/* The strand's first write is on its way: reads back those behind it. */
void payload_look_ahead(struct core *core, const struct strand *strand, unsigned instance);
/* CORE_EV_LOG_READ. */
void payload_read(struct core *core, const struct core_event *event);
bool payload_is_here(const struct entry *entry);
/* Frees the near of an entry that needs none: decided, nobody waiting, bytes far. */
void payload_near_settle(struct entry *entry);

#endif
