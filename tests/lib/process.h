/* Child processes for tests: start a program, wait for what it says, signal it, collect its end.
 *
 * stdout comes through a pipe that the waiting functions read; stderr goes into an unlinked file in
 * memory, so that a talkative child never blocks.  A child dies with the test (PDEATHSIG). */
#ifndef WALDRILL_TESTS_LIB_PROCESS_H
#define WALDRILL_TESTS_LIB_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process;

/* argv ends with NULL and argv[0] is a path; env holds "NAME=value" beside the inherited environment
 * (NULL = none, ends with NULL); directory NULL = the test's own.  NULL when it cannot be started. */
struct process *process_spawn(const char *const argv[], const char *const env[], const char *directory);
pid_t process_pid(const struct process *p);
/* Waits until stdout holds a whole line that begins with prefix; copies what follows the prefix into rest
 * (terminated, may be NULL).  false when the child ends or the bound passes before. */
bool process_wait_line(struct process *p, const char *prefix, char *rest, size_t size, int bound_ms);
/* Waits until stderr holds text. */
bool process_wait_stderr(struct process *p, const char *text, int bound_ms);
/* What was said so far, terminated; valid until the next call. */
const char *process_stdout(struct process *p);
const char *process_stderr(struct process *p);
void process_signal(struct process *p, int number);
/* Waits for the end: the exit status, 128 + the signal, or -1 when the bound passed. */
int process_wait(struct process *p, int bound_ms);
bool process_alive(struct process *p);
void process_free(struct process *p); /* kills it when it still runs; NULL allowed */

/* Runs a program to its end: status as process_wait; outputs copied (may be NULL). */
int process_run(const char *const argv[], const char *const env[], char *out, size_t out_size, char *err,
                size_t err_size, int bound_ms);

/* A directory of its own below TMPDIR, removed with all its contents. */
bool temp_dir_make(char *path, size_t size);
void temp_dir_remove(const char *path);
/* A TCP port on loopback that was free a moment ago; below the range from which the kernel serves outgoing
 * connections, so that none of those takes it before it is used. */
unsigned free_port(void);
/* Monotonic milliseconds, for bounds. */
long long test_now_ms(void);

#endif
