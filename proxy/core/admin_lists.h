/* What an operator may look at in lists, a page at a time. */
#ifndef WALDRILL_PROXY_CORE_ADMIN_LISTS_H
#define WALDRILL_PROXY_CORE_ADMIN_LISTS_H

#include "proxy/core/state.h"

/* Pending writes, or dead letters: from the event's lsn on, at most its limit. */
struct block *admin_list(const struct core *core, const struct core_event *event, bool letters);
/* A dead letter with its body; NULL when that is too large to show. */
struct block *admin_letter(const struct core *core, const struct letter *letter, const struct block *body);
/* Collections by their births, from the event's lsn on: the id that clients know, and each instance's own. */
struct block *admin_ids(const struct core *core, const struct core_event *event);
/* What holds after a command: the cap on replay; an instance's state. */
struct block *admin_throttle_told(const struct core *core);
struct block *admin_instance_told(const struct core *core, unsigned instance);
struct json_writer;
/* One pending write, as an object. */
void admin_put_entry(struct json_writer *w, const struct core *core, const struct entry *entry);

#endif
