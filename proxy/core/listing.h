/* Collections by name and in lists: which instance knows the names well enough, and one order for all
 * (rule 17: each server sorts by its own UUIDs). */
#ifndef WALDRILL_PROXY_CORE_LISTING_H
#define WALDRILL_PROXY_CORE_LISTING_H

#include "proxy/core/state.h"

/* Nothing acknowledged about names in the client's database waits for this instance. */
bool listing_current(struct core *core, const struct client *client, unsigned instance);
/* Some collection in the answer is not known yet. */
bool listing_is_news(struct core *core, const struct client *client, struct str body);
void listing_learn(struct core *core, const struct client *client, unsigned instance, struct str body);
/* Its limit and offset are numbers; else it is Chroma's to refuse. */
bool listing_is_understood(const struct client *client);
/* Sorted by logical id, then cut by the client's limit and offset. */
struct block *listing_slice(const struct client *client, struct str body);

#endif
