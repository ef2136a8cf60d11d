/* waldrill run FILE...: plays scenarios on an engine, judges them, writes the reports, and says in plain
 * words how it went: the verdict first, then each failed assertion with its place.  With several files the
 * exit status is the worst. */
#include "harness/cli/account.h"
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/engine.h"
#include "harness/results.h"
#include "harness/runner/runner.h"
#include "harness/target/target.h"
#include "reports/folder.h"
#include "reports/gallery.h"
#include "reports/report.h"
#include "reports/source.h"
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_OUT        "waldrill-report"
#define DEFAULT_REAL_SCALE 10.0
#define REPEAT_MOST        1000

static const char help[] =
    "usage: waldrill run FILE... [--engine sim|leap|real] [--out DIR] [--seed N] [--time-scale X]\n"
    "                            [--repeat N] [--mutant NAME] [--only RUN] [--trace FILE] [--quiet]\n"
    "       waldrill run FILE... --target FILE [--arm NAME [--yes]] [--out DIR] [--quiet]\n"
    "\n"
    "Plays scenario files and judges them.\n"
    "\n"
    "  --engine sim    no sockets, virtual clock: minutes in milliseconds, the same run every time\n"
    "  --engine leap   the real servers, libraries and sockets in one thread; the clock leaps when all is "
    "idle\n"
    "  --engine real   walproxy and two mockchromas as processes on loopback\n"
    "                  (default: what the scenario's clock says)\n"
    "  --out DIR       results.json, junit.xml, report.md, report.html, series.csv (default " DEFAULT_OUT
    ");\n"
    "                  with several files, one folder for each inside of DIR; in it, one for\n"
    "                  each run of a matrix; index.html lists them\n"
    "  --seed N        another seed than the file's\n"
    "  --repeat N      N times, up to 1000, with a seed higher by one each time, into DIR/1, DIR/2 and so "
    "on;\n"
    "                  what they differ by is noise: waldrill report diff BEFORE AFTER\n"
    "  --time-scale X  real: run X times faster than the wall clock, 1 to 100 (default 10)\n"
    "  --mutant NAME   put a known-bad proxy on trial (test builds)\n"
    "  --arm HOST      lb: { kind: url } on another machine: yes, this host may be written to\n"
    "  --target FILE   play on a deployment that runs already (docs/staging.md): says what it would touch,\n"
    "                  and changes nothing until armed\n"
    "  --arm NAME      with --target: the target's name, repeated\n"
    "  --yes           with --target and --arm: ask nothing (where there is no terminal)\n"
    "  --only RUN      of a file with a matrix: only this run, as in lb.wal_mode=memory\n"
    "  --events        events.jsonl too: everything that was seen, a line of JSON each\n"
    "  --trace FILE    sim: everything that happened, a line of JSON each\n"
    "  --quiet         only the verdict\n"
    "\n"
    "examples\n"
    "  waldrill run scenarios/guide/01-primary-down.yaml --engine sim --out report\n"
    "  waldrill run scenarios/guide/01-primary-down.yaml --engine real --out report\n"
    "  waldrill run scenarios/guide/01-primary-down.yaml --engine real --repeat 5 --out before\n"
    "\n"
    "exit status: 0 pass, 1 failed, 2 scenario or usage wrong, 3 the run proves nothing (INVALID),\n"
    "             4 infrastructure, 5 cleanup failed\n";

struct run_request {
    const char *engine; /* NULL = by the scenario's clock */
    const char *out;
    uint64_t seed;   /* 0 = the file's */
    uint64_t repeat; /* 0 = once, into a folder without a number */
    double time_scale;
    const char *mutant;
    const char *trace;
    const char *armed;
    const char *target; /* file of a deployment to play on; NULL = an engine of our own */
    bool yes;
    const char *only; /* the run of a matrix that is wanted; NULL = all */
    bool quiet, events;
};

/* --- the request -------------------------------------------------------------------------------------- */

static bool repeat_is_sound(struct run_request *request, const char *repeat)
{
    if (repeat != NULL && (units_parse_u64(str_of(repeat), &request->repeat, NULL) != 0 ||
                           request->repeat == 0 || request->repeat > REPEAT_MOST)) {
        (void)fprintf(stderr, "waldrill run: --repeat is a number from 1 to %d, not \"%s\"\n", REPEAT_MOST,
                      repeat);
        return false;
    }
    if (repeat != NULL && request->trace != NULL) {
        (void)fputs("waldrill run: --trace holds one run; leave out --repeat\n", stderr);
        return false;
    }
    return true;
}

static bool request_is_sound(struct run_request *request, const char *seed, const char *scale)
{
    struct errmsg msg = { "" };
    if (request->engine != NULL && !cli_engine_known("run", request->engine)) {
        return false;
    }
    if (!cli_mutant_known("run", request->mutant)) {
        return false;
    }
    if (request->target != NULL && (request->engine != NULL || scale != NULL)) {
        (void)fputs(
            "waldrill run: --target plays in real time on what runs there: leave out --engine and "
            "--time-scale\n",
            stderr);
        return false;
    }
    if (request->yes && (request->target == NULL || request->armed == NULL)) {
        (void)fputs("waldrill run: --yes goes with --target FILE --arm NAME\n", stderr);
        return false;
    }
    if (seed != NULL && (units_parse_u64(str_of(seed), &request->seed, &msg) != 0 || request->seed == 0)) {
        (void)fprintf(stderr, "waldrill run: --seed is a whole number above 0, not \"%s\"\n", seed);
        return false;
    }
    if (scale != NULL && (units_parse_double(str_of(scale), &request->time_scale, &msg) != 0 ||
                          request->time_scale < 1 || request->time_scale > 100)) {
        (void)fprintf(stderr, "waldrill run: --time-scale is a number from 1 to 100, not \"%s\"\n", scale);
        return false;
    }
    return true;
}

/* --- the run -------------------------------------------------------------------------------------------- */

/* Logs and data of the children: beside the report, so that a failed run can be looked into. */
static bool make_folders(const char *out, char *work, size_t size)
{
    int length = snprintf(work, size, "%s/work", out);
    struct errmsg msg = { "" };
    if (length <= 0 || (size_t)length >= size) {
        (void)fputs("waldrill run: the folder's name is too long\n", stderr);
        return false;
    }
    if (folder_make(out, &msg) != 0 || folder_make(work, &msg) != 0) {
        (void)fprintf(stderr, "waldrill run: %s\n", msg.text);
        return false;
    }
    return true;
}

/* NULL with the exit status, after words. */
static struct engine *engine_for(struct scenario *s, const struct run_request *request, const char *work,
                                 int *status)
{
    struct target_request target = {
        .path = request->target, .armed = request->armed, .yes = request->yes, .work_dir = work
    };
    return request->target == NULL ? cli_engine_new(request->engine, s)
                                   : target_engine_new(&target, s, status);
}

/* 0 = the file's. */
static uint64_t seed_of(const struct scenario *s, const struct run_request *request, uint64_t repetition)
{
    return repetition <= 1 ? request->seed : (request->seed != 0 ? request->seed : s->seed) + repetition - 1;
}

static int play(struct scenario *s, const struct run_request *request, uint64_t seed, const char *out)
{
    char work[CLI_PATH];
    int refused = EXIT_PASS;
    if (!make_folders(out, work, sizeof(work))) {
        return EXIT_INFRASTRUCTURE;
    }
    struct engine *engine = engine_for(s, request, work, &refused);
    if (engine == NULL) {
        return refused;
    }
    struct runner_options options = { .time_scale = request->time_scale,
                                      .work_dir = work,
                                      .mutant = request->mutant,
                                      .trace_path = request->trace,
                                      .armed = request->armed,
                                      .progress = !request->quiet && isatty(STDERR_FILENO) == 1,
                                      .seed = seed };
    struct history history;
    struct results results;
    struct errmsg msg = { "" };
    history_init(&history);
    results_init(&results);
    runner_run(s, engine, &options, &history, &results);
    results.formats |= request->events ? REPORT_EVENTS : 0;
    int status = verdict_exit_code(results.verdict);
    bool written = report_write(out, &results, &msg) == 0;
    if (!written) {
        (void)fprintf(stderr, "waldrill run: the report could not be written: %s\n", msg.text);
        status = status == EXIT_PASS ? EXIT_INFRASTRUCTURE : status;
    }
    account_print(&results, written ? out : NULL, request->quiet);
    engine->ops->close(engine);
    results_deinit(&results);
    history_deinit(&history);
    return status;
}

/* --- the runs of a file -----------------------------------------------------------------------------------
 */

/* "lb.wal_mode=memory" as the name of a folder: what a shell or a path would take for its own is replaced. */
static void append_label(char *out, size_t size, const char *label)
{
    size_t used = strlen(out);
    for (; *label != '\0' && used + 1 < size; label++) {
        bool plain = (*label >= 'a' && *label <= 'z') || (*label >= 'A' && *label <= 'Z') ||
                     (*label >= '0' && *label <= '9') || strchr("._=,%-", *label) != NULL;
        out[used++] = (char)(plain ? *label : '_');
    }
    out[used] = '\0';
}

static bool label_is_wanted(const struct run_request *request, const struct scenario *s)
{
    return request->only == NULL || (s->variant != NULL && strcmp(request->only, s->variant) == 0);
}

/* A file on its own reports into DIR, several into DIR/<name of the file>; each run of a matrix into a folder
 * of its own below that, and each repetition (from 1; 0 = there are none) below that. */
static bool folder_of(const char *path, const struct run_request *request, bool alone, const char *label,
                      uint64_t repetition, char out[CLI_PATH])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    int length = alone ? snprintf(out, CLI_PATH, "%s", request->out)
                       : snprintf(out, CLI_PATH, "%s/%.*s", request->out, (int)strcspn(base, "."), base);
    bool fits = length > 0 && (size_t)length + (label == NULL ? 0 : strlen(label)) + 2 < CLI_PATH;
    if (fits && label != NULL) {
        out[length] = '/';
        out[length + 1] = '\0';
        append_label(out, CLI_PATH, label);
    }
    fits = fits && folder_repetition(out, CLI_PATH, repetition);
    if (!fits) {
        (void)fputs("waldrill run: the folder's name is too long\n", stderr);
    }
    return fits;
}

/* What an earlier command left there would be taken for one of these repetitions; out: room for the name. */
static bool folder_is_free(const char *path, const struct run_request *request, bool alone, const char *label,
                           char out[CLI_PATH])
{
    if (!folder_of(path, request, alone, label, 0, out)) {
        return false;
    }
    bool single = report_source_is_there(out);
    bool more = folder_repetitions(out) > request->repeat;
    if (single || more) {
        (void)fprintf(stderr, "waldrill run: %s holds %s; remove it, or name another --out\n", out,
                      single ? "the report of a single run" : "more repetitions, of an earlier command");
    }
    return !single && !more;
}

/* What became of a file's runs. */
struct tally {
    size_t played, passed;
    bool in_the_way; /* what stands in a folder; nothing more is played */
};

static int play_run(const char *path, size_t run, const struct run_request *request, bool alone,
                    uint64_t repetition, struct tally *tally)
{
    char out[CLI_PATH];
    struct scenario *s = cli_scenario_load_run(path, run);
    int status = EXIT_USAGE;
    if (s != NULL && !label_is_wanted(request, s)) {
        status = EXIT_PASS;
    } else if (s != NULL && repetition == 1 && !folder_is_free(path, request, alone, s->variant, out)) {
        tally->in_the_way = true;
    } else if (s != NULL) {
        bool fits = folder_of(path, request, alone, s->variant, repetition, out);
        status = fits ? play(s, request, seed_of(s, request, repetition), out) : EXIT_INFRASTRUCTURE;
        tally->played++;
        tally->passed += status == EXIT_PASS;
    }
    scenario_free(s);
    return status;
}

/* A run as often as it is wanted. */
static int play_repeated(const char *path, size_t run, const struct run_request *request, bool alone,
                         struct tally *tally)
{
    int worst = EXIT_PASS;
    for (uint64_t i = request->repeat == 0 ? 0 : 1; i <= request->repeat && !tally->in_the_way; i++) {
        int status = play_run(path, run, request, alone, i, tally);
        worst = status > worst ? status : worst;
        (void)fflush(stdout);
    }
    return worst;
}

static int play_file(const char *path, const struct run_request *request, bool alone, size_t *all)
{
    struct scenario *s = cli_scenario_load(path);
    size_t runs = s == NULL ? 0 : s->run_count;
    int worst = s == NULL ? EXIT_USAGE : EXIT_PASS;
    struct tally tally = { 0 };
    scenario_free(s);
    for (size_t run = 0; run < runs && !tally.in_the_way; run++) {
        int status = play_repeated(path, run, request, alone, &tally);
        worst = status > worst ? status : worst;
    }
    *all += tally.played;
    if (runs > 0 && tally.played == 0 && !tally.in_the_way) {
        (void)fprintf(stderr, "waldrill run: %s has no run \"%s\"; waldrill plan %s names them\n", path,
                      request->only, path);
        worst = EXIT_USAGE;
    }
    if (request->repeat > 1 && !tally.in_the_way) {
        (void)printf("%s: %zu of %zu runs passed\n", path, tally.passed, tally.played);
    }
    return worst;
}

/* All files are read before the first runs: a mistake in the last must not cost an hour. */
static bool files_are_right(int argc, char **argv, const struct run_request *request)
{
    bool right = true;
    for (int i = 1; i < argc; i++) {
        struct scenario *s = cli_scenario_load(argv[i]);
        bool seeds = s != NULL && s->variant != NULL &&
                     (strncmp(s->variant, "seed=", 5) == 0 || strstr(s->variant, ",seed=") != NULL);
        bool twice = seeds && (request->seed != 0 || request->repeat > 0);
        if (twice) {
            (void)fprintf(stderr, "waldrill run: the matrix of %s names seeds; leave out %s\n", argv[i],
                          request->seed != 0 ? "--seed" : "--repeat");
        }
        right = right && s != NULL && !twice;
        scenario_free(s);
    }
    return right;
}

/* Several runs are found from one page, if their scenarios let them leave a results.json. */
static int list_runs(const struct run_request *request)
{
    struct errmsg msg = { "" };
    size_t count = 0;
    int rv = gallery_write(request->out, false, &count, &msg);
    if (rv == ERR_NOT_FOUND) {
        return EXIT_PASS;
    }
    if (rv != 0) {
        (void)fprintf(stderr, "waldrill run: the page of all runs could not be written: %s\n", msg.text);
        return EXIT_INFRASTRUCTURE;
    }
    if (!request->quiet) {
        (void)printf("all runs: %s/index.html\n", request->out);
    }
    return EXIT_PASS;
}

int command_run(int argc, char **argv)
{
    struct run_request request = { .out = DEFAULT_OUT, .time_scale = DEFAULT_REAL_SCALE };
    const char *seed = NULL;
    const char *scale = NULL;
    const char *repeat = NULL;
    const struct cli_option options[] = { { "--engine", &request.engine, NULL },
                                          { "--out", &request.out, NULL },
                                          { "--seed", &seed, NULL },
                                          { "--time-scale", &scale, NULL },
                                          { "--repeat", &repeat, NULL },
                                          { "--mutant", &request.mutant, NULL },
                                          { "--trace", &request.trace, NULL },
                                          { "--arm", &request.armed, NULL },
                                          { "--target", &request.target, NULL },
                                          { "--yes", NULL, &request.yes },
                                          { "--only", &request.only, NULL },
                                          { "--events", NULL, &request.events },
                                          { "--quiet", NULL, &request.quiet } };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0])) ||
        !request_is_sound(&request, seed, scale) || !repeat_is_sound(&request, repeat)) {
        return EXIT_USAGE;
    }
    if (request.only != NULL && argc > 2) {
        (void)fputs("waldrill run: --only names a run of one file\n", stderr);
        return EXIT_USAGE;
    }
    if (argc < 2) {
        (void)fputs("waldrill run: which file?  waldrill run FILE... --engine sim --out DIR\n", stderr);
        return EXIT_USAGE;
    }
    int worst = EXIT_PASS;
    size_t played = 0;
    if (!files_are_right(argc, argv, &request)) {
        return EXIT_USAGE;
    }
    for (int i = 1; i < argc; i++) {
        int status = play_file(argv[i], &request, argc == 2, &played);
        worst = status > worst ? status : worst;
        (void)fflush(stdout);
    }
    if (played > 1) {
        int status = list_runs(&request);
        worst = status > worst ? status : worst;
    }
    return worst;
}
