/* waldrill's commands, one file each; main.c only picks one.  Each takes its own arguments (argv[0] is the
 * command's name), prints for people on stdout and errors on stderr, and returns the exit status of
 * docs/cli.md: 0 pass, 1 failed, 2 file or usage invalid, 3 run invalid, 4 infrastructure, 5 cleanup failed.
 */
#ifndef WALDRILL_HARNESS_CLI_COMMANDS_H
#define WALDRILL_HARNESS_CLI_COMMANDS_H

struct command {
    const char *name;
    const char *summary; /* one line for `waldrill --help` */
    int (*run)(int argc, char **argv);
};

int command_run(int argc, char **argv);      /* cli/run.c */
int command_rehearse(int argc, char **argv); /* cli/rehearse.c */
int command_validate(int argc, char **argv); /* cli/validate.c */
int command_plan(int argc, char **argv);     /* cli/plan.c */
int command_schema(int argc, char **argv);   /* cli/schema.c */
int command_up(int argc, char **argv);       /* cli/up.c */
int command_fault(int argc, char **argv);    /* cli/fault.c */
int command_heal(int argc, char **argv);     /* cli/heal.c */
int command_fuzz(int argc, char **argv);     /* cli/fuzz.c */
int command_shrink(int argc, char **argv);   /* cli/shrink.c */
int command_check(int argc, char **argv);    /* cli/check.c */
int command_report(int argc, char **argv);   /* cli/report.c */
int command_coverage(int argc, char **argv); /* cli/coverage.c */
int command_capacity(int argc, char **argv); /* cli/capacity.c */

#endif
