/* From a file's text to a scenario, and its end.  How it goes: the YAML tree; what it extends merged in;
 * the names of phases and loads collected; then the top-level section by the rows of key_table.c.  A file
 * with any problem gives no scenario. */
#include "harness/scenario/keys.h"
#include "harness/scenario/matrix.h"

#include "base/memory.h"
#include "base/units.h"
#include <stdio.h>

#define WALL_LIMIT_NS      (600 * NS_PER_S)
#define SIMULATED_LIMIT_NS ((uint64_t)86400 * NS_PER_S)

static void collect_names(struct reading *r, const struct yaml_node *root)
{
    const struct yaml_node *phases = yaml_get(root, "phases");
    const struct yaml_node *loads = yaml_get(root, "load");
    const struct yaml_node *faults = yaml_get(root, "faults");
    for (size_t i = 0; phases != NULL && phases->kind == YAML_LIST && i < phases->count; i++) {
        const struct yaml_node *name = yaml_get(phases->items[i], "name");
        if (r->phase_count < SCENARIO_PHASES_MAX) {
            /* Places count: the index is the phase's number. */
            r->phases[r->phase_count++] = name != NULL && name->kind == YAML_SCALAR ? name->text : "";
        }
    }
    for (size_t i = 0; faults != NULL && faults->kind == YAML_LIST && i < faults->count; i++) {
        const struct yaml_node *name = yaml_get(faults->items[i], "name");
        if (r->fault_count < SCENARIO_ITEMS_MAX) {
            r->faults[r->fault_count++] = name != NULL && name->kind == YAML_SCALAR ? name->text : "";
        }
    }
    for (size_t i = 0; loads != NULL && loads->kind == YAML_MAP && i < loads->count; i++) {
        if (r->load_count < SCENARIO_LOADS_MAX) {
            r->loads[r->load_count++] = loads->keys[i]->text;
        }
    }
}

static struct scenario *scenario_new(const char *path)
{
    struct scenario *s = mem_alloc(sizeof(*s));
    s->path = mem_strdup(path);
    s->seed = 1;
    s->virtual_clock = true;
    s->wall_limit_ns = WALL_LIMIT_NS;
    s->simulated_limit_ns = SIMULATED_LIMIT_NS;
    s->has_replica = true;
    s->formats = REPORT_ALL;
    for (size_t i = 0; i < INVARIANT_COUNT; i++) {
        s->invariants[i] = true;
    }
    return s;
}

/* "s12[lb.wal_mode=memory]" */
static void name_run(struct scenario *s)
{
    if (s->name == NULL || s->variant == NULL) {
        return;
    }
    size_t size = strlen(s->name) + strlen(s->variant) + 3;
    char *name = mem_alloc(size);
    (void)snprintf(name, size, "%s[%s]", s->name, s->variant);
    mem_free(s->name);
    s->name = name;
}

static void read_root(struct reading *r, struct yaml_node *root, size_t run)
{
    if (root->kind != YAML_MAP) {
        complain(r, root, NULL, "a scenario holds keys: lines \"scenario: name\", \"phases: ...\"");
        return;
    }
    reading_extend(r, root, r->s->path, 0);
    r->root = root;
    r->s->run_count = matrix_apply(r, root, run);
    collect_names(r, root);
    keys_read(r, "scenario", "the scenario", root, r->s, false);
    if (yaml_get(root, "expect_if") == NULL) {
        r->s->plain_expects = r->s->expect_count;
    }
    name_run(r->s);
}

/* One run.  *runs: how many there are; set even when there are problems. */
static struct scenario *parse_run(const char *path, struct str source, size_t run, size_t *runs,
                                  struct yaml_problems *problems)
{
    size_t before = problems->count;
    struct yaml_node *root = yaml_parse(source, problems);
    *runs = 1;
    if (root == NULL) {
        if (problems->count == before) {
            yaml_problem_add(problems, 1, 1, 1, NULL,
                             "the file is empty: a scenario begins with \"scenario: name\"");
        }
        return NULL;
    }
    struct reading r = { .s = scenario_new(path), .source = source, .problems = problems };
    read_root(&r, root, run);
    *runs = r.s->run_count;
    reading_deinit(&r);
    yaml_free(root);
    if (problems->count > before) {
        scenario_free(r.s);
        return NULL;
    }
    return r.s;
}

struct scenario *scenario_parse_run(const char *path, struct str source, size_t run,
                                    struct yaml_problems *problems)
{
    size_t runs;
    return parse_run(path, source, run, &runs, problems);
}

static bool is_said(const struct yaml_problems *list, const struct yaml_problem *wanted)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].line == wanted->line && list->items[i].column == wanted->column &&
            strcmp(list->items[i].text, wanted->text) == 0) {
            return true;
        }
    }
    return false;
}

struct scenario *scenario_parse(const char *path, struct str source, struct yaml_problems *problems)
{
    size_t before = problems->count;
    size_t runs;
    struct scenario *first = parse_run(path, source, 0, &runs, problems);
    for (size_t run = 1; run < runs; run++) {
        struct yaml_problems more = { 0 };
        size_t same;
        scenario_free(parse_run(path, source, run, &same, &more));
        for (size_t i = 0; i < more.count; i++) {
            if (!is_said(problems, &more.items[i])) {
                yaml_problem_add(problems, more.items[i].line, more.items[i].column, more.items[i].width,
                                 more.items[i].hint, "%s", more.items[i].text);
            }
        }
        yaml_problems_deinit(&more);
    }
    if (problems->count > before) {
        scenario_free(first);
        return NULL;
    }
    return first;
}

static void free_expect(struct scenario_expect *expect)
{
    mem_free(expect->text);
    mem_free(expect->proves);
    expression_free(expect->expression);
}

void scenario_free_expects(struct scenario_expect *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free_expect(&list[i]);
    }
    mem_free(list);
}

static void free_settings(struct scenario_setting *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(list[i].name);
        mem_free(list[i].value);
    }
    mem_free(list);
}

static void free_steps(struct scenario *s)
{
    for (size_t i = 0; i < s->step_count; i++) {
        struct scenario_step *step = &s->steps[i];
        mem_free(step->name);
        mem_free(step->method);
        mem_free(step->url);
        mem_free(step->body);
        mem_free(step->run);
        mem_free(step->proves);
        scenario_free_expects(step->assertions, step->assertion_count);
        free_settings(step->headers, step->header_count);
        for (size_t k = 0; k < step->capture_count; k++) {
            mem_free(step->captures[k].name);
            mem_free(step->captures[k].text);
            expression_free(step->captures[k].expression);
        }
        mem_free(step->captures);
    }
    mem_free(s->steps);
}

void scenario_free(struct scenario *s)
{
    if (s == NULL) {
        return;
    }
    free_settings(s->lb_settings, s->lb_setting_count);
    free_settings(s->lb_env, s->lb_env_count);
    mem_free(s->lb_command);
    mem_free(s->lb_ready);
    mem_free(s->lb_url);
    for (size_t i = 0; i < s->load_count; i++) {
        mem_free(s->loads[i].name);
    }
    for (size_t i = 0; i < s->phase_count; i++) {
        mem_free(s->phases[i].name);
        expression_free(s->phases[i].until);
        scenario_free_expects(s->phases[i].thresholds, s->phases[i].threshold_count);
    }
    for (size_t i = 0; i < s->fault_count; i++) {
        mem_free(s->faults[i].name);
        mem_free(s->faults[i].document);
        mem_free(s->faults[i].when_text);
        expression_free(s->faults[i].when);
    }
    free_steps(s);
    scenario_free_expects(s->steady, s->steady_count);
    scenario_free_expects(s->expects, s->expect_count);
    scenario_free_expects(s->stops, s->stop_count);
    for (size_t i = 0; i < s->alert_count; i++) {
        free_expect(&s->alerts[i].expect);
        expression_free(s->alerts[i].fired);
    }
    mem_free(s->alerts);
    mem_free(s->loads);
    mem_free(s->phases);
    mem_free(s->faults);
    mem_free(s->latency[0]);
    mem_free(s->latency[1]);
    mem_free(s->path);
    mem_free(s->name);
    mem_free(s->variant);
    mem_free(s->title);
    mem_free(s->runbook);
    mem_free(s);
}
