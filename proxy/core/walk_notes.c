/* Writes that go on at the source while their collection is copied, and what that asks of the copy.
 *
 * A copy leaves the target with what the source holds at the cut: from there on it is sent the writes.  When
 * it takes long, those that disturb it go on at the source, and the cut is moved to its end.  Only where all
 * that is there is copied, so that nothing has to be kept, and would be copied again after a restart, so that
 * what was copied never meets the same writes once more.
 *
 *   update           changes a row that may have been read: its ids are noted
 *   add, upsert      the same, for they are behind the first cut and before the last
 *   delete by ids    the same; and it moves the rows behind the deleted ones forward, at most by as many as
 *                    it has ids.  So it goes only while no page is being read, and the next page begins that
 *                    much earlier: then every row that nobody touches is read, and those touched are noted
 *   delete by filter, a change of the collection itself: wait for the end, for nobody knows what they touch;
 *                    and what is behind one of them waits with it, so the last cut is there at the latest
 *
 * Rows of noted ids are compared again, by id; what the source does not have of them is removed.  A write is
 * noted when it is finished, and an id is taken from the notes before the source is asked for it: so whatever
 * the answer does not show yet is noted anew.  Some are compared while writes go on; the rest when all before
 * the last cut is finished and what disturbs waits behind it.
 *
 * How it fails: what cannot be noted (a request without ids that can be read, too many notes) makes the walk
 * begin anew with all such writes waiting, which is always right. */
#include "base/json_scan.h"
#include "base/memory.h"
#include "proxy/core/resync.h"
#include "proxy/core/strands.h"
#include "proxy/core/walk.h"

#define NOTES_MAX       20000
#define NOTES_BYTES_MAX ((size_t)4 << 20)
#define BACK_ROWS_FREE  1000 /* rows to be read again before deletes have to wait for progress */

struct note {
    struct row row; /* its id as some client wrote it */
    UT_hash_handle hh;
    char text[];
};

/* ---- notes ---- */

static void add(struct walk *w, struct str id)
{
    struct note *note = NULL;
    HASH_FIND(hh, w->notes, id.data, id.size, note);
    if (note != NULL) {
        return;
    }
    if (w->note_count >= NOTES_MAX || w->note_bytes + id.size > NOTES_BYTES_MAX) {
        w->lost_track = true;
        return;
    }
    note = mem_alloc(sizeof(*note) + id.size);
    memcpy(note->text, id.data, id.size);
    note->row.id = str_make(note->text, id.size);
    HASH_ADD_KEYPTR(hh, w->notes, note->row.id.data, note->row.id.size, note);
    w->note_count++;
    w->note_bytes += id.size;
}

static void take_out(struct walk *w, struct note *note)
{
    HASH_DELETE(hh, w->notes, note);
    w->note_count--;
    w->note_bytes -= note->row.id.size;
}

/* Chroma carried it out, so its ids are a list of strings, or there is none and nothing was done. */
static void note_ids(struct walk *w, const struct entry *entry)
{
    struct json_scan scan;
    if (entry->near == NULL || entry->near->far || json_scan(block_str(entry->near->body), &scan) != 0 ||
        !scan.is_object || scan.escaped_key || scan.repeated_key || scan.too_many) {
        w->lost_track = true;
        return;
    }
    const struct json_member *ids = json_scan_find(&scan, "ids");
    size_t at = 0;
    struct str id;
    enum json_kind kind;
    bool list = ids != NULL && ids->kind == JSON_ARRAY_VALUE;
    while (list && json_scan_next(ids->value, &at, &id, &kind)) {
        add(w, id);
    }
    w->shifted += list && entry->op == OP_DELETE ? ids->elements : 0;
}

static bool is_noted(const struct walk *w, const struct resync *r, const struct entry *entry)
{
    bool behind = entry->lsn >= r->walk_lsn;
    if (w->watch_lsn != 0 && entry->lsn >= w->watch_lsn) {
        return false;
    }
    return (w->watching && behind) || (w->noting && !(w->closing && behind));
}

void resync_note(struct core *core, const struct entry *entry, unsigned i)
{
    const struct resync *r = core->resync;
    if (r->job != JOB_WALK || entry->lane != r->lane || i != r->source || r->walk->lost_track ||
        !is_noted(r->walk, r, entry)) {
        return;
    }
    if (entry->op == OP_ADD || entry->op == OP_UPSERT || entry->op == OP_UPDATE || entry->op == OP_DELETE) {
        note_ids(r->walk, entry);
    }
}

void walk_notes_free(struct walk *w)
{
    struct note *note;
    struct note *next;
    walk_hand_drop(w);
    HASH_ITER (hh, w->notes, note, next) {
        take_out(w, note);
        mem_free(note);
    }
}

/* ---- those in hand ---- */

bool walk_hand_take(struct walk *w, size_t most)
{
    struct note *note;
    struct note *next;
    if (w->notes == NULL) {
        return false;
    }
    w->hand = mem_alloc_array(most, sizeof(*w->hand));
    HASH_ITER (hh, w->notes, note, next) {
        if (w->hand_count == most) {
            break;
        }
        take_out(w, note);
        w->hand[w->hand_count++] = &note->row;
    }
    return true;
}

/* A note begins with its row. */
void walk_hand_drop(struct walk *w)
{
    for (size_t k = 0; k < w->hand_count; k++) {
        mem_free(w->hand[k]);
    }
    mem_free(w->hand);
    w->hand = NULL;
    w->hand_count = 0;
}

void walk_hand_return(struct walk *w)
{
    for (size_t k = 0; k < w->hand_count; k++) {
        add(w, w->hand[k]->id);
    }
    walk_hand_drop(w);
}

/* ---- who goes on ---- */

static bool waits_for_end(const struct entry *entry)
{
    return entry->op == OP_COLLECTION_UPDATE || (entry->op == OP_DELETE && entry->nonconvergent);
}

bool walk_holds_at_source(const struct resync *r, const struct entry *entry)
{
    const struct walk *w = r->walk;
    if (!r->repair || w->shut || waits_for_end(entry)) {
        return true;
    }
    if (entry->op == OP_DELETE) {
        bool costs_too_much = w->back_rows > w->read_rows / 2 + BACK_ROWS_FREE;
        return !w->open || w->step == STEP_PAGE || costs_too_much;
    }
    return entry->op == OP_UPDATE && !w->open;
}

bool walk_deletes_under_way(const struct resync *r)
{
    const struct strand *strand = &r->lane->strand;
    for (uint64_t place = strand->base; place < strand_end(strand); place++) {
        const struct entry *entry = strand_at(strand, place);
        if (entry != NULL && entry->op == OP_DELETE && !entry_finished_at(entry, r->source) &&
            (entry->at[r->source] == AT_SENT || entry->maybe_sent[r->source])) {
            return true;
        }
    }
    return false;
}

uint64_t walk_last_cut(const struct core *core)
{
    const struct resync *r = core->resync;
    const struct strand *strand = &r->lane->strand;
    for (uint64_t place = strand->base; place < strand_end(strand); place++) {
        const struct entry *entry = strand_at(strand, place);
        if (entry != NULL && waits_for_end(entry) && !entry_finished_at(entry, r->source)) {
            return entry->lsn;
        }
    }
    return core->next_lsn;
}
