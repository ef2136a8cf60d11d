/* Learning and translating identity: collections found in listings and by name, ids in answers turned
 * into the logical ones clients know, paths turned into what an instance knows. */
#ifndef WALDRILL_PROXY_CORE_LEARN_H
#define WALDRILL_PROXY_CORE_LEARN_H

#include "proxy/core/state.h"

/* "/api/v2/tenants/T/databases/D/collections/COLLECTION/rest?query" of a route. */
void learn_build_target(struct buf *out, const struct chroma_route *route, struct str collection);
void learn_collection_target(struct buf *out, const struct lane *lane, struct str collection);
/* Reads the listing of the client's database on an instance, then routes the client again. */
void learn_collections(struct core *core, struct client *client);
void learn_end(struct core *core, struct call *call, const struct core_event *event);
/* The lane's id at an instance, by its name. */
void learn_id_by_name(struct core *core, struct lane *lane, unsigned instance);
void learn_id_end(struct core *core, struct call *call, int status, struct str body);
/* GET C/{name} on behalf of an entry; ends in outcome_name. */
void learn_check_name(struct core *core, struct entry *entry, unsigned instance);

/* The "id" of a collection object. */
bool learn_object_id(struct str body, struct uuid *uuid);
/* Is it a whole listing of databases or collections?  What answers 2xx with anything else has told nothing.
 */
bool learn_is_listing(struct str body, bool of_collections);
/* The raw text of a member; empty when there is none. */
struct str learn_object_member(struct str object, const char *key);
/* From now on the lane is this collection at that instance; recorded. */
void learn_map(struct core *core, struct lane *lane, unsigned instance, const struct uuid *uuid);
/* A create that makes a collection like this object: name, metadata, configuration. */
struct block *learn_create_body(struct str object, bool get_or_create);
/* {"key":"name"} */
struct block *learn_name_body(const char *key, struct str name);
/* Takes note of a collection object seen at an instance; records what is new. */
void learn_object(struct core *core, unsigned instance, struct str tenant, struct str database,
                  struct str object);
/* A copy of an answer with the instance's ids replaced by logical ones (same length, so in place). */
struct block *learn_rewrite(struct core *core, unsigned instance, struct str body);
struct block *learn_answer_headers(const struct client *client, const struct http_head *head, bool queued);

#endif
