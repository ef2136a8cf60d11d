/* The runbook's steps: requests as a person would type them, and shell commands where the engine runs real
 * processes.
 *
 * A request names its target by how its URL begins: ${lb}, ${primary} or ${replica}.  Captures of earlier
 * steps are filled in as ${name}.  A step that writes through the balancer stands in the history like any
 * other operation, so that the oracles hold it to the same promises.
 *
 * How it fails: a step whose moment never came, whose URL or capture cannot be filled in, or whose command
 * does not end in time, fails with words; a command on an engine without processes is skipped and says so. */
#include "harness/runner/run.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STEPS_SHOWN ((size_t)4000)

/* ---- texts with ${...} ---- */

static const char *steps_lookup(const struct run *run, struct str name)
{
    static const char *const targets[] = { "lb", "primary", "replica" };
    for (unsigned i = 0; i < 3; i++) {
        if (str_equal(name, str_of(targets[i])) && run->engine->ops->base_url != NULL) {
            return run->engine->ops->base_url(run->engine, (enum engine_target)i);
        }
    }
    for (size_t i = run->capture_count; i > 0; i--) { /* the latest wins */
        if (str_equal(name, str_of(run->captures[i - 1].name))) {
            return run->captures[i - 1].value;
        }
    }
    return NULL;
}

/* ${TIME}, ${TIME-0}: in a command, a variable of the shell. */
static bool steps_is_shells(struct str name)
{
    size_t fit = 0;
    while (fit < name.size && ((name.data[fit] >= 'A' && name.data[fit] <= 'Z') ||
                               (name.data[fit] >= '0' && name.data[fit] <= '9') || name.data[fit] == '_')) {
        fit++;
    }
    return fit > 0 && (fit == name.size || strchr("-:+=?%#/", name.data[fit]) != NULL);
}

/* Appends text with its ${names} filled in; false with the name that is not known. */
bool steps_expand(const struct run *run, struct str text, struct buf *out, struct str *unknown)
{
    size_t at = 0;
    while (at < text.size) {
        const char *open = memmem(text.data + at, text.size - at, "${", 2);
        if (open == NULL) {
            break;
        }
        size_t start = (size_t)(open - text.data);
        const char *close = memchr(open, '}', text.size - start);
        if (close == NULL) {
            break;
        }
        buf_append(out, text.data + at, start - at);
        struct str name = str_make(open + 2, (size_t)(close - open) - 2);
        const char *value = steps_lookup(run, name);
        if (value == NULL && !steps_is_shells(name)) {
            *unknown = name;
            return false;
        }
        if (value != NULL) {
            buf_append_text(out, value);
        } else {
            buf_append(out, open, name.size + 3);
        }
        at = (size_t)(close - text.data) + 1;
    }
    buf_append(out, text.data + at, text.size - at);
    return true;
}

/* The target a URL begins with; the rest is its path. */
static bool steps_target(const char *url, enum engine_target *target, struct str *rest)
{
    static const struct {
        const char *prefix;
        enum engine_target target;
    } known[] = { { "${lb}", TARGET_LB },
                  { "${primary}", TARGET_PRIMARY },
                  { "${replica}", TARGET_REPLICA } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_starts(str_of(url), str_of(known[i].prefix))) {
            *target = known[i].target;
            *rest = str_of(url + strlen(known[i].prefix));
            return true;
        }
    }
    return false;
}

/* ---- what a step came to ---- */

static const char *steps_outcome_name(enum op_outcome outcome)
{
    switch (outcome) {
        case OP_PENDING:
            return "pending";
        case OP_ANSWERED:
            return "answered";
        case OP_CONN_REFUSED:
            return "refused";
        case OP_CONN_BROKEN:
            return "broken";
        case OP_TIMED_OUT:
            return "timeout";
    }
    return "";
}

void steps_prove(struct assertion_result *a, const struct scenario_step *plan)
{
    results_prove(a, plan->proves);
    for (size_t i = 0; i < plan->assertion_count; i++) {
        results_prove(a, plan->assertions[i].proves);
    }
}

void steps_fail(struct run *run, size_t index, uint64_t now_ns, const char *why)
{
    const struct scenario_step *plan = &run->scenario->steps[index];
    struct step_result *result = &run->results->steps[index];
    char name[256];
    (void)snprintf(name, sizeof(name), "step \"%s\" is carried out", plan->name);
    struct assertion_result *a = results_add_assertion(run->results, ASSERT_STEP, name, plan->line);
    steps_prove(a, plan);
    a->expected = mem_strdup("the step runs");
    a->saw = mem_strdup(why);
    a->at_ns = (int64_t)now_ns;
    mem_free(result->outcome);
    result->outcome = mem_strdup(why);
    result->passed = false;
    run->steps[index].over = true;
}

/* Judges the assertions against world's step; returns whether all held. */
static bool steps_judge(struct run *run, const struct scenario_step *plan,
                        const struct expression_world *world, int64_t at_ns)
{
    bool all = true;
    for (size_t i = 0; i < plan->assertion_count; i++) {
        const struct scenario_expect *assertion = &plan->assertions[i];
        struct expression_result verdict;
        expression_evaluate(assertion->expression, world, &verdict);
        char name[400];
        (void)snprintf(name, sizeof(name), "%s: %s", plan->name, assertion->text);
        struct assertion_result *a = results_add_assertion(run->results, ASSERT_STEP, name, assertion->line);
        results_prove(a, assertion->proves);
        results_prove(a, plan->proves);
        a->passed = verdict.verdict == EXPRESSION_TRUE;
        a->expected = mem_strdup(verdict.expected);
        a->saw = mem_strdup(verdict.saw);
        a->at_ns = at_ns;
        all = all && a->passed;
    }
    return all;
}

bool steps_capture(struct run *run, const struct scenario_step *plan, const struct expression_world *world,
                   int64_t at_ns)
{
    bool all = true;
    for (size_t i = 0; i < plan->capture_count; i++) {
        char value[256];
        if (!expression_capture(plan->captures[i].expression, world, value, sizeof(value))) {
            char name[256];
            if (operator_leaves_steps(run)) {
                continue; /* what they did fails no run */
            }
            (void)snprintf(name, sizeof(name), "%s: capture %s", plan->name, plan->captures[i].name);
            struct assertion_result *a = results_add_assertion(run->results, ASSERT_STEP, name, plan->line);
            a->expected = mem_strdup("a value to capture");
            a->saw = mem_strdup("the answer has none");
            a->at_ns = at_ns;
            all = false;
            continue;
        }
        run->captures = mem_realloc(run->captures, (run->capture_count + 1) * sizeof(*run->captures));
        run->captures[run->capture_count++] =
            (struct run_capture){ .name = mem_strdup(plan->captures[i].name), .value = mem_strdup(value) };
    }
    return all;
}

void steps_finish(struct run *run, size_t index, const struct expression_world *world, int64_t at_ns)
{
    const struct scenario_step *plan = &run->scenario->steps[index];
    struct step_result *result = &run->results->steps[index];
    result->status = world->step_status;
    result->outcome = mem_strdup(world->step_outcome);
    size_t shown = world->step_body.size < STEPS_SHOWN ? world->step_body.size : STEPS_SHOWN;
    result->output = mem_strndup(shown == 0 ? "" : world->step_body.data, shown);
    bool judged = steps_judge(run, plan, world, at_ns);
    bool captured = steps_capture(run, plan, world, at_ns);
    bool answered = strcmp(world->step_outcome, "answered") == 0;
    result->passed = judged && captured && (plan->assertion_count > 0 || answered);
    if (plan->assertion_count == 0) {
        char name[256];
        (void)snprintf(name, sizeof(name), "step \"%s\" is answered", plan->name);
        struct assertion_result *a = results_add_assertion(run->results, ASSERT_STEP, name, plan->line);
        results_prove(a, plan->proves);
        a->passed = answered;
        a->expected = mem_strdup("an answer");
        a->saw = mem_strdup(world->step_outcome);
        a->at_ns = at_ns;
    }
    run->steps[index].over = true;
    results_add_event(run->results, at_ns, "step \"%s\": %s%s", plan->name, world->step_outcome,
                      result->passed ? "" : " (failed)");
}

/* ---- requests ---- */

/* A collection that a step made: later steps reach it by the id it was given. */
void steps_remember(struct run *run, const struct op_record *op, struct str body)
{
    struct json_scan scan;
    size_t length;
    if (op->op != OP_COLLECTION_CREATE || op->status != 200 || op->collection == HISTORY_NONE) {
        return;
    }
    const struct json_member *id = json_scan(body, &scan) == 0 ? json_scan_find(&scan, "id") : NULL;
    run->made = mem_realloc(run->made, (run->made_count + 1) * sizeof(*run->made));
    struct run_collection *made = &run->made[run->made_count];
    *made = (struct run_collection){ .name = op->collection };
    if (id != NULL && json_scan_decode(id->value, made->id, sizeof(made->id) - 1, &length)) {
        made->id[length] = '\0';
        run->made_count++;
    }
}

struct expression_world steps_world(struct run *run, const struct engine_answer *answer)
{
    struct expression_world world = world_of_run(run);
    bool answered = answer->outcome == OP_ANSWERED;
    world.step_status = answered ? answer->status : 0;
    world.step_outcome = steps_outcome_name(answer->outcome);
    world.step_latency_ns = (double)run_took_ns(answer);
    world.step_body = answered ? answer->body : STR("");
    world.step_headers = answered ? answer->headers : STR("");
    return world;
}

static void steps_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct run *run = context;
    struct run_step *step = &run->steps[tag];
    if (step->op != HISTORY_NONE) {
        load_note(&run->history->ops[step->op], answer);
        steps_remember(run, &run->history->ops[step->op], answer->body);
    }
    CHECK(run->in_flight > 0);
    run->in_flight--;
    if (step->told != NULL) {
        struct operator_exchange exchange = { .method = run->scenario->steps[tag].method,
                                              .path = step->path,
                                              .answer = *answer };
        struct str rest;
        (void)steps_target(run->scenario->steps[tag].url, &exchange.target, &rest); /* it could be sent */
        step->told(step->told_context, tag, &exchange);
        return;
    }
    struct expression_world world = steps_world(run, answer);
    steps_finish(run, tag, &world, answer->done_ns);
}

/* The collection a step's write is about: by name in the path or the body, by id through what we created. */
static uint32_t steps_collection(struct run *run, const struct chroma_route *route, struct str body)
{
    char name[256];
    size_t length;
    struct json_scan scan;
    if (route->op == OP_COLLECTION_CREATE && json_scan(body, &scan) == 0) {
        const struct json_member *member = json_scan_find(&scan, "name");
        bool good = member != NULL && member->kind == JSON_STRING_VALUE &&
                    json_scan_decode(member->value, name, sizeof(name) - 1, &length);
        if (!good) {
            return HISTORY_NONE;
        }
        name[length] = '\0';
        return history_collection(run->history, name);
    }
    if (route->op == OP_COLLECTION_DELETE || route->op == OP_COLLECTION_GET) {
        return http_percent_decode(route->collection, name, sizeof(name), &length)
                   ? history_collection(run->history, name)
                   : HISTORY_NONE;
    }
    for (uint32_t i = 0; i < run->collection_count; i++) {
        if (str_equal(route->collection, str_of(run->collections[i].id))) {
            return run->collections[i].name;
        }
    }
    for (size_t i = 0; i < run->made_count; i++) {
        if (str_equal(route->collection, str_of(run->made[i].id))) {
            return run->made[i].name;
        }
    }
    return HISTORY_NONE;
}

uint32_t steps_note_op(struct run *run, const struct engine_request *request, uint64_t tag, uint64_t now_ns)
{
    struct chroma_route route = chroma_route(str_of(request->method), str_of(request->path), true);
    if (request->target != TARGET_LB || route.op == OP_UNKNOWN) {
        return HISTORY_NONE;
    }
    uint32_t collection = steps_collection(run, &route, request->body);
    struct op_record *op = history_add_op(run->history);
    op->tag = tag;
    op->load = HISTORY_NONE;
    op->op = route.op;
    op->collection = collection;
    op->record = HISTORY_NONE;
    op->planned_ns = (int64_t)now_ns;
    op->sent_ns = (int64_t)now_ns;
    op->done_ns = HISTORY_NEVER;
    op->seen_tag = -1;
    return (uint32_t)(run->history->op_count - 1);
}

/* The step's own headers with their ${names} filled in, then what every request has.  False with the words
 * why they cannot be sent. */
static bool steps_headers(const struct run *run, const struct scenario_step *plan, bool body, struct buf *out,
                          char *why, size_t size)
{
    bool typed = false;
    for (size_t i = 0; i < plan->header_count; i++) {
        struct str unknown;
        buf_printf(out, "%s: ", plan->headers[i].name);
        size_t start = out->size;
        if (!steps_expand(run, str_of(plan->headers[i].value), out, &unknown)) {
            (void)snprintf(why, size, "nothing known as ${%.*s}",
                           (int)(unknown.size > 60 ? 60 : unknown.size), unknown.data);
            return false;
        }
        if (strpbrk(buf_text(out) + start, "\r\n") != NULL) {
            (void)snprintf(why, size, "a captured value would break header %.60s into lines",
                           plan->headers[i].name);
            return false;
        }
        buf_append_text(out, "\r\n");
        typed = typed || str_equal_nocase(str_of(plan->headers[i].name), STR("content-type"));
    }
    if (body && !typed) {
        buf_append_text(out, "Content-Type: application/json\r\n");
    }
    return true;
}

static int steps_send(struct run *run, size_t index, const char *path, struct str body, struct buf *headers,
                      enum engine_target target, uint64_t now_ns, struct errmsg *msg)
{
    const struct scenario_step *plan = &run->scenario->steps[index];
    uint64_t tag = run_tag(run);
    buf_printf(headers, "X-Request-Id: wd-%" PRIu64 "\r\n", tag);
    struct engine_request request = {
        .target = target,
        .method = plan->method == NULL ? "GET" : plan->method,
        .path = path,
        .headers = buf_text(headers),
        .body = body,
        .timeout_ns = plan->timeout_ns == 0 ? RUN_STEP_TIMEOUT : plan->timeout_ns,
    };
    run->steps[index].op = steps_note_op(run, &request, tag, now_ns);
    if (run->steps[index].told != NULL) {
        mem_free(run->steps[index].path);
        run->steps[index].path = mem_strdup(path);
    }
    run->in_flight++;
    int rv = run->engine->ops->request(run->engine, &request, index, steps_answered, run, msg);
    if (rv != 0) {
        run->in_flight--;
        return error_wrap(msg, rv, "step \"%s\"", plan->name);
    }
    return 0;
}

int steps_begin_request(struct run *run, size_t index, uint64_t now_ns, struct errmsg *msg)
{
    const struct scenario_step *plan = &run->scenario->steps[index];
    enum engine_target target;
    struct str rest;
    struct str unknown;
    if (!steps_target(plan->url, &target, &rest)) {
        steps_fail(run, index, now_ns, "the url does not begin with ${lb}, ${primary} or ${replica}");
        return 0;
    }
    struct buf path;
    struct buf body;
    struct buf headers;
    char why[160];
    buf_init(&path, 64 * 1024);
    buf_init(&body, RUN_COMMAND_OUTPUT * 64);
    buf_init(&headers, 64 * 1024);
    int rv = 0;
    if (!steps_expand(run, rest, &path, &unknown) ||
        (plan->body != NULL && !steps_expand(run, str_of(plan->body), &body, &unknown))) {
        (void)snprintf(why, sizeof(why), "nothing known as ${%.*s}",
                       (int)(unknown.size > 60 ? 60 : unknown.size), unknown.data);
        steps_fail(run, index, now_ns, why);
    } else if (!steps_headers(run, plan, body.size > 0, &headers, why, sizeof(why))) {
        steps_fail(run, index, now_ns, why);
    } else {
        rv = steps_send(run, index, path.size == 0 ? "/" : buf_text(&path), buf_str(&body), &headers, target,
                        now_ns, msg);
    }
    buf_deinit(&headers);
    buf_deinit(&path);
    buf_deinit(&body);
    return rv;
}

/* ---- when ---- */

char *steps_command_text(const struct scenario_step *plan)
{
    if (plan->run != NULL) {
        return mem_strdup(plan->run);
    }
    struct buf text;
    buf_init(&text, RUN_COMMAND_OUTPUT);
    buf_printf(&text, "%s %s", plan->method == NULL ? "GET" : plan->method, plan->url);
    if (plan->body != NULL) {
        buf_printf(&text, " %s", plan->body);
    }
    char *copy = mem_strdup(buf_text(&text));
    buf_deinit(&text);
    return copy;
}

/* last_chance: the last phase is over; a step that is not due by now never will be. */
int steps_due(struct run *run, uint64_t now_ns, bool last_chance, struct errmsg *msg)
{
    if (operator_leaves_steps(run)) {
        return 0;
    }
    for (size_t i = 0; i < run->scenario->step_count; i++) {
        const struct scenario_step *plan = &run->scenario->steps[i];
        struct run_step *step = &run->steps[i];
        uint64_t at_ns;
        if (step->begun) {
            continue;
        }
        bool due = timeline_mark(run, &plan->at, &at_ns) && at_ns <= now_ns;
        if (!due && !last_chance) {
            continue;
        }
        step->begun = true;
        step->begun_ns = now_ns;
        struct step_result *result = &run->results->steps[i];
        result->at_ns = (int64_t)now_ns;
        result->command = steps_command_text(plan);
        if (!due) {
            steps_fail(run, i, now_ns, "its moment never came: the run was over before");
        } else if (plan->run != NULL) {
            commands_begin(run, i, now_ns);
        } else {
            int rv = steps_begin_request(run, i, now_ns, msg);
            if (rv != 0) {
                return rv;
            }
        }
    }
    return 0;
}

uint64_t steps_next(const struct run *run)
{
    uint64_t next = RUN_NO_TIME;
    for (size_t i = 0; i < run->scenario->step_count && !operator_leaves_steps(run); i++) {
        uint64_t at_ns;
        if (!run->steps[i].begun && timeline_mark(run, &run->scenario->steps[i].at, &at_ns) && at_ns < next) {
            next = at_ns;
        }
    }
    return next;
}

void steps_close(struct run *run)
{
    for (size_t i = 0; i < run->capture_count; i++) {
        mem_free(run->captures[i].name);
        mem_free(run->captures[i].value);
    }
    for (size_t i = 0; i < run->scenario->step_count; i++) {
        mem_free(run->steps[i].path);
    }
    mem_free(run->captures);
    mem_free(run->made);
    mem_free(run->steps);
}
