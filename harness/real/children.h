/* Child processes: walproxy and the mocks as they run in production, with their output in files, ended with
 * whoever started them.
 *
 * A program is ready when it has printed its one line on stdout.  A child that ends by itself is found out by
 * child_check and told with its last words on stderr. */
#ifndef WALDRILL_HARNESS_REAL_CHILDREN_H
#define WALDRILL_HARNESS_REAL_CHILDREN_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_PATH 4096
#define CHILD_ARGS 128
#define CHILD_ENV  32

struct child {
    char name[24];
    char out_path[CHILD_PATH]; /* stdout, appended to */
    char log_path[CHILD_PATH]; /* stderr, appended to */
    char **argv;               /* owned; ends with NULL */
    size_t arg_count;
    char *env[CHILD_ENV]; /* owned */
    size_t env_count;
    pid_t pid; /* 0 = not running */
    bool paused;
    long out_start; /* where the output of this life begins */
};

/* Output goes to <directory>/<name>.out and .log, which start empty. */
int child_init(struct child *c, const char *name, const char *program, const char *directory,
               struct errmsg *msg);
void child_deinit(struct child *c); /* kills it when it runs */
void child_add_arg(struct child *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For its environment, beside the harness's own; "NAME=value". */
void child_add_env(struct child *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Starts it and does not wait for anything. */
int child_begin(struct child *c, struct errmsg *msg);
/* Starts it and waits for a line on stdout that begins with prefix; the line is copied without its end. */
int child_start(struct child *c, const char *prefix, char *line, size_t size, struct errmsg *msg);
/* Signals and waits for the end; SIGKILL after the bound, and to what it has left behind in its group. */
int child_end(struct child *c, int number, uint64_t bound_ms, struct errmsg *msg);
int child_pause(struct child *c, bool pause, struct errmsg *msg);
/* Did it end although nobody asked?  Then it is collected, and msg tells how and its last words. */
int child_check(struct child *c, struct errmsg *msg);
/* For what is meant to end: has it?  Then it is collected; status as of waitpid. */
bool child_over(struct child *c, int *status);
/* How it ended, and its last words. */
int child_complain(const struct child *c, int status, struct errmsg *msg);
/* Lets the machine's time pass, for waiting loops. */
void child_wait_ms(int ms);

#endif
