/* waldrill validate FILE...: everything that can be known to be wrong without running. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

static const char help[] =
    "usage: waldrill validate FILE...\n"
    "\n"
    "Reads scenario files and says everything that is wrong with them, with file, line, column and the\n"
    "nearest right name.  Runs nothing.\n"
    "\n"
    "examples\n"
    "  waldrill validate scenarios/guide/01-primary-down.yaml\n"
    "  waldrill validate scenarios/*/*.yaml\n"
    "\n"
    "exit status: 0 all files are right, 2 one is wrong or cannot be read\n";

int command_validate(int argc, char **argv)
{
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, NULL, 0)) {
        return EXIT_USAGE;
    }
    if (argc < 2) {
        (void)fputs("waldrill validate: which file?  waldrill validate FILE...\n", stderr);
        return EXIT_USAGE;
    }
    int status = EXIT_PASS;
    for (int i = 1; i < argc; i++) {
        struct scenario *s = cli_scenario_load(argv[i]);
        if (s == NULL) {
            status = EXIT_USAGE;
            continue;
        }
        (void)printf("%s: ok: %s (%zu phases, %zu faults, %zu steps, %zu expectations)\n", argv[i], s->name,
                     s->phase_count, s->fault_count, s->step_count, s->expect_count);
        scenario_free(s);
    }
    return status;
}
