/* What a rehearsal would do to a target, said before it does anything. */
#ifndef WALDRILL_HARNESS_TARGET_BLAST_H
#define WALDRILL_HARNESS_TARGET_BLAST_H

#include "base/buf.h"
#include "harness/target/file.h"
#include <stdbool.h>

/* What of the scenario this target cannot play: ERR_UNSUPPORTED with words.  0 = all of it. */
int blast_refusal(const struct target_file *file, const struct scenario *s, struct errmsg *msg);
/* {"do":"refuse"} and nothing else: what a stopped process looks like. */
bool blast_is_refusal_of_all(struct str document);
/* Hosts, faults, commands, steps, writes, time: lines for a person. */
void blast_tell(const struct target_file *file, const struct scenario *s, struct buf *out);

#endif
