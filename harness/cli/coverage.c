/* waldrill coverage: which check proves what the runbook says, whether it held, and whether it can fail at
 * all.
 *
 *   waldrill coverage                what is claimed, without a run
 *   waldrill coverage --run          plays the scenarios and says what held
 *   waldrill coverage --throw all    turns each id's switch and requires that its check turns red
 *
 * Ids with the same switch on the same scenario are thrown in one run. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/memory.h"
#include "harness/runbook/lying.h"
#include "harness/runbook/proof.h"
#include "harness/runner/runner.h"
#include "reports/folder.h"
#include "reports/report.h"
#include <string.h>

#define DEFAULT_LIST "scenarios/runbook.yaml"
#define DEFAULT_OUT  "waldrill-report/coverage"
#define REAL_SCALE   20.0 /* commands take what they take; the phases between them need not */

static const char help[] =
    "usage: waldrill coverage [--list FILE] [--run] [--throw ID|all] [--engine NAME] [--out DIR]\n"
    "\n"
    "Which check proves each thing that the runbook says: commands, thresholds, alerts, expected behaviour,\n"
    "rows of its tables.  Without --run and --throw nothing is played: what the scenarios claim is shown.\n"
    "\n"
    "  --list FILE    the list of ids (default " DEFAULT_LIST
    ")\n"
    "  --run          play the scenarios of the list, and say for each id whether its check held\n"
    "  --throw ID     turn the switch of ID (or of all): its check must turn red\n"
    "  --engine NAME  only what this engine can prove (default: each scenario on the engine that it means)\n"
    "  --out DIR      reports of the runs (default " DEFAULT_OUT
    ")\n"
    "\n"
    "examples\n"
    "  waldrill coverage\n"
    "  waldrill coverage --run\n"
    "  waldrill coverage --throw alert.pending-writes-high.fires\n"
    "\n"
    "exit status: 0 everything is proved (or every thrown check was red), 1 something is not,\n"
    "             2 the list or a scenario is wrong, 4 infrastructure\n";

struct coverage {
    const char *list, *thrown, *engine, *out;
    bool run;
    struct runbook *book;
    struct scenario **scenarios;
    struct proofs proofs;
};

/* ---- reading ----------------------------------------------------------------------------------------- */

static struct runbook *load_book(const char *path)
{
    struct errmsg msg = { "" };
    struct yaml_problems problems = { 0 };
    size_t size = 0;
    char *text = scenario_read_file(path, &size, &msg);
    struct runbook *book = text == NULL ? NULL : runbook_load(path, str_make(text, size), &problems, &msg);
    cli_print_problems(&problems, path, str_make(text, size));
    if (book == NULL && problems.count == 0) {
        (void)fprintf(stderr, "waldrill coverage: cannot read %s\n", msg.text);
    }
    yaml_problems_deinit(&problems);
    mem_free(text);
    return book;
}

static bool load_scenarios(struct coverage *c)
{
    c->scenarios = mem_alloc_array(c->book->scenario_count + 1, sizeof(*c->scenarios));
    for (size_t i = 0; i < c->book->scenario_count; i++) {
        c->scenarios[i] = cli_scenario_load(c->book->scenarios[i]);
        if (c->scenarios[i] == NULL) {
            return false;
        }
        proofs_claim(&c->proofs, i, c->scenarios[i]);
    }
    proofs_blocks(&c->proofs, c->scenarios);
    return true;
}

/* Does the engine of this call play the scenario, and what the proof needs of it? */
static bool in_reach(const struct coverage *c, const struct proof *proof)
{
    return c->engine == NULL || strcmp(c->engine, "real") == 0 || !proof->needs_command;
}

/* ---- playing ----------------------------------------------------------------------------------------- */

/* One run; red NULL = as it stands.  False when the stack could not play it. */
static bool play(const struct coverage *c, size_t index, const struct red_switch *red, struct proofs *noted)
{
    char out[CLI_PATH];
    char work[CLI_PATH];
    struct errmsg msg = { "" };
    struct scenario *s = cli_scenario_load(c->book->scenarios[index]);
    if (s == NULL) {
        return false;
    }
    int length = snprintf(out, sizeof(out), "%s/%s%s", c->out, s->name, red == NULL ? "" : "-thrown");
    bool good = length > 0 && (size_t)length < sizeof(out) &&
                snprintf(work, sizeof(work), "%.*s/work", (int)sizeof(work) - 8, out) > 0;
    if (!good || folder_make(c->out, &msg) != 0 || folder_make(out, &msg) != 0 ||
        folder_make(work, &msg) != 0) {
        (void)fprintf(stderr, "waldrill coverage: %s\n", good ? msg.text : "the folder's name is too long");
        scenario_free(s);
        return false;
    }
    static struct lying_engine lying; /* too large for a frame; one run at a time */
    struct engine *engine = cli_engine_new(c->engine, s);
    struct runner_options options = { .time_scale = REAL_SCALE, .work_dir = work };
    struct history history;
    struct results results;
    history_init(&history);
    results_init(&results);
    good = red == NULL || red_throw(red, s, engine, &lying, &msg) == 0;
    if (red != NULL && red->kind == RED_MUTANT) {
        options.mutant = red->name;
    }
    if (good) {
        runner_run(s, engine, &options, &history, &results);
        good = results.verdict != VERDICT_ERROR;
        proofs_note(noted, &results);
        (void)snprintf(msg.text, sizeof(msg.text), "%s",
                       results.verdict_words == NULL ? "" : results.verdict_words);
        good = report_write(out, &results, &msg) == 0 && good;
    }
    if (!good) {
        (void)fprintf(stderr, "waldrill coverage: %s: %s\n", s->path, msg.text);
    }
    engine->ops->close(engine);
    results_deinit(&results);
    history_deinit(&history);
    scenario_free(s);
    return good;
}

/* ---- what is claimed, and what held -------------------------------------------------------------------- */

static void lines_text(const struct runbook_id *id, char *out, size_t size)
{
    if (id->from == id->to) {
        (void)snprintf(out, size, "%u", id->from);
    } else {
        (void)snprintf(out, size, "%u-%u", id->from, id->to);
    }
}

static const char *paint(const char *colour)
{
    return cli_colour(stdout) ? colour : "";
}

static void print_row(const struct coverage *c, const struct proof *proof, const char *word, bool good)
{
    char lines[32];
    char place[CLI_PATH];
    lines_text(proof->id, lines, sizeof(lines));
    if (proof->id->test != NULL) {
        (void)snprintf(place, sizeof(place), "test %s", proof->id->test);
    } else if (proof->scenario == SIZE_MAX) {
        (void)snprintf(place, sizeof(place), "nothing");
    } else {
        (void)snprintf(place, sizeof(place), "%s:%u%s", c->book->scenarios[proof->scenario], proof->line,
                       proof->needs_command ? " (command)" : "");
    }
    (void)printf("%-9s %-40s %s%-11s%s %s\n", lines, proof->id->id, paint(good ? "\033[32m" : "\033[1;31m"),
                 word, paint("\033[0m"), place);
    if (proof->saw != NULL) {
        (void)printf("          saw %s\n", proof->saw);
    }
}

/* Returns how many are not as they should be. */
static size_t print_proofs(const struct coverage *c, bool played, size_t *out_of_reach)
{
    size_t bad = 0;
    *out_of_reach = 0;
    (void)printf("guide     id%38s %-11s %s\n", "", played ? "result" : "claimed", "by");
    for (size_t i = 0; i < c->proofs.count; i++) {
        const struct proof *proof = &c->proofs.items[i];
        bool claimed = proof->id->test != NULL || proof->scenario != SIZE_MAX;
        bool reach = in_reach(c, proof);
        bool held = proof->id->test != NULL || (proof->passed > 0 && proof->failed == 0);
        bool good = claimed && (!played || !reach || held);
        const char *word = !claimed                  ? "UNCOVERED"
                           : proof->id->test != NULL ? "by a test"
                           : !played                 ? "claimed"
                           : proof->failed > 0       ? "FAILED"
                           : proof->passed > 0       ? "held"
                           : reach                   ? "NOT SEEN"
                                                     : "not here";
        *out_of_reach += played && !reach ? 1 : 0;
        bad += good ? 0 : 1;
        print_row(c, proof, word, good);
    }
    return bad;
}

static size_t print_mistakes(const struct coverage *c)
{
    for (size_t i = 0; i < c->proofs.unknown_count; i++) {
        (void)printf("%s is no id of %s\n", c->proofs.unknown[i], c->book->path);
    }
    for (size_t i = 0; i < c->proofs.unrun_count; i++) {
        (void)printf("%s: no scenario runs this shell block as it stands\n", c->proofs.unrun[i]);
    }
    return c->proofs.unknown_count + c->proofs.unrun_count;
}

static int show(struct coverage *c)
{
    bool infrastructure = false;
    for (size_t i = 0; c->run && i < c->book->scenario_count; i++) {
        (void)fprintf(stderr, "playing %s\n", c->book->scenarios[i]);
        infrastructure = !play(c, i, NULL, &c->proofs) || infrastructure;
    }
    size_t out_of_reach;
    size_t bad = print_proofs(c, c->run, &out_of_reach);
    size_t mistakes = print_mistakes(c);
    (void)printf("%zu of %zu ids %s", c->proofs.count - bad, c->proofs.count,
                 c->run ? "proved" : "claimed by a check");
    (void)printf(out_of_reach == 0 ? "\n" : ", %zu of them only on an engine that runs commands\n",
                 out_of_reach);
    return bad + mistakes > 0 ? EXIT_FAILED : infrastructure ? EXIT_INFRASTRUCTURE : EXIT_PASS;
}

/* ---- switches ------------------------------------------------------------------------------------------ */

static bool same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool same_switch(const struct proof *a, const struct proof *b)
{
    const struct red_switch *x = &a->id->red;
    const struct red_switch *y = &b->id->red;
    return a->scenario == b->scenario && x->kind == y->kind && x->status == y->status &&
           x->late_ns == y->late_ns && x->after_ns == y->after_ns && same_text(x->name, y->name) &&
           same_text(x->value, y->value) && same_text(x->path, y->path) && same_text(x->json, y->json);
}

static bool is_thrown(const struct coverage *c, const struct proof *proof)
{
    return proof->id->red.kind != RED_NONE && proof->scenario != SIZE_MAX && in_reach(c, proof) &&
           (strcmp(c->thrown, "all") == 0 || strcmp(c->thrown, proof->id->id) == 0);
}

/* Throws the switch of proof `first` for all that share it; returns how many stayed green. */
static size_t throw_group(const struct coverage *c, size_t first, bool *done, size_t *red, bool *broken)
{
    struct proofs noted;
    const struct proof *leader = &c->proofs.items[first];
    proofs_init(&noted, c->book);
    *broken = !play(c, leader->scenario, &leader->id->red, &noted) || *broken;
    size_t green = 0;
    for (size_t i = first; i < c->proofs.count; i++) {
        if (done[i] || !is_thrown(c, &c->proofs.items[i]) || !same_switch(leader, &c->proofs.items[i])) {
            continue;
        }
        done[i] = true;
        bool turned = noted.items[i].failed > 0;
        struct proof shown = c->proofs.items[i];
        shown.saw = noted.items[i].saw;
        print_row(c, &shown, turned ? "red" : "STAYS GREEN", turned);
        *red += turned ? 1 : 0;
        green += turned ? 0 : 1;
    }
    proofs_deinit(&noted);
    return green;
}

static int throw_switches(struct coverage *c)
{
    bool *done = mem_alloc_array(c->proofs.count + 1, sizeof(*done));
    size_t red = 0;
    size_t green = 0;
    bool broken = false;
    for (size_t i = 0; i < c->proofs.count; i++) {
        if (!done[i] && is_thrown(c, &c->proofs.items[i])) {
            green += throw_group(c, i, done, &red, &broken);
            (void)fflush(stdout);
        }
    }
    mem_free(done);
    if (red + green == 0) {
        (void)fprintf(stderr, "waldrill coverage: no switch to throw: %s\n", c->thrown);
        return EXIT_USAGE;
    }
    (void)printf("%zu of %zu thrown checks turned red\n", red, red + green);
    return green > 0 ? EXIT_FAILED : broken ? EXIT_INFRASTRUCTURE : EXIT_PASS;
}

int command_coverage(int argc, char **argv)
{
    struct coverage c = { .list = DEFAULT_LIST, .out = DEFAULT_OUT };
    const struct cli_option options[] = { { "--list", &c.list, NULL },
                                          { "--run", NULL, &c.run },
                                          { "--throw", &c.thrown, NULL },
                                          { "--engine", &c.engine, NULL },
                                          { "--out", &c.out, NULL } };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0])) ||
        (c.engine != NULL && !cli_engine_known("coverage", c.engine))) {
        return EXIT_USAGE;
    }
    if (argc > 1) {
        (void)fprintf(stderr, "waldrill coverage: \"%s\"? Scenarios are named in the list (--list)\n",
                      argv[1]);
        return EXIT_USAGE;
    }
    c.book = load_book(c.list);
    if (c.book == NULL) {
        return EXIT_USAGE;
    }
    proofs_init(&c.proofs, c.book);
    int status = EXIT_USAGE;
    if (load_scenarios(&c)) {
        status = c.thrown != NULL ? throw_switches(&c) : show(&c);
    }
    for (size_t i = 0; i < c.book->scenario_count; i++) {
        scenario_free(c.scenarios == NULL ? NULL : c.scenarios[i]);
    }
    mem_free(c.scenarios);
    proofs_deinit(&c.proofs);
    runbook_free(c.book);
    return status;
}
