/* waldrill validate FILE...: everything that can be known to be wrong without running. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/buf.h"
#include "base/json_writer.h"
#include "base/memory.h"

static const char help[] =
    "usage: waldrill validate FILE... [--json]\n"
    "\n"
    "Reads scenario files and says everything that is wrong with them, with file, line, column and the\n"
    "nearest right name.  Runs nothing.\n"
    "\n"
    "  --json   a list of problems on stdout, for editors and scripts:\n"
    "           [{ \"path\", \"line\", \"column\", \"width\", \"message\", \"hint\" }]\n"
    "\n"
    "examples\n"
    "  waldrill validate scenarios/guide/01-primary-down.yaml\n"
    "  waldrill validate scenarios/*/*.yaml\n"
    "\n"
    "exit status: 0 all files are right, 2 one is wrong or cannot be read\n";

static void put_problem(struct json_writer *w, const char *path, const struct yaml_problem *problem)
{
    json_object_begin(w);
    json_pair_text(w, "path", path);
    json_pair_u64(w, "line", problem->line);
    json_pair_u64(w, "column", problem->column);
    json_pair_u64(w, "width", problem->width);
    json_pair_text(w, "message", problem->text);
    json_pair_text(w, "hint", problem->hint); /* null when there is none */
    json_object_end(w);
}

/* All problems, however many: a program does not mind.  A file that cannot be read is a problem of its
 * line 1. */
static bool put_file(struct json_writer *w, const char *path)
{
    struct errmsg msg = { "" };
    struct yaml_problems problems = { 0 };
    size_t size = 0;
    char *text = scenario_read_file(path, &size, &msg);
    if (text == NULL) {
        yaml_problem_add(&problems, 1, 1, 1, NULL, "cannot read %s", msg.text);
    } else {
        scenario_free(scenario_parse(path, str_make(text, size), &problems));
    }
    for (size_t i = 0; i < problems.count; i++) {
        put_problem(w, path, &problems.items[i]);
    }
    bool right = problems.count == 0;
    yaml_problems_deinit(&problems);
    mem_free(text);
    return right;
}

static int validate_json(int argc, char **argv)
{
    struct buf out;
    struct json_writer w;
    int status = EXIT_PASS;
    buf_init(&out, (size_t)64 << 20);
    json_writer_init(&w, &out, 0);
    json_array_begin(&w);
    for (int i = 1; i < argc; i++) {
        status = put_file(&w, argv[i]) ? status : EXIT_USAGE;
    }
    json_array_end(&w);
    (void)printf("%s\n", buf_text(&out));
    buf_deinit(&out);
    return status;
}

static int validate_words(int argc, char **argv)
{
    int status = EXIT_PASS;
    for (int i = 1; i < argc; i++) {
        struct scenario *s = cli_scenario_load(argv[i]);
        if (s == NULL) {
            status = EXIT_USAGE;
            continue;
        }
        (void)printf("%s: ok: %s (%zu phases, %zu faults, %zu steps, %zu expectations", argv[i], s->name,
                     s->phase_count, s->fault_count, s->step_count, s->expect_count + s->alert_count);
        (void)printf(s->run_count == 1 ? ")\n" : ", %zu runs)\n", s->run_count);
        scenario_free(s);
    }
    return status;
}

int command_validate(int argc, char **argv)
{
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    bool json = false;
    const struct cli_option options[] = { { "--json", NULL, &json } };
    if (!cli_options_parse(&argc, argv, options, 1)) {
        return EXIT_USAGE;
    }
    if (argc < 2) {
        (void)fputs("waldrill validate: which file?  waldrill validate FILE...\n", stderr);
        return EXIT_USAGE;
    }
    return json ? validate_json(argc, argv) : validate_words(argc, argv);
}
