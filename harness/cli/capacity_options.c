/* The command line of waldrill capacity: which options go together, what each allows, and the question that
 * they and the place the load comes from make.  What is wrong is one line on stderr with what would be right.
 */
#include "harness/cli/capacity.h"

#include "base/units.h"
#include "harness/capacity/limits.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int capacity_wrong(const char *option, const char *said, const char *allowed)
{
    (void)fprintf(stderr, "waldrill capacity: %s: %s; allowed: %s\n", option, said, allowed);
    return ERR_INVALID;
}

/* ---- which go together ---- */

struct option_said {
    const char *name;
    bool said;
};

/* The first of them that was said; NULL = none. */
static const char *first_said(const struct option_said *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (options[i].said) {
            return options[i].name;
        }
    }
    return NULL;
}

/* The points of --verify are its own: what it would not look at is a mistake, not a wish granted. */
static bool fits_verify(int argc, char **argv, const struct capacity_request *r)
{
    const struct option_said others[] = {
        { "--write-size", r->write_size != NULL },
        { "--rate", r->rate != NULL },
        { "--outage", r->outage != NULL },
        { "--collections", r->collections != NULL },
        { "--records", r->records != NULL },
        { "--dimension", r->dimension != NULL },
        { "--documents", r->documents != NULL },
        { "--encoding", r->encoding != NULL },
        { "--replay-rate", r->replay_rate != NULL },
        { "--bandwidth", r->bandwidth != NULL },
        { "--live", r->live != NULL },
        { "--token", r->token != NULL },
        { "--budget", r->budget != NULL },
        { "--format", r->format != NULL },
        { "--before", r->before },
        { "--after", r->after },
        { "--sweep", r->sweep },
        { "--measure", r->measure },
    };
    const char *other = first_said(others, sizeof(others) / sizeof(others[0]));
    other = other != NULL || argc < 2 ? other : argv[1];
    if (other != NULL) {
        (void)fprintf(stderr, "waldrill capacity: --verify plays points of its own; leave out %s\n", other);
        return false;
    }
    if (r->engine != NULL && strcmp(r->engine, "sim") != 0 && strcmp(r->engine, "real") != 0) {
        (void)capacity_wrong("--engine", r->engine, "sim, real");
        return false;
    }
    if (r->time_scale != NULL && (r->engine == NULL || strcmp(r->engine, "real") != 0)) {
        (void)capacity_wrong("--time-scale", "the clock of sim is virtual", "with --engine real");
        return false;
    }
    return true;
}

bool capacity_options_fit(int argc, char **argv, const struct capacity_request *r)
{
    const struct option_said others[] = { { "--engine", r->engine != NULL },
                                          { "--time-scale", r->time_scale != NULL },
                                          { "--shard", r->shard != NULL },
                                          { "--most", r->most != NULL } };
    if (r->verify) {
        return fits_verify(argc, argv, r);
    }
    const char *other = first_said(others, sizeof(others) / sizeof(others[0]));
    if (other != NULL) {
        (void)fprintf(stderr, "waldrill capacity: %s goes with --verify\n", other);
    }
    return other == NULL;
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
        return capacity_wrong(option, msg.text, allowed);
    }
    *out = value;
    return 0;
}

static int read_size(const char *option, const char *text, double low, double high, const char *allowed,
                     double *out)
{
    struct errmsg msg = { "" };
    uint64_t bytes = 0;
    if (text == NULL) {
        return 0;
    }
    if (units_parse_size(str_of(text), false, &bytes, &msg) != 0) {
        return capacity_wrong(option, msg.text, allowed);
    }
    if ((double)bytes < low || (double)bytes > high) {
        (void)error_set(&msg, ERR_LIMIT, "\"%.60s\" is out of range", text);
        return capacity_wrong(option, msg.text, allowed);
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
        return capacity_wrong(option, msg.text, "1/d to 1000000/s");
    }
    if (*per_second < CAPACITY_RATE_MIN || *per_second > CAPACITY_RATE_MAX) {
        (void)error_set(&msg, ERR_LIMIT, "\"%.60s\" is out of range", text);
        return capacity_wrong(option, msg.text, "1/d to 1000000/s");
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
        return capacity_wrong("--outage", msg.text, "1s to 366d");
    }
    *seconds = (double)ns / (double)NS_PER_S;
    if (*seconds < CAPACITY_OUTAGE_S_MIN || *seconds > CAPACITY_OUTAGE_S_MAX) {
        (void)error_set(&msg, ERR_LIMIT, "\"%.60s\" is out of range", text);
        return capacity_wrong("--outage", msg.text, "1s to 366d");
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
    return text == NULL ? 0 : capacity_wrong("--encoding", text, "json, base64");
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
    err = err != 0
              ? err
              : read_size("--documents", r->documents, 0, CAPACITY_WRITE_BYTES_MAX, "0B to 1GB", &documents);
    err = err != 0 ? err : read_encoding(r->encoding, &shape.encoding);
    if (err == 0 && (r->dimension != NULL || r->documents != NULL)) {
        if ((dimension * 22 + documents + 200) * l->records > CAPACITY_WRITE_BYTES_MAX) {
            return capacity_wrong("--dimension, --documents, --records", "together a body of more than 1 GB",
                                  "less");
        }
        shape.dimension = (uint32_t)dimension;
        shape.document_bytes = (uint32_t)documents;
        shape.records = (uint32_t)l->records;
        l->write_bytes = body_bytes(&shape);
        in->has_size = true;
        (void)snprintf(in->source, sizeof(in->source), "the command line, a body of dimension %u as %s",
                       shape.dimension, body_encoding_names[shape.encoding]);
    } else if (err == 0 && r->encoding != NULL) {
        return capacity_wrong("--encoding", "of what? It belongs to --dimension", "with --dimension");
    }
    return err;
}

static int read_load(const struct capacity_request *r, struct capacity_inputs *in)
{
    struct capacity_load *l = &in->question.load;
    bool said = r->write_size != NULL || r->rate != NULL || r->outage != NULL;
    int err = read_body(r, in);
    if (err == 0 && r->write_size != NULL && (r->dimension != NULL || r->documents != NULL)) {
        return capacity_wrong("--write-size", "the size comes from --dimension and --documents already",
                              "one of them");
    }
    err = err != 0 ? err
                   : read_size("--write-size", r->write_size, 1, CAPACITY_WRITE_BYTES_MAX, "1B to 1GB",
                               &l->write_bytes);
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
    const char *profile = r->profile != NULL ? r->profile : CAPACITY_PROFILE;
    if (r->profile != NULL || in->costs_source[0] == '\0') {
        if (capacity_costs_of_profile(profile, c, &msg) != 0) {
            (void)fprintf(stderr, "waldrill capacity: --profile: %s\n", msg.text);
            return ERR_INVALID;
        }
        (void)snprintf(in->costs_source, sizeof(in->costs_source), "profile %.100s", profile);
    }
    int err = read_rate("--replay-rate", r->replay_rate, &rate);
    err = err != 0 ? err
                   : read_size("--bandwidth", r->bandwidth, CAPACITY_BANDWIDTH_MIN, CAPACITY_BANDWIDTH_MAX,
                               "1KB to 1TB (a second)", &c->bandwidth);
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
        return capacity_wrong("--live", "the load comes from a file already", "one of them");
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

int capacity_read(int argc, char **argv, const struct capacity_request *r, struct capacity_inputs *in)
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
        return capacity_wrong("--live", "nothing is pending there, so the size of its writes is not known",
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

/* "memory=1GB" */
int capacity_read_budget(const char *text, enum capacity_store *store, double *bytes)
{
    const char *equals = strchr(text, '=');
    for (size_t i = 0; equals != NULL && capacity_store_names[i] != NULL; i++) {
        if (str_equal(str_make(text, (size_t)(equals - text)), str_of(capacity_store_names[i]))) {
            *store = (enum capacity_store)i;
            return read_size("--budget", equals + 1, 1, (double)INFINITY, "memory=SIZE or disk=SIZE", bytes);
        }
    }
    return capacity_wrong("--budget", text, "memory=SIZE or disk=SIZE, as memory=1GB");
}
