/* Answers to an operator's commands: at once, or when a record that they promise is durable. */
#ifndef WALDRILL_PROXY_CORE_ADMIN_ANSWERS_H
#define WALDRILL_PROXY_CORE_ADMIN_ANSWERS_H

#include "proxy/core/state.h"

#define ADMIN_ANSWER_LIMIT ((size_t)64 << 20)

/* The reference to body is taken over.  ticket 0: nobody is told. */
void admin_done(struct core *core, uint64_t ticket, int status, struct block *body);
void admin_done_when_durable(struct core *core, uint64_t ticket, uint64_t lsn, int status,
                             struct block *body);
struct block *admin_refusal(const char *error, const char *message); /* {"error", "message"} */
struct block *admin_number(const char *key, uint64_t value);         /* {key: value} */
struct block *admin_text(const char *key, const char *value);        /* {key: "value"} */
void admin_durable(struct core *core);                               /* more of the log is on disk */
void admin_log_failed(struct core *core);
void admin_free(struct core *core);

#endif
