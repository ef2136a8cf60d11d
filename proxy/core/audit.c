/* The names: what the source lists is mapped at the target, or found missing there, or mended.
 *
 * Tenants cannot be listed, so those are looked at that anything is known of.  For each of their databases
 * both listings are laid side by side:
 *
 *   on both, by id      renamed at the target when its name is another
 *   on both, by name    mapped when nothing is known of the target's id; an older life of it is removed
 *   only at the source  its content is copied, which makes the collection
 *   only at the target  removed when it, or one of its name whose id there was never learnt, is known
 *                       to have been deleted; else counted and named, never touched
 *
 * A name on which a write is still to come at the target is left to that write. */
#include "base/check.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/create.h"
#include "proxy/core/lanes.h"
#include "proxy/core/learn.h"
#include "proxy/core/mark.h"
#include "proxy/core/reads.h"
#include "proxy/core/resync.h"
#include "proxy/core/resync_job.h"
#include "proxy/core/send.h"
#include "proxy/core/strands.h"

#define NAME_BYTES     4096
#define TARGET_LIMIT   ((size_t)1 << 20)
#define LISTING_LIMIT  ((uint64_t)64 << 20)
#define DEFAULT_TENANT "default_tenant"

enum step {
    STEP_SOURCE_DATABASES,
    STEP_TARGET_DATABASES,
    STEP_TENANT,
    STEP_DATABASE,
    STEP_SOURCE_LISTING,
    STEP_TARGET_LISTING,
    STEP_MEND,
};

/* One request that mends a name at the target. */
struct mend {
    bool remove;      /* else rename */
    struct uuid uuid; /* of what is renamed */
    char *name;       /* what is removed, or its new name */
};

struct names {
    char **list;
    size_t count;
};

struct audit {
    enum step step;
    enum trust level;                         /* what is learnt now is trusted that much at the target */
    struct names tenants, databases, missing; /* missing: databases that the target lacks */
    size_t tenant, database, made;
    struct block *source_listing;
    struct mend *mends;
    size_t mend_count, mended;
};

static void names_add(struct names *names, struct str name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (str_equal(str_of(names->list[i]), name)) {
            return;
        }
    }
    names->list = mem_realloc(names->list, (names->count + 1) * sizeof(*names->list));
    names->list[names->count++] = mem_strndup(name.data, name.size);
}

static void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        mem_free(names->list[i]);
    }
    mem_free(names->list);
    *names = (struct names){ 0 };
}

static void forget_listing(struct audit *a)
{
    for (size_t i = 0; i < a->mend_count; i++) {
        mem_free(a->mends[i].name);
    }
    mem_free(a->mends);
    a->mends = NULL;
    a->mend_count = a->mended = 0;
    block_unref(a->source_listing);
    a->source_listing = NULL;
}

void audit_free(struct resync *r)
{
    if (r->audit != NULL) {
        forget_listing(r->audit);
        names_clear(&r->audit->tenants);
        names_clear(&r->audit->databases);
        names_clear(&r->audit->missing);
        mem_free(r->audit);
        r->audit = NULL;
    }
}

void audit_begin(struct core *core)
{
    struct resync *r = core->resync;
    struct audit *a = mem_alloc(sizeof(*a));
    r->audit = a;
    a->level = (enum trust)core->instances[r->target].names_trust;
    names_add(&a->tenants, STR(DEFAULT_TENANT));
    const struct name_slot *slot;
    for (slot = core->names; slot != NULL; slot = slot->hh.next) {
        struct str rest;
        struct str tenant = str_cut(str_make(slot->key, slot->key_size), '\0', &rest);
        if (tenant.size > 0 && !mark_hides(tenant)) {
            names_add(&a->tenants, tenant);
        }
    }
}

/* ---- requests ---- */

static struct str tenant_of(const struct audit *a)
{
    return str_of(a->tenants.list[a->tenant]);
}

static struct str database_of(const struct audit *a)
{
    return str_of(a->databases.list[a->database]);
}

static void put_databases(struct buf *out, const struct audit *a)
{
    buf_append_text(out, "/api/v2/tenants/");
    http_percent_encode(out, tenant_of(a));
    buf_append_text(out, "/databases");
}

static void put_collections(struct buf *out, const struct audit *a)
{
    put_databases(out, a);
    buf_append_char(out, '/');
    http_percent_encode(out, database_of(a));
    buf_append_text(out, "/collections");
}

static void ask_mend(struct core *core, struct buf *target)
{
    struct resync *r = core->resync;
    struct audit *a = r->audit;
    const struct mend *mend = &a->mends[a->mended];
    char id[UUID_TEXT_SIZE + 1];
    put_collections(target, a);
    buf_append_char(target, '/');
    if (mend->remove) {
        http_percent_encode(target, str_of(mend->name));
        resync_ask(core, r->target, "DELETE", buf_str(target), NULL, LISTING_LIMIT);
    } else {
        uuid_format(&mend->uuid, id);
        buf_append_text(target, id);
        resync_ask(core, r->target, "PUT", buf_str(target), learn_name_body("new_name", str_of(mend->name)),
                   LISTING_LIMIT);
    }
}

static void names_are_whole(struct core *core)
{
    struct resync *r = core->resync;
    unsigned t = r->target;
    core->instances[t].unclean = true; /* the lanes are looked over, and the mark is set after that */
    core_line(core, LOG_INFO, "names_resynced", "target", core->instances[t].name, NULL);
    resync_done(core);
    resync_trust_names(core, t);
    reads_unpark_all(core);
}

/* The next database, the next tenant, or the end. */
static void next_database(struct core *core)
{
    struct audit *a = core->resync->audit;
    forget_listing(a);
    a->step = STEP_SOURCE_LISTING;
    if (++a->database < a->databases.count) {
        return;
    }
    names_clear(&a->databases);
    names_clear(&a->missing);
    a->database = a->made = 0;
    a->step = STEP_SOURCE_DATABASES;
    if (++a->tenant == a->tenants.count) {
        names_are_whole(core);
    }
}

void audit_next(struct core *core)
{
    struct resync *r = core->resync;
    struct audit *a = r->audit;
    struct buf target;
    buf_init(&target, TARGET_LIMIT);
    switch (a->step) {
        case STEP_SOURCE_DATABASES:
        case STEP_TARGET_DATABASES:
            put_databases(&target, a);
            resync_ask(core, a->step == STEP_SOURCE_DATABASES ? r->source : r->target, "GET",
                       buf_str(&target), NULL, LISTING_LIMIT);
            break;
        case STEP_TENANT:
            resync_ask(core, r->target, "POST", STR("/api/v2/tenants"), learn_name_body("name", tenant_of(a)),
                       LISTING_LIMIT);
            break;
        case STEP_DATABASE:
            put_databases(&target, a);
            resync_ask(core, r->target, "POST", buf_str(&target),
                       learn_name_body("name", str_of(a->missing.list[a->made])), LISTING_LIMIT);
            break;
        case STEP_SOURCE_LISTING:
        case STEP_TARGET_LISTING:
            put_collections(&target, a);
            resync_ask(core, a->step == STEP_SOURCE_LISTING ? r->source : r->target, "GET", buf_str(&target),
                       NULL, LISTING_LIMIT);
            break;
        case STEP_MEND:
            ask_mend(core, &target);
            break;
    }
    buf_deinit(&target);
}

/* ---- databases ---- */

static bool read_name(struct str object, char *out, struct str *name)
{
    size_t size = 0;
    if (!json_scan_decode(learn_object_member(object, "name"), out, NAME_BYTES, &size)) {
        return false;
    }
    *name = str_make(out, size);
    return true;
}

static void read_databases(struct names *names, struct block *body)
{
    char text[NAME_BYTES];
    struct str name;
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(block_str(body), &at, &element, &kind)) {
        if (read_name(element, text, &name)) {
            names_add(names, name);
        }
    }
}

static void target_databases(struct core *core, struct block *body)
{
    struct resync *r = core->resync;
    struct audit *a = r->audit;
    struct names there = { 0 };
    read_databases(&there, body);
    size_t known = there.count;
    for (size_t i = 0; i < a->databases.count; i++) {
        size_t before = there.count;
        names_add(&there, str_of(a->databases.list[i]));
        if (there.count > before) {
            names_add(&a->missing, str_of(a->databases.list[i]));
        }
    }
    size_t shared = a->databases.count - a->missing.count;
    core->instances[r->target].only_here += known - shared;
    names_clear(&there);
    a->database = SIZE_MAX; /* next_database goes on with the first */
    a->step = STEP_TENANT;
    if (a->missing.count == 0) {
        next_database(core);
    } else if (str_equal(tenant_of(a), STR(DEFAULT_TENANT))) {
        a->step = STEP_DATABASE;
    }
}

/* ---- collections ---- */

static void mend(struct audit *a, bool remove, const struct uuid *uuid, struct str name)
{
    for (size_t i = 0; i < a->mend_count; i++) {
        if (a->mends[i].remove == remove && str_equal(str_of(a->mends[i].name), name)) {
            return;
        }
    }
    a->mends = mem_realloc(a->mends, (a->mend_count + 1) * sizeof(*a->mends));
    a->mends[a->mend_count++] =
        (struct mend){ .remove = remove, .uuid = *uuid, .name = mem_strndup(name.data, name.size) };
}

static bool to_come(struct core *core, const struct audit *a, struct str name, unsigned i)
{
    const struct name_slot *slot = name_find(core, tenant_of(a), database_of(a), name);
    return slot != NULL && strand_head(&slot->strand, i) != NULL;
}

/* The object of that id, or of that name, in a listing. */
static bool find_object(struct str listing, const struct uuid *uuid, struct str name, struct str *object)
{
    char text[NAME_BYTES];
    struct str found_name;
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(listing, &at, &element, &kind)) {
        struct uuid found;
        bool match = uuid != NULL ? learn_object_id(element, &found) && uuid_equal(&found, uuid)
                                  : read_name(element, text, &found_name) && str_equal(found_name, name);
        if (match) {
            *object = element;
            return true;
        }
    }
    return false;
}

static void compare_lane(struct core *core, struct lane *lane, bool is_new, struct str listing)
{
    struct resync *r = core->resync;
    struct audit *a = r->audit;
    unsigned t = r->target;
    char text[NAME_BYTES];
    struct str object;
    struct str name;
    struct uuid uuid;
    if (lane->has_id[t] && find_object(listing, &lane->ids[t], STR(""), &object)) {
        if (read_name(object, text, &name) && !str_equal(name, lane->name)) {
            mend(a, false, &lane->ids[t], lane->name);
        }
        if (is_new) {
            resync_distrust(core, lane, t, a->level);
        }
        return;
    }
    bool known = lane->has_id[t];
    if (find_object(listing, NULL, lane->name, &object) && learn_object_id(object, &uuid)) {
        const struct lane *holder = lane_by_uuid(core, &uuid);
        if (holder == NULL) {
            learn_map(core, lane, t, &uuid);
            resync_distrust(core, lane, t, known ? TRUST_STALE : a->level);
            return;
        }
        if (holder->dead) {
            mend(a, true, &uuid, lane->name);
        }
    }
    resync_distrust(core, lane, t, TRUST_STALE);
}

/* A collection of that name was deleted whose creation the target may have carried out without saying so:
 * this is it, unless the target keeps what nobody knows of. */
static bool died_unseen(const struct core *core, const struct audit *a, struct str name, unsigned t)
{
    const struct lane *lane = core->instances[t].keep_extras ? NULL : core->lanes;
    for (; lane != NULL; lane = lane->by_birth.next) {
        if (lane->dead && !lane->has_id[t] && str_equal(lane->name, name) &&
            str_equal(lane->database, database_of(a)) && str_equal(lane->tenant, tenant_of(a))) {
            return true;
        }
    }
    return false;
}

/* What only the target has. */
static void compare_target(struct core *core, struct str listing)
{
    struct resync *r = core->resync;
    struct audit *a = r->audit;
    char text[NAME_BYTES];
    struct str name;
    struct str element;
    struct str object;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(listing, &at, &element, &kind)) {
        struct uuid uuid;
        if (!learn_object_id(element, &uuid) || !read_name(element, text, &name) ||
            to_come(core, a, name, r->target)) {
            continue;
        }
        struct lane *lane = lane_by_uuid(core, &uuid);
        bool never_there = lane == NULL || (!lane->has_id[r->source] && !to_come(core, a, name, r->source));
        bool gone = never_there && !find_object(block_str(a->source_listing), NULL, name, &object);
        if ((lane != NULL && lane->dead) || (lane == NULL && gone && died_unseen(core, a, name, r->target))) {
            mend(a, true, &uuid, name);
        } else if (gone) {
            if (lane != NULL) { /* its creation was lost with a log in memory */
                resync_distrust(core, lane, r->target, TRUST_OK);
            }
            core->instances[r->target].only_here++;
            core_line(core, LOG_WARN, "only_here", "target", core->instances[r->target].name, "collection",
                      text, NULL);
        }
    }
}

static void compare_listings(struct core *core, struct block *target_listing)
{
    struct resync *r = core->resync;
    struct audit *a = r->audit;
    char text[NAME_BYTES];
    struct str name;
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(block_str(a->source_listing), &at, &element, &kind)) {
        struct uuid uuid;
        if (!learn_object_id(element, &uuid) || !read_name(element, text, &name) ||
            to_come(core, a, name, r->target)) {
            continue;
        }
        struct lane *before = lane_by_uuid(core, &uuid);
        learn_object(core, r->source, tenant_of(a), database_of(a), element);
        struct lane *lane = lane_by_uuid(core, &uuid);
        if (lane != NULL && !lane->dead) {
            compare_lane(core, lane, before == NULL, block_str(target_listing));
        }
    }
    create_listed(core, tenant_of(a), database_of(a));
    compare_target(core, block_str(target_listing));
    a->step = STEP_MEND;
    if (a->mend_count == 0) {
        next_database(core);
    }
}

/* ---- answers ---- */

void audit_in_doubt(struct core *core)
{
    struct resync *r = core->resync;
    const struct audit *a = r->audit;
    if (a->step == STEP_MEND) { /* any name's fence stands behind all writes about names */
        struct str name = str_of(a->mends[a->mended].name);
        name_get(core, tenant_of(a), database_of(a), name)->strand.fenced[r->target] = true;
    }
}

/* An empty listing says that all is gone; what is no listing says nothing. */
bool audit_understands(const struct core *core, struct block *body)
{
    enum step step = core->resync->audit->step;
    bool databases = step == STEP_SOURCE_DATABASES || step == STEP_TARGET_DATABASES;
    bool collections = step == STEP_SOURCE_LISTING || step == STEP_TARGET_LISTING;
    return (!databases && !collections) || learn_is_listing(block_str(body), collections);
}

void audit_answer(struct core *core, enum resync_got got, struct block *body)
{
    struct audit *a = core->resync->audit;
    bool may_be_refused = a->step == STEP_TENANT || a->step == STEP_DATABASE || a->step == STEP_MEND;
    if (got == GOT_FAILED && a->step == STEP_MEND) {
        audit_in_doubt(core);
        resync_done(core); /* and anew, behind the fence */
        resync_rest(core, NS_PER_S);
        return;
    }
    if (got == GOT_FAILED || (got != GOT_OK && !may_be_refused)) {
        resync_retry(core);
        return;
    }
    switch (a->step) {
        case STEP_SOURCE_DATABASES:
            read_databases(&a->databases, body);
            a->step = STEP_TARGET_DATABASES;
            break;
        case STEP_TARGET_DATABASES:
            target_databases(core, body);
            break;
        case STEP_TENANT: /* 409: it was there */
            a->step = STEP_DATABASE;
            break;
        case STEP_DATABASE:
            if (++a->made == a->missing.count) {
                next_database(core);
            }
            break;
        case STEP_SOURCE_LISTING:
            a->source_listing = block_ref(body);
            a->step = STEP_TARGET_LISTING;
            break;
        case STEP_TARGET_LISTING:
            compare_listings(core, body);
            break;
        case STEP_MEND:
            if (++a->mended == a->mend_count) {
                next_database(core);
            }
            break;
    }
}
