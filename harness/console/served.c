/* See served.h. */
#include "harness/console/served.h"

#include "base/exposition.h"
#include "base/units.h"

#define SERVED_STARTS  STR("walproxy_start_time_seconds")
#define SERVED_ANSWERS STR("walproxy_answers_total")
#define SERVED_TIMES   STR("walproxy_request_duration_seconds_bucket")
#define SERVED_SAMPLES (1 + SERVED_KINDS * (TALLY_OUTCOMES + TALLY_BOUNDS + 1))

/* --- what one look says --------------------------------------------------------------------------------- */

/* Which of so many names that label has; count: none of them. */
static size_t named(const struct exposition_sample *sample, const char *label, const char *const names[],
                    size_t count)
{
    struct str value = STR("");
    size_t i = 0;
    (void)exposition_label(sample, label, &value);
    while (i < count && !str_equal(value, str_of(names[i]))) {
        i++;
    }
    return i;
}

/* The bucket whose bound that sample has; TALLY_BOUNDS + 1: none of ours. */
static size_t bucket_of(const struct exposition_sample *sample)
{
    struct str value = STR("");
    double bound = 0;
    size_t k = 0;
    (void)exposition_label(sample, "le", &value);
    if (str_equal(value, STR("+Inf"))) {
        return TALLY_BOUNDS;
    }
    if (units_parse_double(value, &bound, NULL) != 0) {
        return TALLY_BOUNDS + 1;
    }
    while (k < TALLY_BOUNDS && tally_bounds_s[k] < bound) {
        k++;
    }
    return k < TALLY_BOUNDS && tally_bounds_s[k] <= bound ? k : TALLY_BOUNDS + 1;
}

/* Where that sample belongs; NULL: it is none of those that are looked for. */
static double *place_of(struct served_look *look, const struct exposition_sample *sample)
{
    if (str_equal(sample->name, SERVED_STARTS)) {
        return &look->start_s;
    }
    size_t kind = named(sample, "class", tally_class_names, SERVED_KINDS);
    if (kind < SERVED_KINDS && str_equal(sample->name, SERVED_ANSWERS)) {
        size_t outcome = named(sample, "outcome", tally_outcome_names, TALLY_OUTCOMES);
        return outcome < TALLY_OUTCOMES ? &look->answers[kind][outcome] : NULL;
    }
    if (kind < SERVED_KINDS && str_equal(sample->name, SERVED_TIMES)) {
        size_t bucket = bucket_of(sample);
        return bucket <= TALLY_BOUNDS ? &look->within[kind][bucket] : NULL;
    }
    return NULL;
}

static bool is_histogram(const double within[TALLY_BOUNDS + 1])
{
    bool is = within[0] >= 0;
    for (size_t k = 1; k <= TALLY_BOUNDS; k++) {
        is = is && within[k] >= within[k - 1];
    }
    return is;
}

bool served_read(struct str metrics, struct served_look *look)
{
    struct exposition_sample sample;
    size_t found = 0;
    *look = (struct served_look){ .known = false };
    while (exposition_next(&metrics, &sample)) {
        double *place = place_of(look, &sample);
        if (place != NULL && sample.value >= 0) {
            *place = sample.value;
            found++;
        }
    }
    look->known = found == SERVED_SAMPLES;
    for (size_t i = 0; i < SERVED_KINDS; i++) {
        look->known = look->known && is_histogram(look->within[i]);
    }
    return look->known;
}

/* --- what two looks differ by --------------------------------------------------------------------------- */

static bool fell(const double *before, const double *now, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        any = any || now[i] < before[i];
    }
    return any;
}

static bool is_another(const struct served_look *before, const struct served_look *now)
{
    bool another = now->start_s < before->start_s || now->start_s > before->start_s;
    for (size_t i = 0; i < SERVED_KINDS; i++) {
        another = another || fell(before->answers[i], now->answers[i], TALLY_OUTCOMES) ||
                  fell(before->within[i], now->within[i], TALLY_BOUNDS + 1);
    }
    return another;
}

/* Below how many milliseconds that share of the answers came. */
static double percentile(const double before[TALLY_BOUNDS + 1], const double now[TALLY_BOUNDS + 1],
                         double share)
{
    double rank = share * (now[TALLY_BOUNDS] - before[TALLY_BOUNDS]);
    double below = 0;
    double low_s = 0;
    if (rank <= 0) {
        return -1;
    }
    for (size_t k = 0; k < TALLY_BOUNDS; k++) {
        double within = now[k] - before[k];
        if (within >= rank) {
            return 1000 * (low_s + (tally_bounds_s[k] - low_s) * (rank - below) / (within - below));
        }
        below = within;
        low_s = tally_bounds_s[k];
    }
    return 1000 * low_s;
}

void served_between(const struct served_look *before, const struct served_look *now, double seconds,
                    struct served_figures *figures)
{
    static const struct served_look nothing = { .known = true };
    bool known = before->known && now->known && seconds > 0;
    const struct served_look *since = known && is_another(before, now) ? &nothing : before;
    *figures = (struct served_figures){ .refused_per_s = known ? 0 : -1, .failed_per_s = known ? 0 : -1 };
    for (size_t i = 0; i < SERVED_KINDS; i++) {
        figures->per_s[i] = known ? 0 : -1;
        figures->p50_ms[i] = known ? percentile(since->within[i], now->within[i], 0.5) : -1;
        figures->p99_ms[i] = known ? percentile(since->within[i], now->within[i], 0.99) : -1;
        for (size_t k = 0; known && k < TALLY_OUTCOMES; k++) {
            double per_s = (now->answers[i][k] - since->answers[i][k]) / seconds;
            figures->per_s[i] += per_s;
            figures->refused_per_s += k == TALLY_REFUSED ? per_s : 0;
            figures->failed_per_s += k == TALLY_FAILED ? per_s : 0;
        }
    }
}
