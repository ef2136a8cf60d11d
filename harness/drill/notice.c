/* Understanding what the operator did: which step it counts for, and what was wrong with it.
 *
 * A request counts for a step when it goes to the same instance with the same meaning: method and path, where
 * the guide's short path is the long one of the default database, and a capture in the step's path stands for
 * anything.  A step is open from the beginning of the phase that its moment belongs to.
 *
 * A mistake is what would have been one in production: a path that nobody knows, a request that was refused
 * as wrong, a command that does not exist, a host that is none of ours, a restart that cost acknowledged
 * writes. That something is down is no mistake of theirs. */
#include "harness/drill/drill.h"

#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NOTICE_TEXT         400
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127
#define EXIT_CURL_HOST      6

static const char *const target_names
    [] = { [TARGET_LB] = "load balancer", [TARGET_PRIMARY] = "primary", [TARGET_REPLICA] = "replica" };

__attribute__((format(printf, 1, 2))) static char *text_of(const char *format, ...)
{
    char text[NOTICE_TEXT];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); /* cut at the end when longer */
    va_end(args);
    return mem_strdup(text);
}

static struct drill_action *add_action(struct drill *d, enum drill_deed deed, int64_t at_ns, char *text)
{
    d->actions = mem_realloc(d->actions, (d->action_count + 1) * sizeof(*d->actions));
    struct drill_action *action = &d->actions[d->action_count++];
    *action = (struct drill_action){ .deed = deed, .at_ns = at_ns, .text = text, .step = DRILL_NONE };
    return action;
}

/* ---- requests ---- */

static struct str without_query(const char *path)
{
    return str_make(path, strcspn(path, "?"));
}

/* Segment by segment; "${name}" in the wanted path stands for any one segment. */
static bool paths_equal(struct str wanted, struct str given)
{
    while (wanted.size > 0 || given.size > 0) {
        struct str one = str_cut(wanted, '/', &wanted);
        struct str other = str_cut(given, '/', &given);
        if (!str_starts(one, STR("${")) && !str_equal(one, other)) {
            return false;
        }
    }
    return true;
}

bool drill_fits(const struct drill_step *step, enum engine_target target, const char *method,
                const char *path)
{
    if (step->path == NULL || step->target != target || strcmp(step->method, method) != 0) {
        return false;
    }
    if (paths_equal(without_query(step->path), without_query(path))) {
        return true;
    }
    struct chroma_route wanted = chroma_route(str_of(step->method), str_of(step->path), true);
    struct chroma_route given = chroma_route(str_of(method), str_of(path), true);
    return wanted.op != OP_UNKNOWN && wanted.op == given.op && wanted.short_path != given.short_path &&
           str_equal(wanted.tenant, given.tenant) && str_equal(wanted.database, given.database) &&
           (str_starts(wanted.collection, STR("${")) || str_equal(wanted.collection, given.collection));
}

/* The guide's own line, sent to an instance: a real Chroma answers the short path 404 (docs/guide-notes.md),
 * and that it answers is what the guide wants to know. */
static bool is_guides_short_path(const struct drill_request *request)
{
    struct chroma_route route = chroma_route(str_of(request->method), str_of(request->path), true);
    return request->target != TARGET_LB && route.short_path && request->status == 404;
}

static char *mistake_of(const struct drill_request *request)
{
    int status = request->outcome == OP_ANSWERED ? request->status : 0;
    struct chroma_route route = chroma_route(str_of(request->method), str_of(request->path), true);
    if (is_guides_short_path(request)) {
        return NULL;
    }
    if (request->target != TARGET_LB && chroma_op_is_write(route.op) && status >= 200 && status < 300) {
        return text_of("a write past the load balancer: only the %s has it", target_names[request->target]);
    }
    if (status == 404) {
        return text_of("the %s answers 404: it has nothing at %.120s", target_names[request->target],
                       request->path);
    }
    if (status == 401 || status == 403) {
        return text_of("the %s answers %d: that needs a token", target_names[request->target], status);
    }
    if (status >= 400 && status < 500 && status != 429) {
        return text_of("the %s refuses it with %d", target_names[request->target], status);
    }
    return NULL;
}

static bool step_is_open(const struct drill_step *step, int64_t at_ns)
{
    return step->done_ns == HISTORY_NEVER && step->opens_ns != HISTORY_NEVER && step->opens_ns <= at_ns;
}

static void step_tried(struct drill_step *step, const char *saw)
{
    step->tries++;
    mem_free(step->saw);
    step->saw = mem_strdup(saw);
}

uint32_t drill_note_request(struct drill *d, const struct drill_request *request, drill_judge *judge,
                            void *context)
{
    char *text = text_of("%s %s%.200s", request->method,
                         request->target == TARGET_LB        ? "$LB"
                         : request->target == TARGET_PRIMARY ? "$PRIMARY"
                                                             : "$REPLICA",
                         request->path);
    struct drill_action *action = add_action(d, DRILL_DEED_REQUEST, request->at_ns, text);
    action->target = request->target;
    action->outcome = request->outcome;
    action->status = request->outcome == OP_ANSWERED ? request->status : 0;
    action->took_ns = request->took_ns;
    action->mistake = mistake_of(request);
    for (uint32_t i = 0; i < d->step_count; i++) {
        struct drill_step *step = &d->steps[i];
        char saw[DRILL_SAW] = "";
        if (!step_is_open(step, request->at_ns) ||
            !drill_fits(step, request->target, request->method, request->path)) {
            continue;
        }
        bool held = judge(context, i, saw);
        if (!held && is_guides_short_path(request)) {
            held = true;
            (void)snprintf(saw, sizeof(saw),
                           "it answers; 404 to the guide's short path, as a real Chroma does");
        }
        step_tried(step, saw);
        action->step = action->step == DRILL_NONE ? i : action->step;
        if (held) {
            step->done_ns = request->at_ns;
            action->step = i;
            return i;
        }
    }
    return DRILL_NONE;
}

/* ---- commands ---- */

static struct str first_word(const char *command)
{
    struct str rest;
    return str_cut(str_trim(str_of(command)), ' ', &rest);
}

/* A line of the guide's block that says something stands in what was typed. */
static bool command_is(const struct drill_step *step, const char *typed)
{
    struct str rest = str_of(step->command == NULL ? "" : step->command);
    while (rest.size > 0) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        bool says = line.size > 3 && line.data[0] != '#';
        if (says && memmem(typed, strlen(typed), line.data, line.size) != NULL) {
            return true;
        }
    }
    return false;
}

static char *mistake_of_command(const char *command, int exit_status)
{
    struct str word = first_word(command);
    int shown = word.size > 60 ? 60 : (int)word.size;
    if (exit_status == EXIT_NOT_FOUND) {
        return text_of("no such command: %.*s", shown, word.data);
    }
    if (exit_status == EXIT_NOT_EXECUTABLE) {
        return text_of("%.*s cannot be run", shown, word.data);
    }
    return NULL;
}

uint32_t drill_note_command(struct drill *d, const char *command, int exit_status, int64_t at_ns)
{
    struct drill_action *action = add_action(d, DRILL_DEED_COMMAND, at_ns, text_of("%s", command));
    action->status = exit_status;
    action->mistake = mistake_of_command(command, exit_status);
    for (uint32_t i = 0; i < d->step_count; i++) {
        struct drill_step *step = &d->steps[i];
        if (step->kind != DRILL_RUN || !step_is_open(step, at_ns) || !command_is(step, command)) {
            continue;
        }
        char saw[DRILL_SAW];
        (void)snprintf(saw, sizeof(saw), "exit status %d", exit_status);
        step_tried(step, saw);
        action->step = i;
        if (action->mistake == NULL && exit_status != EXIT_CURL_HOST) {
            step->done_ns = at_ns;
            return i;
        }
        return DRILL_NONE;
    }
    return DRILL_NONE;
}

void drill_note_stranger(struct drill *d, const char *url, int64_t at_ns)
{
    struct drill_action *action = add_action(d, DRILL_DEED_STRANGER, at_ns, text_of("%s", url));
    action->mistake = text_of("wrong host: %.200s is none of the drill's", url);
}

/* ---- what changes the course ---- */

uint32_t drill_note_restart(struct drill *d, double lost, int64_t at_ns)
{
    struct drill_action *action =
        add_action(d, DRILL_DEED_RESTART, at_ns, text_of("restart of the load balancer"));
    if (lost > 0) {
        action->mistake = text_of("the queue was in memory only: the restart cost %.0f acknowledged write%s",
                                  lost, lost > 1 ? "s" : "");
    }
    for (uint32_t i = 0; i < d->step_count; i++) {
        struct drill_step *step = &d->steps[i];
        if (step->kind == DRILL_RESTART && step_is_open(step, at_ns)) {
            step_tried(step, lost > 0 ? action->mistake : "restarted, nothing lost");
            step->done_ns = at_ns;
            action->step = i;
            return i;
        }
    }
    return DRILL_NONE;
}

void drill_note_hint(struct drill *d, uint32_t step, int64_t at_ns)
{
    struct drill_action *action =
        add_action(d, DRILL_DEED_HINT, at_ns,
                   text_of("hint: %s", step == DRILL_NONE ? "nothing is open" : d->steps[step].name));
    action->step = step;
    if (step != DRILL_NONE) {
        d->steps[step].hints++;
    }
}

void drill_note_hold(struct drill *d, bool hold, int64_t at_ns)
{
    if (hold == d->held) {
        return;
    }
    d->held = hold;
    if (hold) {
        d->holds = mem_realloc(d->holds, (d->hold_count + 1) * sizeof(*d->holds));
        d->holds[d->hold_count++] = (struct drill_span){ at_ns, at_ns };
    } else {
        d->holds[d->hold_count - 1].end_ns = at_ns;
    }
    (void)add_action(d, hold ? DRILL_DEED_PAUSE : DRILL_DEED_RESUME, at_ns,
                     text_of(hold ? "pause" : "resume"));
}

void drill_note_end(struct drill *d, const char *why, int64_t at_ns)
{
    if (d->ended == NULL) {
        d->ended = mem_strdup(why);
        (void)add_action(d, DRILL_DEED_END, at_ns, text_of("%s", why));
    }
}
