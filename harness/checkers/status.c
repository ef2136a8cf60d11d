/* status_truthful: what /status said against what was so at that instant.
 *
 * Nobody outside can see the very instant at which the balancer wrote its answer, nor when it learnt of
 * an application, so each figure is held between two bounds that are certain:
 *   at least  writes acknowledged before the request for /status went out, less those the primary had
 *             applied when the answer was in;
 *   at most   writes sent by then, less those whose last answer had left the primary before.
 * The lower bound needs no patience: a balancer that shows less hides something.  The upper one must be
 * broken for a while on end, because an answer needs time to arrive and a restarted balancer to find its
 * place in the log.  The age of the oldest pending write is bounded in the same manner. */
#include "base/memory.h"
#include "base/units.h"
#include "harness/checkers/evidence.h"
#include "harness/checkers/oracles.h"
#include "harness/checkers/status_lie.h"
#include "harness/checkers/words.h"

#include <inttypes.h>

#define TEXT_MAX 8192
/* An application whose answer never left is known when the balancer has asked again: within its patience, and
 * behind what is asked again before. */
#define UNANSWERED_NS (INT64_C(60) * (int64_t)NS_PER_S)
/* How long on end a figure must be too high to be called a lie. */
#define PATIENCE_NS (INT64_C(10) * (int64_t)NS_PER_S)
/* Rounding of an age to whole seconds, and a scaled clock's jitter. */
#define AGE_TOLERANCE_S 3.0

/* A sorted list of instants, and how many have passed. */
struct clock_hand {
    struct keyed *list;
    size_t count;
    size_t passed;
};

struct truth {
    struct clock_hand acknowledged; /* by acknowledgement */
    struct clock_hand applied;      /* acknowledged ones, by first application on the primary */
    struct clock_hand sent;         /* writes that were not refused, by send */
    struct clock_hand known;        /* those, by the answer to the last application */
    size_t oldest_certain;          /* into acknowledged */
    size_t oldest_possible;         /* into sent */
    int64_t *known_ns;              /* by operation */
};

static void hand_add(struct clock_hand *hand, int64_t at_ns, uint32_t op)
{
    if (at_ns != EVIDENCE_FOREVER) {
        hand->list[hand->count++] = (struct keyed){ .key = keyed_time(at_ns), .index = op };
    }
}

/* How many lie strictly before (or also at) the instant; instants must not go back. */
static size_t hand_move(struct clock_hand *hand, int64_t to_ns, bool inclusive)
{
    uint64_t to = keyed_time(to_ns);
    while (hand->passed < hand->count &&
           (hand->list[hand->passed].key < to || (inclusive && hand->list[hand->passed].key == to))) {
        hand->passed++;
    }
    return hand->passed;
}

static int64_t known_of(const struct trace *t)
{
    if (t->known_ns != EVIDENCE_FOREVER) {
        return t->known_ns > t->last_ns ? t->known_ns : t->last_ns;
    }
    return t->last == EVIDENCE_NOWHERE ? EVIDENCE_FOREVER : t->last_ns + UNANSWERED_NS;
}

/* Done already, brought there by a copy, or made good by laying both instances side by side (which need not
 * write anything where a younger write has settled it): all count as applied from the start, because when it
 * came to be so is not known. */
static bool untraced(const struct evidence *e, size_t op)
{
    const struct trace *primary = &e->traces[0][op];
    bool made_good = e->instances == 2 && e->h->resynced[0] && e->traces[1][op].ever_ns != EVIDENCE_FOREVER;
    return primary->ever_ns == EVIDENCE_FOREVER && (primary->settled || e->lost_state[0] || made_good);
}

static void truth_init(struct truth *t, const struct evidence *e)
{
    const struct history *h = e->h;
    *t = (struct truth){ 0 };
    struct clock_hand *hands[] = { &t->acknowledged, &t->applied, &t->sent, &t->known };
    for (size_t i = 0; i < sizeof(hands) / sizeof(hands[0]); i++) {
        hands[i]->list = keyed_alloc(h->op_count + 1, sizeof(*hands[i]->list));
    }
    t->known_ns = keyed_alloc(h->op_count + 1, sizeof(*t->known_ns));
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        if (!chroma_op_is_write(op->op) || op_refused(op)) {
            continue;
        }
        const struct trace *primary = &e->traces[0][i];
        t->known_ns[i] = known_of(primary);
        hand_add(&t->sent, op->sent_ns, (uint32_t)i);
        hand_add(&t->known, t->known_ns[i], (uint32_t)i);
        if (op_acknowledged(op)) {
            bool before = untraced(e, i);
            hand_add(&t->acknowledged, op->done_ns, (uint32_t)i);
            hand_add(&t->applied, before ? HISTORY_NEVER : primary->ever_ns, (uint32_t)i);
        }
    }
    for (size_t i = 0; i < sizeof(hands) / sizeof(hands[0]); i++) {
        keyed_sort(hands[i]->list, hands[i]->count);
    }
}

static void truth_deinit(struct truth *t)
{
    mem_free(t->acknowledged.list);
    mem_free(t->applied.list);
    mem_free(t->sent.list);
    mem_free(t->known.list);
    mem_free(t->known_ns);
}

/* The acknowledgement of the oldest write that is pending for certain; HISTORY_NEVER = none. */
static int64_t oldest_certain(struct truth *t, const struct evidence *e, int64_t from_ns, int64_t to_ns)
{
    const struct clock_hand *a = &t->acknowledged;
    while (t->oldest_certain < a->count) {
        uint32_t op = a->list[t->oldest_certain].index;
        const struct trace *primary = &e->traces[0][op];
        if (e->h->ops[op].done_ns >= from_ns) {
            return HISTORY_NEVER;
        }
        if (primary->ever_ns > to_ns && !untraced(e, op)) {
            return e->h->ops[op].done_ns;
        }
        t->oldest_certain++;
    }
    return HISTORY_NEVER;
}

/* The send of the oldest write that may be pending; HISTORY_NEVER = none. */
static int64_t oldest_possible(struct truth *t, const struct evidence *e, int64_t from_ns, int64_t to_ns)
{
    const struct clock_hand *s = &t->sent;
    while (t->oldest_possible < s->count) {
        uint32_t op = s->list[t->oldest_possible].index;
        if (e->h->ops[op].sent_ns > to_ns) {
            return HISTORY_NEVER;
        }
        if (t->known_ns[op] > from_ns) {
            return e->h->ops[op].sent_ns;
        }
        t->oldest_possible++;
    }
    return HISTORY_NEVER;
}

static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

/* Has it been wrong for so long that it is a lie? */
static bool lasts(int64_t *since_ns, bool wrong, int64_t at_ns)
{
    return status_lie_lasts(since_ns, wrong, at_ns, PATIENCE_NS);
}

static double at_least_zero(double value)
{
    return value > 0 ? value : 0;
}

struct watch {
    struct truth truth;
    struct status_lie lie;
    int64_t high_since, age_since, failed_since;
    uint64_t judged;
    bool bounded_above; /* false when the primary forgot something: what is pending again is not known */
};

static void judge_pending(struct watch *w, const struct history *h, const struct status_sample *s,
                          int64_t from_ns, int64_t to_ns)
{
    double set_aside = at_least_zero(s->dead_letters) + (double)(h->lb_lost_queue ? h->lost_on_crash : 0);
    size_t acknowledged = hand_move(&w->truth.acknowledged, from_ns, false);
    size_t applied = hand_move(&w->truth.applied, to_ns, true);
    size_t sent = hand_move(&w->truth.sent, to_ns, true);
    size_t known = hand_move(&w->truth.known, from_ns, false);
    double least = acknowledged > applied ? (double)(acknowledged - applied) - set_aside : 0;
    double most = sent > known ? (double)(sent - known) : 0;
    double held = s->pending_writes + at_least_zero(s->dead_letters);
    if (s->pending_writes < least) {
        status_lie_note(
            &w->lie, s->at_ns, s->at_ns,
            "pending_writes was %g, but at least %g acknowledged writes were not applied on the primary",
            s->pending_writes, least);
    }
    if (lasts(&w->high_since, w->bounded_above && s->pending_writes > most, s->at_ns)) {
        status_lie_note(&w->lie, s->at_ns, w->high_since,
                        "pending_writes was %g, but at most %g writes could have been pending",
                        s->pending_writes, most);
    }
    if (lasts(&w->failed_since, s->failed_replays > held, s->at_ns)) {
        status_lie_note(&w->lie, s->at_ns, w->failed_since,
                        "failed_replays was %g, but only %g writes were pending or dead-lettered",
                        s->failed_replays, held);
    }
}

static void judge_age(struct watch *w, const struct evidence *e, const struct status_sample *s,
                      int64_t from_ns, int64_t to_ns)
{
    int64_t certain = oldest_certain(&w->truth, e, from_ns, to_ns);
    int64_t possible = oldest_possible(&w->truth, e, from_ns, to_ns);
    bool aside = s->dead_letters > 0 || e->h->lb_lost_queue;
    double least = certain == HISTORY_NEVER ? 0 : seconds(from_ns - certain);
    double most = possible == HISTORY_NEVER ? 0 : seconds(to_ns - possible);
    if (!aside && s->oldest_pending_s + AGE_TOLERANCE_S < least) {
        status_lie_note(
            &w->lie, s->at_ns, s->at_ns,
            "oldest_pending was %g s (-1 = null), but a write had been pending for at least %.1f s",
            s->oldest_pending_s, least);
    }
    bool too_old = w->bounded_above && s->oldest_pending_s > most + AGE_TOLERANCE_S;
    if (lasts(&w->age_since, too_old, s->at_ns)) {
        status_lie_note(&w->lie, s->at_ns, w->age_since,
                        "oldest_pending was %g s, but no write can have been pending for more than %.1f s",
                        s->oldest_pending_s, most);
    }
}

static void watch_samples(struct watch *w, const struct evidence *e)
{
    const struct history *h = e->h;
    int64_t latest = HISTORY_NEVER;
    for (size_t i = 0; i < h->sample_count; i++) {
        const struct status_sample *s = &h->samples[i];
        if (!s->answered || s->pending_writes < 0) {
            w->high_since = w->age_since = w->failed_since = HISTORY_NEVER;
            continue;
        }
        int64_t from_ns = s->at_ns - (int64_t)s->latency_ns;
        int64_t to_ns = s->at_ns + (int64_t)s->latency_ns;
        if (from_ns < latest) {
            continue; /* overlaps the one before, which was slow: time must not go back */
        }
        latest = to_ns;
        w->judged++;
        judge_pending(w, h, s, from_ns, to_ns);
        judge_age(w, e, s, from_ns, to_ns);
    }
}

void oracle_status_truthful(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected =
        "pending_writes, oldest_pending, failed_replays, is_replaying and healthy agree with what clients "
        "and "
        "instances saw at that instant";
    struct evidence e;
    evidence_init(&e, input);
    struct watch w = { .high_since = HISTORY_NEVER,
                       .age_since = HISTORY_NEVER,
                       .failed_since = HISTORY_NEVER };
    w.bounded_above = !e.lost_state[0];
    truth_init(&w.truth, &e);
    watch_samples(&w, &e);
    status_flags(input, &w.lie);
    struct buf saw;
    buf_init(&saw, TEXT_MAX);
    if (!w.lie.found) {
        buf_printf(&saw, "%" PRIu64 " samples judged, all within what can be known", w.judged);
        words_pass(out, expected, &saw);
    } else {
        buf_append_text(&saw, "at ");
        words_time(&saw, w.lie.at_ns);
        buf_printf(&saw, " %s", w.lie.text);
        if (w.lie.since_ns != w.lie.at_ns) {
            buf_append_text(&saw, ", and so since ");
            words_time(&saw, w.lie.since_ns);
        }
        words_fail(out, expected, &saw, w.lie.at_ns);
    }
    truth_deinit(&w.truth);
    evidence_deinit(&e);
}
