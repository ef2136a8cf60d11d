/* Where the load of capacity planning comes from, when it is not typed: a scenario, a recorded run, a
 * walproxy that runs. */
#include "harness/cli/capacity.h"
#include "harness/cli/cli.h"

#include "base/check.h"
#include "base/exposition.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/real/control.h"
#include "harness/runner/workload.h"
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define ANSWER_BYTES       ((size_t)4 << 20)
#define SETTING_TEXT       400 /* of any number, written out */
#define DIGITS_OF_A_SECOND 9   /* behind the point: settings are kept in nanoseconds */

static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

/* ---- a scenario ---- */

/* How long that fault keeps the primary away; 0 = it does not, or for nobody knows how long. */
static double away_s(const struct scenario *s, const struct scenario_fault *f)
{
    bool latest = false;
    if (f->target != SCENARIO_PRIMARY || f->disk != LB_DISK_SOUND) {
        return 0;
    }
    if (f->has_end) {
        return seconds(cli_mark_at(s, &f->until, &latest) - cli_mark_at(s, &f->at, &latest));
    }
    return seconds((int64_t)(f->restart ? f->restart_after_ns : f->for_ns));
}

/* Does the load run while the fault does?  Loads run in one phase, or always. */
static bool meet(const struct scenario *s, const struct scenario_fault *f, const struct scenario_load *l)
{
    bool latest = false;
    if (l->during == UINT32_MAX || f->when != NULL) {
        return true;
    }
    int64_t from_ns = cli_mark_at(s, &f->at, &latest);
    return from_ns >= cli_phase_at(s, l->during, false, &latest) &&
           from_ns < cli_phase_at(s, l->during, true, &latest);
}

static double write_share(const struct scenario_load *l)
{
    double writes = 0;
    double all = 0;
    for (size_t i = 0; i < l->mix_count; i++) {
        writes += chroma_op_is_write(l->mix[i].op) ? l->mix[i].share : 0;
        all += l->mix[i].share;
    }
    return all > 0 ? writes / all : 0;
}

static void take_pair(const struct scenario_fault *f, const struct scenario_load *l, double outage_s,
                      const char *path, struct capacity_inputs *in)
{
    struct buf body;
    struct workload_op op = { .op = OP_ADD };
    buf_init(&body, (size_t)1 << 30);
    workload_body(&body, l, &op, 0, 1);
    in->question.load.write_bytes = (double)body.size;
    in->question.load.per_second = l->per_second * write_share(l);
    in->question.load.outage_s = outage_s;
    in->question.load.collections = l->collections;
    in->question.load.after = in->question.load.before = l->during == UINT32_MAX;
    in->has_size = true;
    (void)snprintf(in->source, sizeof(in->source), "%.300s, load %.60s in fault %.60s", path, l->name,
                   f->name);
    buf_deinit(&body);
}

static int take_scenario(const struct scenario *s, const char *path, struct capacity_inputs *in,
                         struct errmsg *msg)
{
    double most = 0;
    for (size_t i = 0; i < s->fault_count; i++) {
        double outage_s = away_s(s, &s->faults[i]);
        for (size_t k = 0; k < s->load_count && outage_s > 0; k++) {
            const struct scenario_load *l = &s->loads[k];
            double bytes = l->per_second * write_share(l) * outage_s * ((double)l->body_bytes + 1);
            if (bytes > most && meet(s, &s->faults[i], l)) {
                most = bytes;
                take_pair(&s->faults[i], l, outage_s, path, in);
            }
        }
    }
    if (most <= 0) {
        return error_set(msg, ERR_NOT_FOUND,
                         "%.300s: no load writes while a fault keeps the primary away for a known time",
                         path);
    }
    int err = 0;
    for (size_t i = 0; i < s->lb_setting_count && err == 0; i++) {
        err = settings_set(&in->settings, str_of(s->lb_settings[i].name), str_of(s->lb_settings[i].value),
                           SETTINGS_FILE, msg);
    }
    if (err == 0 && s->latency[0] != NULL) {
        err = capacity_costs_of_profile(s->latency[0], &in->question.costs, msg);
        (void)snprintf(in->costs_source, sizeof(in->costs_source), "profile %.100s of the scenario",
                       s->latency[0]);
    }
    return err;
}

int capacity_from_scenario(const char *path, struct capacity_inputs *in, struct errmsg *msg)
{
    struct scenario *s = cli_scenario_load(path); /* says itself what is wrong */
    int err = s == NULL ? ERR_INVALID : take_scenario(s, path, in, msg);
    scenario_free(s);
    return err;
}

/* ---- a recorded run ---- */

static double number_at(const json_t *root, const char *object, const char *key)
{
    const json_t *value = json_object_get(json_object_get(root, object), key);
    return json_is_number(value) ? json_number_value(value) : 0;
}

static double longest_outage_s(const json_t *root)
{
    size_t index;
    const json_t *fault;
    double longest = 0;
    json_array_foreach(json_object_get(root, "faults"), index, fault)
    {
        const char *target = json_string_value(json_object_get(fault, "target"));
        double length = json_number_value(json_object_get(fault, "end_s")) -
                        json_number_value(json_object_get(fault, "start_s"));
        bool primary = target != NULL && str_equal(str_of(target), STR("primary"));
        longest = primary && length > longest ? length : longest;
    }
    return longest;
}

static int take_run(const json_t *root, const char *folder, struct capacity_inputs *in, struct errmsg *msg)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    if (format == NULL || !str_starts(str_of(format), STR("waldrill-results/"))) {
        return error_set(msg, ERR_INVALID, "%.300s/results.json is not of a run of waldrill", folder);
    }
    double pending = number_at(root, "series", "pending_max");
    double memory = number_at(root, "series", "memory_bytes_max");
    double outage_s = longest_outage_s(root);
    if (pending <= 0 || memory <= 0 || outage_s <= 0) {
        return error_set(msg, ERR_NOT_FOUND,
                         "%.300s: nothing waited for the primary in that run, or it was never away", folder);
    }
    struct capacity_forecast one;
    capacity_forecast(&in->question, &one);
    double size = memory / pending - one.meta_bytes;
    in->question.load.write_bytes = size < 1 ? 1 : size;
    in->question.load.per_second = pending / outage_s;
    in->question.load.outage_s = outage_s;
    in->has_size = true;
    (void)snprintf(in->source, sizeof(in->source),
                   "run %.200s: at most %.0f pending, %.0f B in memory, %.0f B of log, in %.0f s", folder,
                   pending, memory, number_at(root, "series", "wal_bytes_max"), outage_s);
    return 0;
}

int capacity_from_run(const char *folder, struct capacity_inputs *in, struct errmsg *msg)
{
    char path[CLI_PATH];
    json_error_t error;
    (void)snprintf(path, sizeof(path), "%s/results.json", folder);
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) {
        return error_set(msg, ERR_INVALID, "%.300s: %.150s", path, error.text);
    }
    int err = take_run(root, folder, in, msg);
    json_decref(root);
    return err;
}

/* ---- a walproxy that runs ---- */

/* The sample of that name and labels; -1 = none. */
static double sample(struct str text, const char *name)
{
    double value = -1;
    return exposition_find(text, name, &value) ? value : -1;
}

/* The settings of it that the model asks for. */
static const struct {
    const char *sample, *setting;
} told[] = {
    { "walproxy_memory_limit_bytes", "WAL_MEMORY_BYTES" },
    { "walproxy_log_limit_bytes", "WAL_MAX_BYTES" },
    { "walproxy_log_segment_bytes", "WAL_SEGMENT_BYTES" },
    { "walproxy_log_retain_seconds", "WAL_RETAIN" },
    { "walproxy_held_writes_limit", "WAL_MAX_WRITES" },
    { "walproxy_throttle_start_ratio", "THROTTLE_START" },
    { "walproxy_throttle_max_delay_seconds", "THROTTLE_MAX_DELAY" },
    { "walproxy_replay_batch_limit_records", "REPLAY_BATCH_RECORDS" },
    { "walproxy_replay_batch_limit_bytes", "REPLAY_BATCH_BYTES" },
    { "walproxy_replay_limit_writes_per_second", "REPLAY_RATE" },
    { "walproxy_check_interval_seconds", "CHECK_INTERVAL" },
    { "walproxy_recovery_threshold_checks", "RECOVERY_THRESHOLD" },
};

/* They rank below the command line's.  An older walproxy does not tell all of them: the defaults stay. */
static int take_settings(struct str text, const char *url, struct capacity_inputs *in, struct errmsg *msg)
{
    bool memory = sample(text, "walproxy_log_info{mode=\"memory\"}") > 0;
    int err = settings_set(&in->settings, STR("WAL_MODE"), memory ? STR("memory") : STR("file"),
                           SETTINGS_FILE, msg);
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]) && err == 0; i++) {
        char value[SETTING_TEXT];
        const struct settings_row *row = settings_find(str_of(told[i].setting));
        double number = sample(text, told[i].sample);
        CHECK(row != NULL);
        (void)snprintf(value, sizeof(value), "%.*f", row->type == SETTINGS_COUNT ? 0 : DIGITS_OF_A_SECOND,
                       number);
        err = number < 0 ? 0
                         : settings_set(&in->settings, str_of(row->name), str_of(value), SETTINGS_FILE, msg);
    }
    return err == 0 ? 0 : error_wrap(msg, err, "%.200s/metrics", url);
}

/* In an outage what waits tells the load; without one, what was answered since the start does. */
static int take_load(struct str text, const char *url, struct capacity_inputs *in, struct errmsg *msg)
{
    struct capacity_load *l = &in->question.load;
    double pending = sample(text, "walproxy_pending_writes");
    double oldest_s = sample(text, "walproxy_oldest_pending_seconds");
    double held = sample(text, "walproxy_held_writes") - sample(text, "walproxy_spilled_writes");
    double memory = sample(text, "walproxy_memory_bytes");
    double written = sample(text, "walproxy_answers_total{class=\"write\",outcome=\"ok\"}");
    double started = sample(text, "walproxy_start_time_seconds");
    double scale = sample(text, "walproxy_time_scale");
    if (pending < 0 || memory < 0 || scale <= 0) {
        return error_set(msg, ERR_INVALID, "%.200s/metrics are not walproxy's", url);
    }
    struct capacity_forecast one;
    capacity_forecast(&in->question, &one);
    if (held > 0 && memory > 0) {
        double size = memory / held - one.meta_bytes;
        l->write_bytes = size < 1 ? 1 : size;
        in->has_size = true;
    }
    double up_s = ((double)time(NULL) - started) * scale;
    if (pending > 1 && oldest_s > 1) {
        l->per_second = pending / oldest_s;
    } else {
        l->per_second = written > 0 && up_s > 1 ? written / up_s : 0; /* not known yet: --rate has to tell */
    }
    l->before = true;
    (void)snprintf(in->source, sizeof(in->source), "%.200s: %.0f pending, %.2f writes a second %s", url,
                   pending, l->per_second,
                   pending > 1 && oldest_s > 1 ? "in this outage" : "since its start");
    return 0;
}

int capacity_from_live(const char *url, const char *token, struct capacity_inputs *in, struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, ANSWER_BYTES);
    int err = control_look(url, "/status", token, &answer, msg);
    if (err == 0) {
        json_t *root = json_loadb(answer.data == NULL ? "" : answer.data, answer.size, 0, NULL);
        const char *service = json_string_value(json_object_get(root, "service"));
        if (service == NULL || !str_equal(str_of(service), STR("walproxy"))) {
            err = error_set(msg, ERR_INVALID, "%.200s/status is not walproxy's", url);
        }
        json_decref(root);
    }
    err = err != 0 ? err : control_look(url, "/metrics", token, &answer, msg);
    if (err == 0) {
        err = take_settings(buf_str(&answer), url, in, msg);
        err = err != 0 ? err : take_load(buf_str(&answer), url, in, msg);
    }
    buf_deinit(&answer);
    return err;
}
