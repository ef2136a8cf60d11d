/* What a campaign may hold: two to three loads on few records (so that clients race), some of them with many
 * clients on few collections (so that writes travel together), gets of what was just written, up to eight
 * faults of a subset of kinds, deaths of the proxy and of instances that keep their data, an instance that
 * comes back with less, records that every instance refuses, collections created and deleted meanwhile, and
 * settings within the documented bounds.
 *
 * Never drawn, because no proxy could keep its promises under it: an instance that lies about applied writes,
 * or forgets them unseen, or both that forget, a lost queue in memory mode (no death of the proxy there), two
 * stops of one process at the same time. */
#include "harness/cli/campaign.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/prng.h"
#include "base/units.h"
#include <inttypes.h>

/* A sync takes this share of a client's budget on average at most, so that a create before the load, which
 * nobody may queue, does not run out of it (a sync may take ten times its mean). */
#define DISK_SHARE      16
#define COLLECTIONS_URL "${lb}/api/v2/tenants/default_tenant/databases/default_database/collections"
#define FAULTS_MAX      14u
#define STEPS_MAX       8u
#define SETTINGS_MAX    24u
#define LOADS_MAX       3u
#define CROWD_SYNC_NS   (50 * NS_PER_MS)

struct draw {
    struct prng prng;
    struct scenario *s;
    uint64_t storm_ns;
    bool memory_mode;
    bool crowd;
    bool lb_dies;
    uint64_t budget_ms; /* REQUEST_TIMEOUT */
};

static uint64_t between(struct draw *d, uint64_t low, uint64_t high)
{
    return prng_between(&d->prng, low, high);
}

static bool chance(struct draw *d, uint64_t numerator, uint64_t denominator)
{
    return prng_chance(&d->prng, numerator, denominator);
}

static char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text(const char *format, ...)
{
    struct buf out;
    buf_init(&out, 4096);
    va_list args;
    va_start(args, format);
    buf_vprintf(&out, format, args);
    va_end(args);
    char *copy = mem_strdup(buf_text(&out));
    buf_deinit(&out);
    return copy;
}

/* ---- settings ---- */

static void set(struct draw *d, const char *name, char *value)
{
    struct scenario *s = d->s;
    s->lb_settings[s->lb_setting_count++] =
        (struct scenario_setting){ .name = mem_strdup(name), .value = value };
}

static void draw_settings(struct draw *d)
{
    d->s->lb_settings = mem_alloc_array(SETTINGS_MAX, sizeof(*d->s->lb_settings));
    set(d, "check_interval", text("%" PRIu64 "ms", between(d, 5, 60) * 100));
    d->budget_ms = between(d, 20, 150) * 100;
    set(d, "request_timeout", text("%" PRIu64 "ms", d->budget_ms));
    set(d, "consistency_window", text("%" PRIu64 "s", between(d, 0, 30)));
    set(d, "read_replica_ratio", text("%" PRIu64 "%%", between(d, 0, 10) * 10));
    set(d, "failure_threshold", text("%" PRIu64, between(d, 1, 4)));
    set(d, "recovery_threshold", text("%" PRIu64, between(d, 1, 2)));
    set(d, "replay_max_attempts", text("%" PRIu64, between(d, 1, 5)));
    set(d, "wal_segment_bytes", mem_strdup("1MiB"));
    if (chance(d, 1, 6)) {
        set(d, "when_none_up", mem_strdup("refuse"));
    }
    if (chance(d, 1, 3)) {
        set(d, "replay_batch_records", text("%" PRIu64, between(d, 1, 40)));
    }
    d->memory_mode = chance(d, 1, 6);
    if (d->memory_mode) {
        set(d, "wal_mode", mem_strdup("memory"));
    }
}

/* ---- load ---- */

static void draw_mix(struct draw *d, struct scenario_load *load, const enum chroma_op *ops, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (chance(d, 2, 3) || (i + 1 == count && load->mix_count == 0)) {
            load->mix[load->mix_count++] =
                (struct scenario_mix){ .op = ops[i], .share = (double)between(d, 1, 10) / 10.0 };
        }
    }
}

static void draw_loads(struct draw *d)
{
    static const enum chroma_op writes[] = { OP_ADD, OP_UPDATE, OP_DELETE, OP_UPSERT };
    static const enum chroma_op reads[] = { OP_COUNT, OP_QUERY, OP_GET };
    struct scenario *s = d->s;
    s->loads = mem_alloc_array(LOADS_MAX, sizeof(*s->loads));
    size_t writers = (size_t)between(d, 1, 2);
    for (size_t i = 0; i < writers; i++) {
        struct scenario_load *load = &s->loads[s->load_count++];
        load->name = text("w%zu", i + 1);
        load->per_second = (double)between(d, 5, 60) / 10.0;
        load->poisson = chance(d, 3, 4);
        load->body_bytes = chance(d, 1, 8) ? between(d, 1000, 40000) : 0;
        load->dimension = 3;
        load->collections = (uint32_t)between(d, 1, 3);
        load->records = (uint32_t)between(d, 1, 20);
        load->timeout_ns = between(d, 10, 200) * 100 * NS_PER_MS;
        if (chance(d, 1, 6)) { /* a crowd: its writes wait behind one another, and join */
            d->crowd = true;
            load->per_second = (double)between(d, 20, 80);
            load->collections = 1;
        }
        draw_mix(d, load, writes, sizeof(writes) / sizeof(writes[0]));
    }
    struct scenario_load *reader = &s->loads[s->load_count++];
    reader->name = mem_strdup("r1");
    reader->per_second = (double)between(d, 2, 30) / 10.0;
    reader->poisson = reader->per_second >= 1; /* one that may offer nothing at all proves nothing */
    reader->dimension = 3;
    reader->timeout_ns = 20 * NS_PER_S;
    reader->collections = 1;
    reader->records = 20;
    draw_mix(d, reader, reads, sizeof(reads) / sizeof(reads[0]));
    reader->mix[reader->mix_count++] = (struct scenario_mix){ .op = OP_GET, .share = 1.0 };
}

/* ---- faults ---- */

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
    return matches[between(d, 0, sizeof(matches) / sizeof(matches[0]) - 1)];
}

static const char *draw_then(struct draw *d)
{
    static const char *const thens[] = { "hang", "close", "reset" };
    return thens[between(d, 0, 2)];
}

/* A statement for each draw: the order of a call's arguments is the compiler's own, and a seed must mean the
 * same campaign under every one of them. */
static char *draw_delay(struct draw *d, uint64_t share)
{
    const char *match = draw_match(d);
    const char *before = chance(d, 1, 2) ? "apply" : "answer";
    uint64_t spread_ms = between(d, 0, 2000);
    uint64_t by_ms = between(d, 1, 80) * 100;
    return text("{\"do\":\"delay\",\"by\":\"%" PRIu64 "ms\",\"spread\":\"%" PRIu64
                "ms\",\"before\":\"%s\",\"share\":\"%" PRIu64 "%%\"%s}",
                by_ms, spread_ms, before, share, match);
}

static char *draw_flap(struct draw *d)
{
    uint64_t down_ms = between(d, 200, 5000);
    uint64_t up_ms = between(d, 200, 5000);
    return text("{\"do\":\"flap\",\"up\":\"%" PRIu64 "ms\",\"down\":\"%" PRIu64 "ms\"}", up_ms, down_ms);
}

static char *draw_late(struct draw *d, uint64_t share)
{
    const char *match = draw_match(d);
    const char *then = draw_then(d);
    uint64_t by_ms = between(d, 1, 220) * 100;
    return text("{\"do\":\"late\",\"by\":\"%" PRIu64 "ms\",\"then\":\"%s\",\"share\":\"%" PRIu64 "%%\"%s}",
                by_ms, then, share, match);
}

static char *draw_respond(struct draw *d, uint64_t share)
{
    static const unsigned statuses[] = { 500, 502, 503, 503, 504 };
    const char *match = draw_match(d);
    uint64_t apply_first = chance(d, 1, 2) ? 0 : between(d, 1, 100);
    unsigned status = statuses[between(d, 0, 4)];
    return text("{\"do\":\"respond\",\"status\":%u,\"share\":\"%" PRIu64 "%%\",\"apply_first\":\"%" PRIu64
                "%%\"%s}",
                status, share, apply_first, match);
}

static char *draw_partial(struct draw *d, uint64_t share)
{
    uint64_t records = between(d, 0, 3);
    unsigned status = chance(d, 1, 2) ? 500 : 503;
    return text("{\"do\":\"partial\",\"records\":%" PRIu64 ",\"status\":%u,\"share\":\"%" PRIu64 "%%\"}",
                records, status, share);
}

static char *draw_cliff(struct draw *d)
{
    uint64_t limit = between(d, 2, 30);
    uint64_t collapse_ms = between(d, 5, 80) * 100;
    return text("{\"do\":\"cliff\",\"limit\":%" PRIu64 ",\"collapse\":\"%" PRIu64
                "ms\",\"match\":{\"op\":\"write\"}}",
                limit, collapse_ms);
}

static char *draw_recover(struct draw *d)
{
    uint64_t capacity = between(d, 2, 50);
    uint64_t errors = between(d, 0, 80);
    uint64_t over_s = between(d, 5, 60);
    return text("{\"do\":\"recover\",\"capacity\":{\"from\":\"%" PRIu64
                "%%\",\"to\":\"100%%\",\"over\":\"%" PRIu64 "s\"},\"errors\":{\"from\":\"%" PRIu64
                "%%\",\"to\":\"0%%\",\"over\":\"%" PRIu64 "s\"}}",
                capacity, over_s, errors, over_s);
}

static char *draw_document(struct draw *d, enum drawn_fault kind)
{
    static const char *const whens[] = { "before", "during", "after" };
    uint64_t share = chance(d, 1, 2) ? 100 : between(d, 10, 90);
    switch (kind) {
        case DRAWN_REFUSE:
            return mem_strdup("{\"do\":\"refuse\"}");
        case DRAWN_FLAP:
            return draw_flap(d);
        case DRAWN_DELAY:
            return draw_delay(d, share);
        case DRAWN_UNANSWERED: {
            const char *match = draw_match(d);
            return text("{\"do\":\"unanswered\",\"then\":\"%s\",\"share\":\"%" PRIu64 "%%\"%s}", draw_then(d),
                        share, match);
        }
        case DRAWN_LATE:
            return draw_late(d, share);
        case DRAWN_RESPOND:
            return draw_respond(d, share);
        case DRAWN_BLACKHOLE:
            return text("{\"do\":\"blackhole\",\"share\":\"%" PRIu64 "%%\"%s}", share, draw_match(d));
        case DRAWN_RESET: {
            const char *match = draw_match(d);
            return text("{\"do\":\"reset\",\"when\":\"%s\",\"share\":\"%" PRIu64 "%%\"%s}",
                        whens[between(d, 0, 2)], share, match);
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
    size_t count = (size_t)between(d, 1, 2);
    uint64_t slot_ns = d->storm_ns / count;
    for (size_t i = 0; i < count && s->fault_count < FAULTS_MAX; i++) {
        struct scenario_fault *f = &s->faults[s->fault_count];
        f->name = text("%s%zu", kind == DRAWN_LB_PAUSE ? "pause" : "kill", s->fault_count++);
        f->target = target;
        f->terminate = kind == DRAWN_LB_KILL && d->memory_mode; /* killed, it would lose what it promised */
        f->kill = kind != DRAWN_LB_PAUSE && !f->terminate;
        f->pause = kind == DRAWN_LB_PAUSE;
        f->restart = true;
        f->restart_after_ns = between(d, 1, slot_ns / NS_PER_MS / 2) * NS_PER_MS;
        f->restart_what = RESTART_KEEP;
        f->at = (struct mark){ .phase = 0, .offset_ns = (int64_t)(i * slot_ns + between(d, 0, slot_ns / 3)) };
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
    uint64_t after_ns = between(d, 8, LOSS_MAX_NS / NS_PER_S) * NS_PER_S;
    uint64_t latest_ms = (d->storm_ns - after_ns - NOTICED_NS) / NS_PER_MS;
    int64_t at_ns = (int64_t)(between(d, 0, latest_ms) * NS_PER_MS);
    drop_stops(d, at_ns, at_ns + (int64_t)(after_ns + NOTICED_NS));
    struct scenario_fault *f = &s->faults[s->fault_count];
    f->name = text("loss%zu", s->fault_count++);
    f->target = chance(d, 1, 2) ? SCENARIO_PRIMARY : SCENARIO_REPLICA;
    f->kill = true;
    f->restart = true;
    f->restart_after_ns = after_ns;
    f->restart_what = chance(d, 1, 2) ? RESTART_EMPTY : RESTART_LOSE_TAIL;
    f->restart_lost_ns = f->restart_what == RESTART_LOSE_TAIL ? between(d, 1, 40) * NS_PER_S : 0;
    f->at = (struct mark){ .phase = 0, .offset_ns = at_ns };
}

/* A fault on one instance; what it does, and when, is still to be said. */
static struct scenario_fault *draw_target(struct draw *d)
{
    struct scenario *s = d->s;
    struct scenario_fault *f = &s->faults[s->fault_count];
    f->name = text("fault%zu", s->fault_count++);
    f->target = chance(d, 2, 3) ? SCENARIO_PRIMARY : SCENARIO_REPLICA;
    return f;
}

static void draw_length(struct draw *d, struct scenario_fault *f)
{
    uint64_t from_ns = between(d, 0, d->storm_ns / NS_PER_MS) * NS_PER_MS;
    uint64_t length_ns = between(d, 1, d->storm_ns / NS_PER_MS / 2) * NS_PER_MS;
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
    uint64_t record = between(d, 0, 3);
    for (unsigned i = 0; i < (s->has_replica ? 2 : 1); i++) {
        struct scenario_fault *f = &s->faults[s->fault_count];
        f->name = text("poison%zu", s->fault_count++);
        f->target = i == 0 ? SCENARIO_PRIMARY : SCENARIO_REPLICA;
        f->document = text(
            "{\"do\":\"respond\",\"status\":%u,\"match\":{\"op\":\"write\",\"id\":\"doc-%06" PRIu64 "\"}}",
            record % 2 == 0 ? 400u : 422u, record);
        f->has_end = true;
        f->until = (struct mark){ .phase = 0, .offset_ns = (int64_t)d->storm_ns };
    }
    s->invariants[INVARIANT_CONVERGE] = false;
}

static void draw_faults(struct draw *d)
{
    struct scenario *s = d->s;
    s->faults = mem_alloc_array(FAULTS_MAX, sizeof(*s->faults));
    bool enabled[DRAWN_COUNT];
    for (size_t i = 0; i < DRAWN_COUNT; i++) {
        enabled[i] = chance(d, 1, 3);
    }
    if (chance(d, 1, 8)) {
        draw_poison(d);
        enabled[DRAWN_INSTANCE_KILL] = false; /* a killed instance forgets its faults */
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
        draw_stops(d, DRAWN_INSTANCE_KILL, chance(d, 2, 3) ? SCENARIO_PRIMARY : SCENARIO_REPLICA);
    }
    size_t count = (size_t)between(d, 0, 5);
    for (size_t i = 0; i < 4 * count && count > 0 && s->fault_count < FAULTS_MAX; i++) {
        enum drawn_fault kind = (enum drawn_fault)between(d, 0, DRAWN_FLAP);
        if (enabled[kind]) {
            draw_fault(d, kind);
            count--;
        }
    }
}

/* Answers that are not what they seem: pages of something in between, refusals for a while, halves of
 * answers. From a stream of its own, so that the rest of a campaign does not change with what is drawn here.
 */
static void draw_strange(struct draw *d, struct prng *root)
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
    size_t count = chance(&own, 1, 3) ? (size_t)between(&own, 1, 2) : 0;
    for (size_t i = 0; i < count && d->s->fault_count < FAULTS_MAX; i++) {
        struct scenario_fault *f = draw_target(&own);
        const char *answer = answers[between(&own, 0, sizeof(answers) / sizeof(answers[0]) - 1)];
        const char *match = draw_match(&own);
        uint64_t share = between(&own, 10, 100);
        f->document = text("{%s,\"share\":\"%" PRIu64 "%%\"%s}", answer, share, match);
        draw_length(&own, f);
    }
}

/* ---- bounds ---- */

/* What the replica was not given for want of room is on the primary only, and gone if that forgets it. */
static bool primary_forgets(const struct scenario *s)
{
    for (size_t i = 0; i < s->fault_count; i++) {
        if (s->faults[i].target == SCENARIO_PRIMARY && s->faults[i].restart_what != RESTART_KEEP) {
            return true;
        }
    }
    return false;
}

/* What bounds the log and what is held of it.  From a stream of its own, so that the rest of a campaign does
 * not change with what is drawn here. */
static void draw_bounds(struct draw *d, struct prng *root)
{
    struct draw own = { .prng = prng_split(root, "bounds"), .s = d->s };
    if (chance(&own, 1, 2) && !d->memory_mode) {
        uint64_t kib = between(&own, 4, 48);
        set(&own, "wal_memory_bytes", text("%" PRIu64 "KiB", kib));
        set(&own, "max_body_bytes", text("%" PRIu64 "KiB", kib));
        if (chance(&own, 1, 2)) { /* so that a backlog does not fit */
            d->s->loads[0].body_bytes = kib * 1024 / between(&own, 3, 12);
        }
    } else if (chance(&own, 1, 6)) { /* so that segments fill up, and are trimmed */
        d->s->loads[0].body_bytes = between(&own, 40, 200) * 1024;
    }
    if (chance(&own, 1, 4) && !primary_forgets(d->s)) {
        set(&own, "wal_max_writes", text("%" PRIu64, between(&own, 10, 80)));
        set(&own, "throttle_start", text("%" PRIu64 "%%", between(&own, 20, 100)));
        set(&own, "throttle_max_delay", text("%" PRIu64 "ms", between(&own, 0, 30) * 100));
    }
    if (chance(&own, 1, 3)) {
        set(&own, "wal_retain", text("%" PRIu64 "s", between(&own, 0, 20)));
    }
}

/* When a write is answered; from a stream of its own, too. */
static void draw_acknowledgement(struct draw *d, struct prng *root)
{
    struct draw own = { .prng = prng_split(root, "acknowledgement"), .s = d->s };
    if (chance(&own, 1, 3) && !d->memory_mode) {
        set(&own, "ack_policy", mem_strdup("durable"));
    }
}

/* ---- collections that come and go ---- */

/* Whatever the answer, even none: the oracles judge what became of the write. */
static void expect_nothing(struct scenario_step *step)
{
    static const char anything[] = "outcome in [answered, refused, timeout, broken]";
    struct expression_scope scope = { .in_step = true };
    struct expression_error error;
    step->assertions = mem_alloc_array(1, sizeof(*step->assertions));
    step->assertions[0].text = mem_strdup(anything);
    step->assertions[0].expression = expression_parse(STR(anything), &scope, &error);
    CHECK(step->assertions[0].expression != NULL);
    step->assertion_count = 1;
}

static void draw_steps(struct draw *d)
{
    struct scenario *s = d->s;
    s->steps = mem_alloc_array(STEPS_MAX, sizeof(*s->steps));
    size_t count = chance(d, 1, 2) ? (size_t)between(d, 1, STEPS_MAX) : 0;
    uint64_t at_ns = 0;
    for (size_t i = 0; i < count; i++) {
        struct scenario_step *step = &s->steps[s->step_count++];
        uint64_t name = between(d, 1, 2);
        at_ns += between(d, 0, d->storm_ns / count / NS_PER_MS) * NS_PER_MS;
        step->at = (struct mark){ .phase = 0, .offset_ns = (int64_t)at_ns };
        step->timeout_ns = 20 * NS_PER_S;
        expect_nothing(step);
        if (chance(d, 1, 3)) {
            step->name = text("delete fuzz-%" PRIu64 " (%zu)", name, i);
            step->method = mem_strdup("DELETE");
            step->url = text(COLLECTIONS_URL "/fuzz-%" PRIu64, name);
        } else {
            step->name = text("create fuzz-%" PRIu64 " (%zu)", name, i);
            step->method = mem_strdup("POST");
            step->url = mem_strdup(COLLECTIONS_URL);
            step->body = text("{\"name\":\"fuzz-%" PRIu64 "\"%s}", name,
                              chance(d, 1, 3) ? ",\"get_or_create\":true" : "");
        }
    }
}

struct scenario *campaign_draw(uint64_t seed, struct runner_options *options)
{
    struct draw d = { .s = mem_alloc(sizeof(*d.s)) };
    struct prng root;
    prng_seed(&root, seed);
    d.prng = prng_split(&root, "campaign");
    struct scenario *s = d.s;
    d.storm_ns = between(&d, 10, 60) * NS_PER_S;
    s->path = mem_strdup("");
    s->name = text("campaign-%" PRIu64, seed);
    s->seed = seed;
    s->wall_limit_ns = 120 * NS_PER_S;
    s->simulated_limit_ns = 3600 * NS_PER_S;
    s->has_replica = chance(&d, 9, 10);
    s->virtual_clock = true;
    for (size_t i = 0; i < 2 && chance(&d, 1, 2); i++) {
        s->latency[i] = mem_strdup("measured-small");
    }
    s->phases = mem_alloc_array(1, sizeof(*s->phases));
    s->phase_count = 1;
    s->phases[0].name = mem_strdup("storm");
    s->phases[0].for_ns = d.storm_ns;
    for (size_t i = 0; i < INVARIANT_COUNT; i++) {
        s->invariants[i] = true;
    }
    draw_settings(&d);
    draw_loads(&d);
    draw_faults(&d);
    draw_bounds(&d, &root);
    draw_acknowledgement(&d, &root);
    draw_strange(&d, &root);
    draw_steps(&d);
    for (size_t i = 0; i < s->fault_count && !s->has_replica; i++) {
        if (s->faults[i].target == SCENARIO_REPLICA) {
            s->faults[i].target = SCENARIO_PRIMARY;
        }
    }
    options->no_gate = true;
    options->no_samples = chance(&d, 3, 4);
    options->sample_ns = NS_PER_S;
    /* A slow disk keeps the time between written and durable open long enough for a crash to fall into it. */
    bool fast = chance(&d, 1, d.lb_dies ? 8 : 2);
    options->disk_sync_ns = fast ? 0 : between(&d, 10, 400) * NS_PER_MS;
    uint64_t slowest_ns = d.budget_ms * NS_PER_MS / DISK_SHARE;
    if (d.crowd && slowest_ns > CROWD_SYNC_NS) {
        slowest_ns = CROWD_SYNC_NS; /* an update costs two syncs of its lane: thousands would never end */
    }
    options->disk_sync_ns = options->disk_sync_ns > slowest_ns ? slowest_ns : options->disk_sync_ns;
    return s;
}
