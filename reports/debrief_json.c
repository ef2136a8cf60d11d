/* drill.json.  Instants are seconds of scenario time since the engine was opened, as in results.json; spans
 * of the score are seconds since the incident began; what is not known is null. */
#include "reports/debrief.h"

#include "reports/formats.h"

static const char *kind_name(enum drill_kind kind)
{
    static const char *const names[] = { [DRILL_LOOK] = "look",
                                         [DRILL_CHANGE] = "change",
                                         [DRILL_RUN] = "command",
                                         [DRILL_RESTART] = "restart" };
    return names[kind];
}

static const char *target_name(enum engine_target target)
{
    static const char *const names[] = {
        [TARGET_LB] = "lb", [TARGET_PRIMARY] = "primary", [TARGET_REPLICA] = "replica"
    };
    return names[target];
}

static void put_score(struct json_writer *w, const struct drill *d)
{
    const struct drill_score *s = &d->score;
    json_key(w, "score");
    json_object_begin(w);
    json_pair_u64(w, "points", s->points);
    json_pair_u64(w, "of", s->of);
    report_pair_time(w, "detect_s", s->detect_ns);
    report_pair_time(w, "diagnose_s", s->diagnose_ns);
    report_pair_time(w, "act_s", s->act_ns);
    report_pair_time(w, "recover_s", s->recover_ns);
    json_pair_u64(w, "done", s->done);
    json_pair_u64(w, "late", s->late);
    json_pair_u64(w, "wrong", s->wrong);
    json_pair_u64(w, "missed", s->missed);
    json_pair_u64(w, "not_due", s->not_due);
    json_pair_u64(w, "mistakes", s->mistakes);
    json_pair_u64(w, "hints", s->hints);
    json_object_end(w);
}

static void put_steps(struct json_writer *w, const struct drill *d)
{
    json_key(w, "steps");
    json_array_begin(w);
    for (size_t i = 0; i < d->step_count; i++) {
        const struct drill_step *step = &d->steps[i];
        bool known = step->done_ns != HISTORY_NEVER && step->due_ns != HISTORY_NEVER;
        json_object_begin(w);
        json_pair_text(w, "name", step->name);
        json_pair_text(w, "kind", kind_name(step->kind));
        json_pair_text(w, "verdict", drill_verdict_name(step->verdict));
        report_pair_time(w, "due_s", step->due_ns);
        report_pair_time(w, "done_s", step->done_ns);
        report_pair_time(w, "late_s", known ? step->late_ns : HISTORY_NEVER);
        json_pair_text(w, "command", step->command);
        json_pair_text(w, "expects", step->expects);
        json_pair_text(w, "saw", step->saw);
        json_pair_text(w, "says", step->says);
        json_pair_u64(w, "guide_line", step->guide_line);
        json_pair_u64(w, "tries", step->tries);
        json_pair_u64(w, "hints", step->hints);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_actions(struct json_writer *w, const struct drill *d)
{
    json_key(w, "actions");
    json_array_begin(w);
    for (size_t i = 0; i < d->action_count; i++) {
        const struct drill_action *action = &d->actions[i];
        bool request = action->deed == DRILL_DEED_REQUEST;
        json_object_begin(w);
        report_pair_time(w, "at_s", action->at_ns);
        json_pair_text(w, "deed", drill_deed_name(action->deed));
        json_pair_text(w, "text", action->text);
        json_pair_text(w, "target", request ? target_name(action->target) : NULL);
        json_pair_text(w, "outcome", request ? report_outcome_name(action->outcome) : NULL);
        json_pair_i64(w, "status", action->status);
        json_pair_text(w, "mistake", action->mistake);
        json_pair_text(w, "step", action->step == DRILL_NONE ? NULL : d->steps[action->step].name);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_pages(struct json_writer *w, const struct drill *d)
{
    json_key(w, "pages");
    json_array_begin(w);
    for (size_t i = 0; i < d->page_count; i++) {
        json_object_begin(w);
        report_pair_time(w, "at_s", d->pages[i].at_ns);
        json_pair_text(w, "text", d->pages[i].text);
        json_pair_bool(w, "clear", d->pages[i].clear);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "holds");
    json_array_begin(w);
    for (size_t i = 0; i < d->hold_count; i++) {
        json_array_begin(w);
        report_put_time(w, d->holds[i].start_ns);
        report_put_time(w, d->holds[i].end_ns);
        json_array_end(w);
    }
    json_array_end(w);
}

void debrief_json_members(struct json_writer *w, const struct results *r, const struct drill *d)
{
    char words[1000];
    drill_words(d, words, sizeof(words));
    json_pair_text(w, "format", DEBRIEF_FORMAT);
    json_pair_text(w, "verdict", debrief_verdict(d));
    json_pair_text(w, "words", words);
    json_pair_text(w, "scenario", r->scenario);
    json_pair_text(w, "file", r->path);
    json_pair_text(w, "runbook", r->runbook);
    json_pair_text(w, "engine", r->engine);
    json_pair_text(w, "system", verdict_name(r->verdict));
    json_pair_text(w, "system_words", r->verdict_words);
    json_pair_double(w, "speed", d->speed);
    json_pair_bool(w, "auto", d->automatic);
    report_pair_time(w, "start_s", d->start_ns);
    report_pair_time(w, "incident_s", d->incident_ns);
    report_pair_time(w, "recovered_s", d->recovered_ns);
    report_pair_time(w, "end_s", d->end_ns);
    json_pair_double(w, "lost_writes", d->lost);
    json_pair_text(w, "ended", d->ended);
    put_score(w, d);
    put_steps(w, d);
    put_actions(w, d);
    put_pages(w, d);
}

void debrief_json(struct buf *out, const struct results *r, const struct drill *d)
{
    struct json_writer w;
    json_writer_init(&w, out, 2);
    json_object_begin(&w);
    debrief_json_members(&w, r, d);
    json_object_end(&w);
    buf_append_char(out, '\n');
}
