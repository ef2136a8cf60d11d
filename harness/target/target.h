/* Rehearsals against a deployment that runs already: docs/staging.md. */
#ifndef WALDRILL_HARNESS_TARGET_TARGET_H
#define WALDRILL_HARNESS_TARGET_TARGET_H

#include "harness/engine.h"
#include "harness/scenario/scenario.h"
#include <stdbool.h>

struct buf;

struct target_request {
    const char *path;     /* of the target file */
    const char *armed;    /* --arm: the target's name, repeated; NULL = not given */
    bool yes;             /* --yes: no question is asked */
    const char *work_dir; /* exists; output of commands, the watchdog's log */
};

/* Reads the file, guards, says on stderr what would be touched, has it confirmed, and makes the engine; the
 * caller closes it.  Stop conditions and settings of the file join those of the scenario.  Nothing is changed
 * before the engine's open.  NULL with the exit status of docs/cli.md after words on stderr: 2 the file, the
 * name or the answer is wrong, 3 not armed, 4 the target cannot be reached. */
struct engine *target_engine_new(const struct target_request *request, struct scenario *s, int *status);
/* `waldrill heal`: stops a rehearsal that is under way, and mends what any has left.  The exit status. */
int target_heal(const char *path, const char *work_dir);
/* The tables of docs/staging.md. */
void target_reference(struct buf *out);

#endif
