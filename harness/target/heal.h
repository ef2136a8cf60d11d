/* Everything that a rehearsal can have broken or left, mended: at its end, at a big red stop, by the
 * watchdog, and by `waldrill heal`. */
#ifndef WALDRILL_HARNESS_TARGET_HEAL_H
#define WALDRILL_HARNESS_TARGET_HEAL_H

#include "base/buf.h"
#include "harness/target/hurt.h"

struct heal {
    const struct target_file *file;
    const char *mark; /* collections that begin with it are removed; file->prefix = those of all rehearsals */
    struct hurt *hurts;          /* TARGET_PLACES of them; those under way are waited for */
    bool stopped[TARGET_PLACES]; /* have to be started, whatever they answer */
    struct buf *told;            /* gets a line for each thing done */
    struct buf *trouble;         /* gets a line for each thing that could not be */
};

/* Faults gone, places started and answering. */
void heal_places(struct heal *h);
/* Collections removed through the balancer, and gone from every instance within a bound. */
void heal_collections(struct heal *h);
/* Dead letters of such collections given up (letters.c). */
void heal_letters(struct heal *h);

#endif
