/* The engine that plays on a target; made ready by prepare.c, seen by nobody else. */
#ifndef WALDRILL_HARNESS_TARGET_ENGINE_H
#define WALDRILL_HARNESS_TARGET_ENGINE_H

#include "harness/real/journal.h"
#include "harness/real/requests.h"
#include "harness/target/heal.h"
#include "harness/target/holdings.h"
#include "harness/target/keeper.h"
#include "harness/target/lock.h"
#include "harness/target/marks.h"
#include <sys/queue.h>

struct asked; /* a request under way */

/* A fault that is renewed until it is removed. */
struct held {
    TAILQ_ENTRY(held) entry;
    enum engine_target place;
    uint64_t id;
    bool ends_itself; /* it has an end of its own, besides the lease */
};

/* What must stay the same about a place while we play. */
struct identity {
    double start;     /* gateway: start_wall_ms; balancer: its start time; 0 = it does not tell */
    uint64_t seen_ns; /* real time of its last answer */
    bool asking;      /* a look is under way */
    char version[64]; /* of an instance */
};

struct target_engine {
    struct engine engine;
    struct target_file *file; /* owned */
    char refusal[512];        /* what of the scenario cannot be played; "" = all can */
    bool commands;            /* the scenario stops something by a command */
    char *work_dir;
    struct requests *requests;
    struct history *history;
    uint64_t origin_ns;
    struct marks marks;
    struct target_lock lock;
    struct keeper keeper;
    struct hurt *hurts; /* one for each place */
    struct journal_reader journals[2];
    struct holdings before[2];
    struct identity identities[TARGET_PLACES];
    TAILQ_HEAD(held_list, held) held;
    TAILQ_HEAD(asked_list, asked) asked;
    uint64_t next_look_ns; /* real time of the next renewal */
    struct errmsg lost;    /* why we cannot go on; found in a callback */
    char environment[4096];
    bool opened;                             /* something may have been changed */
    bool ended;                              /* and all of it was mended, as far as that went */
    struct buf told, trouble, left, changed; /* of the end; see judge */
    uint64_t foreign;                        /* writes of others */
    bool compared;
};

struct target_engine *target_of(struct engine *e);

/* --- end.c: mending, removing, comparing; once, however often it is called */
void target_end(struct target_engine *t, bool with_content);
void target_judge(struct engine *e, struct results *results);
/* All journals have a gateway to come from, and nothing is stopped behind its back. */
bool target_has_journals(struct engine *e);
int target_pull(struct target_engine *t, struct history *into, struct errmsg *msg);

/* --- watch.c: renewals, and whether the target is still the one it was */
int target_watch_begin(struct target_engine *t, struct errmsg *msg);
int target_watch_look(struct target_engine *t, struct errmsg *msg);
/* The instances again, at the end: ERR_STATE when one has become another. */
int target_watch_versions(struct target_engine *t, struct errmsg *msg);

/* --- signals.c: Ctrl-C, SIGTERM, a closed terminal */
void signals_catch(void);
void signals_restore(void);
int signals_caught(void); /* the number; 0 = none */

/* Takes the file over. */
struct engine *target_engine_make(struct target_file *file, const struct scenario *s, const char *work_dir,
                                  const char *refusal);

#endif
