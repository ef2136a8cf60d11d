/* The content of one lane, from the source to the target, page by page.
 *
 *   drain    everything before the cut is finished on the source, and nothing is under way at the target
 *   object   the collection itself: made, or its metadata set, where it is missing or different
 *   page     a page of the source; the same ids of the target; what is missing or different there is deleted
 *            and added again (an upsert would merge metadata), in requests of bounded size
 *   extras   pages of the target's ids; those that the source does not have are removed, or counted
 *
 * Pages stand still meanwhile: adds go to the end, upserts stay in place, updates and deletes wait.
 * A comparison is the same walk without its writes. */
#include "base/check.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/letters.h"
#include "proxy/core/learn.h"
#include "proxy/core/reads.h"
#include "proxy/core/resync.h"
#include "proxy/core/request.h"
#include "proxy/core/send.h"
#include "proxy/core/strands.h"
#include "proxy/core/walk.h"
#include "proxy/core/writes.h"

#define PAGE_ROWS      100
#define DRAIN_POLL_NS  (20 * NS_PER_MS)
#define DRAIN_LIMIT_NS (10 * NS_PER_S)
#define LONG_NS        (1 * NS_PER_S) /* longer than clients should wait for it */

static void forget_page(struct walk *w)
{
    rows_free(&w->page);
    mem_free(w->todo);
    w->todo = NULL;
    w->todo_count = w->different = w->added = 0;
}

void walk_free(struct resync *r)
{
    if (r->walk != NULL) {
        forget_page(r->walk);
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
    r->walk_lsn = core->next_lsn;
    r->begun_ns = core->now_ns;
    r->long_one = false;
    resync_ask_elsewhere(core, r->lane, r->target);
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

/* Writes ask for their fence when it is their turn; here there may be none, or one that waits for the walk.
 */
static void fence(struct core *core, unsigned i)
{
    struct strand *strand = &core->resync->lane->strand;
    if (!strand->fence_sent[i] && core->instances[i].ambiguous_in_flight == 0) {
        request_fence(core, strand, i);
    }
    resync_rest(core, DRAIN_POLL_NS);
}

/* The target now holds what came before the cut. */
static void settle_before_cut(struct core *core)
{
    const struct resync *r = core->resync;
    const struct strand *strand = &r->lane->strand;
    for (uint64_t place = strand->base; place < strand_end(strand); place++) {
        struct entry *entry = strand_at(strand, place);
        if (entry == NULL || entry->lsn >= r->walk_lsn || entry->fate != FATE_ACCEPTED ||
            entry->at[r->target] != AT_WAITING) {
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

static void over(struct core *core, bool whole)
{
    struct resync *r = core->resync;
    struct lane *lane = r->lane;
    if (!r->repair) {
        r->equal += whole && !r->walk->differs ? 1 : 0;
        r->differing += whole && r->walk->differs ? 1 : 0;
    } else if (whole) {
        settle_before_cut(core);
        lane_begin_catching_up(core, lane, r->target);
        core->instances[r->target].copied_collections++;
        lane->divergent[r->target] = r->walk->incomplete;
        if (!r->walk->incomplete) {
            letters_copied(core, lane, r->target);
        }
        lane->faulty[r->target] = false;
        if (lane->unread_ns[r->target] < lane->unread_ns[r->source]) {
            lane->unread_ns[r->target] = lane->unread_ns[r->source]; /* what it lacks its copy lacks */
        }
        resync_distrust(core, lane, r->target, TRUST_OK);
    }
    resync_done(core);
    resync_wake_lane(core, lane);
    reads_unpark(core, lane);
}

/* It stays as it is, unread, until something else is done about it. */
static void refused(struct core *core)
{
    core_line(core, LOG_ERROR, "resync_refused", "target", core->instances[core->resync->target].name, NULL);
    core->resync->lane->divergent[core->resync->target] = true;
    resync_distrust(core, core->resync->lane, core->resync->target, TRUST_OK);
    over(core, false);
}

static void drain(struct core *core)
{
    struct resync *r = core->resync;
    bool late = core->now_ns >= r->walk->drain_until_ns;
    bool drained = is_drained(r);
    bool fenced = r->lane->strand.fenced[r->source];
    if (drained && !fenced) {
        r->walk->step = r->repair ? STEP_SOURCE_OBJECT : STEP_PAGE;
    } else if (late) {
        over(core, false);
    } else if (drained) {
        fence(core, r->source);
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
    bool writes = r->walk->step == STEP_DELETE || r->walk->step == STEP_ADD ||
                  r->walk->step == STEP_SAME_IDS || r->walk->step == STEP_COUNT ||
                  r->walk->step == STEP_DIMENSION || r->walk->step == STEP_DIMENSION_DELETE ||
                  r->walk->step == STEP_EXTRAS_DELETE || r->walk->step == STEP_METADATA;
    if (!writes || !lane->strand.fenced[t] || !lane->has_id[t]) {
        return false;
    }
    fence(core, t);
    return true;
}

static void next_page(struct walk *w)
{
    w->offset += w->page.count;
    forget_page(w);
    w->one_by_one = false;
    w->step = STEP_PAGE;
}

void walk_next(struct core *core)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    if (r->lane->dead) {
        over(core, false);
        return;
    }
    if (!r->long_one && core->now_ns - r->begun_ns >= LONG_NS) {
        r->long_one = true;
        resync_ask_elsewhere(core, r->lane, r->source);
    }
    if (fence_first(core)) {
        return;
    }
    if (w->step == STEP_DRAIN) {
        drain(core);
    } else {
        walk_ask(core);
    }
}

/* ---- answers about the collection itself ---- */

static void source_object(struct core *core, enum resync_got got, struct block *body)
{
    struct resync *r = core->resync;
    struct uuid uuid;
    if (got != GOT_OK || !learn_object_id(block_str(body), &uuid) ||
        !uuid_equal(&uuid, &r->lane->ids[r->source])) {
        /* Gone there too, or another incarnation: nothing to copy from. */
        r->lane->faulty[r->source] = r->lane->faulty[r->source] || got == GOT_ABSENT;
        resync_distrust(core, r->lane, r->target, TRUST_OK);
        over(core, false);
        return;
    }
    r->walk->object = block_ref(body);
    r->walk->step = STEP_TARGET_OBJECT;
}

static bool same_dimension(struct str a, struct str b)
{
    return str_equal(a, b) || str_equal(a, STR("null")) || str_equal(b, STR("null"));
}

/* What the source has fixed and the target has not: the first record will, if there is one. */
static void note_dimension(struct walk *w, struct str theirs)
{
    w->dimension = 0;
    if (!str_equal(theirs, STR("null")) ||
        units_parse_u64(learn_object_member(block_str(w->object), "dimension"), &w->dimension, NULL) != 0) {
        w->dimension = 0;
    }
    w->differs = w->differs || w->dimension > 0;
}

static void target_object(struct core *core, enum resync_got got, struct block *body)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    struct uuid uuid;
    struct str ours = block_str(w->object);
    struct str theirs = block_str(body);
    if (got == GOT_ABSENT) {
        w->step = STEP_CREATE;
        w->differs = true;
        return;
    }
    if (got != GOT_OK || !learn_object_id(theirs, &uuid)) {
        refused(core);
        return;
    }
    const struct lane *holder = lane_by_uuid(core, &uuid);
    bool other_life = holder != NULL && holder != r->lane;
    bool fits = !other_life && same_dimension(learn_object_member(ours, "dimension"),
                                              learn_object_member(theirs, "dimension"));
    if (!fits) {
        if ((other_life && !holder->dead) || !r->remove) {
            refused(core);
        } else {
            w->step = STEP_DROP;
        }
        return;
    }
    learn_map(core, r->lane, r->target, &uuid);
    note_dimension(w, learn_object_member(theirs, "dimension"));
    if (!rows_same_value(learn_object_member(ours, "metadata"), learn_object_member(theirs, "metadata"))) {
        w->step = STEP_METADATA;
        w->differs = true;
    } else {
        w->step = STEP_COUNT;
    }
}

static void created(struct core *core, enum resync_got got, struct block *body)
{
    struct resync *r = core->resync;
    struct uuid uuid;
    if (got == GOT_OK && learn_object_id(block_str(body), &uuid)) {
        learn_map(core, r->lane, r->target, &uuid);
        note_dimension(r->walk, learn_object_member(block_str(body), "dimension"));
        r->walk->step = STEP_COUNT;
        return;
    }
    if (got == GOT_TAKEN) {
        r->walk->step = STEP_TARGET_OBJECT;
        return;
    }
    /* Its database is missing there. */
    core->instances[r->target].names_trust = TRUST_STALE;
    over(core, false);
}

static void counted(struct core *core, enum resync_got got, struct block *body)
{
    struct walk *w = core->resync->walk;
    (void)core;
    w->empty = got == GOT_OK && str_equal(str_trim(block_str(body)), STR("0"));
    w->step = STEP_PAGE;
}

/* ---- answers about records ---- */

static void page_read(struct core *core, struct block *body)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    forget_page(w);
    if (!rows_read(&w->page, body)) {
        resync_retry(core);
        return;
    }
    if (w->page.count == 0) {
        w->step = STEP_EXTRAS;
        if (w->offset == 0 && w->dimension > 0) {
            w->step = STEP_DIMENSION;
        } else if (w->empty) {
            over(core, true);
        }
        return;
    }
    w->todo = mem_alloc_array(w->page.count, sizeof(*w->todo));
    if (!w->empty) {
        w->step = STEP_SAME_IDS;
        return;
    }
    for (size_t i = 0; i < w->page.count; i++) {
        w->todo[w->todo_count++] = &w->page.list[i];
    }
    w->step = STEP_ADD;
}

/* The rows that the target has otherwise come first: they are deleted before they are added. */
static void compare_page(struct core *core, struct block *body)
{
    struct walk *w = core->resync->walk;
    struct rows there;
    if (!rows_read(&there, body)) {
        resync_retry(core);
        return;
    }
    rows_sort(&there);
    w->todo_count = w->different = w->added = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < w->page.count; i++) {
            const struct row *row = &w->page.list[i];
            const struct row *other = rows_find(&there, row->id);
            bool wanted = pass == 0 ? other != NULL && !rows_equal(row, other) : other == NULL;
            if (wanted) {
                w->todo[w->todo_count++] = row;
                w->different += pass == 0 ? 1 : 0;
            }
        }
    }
    rows_free(&there);
    w->differs = w->differs || w->todo_count > 0;
    if (w->todo_count == 0 || !core->resync->repair) {
        next_page(w);
    } else {
        w->step = w->different > 0 ? STEP_DELETE : STEP_ADD;
    }
}

static void added(struct core *core, enum resync_got got)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    if (got != GOT_OK && !w->one_by_one && w->todo_count > 1) {
        w->one_by_one = true;
        w->empty = false;
        w->step = STEP_SAME_IDS;
        return;
    }
    if (got == GOT_OK) {
        core->instances[r->target].copied_records += w->one_by_one ? 1 : w->added;
    } else {
        w->incomplete = true;
        core_line(core, LOG_ERROR, "resync_record_refused", "target", core->instances[r->target].name, NULL);
    }
    if (w->added == w->todo_count) {
        next_page(w);
    }
}

static void extras_read(struct core *core, struct block *body)
{
    struct walk *w = core->resync->walk;
    forget_page(w);
    if (!rows_read(&w->page, body)) {
        resync_retry(core);
    } else if (w->page.count == 0) {
        over(core, true);
    } else {
        w->todo = mem_alloc_array(w->page.count, sizeof(*w->todo));
        w->step = STEP_EXTRAS_SOURCE;
    }
}

static void extras_compared(struct core *core, struct block *body)
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
    w->differs = w->differs || w->todo_count > 0;
    if (w->todo_count > 0 && r->repair && r->remove) {
        w->extras_offset += w->page.count - w->todo_count;
        w->step = STEP_EXTRAS_DELETE;
        return;
    }
    core->instances[r->target].only_here += w->todo_count;
    w->extras_offset += w->page.count;
    w->step = STEP_EXTRAS;
}

/* A write that failed may be carried out later: the fence comes first, and the page is compared again. */
static void failed(struct core *core)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    switch ((int)w->step) { /* the others are only asked again */
        case STEP_DELETE:
        case STEP_ADD:
            r->lane->strand.fenced[r->target] = true;
            w->empty = false;
            w->step = STEP_SAME_IDS;
            break;
        case STEP_DIMENSION:
        case STEP_DIMENSION_DELETE:
            r->lane->strand.fenced[r->target] = true;
            w->step = STEP_DIMENSION;
            break;
        case STEP_EXTRAS_DELETE:
            r->lane->strand.fenced[r->target] = true;
            w->extras_offset = 0;
            w->step = STEP_EXTRAS;
            break;
        case STEP_METADATA:
        case STEP_CREATE:
        case STEP_DROP:
            w->step = STEP_TARGET_OBJECT;
            break;
        case STEP_PAGE:
            w->page_rows = w->page_rows > 1 ? w->page_rows / 2 : 1;
            break;
        default:
            break;
    }
    resync_retry(core);
}

void walk_answer(struct core *core, enum resync_got got, struct block *body)
{
    struct walk *w = core->resync->walk;
    if (got == GOT_FAILED) {
        failed(core);
        return;
    }
    bool may_be_refused = w->step == STEP_SOURCE_OBJECT || w->step == STEP_TARGET_OBJECT ||
                          w->step == STEP_DROP || w->step == STEP_CREATE || w->step == STEP_ADD;
    if (got != GOT_OK && !may_be_refused) {
        refused(core);
        return;
    }
    switch (w->step) {
        case STEP_DRAIN:
            break;
        case STEP_SOURCE_OBJECT:
            source_object(core, got, body);
            break;
        case STEP_TARGET_OBJECT:
            target_object(core, got, body);
            break;
        case STEP_DROP:
            w->step = STEP_TARGET_OBJECT;
            break;
        case STEP_CREATE:
            created(core, got, body);
            break;
        case STEP_METADATA:
            w->step = STEP_COUNT;
            break;
        case STEP_COUNT:
            counted(core, got, body);
            break;
        case STEP_PAGE:
            page_read(core, body);
            break;
        case STEP_DIMENSION:
            w->step = STEP_DIMENSION_DELETE;
            break;
        case STEP_DIMENSION_DELETE:
            w->dimension = 0;
            w->step = STEP_PAGE;
            break;
        case STEP_SAME_IDS:
            compare_page(core, body);
            break;
        case STEP_DELETE:
            core->instances[core->resync->target].removed_records += w->different;
            w->step = STEP_ADD;
            break;
        case STEP_ADD:
            added(core, got);
            break;
        case STEP_EXTRAS:
            extras_read(core, body);
            break;
        case STEP_EXTRAS_SOURCE:
            extras_compared(core, body);
            break;
        case STEP_EXTRAS_DELETE:
            core->instances[core->resync->target].removed_records += w->todo_count;
            w->step = STEP_EXTRAS;
            break;
    }
}
