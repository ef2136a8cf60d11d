/* What an operator may ask of a running core: look at pending writes and dead letters, pause, resume and step
 * replay, redrive, edit and drop dead letters.  Each command carries a ticket and is answered with
 * CORE_ACT_COMMAND_DONE: a status as HTTP has them and a JSON document; what changes anything is answered
 * when its record is durable.  Each is a log line. */
#ifndef WALDRILL_PROXY_CORE_ADMIN_H
#define WALDRILL_PROXY_CORE_ADMIN_H

#include "proxy/core/letters.h"
#include "proxy/core/state.h"

void admin_command(struct core *core, const struct core_event *event);
/* Replay is paused, and no step is left. */
bool admin_holds(const struct core *core);
void admin_stepped(struct core *core); /* one replay has gone */
/* The body of a letter that is to be redriven or shown. */
void admin_letter_body(struct core *core, struct letter *letter, const struct letter_job *job,
                       struct block *body);
void admin_unreadable(struct core *core, const struct letter_job *job);

#endif
