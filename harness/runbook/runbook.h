/* The runbook as a list of things that it says, each with an id, so that somebody can ask which check proves
 * it.
 *
 * The list is a YAML file (scenarios/runbook.yaml; docs/runbook-coverage.md explains it) that names
 * the guide, the scenarios that prove what it says, and for each id: the guide's lines, words that stand
 * there, and a switch that must turn its check red. */
#ifndef WALDRILL_HARNESS_RUNBOOK_RUNBOOK_H
#define WALDRILL_HARNESS_RUNBOOK_RUNBOOK_H

#include "base/error.h"
#include "base/str.h"
#include "base/yaml_tree.h"
#include "harness/scenario/scenario.h"
#include <stdbool.h>
#include <stddef.h>

/* How a check is shown to be able to fail. */
enum red_kind {
    RED_NONE,
    RED_ANSWER,      /* an answer is falsified before the harness sees it */
    RED_WITHOUT,     /* a fault of the scenario stays away */
    RED_SETTING,     /* the balancer runs with another setting */
    RED_ENVIRONMENT, /* commands run with other variables: LB, PRIMARY, ... */
    RED_MUTANT       /* a known-bad balancer; builds with WALDRILL_MUTANTS only */
};

struct red_switch {
    enum red_kind kind;
    char *name;        /* of the fault, setting or mutant */
    char *value;       /* RED_ENVIRONMENT: "NAME=value" lines; $LB, $PRIMARY, $REPLICA are the run's */
    char *path;        /* RED_ANSWER: answers to requests that begin so */
    char *json;        /* "$.a.b[0]" of the answer that becomes value (JSON text) ... */
    int status;        /* ... or the status that it gets, 0 = as it is ... */
    uint64_t after_ns; /* RED_ANSWER: only answers from this moment of the run on */
    uint64_t late_ns;  /* ... or how much later it comes */
    unsigned line;
};

struct runbook_id {
    char *id;
    unsigned from, to; /* lines of the guide */
    char *says;
    char *test; /* proved by a test of this name and no scenario; NULL = by scenarios */
    struct red_switch red;
    unsigned line;
};

struct runbook_gap {
    unsigned from, to; /* lines that say nothing to prove */
};

struct runbook {
    char *path;
    char *folder; /* of the list; its paths are relative to it */
    char *guide_path;
    char *guide; /* text */
    size_t guide_size;
    char **scenarios;
    size_t scenario_count;
    struct runbook_id *ids;
    size_t id_count;
    struct runbook_gap *gaps;
    size_t gap_count;
};

/* Reads the list and its guide; NULL with problems in the list, or with msg when a file cannot be read.
 * Everything is checked: ids are unique, their words stand where they say, and every line of the guide that
 * says something is claimed by an id or by nothing_to_prove. */
struct runbook *runbook_load(const char *path, struct str text, struct yaml_problems *problems,
                             struct errmsg *msg);
void runbook_free(struct runbook *b); /* NULL allowed */
const struct runbook_id *runbook_find(const struct runbook *b, struct str id);
/* Does "a b c" hold id? */
bool runbook_in(const char *ids, const char *id);

/* The guide's blocks of code (```bash, ```python), as a scenario must run them: without the guide's
 * indentation, its three hosts replaced by $LB, $PRIMARY and $REPLICA.  Each is handed over with the line of
 * its fence. */
void runbook_blocks(const struct runbook *b, void (*each)(void *context, unsigned line, const char *text),
                    void *context);

#endif
