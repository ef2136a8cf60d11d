/* From the log's records back to the core's state, and checkpoints so that old segments can go. */
#ifndef WALDRILL_PROXY_CORE_RECOVER_H
#define WALDRILL_PROXY_CORE_RECOVER_H

#include "proxy/core/state.h"

void recover_record(struct core *core, const struct core_event *event);
/* All records are read: what was never decided is carried out (rule 18), after fences. */
void recover_finish(struct core *core);
/* WAL_MODE=memory, after a hard end (rule 22): of the records only those about collections are believed, and
 * nothing that is said of the instances.  Between the last record and recover_finish. */
void recover_lost(struct core *core);
/* At the end of each step: has everything been compared since? */
void recover_look(struct core *core);

#endif
