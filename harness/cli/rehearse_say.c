/* The transcript: on the terminal, and the same without colours in transcript.txt. */
#include "harness/cli/rehearse.h"

#include "base/buf.h"
#include "base/units.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SAY_LINE 1000

void say_time(int64_t ns, char out[24])
{
    int64_t s = ns < 0 ? 0 : ns / (int64_t)NS_PER_S;
    (void)snprintf(out, 24, "%" PRId64 ":%02d", s / 60, (int)(s % 60));
}

static const char *colour_of(const char *who)
{
    static const struct {
        const char *who, *colour;
    } colours[] = { { "pager", "\033[1;33m" },    { "mistake", "\033[1;31m" }, { "step", "\033[1;32m" },
                    { "operator", "\033[1;36m" }, { "hint", "\033[36m" },      { "seen", "\033[2m" } };
    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]) && cli_colour(stdout); i++) {
        if (strcmp(colours[i].who, who) == 0) {
            return colours[i].colour;
        }
    }
    return "";
}

/* With a shell open its operator types on this terminal: they are told what a pager says, and of their own
 * deeds nothing before the debrief. */
static bool is_for_terminal(const struct rehearsal *r, const char *who)
{
    bool typing = r->desk.child != 0 && r->desk.interactive;
    return !typing || strcmp(who, "pager") == 0 || strcmp(who, "drill") == 0;
}

void say_line(struct rehearsal *r, int64_t at_ns, const char *who, const char *format, ...)
{
    char text[SAY_LINE];
    char at[24];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); /* cut at the end when longer */
    va_end(args);
    say_time(at_ns - r->drill.start_ns, at);
    if (is_for_terminal(r, who)) {
        const char *colour = colour_of(who);
        const char *fresh = r->desk.child != 0 && r->desk.interactive && cli_colour(stdout) ? "\r\033[K" : "";
        (void)printf("%s%7s  %s%-9s %s%s\n", fresh, who[0] == '\0' ? "" : at, colour, who, text,
                     colour[0] == '\0' ? "" : "\033[0m");
        (void)fflush(stdout);
        desk_redraw(&r->desk);
    }
    if (r->transcript != NULL) {
        (void)fprintf(r->transcript, "%7s  %-9s %s\n", who[0] == '\0' ? "" : at, who, text);
        (void)fflush(r->transcript);
    }
}

void say_text(struct rehearsal *r, const char *text)
{
    (void)fputs(text, stdout);
    (void)fflush(stdout);
    if (r->transcript != NULL) {
        (void)fputs(text, r->transcript);
        (void)fflush(r->transcript);
    }
}

/* ---- the end ---- */

static void put_span(struct buf *out, const char *name, int64_t ns)
{
    char text[24];
    if (ns == HISTORY_NEVER) {
        (void)snprintf(text, sizeof(text), "never");
    } else {
        say_time(ns, text);
    }
    buf_printf(out, "%s %s", name, text);
}

static void put_steps(struct buf *out, const struct drill *d)
{
    for (size_t i = 0; i < d->step_count; i++) {
        const struct drill_step *step = &d->steps[i];
        char due[24] = "-";
        char done[24] = "-";
        if (step->due_ns != HISTORY_NEVER) {
            say_time(step->due_ns - d->start_ns, due);
        }
        if (step->done_ns != HISTORY_NEVER) {
            say_time(step->done_ns - d->start_ns, done);
        }
        buf_printf(out, "  %-8s expected %7s  done %7s  %s%s\n", drill_verdict_name(step->verdict), due, done,
                   step->name, step->hints > 0 ? " (with a hint)" : "");
        if (step->verdict == DRILL_WRONG || step->verdict == DRILL_MISSED) {
            buf_printf(out, "           the guide expects %s; saw %s\n", step->expects,
                       step->saw == NULL ? "nothing: it was not looked at" : step->saw);
        }
    }
}

static void put_mistakes(struct buf *out, const struct drill *d)
{
    for (size_t i = 0; i < d->action_count; i++) {
        if (d->actions[i].mistake != NULL) {
            char at[24];
            say_time(d->actions[i].at_ns - d->start_ns, at);
            buf_printf(out, "  mistake  at %s: %s (%s)\n", at, d->actions[i].mistake, d->actions[i].text);
        }
    }
}

/* What became of what was broken. */
static const char *healed_words(const struct results *results)
{
    for (size_t i = 0; i < results->assertion_count; i++) {
        const struct assertion_result *a = &results->assertions[i];
        if (a->kind == ASSERT_CLEANUP) {
            return a->passed ? "everything is healed" : "not everything could be healed";
        }
    }
    return "the drill broke off; what could be healed is";
}

void say_end(struct rehearsal *r, const struct results *results)
{
    const struct drill *d = &r->drill;
    struct buf out;
    char words[1000];
    buf_init(&out, (size_t)1 << 20);
    drill_words(d, words, sizeof(words));
    say_line(r, results->simulated_ns, "drill", "%s", healed_words(results));
    buf_printf(&out, "\noperator  %u of %u points. %s\n  times    ", d->score.points, d->score.of, words);
    put_span(&out, "to detect", d->score.detect_ns);
    put_span(&out, ", to diagnose", d->score.diagnose_ns);
    put_span(&out, ", to act", d->score.act_ns);
    put_span(&out, ", to recover", d->score.recover_ns);
    buf_append_text(&out, " (scenario time since the incident began)\n");
    put_steps(&out, d);
    put_mistakes(&out, d);
    buf_printf(&out, "system    %s %s\n", verdict_name(results->verdict),
               results->verdict_words == NULL ? "" : results->verdict_words);
    buf_printf(&out, "debrief   %s/debrief.html\n", r->out);
    say_text(r, buf_text(&out));
    buf_deinit(&out);
}
