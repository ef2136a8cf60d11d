/* Dead letters: writes that were accepted and that an instance refuses for good (rules 7, 9 and 11).
 *
 * None is ever dropped by itself.  The DEAD record carries the whole write, so that a letter does not need
 * the write's own record, and it is kept in the log: it holds back trimming.  When dead letters alone make
 * the log long - more than twice what they take and four steps of checkpoint.h - they are written again at
 * its end, oldest first, and what lies behind goes.  So a letter costs its size a bounded number of times,
 * however old it grows.
 *
 * In memory a letter is what the lists show and the hashes of its ids; its body is read back when it is
 * needed.
 *
 * A letter is *touched* when a younger write may have changed one of its records, or when that cannot be
 * told (a filter, a body that is not understood, an operation on a collection): redriving it would put old
 * over new, and takes force.
 *
 * A copy of the collection (resync.h) settles what that instance alone lacked; the log says so.  A copy of it
 * from that instance takes what it lacks away from the other one: nobody has it then, and no later copy
 * settles it (a DEAD record that names no instance).
 *
 * An instance that refused a write is not read until the write is out of the consistency window; if another
 * instance has applied it, the one that refused is divergent in that collection.  A redrive of the very
 * same write, untouched, makes it equal again once it has been applied there; anything else takes a resync.
 */
#ifndef WALDRILL_PROXY_CORE_LETTERS_H
#define WALDRILL_PROXY_CORE_LETTERS_H

#include "proxy/core/records.h"
#include "proxy/core/state.h"

struct letter {
    uint64_t lsn;        /* of the write: its name */
    uint64_t record_lsn; /* where it stands in the log now */
    unsigned on;         /* a bit for each instance that refused it */
    unsigned lacking;    /* of these, while another one applied it */
    int status;
    int64_t died_ms; /* UTC */
    bool touched;
    bool edited;
    bool busy; /* a redrive, an edit or a copy is under way */
    struct lane *lane;
    struct block *meta;   /* of the write's record */
    struct block *reason; /* the instance's own words */
    uint64_t body_bytes;
    uint64_t *ids; /* hashes; NULL = unknown */
    size_t id_count;
    TAILQ_ENTRY(letter) all; /* core->letters, by record_lsn */
};

/* An instance refuses this decided write; the record is on its way to the log. Returns its LSN. */
uint64_t letters_add(struct core *core, struct entry *entry, unsigned instance, int status,
                     struct str reason);
/* A write with that body was logged: it may touch letters of its lane. */
void letters_younger(struct core *core, const struct entry *entry, struct str body);
/* A copy from the other instance has made this lane whole there: what it lacked, it has. */
void letters_copied(struct core *core, struct lane *lane, unsigned instance);
/* A copy of this lane from here, up to that LSN: what it lacked, nobody has now. */
void letters_copied_away(struct core *core, const struct lane *lane, unsigned instance, uint64_t lsn);
/* Another instance has applied a write that is dead here: they differ. */
void letters_applied_elsewhere(struct core *core, uint64_t lsn);
struct letter *letters_find(struct core *core, uint64_t lsn);

/* Recovery. */
void letters_recover(struct core *core, const struct record_dead *record, uint64_t record_lsn,
                     struct str body);
void letters_recover_over(struct core *core, const struct record_over *record);

/* Asks for the letter's body; letters_read or, in memory mode, this very call hands it to the waiting job. */
void letters_fetch(struct core *core, struct letter *letter, const struct letter_job *job);
/* CORE_EV_LOG_READ; false when it was not asked for here. */
bool letters_read(struct core *core, const struct core_event *event);
/* It is redriven (as a new write) or dropped: its end is on its way to the log. Returns that record's LSN. */
uint64_t letters_over(struct core *core, struct letter *letter, uint64_t redriven_as);
/* Writes it to the end of the log with another body. */
uint64_t letters_rewrite(struct core *core, struct letter *letter, struct block *body);
/* The letter is being redriven as that write: what it would make equal again. */
void letters_heal(struct core *core, const struct letter *letter, uint64_t lsn);
/* The oldest record that a letter needs; UINT64_MAX when there is none. */
uint64_t letters_needed(const struct core *core);
/* Moves the oldest letters to the end of the log when they alone hold back a long one. */
void letters_move(struct core *core, uint64_t others_need);
void letters_free(struct core *core);

#endif
