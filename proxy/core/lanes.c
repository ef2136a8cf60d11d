#include "proxy/core/lanes.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/strands.h"
#include "proxy/core/writes.h"

/* ---- lanes ---- */

void lane_set_place(struct lane *lane, struct str tenant, struct str database, struct str name)
{
    struct block *place = block_new(tenant.size + database.size + name.size + 3);
    CHECK(place != NULL);
    char *p = place->data;
    memcpy(p, tenant.data, tenant.size);
    lane->tenant = str_make(p, tenant.size);
    p += tenant.size;
    *p++ = '\0';
    memcpy(p, database.data, database.size);
    lane->database = str_make(p, database.size);
    p += database.size;
    *p++ = '\0';
    memcpy(p, name.data, name.size);
    lane->name = str_make(p, name.size);
    p[name.size] = '\0';
    block_unref(lane->place);
    lane->place = place;
}

struct lane *lane_new(struct core *core, uint64_t birth, struct str tenant, struct str database,
                      struct str name)
{
    CHECK(lane_by_birth(core, birth) == NULL);
    struct lane *lane = mem_alloc(sizeof(*lane));
    strand_init(&lane->strand, lane);
    lane->birth = birth;
    lane->named_lsn = birth;
    lane_set_place(lane, tenant, database, name);
    HASH_ADD(by_birth, core->lanes, birth, sizeof(lane->birth), lane);
    return lane;
}

struct lane *lane_by_birth(struct core *core, uint64_t birth)
{
    struct lane *lane = NULL;
    HASH_FIND(by_birth, core->lanes, &birth, sizeof(birth), lane);
    return lane;
}

/* While the log is read, a record may name a lane whose introduction stood in a trimmed segment: the
 * checkpoint that follows tells the rest. */
struct lane *lane_by_birth_or_placeholder(struct core *core, uint64_t birth)
{
    struct lane *lane = lane_by_birth(core, birth);
    if (lane == NULL) {
        lane = lane_new(core, birth, STR(""), STR(""), STR(""));
        lane->placeholder = true;
    }
    return lane;
}

struct lane *lane_by_uuid(struct core *core, const struct uuid *uuid)
{
    struct uuid_ref *ref = NULL;
    HASH_FIND(hh, core->uuids, uuid, sizeof(*uuid), ref);
    return ref == NULL ? NULL : ref->lane;
}

static void refer(struct core *core, struct lane *lane, const struct uuid *uuid)
{
    struct uuid_ref *ref = NULL;
    HASH_FIND(hh, core->uuids, uuid, sizeof(*uuid), ref);
    if (ref == NULL) {
        ref = mem_alloc(sizeof(*ref));
        ref->uuid = *uuid;
        ref->lane = lane;
        HASH_ADD(hh, core->uuids, uuid, sizeof(ref->uuid), ref);
    }
}

void lane_set_logical(struct core *core, struct lane *lane, const struct uuid *uuid)
{
    lane->logical = *uuid;
    refer(core, lane, uuid);
}

void lane_set_id(struct core *core, struct lane *lane, unsigned instance, const struct uuid *uuid)
{
    lane->ids[instance] = *uuid;
    lane->has_id[instance] = true;
    lane->faulty[instance] = false;
    refer(core, lane, uuid);
    if (uuid_is_zero(&lane->logical)) {
        lane_set_logical(core, lane, uuid);
    }
}

void lane_describe(const struct lane *lane, struct record_lane *out)
{
    out->birth = lane->birth;
    out->dead = lane->dead;
    out->tenant = lane->tenant;
    out->database = lane->database;
    out->name = lane->name;
    out->logical = lane->logical;
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        out->has_id[i] = lane->has_id[i];
        out->ids[i] = lane->ids[i];
    }
}

uint64_t lane_record(struct core *core, const struct lane *lane, bool sync)
{
    struct record_lane record;
    lane_describe(lane, &record);
    return core_append(core, RECORD_LANE, record_lane_encode(&record), NULL, sync);
}

void lane_begin_catching_up(const struct core *core, struct lane *lane, unsigned i)
{
    lane->catch_up_lsn[i] = lane->strand.backlog[i] > 0 ? core->next_lsn : 0;
}

bool lane_catches_up(const struct lane *lane, unsigned i)
{
    const struct entry *head = lane->catch_up_lsn[i] == 0 ? NULL : strand_head(&lane->strand, i);
    return head != NULL && head->lsn < lane->catch_up_lsn[i] && lane->strand.backlog[i] > 0;
}

/* ---- names ---- */

static struct name_slot *slot_new(struct str tenant, struct str database, struct str name)
{
    size_t size = tenant.size + database.size + name.size + 2;
    struct name_slot *slot = mem_alloc(sizeof(*slot) + size);
    char *p = slot->key;
    memcpy(p, tenant.data, tenant.size);
    p += tenant.size;
    *p++ = '\0';
    memcpy(p, database.data, database.size);
    p += database.size;
    *p++ = '\0';
    memcpy(p, name.data, name.size);
    slot->key_size = size;
    return slot;
}

static struct name_slot *slot_lookup(struct core *core, struct str tenant, struct str database,
                                     struct str name, bool make)
{
    struct name_slot *wanted = slot_new(tenant, database, name);
    struct name_slot *found = NULL;
    HASH_FIND(hh, core->names, wanted->key, wanted->key_size, found);
    if (found == NULL && make) {
        strand_init(&wanted->strand, NULL);
        HASH_ADD_KEYPTR(hh, core->names, wanted->key, wanted->key_size, wanted);
        return wanted;
    }
    mem_free(wanted);
    return found;
}

struct name_slot *name_find(struct core *core, struct str tenant, struct str database, struct str name)
{
    return slot_lookup(core, tenant, database, name, false);
}

struct name_slot *name_get(struct core *core, struct str tenant, struct str database, struct str name)
{
    return slot_lookup(core, tenant, database, name, true);
}

void name_bind(struct core *core, struct lane *lane)
{
    name_get(core, lane->tenant, lane->database, lane->name)->lane = lane;
}

void name_unbind(struct core *core, struct lane *lane)
{
    struct name_slot *slot = name_find(core, lane->tenant, lane->database, lane->name);
    if (slot != NULL && slot->lane == lane) {
        slot->lane = NULL;
    }
}

/* ---- leaving ---- */

void lane_die(struct core *core, struct lane *lane, uint64_t lsn)
{
    lane->dead = true;
    lane->death_lsn = lsn;
    lane->death_ns = core->now_ns;
    lane->forget_lsn = lsn;
    name_unbind(core, lane);
}

void lanes_drop_ids_of_doomed(struct core *core)
{
    struct uuid_ref *ref;
    struct uuid_ref *next;
    HASH_ITER (hh, core->uuids, ref, next) {
        if (ref->lane->doomed) {
            HASH_DEL(core->uuids, ref);
            mem_free(ref);
        }
    }
}

void lane_free(struct core *core, struct lane *lane)
{
    HASH_DELETE(by_birth, core->lanes, lane);
    strand_deinit(&lane->strand);
    block_unref(lane->object);
    block_unref(lane->place);
    mem_free(lane);
}

void name_free(struct core *core, struct name_slot *slot)
{
    HASH_DEL(core->names, slot);
    strand_deinit(&slot->strand);
    mem_free(slot);
}

void lanes_free(struct core *core)
{
    struct lane *lane;
    struct lane *next_lane;
    HASH_ITER (by_birth, core->lanes, lane, next_lane) {
        lane->doomed = true;
    }
    lanes_drop_ids_of_doomed(core);
    struct name_slot *slot;
    struct name_slot *next_slot;
    HASH_ITER (hh, core->names, slot, next_slot) {
        name_free(core, slot);
    }
    HASH_ITER (by_birth, core->lanes, lane, next_lane) {
        lane_free(core, lane);
    }
}
