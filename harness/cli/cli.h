/* What the commands share: options, reading a scenario file, colours.  Private to harness/cli. */
#ifndef WALDRILL_HARNESS_CLI_CLI_H
#define WALDRILL_HARNESS_CLI_CLI_H

#include "harness/scenario/scenario.h"
#include <stdio.h>

enum exit_status {
    EXIT_PASS = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2, /* also: a scenario file that is wrong */
    EXIT_INVALID = 3,
    EXIT_INFRASTRUCTURE = 4,
    EXIT_CLEANUP = 5,
};

/* "--name value", "--name=value", or "--flag". */
struct cli_option {
    const char *name;   /* "--engine" */
    const char **value; /* NULL for a flag */
    bool *flag;
};

/* Fills the options, leaves the other arguments in argv[1..] in order and their number in *argc.  False
 * after one clear line on stderr. */
bool cli_options_parse(int *argc, char **argv, const struct cli_option *options, size_t count);
/* Is one of the arguments --help or -h? */
bool cli_wants_help(int argc, char **argv);

/* Reads and checks a file; NULL after saying on stderr everything that is wrong with it. */
struct scenario *cli_scenario_load(const char *path);
/* One run of a matrix, of a file that has been loaded before: scenario->run_count says how many there are. */
struct scenario *cli_scenario_load_run(const char *path, size_t run);
/* Start (or end) of a phase, in ns from the start of the run; *latest is set when a condition decides. */
int64_t cli_phase_at(const struct scenario *s, uint32_t phase, bool end, bool *latest);
/* *latest is cleared first. */
int64_t cli_mark_at(const struct scenario *s, const struct mark *mark, bool *latest);
/* A run's engines. */
#define CLI_PATH 4096
struct engine;
extern const char *const cli_engine_names[]; /* up to NULL */
/* False after a line on stderr that names them. */
bool cli_engine_known(const char *command, const char *name);
/* name NULL = the one that the scenario's clock means.  The caller closes it. */
struct engine *cli_engine_new(const char *name, const struct scenario *s);
/* NULL is no name, and known.  False after a line on stderr. */
bool cli_oracle_known(const char *command, const char *name);
bool cli_mutant_known(const char *command, const char *name);
/* Where walproxy and mockchroma stand: beside this program. */
void cli_bin_dir(char *out, size_t size);

/* Everything that is wrong with a file, on stderr; nothing when nothing is. */
void cli_print_problems(const struct yaml_problems *problems, const char *path, struct str source);

/* May this stream show colours?  (A terminal, and NO_COLOR is not set.) */
bool cli_colour(FILE *stream);

#endif
