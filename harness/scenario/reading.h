/* The state of reading one scenario file, and how complaints find their place in it.  Private to
 * harness/scenario. */
#ifndef WALDRILL_HARNESS_SCENARIO_READING_H
#define WALDRILL_HARNESS_SCENARIO_READING_H

#include "harness/scenario/scenario.h"

#define SCENARIO_NAME_MAX     48
#define SCENARIO_PHASES_MAX   64
#define SCENARIO_LOADS_MAX    16
#define SCENARIO_ITEMS_MAX    512 /* faults, steps, expectations, each */
#define SCENARIO_CAPTURES_MAX 64
#define SCENARIO_EXTENDS_MAX  4
#define SCENARIO_INCLUDES_MAX 16
#define SCENARIO_RUNS_MAX     64 /* of a matrix */
#define SCENARIO_FILE_MAX     ((size_t)4 * 1024 * 1024)

struct key_row;

struct base_node; /* nodes that came from an extended file */

struct reading {
    struct scenario *s;
    struct str source;
    const struct yaml_node
        *root; /* with everything in it: what it extends and includes, and the run's values */
    struct yaml_problems *problems;
    struct base_node *base_nodes;
    char **paths; /* of the other files */
    size_t path_count;
    const struct yaml_node *extends; /* where complaints about base files are shown */
    /* Names of the file, collected before anything is read, so that one wrong phase is one complaint. */
    const char *phases[SCENARIO_PHASES_MAX];
    size_t phase_count;
    const char *loads[SCENARIO_LOADS_MAX];
    size_t load_count;
    const char *faults[SCENARIO_ITEMS_MAX];
    size_t fault_count;
    const char *captures[SCENARIO_CAPTURES_MAX];
    size_t capture_count;
    const char *title; /* of the section being read */
    /* Of another language than the scenario's (harness/target); NULL = key_table. */
    const struct key_row *rows;
    size_t row_count;
};

/* --- reading.c ---------------------------------------------------------------------------------- */
__attribute__((format(printf, 4, 5))) void complain(struct reading *r, const struct yaml_node *node,
                                                    const char *hint, const char *format, ...);
/* At an offset inside a scalar's text. */
void complain_inside(struct reading *r, const struct yaml_node *node, size_t offset, size_t width,
                     const char *hint, const char *text);
/* The line to blame in the file that was given: a node from a base file stands where `extends` is. */
unsigned reading_line(const struct reading *r, const struct yaml_node *node);
/* The scalar's text; complains and returns NULL for a list, a map or nothing. */
const char *reading_text(struct reading *r, const struct yaml_node *node, const char *what);
bool reading_is_list(struct reading *r, const struct yaml_node *node, const char *what, size_t limit);
bool name_is_plain(const char *text);
/* node and all below it came from the file at path, which now belongs to the reading; complaints about them
 * are shown at `shown`. */
void reading_remember(struct reading *r, const struct yaml_node *node, const struct yaml_node *shown,
                      char *path);
/* The same for a node made for the sake of another one, wherever that came from. */
void reading_remember_like(struct reading *r, const struct yaml_node *node, const struct yaml_node *like);
/* Before nodes are freed while others may still be made: an address must not be taken for an old one's. */
void reading_forget(struct reading *r, const struct yaml_node *node);
void reading_deinit(struct reading *r);

/* --- files.c ------------------------------------------------------------------------------------- */
/* Merges what the file extends into root and appends what it includes. */
void reading_extend(struct reading *r, struct yaml_node *root, const char *path, unsigned depth);
/* Both belong to the map from now on. */
void map_add(struct yaml_node *map, struct yaml_node *key, struct yaml_node *value);

/* --- sections (key_table refers to them) ----------------------------------------------------------- */
void read_clock(struct reading *r, const struct yaml_node *node, void *target);
void read_limits(struct reading *r, const struct yaml_node *node, void *target);
void read_topology(struct reading *r, const struct yaml_node *node, void *target);
void read_primary(struct reading *r, const struct yaml_node *node, void *target);
void read_replica(struct reading *r, const struct yaml_node *node, void *target);
void read_instance_kind(struct reading *r, const struct yaml_node *node, void *target);
void read_lb_kind(struct reading *r, const struct yaml_node *node, void *target);
void read_lb_env(struct reading *r, const struct yaml_node *node, void *target);
void read_lb(struct reading *r, const struct yaml_node *node, void *target);
void read_invariants(struct reading *r, const struct yaml_node *node, void *target);
void read_waive(struct reading *r, const struct yaml_node *node, void *target);
void read_report(struct reading *r, const struct yaml_node *node, void *target);
void read_nothing(struct reading *r, const struct yaml_node *node, void *target);
void read_phases(struct reading *r, const struct yaml_node *node, void *target);
void read_thresholds(struct reading *r, const struct yaml_node *node, void *target);
void read_until(struct reading *r, const struct yaml_node *node, void *target);
void read_loads(struct reading *r, const struct yaml_node *node, void *target);
void read_arrivals(struct reading *r, const struct yaml_node *node, void *target);
void read_mix(struct reading *r, const struct yaml_node *node, void *target);
void read_during(struct reading *r, const struct yaml_node *node, void *target);
void read_faults(struct reading *r, const struct yaml_node *node, void *target);
void read_steps(struct reading *r, const struct yaml_node *node, void *target);
void read_headers(struct reading *r, const struct yaml_node *node, void *target);
void read_request(struct reading *r, const struct yaml_node *node, void *target);
void read_assert(struct reading *r, const struct yaml_node *node, void *target);
/* Each entry "EXPRESSION" or { that: EXPRESSION, proves: [ id ] }; the node is a list. */
void read_claims(struct reading *r, const struct yaml_node *node, struct expression_scope scope,
                 struct scenario_expect **list, size_t *count);
void read_capture(struct reading *r, const struct yaml_node *node, void *target);
void read_alerts(struct reading *r, const struct yaml_node *node, void *target);
void read_must_fire(struct reading *r, const struct yaml_node *node, void *target);
void read_must_clear(struct reading *r, const struct yaml_node *node, void *target);
void read_never_fire(struct reading *r, const struct yaml_node *node, void *target);
void read_steady(struct reading *r, const struct yaml_node *node, void *target);
void read_expect(struct reading *r, const struct yaml_node *node, void *target);
void read_expect_if(struct reading *r, const struct yaml_node *node, void *target);
/* Sets those that the list names. */
void read_promises(struct reading *r, const struct yaml_node *node, const char *what, bool *out);
void read_stop_if(struct reading *r, const struct yaml_node *node, void *target);
void read_mark(struct reading *r, const struct yaml_node *node, void *target); /* struct mark */
/* Filled by read_fault's rows before they are put together. */
struct fault_draft {
    char *name;
    const struct yaml_node *at, *during, *length, *restart, *does, *target;
    uint64_t restart_after_ns;
    size_t restart_data;
    uint64_t restart_lost_ns;
    bool has_restart_after;
    uint64_t expect_hits;
    bool has_expect_hits;
    bool by_operator;
    const struct yaml_node *when; /* a condition that begins it; NULL = none, or the mock's own */
    struct expression *trigger;
};
void read_restart_data(struct reading *r, const struct yaml_node *node, void *target);
void read_restart(struct reading *r, const struct yaml_node *node, void *target);
void read_when(struct reading *r, const struct yaml_node *node, void *target);
void read_expect_hits(struct reading *r, const struct yaml_node *node, void *target);
void read_fault_done_by(struct reading *r, const struct yaml_node *node, void *target);
void read_step_done_by(struct reading *r, const struct yaml_node *node, void *target);
void read_claim_done_by(struct reading *r, const struct yaml_node *node, void *target);

/* --- read_marks.c ------------------------------------------------------------------------------------ */
bool phase_find(struct reading *r, const struct yaml_node *node, struct str name, size_t offset,
                uint32_t *out);
bool mark_parse(struct reading *r, const struct yaml_node *node, struct mark *out);
/* An expression at its place; NULL after a complaint. */
struct expression *read_expression(struct reading *r, const struct yaml_node *node,
                                   struct expression_scope scope);
/* A text put together from parts of a node; complaints are shown at the node. */
struct expression *read_composed(struct reading *r, const struct yaml_node *node, const char *text);

#endif
