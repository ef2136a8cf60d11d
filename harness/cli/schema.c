/* waldrill schema: the JSON Schema of scenario files, for editors, or that of results.json, for programs. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/buf.h"
#include "reports/report.h"

#define SCHEMA_BYTES ((size_t)4 << 20)

static const char help[] =
    "usage: waldrill schema [--results]\n"
    "\n"
    "Prints the JSON Schema (draft 2020-12) of scenario files, from the table of keys that the parser\n"
    "uses.  An editor completes keys with it and marks wrong ones; waldrill validate says more.\n"
    "\n"
    "  --results    the schema of results.json instead (docs/results.schema.json, docs/reports.md)\n"
    "\n"
    "example\n"
    "  waldrill schema > scenario.schema.json\n"
    "  and in a scenario's first line:  # yaml-language-server: $schema=scenario.schema.json\n"
    "\n"
    "exit status: 0, or 4 when it cannot be written\n";

int command_schema(int argc, char **argv)
{
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    bool results = false;
    const struct cli_option options[] = { { "--results", NULL, &results } };
    if (!cli_options_parse(&argc, argv, options, 1)) {
        return EXIT_USAGE;
    }
    if (argc != 1) {
        (void)fputs("waldrill schema: it takes no file; waldrill schema > scenario.schema.json\n", stderr);
        return EXIT_USAGE;
    }
    struct buf out;
    buf_init(&out, SCHEMA_BYTES);
    if (results) {
        buf_append_str(&out, report_results_schema());
    } else {
        scenario_schema(&out);
    }
    bool written = fputs(buf_text(&out), stdout) >= 0 && fflush(stdout) == 0;
    buf_deinit(&out);
    return written ? EXIT_PASS : EXIT_INFRASTRUCTURE;
}
