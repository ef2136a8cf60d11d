/* waldrill fuzz: random campaigns on the simulator, each drawn from its seed, with every oracle on.
 *
 * The campaigns run in worker processes, so that a core that stops at a failed check costs one seed and not
 * the hunt: the worker says which seed it begins and how it ended; one that dies is replaced, and its seed
 * has failed.  Results are told in the order of the seeds whatever the number of workers. */
#include "harness/cli/campaign.h"
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/engine.h"
#include "harness/results.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_SIZE 1024
#define JOBS_MAX   64

static const char help[] =
    "usage: waldrill fuzz [--seeds N] [--from SEED] [--shard I/N] [--jobs N] [--mutant NAME]\n"
    "                     [--until-caught ORACLE] [--hashes] [--trace FILE] [--room N]\n"
    "\n"
    "Random campaigns on the simulator: load, faults, crashes and settings drawn from each seed, every "
    "oracle\n"
    "on, ending with everything healed and equal.\n"
    "\n"
    "  --seeds N      how many campaigns (default 100)\n"
    "  --from SEED    the first seed (default 1)\n"
    "  --shard I/N    only each N-th of them, beginning with the I-th: N machines share the work\n"
    "  --jobs N       worker processes (default 1)\n"
    "  --mutant NAME  put a known-bad proxy on trial (test builds)\n"
    "  --until-caught ORACLE\n"
    "                 stop at the first seed that breaks that oracle's promise\n"
    "  --hashes       print only \"seed hash\" lines, to compare builds\n"
    "  --trace FILE   with one seed: every event as a line of JSON\n"
    "  --room N       actions the proxy's core may hand over at once (default: as many as it likes)\n"
    "\n"
    "examples\n"
    "  waldrill fuzz --seeds 1000 --jobs 2\n"
    "  waldrill fuzz --seeds 10000 --shard 2/4\n"
    "  waldrill fuzz --seeds 400 --mutant drop_queue --until-caught no_lost_ack\n"
    "  waldrill fuzz --from 137 --seeds 1 --trace trace.jsonl\n"
    "\n"
    "exit status: 0 all passed, 1 some failed, 2 usage wrong, 4 infrastructure\n";

struct request {
    uint64_t seeds, from, jobs, room;
    uint64_t shard, shards; /* the shard counts from 1 */
    uint64_t places;        /* of the seeds, those of this shard */
    const char *mutant, *trace;
    const char *until; /* an oracle's name; NULL = all seeds are run */
    bool hashes;
};

/* The seeds of a shard are numbered from 0: their places. */
static uint64_t seed_at(const struct request *request, uint64_t place)
{
    return request->from + request->shard - 1 + place * request->shards;
}

/* What a worker tells: a seed begins (over false), or is over. */
struct report {
    uint64_t place;
    bool over;
    bool passed;
    bool caught; /* the promise that was asked for is broken */
    uint64_t simulated_ns;
    char hash[DIGEST_TEXT_SIZE + 1];
    char words[WORDS_SIZE]; /* the broken promises */
};

struct worker {
    pid_t pid;
    int fd;
    uint64_t next; /* the first place it has not begun */
    uint64_t now;  /* the place it runs */
    bool runs;
};

struct hunt {
    const struct request *request;
    struct worker workers[JOBS_MAX];
    struct report **told;        /* by place; NULL = not yet */
    const struct report *caught; /* the first told; NULL = none */
    uint64_t printed;
    uint64_t done, failed;
    uint64_t simulated_ns;
};

/* ---- one campaign ---- */

static void describe(const struct request *request, const struct results *r, struct report *out)
{
    size_t at = 0;
    for (size_t i = 0; i < r->assertion_count; i++) {
        const struct assertion_result *a = &r->assertions[i];
        if (!a->passed && !a->skipped) {
            out->caught = out->caught || (request->until != NULL && strcmp(request->until, a->name) == 0);
            size_t left = at < sizeof(out->words) ? sizeof(out->words) - at : 0; /* the rest is cut */
            int size = snprintf(left == 0 ? NULL : out->words + at, left,
                                "  broken promise: %s\n    expected %s\n    saw %s\n", a->name,
                                a->expected == NULL ? "-" : a->expected, a->saw == NULL ? "-" : a->saw);
            at += size > 0 ? (size_t)size : 0;
        }
    }
    if (at == 0) {
        (void)snprintf(out->words, sizeof(out->words), "  %s: %s\n", verdict_name(r->verdict),
                       r->verdict_words == NULL ? "" : r->verdict_words);
    }
}

static void run_campaign(const struct request *request, uint64_t place, struct report *out)
{
    uint64_t seed = seed_at(request, place);
    struct runner_options options = { .time_scale = 1 };
    struct scenario *s = campaign_draw(seed, &options);
    options.mutant = request->mutant;
    options.trace_path = request->trace;
    options.core_room = (size_t)request->room;
    options.seed = seed;
    struct history history;
    struct results results;
    history_init(&history);
    results_init(&results);
    struct engine *engine = engine_sim_new();
    runner_run(s, engine, &options, &history, &results);
    *out = (struct report){ .place = place, .over = true, .passed = results.verdict == VERDICT_PASS };
    out->simulated_ns = (uint64_t)results.simulated_ns;
    (void)snprintf(out->hash, sizeof(out->hash), "%s", results.journal_hash);
    if (!out->passed) {
        describe(request, &results, out);
    }
    engine->ops->close(engine);
    results_deinit(&results);
    history_deinit(&history);
    scenario_free(s);
}

/* ---- workers ---- */

static bool write_report(int fd, const struct report *report)
{
    const char *at = (const char *)report;
    size_t left = sizeof(*report);
    while (left > 0) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        left -= (size_t)n;
    }
    return true;
}

static int work(const struct request *request, uint64_t first, int fd)
{
    for (uint64_t place = first; place < request->places; place += request->jobs) {
        struct report report = { .place = place };
        if (!write_report(fd, &report)) {
            return EXIT_INFRASTRUCTURE;
        }
        run_campaign(request, place, &report);
        if (!write_report(fd, &report)) {
            return EXIT_INFRASTRUCTURE;
        }
    }
    return EXIT_PASS;
}

static int worker_start(struct hunt *hunt, struct worker *worker)
{
    int fds[2];
    (void)fflush(NULL);
    if (pipe(fds) != 0) {
        return -1;
    }
    worker->pid = fork();
    if (worker->pid < 0) {
        (void)close(fds[0]);
        (void)close(fds[1]);
        return -1;
    }
    if (worker->pid == 0) {
        (void)close(fds[0]);
        exit(work(hunt->request, worker->next, fds[1]));
    }
    (void)close(fds[1]);
    worker->fd = fds[0];
    return 0;
}

static void tell(struct hunt *hunt, const struct report *report)
{
    struct report *kept = mem_alloc(sizeof(*kept));
    *kept = *report;
    hunt->told[report->place] = kept;
    hunt->caught = hunt->caught == NULL && report->caught ? kept : hunt->caught;
    hunt->done++;
    hunt->failed += report->passed ? 0 : 1;
    hunt->simulated_ns += report->simulated_ns;
}

static void take_report(struct hunt *hunt, struct worker *worker, const struct report *report)
{
    if (report->over) {
        worker->runs = false;
        tell(hunt, report);
    } else {
        worker->runs = true;
        worker->now = report->place;
        worker->next = report->place + hunt->request->jobs;
    }
}

/* The pipe has ended: the worker is through, or died over a seed. */
static int worker_ended(struct hunt *hunt, struct worker *worker)
{
    int status = 0;
    (void)close(worker->fd);
    worker->fd = -1;
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
    }
    worker->pid = 0;
    uint64_t end = hunt->request->places;
    if (!worker->runs) {
        bool through = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        return through || worker->next >= end + hunt->request->jobs ? 0 : -1;
    }
    struct report died = { .place = worker->now, .over = true };
    if (WIFSIGNALED(status)) {
        (void)snprintf(died.words, sizeof(died.words), "  the simulation died: %s\n",
                       strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(died.words, sizeof(died.words), "  the simulation ended with status %d\n",
                       WEXITSTATUS(status));
    }
    worker->runs = false;
    tell(hunt, &died);
    return worker->next < end ? worker_start(hunt, worker) : 0;
}

/* 1 = a report, 0 = the end, -1 = trouble. */
static int read_report(int fd, struct report *out)
{
    char *at = (char *)out;
    size_t left = sizeof(*out);
    while (left > 0) {
        ssize_t n = read(fd, at, left);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? 0 : -1;
        }
        at += n;
        left -= (size_t)n;
    }
    return 1;
}

/* ---- telling ---- */

static void print_failure(const struct request *request, const struct report *report)
{
    uint64_t seed = seed_at(request, report->place);
    size_t size = strlen(report->words);
    const char *end =
        size > 0 && report->words[size - 1] != '\n' ? " ...\n" : ""; /* more than there is room for */
    (void)printf("seed %" PRIu64 " FAILED\n%s%s  again: waldrill fuzz --from %" PRIu64 " --seeds 1%s%s\n",
                 seed, report->words, end, seed, request->mutant == NULL ? "" : " --mutant ",
                 request->mutant == NULL ? "" : request->mutant);
}

static void print_told(struct hunt *hunt)
{
    const struct request *request = hunt->request;
    while (hunt->printed < request->places && hunt->told[hunt->printed] != NULL) {
        struct report *report = hunt->told[hunt->printed];
        if (request->hashes) {
            (void)printf("%" PRIu64 " %s\n", seed_at(request, report->place), report->hash);
        } else if (!report->passed && (request->until == NULL || report == hunt->caught)) {
            print_failure(request, report);
        }
        hunt->printed++;
    }
    if (!request->hashes && isatty(STDERR_FILENO) == 1) {
        (void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " failed ", hunt->done,
                      request->places, hunt->failed);
    }
}

static double wall_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int hunt_run(struct hunt *hunt)
{
    const struct request *request = hunt->request;
    for (uint64_t i = 0; i < request->jobs; i++) {
        struct worker *worker = &hunt->workers[i];
        worker->next = i;
        worker->fd = -1;
        if (worker_start(hunt, worker) != 0) {
            return -1;
        }
    }
    for (;;) {
        struct pollfd fds[JOBS_MAX];
        nfds_t open = 0;
        for (uint64_t i = 0; i < request->jobs; i++) {
            fds[i] = (struct pollfd){ .fd = hunt->workers[i].fd, .events = POLLIN };
            open += hunt->workers[i].fd >= 0 ? 1 : 0;
        }
        if (open == 0) {
            return 0;
        }
        if (poll(fds, (nfds_t)request->jobs, -1) < 0 && errno != EINTR) {
            return -1;
        }
        for (uint64_t i = 0; i < request->jobs; i++) {
            if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) {
                continue;
            }
            struct report report;
            int got = read_report(hunt->workers[i].fd, &report);
            if (got > 0) {
                take_report(hunt, &hunt->workers[i], &report);
            } else if (worker_ended(hunt, &hunt->workers[i]) != 0) {
                return -1;
            }
        }
        print_told(hunt);
        if (hunt->caught != NULL) {
            return 0;
        }
    }
}

/* Of those who break the promise that was asked for, the one told first is enough. */
static int hunt_caught(const struct hunt *hunt)
{
    const struct request *request = hunt->request;
    if (hunt->caught == NULL) {
        (void)printf("not caught by %s in %" PRIu64 " seeds, %" PRIu64 " of them failed\n", request->until,
                     hunt->done, hunt->failed);
        return EXIT_PASS;
    }
    uint64_t seed = seed_at(request, hunt->caught->place);
    if (hunt->caught->place >= hunt->printed) {
        print_failure(request, hunt->caught);
    }
    (void)printf("caught by %s: seed %" PRIu64 "\n", request->until, seed);
    return EXIT_FAILED;
}

static int hunt_all(const struct request *request)
{
    struct hunt hunt = { .request = request };
    hunt.told = mem_alloc_array((size_t)request->places, sizeof(struct report *));
    double begun = wall_seconds();
    int rc = hunt_run(&hunt);
    for (uint64_t i = 0; i < request->jobs; i++) {
        if (hunt.workers[i].pid > 0) {
            (void)kill(hunt.workers[i].pid, SIGKILL);
            (void)waitpid(hunt.workers[i].pid, NULL, 0);
        }
    }
    bool whole = rc == 0 && (hunt.done == request->places || hunt.caught != NULL);
    if (!whole) {
        (void)fprintf(stderr, "waldrill fuzz: a worker could not be run: %s\n", strerror(errno));
    }
    if (!request->hashes && isatty(STDERR_FILENO) == 1) {
        (void)fputc('\n', stderr);
    }
    if (!request->hashes && request->until == NULL) {
        double took = wall_seconds() - begun;
        (void)printf("%.1f s on the wall, %.0f s simulated, %.0f seeds a minute\n", took,
                     (double)hunt.simulated_ns / 1e9, took > 0 ? 60.0 * (double)hunt.done / took : 0.0);
        (void)printf("%" PRIu64 " seeds, %" PRIu64 " failed\n", hunt.done, hunt.failed);
    }
    int status = !whole                   ? EXIT_INFRASTRUCTURE
                 : request->until != NULL ? hunt_caught(&hunt)
                 : hunt.failed > 0        ? EXIT_FAILED
                                          : EXIT_PASS;
    for (uint64_t i = 0; i < request->places; i++) {
        mem_free(hunt.told[i]);
    }
    mem_free(hunt.told);
    return status;
}

static bool number(const char *name, const char *given, uint64_t low, uint64_t high, uint64_t *out)
{
    if (given == NULL) {
        return true;
    }
    uint64_t value;
    if (units_parse_u64(str_of(given), &value, NULL) != 0 || value < low || value > high) {
        (void)fprintf(stderr,
                      "waldrill fuzz: %s is a whole number from %" PRIu64 " to %" PRIu64 ", not \"%s\"\n",
                      name, low, high, given);
        return false;
    }
    *out = value;
    return true;
}

/* "2/4": the second of four shares. */
static bool shard(const char *given, struct request *request)
{
    struct str count = STR("1");
    struct str which = given == NULL ? STR("1") : str_cut(str_of(given), '/', &count);
    bool good = units_parse_u64(which, &request->shard, NULL) == 0 &&
                units_parse_u64(count, &request->shards, NULL) == 0 && request->shard >= 1 &&
                request->shard <= request->shards && request->shards <= request->seeds;
    if (!good) {
        (void)fprintf(
            stderr, "waldrill fuzz: --shard is I/N, the I-th of N shares of the seeds, not \"%s\"\n", given);
        return false;
    }
    request->places = (request->seeds - request->shard) / request->shards + 1;
    return true;
}

int command_fuzz(int argc, char **argv)
{
    struct request request = { .seeds = 100, .from = 1, .jobs = 1 };
    const char *seeds = NULL;
    const char *from = NULL;
    const char *jobs = NULL;
    const char *room = NULL;
    const char *share = NULL;
    const struct cli_option options[] = { { "--seeds", &seeds, NULL },
                                          { "--from", &from, NULL },
                                          { "--jobs", &jobs, NULL },
                                          { "--mutant", &request.mutant, NULL },
                                          { "--room", &room, NULL },
                                          { "--trace", &request.trace, NULL },
                                          { "--hashes", NULL, &request.hashes },
                                          { "--shard", &share, NULL },
                                          { "--until-caught", &request.until, NULL } };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0])) ||
        !number("--seeds", seeds, 1, 10000000, &request.seeds) ||
        !number("--from", from, 1, UINT64_MAX / 2, &request.from) ||
        !number("--jobs", jobs, 1, JOBS_MAX, &request.jobs) ||
        !number("--room", room, 1, 1024, &request.room) || !shard(share, &request) ||
        !cli_oracle_known(argv[0], request.until) || !cli_mutant_known(argv[0], request.mutant)) {
        return EXIT_USAGE;
    }
    if (argc > 1) {
        (void)fprintf(stderr, "waldrill fuzz: what is \"%s\"?  see waldrill fuzz --help\n", argv[1]);
        return EXIT_USAGE;
    }
    if (request.trace != NULL && request.places != 1) {
        (void)fputs("waldrill fuzz: --trace needs --seeds 1\n", stderr);
        return EXIT_USAGE;
    }
    request.jobs = request.jobs < request.places ? request.jobs : request.places;
    return hunt_all(&request);
}
