/* Making instances equal again: at first start, after a return with too little, on divergence, on command.
 *
 * Trust is kept per instance for its names as a whole (collections and databases) and per lane for
 * content (enum trust).  Whatever is not trusted is dealt with one at a time:
 *
 *   audit.c  names: both listings side by side; what the other instance has is mapped or made here
 *   walk.c   content of one lane: page by page from the other instance, compared and written where it differs
 *
 * A walk has a cut, walk_lsn: writes of the lane before it are finished on the source first; those behind
 * it wait at the target, and those that would disturb the pages (updates, deletes) wait at the source too,
 * unless it takes long: then they go on there, and the cut is moved to the end (walk_notes.c).
 * When the walk is over the target stands exactly at the cut and goes on from there.
 *
 * How it fails: a failed request is tried again with backoff; an instance that goes away ends the work,
 * which begins anew from the comparison when both are there.  Nothing of it is in the log: the old mark
 * stays on the instance until all is well (mark.h), so a restart begins anew as well. */
#ifndef WALDRILL_PROXY_CORE_RESYNC_H
#define WALDRILL_PROXY_CORE_RESYNC_H

#include "proxy/core/state.h"

enum resync_found {
    RESYNC_FOUND_SAME,  /* its mark is the one we left */
    RESYNC_FOUND_OLDER, /* restored from a backup */
    RESYNC_FOUND_EMPTY, /* had a mark, has none */
    RESYNC_FOUND_NEW,   /* never had one of this log */
};

void resync_init(struct core *core);
void resync_free(struct core *core);
/* Another collection of that name, one that was deleted, stands in its place there: it is made anew by a
 * copy. */
void resync_lane_hidden(struct core *core, struct lane *lane, unsigned instance);
/* It was never seen to be away, but its mark is so old that it might have been: what came after is verified.
 */
void resync_unnoticed(struct core *core, unsigned instance, uint64_t lsn);
/* An instance is back, and this is what its mark says; lsn: up to there it is certain. */
void resync_returned(struct core *core, unsigned instance, enum resync_found found, uint64_t lsn);
/* Everything on that instance is to be compared and copied. */
void resync_instance(struct core *core, unsigned instance);
/* The same, and what is being compared or copied now begins anew: writes that it counts on were given up. */
void resync_afresh(struct core *core, unsigned instance);
/* The instance says that it does not have the collection / disagreed with a decided write. */
void resync_lane_missing(struct core *core, struct lane *lane, unsigned instance);
void resync_lane_diverged(struct core *core, struct lane *lane, unsigned instance);
/* That instance is not the primary any more: where it disagreed it is made equal now. */
void resync_role_moved(struct core *core, unsigned instance);
void resync_run(struct core *core); /* at the end of each step */
void resync_timer(struct core *core);
void resync_end(struct core *core, struct call *call, const struct core_event *event);
/* Nothing on that instance waits to be verified or copied. */
bool resync_is_clean(const struct core *core, unsigned instance);
bool resync_is_idle(const struct core *core);

/* ---- what must wait ---- */
bool resync_holds(const struct core *core, const struct entry *entry, unsigned instance);
bool resync_forbids_asking(const struct core *core, const struct entry *entry, unsigned instance);
bool resync_lane_readable(const struct core *core, const struct lane *lane, unsigned instance);
bool resync_names_readable(const struct core *core, unsigned instance);

/* That instance has carried out a write, whose bytes are still at hand: a copy of its collection may want to
 * know. */
void resync_note(struct core *core, const struct entry *entry, unsigned instance);

/* Compares all collections of both instances; repairs nothing.  The result is a log line and resync_compared.
 */
void resync_compare(struct core *core);
struct json_writer;
/* {"running", what compared_put tells, "finished_at"} of the last comparison. */
void resync_compared(struct json_writer *w, const struct core *core);
void resync_status(struct json_writer *w, const struct core *core, unsigned instance);

#endif
