/* Options and files of the commands.  Every mistake is one clear line: what was given, what is expected, the
 * nearest right name. */
#include "harness/cli/cli.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "proxy/core/core.h"
#include <stdlib.h>
#include <unistd.h>

#define PROBLEMS_SHOWN 20
#define OPTIONS_MAX    32

bool cli_colour(FILE *stream)
{
    const char *no = getenv("NO_COLOR");
    return (no == NULL || no[0] == '\0') && isatty(fileno(stream)) == 1;
}

bool cli_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static bool complain_of_option(const char *command, const char *given, const struct cli_option *options,
                               size_t count)
{
    const char *names[OPTIONS_MAX];
    size_t known = 0;
    for (; known < count && known < OPTIONS_MAX; known++) {
        names[known] = options[known].name;
    }
    const char *near = suggest_name(str_make(given, strcspn(given, "=")), names, known);
    (void)fprintf(stderr, "waldrill %s: unknown option %.*s%s%s%s; see waldrill %s --help\n", command,
                  (int)strcspn(given, "="), given, near == NULL ? "" : "; did you mean ",
                  near == NULL ? "" : near, near == NULL ? "" : "?", command);
    return false;
}

/* One option at argv[*at]; *at is left on the last word taken. */
static bool take_option(int argc, char **argv, int *at, const struct cli_option *options, size_t count)
{
    const char *given = argv[*at];
    size_t size = strcspn(given, "=");
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(str_make(given, size), str_of(options[i].name))) {
            continue;
        }
        bool attached = given[size] == '=';
        if (options[i].flag != NULL) {
            *options[i].flag = true;
            if (attached) {
                (void)fprintf(stderr, "waldrill %s: %s takes no value\n", argv[0], options[i].name);
            }
            return !attached;
        }
        if (!attached && *at + 1 >= argc) {
            (void)fprintf(stderr, "waldrill %s: %s needs a value\n", argv[0], options[i].name);
            return false;
        }
        *options[i].value = attached ? given + size + 1 : argv[++*at];
        return true;
    }
    return complain_of_option(argv[0], given, options, count);
}

bool cli_options_parse(int *argc, char **argv, const struct cli_option *options, size_t count)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (++i < *argc) {
                argv[kept++] = argv[i];
            }
        } else if (argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[kept++] = argv[i];
        } else if (!take_option(*argc, argv, &i, options, count)) {
            return false;
        }
    }
    *argc = kept;
    return true;
}

/* what: "oracle"; where: "docs/oracles.md", which lists them. */
static bool known(const char *command, const char *what, const char *where, const char *name,
                  const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    const char *near = suggest_name(str_of(name), names, count);
    (void)fprintf(stderr, "waldrill %s: no %s \"%s\"", command, what, name);
    if (near != NULL) {
        (void)fprintf(stderr, "; did you mean \"%s\"?\n", near);
    } else {
        (void)fprintf(stderr, "; %s lists them\n", where);
    }
    return false;
}

bool cli_oracle_known(const char *command, const char *name)
{
    const char *names[INVARIANT_COUNT];
    for (size_t i = 0; i < INVARIANT_COUNT; i++) {
        names[i] = scenario_invariant_names[i];
    }
    return name == NULL || known(command, "oracle", "docs/oracles.md", name, names, INVARIANT_COUNT);
}

bool cli_mutant_known(const char *command, const char *name)
{
#ifdef WALDRILL_MUTANTS
    size_t count = 0;
    while (core_mutant_names[count] != NULL) {
        count++;
    }
    return name == NULL || known(command, "mutant", "docs/zoo.md", name, core_mutant_names, count);
#else
    if (name != NULL) {
        (void)fprintf(stderr, "waldrill %s: this build has no mutants; scripts/check-mutants makes one\n",
                      command);
    }
    return name == NULL;
#endif
}

void cli_print_problems(const struct yaml_problems *problems, const char *path, struct str source)
{
    struct buf out;
    if (problems->count == 0) {
        return;
    }
    buf_init(&out, (size_t)1 << 20);
    yaml_problems_print(problems, path, source, PROBLEMS_SHOWN, cli_colour(stderr), &out);
    (void)fputs(buf_text(&out), stderr);
    buf_deinit(&out);
}

/* run: SIZE_MAX = the whole file is checked, its first run comes back. */
static struct scenario *load(const char *path, size_t run)
{
    struct errmsg msg = { "" };
    size_t size = 0;
    char *text = scenario_read_file(path, &size, &msg);
    if (text == NULL) {
        (void)fprintf(stderr, "waldrill: cannot read %s\n", msg.text);
        return NULL;
    }
    struct yaml_problems problems = { 0 };
    struct str source = str_make(text, size);
    struct scenario *s = run == SIZE_MAX ? scenario_parse(path, source, &problems)
                                         : scenario_parse_run(path, source, run, &problems);
    cli_print_problems(&problems, path, source);
    yaml_problems_deinit(&problems);
    mem_free(text);
    return s;
}

struct scenario *cli_scenario_load(const char *path)
{
    return load(path, SIZE_MAX);
}

struct scenario *cli_scenario_load_run(const char *path, size_t run)
{
    return load(path, run);
}
