/* Who proves what the runbook says: claims of scenarios, and what came of them in runs. */
#ifndef WALDRILL_HARNESS_RUNBOOK_PROOF_H
#define WALDRILL_HARNESS_RUNBOOK_PROOF_H

#include "harness/results.h"
#include "harness/runbook/runbook.h"

/* The first scenario that claims to prove an id; requests and expectations before commands, which not every
 * engine can run. */
struct proof {
    const struct runbook_id *id;
    size_t scenario; /* index into the runbook's list; SIZE_MAX = nobody */
    unsigned line;   /* there */
    bool needs_command;
    size_t passed, failed, skipped; /* assertions that claim it, in the runs noted so far */
    char *saw;                      /* what the first failed one saw */
};

struct proofs {
    const struct runbook *book;
    struct proof *items; /* in the order of the book's ids */
    size_t count;
    char **unknown; /* "file:line: id" that the book does not have */
    size_t unknown_count;
    char **unrun; /* "guide:line" of shell blocks that no scenario runs */
    size_t unrun_count;
};

void proofs_init(struct proofs *p, const struct runbook *book);
void proofs_deinit(struct proofs *p);
/* What a scenario of the book's list claims; all of them, before proofs_blocks. */
void proofs_claim(struct proofs *p, size_t index, const struct scenario *s);
/* Looks for each shell block of the guide among the commands of the scenarios (as many as the book has). */
void proofs_blocks(struct proofs *p, struct scenario *const *scenarios);
/* What came of a run. */
void proofs_note(struct proofs *p, const struct results *r);

#endif
