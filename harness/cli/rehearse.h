/* A rehearsal: the drill's record, and those who fill it.  Private to harness/cli/rehearse*.c.
 *
 *   rehearse.c        options; the run around it; how it ends
 *   rehearse_plan.c   what is expected of the operator: the scenario's steps, beside the runbook's words
 *   rehearse_guide.c  the runbook's text
 *   rehearse_turn.c   the operator's turn in the run's loop: what is told, what is noticed
 *   rehearse_desk.c   what the observer and the shell hand over
 *   rehearse_auto.c   an operator who plays the runbook
 *   rehearse_say.c    the transcript */
#ifndef WALDRILL_HARNESS_CLI_REHEARSE_H
#define WALDRILL_HARNESS_CLI_REHEARSE_H

#include "harness/cli/cli.h"
#include "harness/desk/desk.h"
#include "harness/desk/observer.h"
#include "harness/drill/drill.h"
#include "harness/runbook/runbook.h"
#include "harness/runner/operator.h"
#include <signal.h>

/* Where a step of the drill comes from. */
struct rehearse_source {
    bool is_fault; /* the operator's own; else a step of the scenario */
    size_t index;
    const struct mark *mark;
};

/* A request of the operator's that the engine carries out. */
struct rehearse_asked {
    struct rehearsal *owner;
    struct observer_call *call;
    struct rehearse_asked *next;
};

/* An operator who plays the runbook. */
struct rehearse_auto {
    uint32_t step; /* being done; DRILL_NONE */
    bool waits;    /* for an answer or a command */
    int64_t not_before_ns;
    unsigned tries;
};

struct rehearsal {
    const char *path, *out, *shell;
    char work[CLI_PATH]; /* logs of the processes */
    double speed;        /* 0 = as fast as it goes */
    uint64_t hints;      /* left */
    bool automatic, with_shell;
    struct scenario *scenario;
    struct runbook *book; /* NULL = none found */
    struct drill drill;
    struct rehearse_source *sources; /* of drill.steps */
    struct run *run;                 /* while its turns come */
    bool live;                       /* the engine runs processes: commands can be typed */
    struct observer *observer;
    struct desk desk;
    bool desk_ready, finished;
    struct rehearse_asked *asked;
    struct rehearse_auto player;
    size_t pages_told;
    FILE *transcript;
    sigset_t signals;
    uint64_t wall_start_ns;
};

/* ---- rehearse_guide.c ---- */
/* The list that stands beside or above the scenario (runbook.yaml); NULL without one. */
struct runbook *guide_find(const char *scenario_path);
/* The block of shell that holds the lines of one of these ids, as it stands there; NULL = none. The caller's.
 */
char *guide_block(const struct runbook *b, const char *ids, unsigned *line);
/* The section that the scenario rehearses. */
void guide_section(const struct runbook *b, const char *fragment, struct buf *out);

/* ---- rehearse_plan.c ---- */
void plan_steps(struct rehearsal *r);
/* When the steps are due, as far as it is known by now. */
void plan_times(struct rehearsal *r);

/* ---- rehearse_turn.c ---- */
extern const struct runner_operator rehearse_operator; /* its context is filled in by the caller */
/* The operator restarts the balancer; words for them. */
const char *turn_restart(struct rehearsal *r, int *rv, struct errmsg *msg);
/* An exchange of theirs has been seen. */
void turn_note(struct rehearsal *r, const struct operator_exchange *exchange);

/* ---- rehearse_desk.c ---- */
int desk_begin(struct rehearsal *r, struct errmsg *msg);
int desk_turn(struct rehearsal *r, struct errmsg *msg);
void desk_over(struct rehearsal *r);
void desk_end(struct rehearsal *r);

/* ---- rehearse_auto.c ---- */
int auto_turn(struct rehearsal *r, uint64_t now_ns, struct errmsg *msg);

/* ---- rehearse_say.c ---- */
/* A line of the transcript: "  1:23  pager     primary: health check fails". */
void say_line(struct rehearsal *r, int64_t at_ns, const char *who, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Text as it stands. */
void say_text(struct rehearsal *r, const char *text);
void say_time(int64_t ns, char out[24]); /* "1:23" */
void say_end(struct rehearsal *r, const struct results *results);

/* ---- rehearse.c ---- */
int64_t rehearse_now_ns(const struct rehearsal *r);

#endif
