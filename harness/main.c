/* waldrill: picks the command and lets it work.  docs/cli.md is the manual. */
#include "base/memory.h"
#include "base/suggest.h"
#include "harness/cli/commands.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    { "run", "play scenarios on an engine, judge them, write the reports", command_run },
    { "rehearse", "a drill: an operator, the runbook, an incident, and a score", command_rehearse },
    { "validate", "say everything that is wrong with scenario files, run nothing", command_validate },
    { "plan", "show a scenario's timeline with all marks resolved, run nothing", command_plan },
    { "schema", "print the JSON Schema of scenario files, for editors", command_schema },
    { "up", "keep a live stack running for a person with curl", command_up },
    { "fault", "switch faults of a live stack on and off", command_fault },
    { "heal", "stop a rehearsal on a target and mend what any has left there", command_heal },
    { "check", "look at a running balancer as the operations guide does", command_check },
    { "coverage", "say which check proves what the runbook says, and whether it can fail", command_coverage },
    { "report", "show anew, compare or list what runs left behind", command_report },
    { "capacity", "say what an outage costs: memory, disk, time to drain", command_capacity },
    { "fuzz", "hunt with random campaigns on the simulator", command_fuzz },
    { "shrink", "make a small scenario file of a campaign that fails", command_shrink },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
    (void)fputs(
        "waldrill rehearses the incidents of a replicated Chroma deployment.\n"
        "\n"
        "usage: waldrill COMMAND [ARGUMENTS]\n"
        "\n"
        "commands\n",
        out);
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fputs(
        "\n"
        "start here\n"
        "  waldrill plan scenarios/guide/01-primary-down.yaml\n"
        "  waldrill run  scenarios/guide/01-primary-down.yaml --engine sim --out report\n"
        "  waldrill run  scenarios/guide/01-primary-down.yaml --engine real --out report\n"
        "\n"
        "exit status: 0 pass, 1 failed, 2 scenario or usage wrong, 3 the run proves nothing (INVALID),\n"
        "             4 infrastructure, 5 cleanup failed\n"
        "\n"
        "waldrill COMMAND --help tells more; docs/scenarios.md explains the files.\n",
        out);
}

static int unknown_command(const char *given)
{
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    const char *near = suggest_name(str_of(given), names, COMMANDS);
    (void)fprintf(stderr, "waldrill: no command \"%s\"%s%s%s; see waldrill --help\n", given,
                  near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                  near == NULL ? "" : "\"?");
    return 2;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write, not our end */
    mem_expect_bulk();
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("waldrill %s\n", WALDRILL_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return unknown_command(argv[1]);
}
