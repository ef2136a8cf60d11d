/* Writes a scenario so that scenario_parse reads the same run from it.
 *
 * Lists of small things stand on one line each, in YAML's flow style: a person reads a fault as one sentence.
 * Texts that could be taken for something else stand in quotes; a fault's document is JSON, which is YAML
 * once there are blanks behind colons and commas. */
#include "harness/scenario/write_yaml.h"

#include "base/json_scan.h"
#include "base/json_writer.h"
#include "base/units.h"
#include <inttypes.h>

static void put_text(struct buf *out, const char *text)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_put_text(&w, text);
}

/* All that a campaign draws is a multiple of a microsecond. */
static void put_duration(struct buf *out, int64_t ns)
{
    const char *unit = ns % (int64_t)NS_PER_S == 0 ? "s" : ns % (int64_t)NS_PER_MS == 0 ? "ms" : "us";
    int64_t size = (int64_t)(unit[0] == 's' ? NS_PER_S : unit[0] == 'm' ? NS_PER_MS : NS_PER_US);
    buf_printf(out, "%" PRId64 "%s", ns / size, unit);
}

/* Phases before it have a fixed length, so a mark is a time from the start of the run. */
static int64_t mark_ns(const struct scenario *s, const struct mark *mark)
{
    int64_t at_ns = mark->offset_ns;
    for (uint32_t i = 0; mark->phase != UINT32_MAX && i < mark->phase + (mark->end ? 1 : 0); i++) {
        at_ns += (int64_t)s->phases[i].for_ns;
    }
    return at_ns;
}

/* A JSON value with a blank behind each colon and comma that is not inside a text. */
static void put_json(struct buf *out, struct str value)
{
    bool inside = false;
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        buf_append_char(out, c);
        if (c == '\\' && inside && i + 1 < value.size) {
            buf_append_char(out, value.data[++i]);
        } else if (c == '"') {
            inside = !inside;
        } else if (!inside && (c == ':' || c == ',')) {
            buf_append_char(out, ' ');
        }
    }
}

/* ---- topology ---- */

static void put_instance(struct buf *out, const struct scenario *s, unsigned i)
{
    buf_printf(out, "  %s: { kind: mock-chroma", i == 0 ? "primary" : "replica");
    if (s->latency[i] != NULL) {
        buf_printf(out, ", latency: %s", s->latency[i]);
    }
    if (s->holds[i] > 0) {
        buf_printf(out, ", holds: %" PRIu32, s->holds[i]);
    }
    buf_append_text(out, " }\n");
}

static void put_topology(struct buf *out, const struct scenario *s)
{
    buf_append_text(out, "topology:\n");
    put_instance(out, s, 0);
    if (s->has_replica) {
        put_instance(out, s, 1);
    } else {
        buf_append_text(out, "  replica: none\n");
    }
    if (s->lb_setting_count > 0) {
        buf_append_text(out, "  lb:\n");
    }
    for (size_t i = 0; i < s->lb_setting_count; i++) {
        buf_printf(out, "    %s: %s\n", s->lb_settings[i].name, s->lb_settings[i].value);
    }
}

/* ---- load ---- */

static double share_of(const struct scenario_load *load, enum chroma_op op)
{
    double share = 0;
    double total = 0;
    for (size_t i = 0; i < load->mix_count; i++) {
        share += load->mix[i].op == op ? load->mix[i].share : 0;
        total += load->mix[i].share;
    }
    return share / total;
}

/* An operation that stands in the mix more than once is written once. */
static void put_mix(struct buf *out, const struct scenario_load *load)
{
    for (size_t i = 0; i < load->mix_count; i++) {
        bool told = false;
        for (size_t k = 0; k < i; k++) {
            told = told || load->mix[k].op == load->mix[i].op;
        }
        if (!told) {
            buf_printf(out, "%s %s: %.10g%%", i == 0 ? "" : ",", chroma_op_name(load->mix[i].op),
                       100 * share_of(load, load->mix[i].op));
        }
    }
}

static void put_load(struct buf *out, const struct scenario *s, const struct scenario_load *load)
{
    buf_printf(out, "  %s: { rate: %.10g/h, arrivals: %s, mix: {", load->name, load->per_second * 3600,
               load->poisson ? "poisson" : "constant");
    put_mix(out, load);
    buf_printf(out, " }, dimension: %" PRIu32 ", collections: %" PRIu32 ", records: %" PRIu32,
               load->dimension == 0 ? 4 : load->dimension, load->collections == 0 ? 1 : load->collections,
               load->records == 0 ? 1000 : load->records);
    if (load->body_bytes > 0) {
        buf_printf(out, ", body: %" PRIu64 "B", load->body_bytes);
    }
    if (load->during != UINT32_MAX) {
        buf_printf(out, ", during: %s", s->phases[load->during].name);
    }
    if (load->timeout_ns > 0) {
        buf_append_text(out, ", timeout: ");
        put_duration(out, (int64_t)load->timeout_ns);
    }
    buf_append_text(out, " }\n");
}

/* ---- faults ---- */

static const char *process_fault(const struct scenario_fault *f)
{
    switch (f->disk) {
        case LB_DISK_FULL:
            return "disk-full";
        case LB_DISK_SLOW:
            return "disk-slow";
        case LB_DISK_FAIL:
            return "disk-fail";
        case LB_DISK_SOUND:
            break;
    }
    return f->pause ? "pause" : f->terminate ? "restart" : "kill";
}

static void put_restart(struct buf *out, const struct scenario_fault *f)
{
    static const char *const data[] = { "keep", "lose", "empty" };
    buf_append_text(out, ", restart: { after: ");
    put_duration(out, (int64_t)f->restart_after_ns);
    if (f->target != SCENARIO_LB) {
        buf_printf(out, ", data: %s", data[f->restart_what]);
    }
    if (f->restart_what == RESTART_LOSE_TAIL) {
        buf_append_text(out, ", lost: ");
        put_duration(out, (int64_t)f->restart_lost_ns);
    }
    buf_append_text(out, " }");
}

static void put_document(struct buf *out, const struct scenario_fault *f)
{
    struct json_member member;
    size_t at = 0;
    while (json_scan_next_member(str_of(f->document), &at, &member)) {
        if (!str_equal(member.key, STR("name"))) {
            buf_printf(out, ", %.*s: ", STR_ARGS(member.key));
            put_json(out, member.value);
        }
    }
}

static void put_fault(struct buf *out, const struct scenario *s, const struct scenario_fault *f)
{
    static const char *const targets[] = { "lb", "primary", "replica" };
    buf_printf(out, "  - { name: %s, target: %s, at: ", f->name, targets[f->target]);
    int64_t at_ns = mark_ns(s, &f->at);
    put_duration(out, at_ns);
    if (f->has_end) {
        buf_append_text(out, ", for: ");
        put_duration(out, mark_ns(s, &f->until) - at_ns);
    }
    if (f->document != NULL) {
        put_document(out, f);
        buf_printf(out, ", expect_hits: %" PRIu64, f->expect_hits);
    } else {
        buf_printf(out, ", do: %s", process_fault(f));
    }
    if (f->disk == LB_DISK_SLOW) {
        buf_append_text(out, ", by: ");
        put_duration(out, (int64_t)f->disk_by_ns);
    }
    if (f->restart) {
        put_restart(out, f);
    }
    buf_append_text(out, " }\n");
}

/* ---- steps ---- */

static void put_step(struct buf *out, const struct scenario *s, const struct scenario_step *step)
{
    buf_append_text(out, "  - name: ");
    put_text(out, step->name);
    buf_append_text(out, "\n    at: ");
    put_duration(out, mark_ns(s, &step->at));
    buf_printf(out, "\n    request: { method: %s, url: ", step->method);
    put_text(out, step->url);
    if (step->body != NULL) {
        buf_append_text(out, ", body: ");
        put_text(out, step->body);
    }
    if (step->timeout_ns > 0) {
        buf_append_text(out, ", timeout: ");
        put_duration(out, (int64_t)step->timeout_ns);
    }
    buf_append_text(out, " }\n");
    if (step->assertion_count > 0) {
        buf_append_text(out, "    assert:\n");
    }
    for (size_t i = 0; i < step->assertion_count; i++) {
        buf_append_text(out, "      - ");
        put_text(out, step->assertions[i].text);
        buf_append_char(out, '\n');
    }
}

/* ---- the file ---- */

static void put_invariants(struct buf *out, const struct scenario *s)
{
    buf_append_text(out, "invariants: [");
    for (size_t i = 0, told = 0; i < INVARIANT_COUNT; i++) {
        if (s->invariants[i]) {
            buf_printf(out, "%s %s", told++ == 0 ? "" : ",", scenario_invariant_names[i]);
        }
    }
    buf_append_text(out, " ]\n");
}

void scenario_write(const struct scenario *s, struct buf *out)
{
    buf_printf(out, "scenario: %s\n", s->name);
    if (s->title != NULL) {
        buf_append_text(out, "title: ");
        put_text(out, s->title);
        buf_append_char(out, '\n');
    }
    buf_printf(out, "seed: %" PRIu64 "\n\n", s->seed);
    put_topology(out, s);
    buf_append_text(out, "\nphases:\n");
    for (size_t i = 0; i < s->phase_count; i++) {
        buf_printf(out, "  - { name: %s, for: ", s->phases[i].name);
        put_duration(out, (int64_t)s->phases[i].for_ns);
        buf_append_text(out, " }\n");
    }
    buf_append_text(out, s->load_count > 0 ? "\nload:\n" : "");
    for (size_t i = 0; i < s->load_count; i++) {
        put_load(out, s, &s->loads[i]);
    }
    buf_append_text(out, s->fault_count > 0 ? "\nfaults:\n" : "");
    for (size_t i = 0; i < s->fault_count; i++) {
        put_fault(out, s, &s->faults[i]);
    }
    buf_append_text(out, s->step_count > 0 ? "\nsteps:\n" : "");
    for (size_t i = 0; i < s->step_count; i++) {
        put_step(out, s, &s->steps[i]);
    }
    buf_append_char(out, '\n');
    put_invariants(out, s);
}
