/* An operator who plays the runbook: each step when it is due, again a while later when it did not show what
 * the guide expects, and not for ever.  Where processes run they type the runbook's own lines in a shell;
 * elsewhere the engine sends the step's request. */
#include "harness/cli/rehearse.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/units.h"
#include <string.h>

#define AUTO_TRIES      5
#define AUTO_AGAIN_NS   ((int64_t)(15 * NS_PER_S))
#define AUTO_WALL_NS    ((int64_t)(400 * NS_PER_MS))
#define AUTO_TEXT       ((size_t)1 << 20)
#define AUTO_SHOWN      6 /* lines of output */
#define AUTO_LINE_SHOWN 160

static void over(struct rehearsal *r, int64_t now_ns)
{
    struct rehearse_auto *player = &r->player;
    int64_t wall_ns = (int64_t)((double)AUTO_WALL_NS * (r->live ? r->speed : 0));
    player->waits = false;
    player->not_before_ns = now_ns + (AUTO_AGAIN_NS > wall_ns ? AUTO_AGAIN_NS : wall_ns);
}

/* ---- without processes ---- */

static void answered(void *context, size_t step, const struct operator_exchange *exchange)
{
    struct rehearsal *r = context;
    (void)step;
    if (r->run != NULL) { /* else it came after the end */
        turn_note(r, exchange);
        over(r, exchange->answer.done_ns);
    }
}

/* ---- with a shell ---- */

static void say_output(struct rehearsal *r, int64_t at_ns)
{
    struct buf output;
    buf_init(&output, AUTO_TEXT);
    desk_output(&r->desk, &output);
    struct str rest = buf_str(&output);
    for (unsigned line = 0; rest.size > 0 && line < AUTO_SHOWN; line++) {
        struct str one = str_cut(rest, '\n', &rest);
        int shown = one.size > AUTO_LINE_SHOWN ? AUTO_LINE_SHOWN : (int)one.size;
        say_line(r, at_ns, "", "  %.*s", shown, one.data == NULL ? "" : one.data);
    }
    if (rest.size > 0) {
        say_line(r, at_ns, "", "  ...");
    }
    buf_deinit(&output);
}

static void say_command(struct rehearsal *r, int64_t at_ns, const char *command)
{
    struct str rest = str_of(command);
    bool first = true;
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        say_line(r, at_ns, first ? "operator" : "", "%s%.*s", first ? "$ " : "  ", STR_ARGS(line));
        first = false;
    }
}

static void collect(struct rehearsal *r, int64_t now_ns)
{
    int status;
    if (!desk_ended(&r->desk, &status)) {
        return;
    }
    const struct rehearse_source *source = &r->sources[r->player.step];
    say_output(r, now_ns);
    uint32_t step = drill_note_command(&r->drill, r->drill.steps[r->player.step].command, status, now_ns);
    if (step != DRILL_NONE && !source->is_fault) {
        operator_ran(r->run, source->index, status, (uint64_t)now_ns);
    }
    over(r, now_ns);
}

/* ---- the next step ---- */

static int begin(struct rehearsal *r, uint32_t index, int64_t now_ns, struct errmsg *msg)
{
    const struct drill_step *step = &r->drill.steps[index];
    struct rehearse_auto *player = &r->player;
    struct buf text;
    struct str unknown;
    int rv = 0;
    player->waits = true;
    player->tries++;
    if (!r->live && step->kind == DRILL_RESTART) {
        (void)turn_restart(r, &rv, msg);
        over(r, now_ns);
        return rv;
    }
    if (!r->live) {
        say_line(r, now_ns, "operator", "%s", step->name);
        return operator_send(r->run, r->sources[index].index, answered, r, msg);
    }
    buf_init(&text, AUTO_TEXT);
    if (operator_text(r->run, step->command, &text, &unknown)) {
        say_command(r, now_ns, buf_text(&text));
        rv = desk_run(&r->desk, buf_text(&text), msg);
    } else { /* what an earlier step was to find out */
        player->tries = AUTO_TRIES;
        player->waits = false;
    }
    buf_deinit(&text);
    return rv;
}

static bool is_due(const struct drill_step *step, int64_t now_ns)
{
    return step->done_ns == HISTORY_NEVER && step->due_ns != HISTORY_NEVER && step->due_ns <= now_ns;
}

int auto_turn(struct rehearsal *r, uint64_t now, struct errmsg *msg)
{
    struct rehearse_auto *player = &r->player;
    const int64_t now_ns = (int64_t)now;
    if (player->waits && r->live) {
        collect(r, now_ns);
    }
    if (player->waits) {
        return 0;
    }
    for (uint32_t i = 0; i < r->drill.step_count; i++) {
        if (!is_due(&r->drill.steps[i], now_ns)) {
            continue;
        }
        bool again = i == player->step;
        if (i < player->step && player->step != DRILL_NONE) {
            continue; /* given up */
        }
        if (again && (player->tries >= AUTO_TRIES || now_ns < player->not_before_ns)) {
            if (player->tries >= AUTO_TRIES) {
                continue;
            }
            return 0;
        }
        player->tries = again ? player->tries : 0;
        player->step = i;
        return begin(r, i, now_ns, msg);
    }
    return 0;
}
