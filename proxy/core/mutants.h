/* The zoo: known-bad cores, for testing the oracles.  Present only in builds with WALDRILL_MUTANTS, never in
 * a release, where MUTANT() is constant false and the hooks below do what is right.
 *
 * Each breaks one promise on purpose, as a proxy of this kind has done or well might.  A row: its id, its
 * name, the oracle that has to catch it, what it does wrong.  scripts/check-mutants reads the table: each has
 * to pass a quiet minute of scenario 01, and each has to be caught, by that oracle. */
#ifndef WALDRILL_PROXY_CORE_MUTANTS_H
#define WALDRILL_PROXY_CORE_MUTANTS_H

#include "proxy/core/verdict.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUTANT_TABLE(X)                                                                                      \
    /* what waits for an instance */                                                                         \
    X(MUTANT_DROP_QUEUE, "drop_queue", "no_lost_ack", "forgets the queue when the primary is back")          \
    X(MUTANT_DROP_AFTER_THREE, "drop_after_three", "no_lost_ack", "drops a write after three failed tries")  \
    X(MUTANT_DROP_DELETES, "drop_deletes", "no_lost_ack", "does not replay deletes to the primary")          \
    X(MUTANT_DROPS_UNDER_LOAD, "drops_under_load", "no_lost_ack", "with a dozen writes open, says yes only") \
    X(MUTANT_FORGETS_REPLICA, "forgets_replica", "no_lost_ack", "keeps nothing for a replica that is away")  \
    X(MUTANT_GIVES_UP, "gives_up", "bounded_recovery", "after four failures in a row never tries again")     \
    X(MUTANT_WINDOW_LEAKS, "window_leaks", "bounded_recovery", "each timeout takes a place for replays")     \
    X(MUTANT_NEVER_BACK, "never_back", "bounded_recovery", "who goes down twice stays down")                 \
    X(MUTANT_POISON_BLOCKS, "poison_blocks", "bounded_recovery", "a refused write is never given up")        \
    /* order */                                                                                              \
    X(MUTANT_OVERTAKE, "overtake", "order_per_lane", "sends new writes before older ones of their lane")     \
    X(MUTANT_DELETES_FIRST, "deletes_first", "order_per_lane", "replays by priority: deletes first")         \
    X(MUTANT_NEWEST_FIRST, "newest_first", "order_per_lane", "replays the newest first")                     \
    /* what an answer means */                                                                               \
    X(MUTANT_NO_FENCE, "no_fence", "no_double_effect", "goes on after an ambiguous write without its fence") \
    X(MUTANT_FENCE_ANY_ANSWER, "fence_any_answer", "no_double_effect", "whatever answers a fence will do")   \
    X(MUTANT_IGNORES_STATUS, "ignores_status", "no_lost_ack", "any answer to a replayed write is a yes")     \
    X(MUTANT_TRUSTS_PAGE, "trusts_page", "no_lost_ack", "a platform's 404 page: the write is done")          \
    X(MUTANT_ERROR_IS_NO, "error_is_no", "converge", "an answer of 500 proves that nothing was done")        \
    X(MUTANT_TIMEOUT_IS_DONE, "timeout_is_done", "no_lost_ack", "no answer to a replayed write is a yes")    \
    X(MUTANT_TIMEOUT_IS_NO, "timeout_is_no", "refused_not_applied", "no answer in time is a no")             \
    X(MUTANT_FAULT_IS_READ, "fault_is_read", "not_denied", "a read's 404 of one instance is the answer")     \
    X(MUTANT_REFUSED_ELSEWHERE, "refused_elsewhere", "refused_not_applied", "sends it all the same")         \
    X(MUTANT_LETTER_DROPPED, "letter_dropped", "no_lost_ack", "what an instance refuses later is dropped")   \
    X(MUTANT_SIDE_EFFECT_FORGOTTEN, "side_effect_forgotten", "converge", "a refusal leaves nothing behind")  \
    /* the same write again, several in one */                                                               \
    X(MUTANT_REPLAYS_TWICE, "replays_twice", "no_double_effect", "what was replayed is queued once more")    \
    X(MUTANT_JOINS_KINDS, "joins_kinds", "read_your_writes", "an upsert may travel in an add")               \
    X(MUTANT_SPLIT_LOSES, "split_loses", "no_lost_ack", "a joined request is refused: the last is lost")     \
    X(MUTANT_WRONG_UUID, "wrong_uuid", "bounded_recovery", "the primary is asked for the id clients know")   \
    /* the log */                                                                                            \
    X(MUTANT_ACK_BEFORE_DURABLE, "ack_before_durable", "no_lost_ack", "answers before the log is on disk")   \
    X(MUTANT_LOST_ON_RESTART, "lost_on_restart", "no_lost_ack", "starts with an empty queue")                \
    X(MUTANT_UNDECIDED_FORGOTTEN, "undecided_forgotten", "no_double_effect", "forgets the last")             \
    X(MUTANT_REPLAYS_APPLIED, "replays_applied", "no_double_effect", "a start sends some again")             \
    X(MUTANT_UNBOUNDED_MEMORY, "unbounded_memory", "bounded_memory", "keeps all payloads in memory")         \
    X(MUTANT_UNBOUNDED_LOG, "unbounded_log", "bounded_memory", "takes more writes than WAL_MAX_WRITES")      \
    X(MUTANT_LOGS_REFUSED, "logs_refused", "refused_not_applied", "logs what it refuses for want of room")   \
    X(MUTANT_GIVEN_UP_UNMARKED, "given_up_unmarked", "no_lost_ack", "gives up a backlog without a resync")   \
    X(MUTANT_DELETION_GIVEN_UP, "deletion_given_up", "no_lost_ack", "and one whose creation is on its way")  \
    X(MUTANT_ROOM_FOR_ONE, "room_for_one", "bounded_memory", "what goes on alone makes no room")             \
    /* returns and copies */                                                                                 \
    X(MUTANT_EMPTY_TRUSTED, "empty_trusted", "no_lost_ack", "an instance without its mark is as it was")     \
    X(MUTANT_BACKUP_TRUSTED, "backup_trusted", "no_lost_ack", "an instance with an old mark is as it was")   \
    X(MUTANT_UNVERIFIED, "unverified", "no_lost_ack", "what came after the mark is taken to be there")       \
    X(MUTANT_DOUBT_FORGOTTEN, "doubt_forgotten", "no_lost_ack", "a restart trusts whom it lost sight of")    \
    X(MUTANT_NAMES_SLEEP, "names_sleep", "bounded_recovery", "a broken off audit of names wakes nobody")     \
    X(MUTANT_NONSENSE_LISTED, "nonsense_listed", "no_lost_ack", "another shape says: nothing is here")       \
    X(MUTANT_PATIENCE_TRUSTS, "patience_trusts", "conservation", "not compared in 30 s: it is trusted")      \
    X(MUTANT_OLD_LIFE, "old_life", "conservation", "a deleted collection serves as the next one")            \
    X(MUTANT_BLIND_DELETION, "blind_deletion", "bounded_recovery", "takes only what it knew when logged")    \
    X(MUTANT_SKIPS_ROW, "skips_row", "converge", "a copy leaves out the first row of a page")                \
    X(MUTANT_KEEPS_EXTRAS, "keeps_extras", "converge", "a copy leaves what was deleted meanwhile")           \
    X(MUTANT_UNWATCHED, "unwatched", "converge", "adds behind the last page are not looked at")              \
    X(MUTANT_CUT_IGNORED, "cut_ignored", "converge", "a copy counts for writes behind it as well")           \
    /* reads */                                                                                              \
    X(MUTANT_STALE_READ, "stale_read", "read_your_writes", "no consistency window")                          \
    X(MUTANT_WINDOW_SHORT, "window_short", "read_your_writes", "a quarter of the consistency window")        \
    X(MUTANT_UNVERIFIED_READ, "unverified_read", "read_your_writes", "reads what may be lost in the window") \
    X(MUTANT_LETTER_SHORTENS, "letter_shortens", "read_your_writes", "a refusal after a restart: no window") \
    X(MUTANT_LETTER_BACK, "letter_back", "status_truthful", "a copy brings back what it took away")          \
    /* /status */                                                                                            \
    X(MUTANT_PENDING_ZERO, "pending_zero", "status_truthful", "never tells of pending writes")               \
    X(MUTANT_AGE_UNTOLD, "age_untold", "status_truthful", "never tells the age of the oldest")               \
    X(MUTANT_YOUNG_AGAIN, "young_again", "status_truthful", "a restart makes pending writes young")          \
    X(MUTANT_FAILED_STICKS, "failed_sticks", "status_truthful", "failed writes count for ever")              \
    X(MUTANT_REPLAYING_STICKS, "replaying_sticks", "status_truthful", "is_replaying never ends")             \
    X(MUTANT_ALWAYS_HEALTHY, "always_healthy", "status_truthful", "tells that who is down is healthy")       \
    X(MUTANT_DOWN_STICKS, "down_sticks", "status_truthful", "tells that who came back is down")

enum mutant {
    MUTANT_NONE,
#define X(id, name, promise, meaning) id,
    MUTANT_TABLE(X)
#undef X
};

#define MUTANT_NEVER_NS (UINT64_C(3600) * 1000000000) /* longer than any run waits */

struct core;
struct strand;
struct entry;
struct call;
struct client;
struct record_write;

/* Where a switch is more than one line.  What each does in a healthy core stands below, under #else. */
#ifdef WALDRILL_MUTANTS
#define MUTANT(core, which) ((core)->mutant == (which))
/* The write of the strand that is sent next, if it is not the head. */
struct entry *mutant_pick(struct core *core, struct strand *strand, unsigned i, struct entry *head);
bool mutant_picks(const struct core *core);
/* The write is taken as applied there without being sent. */
bool mutant_drops(const struct core *core, const struct entry *entry, unsigned i);
void mutant_accepted(struct core *core, struct entry *entry);
bool mutant_sends_refused(const struct core *core, const struct entry *entry);
void mutant_replayed(struct core *core, struct entry *entry, unsigned i);
void mutant_split(struct core *core, struct call *call);
/* An ambiguous outcome has been dealt with; the call's members may be over. */
bool mutant_believes_silence(struct core *core, struct call *call);
enum verdict_of_write mutant_verdict(const struct core *core, const struct call *call, int status,
                                     enum verdict_of_write verdict);
bool mutant_joins(const struct core *core, const struct entry *entry, const struct entry *head);
size_t mutant_first_row(const struct core *core, size_t rows);
bool mutant_tells_healthy(const struct core *core, unsigned i, bool healthy);
bool mutant_ignores_return(const struct core *core, unsigned i);
bool mutant_drops_unlogged(struct core *core, struct client *client);
void mutant_logs_refused(struct core *core, struct client *client, const struct record_write *record);
#else
#define MUTANT(core, which)                         ((void)(core), false)
#define mutant_pick(core, strand, i, head)          ((void)(core), (void)(strand), (void)(i), (head))
#define mutant_picks(core)                          ((void)(core), false)
#define mutant_drops(core, entry, i)                ((void)(core), (void)(i), false)
#define mutant_accepted(core, entry)                ((void)0)
#define mutant_sends_refused(core, entry)           false
#define mutant_replayed(core, entry, i)             ((void)0)
#define mutant_split(core, call)                    ((void)0)
#define mutant_believes_silence(core, call)         false
#define mutant_verdict(core, call, status, verdict) (verdict)
#define mutant_joins(core, entry, head)             ((void)(core), false)
#define mutant_first_row(core, rows)                ((void)(core), (size_t)0)
#define mutant_tells_healthy(core, i, healthy)      (healthy)
#define mutant_ignores_return(core, i)              false
#define mutant_drops_unlogged(core, client)         false
#define mutant_logs_refused(core, client, record)   ((void)0)
#endif

#endif
