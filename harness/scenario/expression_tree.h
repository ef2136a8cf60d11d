/* The inside of an expression: what the parser builds, the unit check decorates and evaluation walks.
 * Private to harness/scenario/expression_*.c. */
#ifndef WALDRILL_HARNESS_SCENARIO_EXPRESSION_TREE_H
#define WALDRILL_HARNESS_SCENARIO_EXPRESSION_TREE_H

#include "harness/scenario/expression.h"

#define EXPRESSION_TEXT_MAX  4096
#define EXPRESSION_DEPTH_MAX 40

/* What a value measures.  EITHER: rate() of a load, a rate or a share by what it is compared with.
 * JSON: known only when the answer is there.  OUTCOME: of a request. */
enum unit {
    UNIT_COUNT,
    UNIT_DURATION,
    UNIT_SIZE,
    UNIT_RATE,
    UNIT_SHARE,
    UNIT_TRUTH,
    UNIT_TEXT,
    UNIT_EITHER,
    UNIT_JSON,
    UNIT_OUTCOME,
    UNIT_NULL,
};

enum node_kind {
    NODE_LITERAL, /* number with unit, true, false, "text", null */
    NODE_METRIC,  /* a sampled metric */
    NODE_CALL,    /* function over a metric: p99(load.reader.latency) */
    NODE_AROUND,  /* before(fault).metric, after(fault).metric */
    NODE_STATUS,
    NODE_OUTCOME,
    NODE_LATENCY,
    NODE_BODY,
    NODE_JSON,
    NODE_HEADER,
    NODE_LIST, /* right side of `in` */
    NODE_ADD,
    NODE_SUBTRACT,
    NODE_MULTIPLY,
    NODE_DIVIDE,
    NODE_NEGATE,
    NODE_EQUAL,
    NODE_NOT_EQUAL,
    NODE_LESS,
    NODE_LESS_EQUAL,
    NODE_GREATER,
    NODE_GREATER_EQUAL,
    NODE_IN,
    NODE_CONTAINS,
    NODE_AND,
    NODE_OR,
    NODE_IMPLIES,
    NODE_NOT,
};

struct node {
    enum node_kind kind;
    enum unit unit;
    size_t column; /* in the text */
    size_t width;
    struct node *left;
    struct node *right;
    struct node **items; /* NODE_LIST */
    size_t item_count;
    double number;        /* literal */
    char *text;           /* literal text, metric's name, JSON path, header's name */
    const char *function; /* NODE_CALL: name, from function_table; "share" when rate() turned out to be one */
    bool of_load;         /* NODE_CALL: over a load's figures, else over samples */
    size_t call_index;    /* NODE_CALL: slot in the cache of an evaluation */
    uint32_t fault;       /* NODE_AROUND: index; function says "before" or "after" */
};

enum temporal { TEMPORAL_NONE, TEMPORAL_ALWAYS, TEMPORAL_NEVER, TEMPORAL_EVENTUALLY };

struct expression_mark {
    uint32_t phase; /* UINT32_MAX: the start of the run */
    bool end;
    int64_t offset_ns;
    char name[64]; /* as written, for messages */
};

struct expression {
    char *text;
    size_t condition_width; /* the condition is text[condition_column .. + width) */
    size_t condition_column;
    enum temporal temporal;
    struct node *condition;
    bool has_hold, has_within, has_during, has_after;
    int64_t hold_ns;
    int64_t within_ns;
    struct expression_mark during;
    struct expression_mark after;
    size_t call_count;
};

/* --- metrics.c ------------------------------------------------------------------------------- */
const char *unit_name(enum unit unit);
/* "wal.pending_writes" or "load.<name>.<figure>".  False with *error filled (all but its column). */
struct metric_found {
    enum unit unit;
    bool of_load;
    bool latency; /* a load's latency: only functions of distributions */
};
bool metric_find(struct str name, const struct expression_scope *scope, struct metric_found *out,
                 struct expression_error *error);
/* 'did you mean "x"?' into error->hint when a name is near. */
void hint_nearest(struct expression_error *error, struct str wrong, const char *const *names, size_t count);

/* --- expression_check.c ---------------------------------------------------------------------- */
/* Gives every node its unit; false with *error filled. */
bool expression_check_units(struct node *node, const struct expression_scope *scope,
                            struct expression_error *error);

/* --- expression_value.c ---------------------------------------------------------------------- */
struct value {
    bool known;
    enum unit unit; /* of JSON: what was found (COUNT, TRUTH, TEXT, NULL) */
    double number;
    struct str text; /* borrowed from the tree, the world or the evaluation's JSON document */
};

struct evaluation {
    const struct expression_world *world;
    int64_t from; /* window of functions */
    int64_t to;
    bool open_end;       /* a sample exactly at `to` is outside */
    struct value *calls; /* cache, by call_index; unit UNIT_NULL = not computed */
    void *document;      /* json_t of the step's body, or NULL */
    bool document_tried;
};
void evaluation_init(struct evaluation *ev, const struct expression *e, const struct expression_world *world,
                     int64_t from, int64_t to);
void evaluation_deinit(struct evaluation *ev);
#define NO_SAMPLE SIZE_MAX
struct value node_value(const struct node *node, struct evaluation *ev, size_t sample);
/* Three-valued. */
enum expression_verdict node_truth(const struct node *node, struct evaluation *ev, size_t sample);

/* --- expression_words.c ---------------------------------------------------------------------- */
bool node_samples(const struct node *node); /* does it look at samples? */
/* What a reader would call this operand; returns out. */
const char *node_title(const struct node *node, char *out, size_t size);
const char *unit_example(enum unit unit); /* how a value of it is written */
void value_format(const struct value *v, char *out, size_t size);
/* "wal.pending_writes = 12, lb.rss = 70.0 MiB": what the condition's names were at a sample. */
void node_describe(const struct node *node, struct evaluation *ev, size_t sample, char *out, size_t size);

#endif
