/* waldrill capacity: what an outage will cost, beside what the operations guide says of it. */
#include "harness/cli/capacity.h"
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/memory.h"
#include "reports/capacity.h"
#include "reports/folder.h"
#include <stdlib.h>
#include <string.h>

#define OUTPUT_BYTES  ((size_t)64 << 20)
#define PLAY_REQUESTS 200
#define PLAY_COLUMNS  4 /* runs of each column */

static const char help[] =
    "usage: waldrill capacity [FILE.yaml | FOLDER | --live URL] [options] [SETTING=VALUE...]\n"
    "       waldrill capacity --verify [--engine sim|real] [--out DIR]\n"
    "\n"
    "What an outage of the primary costs: memory, log, time to drain, and how long it may last; beside it "
    "what\n"
    "the operations guide's formula says.\n"
    "\n"
    "the load comes from\n"
    "  FILE.yaml         a scenario: its heaviest load in an outage of the primary\n"
    "  FOLDER            a recorded run (its results.json)\n"
    "  --live URL        a walproxy that runs: its /status and /metrics (--token TOKEN with STATUS_TOKEN)\n"
    "and from these, which win\n"
    "  --write-size 5KB  body of a request that writes, or built from\n"
    "  --dimension N, --documents 500B, --records N, --encoding json|base64\n"
    "  --rate 10/min     writes; --outage 60m; --collections N (default 4)\n"
    "  --before          the same load ran before the outage; --after: and goes on while the log drains\n"
    "  --profile NAME    the primary, as measured (docs/latency.md; default " CAPACITY_PROFILE
    ")\n"
    "  --replay-rate R   the primary takes so many writes a second: 55/s\n"
    "  --bandwidth SIZE  bytes a second to the primary: 10MB\n"
    "  SETTING=VALUE     of walproxy: wal_mode=memory wal_max_bytes=1GB load_profile=high\n"
    "\n"
    "  --sweep           the what-if table too: 3 sizes x 3 rates x 3 outages\n"
    "  --measure         plays the guide's three examples on sim and shows what was measured beside; and "
    "each\n"
    "                    LOAD_PROFILE under the load: staleness, detection, errors, load on the primary\n"
    "  --budget memory=1GB | disk=10GB   exit status 1 when the outage needs more\n"
    "  --format text|markdown|json       on stdout (default text)\n"
    "  --out DIR         capacity.html, capacity.md and capacity.json too\n"
    "  --verify          predictions for 27 points, written down, then the points played: errors\n"
    "                    (--engine sim|real, --time-scale X, --shard I/N, --most 100MB a point)\n"
    "\n"
    "examples\n"
    "  waldrill capacity\n"
    "  waldrill capacity --write-size 20KB --rate 50/min --outage 30m\n"
    "  waldrill capacity --dimension 768 --rate 5/s --outage 2h --budget disk=20GB\n"
    "\n"
    "exit status: 0 done, and within the budget; 1 not within it; 2 usage wrong or input impossible;\n"
    "             3 a run proves nothing; 4 infrastructure\n";

/* ---- output ---- */

typedef void capacity_writer(struct buf *out, const struct capacity_study *study);
static const struct {
    const char *name;
    capacity_writer *write;
} formats[] = { { "text", capacity_text }, { "markdown", capacity_markdown }, { "json", capacity_json } };
enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

static capacity_writer *find_format(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            return formats[i].write;
        }
    }
    return NULL;
}

static int write_folder(const char *out, const struct capacity_study *study)
{
    static const struct {
        const char *name;
        capacity_writer *write;
    } files[] = { { "capacity.html", capacity_html },
                  { "capacity.md", capacity_markdown },
                  { "capacity.json", capacity_json } };
    enum { FILES = sizeof(files) / sizeof(files[0]) };
    struct folder_file written[FILES];
    struct buf bufs[FILES];
    struct errmsg msg = { "" };
    int err = folder_make(out, &msg);
    for (size_t i = 0; i < FILES; i++) {
        buf_init(&bufs[i], OUTPUT_BYTES);
        files[i].write(&bufs[i], study);
        written[i] = (struct folder_file){ files[i].name, buf_str(&bufs[i]) };
    }
    err = err != 0 ? err : folder_write(out, written, FILES, &msg);
    for (size_t i = 0; i < FILES; i++) {
        buf_deinit(&bufs[i]);
    }
    if (err != 0) {
        (void)fprintf(stderr, "waldrill capacity: %s\n", msg.text);
    }
    return err;
}

static bool within_budget(const struct capacity_study *study, enum capacity_store store, double budget)
{
    char need_text[CAPACITY_WORDS];
    char budget_text[CAPACITY_WORDS];
    char outage_text[CAPACITY_WORDS];
    char safe_text[CAPACITY_WORDS];
    double need = capacity_need_bytes(&study->forecast, store);
    bool refuses = study->forecast.refused > 0;
    bool fits = need <= budget && !refuses;
    double safe_s = capacity_safe_outage_s(&study->question, store, budget);
    safe_s = safe_s < study->forecast.until_refused_s ? safe_s : study->forecast.until_refused_s;
    (void)fprintf(stderr, "%s: an outage of %s needs %s of %s, the budget is %s (enough for %s)%s%s\n",
                  fits ? "FITS" : "DOES NOT FIT",
                  capacity_time_words(study->question.load.outage_s, outage_text),
                  capacity_bytes_words(need, need_text), capacity_store_names[store],
                  capacity_bytes_words(budget, budget_text), capacity_time_words(safe_s, safe_text),
                  refuses ? "; and writes are refused: " : "",
                  refuses ? capacity_bound_words(study->forecast.bound) : "");
    return fits;
}

static int measure(struct capacity_study *study, const struct capacity_request *r)
{
    struct capacity_play play = { .engine = "sim",
                                  .profile = r->profile != NULL ? r->profile : CAPACITY_PROFILE,
                                  .time_scale = 1,
                                  .runs = 1,
                                  .requests = PLAY_REQUESTS };
    struct errmsg msg = { "" };
    int err = 0;
    for (size_t i = 0; err == 0 && i < CAPACITY_GUIDE_EXAMPLES; i++) {
        err = capacity_play_point(&play, &study->guide[i], NULL, &msg);
    }
    play.runs = PLAY_COLUMNS;
    err = err != 0 ? err : capacity_play_columns(&play, &study->question.load, study->columns, &msg);
    if (err != 0) {
        (void)fprintf(stderr, "waldrill capacity: %s\n", msg.text);
        return EXIT_INVALID;
    }
    return EXIT_PASS;
}

static int answer(const struct capacity_request *r, const struct capacity_inputs *in)
{
    struct buf out;
    capacity_writer *writer = find_format(r->format == NULL ? "text" : r->format);
    enum capacity_store store = CAPACITY_MEMORY;
    double budget = 0;
    if (writer == NULL) {
        (void)capacity_wrong("--format", r->format, "text, markdown, json");
        return EXIT_USAGE;
    }
    if (r->budget != NULL && capacity_read_budget(r->budget, &store, &budget) != 0) {
        return EXIT_USAGE;
    }
    struct capacity_study *study = mem_alloc(sizeof(*study));
    study->question = in->question;
    study->source = in->source;
    study->costs_source = in->costs_source;
    capacity_study(study, r->sweep);
    study->cpu_us_per_write = capacity_cpu_us(&in->question.load);
    int status = r->measure ? measure(study, r) : EXIT_PASS;
    buf_init(&out, OUTPUT_BYTES);
    writer(&out, study);
    if (fputs(buf_text(&out), stdout) < 0 || fflush(stdout) != 0 ||
        (r->out != NULL && write_folder(r->out, study) != 0)) {
        status = EXIT_INFRASTRUCTURE;
    }
    if (status == EXIT_PASS && r->budget != NULL && !within_budget(study, store, budget)) {
        status = EXIT_FAILED;
    }
    buf_deinit(&out);
    capacity_study_deinit(study);
    mem_free(study);
    return status;
}

int command_capacity(int argc, char **argv)
{
    struct capacity_request r = { 0 };
    const struct cli_option options[] = {
        { "--write-size", &r.write_size, NULL }, { "--rate", &r.rate, NULL },
        { "--outage", &r.outage, NULL },         { "--collections", &r.collections, NULL },
        { "--records", &r.records, NULL },       { "--dimension", &r.dimension, NULL },
        { "--documents", &r.documents, NULL },   { "--encoding", &r.encoding, NULL },
        { "--profile", &r.profile, NULL },       { "--replay-rate", &r.replay_rate, NULL },
        { "--bandwidth", &r.bandwidth, NULL },   { "--live", &r.live, NULL },
        { "--token", &r.token, NULL },           { "--budget", &r.budget, NULL },
        { "--format", &r.format, NULL },         { "--out", &r.out, NULL },
        { "--engine", &r.engine, NULL },         { "--time-scale", &r.time_scale, NULL },
        { "--shard", &r.shard, NULL },           { "--most", &r.most, NULL },
        { "--before", NULL, &r.before },         { "--after", NULL, &r.after },
        { "--sweep", NULL, &r.sweep },           { "--measure", NULL, &r.measure },
        { "--verify", NULL, &r.verify },
    };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    struct capacity_inputs *in = mem_alloc(sizeof(*in));
    int status = EXIT_USAGE;
    if (cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0])) &&
        capacity_options_fit(argc, argv, &r) && capacity_read(argc, argv, &r, in) == 0) {
        status = r.verify ? capacity_verify(&r, in) : answer(&r, in);
    }
    mem_free(in);
    return status;
}
