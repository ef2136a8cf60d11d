/* waldrill plan FILE: what would happen when, without any traffic.  Marks become times from the start of the
 * run; a phase that ends by a condition makes what follows "at the latest". */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/memory.h"
#include "base/units.h"
#include <stdarg.h>
#include <stdlib.h>

static const char help[] =
    "usage: waldrill plan FILE\n"
    "\n"
    "Shows the timeline of a scenario with all marks resolved: phases, faults, steps, loads, in order of\n"
    "time.  \"<=\" marks what comes after a phase that ends by a condition: then, at the latest.  Then what\n"
    "waits for a condition, what must hold, and the runs of a matrix (the timeline is that of the first).\n"
    "Runs nothing.\n"
    "\n"
    "example\n"
    "  waldrill plan scenarios/guide/01-primary-down.yaml\n"
    "\n"
    "exit status: 0, or 2 when the file is wrong or cannot be read\n";

struct plan_line {
    int64_t at_ns;
    bool latest; /* depends on a phase that ends by a condition */
    size_t order;
    char text[400];
};

struct plan {
    struct plan_line *lines;
    size_t count;
    size_t capacity;
};

__attribute__((format(printf, 4, 5))) static void add_line(struct plan *p, int64_t at_ns, bool latest,
                                                           const char *format, ...)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity == 0 ? 32 : p->capacity * 2;
        p->lines = mem_realloc(p->lines, p->capacity * sizeof(*p->lines));
    }
    struct plan_line *line = &p->lines[p->count];
    *line = (struct plan_line){ .at_ns = at_ns, .latest = latest, .order = p->count };
    p->count++;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line->text, sizeof(line->text), format, args);
    va_end(args);
}

static int in_order(const void *a, const void *b)
{
    const struct plan_line *x = a;
    const struct plan_line *y = b;
    if (x->at_ns != y->at_ns) {
        return x->at_ns < y->at_ns ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

static void duration_text(uint64_t ns, char *out, size_t size)
{
    units_format_duration(ns, out, size);
}

static void add_phases(struct plan *p, const struct scenario *s)
{
    for (uint32_t i = 0; i < s->phase_count; i++) {
        const struct scenario_phase *phase = &s->phases[i];
        bool latest = false;
        int64_t at = cli_phase_at(s, i, false, &latest);
        char length[40];
        duration_text(phase->until != NULL ? phase->max_ns : phase->for_ns, length, sizeof(length));
        add_line(p, at, latest, "phase  %s %s%s", phase->name,
                 phase->until != NULL ? "until its condition, at most " : "for ", length);
    }
    bool latest = false;
    int64_t end = cli_phase_at(s, (uint32_t)s->phase_count - 1, true, &latest);
    add_line(p, end, latest, "end    heal everything, drain, compare, judge");
}

static const char *target_name(enum scenario_target target)
{
    return target == SCENARIO_LB ? "lb" : target == SCENARIO_REPLICA ? "replica" : "primary";
}

static const char *fault_text(const struct scenario_fault *f)
{
    static const char *const disks[] = {
        [LB_DISK_FULL] = "disk-full", [LB_DISK_SLOW] = "disk-slow", [LB_DISK_FAIL] = "disk-fail"
    };
    return f->document != NULL        ? f->document
           : f->disk != LB_DISK_SOUND ? disks[f->disk]
           : f->pause                 ? "pause"
           : f->terminate             ? "restart"
                                      : "kill";
}

/* Faults that wait for a condition: when they come, nobody knows beforehand. */
static void print_triggers(const struct scenario *s)
{
    for (size_t i = 0; i < s->fault_count; i++) {
        const struct scenario_fault *f = &s->faults[i];
        if (f->when == NULL) {
            continue;
        }
        char length[40] = "";
        if (f->has_end) {
            duration_text(f->for_ns, length, sizeof(length));
        }
        (void)printf("fault  %s on %s, once %s%s%s: %.240s\n", f->name, target_name(f->target), f->when_text,
                     f->has_end ? ", for " : "", length, fault_text(f));
    }
}

static void add_faults(struct plan *p, const struct scenario *s)
{
    for (size_t i = 0; i < s->fault_count; i++) {
        const struct scenario_fault *f = &s->faults[i];
        bool latest = false;
        int64_t at = cli_mark_at(s, &f->at, &latest);
        if (f->when != NULL) {
            continue; /* nobody knows when */
        }
        add_line(p, at, latest, "fault  %s on %s: %.240s", f->name, target_name(f->target), fault_text(f));
        if (f->restart) {
            add_line(p, at + (int64_t)f->restart_after_ns, latest, "       %s: %s is started again", f->name,
                     target_name(f->target));
        } else if (f->has_end) {
            int64_t end = cli_mark_at(s, &f->until, &latest);
            add_line(p, end, latest, "       %s ends", f->name);
        }
    }
}

static void add_steps(struct plan *p, const struct scenario *s)
{
    for (size_t i = 0; i < s->step_count; i++) {
        const struct scenario_step *step = &s->steps[i];
        bool latest = false;
        int64_t at = cli_mark_at(s, &step->at, &latest);
        add_line(p, at, latest, "step   %s: %s %.200s (%zu assertions)", step->name,
                 step->run != NULL ? "$" : step->method, step->run != NULL ? step->run : step->url,
                 step->assertion_count);
    }
}

static void print_loads(const struct scenario *s)
{
    for (size_t i = 0; i < s->load_count; i++) {
        const struct scenario_load *load = &s->loads[i];
        char body[40];
        units_format_size(load->body_bytes, body, sizeof(body));
        (void)printf("load   %s: %.6g/min, %s, %s%s%s%s;", load->name, load->per_second * 60,
                     load->poisson ? "poisson" : "constant",
                     load->during == UINT32_MAX ? "the whole run" : "during ",
                     load->during == UINT32_MAX ? "" : s->phases[load->during].name,
                     load->body_bytes == 0 ? "" : ", bodies of ", load->body_bytes == 0 ? "" : body);
        for (size_t k = 0; k < load->mix_count; k++) {
            (void)printf(" %s %.4g%%", chroma_op_name(load->mix[k].op), load->mix[k].share * 100);
        }
        (void)printf("; %u collection%s\n", load->collections, load->collections == 1 ? "" : "s");
    }
}

static void print_rest(const struct scenario *s)
{
    for (size_t i = 0; i < s->steady_count; i++) {
        (void)printf("steady %s\n", s->steady[i].text);
    }
    for (size_t i = 0; i < s->plain_expects; i++) {
        (void)printf("expect %s\n", s->expects[i].text);
    }
    for (size_t i = 0; i < s->phase_count; i++) {
        for (size_t k = 0; k < s->phases[i].threshold_count; k++) {
            (void)printf("expect %s\n", s->phases[i].thresholds[k].text);
        }
    }
    for (size_t i = 0; i < s->alert_count; i++) {
        (void)printf("expect %s\n", s->alerts[i].expect.text);
    }
    for (size_t i = 0; i < s->stop_count; i++) {
        (void)printf("stop   if %s\n", s->stops[i].text);
    }
    for (size_t i = 0; i < INVARIANT_COUNT; i++) {
        if (s->invariants[i]) {
            (void)printf("judge  %s%s\n", scenario_invariant_names[i], s->waived[i] ? " (waived)" : "");
        }
    }
}

/* Each run of a matrix, with what holds in it and not in all. */
static bool print_runs(const char *path, size_t count)
{
    for (size_t run = 0; run < count; run++) {
        struct scenario *s = cli_scenario_load_run(path, run);
        if (s == NULL) {
            return false;
        }
        (void)printf("run    %s\n", s->variant);
        for (size_t i = s->plain_expects; i < s->expect_count; i++) {
            (void)printf("       expect %s\n", s->expects[i].text);
        }
        for (size_t i = 0; i < INVARIANT_COUNT; i++) {
            if (s->waived[i]) {
                (void)printf("       waive  %s\n", scenario_invariant_names[i]);
            }
        }
        scenario_free(s);
    }
    return true;
}

static void plan_print(const struct scenario *s)
{
    struct plan p = { 0 };
    add_phases(&p, s);
    add_faults(&p, s);
    add_steps(&p, s);
    qsort(p.lines, p.count, sizeof(*p.lines), in_order);
    (void)printf("%s%s%s\n", s->name, s->title != NULL ? ": " : "", s->title != NULL ? s->title : "");
    print_loads(s);
    for (size_t i = 0; i < p.count; i++) {
        char when[48];
        duration_text((uint64_t)(p.lines[i].at_ns < 0 ? 0 : p.lines[i].at_ns), when, sizeof(when));
        (void)printf("%s%10s  %s\n", p.lines[i].latest ? "<=" : "  ", when, p.lines[i].text);
    }
    print_triggers(s);
    print_rest(s);
    mem_free(p.lines);
}

int command_plan(int argc, char **argv)
{
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, NULL, 0)) {
        return EXIT_USAGE;
    }
    if (argc != 2) {
        (void)fputs("waldrill plan: one file, please: waldrill plan FILE\n", stderr);
        return EXIT_USAGE;
    }
    struct scenario *s = cli_scenario_load(argv[1]);
    if (s == NULL) {
        return EXIT_USAGE;
    }
    plan_print(s);
    bool told = s->variant == NULL || print_runs(argv[1], s->run_count);
    scenario_free(s);
    return told ? EXIT_PASS : EXIT_USAGE;
}
