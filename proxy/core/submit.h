/* From a client's write to a log record: what kind it is, which collection it means, whether there is
 * room for it; and what becomes of it when nobody can decide in time. */
#ifndef WALDRILL_PROXY_CORE_SUBMIT_H
#define WALDRILL_PROXY_CORE_SUBMIT_H

#include "proxy/core/state.h"

void submit_write(struct core *core, struct client *client);
/* No instance can be asked (any more): the proxy decides. */
void submit_decide_alone(struct core *core, struct entry *entry);
/* The client's budget is over. */
void submit_out_of_time(struct core *core, struct entry *entry);
/* Its bytes cannot be read back from the log. */
void submit_unreadable(struct core *core, struct entry *entry);
/* Surely refused by any Chroma: no JSON object. */
bool submit_plainly_wrong(const struct entry *entry);
/* Answers for a UUID that nobody knows or that is deleted: Chroma's 404 when that is certain, else 503. */
void submit_unknown(struct core *core, struct client *client, const struct lane *lane,
                    const struct uuid *uuid);
/* Chroma's own words for a collection that is not there. */
struct block *submit_not_found_body(const struct uuid *uuid);

#endif
