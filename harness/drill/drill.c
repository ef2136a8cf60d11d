/* The record itself. */
#include "harness/drill/drill.h"

#include "base/memory.h"

void drill_init(struct drill *d)
{
    *d = (struct drill){
        .speed = 1, .has_replica = true, .incident_ns = HISTORY_NEVER, .recovered_ns = HISTORY_NEVER
    };
}

void drill_deinit(struct drill *d)
{
    for (size_t i = 0; i < d->step_count; i++) {
        struct drill_step *step = &d->steps[i];
        mem_free(step->name);
        mem_free(step->method);
        mem_free(step->path);
        mem_free(step->command);
        mem_free(step->expects);
        mem_free(step->says);
        mem_free(step->saw);
    }
    for (size_t i = 0; i < d->action_count; i++) {
        mem_free(d->actions[i].text);
        mem_free(d->actions[i].mistake);
    }
    for (size_t i = 0; i < d->page_count; i++) {
        mem_free(d->pages[i].text);
    }
    mem_free(d->steps);
    mem_free(d->actions);
    mem_free(d->pages);
    mem_free(d->holds);
    mem_free(d->ended);
    *d = (struct drill){ 0 };
}

struct drill_step *drill_add_step(struct drill *d)
{
    d->steps = mem_realloc(d->steps, (d->step_count + 1) * sizeof(*d->steps));
    struct drill_step *step = &d->steps[d->step_count++];
    *step =
        (struct drill_step){ .due_ns = HISTORY_NEVER, .opens_ns = HISTORY_NEVER, .done_ns = HISTORY_NEVER };
    return step;
}

uint32_t drill_current(const struct drill *d, int64_t now_ns)
{
    uint32_t first = DRILL_NONE;
    for (uint32_t i = 0; i < d->step_count; i++) {
        const struct drill_step *step = &d->steps[i];
        if (step->done_ns != HISTORY_NEVER) {
            continue;
        }
        if (step->opens_ns != HISTORY_NEVER && step->opens_ns <= now_ns) {
            return i;
        }
        first = first == DRILL_NONE ? i : first;
    }
    return first;
}
