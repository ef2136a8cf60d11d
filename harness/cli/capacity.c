/* waldrill capacity: what an outage will cost, beside what the operations guide says of it. */
#include "harness/cli/capacity.h"
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include "harness/capacity/limits.h"
#include "reports/capacity.h"
#include "reports/folder.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OUTPUT_BYTES    ((size_t)64 << 20)
#define DEFAULT_PROFILE "measured-small"
#define PLAY_REQUESTS   200
#define PLAY_COLUMNS    4 /* runs of each column */

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
    "  --profile NAME    the primary, as measured (docs/latency.md; default " DEFAULT_PROFILE
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

static int wrong(const char *option, const char *said, const char *allowed)
{
    (void)fprintf(stderr, "waldrill capacity: %s: %s; allowed: %s\n", option, said, allowed);
    return ERR_INVALID;
}

/* ---- one option after the other ---- */

static int read_number(const char *option, const char *text, double low, double high, double *out)
{
    char allowed[80];
    struct errmsg msg = { "" };
    double value = 0;
    (void)snprintf(allowed, sizeof(allowed), "%g to %g", low, high);
    if (text == NULL) {
        return 0;
    }
    if (units_parse_double(str_of(text), &value, &msg) != 0 || !(value >= low && value <= high) ||
        value != floor(value)) {
        (void)error_set(&msg, ERR_INVALID, "\"%.60s\" is no such number", text);
        return wrong(option, msg.text, allowed);
    }
    *out = value;
    return 0;
}

static int read_size(const char *option, const char *text, double low, const char *allowed, double *out)
{
    struct errmsg msg = { "" };
    uint64_t bytes = 0;
    if (text == NULL) {
        return 0;
    }
    if (units_parse_size(str_of(text), false, &bytes, &msg) != 0) {
        return wrong(option, msg.text, allowed);
    }
    if ((double)bytes < low) {
        (void)error_set(&msg, ERR_LIMIT, "\"%.60s\" is too little", text);
        return wrong(option, msg.text, allowed);
    }
    *out = (double)bytes;
    return 0;
}

static int read_rate(const char *option, const char *text, double *per_second)
{
    struct errmsg msg = { "" };
    if (text == NULL) {
        return 0;
    }
    if (units_parse_rate(str_of(text), per_second, &msg) != 0) {
        return wrong(option, msg.text, "1/d to 1000000/s");
    }
    if (*per_second < CAPACITY_RATE_MIN || *per_second > CAPACITY_RATE_MAX) {
        (void)error_set(&msg, ERR_LIMIT, "\"%.60s\" is out of range", text);
        return wrong(option, msg.text, "1/d to 1000000/s");
    }
    return 0;
}

static int read_outage(const char *text, double *seconds)
{
    struct errmsg msg = { "" };
    uint64_t ns = 0;
    if (text == NULL) {
        return 0;
    }
    if (units_parse_duration(str_of(text), 0, &ns, &msg) != 0) {
        return wrong("--outage", msg.text, "1s to 366d");
    }
    *seconds = (double)ns / (double)NS_PER_S;
    if (*seconds < CAPACITY_OUTAGE_S_MIN || *seconds > CAPACITY_OUTAGE_S_MAX) {
        (void)error_set(&msg, ERR_LIMIT, "\"%.60s\" is out of range", text);
        return wrong("--outage", msg.text, "1s to 366d");
    }
    return 0;
}

static int read_encoding(const char *text, enum body_encoding *out)
{
    for (size_t i = 0; text != NULL && body_encoding_names[i] != NULL; i++) {
        if (strcmp(text, body_encoding_names[i]) == 0) {
            *out = (enum body_encoding)i;
            return 0;
        }
    }
    return text == NULL ? 0 : wrong("--encoding", text, "json, base64");
}

/* ---- the load ---- */

static int read_body(const struct capacity_request *r, struct capacity_inputs *in)
{
    struct capacity_load *l = &in->question.load;
    double dimension = 0;
    double documents = 0;
    struct body_shape shape = { .encoding = BODY_JSON };
    int err = read_number("--records", r->records, 1, CAPACITY_RECORDS_MAX, &l->records);
    err = err != 0 ? err : read_number("--dimension", r->dimension, 1, CAPACITY_DIMENSION_MAX, &dimension);
    err = err != 0 ? err : read_size("--documents", r->documents, 0, "0B to 1GB", &documents);
    err = err != 0 ? err : read_encoding(r->encoding, &shape.encoding);
    if (err == 0 && (r->dimension != NULL || r->documents != NULL)) {
        if ((dimension * 22 + documents + 200) * l->records > CAPACITY_WRITE_BYTES_MAX) {
            return wrong("--dimension, --documents, --records", "together a body of more than 1 GB", "less");
        }
        shape.dimension = (uint32_t)dimension;
        shape.document_bytes = (uint32_t)documents;
        shape.records = (uint32_t)l->records;
        l->write_bytes = body_bytes(&shape);
        in->has_size = true;
        (void)snprintf(in->source, sizeof(in->source), "the command line, a body of dimension %u as %s",
                       shape.dimension, body_encoding_names[shape.encoding]);
    } else if (err == 0 && r->encoding != NULL) {
        return wrong("--encoding", "of what? It belongs to --dimension", "with --dimension");
    }
    return err;
}

static int read_load(const struct capacity_request *r, struct capacity_inputs *in)
{
    struct capacity_load *l = &in->question.load;
    bool said = r->write_size != NULL || r->rate != NULL || r->outage != NULL;
    int err = read_body(r, in);
    if (err == 0 && r->write_size != NULL && (r->dimension != NULL || r->documents != NULL)) {
        return wrong("--write-size", "the size comes from --dimension and --documents already",
                     "one of them");
    }
    err = err != 0 ? err : read_size("--write-size", r->write_size, 1, "1B to 1GB", &l->write_bytes);
    err = err != 0 ? err : read_rate("--rate", r->rate, &l->per_second);
    err = err != 0 ? err : read_outage(r->outage, &l->outage_s);
    err = err != 0
              ? err
              : read_number("--collections", r->collections, 1, CAPACITY_COLLECTIONS_MAX, &l->collections);
    l->before = l->before || r->before;
    l->after = l->after || r->after;
    in->has_size = in->has_size || r->write_size != NULL;
    if (err == 0 && said && in->source[0] == '\0') {
        (void)snprintf(in->source, sizeof(in->source), "the command line");
    }
    return err;
}

static int read_costs(const struct capacity_request *r, struct capacity_inputs *in)
{
    struct capacity_costs *c = &in->question.costs;
    struct errmsg msg = { "" };
    double rate = 0;
    const char *profile = r->profile != NULL ? r->profile : DEFAULT_PROFILE;
    if (r->profile != NULL || in->costs_source[0] == '\0') {
        if (capacity_costs_of_profile(profile, c, &msg) != 0) {
            (void)fprintf(stderr, "waldrill capacity: --profile: %s\n", msg.text);
            return ERR_INVALID;
        }
        (void)snprintf(in->costs_source, sizeof(in->costs_source), "profile %.100s", profile);
    }
    int err = read_rate("--replay-rate", r->replay_rate, &rate);
    err = err != 0 ? err
                   : read_size("--bandwidth", r->bandwidth, CAPACITY_BANDWIDTH_MIN, "1KB (a second) and more",
                               &c->bandwidth);
    if (err == 0 && rate > 0) {
        c->request_s = 0;
        c->byte_s = 0;
        c->spread_s = 0;
        c->record_s = 1 / rate / in->question.load.records;
        (void)snprintf(in->costs_source, sizeof(in->costs_source), "%g writes a second, as said", rate);
    }
    return err;
}

static int read_settings(int argc, char **argv, struct capacity_inputs *in, const char **place)
{
    for (int i = 1; i < argc; i++) {
        struct errmsg msg = { "" };
        const char *equals = strchr(argv[i], '=');
        if (equals == NULL) {
            if (*place != NULL) {
                (void)fprintf(stderr, "waldrill capacity: \"%s\": one scenario or one folder\n", argv[i]);
                return ERR_INVALID;
            }
            *place = argv[i];
        } else if (settings_set(&in->settings, str_make(argv[i], (size_t)(equals - argv[i])),
                                str_of(equals + 1), SETTINGS_FLAG, &msg) != 0) {
            (void)fprintf(stderr, "waldrill capacity: %s\n", msg.text);
            return ERR_INVALID;
        }
    }
    return 0;
}

static int read_place(const struct capacity_request *r, const char *place, struct capacity_inputs *in)
{
    struct errmsg msg = { "" };
    struct stat what;
    int err = 0;
    if (place != NULL && r->live != NULL) {
        return wrong("--live", "the load comes from a file already", "one of them");
    }
    if (r->live != NULL) {
        err = capacity_from_live(r->live, r->token, in, &msg);
    } else if (place != NULL) {
        bool folder = stat(place, &what) == 0 && S_ISDIR(what.st_mode);
        err = folder ? capacity_from_run(place, in, &msg) : capacity_from_scenario(place, in, &msg);
    }
    if (err != 0 && msg.text[0] != '\0') {
        (void)fprintf(stderr, "waldrill capacity: %s\n", msg.text);
    }
    return err;
}

static int read_all(int argc, char **argv, const struct capacity_request *r, struct capacity_inputs *in)
{
    struct errmsg msg = { "" };
    const char *place = NULL;
    capacity_question_init(&in->question);
    settings_draft_init(&in->settings);
    int err = settings_set(&in->settings, STR("PRIMARY_URL"), STR("http://primary"), SETTINGS_DEFAULT, &msg);
    err = err != 0 ? err : read_settings(argc, argv, in, &place);
    err = err != 0 ? err : read_place(r, place, in);
    err = err != 0 ? err : read_load(r, in);
    err = err != 0 ? err : read_costs(r, in);
    if (err == 0 && r->live != NULL && !in->has_size) {
        return wrong("--live", "nothing is pending there, so the size of its writes is not known",
                     "with --write-size or --dimension");
    }
    if (err == 0 && (err = settings_finish(&in->settings, &msg)) == 0) {
        in->question.settings = in->settings.values;
        err = capacity_check(&in->question, &msg);
    }
    if (err != 0 && msg.text[0] != '\0') {
        (void)fprintf(stderr, "waldrill capacity: %s\n", msg.text);
    }
    if (in->source[0] == '\0') {
        (void)snprintf(in->source, sizeof(in->source), "the guide's medium example");
    }
    return err;
}

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

/* "memory=1GB" */
static int read_budget(const char *text, enum capacity_store *store, double *bytes)
{
    const char *equals = strchr(text, '=');
    for (size_t i = 0; equals != NULL && capacity_store_names[i] != NULL; i++) {
        if (str_equal(str_make(text, (size_t)(equals - text)), str_of(capacity_store_names[i]))) {
            *store = (enum capacity_store)i;
            return read_size("--budget", equals + 1, 1, "memory=SIZE or disk=SIZE", bytes);
        }
    }
    return wrong("--budget", text, "memory=SIZE or disk=SIZE, as memory=1GB");
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
                                  .profile = r->profile != NULL ? r->profile : DEFAULT_PROFILE,
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
    capacity_writer *writer = find_format(r->format);
    enum capacity_store store = CAPACITY_MEMORY;
    double budget = 0;
    if (writer == NULL) {
        (void)wrong("--format", r->format, "text, markdown, json");
        return EXIT_USAGE;
    }
    if (r->budget != NULL && read_budget(r->budget, &store, &budget) != 0) {
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
    struct capacity_request r = { .format = "text", .engine = "sim" };
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
        cli_engine_known("capacity", r.engine) && read_all(argc, argv, &r, in) == 0) {
        status = r.verify ? capacity_verify(&r, in) : answer(&r, in);
    }
    mem_free(in);
    return status;
}
