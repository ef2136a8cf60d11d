/* What the observer and the operator's shell hand over, and the words of the operator's own commands. */
#include "harness/cli/rehearse.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/units.h"
#include <string.h>
#include <time.h>

#define DESK_PATIENCE_S 60 /* of the operator's own time */
#define DESK_WORDS      ((size_t)64 << 10)
#define DESK_PAGES      20

/* ---- their requests ---- */

static void forget(struct rehearse_asked *asked)
{
    struct rehearse_asked **at = &asked->owner->asked;
    while (*at != asked) {
        at = &(*at)->next;
    }
    *at = asked->next;
    mem_free(asked);
}

static void on_answer(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct rehearse_asked *asked = context;
    struct rehearsal *r = asked->owner;
    struct observer_call *call = asked->call;
    (void)tag;
    if (r->run != NULL) { /* else it came after the end */
        struct operator_exchange exchange = { .target = (enum engine_target)call->port,
                                              .method = call->method,
                                              .path = call->path,
                                              .answer = *answer };
        turn_note(r, &exchange);
    }
    if (answer->outcome == OP_ANSWERED) {
        observer_answer(call, answer->status, answer->headers, answer->body);
    } else {
        observer_break(call);
    }
    forget(asked);
}

static int pass_on(struct rehearsal *r, struct observer_call *call, struct errmsg *msg)
{
    struct rehearse_asked *asked = mem_alloc(sizeof(*asked));
    struct engine_request request = {
        .target = (enum engine_target)call->port,
        .method = call->method,
        .path = call->path,
        .headers = buf_text(&call->headers),
        .body = buf_str(&call->body),
        .timeout_ns = (uint64_t)((double)(DESK_PATIENCE_S * NS_PER_S) * (r->speed < 1 ? 1 : r->speed)),
    };
    *asked = (struct rehearse_asked){ .owner = r, .call = call, .next = r->asked };
    r->asked = asked;
    int rv = operator_request(r->run, &request, on_answer, asked, msg);
    if (rv != 0) {
        observer_break(call);
        forget(asked);
    }
    return rv;
}

/* ---- their words ---- */

static void tell_pages(const struct rehearsal *r, struct buf *out)
{
    const struct drill *d = &r->drill;
    for (size_t i = d->page_count > DESK_PAGES ? d->page_count - DESK_PAGES : 0; i < d->page_count; i++) {
        char at[24];
        say_time(d->pages[i].at_ns - d->start_ns, at);
        buf_printf(out, "%7s  %s\n", at, d->pages[i].text);
    }
    if (d->page_count == 0) {
        buf_append_text(out, "nothing so far\n");
    }
}

static void tell_hint(struct rehearsal *r, struct buf *out)
{
    struct drill *d = &r->drill;
    int64_t now_ns = rehearse_now_ns(r);
    uint32_t current = drill_current(d, now_ns);
    if (r->hints == 0) {
        buf_append_text(out, "no hints are left\n");
        return;
    }
    if (current == DRILL_NONE || d->steps[current].opens_ns == HISTORY_NEVER ||
        d->steps[current].opens_ns > now_ns) {
        buf_append_text(out, "nothing is expected of you at the moment\n");
        return;
    }
    const struct drill_step *step = &d->steps[current];
    r->hints--;
    if (step->hints == 0) { /* first where to look, then what to type */
        buf_printf(out, "next: %s\n", step->name);
        if (step->guide_line > 0) {
            buf_printf(out, "the guide has it in line %u: %s\n", step->guide_line, step->says);
        }
    } else {
        buf_printf(out, "type:\n%s\n", step->command);
    }
    drill_note_hint(d, current, now_ns);
    say_line(r, now_ns, "hint", "%s", step->name);
}

static void tell_guide(const struct rehearsal *r, struct buf *out)
{
    const char *fragment = r->scenario->runbook == NULL ? NULL : strchr(r->scenario->runbook, '#');
    uint32_t current = drill_current(&r->drill, rehearse_now_ns(r));
    guide_section(r->book, fragment == NULL ? "" : fragment + 1, out);
    if (out->size == 0) {
        buf_append_text(out, "there is no runbook beside this scenario\n");
    }
    if (current != DRILL_NONE) {
        buf_printf(out, "now: %s\n", r->drill.steps[current].name);
    }
}

static void tell_hold(struct rehearsal *r, bool hold, struct buf *out)
{
    int64_t now_ns = rehearse_now_ns(r);
    if (hold == r->drill.held) {
        buf_append_text(out, hold ? "it is held already; resume goes on\n" : "it is not held\n");
        return;
    }
    operator_hold(r->run, hold, (uint64_t)now_ns);
    drill_note_hold(&r->drill, hold, now_ns);
    say_line(r, now_ns, "drill", hold ? "held: nothing new happens until resume" : "goes on");
    buf_append_text(out, hold ? "held: no load, nothing new breaks; resume goes on\n" : "it goes on\n");
}

static void end_drill(struct rehearsal *r, struct buf *out)
{
    static const char why[] = "the operator ended it (abort)";
    buf_append_text(out, "the drill is ended; whatever is broken is being healed\n");
    say_line(r, rehearse_now_ns(r), "drill", "%s", why);
    drill_note_end(&r->drill, why, rehearse_now_ns(r));
    operator_leave(r->run, why);
}

static int take_word(struct rehearsal *r, struct observer_call *call, struct errmsg *msg)
{
    const char *word = call->path + (call->path[0] == '/' ? 1 : 0);
    struct buf out;
    int status = 200;
    int rv = 0;
    buf_init(&out, DESK_WORDS);
    if (strcmp(word, "pager") == 0) {
        tell_pages(r, &out);
    } else if (strcmp(word, "hint") == 0) {
        tell_hint(r, &out);
    } else if (strcmp(word, "guide") == 0) {
        tell_guide(r, &out);
    } else if (strcmp(word, "restart-lb") == 0) {
        buf_append_text(&out, turn_restart(r, &rv, msg));
    } else if (strcmp(word, "pause") == 0 || strcmp(word, "resume") == 0) {
        tell_hold(r, word[0] == 'p', &out);
    } else if (strcmp(word, "finish") == 0) {
        r->finished = true;
        buf_append_text(&out, "thank you; the scenario plays on to its end\n");
    } else if (strcmp(word, "abort") == 0) {
        end_drill(r, &out);
    } else if (strcmp(word, "stranger") == 0) {
        drill_note_stranger(&r->drill, buf_text(&call->body), rehearse_now_ns(r));
        say_line(r, rehearse_now_ns(r), "mistake", "%s", r->drill.actions[r->drill.action_count - 1].mistake);
    } else {
        status = 404;
        buf_append_text(&out, "pager, hint, guide, restart-lb, pause, resume, finish or abort\n");
    }
    observer_answer(call, status, STR("Content-Type: text/plain; charset=utf-8\r\n"), buf_str(&out));
    buf_deinit(&out);
    return rv;
}

/* ---- what they typed ---- */

static bool is_own_word(const char *command)
{
    struct str typed = str_trim(str_of(command));
    for (size_t i = 0; desk_words[i] != NULL; i++) {
        if (str_equal(typed, str_of(desk_words[i]))) {
            return true;
        }
    }
    return false;
}

static int64_t scenario_time(const struct rehearsal *r, uint64_t real_ns)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    int64_t ago_ns = (int64_t)now.tv_sec * (int64_t)NS_PER_S + now.tv_nsec - (int64_t)real_ns;
    int64_t at_ns = rehearse_now_ns(r) - (int64_t)((double)ago_ns * (r->speed < 1 ? 1 : r->speed));
    return at_ns < r->drill.start_ns ? r->drill.start_ns : at_ns;
}

static void take_typed(struct rehearsal *r)
{
    struct desk_typed typed;
    while (desk_next(&r->desk, &typed)) {
        int64_t at_ns = scenario_time(r, typed.ended_ns);
        if (!is_own_word(typed.command)) { /* those were told already */
            uint32_t step = drill_note_command(&r->drill, typed.command, typed.exit_status, at_ns);
            const struct drill_action *action = &r->drill.actions[r->drill.action_count - 1];
            if (action->mistake != NULL) {
                say_line(r, at_ns, "mistake", "%s", action->mistake);
            }
            if (step != DRILL_NONE) {
                operator_ran(r->run, r->sources[step].index, typed.exit_status, (uint64_t)at_ns);
            }
        }
        mem_free(typed.command);
    }
}

/* ---- its life ---- */

static void introduce(struct rehearsal *r)
{
    struct buf text;
    buf_init(&text, DESK_WORDS);
    buf_printf(&text,
               "You are on call.  Beside curl, jq and the guide's own lines you have\n"
               "  pager       what you were told, again\n"
               "  guide       the runbook's part for this\n"
               "  hint        what to do next (%llu left)\n"
               "  restart-lb  restart the load balancer\n"
               "  pause       hold the drill; resume goes on\n"
               "  finish      you have nothing more to do\n"
               "  abort       end it now and heal everything\n",
               (unsigned long long)r->hints);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const names[] = { "LB", "PRIMARY", "REPLICA" };
        if (i < 2 || r->drill.has_replica) {
            buf_printf(&text, "  $%-10s http://127.0.0.1:%u\n", names[i], observer_port(r->observer, i));
        }
    }
    if (!r->with_shell) {
        buf_printf(&text, "In another terminal: source %s/rc, or waldrill rehearse --tell hint --at %s\n",
                   r->desk.directory, r->out);
    }
    say_text(r, buf_text(&text));
    buf_deinit(&text);
}

int desk_begin(struct rehearsal *r, struct errmsg *msg)
{
    char folder[CLI_PATH];
    char bin[CLI_PATH];
    struct desk_options options = {
        .directory = folder, .bin_dir = bin, .shell = r->shell, .has_replica = r->drill.has_replica
    };
    (void)snprintf(folder, sizeof(folder), "%.*s/desk", (int)sizeof(folder) - 8, r->out);
    cli_bin_dir(bin, sizeof(bin));
    r->observer = observer_start(msg);
    if (r->observer == NULL) {
        return ERR_IO;
    }
    for (unsigned i = 0; i < OBSERVER_PORTS; i++) {
        options.ports[i] = observer_port(r->observer, i);
    }
    int rv = desk_prepare(&r->desk, &options, msg);
    r->desk_ready = rv == 0;
    if (rv == 0 && !r->automatic) {
        introduce(r);
        rv = r->with_shell ? desk_open(&r->desk, msg) : 0;
    }
    return rv;
}

int desk_turn(struct rehearsal *r, struct errmsg *msg)
{
    struct observer_call *call;
    int rv = 0;
    while (rv == 0 && (call = observer_take(r->observer)) != NULL) {
        rv = call->port == OBSERVER_DESK ? take_word(r, call, msg) : pass_on(r, call, msg);
    }
    take_typed(r);
    if (r->finished && r->desk.child != 0) {
        desk_close(&r->desk);
    }
    return rv;
}

/* No more turns come: their shell is closed, what they still wait for is broken off. */
void desk_over(struct rehearsal *r)
{
    if (r->desk_ready) {
        take_typed(r);
        desk_close(&r->desk);
    }
}

void desk_end(struct rehearsal *r)
{
    while (r->asked != NULL) {
        observer_break(r->asked->call);
        forget(r->asked);
    }
    if (r->observer != NULL) {
        observer_stop(r->observer);
        r->observer = NULL;
    }
}
