/* The answers of a walk about the collection itself: is it the same one on both sides, and what does the
 * target lack of it before rows can be compared?  What cannot be told or mended ends the walk (walk_refused).
 */
#include "base/units.h"
#include "proxy/core/lanes.h"
#include "proxy/core/learn.h"
#include "proxy/core/resync.h"
#include "proxy/core/resync_job.h"
#include "proxy/core/walk.h"

bool walk_understands(const struct core *core, struct block *body)
{
    struct uuid uuid;
    enum walk_step step = core->resync->walk->step;
    bool object = step == STEP_SOURCE_OBJECT || step == STEP_TARGET_OBJECT || step == STEP_CREATE;
    return !object || learn_object_id(block_str(body), &uuid);
}

void walk_source_object(struct core *core, enum resync_got got, struct block *body)
{
    struct resync *r = core->resync;
    struct uuid uuid;
    if (got != GOT_OK || !learn_object_id(block_str(body), &uuid) ||
        !uuid_equal(&uuid, &r->lane->ids[r->source])) {
        /* Gone there too, or another incarnation: nothing to copy from. */
        r->lane->faulty[r->source] = r->lane->faulty[r->source] || got == GOT_ABSENT;
        resync_distrust(core, r->lane, r->target, TRUST_OK);
        walk_over(core, false);
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
}

void walk_target_object(struct core *core, enum resync_got got, struct block *body)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    struct uuid uuid;
    struct str ours = block_str(w->object);
    struct str theirs = block_str(body);
    if (got == GOT_ABSENT) {
        w->step = STEP_CREATE;
        return;
    }
    if (got != GOT_OK || !learn_object_id(theirs, &uuid)) {
        walk_refused(core);
        return;
    }
    const struct lane *holder = lane_by_uuid(core, &uuid);
    bool other_life = holder != NULL && holder != r->lane;
    bool fits = !other_life && same_dimension(learn_object_member(ours, "dimension"),
                                              learn_object_member(theirs, "dimension"));
    if (!fits) {
        if ((other_life && !holder->dead) || !r->remove) {
            walk_refused(core);
        } else {
            w->step = STEP_DROP;
        }
        return;
    }
    if (!uuid_equal(&uuid, &r->lane->ids[r->target])) {
        r->lane->ours[r->target] = false;
        r->remove = !core->instances[r->target].keep_extras;
    }
    learn_map(core, r->lane, r->target, &uuid);
    note_dimension(w, learn_object_member(theirs, "dimension"));
    if (!rows_same_value(learn_object_member(ours, "metadata"), learn_object_member(theirs, "metadata"))) {
        w->step = STEP_METADATA;
    } else {
        w->step = STEP_COUNT;
    }
}

void walk_created(struct core *core, enum resync_got got, struct block *body)
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
    walk_over(core, false);
}

void walk_counted(struct core *core, enum resync_got got, struct block *body)
{
    struct walk *w = core->resync->walk;
    w->empty = w->blind = got == GOT_OK && str_equal(str_trim(block_str(body)), STR("0"));
    if (w->empty) { /* what a copy that is broken off leaves there is nobody else's */
        core->resync->lane->ours[core->resync->target] = true;
        core->resync->remove = true;
    }
    w->noting = w->noting && core->resync->remove;
    w->step = STEP_PAGE;
}
