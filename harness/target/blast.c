/* The blast radius, from the scenario and the target file alone.
 *
 * What a target cannot do is refused before anything is touched: a rehearsal that leaves something out of its
 * scenario would prove less than it says. */
#include "harness/target/blast.h"

#include "base/chroma_route.h"
#include "base/json_scan.h"
#include "base/units.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- what cannot be played ---- */

bool blast_is_refusal_of_all(struct str document)
{
    struct json_scan scan;
    const struct json_member *what = json_scan(document, &scan) == 0 ? json_scan_find(&scan, "do") : NULL;
    size_t expected = what == NULL || json_scan_find(&scan, "name") == NULL ? 1 : 2;
    return what != NULL && str_equal(what->value, STR("\"refuse\"")) && scan.count == expected;
}

static enum engine_target place_of(enum scenario_target target)
{
    return target == SCENARIO_LB ? TARGET_LB : target == SCENARIO_PRIMARY ? TARGET_PRIMARY : TARGET_REPLICA;
}

static int refuse_fault(const struct target_file *file, const struct scenario_fault *fault,
                        struct errmsg *msg)
{
    enum engine_target which = place_of(fault->target);
    const struct target_place *place = &file->places[which];
    const char *name = target_place_names[which];
    if (fault->document != NULL) {
        bool stops = place->stop != NULL && blast_is_refusal_of_all(str_of(fault->document));
        return place->gateway != NULL || stops
                   ? 0
                   : error_set(msg, ERR_UNSUPPORTED, "fault \"%s\" needs a gateway in front of the %s",
                               fault->name, name);
    }
    if (fault->disk != LB_DISK_SOUND || fault->pause) {
        return error_set(msg, ERR_UNSUPPORTED, "fault \"%s\": no target lets a %s be done to its %s",
                         fault->name, fault->pause ? "pause" : "fault of the disk", name);
    }
    if (fault->restart_what != RESTART_KEEP) {
        return error_set(msg, ERR_UNSUPPORTED, "fault \"%s\" takes data away from the %s: never on a target",
                         fault->name, name);
    }
    return place->stop != NULL ? 0
                               : error_set(msg, ERR_UNSUPPORTED,
                                           "fault \"%s\" stops the %s, and the target file has no command "
                                           "for that",
                                           fault->name, name);
}

/* ${lb}/path with a method: may it be sent?  What it names by id is looked at when it is sent (marks.c). */
static int refuse_step(const struct scenario_step *step, struct errmsg *msg)
{
    const char *path = step->url == NULL ? NULL : strchr(step->url, '}');
    if (path == NULL) {
        return 0;
    }
    struct chroma_route route = chroma_route(str_of(step->method), str_of(path + 1), true);
    bool past = strncmp(step->url, "${lb}", 5) != 0 && chroma_op_is_write(route.op);
    bool never = chroma_op_is_write(route.op) && !chroma_op_is_record(route.op) &&
                 route.op != OP_COLLECTION_CREATE && route.op != OP_COLLECTION_DELETE &&
                 route.op != OP_COLLECTION_UPDATE;
    if (past || never) {
        return error_set(msg, ERR_UNSUPPORTED, "step \"%s\" writes what is not the rehearsal's own (%s)",
                         step->name, past ? "past the balancer" : chroma_op_name(route.op));
    }
    return 0;
}

static int refuse_setting(const struct target_file *file, const struct scenario_setting *wanted,
                          struct errmsg *msg)
{
    for (size_t i = 0; i < file->setting_count; i++) {
        if (strcmp(file->settings[i].name, wanted->name) == 0) {
            return strcmp(file->settings[i].value, wanted->value) == 0
                       ? 0
                       : error_set(msg, ERR_UNSUPPORTED, "the scenario wants %s: %s, the target runs with %s",
                                   wanted->name, wanted->value, file->settings[i].value);
        }
    }
    return error_set(msg, ERR_UNSUPPORTED,
                     "the scenario wants %s: %s; say under settings of the balancer if the target runs with "
                     "it",
                     wanted->name, wanted->value);
}

static int refuse_topology(const struct target_file *file, const struct scenario *s, struct errmsg *msg)
{
    bool replica = file->places[TARGET_REPLICA].url != NULL;
    if (replica != s->has_replica) {
        return error_set(msg, ERR_UNSUPPORTED, "the scenario is for %s replica, the target has %s",
                         s->has_replica ? "a" : "no", replica ? "one" : "none");
    }
    if (s->lb_kind != LB_KIND_WALPROXY) {
        return error_set(msg, ERR_UNSUPPORTED, "the scenario brings a balancer of its own");
    }
    for (size_t i = 0; i < 2; i++) {
        if (s->holds[i] > 0 || s->latency[i] != NULL) {
            return error_set(msg, ERR_UNSUPPORTED,
                             "the scenario says what an instance holds or how slow it is (%s)",
                             s->holds[i] > 0 ? "holds" : "latency");
        }
    }
    return 0;
}

int blast_refusal(const struct target_file *file, const struct scenario *s, struct errmsg *msg)
{
    int rv = refuse_topology(file, s, msg);
    for (size_t i = 0; rv == 0 && i < s->lb_setting_count; i++) {
        rv = refuse_setting(file, &s->lb_settings[i], msg);
    }
    for (size_t i = 0; rv == 0 && i < s->fault_count; i++) {
        rv = refuse_fault(file, &s->faults[i], msg);
    }
    for (size_t i = 0; rv == 0 && i < s->step_count; i++) {
        rv = refuse_step(&s->steps[i], msg);
    }
    return rv;
}

/* ---- what will be done ---- */

static void tell_places(const struct target_file *file, struct buf *out)
{
    for (size_t i = 0; i < TARGET_PLACES; i++) {
        const struct target_place *p = &file->places[i];
        if (p->url != NULL) {
            buf_printf(out, "  %-9s %s%s%s\n", target_place_names[i], p->url,
                       p->gateway == NULL ? "" : ", gateway ", p->gateway == NULL ? "" : p->gateway);
        }
    }
}

/* At its longest. */
static uint64_t phase_ns(const struct scenario_phase *phase)
{
    return phase->until == NULL ? phase->for_ns : phase->max_ns;
}

static uint64_t longest_ns(const struct scenario *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->phase_count; i++) {
        sum += phase_ns(&s->phases[i]);
    }
    return sum;
}

static void tell_load(const struct scenario *s, struct buf *out)
{
    double writes = 0;
    double reads = 0;
    uint64_t collections = 0;
    const uint64_t whole_ns = longest_ns(s);
    for (size_t i = 0; i < s->load_count; i++) {
        const struct scenario_load *load = &s->loads[i];
        uint64_t ns = load->during == UINT32_MAX ? whole_ns : phase_ns(&s->phases[load->during]);
        double all = ceil(load->per_second * (double)ns / (double)NS_PER_S);
        double share = 0;
        for (size_t k = 0; k < load->mix_count; k++) {
            share += chroma_op_is_write(load->mix[k].op) ? load->mix[k].share : 0;
        }
        writes += all * share;
        reads += all * (1 - share);
        collections += share > 0 ? (load->collections == 0 ? 1 : load->collections) : 0;
    }
    char time[32];
    units_format_duration(whole_ns, time, sizeof(time));
    buf_printf(out,
               "  load      about %.0f writes into %" PRIu64
               " collections made for it and removed again, %.0f reads, for at most %s\n",
               ceil(writes), collections, ceil(reads), time);
}

static void tell_fault(const struct target_file *file, const struct scenario_fault *fault, struct buf *out)
{
    enum engine_target which = place_of(fault->target);
    const struct target_place *place = &file->places[which];
    bool command = fault->document == NULL || place->gateway == NULL;
    buf_printf(out, "  fault     %s, %s, for everybody: %s\n", fault->name, target_place_names[which],
               command ? place->stop : fault->document);
    if (command) {
        buf_printf(out, "            and afterwards: %s\n", place->start);
    }
}

void blast_tell(const struct target_file *file, const struct scenario *s, struct buf *out)
{
    buf_printf(out, "%s on target %s:\n", s->name, file->name);
    tell_places(file, out);
    tell_load(s, out);
    for (size_t i = 0; i < s->fault_count; i++) {
        tell_fault(file, &s->faults[i], out);
    }
    for (size_t i = 0; i < s->step_count; i++) {
        const struct scenario_step *step = &s->steps[i];
        if (step->run != NULL) {
            buf_printf(out, "  command   %s\n", step->run);
        } else {
            buf_printf(out, "  request   %s %s\n", step->method, step->url);
        }
    }
    for (size_t i = 0; i < file->stop_count; i++) {
        buf_printf(out, "  stops if  %s\n", file->stops[i].text);
    }
    char lease[32];
    units_format_duration(file->lease_ns, lease, sizeof(lease));
    buf_printf(out, "  and in any case: Ctrl-C, waldrill heal %s, or %s without a sign of life\n", file->path,
               lease);
}
