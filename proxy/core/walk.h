/* A walk's state, shared by walk.c and walk_ask.c. */
#ifndef WALDRILL_PROXY_CORE_WALK_H
#define WALDRILL_PROXY_CORE_WALK_H

#include "proxy/core/resync_job.h"

enum walk_step {
    STEP_DRAIN,
    STEP_SOURCE_OBJECT,
    STEP_TARGET_OBJECT,
    STEP_DROP, /* its dimension cannot be changed: away with it */
    STEP_CREATE,
    STEP_METADATA,
    STEP_COUNT,
    STEP_PAGE,
    STEP_DIMENSION,        /* of an empty collection: fixed by a record ... */
    STEP_DIMENSION_DELETE, /* ... that does not stay */
    STEP_SAME_IDS,
    STEP_DELETE,
    STEP_ADD,
    STEP_EXTRAS,
    STEP_EXTRAS_SOURCE,
    STEP_EXTRAS_DELETE,
};

struct walk {
    enum walk_step step;
    uint64_t drain_until_ns;
    struct block *object; /* the collection as the source shows it */
    bool empty;           /* the target holds nothing of it: nothing to compare with */
    uint64_t dimension;   /* that the target has not fixed yet; 0 = it has, or none is fixed */
    bool one_by_one;      /* a page was refused: find the record */
    bool differs;         /* something was, or is, different */
    bool incomplete;      /* a record was refused */
    size_t page_rows;
    size_t offset;
    struct rows page;
    const struct row *
        *todo; /* rows of the page that the target needs; the first different ones exist there */
    size_t todo_count, different, added;
    size_t extras_offset;
};

/* The request of the step at hand. */
void walk_ask(struct core *core);

#endif
