/* The life of a logged write: record, durable, asked, decided, applied everywhere, gone.
 *
 *   client -> APPEND -> durable -> asker (primary, else replica, else the proxy) -> decided
 *          -> every other instance through its own cursor -> finished -> forgotten
 *
 * The instance that answers first decides (rule 7). A yes from the primary goes to the client at once; any
 * other decision is durable before it is told (rule 6). */
#ifndef WALDRILL_PROXY_CORE_WRITES_H
#define WALDRILL_PROXY_CORE_WRITES_H

#include "proxy/core/records.h"
#include "proxy/core/state.h"

/* Used for clients and for recovery. payload: references are taken. */
struct payload;
struct entry *entry_new(struct core *core, uint64_t lsn, const struct record_write *record,
                        const struct payload *payload);
/* Logs the client's write and queues it.  lane: of record writes and renames. */
void writes_begin(struct core *core, struct client *client, struct record_write *record);
/* A dead letter's write again, with that body, as a new one. */
struct entry *writes_redrive(struct core *core, struct block *meta, struct block *body);
void writes_durable(struct core *core, uint64_t lsn, uint64_t log_bytes);
/* Chooses who is asked to decide; nobody left: the proxy decides. */
void entry_ask(struct core *core, struct entry *entry);
/* Not now, but before the client's budget is over: it is asked again at each step. */
void entry_wait(struct core *core, struct entry *entry);
void writes_ask_again(struct core *core);

/* What decided, and what the client is told (blocks: references are taken over). */
struct decision {
    unsigned by; /* instance, or PROXY_DECIDES */
    int status;
    struct block *headers;
    struct block *body;
    struct str reason;   /* of a refusal: its body's text, borrowed */
    struct block *shown; /* of a create: the create that the other instances get; NULL = the client's own */
    bool kept;           /* of a refusal: the other instances get the write all the same (side_effect.h) */
    bool has_uuid;
    struct uuid uuid; /* the collection's id at that instance */
};
void entry_accept(struct core *core, struct entry *entry, struct decision *decision);
void entry_reject(struct core *core, struct entry *entry, struct decision *decision);
/* A decided write has been carried out (or found done) at an instance. */
void entry_applied(struct core *core, struct entry *entry, unsigned instance, const struct uuid *uuid);
/* An instance refuses a decided write for good. */
void entry_dead(struct core *core, struct entry *entry, unsigned instance, int status, struct str reason);

/* Effects of decisions on identity, shared with recovery. */
void entry_settle(struct core *core, struct entry *entry, unsigned by, const struct uuid *uuid,
                  bool accepted);
/* Of what an instance carried out: what was made there has that id (NULL = not told); what had the name that
 * was deleted is gone. */
void entry_identify(struct core *core, struct entry *entry, unsigned instance, const struct uuid *uuid);
void entry_finish_at(struct core *core, struct entry *entry, unsigned instance, bool dead);
void entry_set_late(struct core *core, struct entry *entry);
/* Puts the entry at the end of one more strand. */
void entry_join(struct core *core, struct entry *entry, struct strand *strand);
void entry_release_if_over(struct core *core, struct entry *entry);

struct client *writes_client(struct core *core, const struct entry *entry);
/* After an ambiguous outcome (rule 2): nothing goes to its lane, or to its names, before a fence. */
void writes_fence(struct entry *entry, unsigned instance);
void writes_outlived(struct core *core, struct entry *entry, unsigned instance);
/* add, upsert, update, delete: they order nothing but their lane */
bool writes_of_records(enum chroma_op op);
bool writes_by_uuid(enum chroma_op op); /* the request names its collection by UUID */
bool writes_is_barrier(const struct entry *entry);
bool writes_in_place(const struct entry *entry, const struct entry_wide *barrier);
/* A barrier stands no longer at that instance: what waited behind it may go. Nothing for other entries. */
void writes_wake_place(struct core *core, const struct entry *entry, unsigned instance);
bool writes_older_in_place(const struct core *core, const struct entry *entry, unsigned instance);
/* What waits for that instance is no longer to be carried out there; but what the outcome of a request about
 * names that is on its way decides upon stays: an audit cannot know it. */
bool writes_can_drop(const struct core *core, const struct entry *entry, unsigned instance);
void writes_drop_backlog(struct core *core, unsigned instance);
/* How far the instances are; at the end of each step. */
void writes_note_cursors(struct core *core);
uint64_t core_append(struct core *core, uint8_t type, struct block *meta, struct block *body, bool sync);
void writes_free(struct core *core);

#endif
