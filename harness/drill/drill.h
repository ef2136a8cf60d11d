/* A drill: what the operator was told, what was expected of them, what they did, and how that is scored.
 *
 * Pure: facts come in as they are noticed, the score comes out; whoever plays the drill (harness/cli) does
 * the asking and the telling.  notice.c understands what they did, pager.c says what a pager would, score.c
 * judges.
 *
 * Times are nanoseconds of scenario time; texts that go in are copied. */
#ifndef WALDRILL_HARNESS_DRILL_DRILL_H
#define WALDRILL_HARNESS_DRILL_DRILL_H

#include "harness/engine.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRILL_NONE UINT32_MAX
#define DRILL_SAW  200

/* How late is late: after what the guide expects, in scenario time, but never less than a person needs to
 * read and type, in their own time. */
#define DRILL_GRACE_NS        (120 * (int64_t)1000000000)
#define DRILL_GRACE_PERSON_NS (15 * (int64_t)1000000000)

enum drill_kind {
    DRILL_LOOK,    /* a request that only asks */
    DRILL_CHANGE,  /* a request that changes something */
    DRILL_RUN,     /* a command of the guide that is no single request */
    DRILL_RESTART, /* the operator's own restart, kill or pause of the balancer */
};

enum drill_verdict {
    DRILL_OPEN,    /* not scored yet */
    DRILL_DONE,    /* in time, and what was seen is what the guide expects */
    DRILL_LATE,    /* so, but after the grace */
    DRILL_WRONG,   /* tried, and never seen what the guide expects */
    DRILL_MISSED,  /* never tried */
    DRILL_NOT_DUE, /* its moment never came, or too late for anybody; counts for nothing */
};

/* What is expected of the operator. */
struct drill_step {
    char *name;
    enum drill_kind kind;
    enum engine_target target;
    char *method, *path; /* requests; the path may name captures, "${coll}" */
    char *command;       /* what the runbook would have them type */
    char *expects;       /* what it says they should see */
    char *says;          /* where the runbook says so, in words; "" = it does not */
    unsigned guide_line; /* 0 = none */
    int64_t due_ns;      /* HISTORY_NEVER while nobody can know */
    int64_t opens_ns;    /* looks count from here on */
    /* what came of it */
    enum drill_verdict verdict;
    int64_t done_ns; /* HISTORY_NEVER */
    int64_t late_ns; /* after due_ns, less what was held; below 0 = before */
    char *saw;       /* the last time it was tried; NULL = never */
    unsigned tries;
    unsigned hints;
};

enum drill_deed {
    DRILL_DEED_REQUEST,
    DRILL_DEED_COMMAND,
    DRILL_DEED_RESTART,
    DRILL_DEED_HINT,
    DRILL_DEED_PAUSE,
    DRILL_DEED_RESUME,
    DRILL_DEED_STRANGER, /* a host that does not belong to the drill; nothing was sent */
    DRILL_DEED_END,
};

/* What the operator did. */
struct drill_action {
    enum drill_deed deed;
    int64_t at_ns;
    char *text; /* "GET /status", a command as typed, words */
    enum engine_target target;
    enum op_outcome outcome;
    int status;       /* of an answer; of a command its exit status */
    uint64_t took_ns; /* a request: on the machine's clock */
    char *mistake;    /* what was wrong with it; NULL = nothing */
    uint32_t step;    /* that it counts for; DRILL_NONE */
};

/* What the operator was told. */
struct drill_page {
    int64_t at_ns;
    char *text;
    bool clear; /* good news */
};

struct drill_span {
    int64_t start_ns, end_ns;
};

/* What pager.c compares. */
struct drill_sight {
    bool answered, healthy[2];
    uint32_t alerts; /* that fire, bit by index of the names handed to the pager */
};

struct drill_score {
    int64_t detect_ns, diagnose_ns, act_ns, recover_ns; /* since the incident began; HISTORY_NEVER = never */
    unsigned done, late, wrong, missed, not_due;
    unsigned points, of; /* 2 for done, 1 for late or helped by a hint */
    unsigned mistakes, hints;
};

struct drill {
    double speed; /* scenario seconds per second of the operator */
    bool has_replica, automatic;
    struct drill_step *steps;
    size_t step_count;
    struct drill_action *actions;
    size_t action_count;
    struct drill_page *pages;
    size_t page_count;
    struct drill_span *holds;
    size_t hold_count;
    bool held;
    struct drill_sight sight; /* as it was told last */
    bool seen;
    int64_t start_ns;     /* of the first phase */
    int64_t incident_ns;  /* HISTORY_NEVER = nothing has broken yet */
    int64_t recovered_ns; /* everything healthy and nothing pending for good; HISTORY_NEVER */
    int64_t end_ns;
    double lost; /* writes that were lost with the balancer's memory */
    char *ended; /* why it ended before its end; NULL = it did not */
    struct drill_score score;
};

void drill_init(struct drill *d);
void drill_deinit(struct drill *d);

/* Zeroed but for its times; the caller fills it in with texts of its own, which the drill frees. */
struct drill_step *drill_add_step(struct drill *d);
/* The step that is expected next: the first open one whose phase has begun, else the first open one;
 * DRILL_NONE = all are done. */
uint32_t drill_current(const struct drill *d, int64_t now_ns);

/* ---- notice.c ---- */

struct drill_request {
    enum engine_target target;
    const char *method, *path;
    enum op_outcome outcome;
    int status;
    uint64_t took_ns;
    int64_t at_ns;
};

/* Is what they saw what the step wants?  saw: what that was. */
typedef bool drill_judge(void *context, uint32_t step, char saw[DRILL_SAW]);
/* A request was seen: it counts for the first open step that it fits and whose judge is content; one look
 * counts for one step.  Returns that step, or DRILL_NONE. */
uint32_t drill_note_request(struct drill *d, const struct drill_request *request, drill_judge *judge,
                            void *context);
/* A command was typed and ended.  Returns the step that it was, if it was one of kind DRILL_RUN. */
uint32_t drill_note_command(struct drill *d, const char *command, int exit_status, int64_t at_ns);
/* A host that is not of the drill was asked for. */
void drill_note_stranger(struct drill *d, const char *url, int64_t at_ns);
/* They restarted the balancer; lost: writes that this has cost; stuck: replay was not getting on, or the
 * runbook's moment for it has come. */
uint32_t drill_note_restart(struct drill *d, double lost, int64_t at_ns);
void drill_note_hint(struct drill *d, uint32_t step, int64_t at_ns);
void drill_note_hold(struct drill *d, bool hold, int64_t at_ns);
void drill_note_end(struct drill *d, const char *why, int64_t at_ns);
/* Do a request and a step mean the same, whatever the captures in the step's path stand for? */
bool drill_fits(const struct drill_step *step, enum engine_target target, const char *method,
                const char *path);

/* ---- pager.c ---- */

/* Compares with what was told last and notes what a pager would say of the difference; returns how many pages
 * were added.  The first sight is told only where something is wrong. */
size_t drill_look(struct drill *d, const struct drill_sight *sight, const char *const *alert_names,
                  size_t alert_count, int64_t at_ns);

/* ---- score.c ---- */

void drill_judge_all(struct drill *d);
const char *drill_verdict_name(enum drill_verdict verdict); /* "done", "late", ... */
const char *drill_deed_name(enum drill_deed deed);
/* A sentence or two for a person. */
void drill_words(const struct drill *d, char *out, size_t size);

#endif
