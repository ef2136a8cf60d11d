/* waldrill rehearse SCENARIO: a drill.  The scenario's load, faults and phases are played; what its steps and
 * its operator's faults say is left to a person with the guide in one hand, who is told what a pager would
 * tell, is watched, and is scored.  --auto plays that person from the runbook.
 *
 * The engine is chosen in one place, rehearse_engine. */
#include "harness/cli/rehearse.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/cli/commands.h"
#include "harness/real/control.h"
#include "harness/runner/runner.h"
#include "harness/target/target.h"
#include "reports/debrief.h"
#include "reports/folder.h"
#include "reports/report.h"
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_OUT        "waldrill-drill"
#define DEFAULT_HINTS      5
#define DEFAULT_AUTO_SPEED 10.0
#define SPEED_MOST         30.0
#define SPEED_MOST_SIM     1000.0
#define SPEED_OF_MOCKS     10.0
#define WORD_BYTES         ((size_t)1 << 20)

static const char help[] =
    "usage: waldrill rehearse SCENARIO [--engine real|sim] [--speed X] [--auto] [--hints N] [--out DIR]\n"
    "                         [--wal-mode file|memory] [--shell BASH] [--no-shell] [--seed N]\n"
    "       waldrill rehearse SCENARIO --target FILE [--arm NAME [--yes]] [--auto] [--hints N] [--out DIR]\n"
    "       waldrill rehearse --tell WORD [--at DIR]\n"
    "\n"
    "A drill: the incident happens, you are on call.  You are told what a pager would tell, type the "
    "guide's\n"
    "own commands in a shell ($LB, $PRIMARY and $REPLICA are set, the guide's hosts work), and are scored:\n"
    "time to detect, diagnose, act and recover, and each step of the runbook.  At the end everything is "
    "healed.\n"
    "\n"
    "  --engine real    walproxy and two mocks as processes on loopback (default)\n"
    "  --engine sim     the simulator; only with --auto\n"
    "  --speed X        so many times faster than the wall clock: 1 to 30, 1 with a real Chroma (default 1,\n"
    "                   with --auto 10); sim: up to 1000 (default: as fast as it goes)\n"
    "  --auto           waldrill plays the operator from the runbook\n"
    "  --hints N        how many hints may be asked for (default 5)\n"
    "  --out DIR        transcript.txt, debrief.html, debrief.md, drill.json, and the report of the run\n"
    "                   (default " DEFAULT_OUT
    ")\n"
    "  --wal-mode MODE  file or memory, whatever the scenario says: memory is the guide's v1\n"
    "  --shell BASH     the bash to type in (default: the one in PATH)\n"
    "  --no-shell       no shell here: type in another terminal, which is told how\n"
    "  --seed N         another seed than the file's\n"
    "  --target FILE    on a deployment that runs already, in real time (docs/staging.md): says what it\n"
    "                   would touch, and asks\n"
    "  --arm NAME       with --target: the target's name, repeated\n"
    "  --yes            with --target and --arm: ask nothing\n"
    "  --tell WORD      pager, hint, guide, restart-lb, pause, resume, finish or abort, to a drill that "
    "runs\n"
    "  --at DIR         its --out (default " DEFAULT_OUT
    ")\n"
    "\n"
    "examples\n"
    "  waldrill rehearse scenarios/guide/01-primary-down.yaml --speed 5\n"
    "  waldrill rehearse scenarios/guide/03-replay-failures.yaml --auto --speed 30 --out drill\n"
    "  waldrill rehearse scenarios/guide/03-replay-failures.yaml --auto --engine sim\n"
    "  waldrill rehearse --tell hint\n"
    "\n"
    "exit status: 0 everything held and every step was done, 1 something failed, or a step was missed or "
    "wrong,\n"
    "             2 scenario or usage wrong, 3 the drill proves nothing (INVALID) or was ended early,\n"
    "             4 infrastructure, 5 cleanup failed\n";

struct rehearse_request {
    const char *engine, *out, *wal_mode, *shell, *tell, *at;
    const char *target, *armed; /* a deployment to play on; NULL = an engine of our own */
    const char *speed_text, *hints_text, *seed_text;
    uint64_t seed, hints;
    double speed;
    bool automatic, no_shell, yes;
};

/* ---- what was asked for ---- */

/* A line on stderr; false, for whoever has nothing else to say. */
__attribute__((format(printf, 1, 2))) static bool complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("waldrill rehearse: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return false;
}

static bool is_sim(const struct rehearse_request *q)
{
    return strcmp(q->engine, "sim") == 0;
}

static bool speed_is_sound(struct rehearse_request *q)
{
    double most = is_sim(q) ? SPEED_MOST_SIM : SPEED_MOST;
    q->speed = is_sim(q) ? 0 : q->automatic ? DEFAULT_AUTO_SPEED : 1;
    if (q->target != NULL) {
        q->speed = 1;
    }
    if (q->speed_text == NULL) {
        return true;
    }
    if (units_parse_double(str_of(q->speed_text), &q->speed, NULL) != 0 || q->speed < 1 || q->speed > most) {
        return complain("--speed is a number from 1 to %g, not \"%s\"", most, q->speed_text);
    }
    return true;
}

static bool request_is_sound(struct rehearse_request *q)
{
    if (strcmp(q->engine, "real") != 0 && !is_sim(q)) {
        return complain("--engine is real or sim, not \"%s\"", q->engine);
    }
    if (is_sim(q) && !q->automatic) {
        return complain("nobody can type on the simulator: --engine sim needs --auto");
    }
    if (q->target != NULL && (is_sim(q) || q->speed_text != NULL || q->wal_mode != NULL)) {
        return complain(
            "--target plays in real time on what runs there: leave out --engine, --speed and --wal-mode");
    }
    if ((q->armed != NULL && q->target == NULL) || (q->yes && q->armed == NULL)) {
        return complain("--arm and --yes go with --target FILE");
    }
    if (q->wal_mode != NULL && strcmp(q->wal_mode, "file") != 0 && strcmp(q->wal_mode, "memory") != 0) {
        return complain("--wal-mode is file or memory, not \"%s\"", q->wal_mode);
    }
    if (q->hints_text != NULL && units_parse_u64(str_of(q->hints_text), &q->hints, NULL) != 0) {
        return complain("--hints is a whole number, not \"%s\"", q->hints_text);
    }
    if (q->seed_text != NULL &&
        (units_parse_u64(str_of(q->seed_text), &q->seed, NULL) != 0 || q->seed == 0)) {
        return complain("--seed is a whole number above 0, not \"%s\"", q->seed_text);
    }
    return speed_is_sound(q);
}

static bool scenario_is_fit(const struct rehearse_request *q, const struct scenario *s)
{
    bool real_chroma = s->real_chroma[0] || s->real_chroma[1];
    if (real_chroma && q->speed > 1) {
        return complain("%s: a real Chroma works at its own pace; --speed is 1 there", s->path);
    }
    return true;
}

/* Of walproxy's settings one; what the scenario said of it goes. */
static void override_setting(struct scenario *s, const char *name, const char *value)
{
    for (size_t i = 0; value != NULL && i < s->lb_setting_count; i++) {
        if (strcmp(s->lb_settings[i].name, name) == 0) {
            mem_free(s->lb_settings[i].value);
            s->lb_settings[i].value = mem_strdup(value);
            return;
        }
    }
    if (value != NULL) {
        s->lb_settings = mem_realloc(s->lb_settings, (s->lb_setting_count + 1) * sizeof(*s->lb_settings));
        s->lb_settings[s->lb_setting_count++] =
            (struct scenario_setting){ .name = mem_strdup(name), .value = mem_strdup(value) };
    }
}

/* What does not grow with the speed.  A mock works at the pace of a small server: far above it, every load
 * would be too much for it, so it works as fast as it can.  And a tenth of a second of the machine is seconds
 * there: whether /status was true to the second cannot be told. */
static void fit_to_speed(struct scenario *s, const struct rehearse_request *q)
{
    if (is_sim(q) || q->speed <= SPEED_OF_MOCKS) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        mem_free(s->latency[i]);
        s->latency[i] = NULL;
    }
    s->invariants[INVARIANT_STATUS_TRUTHFUL] = false;
}

/* A file of a drill's folder; NULL = it cannot be opened. */
static FILE *open_in(const char *folder, const char *name, const char *mode)
{
    struct buf path;
    buf_init(&path, CLI_PATH);
    buf_printf(&path, "%s/%s", folder, name);
    FILE *file = path.failed ? NULL : fopen(buf_text(&path), mode);
    buf_deinit(&path);
    return file;
}

/* ---- telling a drill that runs ---- */

static int tell(const struct rehearse_request *q)
{
    char url[128] = "";
    char word[64];
    struct errmsg msg = { "" };
    struct buf answer;
    FILE *file = open_in(q->at, "desk/url", "re");
    if (file == NULL || fgets(url, sizeof(url), file) == NULL) {
        (void)complain("no drill runs in %s", q->at);
        return file != NULL && fclose(file) != 0 ? EXIT_INFRASTRUCTURE : EXIT_USAGE;
    }
    (void)fclose(file);
    url[strcspn(url, "\n")] = '\0';
    (void)snprintf(word, sizeof(word), "/%.60s", q->tell);
    buf_init(&answer, WORD_BYTES);
    int rv = control_ask(url, "POST", word, STR(""), &answer, &msg);
    (void)fputs(rv == 0 ? buf_text(&answer) : "", stdout);
    buf_deinit(&answer);
    if (rv == ERR_NOT_FOUND) {
        (void)complain("there is no \"%s\"; see waldrill rehearse --help", q->tell);
        return EXIT_USAGE;
    }
    if (rv != 0) {
        (void)complain("no drill runs in %s any more", q->at);
    }
    return rv == 0 ? EXIT_PASS : EXIT_INFRASTRUCTURE;
}

/* ---- the drill ---- */

/* NULL with the exit status, after words. */
static struct engine *rehearse_engine(const struct rehearse_request *q, struct scenario *s, const char *work,
                                      int *status)
{
    struct target_request target = { .path = q->target, .armed = q->armed, .yes = q->yes, .work_dir = work };
    return q->target == NULL ? cli_engine_new(q->engine, s) : target_engine_new(&target, s, status);
}

static bool make_folders(const char *out, char work[CLI_PATH])
{
    struct errmsg msg = { "" };
    (void)snprintf(work, CLI_PATH, "%.*s/work", CLI_PATH - 8, out);
    if (folder_make(out, &msg) != 0 || folder_make(work, &msg) != 0) {
        return complain("%s", msg.text);
    }
    return true;
}

static bool is_recovered(const struct status_sample *sample, bool has_replica)
{
    return sample->answered && sample->healthy[0] && (sample->healthy[1] || !has_replica) &&
           sample->pending_writes <= 0 && !sample->is_replaying;
}

/* The first sample from which on all is well to the end, after something was not. */
static int64_t recovered_ns(const struct history *h, int64_t incident_ns, bool has_replica)
{
    int64_t at_ns = HISTORY_NEVER;
    bool ill = false;
    for (size_t i = 0; i < h->sample_count; i++) {
        const struct status_sample *sample = &h->samples[i];
        if (incident_ns == HISTORY_NEVER || sample->at_ns < incident_ns) {
            continue;
        }
        bool well = is_recovered(sample, has_replica);
        at_ns = !well ? HISTORY_NEVER : ill && at_ns == HISTORY_NEVER ? sample->at_ns : at_ns;
        ill = ill || !well;
    }
    return at_ns;
}

static int exit_status(const struct rehearsal *r, const struct results *results)
{
    int status = verdict_exit_code(results->verdict);
    bool failed = r->drill.score.missed + r->drill.score.wrong > 0;
    return status == EXIT_PASS && failed ? EXIT_FAILED : status;
}

static int write_all(struct rehearsal *r, const struct results *results)
{
    struct errmsg msg = { "" };
    if (report_write(r->out, results, &msg) != 0 || debrief_write(r->out, results, &r->drill, &msg) != 0) {
        (void)complain("the debrief could not be written: %s", msg.text);
        return EXIT_INFRASTRUCTURE;
    }
    return EXIT_PASS;
}

static int play(struct rehearsal *r, const struct rehearse_request *q)
{
    int refused = EXIT_PASS;
    struct engine *engine = rehearse_engine(q, r->scenario, r->work, &refused);
    if (engine == NULL) {
        return refused;
    }
    struct runner_operator person = rehearse_operator;
    struct runner_options options = {
        .time_scale = is_sim(q) ? 1 : r->speed, .work_dir = r->work, .seed = q->seed, .person = &person
    };
    struct history history;
    struct results results;
    person.context = r;
    history_init(&history);
    results_init(&results);
    runner_run(r->scenario, engine, &options, &history, &results);
    desk_end(r);
    r->drill.recovered_ns = recovered_ns(&history, r->drill.incident_ns, r->drill.has_replica);
    drill_judge_all(&r->drill);
    int written = write_all(r, &results);
    say_end(r, &results);
    int status = exit_status(r, &results);
    engine->ops->close(engine);
    results_deinit(&results);
    history_deinit(&history);
    return status == EXIT_PASS ? written : status;
}

static int rehearse(const char *path, const struct rehearse_request *q)
{
    struct scenario *s = cli_scenario_load(path);
    int status = EXIT_USAGE;
    if (s == NULL || !scenario_is_fit(q, s)) {
        scenario_free(s);
        return status;
    }
    struct rehearsal *r = mem_alloc(sizeof(*r));
    override_setting(s, "wal_mode", q->wal_mode);
    fit_to_speed(s, q);
    r->path = path; /* assigned as a whole it would stand on the stack once more, 12 KB */
    r->out = q->out;
    r->shell = q->shell;
    r->speed = q->speed;
    r->hints = q->hints;
    r->automatic = q->automatic;
    r->with_shell = !q->automatic && !q->no_shell && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
    r->scenario = s;
    r->player.step = DRILL_NONE;
    drill_init(&r->drill);
    r->drill.speed = q->speed > 0 ? q->speed : 1;
    r->drill.has_replica = s->has_replica;
    r->drill.automatic = q->automatic;
    status = EXIT_INFRASTRUCTURE;
    if (make_folders(q->out, r->work)) {
        r->book = guide_find(path);
        r->transcript = open_in(q->out, "transcript.txt", "we");
        status = play(r, q);
    }
    if (r->transcript != NULL) {
        (void)fclose(r->transcript);
    }
    runbook_free(r->book);
    drill_deinit(&r->drill);
    scenario_free(s);
    mem_free(r->sources);
    mem_free(r);
    return status;
}

int command_rehearse(int argc, char **argv)
{
    struct rehearse_request q = {
        .engine = "real", .out = DEFAULT_OUT, .at = DEFAULT_OUT, .hints = DEFAULT_HINTS
    };
    const struct cli_option options[] = {
        { "--engine", &q.engine, NULL },    { "--out", &q.out, NULL },
        { "--speed", &q.speed_text, NULL }, { "--hints", &q.hints_text, NULL },
        { "--seed", &q.seed_text, NULL },   { "--wal-mode", &q.wal_mode, NULL },
        { "--shell", &q.shell, NULL },      { "--tell", &q.tell, NULL },
        { "--target", &q.target, NULL },    { "--arm", &q.armed, NULL },
        { "--yes", NULL, &q.yes },          { "--at", &q.at, NULL },
        { "--auto", NULL, &q.automatic },   { "--no-shell", NULL, &q.no_shell },
    };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0])) ||
        !request_is_sound(&q)) {
        return EXIT_USAGE;
    }
    if (q.tell != NULL) {
        return tell(&q);
    }
    if (argc != 2) {
        (void)fputs(
            "waldrill rehearse: which file?  waldrill rehearse scenarios/guide/01-primary-down.yaml\n",
            stderr);
        return EXIT_USAGE;
    }
    return rehearse(argv[1], &q);
}
