/* What breaks in a campaign: faults of the instances, deaths and pauses, an instance that comes back with
 * less, records that every instance refuses, and answers that are not what they seem. */
#include "harness/cli/campaign_draw.h"

#include "base/memory.h"
#include "base/units.h"
#include <inttypes.h>

enum drawn_fault {
    DRAWN_REFUSE,
    DRAWN_DELAY,
    DRAWN_UNANSWERED,
    DRAWN_LATE,
    DRAWN_RESPOND,
    DRAWN_BLACKHOLE,
    DRAWN_RESET,
    DRAWN_PARTIAL,
    DRAWN_CLIFF,
    DRAWN_RECOVER,
    DRAWN_FLAP,
    DRAWN_INSTANCE_KILL,
    DRAWN_INSTANCE_LOSS,
    DRAWN_LB_KILL,
    DRAWN_LB_PAUSE,
    DRAWN_COUNT
};

static const char *draw_match(struct draw *d)
{
    static const char *const matches[] = { "",
                                           ",\"match\":{\"op\":\"write\"}",
                                           ",\"match\":{\"op\":\"record\"}",
                                           ",\"match\":{\"op\":\"upsert\"}",
                                           ",\"match\":{\"op\":\"add\"}",
                                           ",\"match\":{\"op\":\"delete\"}" };
    return matches[draw_between(d, 0, sizeof(matches) / sizeof(matches[0]) - 1)];
}

static const char *draw_then(struct draw *d)
{
    static const char *const thens[] = { "hang", "close", "reset" };
    return thens[draw_between(d, 0, 2)];
}

/* A statement for each draw: the order of a call's arguments is the compiler's own, and a seed must mean the
 * same campaign under every one of them. */
static char *draw_delay(struct draw *d, uint64_t share)
{
    const char *match = draw_match(d);
    const char *before = draw_chance(d, 1, 2) ? "apply" : "answer";
    uint64_t spread_ms = draw_between(d, 0, 2000);
    uint64_t by_ms = draw_between(d, 1, 80) * 100;
    return draw_text("{\"do\":\"delay\",\"by\":\"%" PRIu64 "ms\",\"spread\":\"%" PRIu64
                     "ms\",\"before\":\"%s\",\"share\":\"%" PRIu64 "%%\"%s}",
                     by_ms, spread_ms, before, share, match);
}

static char *draw_flap(struct draw *d)
{
    uint64_t down_ms = draw_between(d, 200, 5000);
    uint64_t up_ms = draw_between(d, 200, 5000);
    return draw_text("{\"do\":\"flap\",\"up\":\"%" PRIu64 "ms\",\"down\":\"%" PRIu64 "ms\"}", up_ms, down_ms);
}

static char *draw_late(struct draw *d, uint64_t share)
{
    const char *match = draw_match(d);
    const char *then = draw_then(d);
    uint64_t by_ms = draw_between(d, 1, 220) * 100;
    return draw_text("{\"do\":\"late\",\"by\":\"%" PRIu64 "ms\",\"then\":\"%s\",\"share\":\"%" PRIu64
                     "%%\"%s}",
                     by_ms, then, share, match);
}

static char *draw_respond(struct draw *d, uint64_t share)
{
    static const unsigned statuses[] = { 500, 502, 503, 503, 504 };
    const char *match = draw_match(d);
    uint64_t apply_first = draw_chance(d, 1, 2) ? 0 : draw_between(d, 1, 100);
    unsigned status = statuses[draw_between(d, 0, 4)];
    return draw_text("{\"do\":\"respond\",\"status\":%u,\"share\":\"%" PRIu64
                     "%%\",\"apply_first\":\"%" PRIu64 "%%\"%s}",
                     status, share, apply_first, match);
}

static char *draw_partial(struct draw *d, uint64_t share)
{
    uint64_t records = draw_between(d, 0, 3);
    unsigned status = draw_chance(d, 1, 2) ? 500 : 503;
    return draw_text("{\"do\":\"partial\",\"records\":%" PRIu64 ",\"status\":%u,\"share\":\"%" PRIu64 "%%\"}",
                     records, status, share);
}

static char *draw_cliff(struct draw *d)
{
    uint64_t limit = draw_between(d, 2, 30);
    uint64_t collapse_ms = draw_between(d, 5, 80) * 100;
    return draw_text("{\"do\":\"cliff\",\"limit\":%" PRIu64 ",\"collapse\":\"%" PRIu64
                     "ms\",\"match\":{\"op\":\"write\"}}",
                     limit, collapse_ms);
}

static char *draw_recover(struct draw *d)
{
    uint64_t capacity = draw_between(d, 2, 50);
    uint64_t errors = draw_between(d, 0, 80);
    uint64_t over_s = draw_between(d, 5, 60);
    return draw_text("{\"do\":\"recover\",\"capacity\":{\"from\":\"%" PRIu64
                     "%%\",\"to\":\"100%%\",\"over\":\"%" PRIu64 "s\"},\"errors\":{\"from\":\"%" PRIu64
                     "%%\",\"to\":\"0%%\",\"over\":\"%" PRIu64 "s\"}}",
                     capacity, over_s, errors, over_s);
}

static char *draw_document(struct draw *d, enum drawn_fault kind)
{
    static const char *const whens[] = { "before", "during", "after" };
    uint64_t share = draw_chance(d, 1, 2) ? 100 : draw_between(d, 10, 90);
    switch (kind) {
        case DRAWN_REFUSE:
            return mem_strdup("{\"do\":\"refuse\"}");
        case DRAWN_FLAP:
            return draw_flap(d);
        case DRAWN_DELAY:
            return draw_delay(d, share);
        case DRAWN_UNANSWERED: {
            const char *match = draw_match(d);
            return draw_text("{\"do\":\"unanswered\",\"then\":\"%s\",\"share\":\"%" PRIu64 "%%\"%s}",
                             draw_then(d), share, match);
        }
        case DRAWN_LATE:
            return draw_late(d, share);
        case DRAWN_RESPOND:
            return draw_respond(d, share);
        case DRAWN_BLACKHOLE:
            return draw_text("{\"do\":\"blackhole\",\"share\":\"%" PRIu64 "%%\"%s}", share, draw_match(d));
        case DRAWN_RESET: {
            const char *match = draw_match(d);
            return draw_text("{\"do\":\"reset\",\"when\":\"%s\",\"share\":\"%" PRIu64 "%%\"%s}",
                             whens[draw_between(d, 0, 2)], share, match);
        }
        case DRAWN_PARTIAL:
            return draw_partial(d, share);
        case DRAWN_CLIFF:
            return draw_cliff(d);
        case DRAWN_RECOVER:
            return draw_recover(d);
        case DRAWN_INSTANCE_KILL:
        case DRAWN_INSTANCE_LOSS:
        case DRAWN_LB_KILL:
        case DRAWN_LB_PAUSE:
        case DRAWN_COUNT:
            break;
    }
    return NULL;
}

/* Stops of a process: one after another, in slots of the storm, so that no two overlap. */
static void draw_stops(struct draw *d, enum drawn_fault kind, enum scenario_target target)
{
    struct scenario *s = d->s;
    size_t count = (size_t)draw_between(d, 1, 2);
    uint64_t slot_ns = d->storm_ns / count;
    for (size_t i = 0; i < count && s->fault_count < FAULTS_MAX; i++) {
        struct scenario_fault *f = &s->faults[s->fault_count];
        f->name = draw_text("%s%zu", kind == DRAWN_LB_PAUSE ? "pause" : "kill", s->fault_count++);
        f->target = target;
        f->terminate = kind == DRAWN_LB_KILL && d->memory_mode; /* killed, it would lose what it promised */
        f->kill = kind != DRAWN_LB_PAUSE && !f->terminate;
        f->pause = kind == DRAWN_LB_PAUSE;
        f->restart = true;
        f->restart_after_ns = draw_between(d, 1, slot_ns / NS_PER_MS / 2) * NS_PER_MS;
        f->restart_what = RESTART_KEEP;
        f->at = (struct mark){ .phase = 0,
                               .offset_ns = (int64_t)(i * slot_ns + draw_between(d, 0, slot_ns / 3)) };
    }
}

#define NOTICED_NS  (7 * NS_PER_S) /* within so long a health check has seen who is away */
#define LOSS_MAX_NS (20 * NS_PER_S)

/* The balancer's own stops must not hide that an instance was away. */
static void drop_stops(struct draw *d, int64_t from_ns, int64_t to_ns)
{
    struct scenario *s = d->s;
    size_t kept = 0;
    for (size_t i = 0; i < s->fault_count; i++) {
        struct scenario_fault *f = &s->faults[i];
        int64_t back_ns = f->at.offset_ns + (int64_t)f->restart_after_ns;
        if (f->at.offset_ns < to_ns && back_ns > from_ns) {
            mem_free(f->name);
        } else {
            s->faults[kept++] = *f;
        }
    }
    memset(&s->faults[kept], 0, (s->fault_count - kept) * sizeof(*s->faults));
    s->fault_count = kept;
}

/* A machine comes back empty, or restored from a backup.  That takes longer than a health check: nobody can
 * make good what was never seen to be away.  One instance, once: what both have lost nobody can bring back.
 */
static void draw_loss(struct draw *d)
{
    struct scenario *s = d->s;
    uint64_t after_ns = draw_between(d, 8, LOSS_MAX_NS / NS_PER_S) * NS_PER_S;
    uint64_t latest_ms = (d->storm_ns - after_ns - NOTICED_NS) / NS_PER_MS;
    int64_t at_ns = (int64_t)(draw_between(d, 0, latest_ms) * NS_PER_MS);
    drop_stops(d, at_ns, at_ns + (int64_t)(after_ns + NOTICED_NS));
    struct scenario_fault *f = &s->faults[s->fault_count];
    f->name = draw_text("loss%zu", s->fault_count++);
    f->target = draw_chance(d, 1, 2) ? SCENARIO_PRIMARY : SCENARIO_REPLICA;
    f->kill = true;
    f->restart = true;
    f->restart_after_ns = after_ns;
    f->restart_what = draw_chance(d, 1, 2) ? RESTART_EMPTY : RESTART_LOSE_TAIL;
    f->restart_lost_ns = f->restart_what == RESTART_LOSE_TAIL ? draw_between(d, 1, 40) * NS_PER_S : 0;
    f->at = (struct mark){ .phase = 0, .offset_ns = at_ns };
}

/* A fault on one instance; what it does, and when, is still to be said. */
static struct scenario_fault *draw_target(struct draw *d)
{
    struct scenario *s = d->s;
    struct scenario_fault *f = &s->faults[s->fault_count];
    f->name = draw_text("fault%zu", s->fault_count++);
    f->target = draw_chance(d, 2, 3) ? SCENARIO_PRIMARY : SCENARIO_REPLICA;
    return f;
}

static void draw_length(struct draw *d, struct scenario_fault *f)
{
    uint64_t from_ns = draw_between(d, 0, d->storm_ns / NS_PER_MS) * NS_PER_MS;
    uint64_t length_ns = draw_between(d, 1, d->storm_ns / NS_PER_MS / 2) * NS_PER_MS;
    f->at = (struct mark){ .phase = 0, .offset_ns = (int64_t)(from_ns % d->storm_ns) };
    f->has_end = true;
    f->until = (struct mark){ .phase = 0, .offset_ns = f->at.offset_ns + (int64_t)length_ns };
    if (f->until.offset_ns > (int64_t)d->storm_ns) {
        f->until.offset_ns = (int64_t)d->storm_ns;
    }
}

static void draw_fault(struct draw *d, enum drawn_fault kind)
{
    struct scenario_fault *f = draw_target(d);
    f->document = draw_document(d, kind);
    draw_length(d, f);
}

/* The same record is refused by both instances for as long as the storm lasts, and before any other fault can
 * touch it: a refusal that depends on who is asked, or on when, would be a Chroma that changes its mind.  An
 * instance that was away may take after the storm what the other refused in it, so that the two may well hold
 * different records at the end, as many as there are dead letters. */
static void draw_poison(struct draw *d)
{
    struct scenario *s = d->s;
    uint64_t record = draw_between(d, 0, 3);
    for (unsigned i = 0; i < (s->has_replica ? 2 : 1); i++) {
        struct scenario_fault *f = &s->faults[s->fault_count];
        f->name = draw_text("poison%zu", s->fault_count++);
        f->target = i == 0 ? SCENARIO_PRIMARY : SCENARIO_REPLICA;
        f->document = draw_text(
            "{\"do\":\"respond\",\"status\":%u,\"match\":{\"op\":\"write\",\"id\":\"doc-%06" PRIu64 "\"}}",
            record % 2 == 0 ? 400u : 422u, record);
        f->has_end = true;
        f->until = (struct mark){ .phase = 0, .offset_ns = (int64_t)d->storm_ns };
    }
    s->invariants[INVARIANT_CONVERGE] = false;
}

void draw_faults(struct draw *d, struct prng *root)
{
    struct scenario *s = d->s;
    s->faults = mem_alloc_array(FAULTS_MAX, sizeof(*s->faults));
    bool enabled[DRAWN_COUNT];
    for (size_t i = 0; i < DRAWN_COUNT; i++) {
        enabled[i] = draw_chance(d, 1, 3);
    }
    if (draw_chance(d, 1, 8)) {
        draw_poison(d);
        enabled[DRAWN_INSTANCE_KILL] = false; /* a killed instance forgets its faults */
        struct draw own = { .prng = prng_split(root, "refusals") };
        enabled[DRAWN_LB_KILL] = enabled[DRAWN_LB_KILL] || draw_chance(&own, 1, 2); /* with a no on its way */
    }
    if (enabled[DRAWN_LB_KILL]) {
        d->lb_dies = true;
        draw_stops(d, DRAWN_LB_KILL, SCENARIO_LB);
    } else if (enabled[DRAWN_LB_PAUSE]) {
        draw_stops(d, DRAWN_LB_PAUSE, SCENARIO_LB);
    }
    bool room = d->storm_ns > LOSS_MAX_NS + NOTICED_NS && s->has_replica;
    if (enabled[DRAWN_INSTANCE_LOSS] && room) {
        draw_loss(d);
    } else if (enabled[DRAWN_INSTANCE_KILL]) {
        draw_stops(d, DRAWN_INSTANCE_KILL, draw_chance(d, 2, 3) ? SCENARIO_PRIMARY : SCENARIO_REPLICA);
    }
    size_t count = (size_t)draw_between(d, 0, 5);
    for (size_t i = 0; i < 4 * count && count > 0 && s->fault_count < FAULTS_MAX; i++) {
        enum drawn_fault kind = (enum drawn_fault)draw_between(d, 0, DRAWN_FLAP);
        if (enabled[kind]) {
            draw_fault(d, kind);
            count--;
        }
    }
}

/* Answers that are not what they seem: pages of something in between, refusals for a while, halves of
 * answers. From a stream of its own, so that the rest of a campaign does not change with what is drawn here.
 */
void draw_strange(struct draw *d, struct prng *root)
{
    static const char *const answers[] = {
        "\"do\":\"respond\",\"status\":404,\"body\":\"<html>no such page</html>\"",
        "\"do\":\"respond\",\"status\":429,\"retry_after\":\"2s\"",
        "\"do\":\"respond\",\"status\":408",
        "\"do\":\"malformed\"",
        "\"do\":\"wrong_schema\"",
        "\"do\":\"hang\"",
        "\"do\":\"cut\",\"bytes\":\"60B\",\"then\":\"close\"",
        "\"do\":\"slow\",\"rate\":\"100B\"",
    };
    struct draw own = { .prng = prng_split(root, "strange"), .s = d->s, .storm_ns = d->storm_ns };
    size_t count = draw_chance(&own, 1, 3) ? (size_t)draw_between(&own, 1, 2) : 0;
    for (size_t i = 0; i < count && d->s->fault_count < FAULTS_MAX; i++) {
        struct scenario_fault *f = draw_target(&own);
        const char *answer = answers[draw_between(&own, 0, sizeof(answers) / sizeof(answers[0]) - 1)];
        const char *match = draw_match(&own);
        uint64_t share = draw_between(&own, 10, 100);
        f->document = draw_text("{%s,\"share\":\"%" PRIu64 "%%\"%s}", answer, share, match);
        draw_length(&own, f);
    }
}
