/* What one run knows of itself, shared by the files of harness/runner/ and seen by nobody else.
 *
 *   runner.c    the loop: what is due now, then let the world move to what is due next
 *   timeline.c  phases, marks, faults
 *   load.c      the load: collections, operations, their answers
 *   sampling.c  /status, and the events read from it
 *   status_figures.c, status_doc.c  what a /status says
 *   steps.c     the runbook's requests
 *   operator.c  or whoever does what they say
 *   commands.c  and its shell commands
 *   world.c     the series as expressions see them
 *   figures.c   what is counted from the whole history: replay rates, predicted memory
 *   healing.c   after the last phase: everything mended, everything drained
 *   lb_settings.c  what the balancer runs with
 *   expecting.c expectations, thresholds and alert rules over the whole series
 *   truths.c    what the oracles are told beside the history
 *   judging.c   assertions, verdict, words
 *
 * Everything runs on one thread.  Answers arrive as callbacks from inside engine->advance; they note facts
 * in this struct and ask nothing of the engine. */
#ifndef WALDRILL_HARNESS_RUNNER_RUN_H
#define WALDRILL_HARNESS_RUNNER_RUN_H

#include "base/units.h"
#include "harness/checkers/checkers.h"
#include "harness/runner/operator.h"
#include "harness/runner/runner.h"
#include "harness/runner/workload.h"
#include "proxy/core/settings.h"
#include <sys/types.h>

#define RUN_ID_SIZE        40
#define RUN_RECENT         64 /* acknowledged writes that a get may follow */
#define RUN_NO_TIME        UINT64_MAX
#define RUN_STEP_TIMEOUT   (10 * NS_PER_S)
#define RUN_COMMAND_OUTPUT ((size_t)1 << 20)

struct run_phase {
    bool begun, over;
    bool ran_out; /* "until" did not come true within max */
    uint64_t start_ns, end_ns;
};

struct run_fault {
    bool begun, over;
    bool triggered; /* its condition came true */
    bool waits_restart;
    uint64_t start_ns, end_ns;
    uint64_t id, hits, touches;
    uint64_t hits_before; /* of other faults of the same disk */
};

struct run_collection {
    uint32_t name;        /* index into history->collections */
    char id[RUN_ID_SIZE]; /* "" until the create has been answered */
    char trouble[128];    /* why it has none */
};

struct run_recent {
    uint32_t collection; /* index into run->collections */
    uint32_t record;
};

struct run_load {
    struct workload plan;
    bool begun;
    uint64_t end_ns;       /* RUN_NO_TIME while nobody knows */
    uint32_t first, count; /* its targets among run->collections */
    uint64_t planned, sent;
    uint64_t worst_late_ns;
};

struct run_step {
    bool begun, over;
    uint32_t op; /* index into history->ops; HISTORY_NONE */
    uint64_t begun_ns;
    pid_t child; /* a command that runs; 0 = none */
    int output_fd;
    struct buf output;
    operator_answered_cb *told; /* who sent it for the operator; NULL = the run itself */
    void *told_context;
    char *path; /* then: as it was sent */
};

/* A request of the operator's that waits for its answer. */
struct run_request {
    struct run *run;
    struct run_request *next;
    uint32_t op; /* of the history; HISTORY_NONE */
    engine_answer_cb *cb;
    void *context;
};

/* A stretch in which the operator held the scenario. */
struct run_hold {
    uint64_t start_ns, end_ns;
};

struct run_capture {
    char *name;
    char *value;
};

/* What /status said under one metric's place. */
struct run_figure {
    bool known;
    double number;
    const char *text; /* of texts; lives as long as the run */
};

/* What /status said beyond struct status_sample, at the same index. */
struct run_status_more {
    struct run_figure *figures; /* by index of metric_table */
    uint32_t alerts_known;      /* bit by index of alert_names */
    uint32_t alerts_firing;
    double healthy_instances, total_instances;
    double undecided_writes; /* logged, answered by no instance yet; their clients may have left */
    double progress_age_s;   /* -1 = null */
    double lag[2];
    bool queue_lost; /* the balancer says that its memory was lost */
    bool suspecting; /* an instance counts as healthy, but its last answer was none: it is asked again */
    bool resyncing;  /* an instance has collections that are still to be verified or copied */
    int64_t asked_ns;
};

/* When an instance received what brought it up to date. */
struct run_replay {
    int64_t *times; /* rising; NULL until somebody asks */
    size_t count;
    size_t effects; /* of the history, when it was gathered */
};

struct run {
    const struct scenario *scenario;
    struct engine *engine;
    const struct runner_options *options;
    struct history *history;
    struct results *results;
    struct settings_draft *lb; /* of a balancer that is not walproxy: walproxy's defaults */
    uint64_t seed;
    uint64_t start_ns; /* of the first phase */
    uint64_t end_ns;   /* of the last one; RUN_NO_TIME until then */
    uint64_t next_tag;

    struct run_phase *phases;
    uint32_t phase; /* the one going on; == phase_count when all are over */
    struct run_fault *faults;
    struct run_load *loads;
    struct run_collection *collections;
    uint32_t collection_count;
    uint32_t creates_open;
    struct run_recent recent[RUN_RECENT];
    uint64_t recent_count;
    struct buf scratch; /* bodies, paths and headers being composed */
    uint64_t in_flight; /* operations and steps sent and not answered */

    uint64_t sample_ns;
    uint64_t next_sample_ns;
    uint64_t samples_in_flight;
    bool fresh_sample; /* one has come since the loop last looked */
    struct run_status_more *more;
    size_t more_count, more_capacity;
    size_t metric; /* the last one asked for, index of metric_table */
    struct status_reader *status;
    bool asks_alerts;                     /* /alerts is sampled, too */
    uint32_t alerts_known, alerts_firing; /* of its last answer */
    uint32_t alerts_told;                 /* as the events have it */
    bool was_pending[3];                  /* thresholds of pending_writes that were passed, for events */

    struct run_replay replay[2];

    struct run_step *steps;
    struct run_capture *captures;
    size_t capture_count;
    struct run_collection *made; /* collections that steps created */
    size_t made_count;

    uint64_t wall_start_ns;
    const struct scenario_expect *stopped_by; /* the stop_if that came true; NULL = none */
    double died_in_memory; /* writes pending when a balancer with its queue in memory was killed */
    bool lb_dead, lb_paused;
    bool instance_dead[2];
    char invalid[256]; /* why the run proves nothing; "" = it may */
    bool unsupported;  /* the engine cannot do what the scenario asks for; invalid says what */
    char broken[600];  /* what the engine could not do; "" = nothing */
    char heal_trouble[600];
    uint64_t healed_ns; /* when everything had been mended; 0 = not yet */
    bool drained;

    struct run_hold *holds; /* rising */
    size_t hold_count;
    bool held;                    /* the last hold goes on */
    bool left;                    /* the operator has ended the run */
    uint64_t lb_return_ns;        /* the operator's own restart of the balancer; 0 = none under way */
    struct run_request *requests; /* the operator's own that were sent on */
};

/* ---- timeline.c ---- */
/* Scenario time of a mark; false while nobody can know it (a phase that ends by a condition). */
bool timeline_mark(const struct run *run, const struct mark *mark, uint64_t *at_ns);
/* length_ns after from_ns, not counting what the operator held. */
uint64_t timeline_after(const struct run *run, uint64_t from_ns, uint64_t length_ns);
/* Begins a fault. */
int timeline_fault_begin(struct run *run, size_t index, uint64_t now_ns, struct errmsg *msg);
void timeline_note_memory_loss(struct run *run);
void timeline_begin(struct run *run);
/* Ends and begins what is due at now_ns. */
int timeline_phases(struct run *run, uint64_t now_ns);
/* A fresh sample has come: which faults have been waiting for what it shows? */
void timeline_triggers(struct run *run, uint64_t now_ns);
bool timeline_waits_for_samples(const struct run *run); /* does a phase or a fault wait for a condition? */
int timeline_faults(struct run *run, uint64_t now_ns, struct errmsg *msg);
uint64_t timeline_next(const struct run *run); /* RUN_NO_TIME = nothing known */
const char *timeline_target_name(enum scenario_target target);
/* Ends one fault that has begun; its hits are counted. */
int timeline_fault_end(struct run *run, size_t index, uint64_t now_ns, struct errmsg *msg);

/* ---- lb_settings.c ---- */
/* The caller frees it with mem_free. */
struct settings_draft *lb_settings_new(const struct scenario *s);

/* ---- load.c ---- */
int load_open(struct run *run, struct errmsg *msg); /* creates the loads' collections */
void load_phases_changed(struct run *run);
/* What is not sent yet comes so much later. */
void load_delay(struct run *run, uint64_t by_ns);
int load_send_due(struct run *run, uint64_t now_ns, struct errmsg *msg);
uint64_t load_next(const struct run *run);
uint64_t run_tag(struct run *run);
void load_close(struct run *run);
/* Notes an answer in an operation's record. */
void load_note(struct op_record *op, const struct engine_answer *answer);

/* ---- sampling.c ---- */
/* An engine calls it when the instances answer and the balancer is not there yet; context: the scenario. */
int filling_run(const void *context, struct engine *engine, struct errmsg *msg);
void sampling_open(struct run *run);
int sampling_send(struct run *run, struct errmsg *msg);
void sampling_close(struct run *run);

/* ---- steps.c ---- */
int steps_due(struct run *run, uint64_t now_ns, bool last_chance, struct errmsg *msg);
uint64_t steps_next(const struct run *run);
void steps_close(struct run *run);
/* Appends text with its ${names} filled in; false with the name that is not known. */
bool steps_expand(const struct run *run, struct str text, struct buf *out, struct str *unknown);
/* One result stands for the whole step: it proves what each of the step's assertions would. */
void steps_prove(struct assertion_result *a, const struct scenario_step *plan);
/* The step could not be carried out. */
void steps_fail(struct run *run, size_t index, uint64_t now_ns, const char *why);
/* It was: judges what world's step says. */
void steps_finish(struct run *run, size_t index, const struct expression_world *world, int64_t at_ns);
/* What expressions see of an answer to a step; text of it is borrowed. */
struct expression_world steps_world(struct run *run, const struct engine_answer *answer);
bool steps_capture(struct run *run, const struct scenario_step *plan, const struct expression_world *world,
                   int64_t at_ns);
int steps_begin_request(struct run *run, size_t index, uint64_t now_ns, struct errmsg *msg);
char *steps_command_text(const struct scenario_step *plan);
/* A request through the balancer stands in the history; HISTORY_NONE: this one does not. */
uint32_t steps_note_op(struct run *run, const struct engine_request *request, uint64_t tag, uint64_t now_ns);
/* Later steps know a collection that was made by its id. */
void steps_remember(struct run *run, const struct op_record *op, struct str body);

/* ---- operator.c ---- */
bool operator_leaves_fault(const struct run *run, size_t index); /* it is theirs to begin */
bool operator_leaves_steps(const struct run *run);
/* What is due of their own restarts, and their turn. */
int operator_due(struct run *run, uint64_t now_ns, struct errmsg *msg);
uint64_t operator_next(const struct run *run, uint64_t now_ns);
void operator_close(struct run *run);

/* ---- commands.c ---- */
void commands_begin(struct run *run, size_t index, uint64_t now_ns);
bool commands_running(const struct run *run);
void commands_poll(struct run *run, uint64_t now_ns);
uint64_t commands_next(const struct run *run);
void commands_close(struct run *run);

/* ---- runner.c ---- */
/* How long an exchange took.  Where time is scaled this is the machine's time: what the balancer itself needs
 * does not shrink with the scenario's clock. */
uint64_t run_took_ns(const struct engine_answer *answer);
uint64_t run_wall_ns(void); /* the machine's monotonic clock: for limits and figures, never for decisions */

/* ---- world.c ---- */
/* All samples and the whole run. */
struct expression_world world_of_run(struct run *run);
/* The last sample, and loads from begin_ns on. */
struct expression_world world_of_now(struct run *run, uint64_t begin_ns, uint64_t now_ns);

/* ---- figures.c ---- */
/* Requests a second that brought an instance up to date, over the second before a sample. */
double figures_replay_rps(struct run *run, uint32_t instance, int64_t at_ns);
/* The guide's formula for this run; false = a load that writes has no body. */
bool figures_predicted_bytes(const struct run *run, double *out);
void figures_close(struct run *run);

/* ---- healing.c ---- */
void healing_run(struct run *run);
/* Mends what can be mended, and waits for nothing. */
void healing_mend(struct run *run);
/* Lets the world run until the condition holds, asking /status meanwhile; false = the bound was reached or
 * the engine failed (run->broken). */
bool healing_wait(struct run *run, bool (*done)(struct run *run), uint64_t bound_ns);
bool healing_is_steady(struct run *run);

/* ---- expecting.c ---- */
size_t judging_expects(struct run *run); /* returns how many could not be told */

/* ---- truths.c ---- */
/* Fills in what a run knows besides its history.  The caller frees the outages with mem_free. */
struct checker_outage *truths_tell(const struct run *run, struct checker_input *input);

/* ---- judging.c ---- */
__attribute__((format(printf, 1, 2))) char *judging_text(const char *format, ...); /* cut at 400 bytes */
/* Takes name, expected and saw over. */
struct assertion_result *judging_add(struct run *run, enum assertion_kind kind, unsigned line, char *name,
                                     bool passed, char *expected, char *saw);
void judging_gate(struct run *run, bool steady);
void judging_run(struct run *run);
void judging_verdict(struct run *run);

#endif
