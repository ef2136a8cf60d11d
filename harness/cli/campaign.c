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
#include "harness/cli/campaign_draw.h"

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
#define STEPS_MAX       8u
#define SETTINGS_MAX    24u
#define LOADS_MAX       3u
#define CROWD_SYNC_NS   (50 * NS_PER_MS)

uint64_t draw_between(struct draw *d, uint64_t low, uint64_t high)
{
    return prng_between(&d->prng, low, high);
}

bool draw_chance(struct draw *d, uint64_t numerator, uint64_t denominator)
{
    return prng_chance(&d->prng, numerator, denominator);
}

char *draw_text(const char *format, ...)
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
    set(d, "check_interval", draw_text("%" PRIu64 "ms", draw_between(d, 5, 60) * 100));
    d->budget_ms = draw_between(d, 20, 150) * 100;
    set(d, "request_timeout", draw_text("%" PRIu64 "ms", d->budget_ms));
    set(d, "consistency_window", draw_text("%" PRIu64 "s", draw_between(d, 0, 30)));
    set(d, "read_replica_ratio", draw_text("%" PRIu64 "%%", draw_between(d, 0, 10) * 10));
    set(d, "failure_threshold", draw_text("%" PRIu64, draw_between(d, 1, 4)));
    set(d, "recovery_threshold", draw_text("%" PRIu64, draw_between(d, 1, 2)));
    set(d, "replay_max_attempts", draw_text("%" PRIu64, draw_between(d, 1, 5)));
    set(d, "wal_segment_bytes", mem_strdup("1MiB"));
    if (draw_chance(d, 1, 6)) {
        set(d, "when_none_up", mem_strdup("refuse"));
    }
    if (draw_chance(d, 1, 3)) {
        set(d, "replay_batch_records", draw_text("%" PRIu64, draw_between(d, 1, 40)));
    }
    d->memory_mode = draw_chance(d, 1, 6);
    if (d->memory_mode) {
        set(d, "wal_mode", mem_strdup("memory"));
    }
}

/* ---- load ---- */

static void draw_mix(struct draw *d, struct scenario_load *load, const enum chroma_op *ops, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (draw_chance(d, 2, 3) || (i + 1 == count && load->mix_count == 0)) {
            load->mix[load->mix_count++] =
                (struct scenario_mix){ .op = ops[i], .share = (double)draw_between(d, 1, 10) / 10.0 };
        }
    }
}

static void draw_loads(struct draw *d)
{
    static const enum chroma_op writes[] = { OP_ADD, OP_UPDATE, OP_DELETE, OP_UPSERT };
    static const enum chroma_op reads[] = { OP_COUNT, OP_QUERY, OP_GET };
    struct scenario *s = d->s;
    s->loads = mem_alloc_array(LOADS_MAX, sizeof(*s->loads));
    size_t writers = (size_t)draw_between(d, 1, 2);
    for (size_t i = 0; i < writers; i++) {
        struct scenario_load *load = &s->loads[s->load_count++];
        load->name = draw_text("w%zu", i + 1);
        load->per_second = (double)draw_between(d, 5, 60) / 10.0;
        load->poisson = draw_chance(d, 3, 4);
        load->body_bytes = draw_chance(d, 1, 8) ? draw_between(d, 1000, 40000) : 0;
        load->dimension = 3;
        load->collections = (uint32_t)draw_between(d, 1, 3);
        load->records = (uint32_t)draw_between(d, 1, 20);
        load->timeout_ns = draw_between(d, 10, 200) * 100 * NS_PER_MS;
        if (draw_chance(d, 1, 6)) { /* a crowd: its writes wait behind one another, and join */
            d->crowd = true;
            load->per_second = (double)draw_between(d, 20, 80);
            load->collections = 1;
        }
        draw_mix(d, load, writes, sizeof(writes) / sizeof(writes[0]));
    }
    struct scenario_load *reader = &s->loads[s->load_count++];
    reader->name = mem_strdup("r1");
    reader->per_second = (double)draw_between(d, 2, 30) / 10.0;
    reader->poisson = reader->per_second >= 1; /* one that may offer nothing at all proves nothing */
    reader->dimension = 3;
    reader->timeout_ns = 20 * NS_PER_S;
    reader->collections = 1;
    reader->records = 20;
    draw_mix(d, reader, reads, sizeof(reads) / sizeof(reads[0]));
    reader->mix[reader->mix_count++] = (struct scenario_mix){ .op = OP_GET, .share = 1.0 };
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
    if (draw_chance(&own, 1, 2) && !d->memory_mode) {
        uint64_t kib = draw_between(&own, 4, draw_chance(&own, 1, 4) ? 128 : 48);
        set(&own, "wal_memory_bytes", draw_text("%" PRIu64 "KiB", kib));
        set(&own, "max_body_bytes", draw_text("%" PRIu64 "KiB", kib));
        if (draw_chance(&own, 1, 2)) { /* so that a backlog does not fit */
            d->s->loads[0].body_bytes = kib * 1024 / draw_between(&own, 6, 24);
        }
    } else if (draw_chance(&own, 1, 10)) { /* so that segments fill up, and are trimmed */
        d->s->loads[0].body_bytes = draw_between(&own, 20, 60) * 1024;
    }
    if (draw_chance(&own, 1, 4) && !primary_forgets(d->s)) {
        set(&own, "wal_max_writes", draw_text("%" PRIu64, draw_between(&own, 10, 80)));
        set(&own, "throttle_start", draw_text("%" PRIu64 "%%", draw_between(&own, 20, 100)));
        set(&own, "throttle_max_delay", draw_text("%" PRIu64 "ms", draw_between(&own, 0, 30) * 100));
    }
    if (draw_chance(&own, 1, 3)) {
        set(&own, "wal_retain", draw_text("%" PRIu64 "s", draw_between(&own, 0, 20)));
    }
}

/* When a write is answered; from a stream of its own, too. */
static void draw_acknowledgement(struct draw *d, struct prng *root)
{
    struct draw own = { .prng = prng_split(root, "acknowledgement"), .s = d->s };
    if (draw_chance(&own, 1, 3) && !d->memory_mode) {
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
    size_t count = draw_chance(d, 1, 2) ? (size_t)draw_between(d, 1, STEPS_MAX) : 0;
    uint64_t at_ns = 0;
    for (size_t i = 0; i < count; i++) {
        struct scenario_step *step = &s->steps[s->step_count++];
        uint64_t name = draw_between(d, 1, 2);
        at_ns += draw_between(d, 0, d->storm_ns / count / NS_PER_MS) * NS_PER_MS;
        step->at = (struct mark){ .phase = 0, .offset_ns = (int64_t)at_ns };
        step->timeout_ns = 20 * NS_PER_S;
        expect_nothing(step);
        if (draw_chance(d, 1, 3)) {
            step->name = draw_text("delete fuzz-%" PRIu64 " (%zu)", name, i);
            step->method = mem_strdup("DELETE");
            step->url = draw_text(COLLECTIONS_URL "/fuzz-%" PRIu64, name);
        } else {
            step->name = draw_text("create fuzz-%" PRIu64 " (%zu)", name, i);
            step->method = mem_strdup("POST");
            step->url = mem_strdup(COLLECTIONS_URL);
            step->body = draw_text("{\"name\":\"fuzz-%" PRIu64 "\"%s}", name,
                                   draw_chance(d, 1, 3) ? ",\"get_or_create\":true" : "");
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
    d.storm_ns = draw_between(&d, 10, 60) * NS_PER_S;
    s->path = mem_strdup("");
    s->name = draw_text("campaign-%" PRIu64, seed);
    s->seed = seed;
    s->wall_limit_ns = 120 * NS_PER_S;
    s->simulated_limit_ns = 3600 * NS_PER_S;
    s->has_replica = draw_chance(&d, 9, 10);
    s->virtual_clock = true;
    for (size_t i = 0; i < 2 && draw_chance(&d, 1, 2); i++) {
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
    draw_faults(&d, &root);
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
    options->idle_loads = true;
    options->no_samples = draw_chance(&d, 3, 4);
    options->sample_ns = NS_PER_S;
    /* A slow disk keeps the time between written and durable open long enough for a crash to fall into it. */
    bool fast = draw_chance(&d, 1, d.lb_dies ? 8 : 2);
    options->disk_sync_ns = fast ? 0 : draw_between(&d, 10, 400) * NS_PER_MS;
    uint64_t slowest_ns = d.budget_ms * NS_PER_MS / DISK_SHARE;
    if (d.crowd && slowest_ns > CROWD_SYNC_NS) {
        slowest_ns = CROWD_SYNC_NS; /* an update costs two syncs of its lane: thousands would never end */
    }
    options->disk_sync_ns = options->disk_sync_ns > slowest_ns ? slowest_ns : options->disk_sync_ns;
    return s;
}
