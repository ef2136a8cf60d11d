/* What is expected of the operator: the scenario's steps and the faults that are theirs, in the order of
 * their moments, each with what the runbook would have them type and says they should see. */
#include "harness/cli/rehearse.h"

#include "base/buf.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

#define PLAN_TEXT ((size_t)64 << 10)

/* ---- one step ---- */

static char *take(struct buf *text)
{
    char *copy = mem_strdup(buf_text(text));
    buf_deinit(text);
    return copy;
}

/* ids of the step and of all its assertions, a blank between them */
static char *ids_of(const struct scenario_step *plan)
{
    struct buf ids;
    buf_init(&ids, PLAN_TEXT);
    buf_append_text(&ids, plan->proves == NULL ? "" : plan->proves);
    for (size_t i = 0; i < plan->assertion_count; i++) {
        if (plan->assertions[i].proves != NULL) {
            buf_printf(&ids, "%s%s", ids.size > 0 ? " " : "", plan->assertions[i].proves);
        }
    }
    return take(&ids);
}

static char *expects_of(const struct scenario_step *plan)
{
    struct buf text;
    buf_init(&text, PLAN_TEXT);
    for (size_t i = 0; i < plan->assertion_count; i++) {
        buf_printf(&text, "%s%s", i > 0 ? "; " : "", plan->assertions[i].text);
    }
    if (plan->assertion_count == 0) {
        buf_append_text(&text, "an answer");
    }
    return take(&text);
}

static void put_quoted(struct buf *out, const char *text)
{
    buf_append_char(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            buf_append_text(out, "'\\''");
        } else {
            buf_append_char(out, *text);
        }
    }
    buf_append_char(out, '\'');
}

static const struct {
    const char *prefix, *variable;
    enum engine_target target;
} targets[] = { { "${lb}", "$LB", TARGET_LB },
                { "${primary}", "$PRIMARY", TARGET_PRIMARY },
                { "${replica}", "$REPLICA", TARGET_REPLICA } };

/* The step's own request, where the runbook has no block for it. */
static char *command_of(const struct scenario_step *plan, const struct drill_step *step)
{
    struct buf text;
    buf_init(&text, PLAN_TEXT);
    buf_append_text(&text, "curl -s");
    if (strcmp(plan->method, "GET") != 0) {
        buf_printf(&text, " -X %s", plan->method);
    }
    for (size_t i = 0; i < plan->header_count; i++) {
        struct buf line;
        buf_init(&line, PLAN_TEXT);
        buf_printf(&line, "%s: %s", plan->headers[i].name, plan->headers[i].value);
        buf_append_text(&text, " -H ");
        put_quoted(&text, buf_text(&line));
        buf_deinit(&line);
    }
    if (plan->body != NULL) {
        buf_append_text(&text, " -H 'Content-Type: application/json' -d ");
        put_quoted(&text, plan->body);
    }
    buf_printf(&text, " \"%s%s\"", targets[step->target].variable, step->path);
    return take(&text);
}

static void fill_request(struct drill_step *step, const struct scenario_step *plan)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (str_starts(str_of(plan->url), str_of(targets[i].prefix))) {
            step->target = targets[i].target;
            step->path = mem_strdup(plan->url + strlen(targets[i].prefix));
        }
    }
    step->method = mem_strdup(plan->method);
    step->kind =
        strcmp(plan->method, "GET") == 0 || strcmp(plan->method, "HEAD") == 0 ? DRILL_LOOK : DRILL_CHANGE;
}

/* Where the runbook says it, in its own words. */
static char *says_of(const struct runbook *book, const char *ids, unsigned *line)
{
    struct str rest;
    struct str first = str_cut(str_of(ids), ' ', &rest);
    const struct runbook_id *id = book == NULL ? NULL : runbook_find(book, first);
    if (id != NULL && *line == 0) {
        *line = id->from;
    }
    return mem_strdup(id == NULL ? "" : id->says);
}

/* A block of the guide may be about the step's id and yet ask something else: a script that cleans up, where
 * the step looks whether it has. */
static bool block_asks(const char *block, const struct drill_step *step)
{
    static const char database[] = "/tenants/default_tenant/databases/default_database";
    char method[32];
    (void)snprintf(method, sizeof(method), "-X %s", step->method);
    const char *cut = strstr(step->path, database);
    const char *tail = cut == NULL ? step->path : cut + strlen(database); /* the guide's paths are short */
    bool plain = step->kind == DRILL_LOOK && (strstr(block, "-X ") == NULL || strstr(block, method) != NULL);
    return strstr(block, tail) != NULL &&
           (plain || (step->kind != DRILL_LOOK && strstr(block, method) != NULL));
}

static void add_step(struct rehearsal *r, const struct scenario_step *plan)
{
    struct drill_step *step = drill_add_step(&r->drill);
    char *ids = ids_of(plan);
    step->name = mem_strdup(plan->name);
    step->expects = expects_of(plan);
    if (plan->run != NULL) {
        step->kind = DRILL_RUN;
        step->command = mem_strdup(plan->run);
    } else {
        fill_request(step, plan);
        step->command = guide_block(r->book, ids, &step->guide_line);
        if (step->command != NULL && !block_asks(step->command, step)) {
            mem_free(step->command);
            step->command = NULL;
        }
        if (step->command == NULL) {
            step->command = command_of(plan, step);
        }
    }
    step->says = says_of(r->book, ids, &step->guide_line);
    mem_free(ids);
}

/* The runbook's line whose check turns red without this fault is the one that lets the operator do it. */
static const struct runbook_id *id_of_fault(const struct runbook *book, const char *name)
{
    for (size_t i = 0; book != NULL && i < book->id_count; i++) {
        const struct red_switch *red = &book->ids[i].red;
        if (red->kind == RED_WITHOUT && red->name != NULL && strcmp(red->name, name) == 0) {
            return &book->ids[i];
        }
    }
    return NULL;
}

static void add_fault(struct rehearsal *r, const struct scenario_fault *plan)
{
    struct drill_step *step = drill_add_step(&r->drill);
    const struct runbook_id *id = id_of_fault(r->book, plan->name);
    step->kind = DRILL_RESTART;
    step->name = mem_strdup(plan->name);
    step->command = mem_strdup("restart-lb");
    step->expects = mem_strdup("the load balancer is restarted, and nothing acknowledged is lost");
    step->says = mem_strdup(id == NULL ? "" : id->says);
    step->guide_line = id == NULL ? 0 : id->from;
}

/* ---- all of them ---- */

/* Marks in the order of their moments, as far as that is known before the run. */
static int compare_marks(const struct mark *a, const struct mark *b)
{
    int64_t x = a->phase == UINT32_MAX ? -1 : 2 * (int64_t)a->phase + a->end;
    int64_t y = b->phase == UINT32_MAX ? -1 : 2 * (int64_t)b->phase + b->end;
    if (x != y) {
        return x < y ? -1 : 1;
    }
    return (a->offset_ns > b->offset_ns) - (a->offset_ns < b->offset_ns);
}

static int compare_sources(const void *a, const void *b)
{
    const struct rehearse_source *x = a;
    const struct rehearse_source *y = b;
    int order = compare_marks(x->mark, y->mark);
    if (order != 0) {
        return order;
    }
    return x->is_fault != y->is_fault ? x->is_fault - y->is_fault
                                      : (x->index > y->index) - (x->index < y->index);
}

void plan_steps(struct rehearsal *r)
{
    const struct scenario *s = r->scenario;
    size_t count = 0;
    r->sources = mem_alloc_array(s->step_count + s->fault_count + 1, sizeof(*r->sources));
    for (size_t i = 0; i < s->step_count; i++) {
        if (!s->steps[i].by_harness && (s->steps[i].run == NULL || r->live)) {
            r->sources[count++] = (struct rehearse_source){ false, i, &s->steps[i].at };
        }
    }
    for (size_t i = 0; i < s->fault_count; i++) {
        if (s->faults[i].by_operator) {
            r->sources[count++] = (struct rehearse_source){ true, i, &s->faults[i].at };
        }
    }
    qsort(r->sources, count, sizeof(*r->sources), compare_sources);
    for (size_t i = 0; i < count; i++) {
        if (r->sources[i].is_fault) {
            add_fault(r, &s->faults[r->sources[i].index]);
        } else {
            add_step(r, &s->steps[r->sources[i].index]);
        }
    }
}

void plan_times(struct rehearsal *r)
{
    for (size_t i = 0; i < r->drill.step_count; i++) {
        struct drill_step *step = &r->drill.steps[i];
        uint64_t due_ns;
        uint64_t opens_ns;
        if (step->done_ns == HISTORY_NEVER && operator_mark(r->run, r->sources[i].mark, &due_ns, &opens_ns)) {
            step->due_ns = (int64_t)due_ns;
            step->opens_ns = (int64_t)opens_ns;
        }
    }
}
