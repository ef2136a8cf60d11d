#include "proxy/core/tally.h"

#include "base/units.h"
#include "proxy/core/state.h"
#include <stdio.h>

#define TELL_TEXT_MAX 512 /* a longer path is cut off there */

const char *const tally_class_names[] = { "read", "write", "other", "own", NULL };
const char *const tally_outcome_names[] = { "ok", "rejected", "refused", "failed", NULL };
const char *const tally_code_names[] = { "413", "429", "503", "507", NULL };
const double tally_bounds_s[TALLY_BOUNDS] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,  0.5,    1,     2.5,  5,     10,   30 };

static const int codes[TALLY_CODES] = { 413, 429, 503, 507 };

static enum tally_class class_of(const struct client *client)
{
    if (client->is_own) {
        return TALLY_OWN;
    }
    if (client->is_write) {
        return TALLY_WRITE;
    }
    bool looks = str_equal(client->method, STR("GET")) || str_equal(client->method, STR("HEAD"));
    return client->route.op == OP_UNKNOWN && !looks ? TALLY_OTHER : TALLY_READ;
}

static void count_time(struct tally_times *times, uint64_t ns)
{
    double s = (double)ns / (double)NS_PER_S;
    size_t k = 0;
    while (k < TALLY_BOUNDS && s > tally_bounds_s[k]) {
        k++;
    }
    times->counts[k]++;
    times->sum_ns += ns;
}

/* Rule 30: what a client quotes is found here, in the audit trail, in the log's record, at the instance. */
static void tell(struct core *core, const struct client *client, int status)
{
    char texts[4][TELL_TEXT_MAX];
    struct str query;
    struct str path = str_cut(client->target, '?', &query);
    const struct str values[] = { client->request_id, client->peer, client->method, path };
    char code[16];
    char ms[32];
    if (core->settings.log_level > LOG_DEBUG) {
        return;
    }
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "%.*s", STR_ARGS(values[i]));
    }
    (void)snprintf(code, sizeof(code), "%d", status);
    (void)snprintf(ms, sizeof(ms), "%.3f", (double)(core->now_ns - client->began_ns) / (double)NS_PER_MS);
    core_line(core, LOG_DEBUG, "answered", "request_id", texts[0], "who", texts[1], "method", texts[2],
              "path", texts[3], "status", code, "ms", ms, NULL);
}

void tally_answer(struct core *core, const struct client *client, int status)
{
    tell(core, client, status);
    enum tally_class class = class_of(client);
    enum tally_outcome outcome = status < 400 ? TALLY_OK : status < 500 ? TALLY_REJECTED : TALLY_FAILED;
    for (size_t k = 0; k < TALLY_CODES; k++) {
        if (status == codes[k]) {
            outcome = TALLY_REFUSED;
            core->tally.refused[class][k]++;
        }
    }
    core->tally.answers[class][outcome]++;
    count_time(&core->tally.times[class], core->now_ns - client->began_ns);
    if (status < 500) {
        core->stats.ok++;
    } else {
        core->stats.failed++;
    }
}

void tally_undelivered(struct core *core)
{
    core->tally.undelivered++;
    core->stats.failed++;
}
