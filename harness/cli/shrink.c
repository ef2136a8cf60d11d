/* waldrill shrink: from a seed whose campaign fails to a small file that fails by the same oracle.
 *
 * Delta debugging: leave a part out, or make a figure smaller, play what is left, keep it when the same
 * promise is still broken - and when the healthy proxy passes, if a mutant is on trial.  What is played is
 * always the file itself, written and read back, so that what is kept is what a person will run.  Where fewer
 * operations are to do, other seeds are tried too: which operations they are is chance.
 *
 * Each candidate runs in a process of its own: a core that stops at a failed check is no catch, and costs
 * nothing but the candidate. */
#include "harness/cli/campaign.h"
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"
#include "harness/cli/sketch.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/results.h"
#include <errno.h>
#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define RUNS_MOST      2000
#define SEEDS_FIRST    40 /* tried until the file fails as the campaign did */
#define SEEDS_AGAIN    12 /* tried for each step that leaves fewer operations */
#define FAULTS_AIM     5
#define OPERATIONS_AIM 20

static const char help[] =
    "usage: waldrill shrink SEED --out FILE [--mutant NAME] [--oracle NAME]\n"
    "\n"
    "Turns a seed that fails in waldrill fuzz into a small scenario file that breaks the same promise: "
    "faults,\n"
    "loads, steps and settings are left out, times and rates made smaller, as long as it does.\n"
    "\n"
    "  --out FILE     where the scenario is written\n"
    "  --mutant NAME  the known-bad proxy that fails (test builds); walproxy itself has to pass the file\n"
    "  --oracle NAME  the promise to keep broken (default: the first one that the campaign breaks)\n"
    "\n"
    "examples\n"
    "  waldrill shrink 37 --mutant drop_after_three --oracle no_lost_ack --out small.yaml\n"
    "  waldrill run small.yaml --engine sim --mutant drop_after_three\n"
    "\n"
    "exit status: 0 written, 1 the seed does not fail so, 2 usage wrong, 4 infrastructure\n";

struct outcome {
    bool broken[INVARIANT_COUNT];
    bool good; /* the whole run: PASS */
    uint64_t operations;
};

struct shrink {
    const struct scenario *campaign;
    const char *mutant;
    enum scenario_invariant oracle;
    struct sketch best;
    uint64_t operations; /* of the best */
    unsigned runs;
};

/* ---- one run ---- */

static void play(const struct scenario *s, const struct runner_options *options, struct outcome *out)
{
    struct history history;
    struct results results;
    history_init(&history);
    results_init(&results);
    struct engine *engine = engine_sim_new();
    runner_run(s, engine, options, &history, &results);
    *out = (struct outcome){ .good = results.verdict == VERDICT_PASS };
    for (size_t i = 0; i < results.assertion_count; i++) {
        const struct assertion_result *a = &results.assertions[i];
        for (size_t k = 0; k < INVARIANT_COUNT; k++) {
            bool is = a->kind == ASSERT_INVARIANT && strcmp(a->name, scenario_invariant_names[k]) == 0;
            out->broken[k] = out->broken[k] || (is && !a->passed && !a->skipped);
        }
    }
    out->operations = s->step_count;
    for (size_t i = 0; i < history.op_count; i++) {
        out->operations += history.ops[i].load != HISTORY_NONE ? 1 : 0;
    }
    engine->ops->close(engine);
    results_deinit(&results);
    history_deinit(&history);
}

/* The campaign as fuzz plays it. */
static void play_campaign(const struct shrink *shrink, uint64_t seed, struct outcome *out)
{
    struct runner_options options = { .time_scale = 1 };
    struct scenario *s = campaign_draw(seed, &options);
    options.mutant = shrink->mutant;
    options.seed = seed;
    play(s, &options, out);
    scenario_free(s);
}

/* The file as run plays it: with the mutant, and, if that is caught, without. */
static void play_file(const struct shrink *shrink, const struct sketch *sketch, struct outcome *out)
{
    struct buf text;
    buf_init(&text, FILE_MAX_BYTES);
    sketch_write(sketch, shrink->campaign, shrink->oracle, &text);
    struct yaml_problems problems = { 0 };
    struct scenario *s = scenario_parse("shrunk.yaml", buf_str(&text), &problems);
    *out = (struct outcome){ .good = false };
    if (s == NULL) {
        yaml_problems_print(&problems, "shrunk.yaml", buf_str(&text), 3, false, &text);
        (void)fprintf(stderr, "waldrill shrink: what was written cannot be read:\n%s\n", buf_text(&text));
        _exit(EXIT_INFRASTRUCTURE);
    }
    struct runner_options options = { .time_scale = 1, .mutant = shrink->mutant };
    play(s, &options, out);
    out->good = out->broken[shrink->oracle];
    if (out->good && shrink->mutant != NULL) {
        struct outcome healthy;
        options.mutant = NULL;
        play(s, &options, &healthy);
        out->good = healthy.good;
    }
    scenario_free(s);
    yaml_problems_deinit(&problems);
    buf_deinit(&text);
}

/* sketch NULL: the campaign of that seed.  False: it died, or could not be begun. */
static bool in_process(struct shrink *shrink, const struct sketch *sketch, uint64_t seed, struct outcome *out)
{
    int fds[2];
    (void)fflush(NULL);
    if (pipe(fds) != 0) {
        return false;
    }
    shrink->runs++;
    pid_t pid = fork();
    if (pid == 0) {
        struct outcome told;
        if (sketch == NULL) {
            play_campaign(shrink, seed, &told);
        } else {
            play_file(shrink, sketch, &told);
        }
        _exit(write(fds[1], &told, sizeof(told)) == (ssize_t)sizeof(told) ? 0 : EXIT_INFRASTRUCTURE);
    }
    (void)close(fds[1]);
    bool whole =
        pid > 0 && read(fds[0], out, sizeof(*out)) == (ssize_t)sizeof(*out); /* less than a pipe holds */
    (void)close(fds[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return whole;
}

/* ---- keeping ---- */

static bool keeps(struct shrink *shrink, const struct sketch *candidate)
{
    struct outcome outcome;
    if (shrink->runs >= RUNS_MOST || !in_process(shrink, candidate, 0, &outcome) || !outcome.good) {
        return false;
    }
    shrink->best = *candidate;
    shrink->operations = outcome.operations;
    return true;
}

static bool keeps_by_some_seed(struct shrink *shrink, struct sketch *candidate, unsigned seeds)
{
    uint64_t first = candidate->seed;
    for (unsigned i = 0; i < seeds; i++) {
        candidate->seed = first + i;
        if (keeps(shrink, candidate)) {
            return true;
        }
    }
    candidate->seed = first;
    return false;
}

/* ---- leaving out ---- */

static bool leave_out(struct shrink *shrink, size_t offset, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        struct sketch candidate = shrink->best;
        bool *kept = (bool *)((char *)&candidate + offset) + i;
        if (*kept) {
            *kept = false;
            any = keeps(shrink, &candidate) || any;
        }
    }
    return any;
}

static size_t kept_count(const bool *kept, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        n += kept[i] ? 1 : 0;
    }
    return n;
}

static bool leave_out_mixes(struct shrink *shrink)
{
    bool any = false;
    for (size_t i = 0; i < shrink->campaign->load_count; i++) {
        for (size_t k = 0; k < SKETCH_MIX; k++) {
            struct sketch candidate = shrink->best;
            if (candidate.load[i] && candidate.mix[i][k] && kept_count(candidate.mix[i], SKETCH_MIX) > 1) {
                candidate.mix[i][k] = false;
                any = keeps(shrink, &candidate) || any;
            }
        }
    }
    return any;
}

/* ---- making smaller ---- */

static uint64_t half(uint64_t ns)
{
    return ns / 2 / NS_PER_MS * NS_PER_MS;
}

/* From the front, then from the back. */
static bool narrow_window(struct shrink *shrink)
{
    bool any = false;
    for (unsigned part = 1; part <= 3; part++) {
        struct sketch candidate = shrink->best;
        uint64_t cut_ns = candidate.window_ns / (UINT64_C(1) << part) / NS_PER_MS * NS_PER_MS;
        if (cut_ns == 0 || candidate.window_ns - cut_ns < 100 * NS_PER_MS) {
            continue;
        }
        candidate.window_ns -= cut_ns;
        candidate.rest_ns += cut_ns;
        bool kept = keeps_by_some_seed(shrink, &candidate, SEEDS_AGAIN);
        if (!kept) {
            candidate.rest_ns -= cut_ns;
            candidate.lead_ns += cut_ns;
            kept = keeps_by_some_seed(shrink, &candidate, SEEDS_AGAIN);
        }
        any = any || kept;
    }
    return any;
}

/* The time before the load: everything moves forward. */
static bool shorten_lead(struct shrink *shrink)
{
    struct sketch candidate = shrink->best;
    int64_t cut_ns = (int64_t)candidate.lead_ns - (int64_t)half(candidate.lead_ns);
    for (size_t i = 0; i < SKETCH_FAULTS; i++) {
        cut_ns = candidate.fault[i] && candidate.fault_at_ns[i] < cut_ns ? candidate.fault_at_ns[i] : cut_ns;
    }
    for (size_t i = 0; i < SKETCH_STEPS; i++) {
        cut_ns = candidate.step[i] && candidate.step_at_ns[i] < cut_ns ? candidate.step_at_ns[i] : cut_ns;
    }
    if (cut_ns <= 0) {
        return false;
    }
    candidate.lead_ns -= (uint64_t)cut_ns;
    for (size_t i = 0; i < SKETCH_FAULTS; i++) {
        candidate.fault_at_ns[i] -= candidate.fault[i] ? cut_ns : 0;
    }
    for (size_t i = 0; i < SKETCH_STEPS; i++) {
        candidate.step_at_ns[i] -= candidate.step[i] ? cut_ns : 0;
    }
    return keeps(shrink, &candidate);
}

static bool shorten_rest(struct shrink *shrink)
{
    struct sketch candidate = shrink->best;
    candidate.rest_ns = half(candidate.rest_ns);
    return shrink->best.rest_ns > 0 && keeps(shrink, &candidate);
}

static bool slow_down(struct shrink *shrink)
{
    bool any = false;
    for (size_t i = 0; i < shrink->campaign->load_count; i++) {
        struct sketch candidate = shrink->best;
        candidate.per_second[i] /= 2;
        double left = candidate.per_second[i] * (double)candidate.window_ns / (double)NS_PER_S;
        if (candidate.load[i] && left >= 1) {
            any = keeps_by_some_seed(shrink, &candidate, SEEDS_AGAIN) || any;
        }
    }
    return any;
}

static bool fewer_places(struct shrink *shrink)
{
    bool any = false;
    for (size_t i = 0; i < shrink->campaign->load_count; i++) {
        struct sketch candidate = shrink->best;
        bool plain =
            candidate.collections[i] == 1 && candidate.records[i] == 1 && candidate.body_bytes[i] == 0;
        if (!candidate.load[i] || plain) {
            continue;
        }
        candidate.collections[i] = 1;
        candidate.body_bytes[i] = 0;
        bool kept = keeps(shrink, &candidate);
        candidate.records[i] = (candidate.records[i] + 1) / 2;
        kept = (candidate.records[i] < shrink->best.records[i] &&
                keeps_by_some_seed(shrink, &candidate, SEEDS_AGAIN)) ||
               kept;
        any = any || kept;
    }
    return any;
}

static bool shorten_faults(struct shrink *shrink)
{
    bool any = false;
    for (size_t i = 0; i < SKETCH_FAULTS; i++) {
        struct sketch candidate = shrink->best;
        candidate.fault_ns[i] = half(candidate.fault_ns[i]);
        if (candidate.fault[i] && candidate.fault_ns[i] >= NS_PER_S) {
            any = keeps(shrink, &candidate) || any;
        }
    }
    struct sketch candidate = shrink->best;
    candidate.disk_ns = 0;
    return (shrink->best.disk_ns > 0 && keeps(shrink, &candidate)) || any;
}

static void shrink_all(struct shrink *shrink)
{
    bool any = true;
    while (any && shrink->runs < RUNS_MOST) {
        any = leave_out(shrink, offsetof(struct sketch, fault), SKETCH_FAULTS);
        any = leave_out(shrink, offsetof(struct sketch, step), SKETCH_STEPS) || any;
        any = leave_out(shrink, offsetof(struct sketch, load), SKETCH_LOADS) || any;
        any = narrow_window(shrink) || any;
        any = slow_down(shrink) || any;
        any = leave_out(shrink, offsetof(struct sketch, setting), SKETCH_SETTINGS) || any;
        any = leave_out(shrink, offsetof(struct sketch, latency), 2) || any;
        any = leave_out_mixes(shrink) || any;
        any = fewer_places(shrink) || any;
        any = shorten_faults(shrink) || any;
        any = shorten_rest(shrink) || any;
        any = shorten_lead(shrink) || any;
    }
}

/* ---- the command ---- */

static int write_out(const struct shrink *shrink, uint64_t seed, const char *path)
{
    struct buf text;
    buf_init(&text, FILE_MAX_BYTES);
    const char *oracle = scenario_invariant_names[shrink->oracle];
    const char *mutant = shrink->mutant;
    buf_printf(&text, "# What is left of campaign %" PRIu64 ": it breaks %s%s%s.  Made by\n", seed, oracle,
               mutant == NULL ? "" : " on the known-bad proxy ", mutant == NULL ? "" : mutant);
    buf_printf(&text, "#   waldrill shrink %" PRIu64 "%s%s --oracle %s --out FILE\n\n", seed,
               mutant == NULL ? "" : " --mutant ", mutant == NULL ? "" : mutant, oracle);
    sketch_write(&shrink->best, shrink->campaign, shrink->oracle, &text);
    FILE *file = fopen(path, "w");
    bool good = file != NULL && fputs(buf_text(&text), file) >= 0;
    good = file != NULL && fclose(file) == 0 && good;
    buf_deinit(&text);
    if (!good) {
        (void)fprintf(stderr, "waldrill shrink: cannot write %s: %s\n", path, strerror(errno));
        return EXIT_INFRASTRUCTURE;
    }
    unsigned faults = sketch_faults(&shrink->best);
    (void)printf("%s: breaks %s with %u fault%s and %" PRIu64 " operation%s (%u runs)\n", path, oracle,
                 faults, faults == 1 ? "" : "s", shrink->operations, shrink->operations == 1 ? "" : "s",
                 shrink->runs);
    if (faults > FAULTS_AIM || shrink->operations > OPERATIONS_AIM) {
        (void)printf("not as small as it should be (%d faults, %d operations): what is left is needed\n",
                     FAULTS_AIM, OPERATIONS_AIM);
    }
    return EXIT_PASS;
}

/* Which promise is to stay broken; false after a line on stderr. */
static bool choose_oracle(struct shrink *shrink, uint64_t seed, const char *name)
{
    struct outcome outcome;
    if (!in_process(shrink, NULL, seed, &outcome)) {
        (void)fprintf(stderr, "waldrill shrink: the campaign of seed %" PRIu64 " does not come to an end\n",
                      seed);
        return false;
    }
    for (size_t i = 0; i < INVARIANT_COUNT; i++) {
        bool meant = name == NULL || strcmp(name, scenario_invariant_names[i]) == 0;
        if (meant && outcome.broken[i]) {
            shrink->oracle = (enum scenario_invariant)i;
            return true;
        }
    }
    (void)fprintf(stderr, "waldrill shrink: the campaign of seed %" PRIu64 " breaks no promise%s%s\n", seed,
                  name == NULL ? "" : " called ", name == NULL ? "" : name);
    return false;
}

static int shrink_seed(uint64_t seed, const char *mutant, const char *oracle, const char *path)
{
    struct runner_options options = { .time_scale = 1 };
    struct scenario *campaign = campaign_draw(seed, &options);
    struct shrink shrink = { .campaign = campaign, .mutant = mutant };
    int status = EXIT_FAILED;
    if (choose_oracle(&shrink, seed, oracle)) {
        struct sketch whole;
        sketch_begin(&whole, campaign, options.disk_sync_ns);
        if (keeps_by_some_seed(&shrink, &whole, SEEDS_FIRST)) {
            shrink_all(&shrink);
            status = write_out(&shrink, seed, path);
        } else {
            (void)fprintf(stderr,
                          "waldrill shrink: seed %" PRIu64
                          " breaks %s only as a campaign, not played from a "
                          "file\n",
                          seed, scenario_invariant_names[shrink.oracle]);
        }
    }
    scenario_free(campaign);
    return status;
}

int command_shrink(int argc, char **argv)
{
    const char *mutant = NULL;
    const char *oracle = NULL;
    const char *path = NULL;
    const struct cli_option options[] = { { "--mutant", &mutant, NULL },
                                          { "--oracle", &oracle, NULL },
                                          { "--out", &path, NULL } };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0])) ||
        !cli_oracle_known(argv[0], oracle) || !cli_mutant_known(argv[0], mutant)) {
        return EXIT_USAGE;
    }
    uint64_t seed;
    if (argc != 2 || path == NULL || units_parse_u64(str_of(argv[1]), &seed, NULL) != 0 || seed == 0) {
        (void)fputs(
            "waldrill shrink: SEED --out FILE, and SEED is a whole number; see waldrill shrink --help\n",
            stderr);
        return EXIT_USAGE;
    }
    return shrink_seed(seed, mutant, oracle, path);
}
