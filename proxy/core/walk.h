/* A walk's state, shared by walk*.c. */
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
    STEP_EXTRAS_WHOLE, /* what a comparison tells of them */
    STEP_SETTLE,       /* what was under way behind that is finished, and noted */
    STEP_NOTED,        /* rows that were written meanwhile, by id */
};

struct note;

struct walk {
    enum walk_step step;
    uint64_t drain_until_ns;
    struct block *object; /* the collection as the source shows it */
    bool empty;           /* the target held nothing of it: nothing to remove there */
    bool blind;           /* it still holds nothing but pages that were read: nothing to compare with */
    uint64_t dimension;   /* that the target has not fixed yet; 0 = it has, or none is fixed */
    bool one_by_one;      /* a page was refused: find the record */
    bool incomplete;      /* a record was refused */
    size_t page_rows;
    size_t offset;
    struct rows page;
    struct rows there; /* of the target: the same ids */
    /* Rows of the page that the target needs, and of the target that it is not to have: [0, removed) are
     * deleted there, [surplus, todo_count) are added. */
    const struct row **todo;
    size_t todo_count, surplus, removed;
    size_t adding, added; /* a request adds [adding, added) */
    size_t extras_offset;
    /* ---- writes that go on at the source meanwhile (walk_notes.c) ---- */
    bool noting;        /* they are noted, so that they may go on should it take long */
    bool open;          /* they do */
    bool closing;       /* they did; the last cut is set */
    bool lost_track;    /* something could not be noted */
    bool pages_over;    /* all pages were read */
    bool watching;      /* what is written behind the cut is noted, too (walk_extras.c) ... */
    uint64_t watch_lsn; /* ... up to here; 0 = its end has not come yet */
    bool shut;          /* nothing of this collection goes on until the end */
    struct note *notes;
    size_t note_count, note_bytes;
    size_t bout, bout_size;      /* notes to be dealt with before anything else; so many there were */
    size_t shifted;              /* rows may have moved forward by so many since the last page was read */
    size_t read_rows, back_rows; /* of pages; of these to be read again because of that */
    struct row **hand;           /* the notes that are compared now; NULL = none */
    size_t hand_count;
};

/* ---- walk.c ---- */
void walk_over(struct core *core, bool whole); /* whole: the target is equal now */
void walk_forget_page(struct walk *w);
void walk_page_done(struct core *core);  /* or what was in hand */
void walk_pages_over(struct core *core); /* all of the source has been seen */
void walk_refused(struct core *core); /* it stays as it is, unread, until something else is done about it */

/* ---- walk_object.c: answers about the collection itself ---- */
void walk_source_object(struct core *core, enum resync_got got, struct block *body);
void walk_target_object(struct core *core, enum resync_got got, struct block *body);
void walk_created(struct core *core, enum resync_got got, struct block *body);
void walk_counted(struct core *core, enum resync_got got, struct block *body);

/* ---- walk_rows.c: answers about records ---- */
void walk_page_read(struct core *core, struct block *body);
void walk_noted_read(struct core *core, struct block *body);
void walk_page_compare(struct core *core, struct block *body);
void walk_deleted(struct core *core);
void walk_added(struct core *core, enum resync_got got);

/* ---- walk_extras.c ---- */
/* A page is about to be asked for; when it is the last one, what is written from now on is watched. */
void walk_watch(struct core *core);
void walk_extras_read(struct core *core, struct block *body);
void walk_extras_compare(struct core *core, struct block *body);
void walk_extras_tell(struct core *core, struct block *body);
/* Is what was under way when all ids had been looked at finished?  Else it rests, or gives up. */
bool walk_settled(struct core *core);

/* ---- walk_ask.c ---- */
/* The request of the step at hand. */
void walk_ask(struct core *core);

/* ---- walk_notes.c ---- */
void walk_notes_free(struct walk *w);
/* Takes some notes into the hand; false when there are none. */
bool walk_hand_take(struct walk *w, size_t most);
void walk_hand_drop(struct walk *w);
void walk_hand_return(struct walk *w); /* to the notes */
/* Is there a delete of which nobody knows when it moves the source's rows? */
bool walk_deletes_under_way(const struct resync *r);
/* Where the target may stand when all before it is finished at the source and compared. */
uint64_t walk_last_cut(const struct core *core);

#endif
