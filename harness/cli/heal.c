/* waldrill heal: the big red button, from another terminal or after a sudden end. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "harness/target/target.h"

static const char help[] =
    "usage: waldrill heal TARGET.yaml\n"
    "\n"
    "Stops a rehearsal against this target that is under way on this machine, and mends what it or an "
    "earlier\n"
    "one has left: faults on the gateways are cleared, what does not answer or was stopped is started by "
    "the\n"
    "file's commands, collections of rehearsals are removed through the balancer and looked for on every\n"
    "instance.  It does no harm when there is nothing to mend.  docs/staging.md tells the whole.\n"
    "\n"
    "  --work DIR   where the output of the file's commands goes (default /tmp)\n"
    "\n"
    "examples\n"
    "  waldrill heal targets/staging.yaml\n"
    "\n"
    "exit status: 0 everything is mended, 2 the file is wrong, 4 it could not be tried, 5 something is "
    "left\n";

int command_heal(int argc, char **argv)
{
    const char *work = "/tmp";
    const struct cli_option options[] = { { "--work", &work, NULL } };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0]))) {
        return EXIT_USAGE;
    }
    if (argc != 2) {
        (void)fputs("waldrill heal: which target?  waldrill heal targets/staging.yaml\n", stderr);
        return EXIT_USAGE;
    }
    return target_heal(argv[1], work);
}
