/* The score: four times since the incident began, and a verdict for each step.
 *
 *   detect    the first look at the system after it
 *   diagnose  the first step of looking at which the operator saw what the guide says they should see
 *   act       the first thing that changes something: a restart, an order to /admin, any write
 *   recover   both instances healthy and nothing pending, for good
 *
 * What was held (pause) counts in none of them. */
#include "harness/drill/drill.h"

#include <stdio.h>
#include <string.h>

const char *drill_verdict_name(enum drill_verdict verdict)
{
    static const char *const names[] = {
        [DRILL_OPEN] = "open",   [DRILL_DONE] = "done",     [DRILL_LATE] = "late",
        [DRILL_WRONG] = "wrong", [DRILL_MISSED] = "missed", [DRILL_NOT_DUE] = "not due",
    };
    return names[verdict];
}

const char *drill_deed_name(enum drill_deed deed)
{
    static const char *const names[] = {
        [DRILL_DEED_REQUEST] = "request",   [DRILL_DEED_COMMAND] = "command",
        [DRILL_DEED_RESTART] = "restart",   [DRILL_DEED_HINT] = "hint",
        [DRILL_DEED_PAUSE] = "pause",       [DRILL_DEED_RESUME] = "resume",
        [DRILL_DEED_STRANGER] = "stranger", [DRILL_DEED_END] = "end",
    };
    return names[deed];
}

/* What of a stretch the operator did not hold. */
static int64_t time_between(const struct drill *d, int64_t from_ns, int64_t to_ns)
{
    int64_t length_ns = to_ns - from_ns;
    for (size_t i = 0; i < d->hold_count; i++) {
        int64_t start_ns = d->holds[i].start_ns > from_ns ? d->holds[i].start_ns : from_ns;
        int64_t end_ns = d->holds[i].end_ns < to_ns ? d->holds[i].end_ns : to_ns;
        length_ns -= end_ns > start_ns ? end_ns - start_ns : 0;
    }
    return length_ns;
}

static void judge_step(const struct drill *d, struct drill_step *step)
{
    int64_t person_ns = (int64_t)((double)DRILL_GRACE_PERSON_NS * d->speed);
    int64_t grace_ns = person_ns > DRILL_GRACE_NS ? person_ns : DRILL_GRACE_NS;
    step->late_ns = 0;
    if (step->done_ns != HISTORY_NEVER && step->due_ns != HISTORY_NEVER) {
        step->late_ns = step->done_ns >= step->due_ns ? time_between(d, step->due_ns, step->done_ns)
                                                      : -time_between(d, step->done_ns, step->due_ns);
    }
    if (step->done_ns != HISTORY_NEVER) {
        step->verdict = step->late_ns > grace_ns ? DRILL_LATE : DRILL_DONE;
    } else if (step->tries > 0) {
        step->verdict = DRILL_WRONG;
    } else if (step->due_ns == HISTORY_NEVER || time_between(d, step->due_ns, d->end_ns) < person_ns) {
        step->verdict = DRILL_NOT_DUE; /* or not long enough for anybody */
    } else {
        step->verdict = DRILL_MISSED;
    }
}

static void count_step(struct drill_score *score, const struct drill_step *step)
{
    score->done += step->verdict == DRILL_DONE ? 1 : 0;
    score->late += step->verdict == DRILL_LATE ? 1 : 0;
    score->wrong += step->verdict == DRILL_WRONG ? 1 : 0;
    score->missed += step->verdict == DRILL_MISSED ? 1 : 0;
    score->not_due += step->verdict == DRILL_NOT_DUE ? 1 : 0;
    score->of += step->verdict == DRILL_NOT_DUE ? 0 : 2;
    if (step->verdict == DRILL_DONE || step->verdict == DRILL_LATE) {
        score->points += step->verdict == DRILL_DONE && step->hints == 0 ? 2 : 1;
    }
}

static bool looks(const struct drill_action *action)
{
    return action->deed == DRILL_DEED_REQUEST && strncmp(action->text, "GET ", 4) == 0;
}

static bool changes(const struct drill_action *action)
{
    return action->deed == DRILL_DEED_RESTART ||
           (action->deed == DRILL_DEED_REQUEST && strncmp(action->text, "GET ", 4) != 0 &&
            strncmp(action->text, "HEAD ", 5) != 0);
}

static void first_of(const struct drill *d, int64_t at_ns, int64_t *first_ns)
{
    if (at_ns != HISTORY_NEVER && at_ns >= d->incident_ns) {
        int64_t since_ns = time_between(d, d->incident_ns, at_ns);
        *first_ns = *first_ns == HISTORY_NEVER || since_ns < *first_ns ? since_ns : *first_ns;
    }
}

static void judge_times(struct drill *d)
{
    struct drill_score *score = &d->score;
    if (d->incident_ns == HISTORY_NEVER) {
        return;
    }
    for (size_t i = 0; i < d->action_count; i++) {
        if (looks(&d->actions[i])) {
            first_of(d, d->actions[i].at_ns, &score->detect_ns);
        }
        if (changes(&d->actions[i])) {
            first_of(d, d->actions[i].at_ns, &score->act_ns);
        }
    }
    for (size_t i = 0; i < d->step_count; i++) {
        if (d->steps[i].kind == DRILL_LOOK) {
            first_of(d, d->steps[i].done_ns, &score->diagnose_ns);
        }
    }
    first_of(d, d->recovered_ns, &score->recover_ns);
}

void drill_judge_all(struct drill *d)
{
    d->score = (struct drill_score){ .detect_ns = HISTORY_NEVER,
                                     .diagnose_ns = HISTORY_NEVER,
                                     .act_ns = HISTORY_NEVER,
                                     .recover_ns = HISTORY_NEVER };
    for (size_t i = 0; i < d->step_count; i++) {
        judge_step(d, &d->steps[i]);
        count_step(&d->score, &d->steps[i]);
    }
    for (size_t i = 0; i < d->action_count; i++) {
        d->score.mistakes += d->actions[i].mistake != NULL ? 1 : 0;
        d->score.hints += d->actions[i].deed == DRILL_DEED_HINT ? 1 : 0;
    }
    judge_times(d);
}

void drill_words(const struct drill *d, char *out, size_t size)
{
    const struct drill_score *s = &d->score;
    unsigned expected = s->done + s->late + s->wrong + s->missed;
    size_t used = (size_t)snprintf(out, size, "%u of %u steps done in time", s->done, expected);
    const struct {
        unsigned count;
        const char *what;
    } parts[] = { { s->late, "late" }, { s->wrong, "not as the guide expects" }, { s->missed, "missed" } };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && used < size; i++) {
        if (parts[i].count > 0) {
            used += (size_t)snprintf(out + used, size - used, ", %u %s", parts[i].count, parts[i].what);
        }
    }
    if (used < size) {
        used += (size_t)snprintf(out + used, size - used, "; %u mistake%s, %u hint%s.", s->mistakes,
                                 s->mistakes == 1 ? "" : "s", s->hints, s->hints == 1 ? "" : "s");
    }
    if (d->lost > 0 && used < size) {
        used +=
            (size_t)snprintf(out + used, size - used,
                             " Restarting the load balancer cost %.0f acknowledged writes: its queue was in "
                             "memory only.",
                             d->lost);
    }
    if (d->ended != NULL && used < size) {
        (void)snprintf(out + used, size - used, " The drill was ended before its end: %s.", d->ended);
    }
}
