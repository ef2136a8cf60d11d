/* The content of one lane, from the source to the target, page by page.
 *
 *   drain    everything before the cut is finished on the source, and nothing is under way at the target
 *   object   the collection itself: made, or its metadata set, where it is missing or different
 *   page     a page of the source; the same ids of the target; what is missing or different there is deleted
 *            and added again (an upsert would merge metadata), in requests of bounded size
 *   noted    only when it took long: rows that were written meanwhile, by id, and the last cut (walk_notes.c)
 *   extras   pages of the target's ids; those that the source does not have are removed, or counted
 *            (walk_extras.c)
 *
 * Pages stand still meanwhile: adds go to the end, upserts stay in place, updates and deletes wait, or, when
 * it takes long, deletes wait while a page is read.
 * A comparison is the same walk without its writes. */
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/compared.h"
#include "proxy/core/lanes.h"
#include "proxy/core/letters.h"
#include "proxy/core/reads.h"
#include "proxy/core/resync.h"
#include "proxy/core/strands.h"
#include "proxy/core/walk.h"
#include "proxy/core/writes.h"

#define PAGE_ROWS      100
#define DRAIN_POLL_NS  (20 * NS_PER_MS)
#define DRAIN_LIMIT_NS (10 * NS_PER_S)
#define LONG_NS        (1 * NS_PER_S) /* longer than clients should wait for it */
#define NOTES_MANY     1000           /* to be dealt with before the next page */

void walk_forget_page(struct walk *w)
{
    rows_free(&w->page);
    rows_free(&w->there);
    mem_free(w->todo);
    w->todo = NULL;
    w->todo_count = w->surplus = w->removed = w->adding = w->added = 0;
}

void walk_free(struct resync *r)
{
    if (r->walk != NULL) {
        walk_forget_page(r->walk);
        walk_notes_free(r->walk);
        block_unref(r->walk->object);
        mem_free(r->walk);
        r->walk = NULL;
    }
}

/* ---- draining ---- */

void walk_begin(struct core *core)
{
    struct resync *r = core->resync;
    r->walk = mem_alloc(sizeof(*r->walk));
    r->walk->page_rows = PAGE_ROWS;
    r->walk->drain_until_ns = core->now_ns + DRAIN_LIMIT_NS;
    r->walk->noting = r->repair && r->lane->trust[r->target] == TRUST_STALE &&
                      (core->instances[r->target].refilled || core->instances[r->target].needs_resync);
    r->walk_lsn = core->next_lsn;
    r->begun_ns = core->now_ns;
    r->long_one = false;
    resync_ask_elsewhere(core, r->lane, r->target, 0);
}

/* Some write was not understood: now they wait, and everything is compared once more. */
static void begin_again(struct core *core)
{
    bool watched = core->resync->walk->watching;
    walk_free(core->resync);
    walk_begin(core);
    core->resync->walk->noting = false; /* and wait */
    core->resync->walk->shut = watched; /* adds and upserts, too */
    resync_wake_lane(core, core->resync->lane);
}

static bool is_drained(const struct resync *r)
{
    const struct strand *strand = &r->lane->strand;
    bool replace = r->lane->trust[r->target] == TRUST_STALE;
    uint64_t end = strand_end(strand);
    for (uint64_t place = strand->base; place < end; place++) {
        const struct entry *entry = strand_at(strand, place);
        if (entry == NULL || entry->lsn >= r->walk_lsn) {
            continue;
        }
        bool follows = !replace && !entry_finished_at(entry, r->target);
        if (!entry_finished_at(entry, r->source) || entry->at[r->target] == AT_SENT || follows) {
            return false;
        }
    }
    return true;
}

static struct strand *name_strand(struct core *core, const struct lane *lane)
{
    return &name_get(core, lane->tenant, lane->database, lane->name)->strand;
}

/* The target now holds what came before the cut. */
static void settle_before_cut(struct core *core)
{
    const struct resync *r = core->resync;
    const struct strand *strand = &r->lane->strand;
    for (uint64_t place = strand->base; place < strand_end(strand); place++) {
        if (place < strand->base) {
            continue; /* it left with the one before it */
        }
        struct entry *entry = strand_at(strand, place);
        bool behind = entry != NULL && entry->lsn >= r->walk_lsn && !MUTANT(core, MUTANT_CUT_IGNORED);
        if (entry == NULL || behind || entry->fate != FATE_ACCEPTED || entry->at[r->target] != AT_WAITING) {
            continue;
        }
        const struct letter *letter = entry->at[r->source] == AT_DEAD ? letters_find(core, entry->lsn) : NULL;
        if (letter != NULL) { /* the source lacks it, so its copy does */
            entry_dead(core, entry, r->target, letter->status, block_str(letter->reason));
        } else {
            entry_applied(core, entry, r->target, NULL);
        }
    }
}

/* ---- the walk ---- */

void walk_over(struct core *core, bool whole)
{
    struct resync *r = core->resync;
    struct lane *lane = r->lane;
    if (!r->repair) {
        r->told = true;
        compared_lane_end(r->compared, lane, whole);
    } else if (whole) {
        settle_before_cut(core);
        lane_begin_catching_up(core, lane, r->target);
        core->instances[r->target].copied_collections++;
        lane->divergent[r->target] = r->walk->incomplete;
        letters_copied_away(core, lane, r->source, r->walk_lsn);
        if (!r->walk->incomplete) {
            letters_copied(core, lane, r->target);
        }
        lane->faulty[r->target] = false;
        lane->ours[r->target] = false;
        if (lane->unread_ns[r->target] < lane->unread_ns[r->source]) {
            lane->unread_ns[r->target] = lane->unread_ns[r->source]; /* what it lacks its copy lacks */
        }
        resync_distrust(core, lane, r->target, TRUST_OK);
    }
    resync_done(core);
    resync_wake_lane(core, lane);
    reads_unpark(core, lane);
}

void walk_refused(struct core *core)
{
    if (!core->resync->repair) {
        walk_over(core, false);
        return;
    }
    core_line(core, LOG_ERROR, "resync_refused", "target", core->instances[core->resync->target].name, NULL);
    core->resync->lane->divergent[core->resync->target] = true;
    resync_distrust(core, core->resync->lane, core->resync->target, TRUST_OK);
    walk_over(core, false);
}

static void begin_bout(struct walk *w)
{
    w->bout = w->bout_size = w->note_count;
    w->step = STEP_NOTED;
}

static void drain(struct core *core)
{
    struct resync *r = core->resync;
    bool late = core->now_ns >= r->walk->drain_until_ns;
    bool drained = is_drained(r);
    bool fenced = r->lane->strand.fenced[r->source];
    if (drained && !fenced && r->walk->closing) {
        begin_bout(r->walk);
    } else if (drained && !fenced) {
        r->walk->step = r->repair ? STEP_SOURCE_OBJECT : STEP_PAGE;
    } else if (late) {
        walk_over(core, false);
    } else if (drained) {
        (void)resync_fences(core, &r->lane->strand, r->source);
        resync_rest(core, DRAIN_POLL_NS);
    } else {
        resync_rest(core, DRAIN_POLL_NS);
    }
}

/* An earlier request to the target may still be on its way: nothing is written behind its back. */
static bool fence_first(struct core *core)
{
    struct resync *r = core->resync;
    struct lane *lane = r->lane;
    unsigned t = r->target;
    bool by_name = r->walk->step == STEP_TARGET_OBJECT || r->walk->step == STEP_CREATE ||
                   r->walk->step == STEP_DROP || r->walk->step == STEP_METADATA;
    if (by_name && resync_fences(core, name_strand(core, lane), t)) {
        resync_rest(core, DRAIN_POLL_NS);
        return true;
    }
    bool writes = r->walk->step == STEP_DELETE || r->walk->step == STEP_ADD ||
                  r->walk->step == STEP_SAME_IDS || r->walk->step == STEP_COUNT ||
                  r->walk->step == STEP_DIMENSION || r->walk->step == STEP_DIMENSION_DELETE ||
                  r->walk->step == STEP_EXTRAS_DELETE || r->walk->step == STEP_METADATA;
    if (!writes || !lane->has_id[t] || !resync_fences(core, &lane->strand, t)) {
        return false;
    }
    resync_rest(core, DRAIN_POLL_NS);
    return true;
}

/* ---- going on ---- */

static void copied(struct core *core)
{
    if (core->resync->walk->empty) {
        walk_over(core, true);
    } else {
        core->resync->walk->step = STEP_EXTRAS;
    }
}

/* The page, or what was in hand, is done. */
void walk_page_done(struct core *core)
{
    struct walk *w = core->resync->walk;
    bool by_id = w->hand != NULL;
    w->offset += by_id ? 0 : w->page.count;
    w->read_rows += by_id ? 0 : w->page.count;
    walk_hand_drop(w);
    walk_forget_page(w);
    w->one_by_one = false;
    w->step = by_id ? STEP_NOTED : STEP_PAGE;
    w->drain_until_ns = core->now_ns + DRAIN_LIMIT_NS;
    if (!by_id && w->open && w->note_count > NOTES_MANY) {
        begin_bout(w);
    }
}

/* It takes long: what has waited goes on at the source, but for what has to wait for the end. */
static void open_up(struct core *core)
{
    struct resync *r = core->resync;
    r->walk->open = true;
    r->walk->blind = false;
    resync_ask_elsewhere(core, r->lane, r->source, walk_last_cut(core));
    resync_wake_lane(core, r->lane);
}

/* The last cut: what comes before it is finished and compared while the rest waits. */
static void close_up(struct core *core)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    w->open = false;
    w->closing = w->watching = true;
    w->drain_until_ns = core->now_ns + DRAIN_LIMIT_NS;
    w->step = STEP_DRAIN;
    r->walk_lsn = walk_last_cut(core);
    resync_wake_lane(core, r->lane);
}

/* All of the source has been seen. */
void walk_pages_over(struct core *core)
{
    struct walk *w = core->resync->walk;
    w->pages_over = true;
    if (w->open) {
        begin_bout(w);
    } else if (w->offset == 0 && w->dimension > 0) {
        w->step = STEP_DIMENSION;
    } else {
        copied(core);
    }
}

/* True when there are notes in hand now; else the step has changed. */
static bool choose_notes(struct core *core)
{
    struct walk *w = core->resync->walk;
    bool last = w->watch_lsn != 0; /* all of them, and then it is over */
    if (w->bout == 0 && !last) {
        if (w->closing) {
            copied(core);
            return false;
        }
        if (!w->pages_over) {
            w->step = STEP_PAGE;
            return false;
        }
        if (w->note_count <= PAGE_ROWS || w->note_count > w->bout_size / 2) {
            close_up(core); /* few are left, or they do not get fewer */
            return false;
        }
        begin_bout(w);
    }
    if (!walk_hand_take(w, w->page_rows)) {
        w->bout = 0;
        if (last) {
            walk_over(core, true);
        }
        return false;
    }
    w->bout -= w->bout < w->hand_count ? w->bout : w->hand_count;
    return true;
}

/* The rows stand still at the source from now until the page is here. */
static bool rows_stand_still(struct core *core)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    if (w->open && walk_deletes_under_way(r)) {
        if (core->now_ns >= w->drain_until_ns) {
            walk_over(core, false);
        } else {
            resync_rest(core, DRAIN_POLL_NS);
        }
        return false;
    }
    size_t back = w->shifted < w->offset ? w->shifted : w->offset;
    w->offset -= back;
    w->back_rows += back;
    w->shifted = 0;
    return true;
}

static void look_at_time(struct core *core)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    if (!r->long_one && core->now_ns - r->begun_ns >= LONG_NS) {
        r->long_one = true;
        if (!w->noting) {
            resync_ask_elsewhere(core, r->lane, r->source, 0);
        }
    }
    if (r->long_one && w->noting && !w->open && !w->closing && w->offset > 0 && w->step == STEP_PAGE) {
        open_up(core);
    }
}

void walk_next(struct core *core)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    if (r->lane->dead) {
        walk_over(core, false);
        return;
    }
    if (w->lost_track && !(w->watching && w->step == STEP_PAGE)) {
        begin_again(core);
        return;
    }
    look_at_time(core);
    if (fence_first(core)) {
        return;
    }
    switch ((int)w->step) { /* the others are only asked */
        case STEP_DRAIN:
            drain(core);
            return;
        case STEP_PAGE:
            if (!rows_stand_still(core)) {
                return;
            }
            walk_watch(core);
            break;
        case STEP_SETTLE:
            if (!walk_settled(core) || !choose_notes(core)) {
                return;
            }
            break;
        case STEP_NOTED:
            if (w->hand == NULL && !choose_notes(core)) {
                return;
            }
            break;
        default:
            break;
    }
    walk_ask(core);
}

/* ---- answers ---- */

void walk_in_doubt(struct core *core)
{
    struct resync *r = core->resync;
    switch ((int)r->walk->step) { /* the others write nothing */
        case STEP_DELETE:
        case STEP_ADD:
        case STEP_DIMENSION:
        case STEP_DIMENSION_DELETE:
        case STEP_EXTRAS_DELETE:
            r->lane->strand.fenced[r->target] = true;
            break;
        case STEP_METADATA:
        case STEP_CREATE:
        case STEP_DROP:
            name_strand(core, r->lane)->fenced[r->target] = true;
            break;
        default:
            break;
    }
}

/* A write that failed may be carried out later: the fence comes first, and the page is compared again. */
static void failed(struct core *core)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    walk_in_doubt(core);
    switch ((int)w->step) { /* the others are only asked again */
        case STEP_DELETE:
        case STEP_ADD:
            w->blind = false;
            w->step = STEP_SAME_IDS;
            break;
        case STEP_DIMENSION:
        case STEP_DIMENSION_DELETE:
            w->step = STEP_DIMENSION;
            break;
        case STEP_EXTRAS_DELETE:
            w->extras_offset = 0;
            w->step = STEP_EXTRAS;
            break;
        case STEP_METADATA:
        case STEP_CREATE:
        case STEP_DROP:
            w->step = STEP_TARGET_OBJECT;
            break;
        case STEP_PAGE:
        case STEP_NOTED:
            w->page_rows = w->page_rows > 1 ? w->page_rows / 2 : 1;
            walk_hand_return(w);
            break;
        default:
            break;
    }
    resync_retry(core);
}

static bool may_be_refused(enum walk_step step)
{
    return step == STEP_SOURCE_OBJECT || step == STEP_TARGET_OBJECT || step == STEP_DROP ||
           step == STEP_CREATE || step == STEP_ADD;
}

void walk_answer(struct core *core, enum resync_got got, struct block *body)
{
    struct walk *w = core->resync->walk;
    if (got == GOT_FAILED) {
        failed(core);
        return;
    }
    if (got != GOT_OK && !may_be_refused(w->step)) {
        walk_refused(core);
        return;
    }
    switch (w->step) {
        case STEP_DRAIN:
        case STEP_SETTLE:
            break;
        case STEP_SOURCE_OBJECT:
            walk_source_object(core, got, body);
            break;
        case STEP_TARGET_OBJECT:
            walk_target_object(core, got, body);
            break;
        case STEP_DROP:
            w->step = STEP_TARGET_OBJECT;
            break;
        case STEP_CREATE:
            walk_created(core, got, body);
            break;
        case STEP_METADATA:
            w->step = STEP_COUNT;
            break;
        case STEP_COUNT:
            walk_counted(core, got, body);
            break;
        case STEP_PAGE:
            walk_page_read(core, body);
            break;
        case STEP_DIMENSION:
            w->step = STEP_DIMENSION_DELETE;
            break;
        case STEP_DIMENSION_DELETE:
            w->dimension = 0;
            w->step = STEP_PAGE;
            break;
        case STEP_SAME_IDS:
            walk_page_compare(core, body);
            break;
        case STEP_DELETE:
            walk_deleted(core);
            break;
        case STEP_ADD:
            walk_added(core, got);
            break;
        case STEP_EXTRAS:
            walk_extras_read(core, body);
            break;
        case STEP_EXTRAS_SOURCE:
            walk_extras_compare(core, body);
            break;
        case STEP_EXTRAS_DELETE:
            core->instances[core->resync->target].removed_records += w->todo_count;
            w->step = STEP_EXTRAS;
            break;
        case STEP_EXTRAS_WHOLE:
            walk_extras_tell(core, body);
            break;
        case STEP_NOTED:
            walk_noted_read(core, body);
            break;
    }
}
