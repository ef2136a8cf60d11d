/* A target file: a deployment that runs already, and how a rehearsal may hurt it.  docs/staging.md is the
 * manual; the table of keys in file.c is what it is held to. */
#ifndef WALDRILL_HARNESS_TARGET_FILE_H
#define WALDRILL_HARNESS_TARGET_FILE_H

#include "harness/engine.h"
#include "harness/scenario/scenario.h"

#define TARGET_PLACES           3      /* by enum engine_target */
#define TARGET_HEAL_PATIENCE_MS 180000 /* a rehearsal that was asked to stop may heal so long */
#define TARGET_DEFAULT_MARK     "wd-rehearsal"

/* Of the complaint about a token that stands in the file: its line is not to be shown. */
#define TARGET_TOKEN_WORDS "a token never stands in the file itself"

struct target_place {
    char *url;           /* where it is reached; NULL = it is not there (no replica) */
    char *gateway;       /* control URL of the mockchroma in front of it; NULL = none */
    char *stop, *start;  /* commands of its operators; NULL = none */
    uint64_t timeout_ns; /* how long each of the two may take */
    unsigned line;       /* in the file */
};

/* Everything is owned.  Tokens are values, read from where the file says. */
struct target_file {
    char *path;
    char *name; /* what --arm has to say */
    struct target_place places[TARGET_PLACES];
    char *admin_token, *status_token, *chroma_token; /* NULL = none */
    char **hosts;
    size_t host_count;
    char **tenants;
    size_t tenant_count;
    char *prefix;                      /* of the names of a rehearsal's collections */
    uint64_t lease_ns;                 /* faults end so soon after the last sign of life */
    struct scenario_setting *settings; /* what the balancer runs with, lower case */
    size_t setting_count;
    struct scenario_expect *stops; /* conditions that end a rehearsal */
    size_t stop_count;
};

extern const char *const target_place_names[TARGET_PLACES]; /* "balancer", "primary", "replica" */

/* Reads and checks a text, guards of hosts and names included; NULL with problems that say all that is
 * wrong. */
struct target_file *target_file_parse(const char *path, struct str source, struct yaml_problems *problems);
void target_file_free(struct target_file *file); /* NULL allowed */
/* The credential for a path of the balancer, or of Chroma; NULL = none. */
const char *target_file_token(const struct target_file *file, enum engine_target place, const char *path);

#endif
