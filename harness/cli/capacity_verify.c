/* waldrill capacity --verify: three points are played to calibrate the model, its predictions for 27 others
 * are written down, and only then are those played. */
#include "harness/cli/capacity.h"
#include "harness/cli/cli.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/capacity/trial.h"
#include "reports/capacity.h"
#include "reports/folder.h"
#include <stdlib.h>
#include <string.h>

#define OUTPUT_BYTES    ((size_t)16 << 20)
#define DEFAULT_OUT     "waldrill-report/capacity"
#define DEFAULT_SCALE   20.0
#define REQUESTS_SIM    400u  /* of a point's runs together: a mean that is steady to a per cent or two */
#define RUNS_SIM        4u    /* where pace and primary are nearly equal, a single one says little */
#define REQUESTS_REAL   25u   /* fewer: each run takes minutes.  Chance alone moves such a mean by 8 % */
#define CALIBRATION_SIM 1600u /* its errors are in all that follows */
#define ERROR_SIM       0.05
#define ERROR_REAL      0.15
#define SHARDS_MAX      27u

struct verify {
    struct capacity_trial trial;
    struct capacity_play play;
    const char *out;
    unsigned shard, shards;
    double bytes_most, error_most;
    unsigned point_requests, calibration_requests;
    char work[CLI_PATH];
};

static int write_files(const struct verify *v, const char *json_name, const char *markdown_name)
{
    struct buf json;
    struct buf markdown;
    struct errmsg msg = { "" };
    buf_init(&json, OUTPUT_BYTES);
    buf_init(&markdown, OUTPUT_BYTES);
    capacity_trial_json(&json, &v->trial);
    capacity_trial_markdown(&markdown, &v->trial);
    const struct folder_file files[] = { { json_name, buf_str(&json) },
                                         { markdown_name, buf_str(&markdown) } };
    int err = folder_write(v->out, files, markdown_name == NULL ? 1 : 2, &msg);
    if (err != 0) {
        (void)fprintf(stderr, "waldrill capacity: %s\n", msg.text);
    }
    buf_deinit(&markdown);
    buf_deinit(&json);
    return err;
}

static bool read_shard(const char *text, unsigned *shard, unsigned *shards)
{
    struct str rest;
    uint64_t number = 0;
    uint64_t of = 0;
    struct str first = str_cut(str_of(text), '/', &rest);
    if (rest.data == NULL || units_parse_u64(first, &number, NULL) != 0 ||
        units_parse_u64(rest, &of, NULL) != 0 || number == 0 || number > of || of > SHARDS_MAX) {
        (void)fprintf(stderr, "waldrill capacity: --shard is I/N, as 1/3, N at most %u; not \"%s\"\n",
                      SHARDS_MAX, text);
        return false;
    }
    *shard = (unsigned)number - 1;
    *shards = (unsigned)of;
    return true;
}

static bool read_request(const struct capacity_request *r, struct verify *v)
{
    struct errmsg msg = { "" };
    uint64_t most = UINT64_MAX;
    const char *engine = r->engine != NULL ? r->engine : "sim";
    bool real = strcmp(engine, "real") == 0;
    v->out = r->out != NULL ? r->out : DEFAULT_OUT;
    v->play = (struct capacity_play){ .engine = engine,
                                      .profile = r->profile != NULL ? r->profile : CAPACITY_PROFILE,
                                      .time_scale = real ? DEFAULT_SCALE : 1,
                                      .work_dir = v->work,
                                      .runs = real ? 1 : RUNS_SIM };
    v->point_requests = real ? REQUESTS_REAL : REQUESTS_SIM;
    v->calibration_requests = real ? REQUESTS_REAL : CALIBRATION_SIM;
    v->error_most = real ? ERROR_REAL : ERROR_SIM;
    v->shards = 1;
    if (r->shard != NULL && !read_shard(r->shard, &v->shard, &v->shards)) {
        return false;
    }
    if (r->most != NULL && units_parse_size(str_of(r->most), false, &most, &msg) != 0) {
        (void)fprintf(stderr, "waldrill capacity: --most: %s\n", msg.text);
        return false;
    }
    v->bytes_most = (double)most;
    if (r->time_scale != NULL && (units_parse_double(str_of(r->time_scale), &v->play.time_scale, &msg) != 0 ||
                                  v->play.time_scale < 1 || v->play.time_scale > 100)) {
        (void)fprintf(stderr, "waldrill capacity: --time-scale is a number from 1 to 100, not \"%s\"\n",
                      r->time_scale);
        return false;
    }
    return true;
}

static int make_folders(struct verify *v)
{
    struct errmsg msg = { "" };
    (void)snprintf(v->work, sizeof(v->work), "%s/work", v->out);
    int err = folder_make(v->work, &msg);
    if (err != 0) {
        (void)fprintf(stderr, "waldrill capacity: %s\n", msg.text);
    }
    return err;
}

static int play_one(const struct verify *v, struct capacity_point *point, struct capacity_fit *fit)
{
    struct errmsg msg = { "" };
    if (capacity_play_point(&v->play, point, fit, &msg) != 0) {
        (void)fprintf(stderr, "waldrill capacity: %s\n", msg.text);
        return EXIT_INVALID;
    }
    return EXIT_PASS;
}

static int calibrate(struct verify *v, struct capacity_fit *fit)
{
    int status = EXIT_PASS;
    v->play.requests = v->calibration_requests;
    for (size_t i = 0; i < CAPACITY_CALIBRATION && status == EXIT_PASS; i++) {
        struct capacity_point *p = &v->trial.calibration[i];
        status = play_one(v, p, fit);
        if (status == EXIT_PASS) {
            (void)fprintf(stderr, "calibration %zu of %d: %g KB, %g a minute, %g min: drained in %.2f s\n",
                          i + 1, CAPACITY_CALIBRATION, p->write_kb, p->per_minute, p->minutes,
                          p->measured_drain_s);
        }
    }
    return status;
}

/* What was measured is kept after each point, and a point that cannot be measured does not end the others: an
 * hour of runs is not lost with one. */
static int measure(struct verify *v, size_t *measured)
{
    int status = EXIT_PASS;
    v->play.requests = v->point_requests;
    for (size_t i = 0; i < v->trial.count; i++) {
        struct capacity_point *p = &v->trial.points[i];
        int played = play_one(v, p, NULL);
        if (played == EXIT_PASS) {
            (*measured)++;
            (void)fprintf(
                stderr, "point %zu of %zu: %g KB, %g a minute, %g min: drained in %.2f s, off by %+.1f %%\n",
                i + 1, v->trial.count, p->write_kb, p->per_minute, p->minutes, p->measured_drain_s,
                100 * capacity_error(p, CAPACITY_FIGURE_DRAIN));
        }
        if (write_files(v, "trial.json", "trial.md") != 0) {
            return EXIT_INFRASTRUCTURE;
        }
        status = played != EXIT_PASS ? played : status;
    }
    return status;
}

static int judge(const struct verify *v)
{
    int status = EXIT_PASS;
    for (size_t i = 0; i < CAPACITY_FIGURES; i++) {
        struct capacity_errors errors;
        capacity_errors(&v->trial, (enum capacity_figure)i, &errors);
        if (errors.worst > v->error_most) {
            (void)fprintf(stderr, "waldrill capacity: %s is off by %.1f %%, more than %.0f %%\n",
                          capacity_figure_names[i], 100 * errors.worst, 100 * v->error_most);
            status = EXIT_FAILED;
        }
    }
    return status;
}

static int verify_run(struct verify *v)
{
    struct capacity_fit fit = { 0 };
    struct buf text;
    size_t measured = 0;
    capacity_trial_begin(&v->trial);
    int status = calibrate(v, &fit);
    if (status != EXIT_PASS) {
        return status;
    }
    capacity_trial_predict(&v->trial, &fit, v->shard, v->shards, v->bytes_most);
    if (v->trial.count == 0) {
        (void)fputs("waldrill capacity: --most leaves no point\n", stderr);
        return EXIT_USAGE;
    }
    if (write_files(v, "predictions.json", NULL) != 0) {
        return EXIT_INFRASTRUCTURE;
    }
    status = measure(v, &measured);
    buf_init(&text, OUTPUT_BYTES);
    capacity_trial_text(&text, &v->trial);
    (void)fputs(buf_text(&text), stdout);
    buf_deinit(&text);
    (void)printf("\n%zu of %d points; predictions were written before: %s/predictions.json\n", measured,
                 CAPACITY_TRIAL_POINTS, v->out);
    return status != EXIT_PASS ? status : judge(v);
}

int capacity_verify(const struct capacity_request *request, const struct capacity_inputs *in)
{
    struct verify *v = mem_alloc(sizeof(*v));
    int status = EXIT_USAGE;
    if (read_request(request, v)) {
        v->trial.question = in->question;
        v->trial.question.settings.time_scale = v->play.time_scale; /* what is slow, walproxy judges by it */
        v->trial.engine = v->play.engine;
        v->trial.profile = v->play.profile;
        v->trial.time_scale = v->play.time_scale;
        status = make_folders(v) == 0 ? verify_run(v) : EXIT_INFRASTRUCTURE;
    }
    mem_free(v);
    return status;
}
