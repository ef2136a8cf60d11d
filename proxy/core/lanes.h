/* Identity: lanes (incarnations of collections), names, and the ids each instance gave them.
 *
 * Every instance's UUID resolves to its lane; clients are shown the lane's logical id only. */
#ifndef WALDRILL_PROXY_CORE_LANES_H
#define WALDRILL_PROXY_CORE_LANES_H

#include "proxy/core/records.h"
#include "proxy/core/state.h"

/* ---- lanes ---- */
struct lane *lane_new(struct core *core, uint64_t birth, struct str tenant, struct str database,
                      struct str name);
struct lane *lane_by_birth(struct core *core, uint64_t birth);
struct lane *lane_by_birth_or_placeholder(struct core *core, uint64_t birth);
void lane_set_place(struct lane *lane, struct str tenant, struct str database, struct str name);
struct lane *lane_by_uuid(struct core *core, const struct uuid *uuid);
void lane_set_logical(struct core *core, struct lane *lane, const struct uuid *uuid);
void lane_set_id(struct core *core, struct lane *lane, unsigned instance, const struct uuid *uuid);
void lane_describe(const struct lane *lane, struct record_lane *out);
/* All that is known of it, for the log; the record's LSN. */
uint64_t lane_record(struct core *core, const struct lane *lane, bool sync);
/* What it has to do now comes before it is read; what is added meanwhile is ordinary replication. */
void lane_begin_catching_up(const struct core *core, struct lane *lane, unsigned instance);
bool lane_catches_up(const struct lane *lane, unsigned instance);
void lanes_drop_ids_of_doomed(struct core *core); /* before they are freed (forget.c) */
void lane_free(struct core *core, struct lane *lane);

/* ---- names ---- */
struct name_slot *name_find(struct core *core, struct str tenant, struct str database, struct str name);
struct name_slot *name_get(struct core *core, struct str tenant, struct str database, struct str name);
void name_bind(struct core *core, struct lane *lane);   /* the lane's own name now means this lane */
void name_unbind(struct core *core, struct lane *lane); /* if it still does */
/* The write at lsn deleted it. */
void lane_die(struct core *core, struct lane *lane, uint64_t lsn);

void name_free(struct core *core, struct name_slot *slot);

void lanes_free(struct core *core);

#endif
