/* Builds the scenario that a sketch leaves of its campaign, from borrowed parts, and writes it. */
#include "harness/cli/sketch.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/scenario/write_yaml.h"

struct parts {
    struct scenario s;
    struct scenario_phase phases[3];
    struct scenario_load loads[SKETCH_LOADS];
    struct scenario_fault faults[SKETCH_FAULTS + 1];
    struct scenario_step steps[SKETCH_STEPS];
    struct scenario_setting settings[SKETCH_SETTINGS];
    char lead[8], busy[8], rest[8], disk[8]; /* names */
};

void sketch_begin(struct sketch *sketch, const struct scenario *campaign, uint64_t disk_ns)
{
    const struct scenario *s = campaign;
    CHECK(s->phase_count == 1 && s->fault_count <= SKETCH_FAULTS && s->load_count <= SKETCH_LOADS);
    CHECK(s->step_count <= SKETCH_STEPS && s->lb_setting_count <= SKETCH_SETTINGS);
    *sketch = (struct sketch){ .seed = s->seed, .window_ns = s->phases[0].for_ns, .disk_ns = disk_ns };
    for (size_t i = 0; i < s->fault_count; i++) {
        const struct scenario_fault *f = &s->faults[i];
        sketch->fault[i] = true;
        sketch->fault_at_ns[i] = f->at.offset_ns;
        sketch->fault_ns[i] =
            f->has_end ? (uint64_t)(f->until.offset_ns - f->at.offset_ns) : f->restart_after_ns;
    }
    for (size_t i = 0; i < s->load_count; i++) {
        sketch->load[i] = true;
        sketch->per_second[i] = s->loads[i].per_second;
        sketch->collections[i] = s->loads[i].collections;
        sketch->records[i] = s->loads[i].records;
        sketch->body_bytes[i] = s->loads[i].body_bytes;
        for (size_t k = 0; k < s->loads[i].mix_count; k++) {
            sketch->mix[i][k] = true;
        }
    }
    for (size_t i = 0; i < s->step_count; i++) {
        sketch->step[i] = true;
        sketch->step_at_ns[i] = s->steps[i].at.offset_ns;
    }
    for (size_t i = 0; i < s->lb_setting_count; i++) {
        sketch->setting[i] = true;
    }
    sketch->latency[0] = s->latency[0] != NULL;
    sketch->latency[1] = s->latency[1] != NULL;
}

unsigned sketch_faults(const struct sketch *sketch)
{
    unsigned count = sketch->disk_ns > 0 ? 1 : 0;
    for (size_t i = 0; i < SKETCH_FAULTS; i++) {
        count += sketch->fault[i] ? 1 : 0;
    }
    return count;
}

static void put_phases(const struct sketch *sketch, struct parts *p)
{
    if (sketch->lead_ns > 0) {
        p->phases[p->s.phase_count++] = (struct scenario_phase){ .name = p->lead, .for_ns = sketch->lead_ns };
    }
    p->phases[p->s.phase_count++] = (struct scenario_phase){ .name = p->busy, .for_ns = sketch->window_ns };
    if (sketch->rest_ns > 0) {
        p->phases[p->s.phase_count++] = (struct scenario_phase){ .name = p->rest, .for_ns = sketch->rest_ns };
    }
    p->s.phases = p->phases;
}

static void put_loads(const struct sketch *sketch, const struct scenario *campaign, struct parts *p)
{
    uint32_t busy = sketch->lead_ns > 0 ? 1 : 0;
    for (size_t i = 0; i < campaign->load_count; i++) {
        if (!sketch->load[i]) {
            continue;
        }
        struct scenario_load *load = &p->loads[p->s.load_count++];
        *load = campaign->loads[i];
        load->during = busy;
        load->per_second = sketch->per_second[i];
        load->collections = sketch->collections[i];
        load->records = sketch->records[i];
        load->body_bytes = sketch->body_bytes[i];
        load->mix_count = 0;
        for (size_t k = 0; k < campaign->loads[i].mix_count; k++) {
            if (sketch->mix[i][k]) {
                load->mix[load->mix_count++] = campaign->loads[i].mix[k];
            }
        }
    }
    p->s.loads = p->loads;
}

static struct mark from_start(int64_t at_ns)
{
    return (struct mark){ .phase = UINT32_MAX, .offset_ns = at_ns };
}

static void put_faults(const struct sketch *sketch, const struct scenario *campaign, struct parts *p)
{
    for (size_t i = 0; i < campaign->fault_count; i++) {
        if (!sketch->fault[i]) {
            continue;
        }
        struct scenario_fault *f = &p->faults[p->s.fault_count++];
        *f = campaign->faults[i];
        f->at = from_start(sketch->fault_at_ns[i]);
        f->until = from_start(sketch->fault_at_ns[i] + (int64_t)sketch->fault_ns[i]);
        f->restart_after_ns = f->restart ? sketch->fault_ns[i] : 0;
        f->expect_hits = 0;
    }
    if (sketch->disk_ns > 0) {
        p->faults[p->s.fault_count++] = (struct scenario_fault){ .name = p->disk,
                                                                 .target = SCENARIO_LB,
                                                                 .disk = LB_DISK_SLOW,
                                                                 .disk_by_ns = sketch->disk_ns,
                                                                 .at = from_start(0) };
    }
    p->s.faults = p->faults;
}

static void put_rest(const struct sketch *sketch, const struct scenario *campaign, struct parts *p)
{
    for (size_t i = 0; i < campaign->step_count; i++) {
        if (sketch->step[i]) {
            p->steps[p->s.step_count] = campaign->steps[i];
            p->steps[p->s.step_count++].at = from_start(sketch->step_at_ns[i]);
        }
    }
    for (size_t i = 0; i < campaign->lb_setting_count; i++) {
        if (sketch->setting[i]) {
            p->settings[p->s.lb_setting_count++] = campaign->lb_settings[i];
        }
    }
    p->s.steps = p->steps;
    p->s.lb_settings = p->settings;
}

void sketch_write(const struct sketch *sketch, const struct scenario *campaign,
                  enum scenario_invariant oracle, struct buf *out)
{
    struct parts *p = mem_alloc(sizeof(*p));
    memcpy(p->lead, "lead", sizeof("lead"));
    memcpy(p->busy, "busy", sizeof("busy"));
    memcpy(p->rest, "rest", sizeof("rest"));
    memcpy(p->disk, "disk", sizeof("disk"));
    p->s.name = campaign->name;
    p->s.title = campaign->title;
    p->s.seed = sketch->seed;
    p->s.has_replica = campaign->has_replica;
    for (unsigned i = 0; i < 2; i++) {
        p->s.latency[i] = sketch->latency[i] ? campaign->latency[i] : NULL;
    }
    p->s.invariants[oracle] = true;
    put_phases(sketch, p);
    put_loads(sketch, campaign, p);
    put_faults(sketch, campaign, p);
    put_rest(sketch, campaign, p);
    scenario_write(&p->s, out);
    mem_free(p);
}
