/* debrief.md: for a pull request or the minutes of the drill. */
#include "reports/debrief.h"

#include "reports/text.h"

static void put_instant(struct buf *out, const struct drill *d, int64_t at_ns)
{
    char text[TEXT_TIME_SIZE];
    if (at_ns == HISTORY_NEVER) {
        buf_append_text(out, "-");
        return;
    }
    text_time(at_ns - d->start_ns, text);
    buf_append_text(out, text);
}

static void put_span(struct buf *out, const char *what, int64_t ns)
{
    char text[TEXT_TIME_SIZE] = "never";
    if (ns != HISTORY_NEVER) {
        text_time(ns, text);
    }
    buf_printf(out, "| %s | %s |\n", what, text);
}

static void put_steps(struct buf *out, const struct drill *d)
{
    buf_append_text(out,
                    "\n## Steps of the runbook\n\n"
                    "| | step | expected | done | the guide expects | saw |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < d->step_count; i++) {
        const struct drill_step *step = &d->steps[i];
        buf_printf(out, "| %s%s | ", drill_verdict_name(step->verdict),
                   step->hints > 0 ? ", with a hint" : "");
        text_markdown(out, str_of(step->name));
        buf_append_text(out, " | ");
        put_instant(out, d, step->due_ns);
        buf_append_text(out, " | ");
        put_instant(out, d, step->done_ns);
        buf_append_text(out, " | ");
        text_markdown_code(out, str_of(step->expects));
        buf_append_text(out, " | ");
        text_markdown(out, str_of(step->saw == NULL ? "not looked at" : step->saw));
        buf_append_text(out, " |\n");
    }
}

static void put_mistakes(struct buf *out, const struct drill *d)
{
    if (d->score.mistakes == 0) {
        return;
    }
    buf_append_text(out, "\n## Mistakes\n\n");
    for (size_t i = 0; i < d->action_count; i++) {
        const struct drill_action *action = &d->actions[i];
        if (action->mistake == NULL) {
            continue;
        }
        buf_append_text(out, "- ");
        put_instant(out, d, action->at_ns);
        buf_append_text(out, ": ");
        text_markdown(out, str_of(action->mistake));
        buf_append_text(out, " (");
        text_markdown_code(out, str_of(action->text));
        buf_append_text(out, ")\n");
    }
}

static void put_story(struct buf *out, const struct drill *d)
{
    size_t page = 0;
    buf_append_text(out, "\n## What happened when\n\n");
    for (size_t i = 0; i <= d->action_count; i++) {
        const struct drill_action *action = i < d->action_count ? &d->actions[i] : NULL;
        for (; page < d->page_count && (action == NULL || d->pages[page].at_ns <= action->at_ns); page++) {
            buf_append_text(out, "- ");
            put_instant(out, d, d->pages[page].at_ns);
            buf_append_text(out, " pager: ");
            text_markdown(out, str_of(d->pages[page].text));
            buf_append_char(out, '\n');
        }
        if (action != NULL) {
            buf_append_text(out, "- ");
            put_instant(out, d, action->at_ns);
            buf_printf(out, " %s: ", drill_deed_name(action->deed));
            text_markdown_code(out, str_of(action->text));
            if (action->deed == DRILL_DEED_REQUEST && action->status > 0) {
                buf_printf(out, " %d", action->status);
            }
            buf_append_char(out, '\n');
        }
    }
}

void debrief_markdown(struct buf *out, const struct results *r, const struct drill *d)
{
    char words[1000];
    drill_words(d, words, sizeof(words));
    buf_append_text(out, "# Drill: ");
    text_markdown(out, str_of(r->title));
    buf_printf(out, "\n\n**%s, %u of %u points.** ", debrief_verdict(d), d->score.points, d->score.of);
    text_markdown(out, str_of(words));
    buf_printf(out, "\n\nThe system: **%s**. ", verdict_name(r->verdict));
    text_markdown(out, str_of(r->verdict_words));
    buf_append_text(out, "\n\n| since the incident began | |\n|---|---|\n");
    put_span(out, "detected", d->score.detect_ns);
    put_span(out, "diagnosed", d->score.diagnose_ns);
    put_span(out, "acted", d->score.act_ns);
    put_span(out, "recovered", d->score.recover_ns);
    buf_append_text(out, "\nBelow, times count from the beginning of the first phase.\n");
    put_steps(out, d);
    put_mistakes(out, d);
    put_story(out, d);
}
