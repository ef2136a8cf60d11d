/* What /status says with a word: is_replaying, and healthy for each instance.
 *
 * is_replaying with nothing pending is a lie when it lasts; so is "healthy" of an instance that nobody can
 * have reached for longer than the health checks need to notice.  An instance is out of reach for certain
 * only where its process is gone or its port closed; every other fault may let a probe through.  And a
 * balancer that has drained, all its instances counted as healthy, must not call one of them down.
 *
 * A sample without an answer begins everything anew: a balancer that was away has to look first. */
#include "base/units.h"
#include "harness/checkers/evidence.h"
#include "harness/checkers/status_lie.h"
#include "harness/checkers/words.h"

#include <stdarg.h>
#include <stdio.h>

#define REPLAY_PATIENCE_NS (INT64_C(10) * (int64_t)NS_PER_S)

void status_lie_note(struct status_lie *lie, int64_t at_ns, int64_t since_ns, const char *format, ...)
{
    if (lie->found) {
        return;
    }
    lie->found = true;
    lie->at_ns = at_ns;
    lie->since_ns = since_ns;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(lie->text, sizeof(lie->text), format, args); /* a few figures; cut is no harm */
    va_end(args);
}

bool status_lie_lasts(int64_t *since_ns, bool wrong, int64_t at_ns, int64_t patience_ns)
{
    if (!wrong) {
        *since_ns = HISTORY_NEVER;
        return false;
    }
    *since_ns = *since_ns == HISTORY_NEVER ? at_ns : *since_ns;
    return at_ns - *since_ns >= patience_ns;
}

static bool out_of_reach(const struct checker_input *input, uint32_t instance, int64_t at_ns)
{
    for (size_t i = 0; i < input->outage_count; i++) {
        const struct checker_outage *o = &input->outages[i];
        if (o->instance == instance && o->start_ns <= at_ns && at_ns < o->end_ns) {
            return true;
        }
    }
    return false;
}

void status_flags(const struct checker_input *input, struct status_lie *lie)
{
    const struct history *h = input->history;
    uint32_t instances = input->has_replica ? 2 : 1;
    int64_t replaying_since = HISTORY_NEVER;
    int64_t away_since[INSTANCE_COUNT] = { HISTORY_NEVER, HISTORY_NEVER };
    for (size_t n = 0; n < h->sample_count; n++) {
        const struct status_sample *s = &h->samples[n];
        bool idle_replay = s->answered && s->is_replaying && s->pending_writes <= 0;
        if (status_lie_lasts(&replaying_since, idle_replay, s->at_ns, REPLAY_PATIENCE_NS)) {
            status_lie_note(lie, s->at_ns, replaying_since, "is_replaying was true with nothing pending");
        }
        for (uint32_t i = 0; i < instances; i++) {
            bool wrong = s->answered && s->healthy[i] && out_of_reach(input, i, s->at_ns);
            if (status_lie_lasts(&away_since[i], wrong, s->at_ns, (int64_t)input->notice_ns)) {
                status_lie_note(lie, s->at_ns, away_since[i],
                                "%s was called healthy, but nobody could reach it", words_instance(i));
            }
        }
    }
    const struct status_sample *last = h->sample_count == 0 ? NULL : &h->samples[h->sample_count - 1];
    for (uint32_t i = 0; i < instances && input->drained && last != NULL && last->answered; i++) {
        if (!last->healthy[i]) {
            status_lie_note(lie, last->at_ns, last->at_ns,
                            "%s was called down by a balancer that had drained to all of its instances",
                            words_instance(i));
        }
    }
}
