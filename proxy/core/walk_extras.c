/* The end of a walk: what only the target has.
 *
 * Pages of the target's ids are laid beside the source; what the source does not have is removed, or counted.
 * Adds and upserts behind the cut go on at the source meanwhile.  One that makes a record of an id that only
 * the target had is seen there, so the old row would stay, and an add that comes to the target behind the
 * copy would leave it: from the last page on they are noted (walk_notes.c), and when all ids have been looked
 * at, and what was under way then is finished, those are compared once more, by id.
 *
 * How it fails: what cannot be noted makes the walk begin anew, and then every write of the collection waits.
 */
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/compared.h"
#include "proxy/core/resync.h"
#include "proxy/core/strands.h"
#include "proxy/core/walk.h"

#define SETTLE_POLL_NS  (20 * NS_PER_MS)
#define SETTLE_LIMIT_NS (10 * NS_PER_S)

void walk_watch(struct core *core)
{
    struct walk *w = core->resync->walk;
    if (core->resync->repair && !w->noting) {
        walk_notes_free(w); /* what was finished by now stands in this page, or in an earlier one */
        w->lost_track = false;
        w->watching = true;
    }
}

/* All ids have been looked at: what matters of the writes has been sent by now. */
static void end_of_extras(struct core *core)
{
    struct walk *w = core->resync->walk;
    if (!core->resync->repair || MUTANT(core, MUTANT_UNWATCHED)) {
        walk_over(core, true);
        return;
    }
    w->watch_lsn = core->next_lsn;
    w->drain_until_ns = core->now_ns + SETTLE_LIMIT_NS;
    w->step = STEP_SETTLE;
}

static bool under_way(const struct resync *r)
{
    const struct strand *strand = &r->lane->strand;
    for (uint64_t place = strand->base; place < strand_end(strand); place++) {
        const struct entry *entry = strand_at(strand, place);
        if (entry != NULL && entry->lsn < r->walk->watch_lsn && !entry_finished_at(entry, r->source) &&
            (entry->at[r->source] == AT_SENT || entry->maybe_sent[r->source])) {
            return true;
        }
    }
    return false;
}

bool walk_settled(struct core *core)
{
    struct walk *w = core->resync->walk;
    if (!under_way(core->resync)) {
        w->step = STEP_NOTED;
        return true;
    }
    if (core->now_ns >= w->drain_until_ns) {
        walk_over(core, false);
    } else {
        resync_rest(core, SETTLE_POLL_NS);
    }
    return false;
}

void walk_extras_read(struct core *core, struct block *body)
{
    struct walk *w = core->resync->walk;
    walk_forget_page(w);
    if (!rows_read(&w->page, body)) {
        resync_retry(core);
    } else if (w->page.count == 0) {
        end_of_extras(core);
    } else {
        w->todo = mem_alloc_array(w->page.count, sizeof(*w->todo));
        w->step = STEP_EXTRAS_SOURCE;
    }
}

void walk_extras_compare(struct core *core, struct block *body)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    struct rows there;
    if (!rows_read(&there, body)) {
        resync_retry(core);
        return;
    }
    rows_sort(&there);
    for (size_t i = 0; i < w->page.count; i++) {
        if (rows_find(&there, w->page.list[i].id) == NULL) {
            w->todo[w->todo_count++] = &w->page.list[i];
        }
    }
    rows_free(&there);
    if (w->todo_count > 0 && !r->repair) {
        w->step = STEP_EXTRAS_WHOLE;
        return;
    }
    if (w->todo_count > 0 && r->remove && !MUTANT(core, MUTANT_KEEPS_EXTRAS)) {
        w->extras_offset += w->page.count - w->todo_count;
        w->step = STEP_EXTRAS_DELETE;
        return;
    }
    core->instances[r->target].only_here += w->todo_count;
    w->extras_offset += w->page.count;
    w->step = STEP_EXTRAS;
}

void walk_extras_tell(struct core *core, struct block *body)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    struct rows rows;
    if (!rows_read(&rows, body)) {
        resync_retry(core);
        return;
    }
    for (size_t i = 0; i < rows.count; i++) {
        compared_alone(r->compared, r->target, &rows.list[i]);
    }
    rows_free(&rows);
    w->extras_offset += w->page.count;
    w->step = STEP_EXTRAS;
}
