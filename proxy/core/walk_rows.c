/* A walk's answers about the records of the source: what the target needs of them. */
#include "base/memory.h"
#include "proxy/core/compared.h"
#include "proxy/core/resync.h"
#include "proxy/core/walk.h"

void walk_page_read(struct core *core, struct block *body)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    walk_forget_page(w);
    if (!rows_read(&w->page, body)) {
        resync_retry(core);
        return;
    }
    if (w->open) {
        resync_wake_lane(core, r->lane); /* deletes waited for the page */
    }
    if (w->page.count == 0) {
        walk_pages_over(core);
        return;
    }
    if (!w->blind) {
        w->step = STEP_SAME_IDS;
        return;
    }
    w->todo = mem_alloc_array(w->page.count, sizeof(*w->todo));
    for (size_t i = mutant_first_row(core, w->page.count); i < w->page.count; i++) {
        w->todo[w->todo_count++] = &w->page.list[i];
    }
    w->step = STEP_ADD;
}

void walk_noted_read(struct core *core, struct block *body)
{
    struct walk *w = core->resync->walk;
    walk_forget_page(w);
    if (rows_read(&w->page, body)) {
        rows_sort(&w->page); /* walk_page_compare looks for what is not there */
        w->step = STEP_SAME_IDS;
    } else {
        resync_retry(core);
    }
}

/* What the target has of the rows in hand and the source has not. */
static void find_surplus(struct walk *w, bool remove)
{
    for (size_t i = 0; w->hand != NULL && remove && i < w->there.count; i++) {
        if (rows_find(&w->page, w->there.list[i].id) == NULL) {
            w->todo[w->todo_count++] = &w->there.list[i];
        }
    }
    w->surplus = w->todo_count;
}

/* For a comparison: the page of the source beside the same ids of the target. */
static void tell(const struct resync *r)
{
    const struct walk *w = r->walk;
    for (size_t i = 0; i < w->page.count; i++) {
        const struct row *row = &w->page.list[i];
        const struct row *other = rows_find(&w->there, row->id);
        if (other == NULL) {
            compared_alone(r->compared, r->source, row);
        } else {
            compared_both(r->compared, r->source, row, other);
        }
    }
}

/* The rows that the target has otherwise come first: they are deleted before they are added. */
void walk_page_compare(struct core *core, struct block *body)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    rows_free(&w->there);
    if (!rows_read(&w->there, body)) {
        resync_retry(core);
        return;
    }
    rows_sort(&w->there);
    if (!r->repair) {
        tell(r);
        walk_page_done(core);
        return;
    }
    mem_free(w->todo);
    w->todo = mem_alloc_array(w->page.count + w->there.count, sizeof(*w->todo));
    w->todo_count = 0;
    find_surplus(w, r->remove);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = mutant_first_row(core, w->page.count); i < w->page.count; i++) {
            const struct row *row = &w->page.list[i];
            const struct row *other = rows_find(&w->there, row->id);
            bool wanted = pass == 0 ? other != NULL && !rows_equal(row, other) : other == NULL;
            if (wanted) {
                w->todo[w->todo_count++] = row;
            }
        }
        w->removed = pass == 0 ? w->todo_count : w->removed;
    }
    w->added = w->surplus;
    if (w->todo_count == 0) {
        walk_page_done(core);
    } else {
        w->step = w->removed > 0 ? STEP_DELETE : STEP_ADD;
    }
}

void walk_deleted(struct core *core)
{
    struct walk *w = core->resync->walk;
    core->instances[core->resync->target].removed_records += w->removed;
    if (w->added == w->todo_count) {
        walk_page_done(core);
    } else {
        w->step = STEP_ADD;
    }
}

void walk_added(struct core *core, enum resync_got got)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    if (got != GOT_OK && !w->one_by_one && w->todo_count - w->surplus > 1) {
        w->one_by_one = true;
        w->blind = false;
        w->step = STEP_SAME_IDS;
        return;
    }
    if (got == GOT_OK) {
        core->instances[r->target].copied_records += w->added - w->adding;
    } else {
        w->incomplete = true;
        core_line(core, LOG_ERROR, "resync_record_refused", "target", core->instances[r->target].name, NULL);
    }
    if (w->added == w->todo_count) {
        walk_page_done(core);
    }
}
