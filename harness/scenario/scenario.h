/* A scenario file after parsing and checking: what the runner plays.  docs/scenarios.md is the manual.
 * Times are relative to marks (phase starts and ends) where the file says so. */
#ifndef WALDRILL_HARNESS_SCENARIO_SCENARIO_H
#define WALDRILL_HARNESS_SCENARIO_SCENARIO_H

#include "base/chroma_route.h"
#include "base/error.h"
#include "base/yaml_tree.h"
#include "harness/engine.h"
#include "harness/results.h"
#include "harness/scenario/expression.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "outage + 35s", "outage.end", "healed.end - 1s": a phase's start or end plus an offset. */
struct mark {
    uint32_t phase; /* index; UINT32_MAX = the start of the run */
    bool end;
    int64_t offset_ns;
};

/* "eventually wal.pending_writes > 0 within 5s after outage.start" and its kin; in a step, what its answer
 * must be. */
struct scenario_expect {
    char *text;
    struct expression *expression;
    unsigned line;
    char *proves;     /* ids of what the runbook says (scenarios/runbook.yaml), a blank between them; NULL
                         = none */
    bool of_operator; /* speaks of what the operator does at its moment: not judged in a drill */
};

struct scenario_phase {
    char *name;
    uint64_t for_ns;                    /* fixed length, or 0 */
    struct expression *until;           /* ends when true (owned), or NULL */
    uint64_t max_ns;                    /* with until: at most so long; reaching it fails the run */
    struct scenario_expect *thresholds; /* "always ... during" this phase */
    size_t threshold_count;
    unsigned line;
};

struct scenario_mix {
    enum chroma_op op;
    double share;
};

struct scenario_load {
    char *name;
    double per_second;
    bool poisson;        /* else evenly spaced */
    uint64_t body_bytes; /* aimed size of a write's body; 0 = as small as it gets */
    uint32_t dimension;  /* numbers per embedding, default 4 */
    struct scenario_mix mix[16];
    size_t mix_count;
    uint32_t collections; /* spread over that many, created before the run; default 1 */
    uint32_t records;     /* ids per collection that writes draw from; default 1000 */
    uint32_t during;      /* phase index; UINT32_MAX = the whole run until the last phase ends */
    uint64_t timeout_ns;  /* a client's patience; default 30 s */
    unsigned line;
};

enum scenario_target { SCENARIO_LB, SCENARIO_PRIMARY, SCENARIO_REPLICA };

struct scenario_fault {
    char *name;
    enum scenario_target target;
    struct mark at;
    struct expression *when; /* instead of a mark: it begins at the first sample at which this is true */
    char *when_text;
    bool has_end;
    struct mark until; /* from "during: phase" or "for"; with when: for_ns after it began */
    uint64_t for_ns;
    /* kill, pause and terminate: it comes back restart_after_ns after `at` (restart), or at `until` (has_end
     * without restart), or stays away until the run heals everything. */
    char *document;      /* JSON for mock_fault_add; NULL for lb faults and instance kill */
    bool kill;           /* do: kill (lb or instance) */
    bool pause;          /* do: pause (SIGSTOP, lb) */
    bool terminate;      /* do: restart (SIGTERM, lb): an orderly stop; restart is set too */
    enum lb_disk disk;   /* do: disk-full, disk-slow, disk-fail (lb); LB_DISK_SOUND = none of them */
    uint64_t disk_by_ns; /* disk-slow: how much longer each sync takes */
    bool restart;        /* comes back after restart_after_ns */
    uint64_t restart_after_ns;
    enum { RESTART_KEEP, RESTART_LOSE_TAIL, RESTART_EMPTY } restart_what;
    uint64_t restart_lost_ns;
    bool by_operator;     /* not a mishap but what the runbook lets a person do: a drill waits for it */
    uint64_t expect_hits; /* at least; default 1 for documents and with when; fewer makes the run INVALID */
    unsigned line;
};

struct scenario_capture {
    char *name;
    char *text;
    struct expression *expression;
};

struct scenario_setting {
    char *name;
    char *value;
    unsigned line;
};

struct scenario_step {
    char *name;
    struct mark at;
    char *method, *url, *body;        /* a request; ${lb} ${primary} ${replica} and captures are filled in */
    struct scenario_setting *headers; /* of the request; values may name captures */
    size_t header_count;
    uint64_t timeout_ns;
    char *run;       /* or a shell command (engines with processes; skipped by declaration on sim) */
    bool by_harness; /* a test that no line of the runbook asks for: a drill leaves it out */
    struct scenario_expect *assertions;
    size_t assertion_count;
    char *proves; /* by all of its assertions; see scenario_expect */
    struct scenario_capture *captures;
    size_t capture_count;
    unsigned line;
};

enum scenario_invariant {
    INVARIANT_CONSERVATION,
    INVARIANT_NO_LOST_ACK,
    INVARIANT_NO_DOUBLE_EFFECT,
    INVARIANT_ORDER_PER_LANE,
    INVARIANT_CONVERGE,
    INVARIANT_READ_YOUR_WRITES,
    INVARIANT_STATUS_TRUTHFUL,
    INVARIANT_REFUSED_NOT_APPLIED,
    INVARIANT_NOT_DENIED,
    INVARIANT_BOUNDED_RECOVERY,
    INVARIANT_BOUNDED_MEMORY,
    INVARIANT_COUNT
};
extern const char *const scenario_invariant_names[INVARIANT_COUNT];
/* All that a file may write, older spellings too. */
extern const char *const scenario_invariant_spellings[];
extern const size_t scenario_invariant_spelling_count;

enum scenario_alert_kind { ALERT_MUST_FIRE, ALERT_MUST_CLEAR, ALERT_NEVER_FIRE };

/* What an alert rule of the balancer must do, judged from what /alerts said. */
struct scenario_alert {
    enum scenario_alert_kind kind;
    struct scenario_expect expect;
    struct expression *fired; /* MUST_CLEAR: what never fired has nothing to clear */
};

struct scenario {
    char *path;
    char *name, *title, *runbook;
    char *variant;    /* of a matrix: "lb.wal_mode=memory,seed=2", also part of name; NULL = it has none */
    size_t run_count; /* of the matrix; 1 without one */
    uint64_t seed;
    uint64_t wall_limit_ns, simulated_limit_ns;
    bool has_replica;
    char *latency[2];
    uint32_t holds[2];   /* records of its own before the balancer comes */
    bool real_chroma[2]; /* kind: chroma; else a mock */
    enum lb_kind lb_kind;
    char *lb_command, *lb_ready, *lb_url; /* NULL = not given */
    struct scenario_setting *lb_env;
    size_t lb_env_count;
    struct scenario_setting *lb_settings; /* of walproxy only */
    size_t lb_setting_count;
    struct scenario_load *loads;
    size_t load_count;
    struct scenario_phase *phases;
    size_t phase_count;
    struct scenario_fault *faults;
    size_t fault_count;
    struct scenario_step *steps;
    size_t step_count;
    struct scenario_expect *steady, *expects;
    size_t steady_count, expect_count;
    size_t plain_expects;          /* those behind come from expect_if */
    struct scenario_expect *stops; /* stop_if: any one TRUE now ends the run as failed, naming it */
    size_t stop_count;
    struct scenario_alert *alerts;
    size_t alert_count;
    unsigned formats;   /* enum report_format */
    bool virtual_clock; /* clock: virtual (sim) or real; --engine overrides it */
    bool invariants[INVARIANT_COUNT];
    bool waived[INVARIANT_COUNT];
};

/* A file's text, at most 4 MiB; NULL with a line that names the file. */
char *scenario_read_file(const char *path, size_t *size, struct errmsg *msg);
/* Parses and checks a file's text: structure, units, names of metrics, settings, phases, faults.  All
 * problems of the file in one pass, those of each run of its matrix too; NULL when there are any.  What comes
 * back is the first run. */
struct scenario *scenario_parse(const char *path, struct str source, struct yaml_problems *problems);
/* Another run of a matrix, counted from 0, of a text that is right. */
struct scenario *scenario_parse_run(const char *path, struct str source, size_t run,
                                    struct yaml_problems *problems);
void scenario_free_expects(struct scenario_expect *list, size_t count);
void scenario_free(struct scenario *s);
/* The reference part of docs/scenarios.md, from the tables of keys and metrics. */
struct buf;
void scenario_reference(struct buf *out);
/* The JSON Schema of a scenario file, draft 2020-12, from the same tables. */
void scenario_schema(struct buf *out);

#endif
