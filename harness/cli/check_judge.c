#include "harness/cli/check_judge.h"

#include "base/json_writer.h"
#include "proxy/core/alerts.h"
#include <jansson.h>
#include <time.h>

#define SLOW_S       2.0 /* wal_performance_test.sh */
#define AGE_LIMIT_S  300.0
#define EPOCH_FROM_S 1e9 /* a larger "age" is a time of day */

const char *const check_level_names[] = { "normal", "warning", "critical", "not told" };

/* ---- reading ---- */

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : CHECK_NOT_TOLD;
}

static int truth_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : -1;
}

/* null, an age in seconds, seconds since 1970, or a time as 2026-11-30T12:00:00Z. */
static double age_of(const json_t *value, double now_s)
{
    struct tm tm = { 0 };
    if (json_is_null(value)) {
        return 0;
    }
    if (json_is_number(value)) {
        double given = json_number_value(value);
        return given > EPOCH_FROM_S ? now_s - given : given;
    }
    if (json_is_string(value) && strptime(json_string_value(value), "%Y-%m-%dT%H:%M:%S", &tm) != NULL) {
        return now_s - (double)timegm(&tm);
    }
    return CHECK_NOT_TOLD;
}

static int healthy_of(const json_t *root, const char *name)
{
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(json_object_get(root, "instances"), i, instance)
    {
        const char *own = json_string_value(json_object_get(instance, "name"));
        if (own != NULL && strcmp(own, name) == 0) {
            return truth_of(instance, "healthy");
        }
    }
    return -1;
}

static enum check_level told_level(const json_t *wal, const char *key)
{
    const char *name = json_string_value(json_object_get(json_object_get(wal, "levels"), key));
    for (size_t i = 0; name != NULL && i < CHECK_UNKNOWN; i++) {
        if (strcmp(name, check_level_names[i]) == 0) {
            return (enum check_level)i;
        }
    }
    return CHECK_UNKNOWN;
}

int check_read(struct str answer, double now_s, struct check_seen *out, struct errmsg *msg)
{
    json_t *root = json_loadb(answer.data == NULL ? "" : answer.data, answer.size, 0, NULL);
    const json_t *wal = json_object_get(root, "write_ahead_log");
    int err = 0;
    if (!json_is_object(root)) {
        err = error_set(msg, ERR_INVALID, "its /status is no JSON object");
    } else if (!json_is_object(wal)) {
        err = error_set(msg, ERR_NOT_FOUND, "WAL not present in status");
    } else {
        *out = (struct check_seen){
            .pending = number_of(wal, "pending_writes"),
            .failed = number_of(wal, "failed_replays"),
            .total_replayed = number_of(wal, "total_replayed"),
            .oldest_s = age_of(json_object_get(wal, "oldest_pending"), now_s),
            .replaying = truth_of(wal, "is_replaying"),
            .memory_warning = truth_of(json_object_get(root, "stats"), "memory_warning"),
            .primary_healthy = healthy_of(root, "primary"),
            .replica_healthy = healthy_of(root, "replica"),
            .replaying_level = told_level(wal, "is_replaying"),
        };
    }
    json_decref(root);
    return err;
}

/* ---- the table ---- */

static enum check_level level(double value, double warning_most)
{
    return value < 0               ? CHECK_UNKNOWN
           : value <= 0            ? CHECK_NORMAL
           : value <= warning_most ? CHECK_WARNING
                                   : CHECK_CRITICAL;
}

enum check_level check_level_pending(const struct check_seen *s)
{
    return level(s->pending, 10);
}

enum check_level check_level_replaying(const struct check_seen *s)
{
    if (s->replaying_level != CHECK_UNKNOWN) {
        return s->replaying_level;
    }
    return s->replaying < 0 ? CHECK_UNKNOWN : s->replaying == 0 ? CHECK_NORMAL : CHECK_WARNING;
}

enum check_level check_level_failed(const struct check_seen *s)
{
    return level(s->failed, 2);
}

enum check_level check_level_oldest(const struct check_seen *s)
{
    return level(s->oldest_s, AGE_LIMIT_S);
}

const char *check_health_line(const struct check_seen *s)
{
    if (s->pending == 0 && s->replaying == 0) {
        return "✅ WAL Status: HEALTHY";
    }
    return s->pending < 10 ? "⚠️  WAL Status: WARNING - Some pending writes"
                           : "🚨 WAL Status: CRITICAL - High pending writes";
}

/* ---- alerts ---- */

static double figure_of(const struct check_seen *s, enum alert_figure which)
{
    switch (which) {
        case ALERT_PENDING_WRITES:
            return s->pending;
        case ALERT_OLDEST_PENDING:
            return s->oldest_s;
        case ALERT_FAILED_REPLAYS:
            return s->failed;
        case ALERT_MEMORY_WARNING:
            return s->memory_warning;
        case ALERT_FIGURES:
            break;
    }
    return CHECK_NOT_TOLD;
}

static bool fires(const struct check_seen *s, const struct alert_rule *rule)
{
    return figure_of(s, rule->figure) > rule->above;
}

static enum check_level severity(const struct alert_rule *rule)
{
    return strcmp(rule->severity, "critical") == 0 ? CHECK_CRITICAL : CHECK_WARNING;
}

static enum check_level worse(enum check_level a, enum check_level b)
{
    a = a == CHECK_UNKNOWN ? CHECK_NORMAL : a;
    return b != CHECK_UNKNOWN && b > a ? b : a;
}

enum check_level check_worst(const struct check_seen *s)
{
    enum check_level worst = worse(check_level_pending(s), check_level_replaying(s));
    worst = worse(worse(worst, check_level_failed(s)), check_level_oldest(s));
    for (size_t i = 0; i < ALERT_RULES; i++) {
        worst = fires(s, &alert_rules[i]) ? worse(worst, severity(&alert_rules[i])) : worst;
    }
    worst = s->primary_healthy == 0 ? CHECK_CRITICAL : worst;
    worst = s->replica_healthy == 0 || s->status_s >= SLOW_S ? worse(worst, CHECK_WARNING) : worst;
    return worst;
}

static void put_reason(struct buf *out, size_t begun, const char *what, double value)
{
    buf_append_text(out, out->size == begun ? ": " : "; ");
    if (value < 0) {
        buf_append_text(out, what);
    } else {
        buf_printf(out, "%s %.0f", what, value);
    }
}

static bool odd(enum check_level level)
{
    return level == CHECK_WARNING || level == CHECK_CRITICAL;
}

void check_verdict(const struct check_seen *s, struct buf *out)
{
    const struct {
        bool so;
        const char *what;
        double value;
    } reasons[] = {
        { s->primary_healthy == 0, "the primary is not healthy", CHECK_NOT_TOLD },
        { s->replica_healthy == 0, "the replica is not healthy", CHECK_NOT_TOLD },
        { odd(check_level_pending(s)), "pending_writes", s->pending },
        { odd(check_level_oldest(s)), "oldest_pending (s)", s->oldest_s },
        { odd(check_level_failed(s)), "failed_replays", s->failed },
        { odd(check_level_replaying(s)), "it is replaying", CHECK_NOT_TOLD },
        { s->memory_warning > 0, "memory warning", CHECK_NOT_TOLD },
        { s->status_s >= SLOW_S, "/status is slow", CHECK_NOT_TOLD },
    };
    buf_append_text(out, check_level_names[check_worst(s)]);
    size_t begun = out->size;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].so) {
            put_reason(out, begun, reasons[i].what, reasons[i].value);
        }
    }
}

/* ---- telling ---- */

static void put_truth(struct buf *out, const char *label, int value)
{
    buf_printf(out, "  %s: %s\n", label, value < 0 ? "not told" : value > 0 ? "true" : "false");
}

static void put_number(struct buf *out, const char *label, double value)
{
    if (value < 0) {
        buf_printf(out, "  %s: not told\n", label);
    } else {
        buf_printf(out, "  %s: %.0f\n", label, value);
    }
}

static void put_level(struct buf *out, bool colour, const char *figure, enum check_level level,
                      const char *meaning)
{
    static const char *const paint[] = { "32", "33", "31", "0" };
    buf_printf(out, "  %-15s ", figure);
    buf_printf(out, colour ? "\033[%sm%-8s\033[0m" : "%s%-8s", colour ? paint[level] : "",
               check_level_names[level]);
    buf_printf(out, "  %s\n", meaning);
}

static void put_alerts(const struct check_seen *s, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < ALERT_RULES; i++) {
        const struct alert_rule *rule = &alert_rules[i];
        char condition[64];
        if (fires(s, rule)) {
            alert_condition(rule, condition, sizeof(condition));
            buf_printf(out, "%s%s (%s): %s%s%s\n", any ? "  " : "\nAlerts firing:\n  ", rule->name,
                       rule->severity, condition, rule->action == NULL ? ", escalate" : ", ",
                       rule->action == NULL ? "" : rule->action);
            any = true;
        }
    }
    buf_append_text(out, any ? "" : "\nAlerts firing: none\n");
}

void check_tell(const struct check_seen *s, bool colour, struct buf *out)
{
    buf_append_text(out, "WAL Metrics:\n");
    put_number(out, "Pending writes", s->pending);
    put_truth(out, "Currently replaying", s->replaying);
    put_number(out, "Total replayed", s->total_replayed);
    put_number(out, "Failed replays", s->failed);
    buf_append_text(out, "\nInstance Health:\n");
    put_truth(out, "Primary", s->primary_healthy);
    put_truth(out, "Replica", s->replica_healthy);
    buf_append_text(out, "\nWAL Status Interpretation:\n");
    put_level(out, colour, "pending_writes", check_level_pending(s), "0 | 1-10 | >10");
    put_level(out, colour, "is_replaying", check_level_replaying(s), "false | brief | extended");
    put_level(out, colour, "failed_replays", check_level_failed(s), "0 | 1-2 | >2");
    put_level(out, colour, "oldest_pending", check_level_oldest(s), "null | <5 min | >5 min");
    put_alerts(s, out);
    buf_printf(out, "\nStatus endpoint time: %.3fs\n", s->status_s);
    buf_append_text(out, s->status_s < SLOW_S ? "✅ Performance: GOOD\n"
                                              : "⚠️  Performance: SLOW - Status endpoint > 2s\n");
    buf_printf(out, "\n%s\nVerdict: ", check_health_line(s));
    check_verdict(s, out);
    buf_append_char(out, '\n');
}

static void pair_number(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    if (value < 0) {
        json_put_null(w);
    } else {
        json_put_fixed(w, value, 3);
    }
}

static void pair_truth(struct json_writer *w, const char *key, int value)
{
    if (value < 0) {
        json_pair_text(w, key, NULL);
    } else {
        json_pair_bool(w, key, value > 0);
    }
}

void check_tell_json(const struct check_seen *s, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 2);
    json_object_begin(&w);
    json_pair_text(&w, "verdict", check_level_names[check_worst(s)]);
    json_pair_text(&w, "health", check_health_line(s));
    pair_number(&w, "pending_writes", s->pending);
    pair_truth(&w, "is_replaying", s->replaying);
    pair_number(&w, "failed_replays", s->failed);
    pair_number(&w, "oldest_pending_s", s->oldest_s);
    pair_number(&w, "total_replayed", s->total_replayed);
    pair_truth(&w, "primary_healthy", s->primary_healthy);
    pair_truth(&w, "replica_healthy", s->replica_healthy);
    pair_number(&w, "status_s", s->status_s);
    json_key(&w, "levels");
    json_object_begin(&w);
    json_pair_text(&w, "pending_writes", check_level_names[check_level_pending(s)]);
    json_pair_text(&w, "is_replaying", check_level_names[check_level_replaying(s)]);
    json_pair_text(&w, "failed_replays", check_level_names[check_level_failed(s)]);
    json_pair_text(&w, "oldest_pending", check_level_names[check_level_oldest(s)]);
    json_object_end(&w);
    json_key(&w, "firing");
    json_array_begin(&w);
    for (size_t i = 0; i < ALERT_RULES; i++) {
        if (fires(s, &alert_rules[i])) {
            json_put_text(&w, alert_rules[i].name);
        }
    }
    json_array_end(&w);
    json_object_end(&w);
    buf_append_char(out, '\n');
}
