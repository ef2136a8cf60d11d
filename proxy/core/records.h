/* What the core writes into the log: the meaning of each record type and its meta bytes.
 *
 *   WRITE      a client's write, as sent; its LSN is the write's name from then on
 *   DECIDED    accepted or rejected everywhere, by whom, and the ids it tied to a collection
 *   APPLIED    an instance has carried out a write that another had decided
 *   DEAD       an instance refuses a decided write for good: a dead letter, with the reason and the write
 *   OVER       a dead letter was redriven as a new write, or dropped
 *   LANE       a collection learnt from an instance's listing or from a name
 *   CHECKPOINT all lanes (in the body), so that older records may be trimmed
 *   MARK       the log's own id, and how far an instance is known to have been marked
 *   GIVEN_UP   whatever waited for an instance here is not to be carried out there: it needs a resync
 *   ORDERS     who holds the primary's role, and what else an operator ordered that holds until told
 * otherwise
 *
 * All integers little-endian (base/buf.h).  docs/log-format.md has the table. */
#ifndef WALDRILL_PROXY_CORE_RECORDS_H
#define WALDRILL_PROXY_CORE_RECORDS_H

#include "base/block.h"
#include "base/uuid.h"
#include "proxy/core/core.h"
#include <stdbool.h>
#include <stdint.h>

enum record_type {
    RECORD_WRITE = 1,
    RECORD_DECIDED,
    RECORD_APPLIED,
    RECORD_DEAD,
    RECORD_LANE,
    RECORD_CHECKPOINT,
    RECORD_MARK,
    RECORD_OVER,
    RECORD_GIVEN_UP = 9,
    RECORD_ORDERS,
    RECORD_DOUBT
};

struct record_write {
    uint8_t op;
    bool nonconvergent;
    bool get_or_create;
    bool promised; /* acknowledged as soon as this record is durable (promise.h) */
    uint64_t lane; /* birth LSN; 0 = none */
    int64_t wall_ms;
    struct str method, target, content_type, request_id;
    struct str tenant, database, name, new_name; /* decoded; name of collection writes */
};

struct record_decided {
    uint64_t lsn;
    bool accepted;
    bool acknowledged; /* the client is told yes */
    bool kept;         /* rejected, and the other instances get it all the same (side_effect.h) */
    uint8_t by;        /* instance, or PROXY_DECIDES */
    uint16_t status;
    bool has_uuid; /* a collection's id at that instance */
    struct uuid uuid;
};

struct record_applied {
    uint64_t lsn;
    uint8_t instance;
    bool has_uuid;
    struct uuid uuid;
};

struct record_dead {
    uint64_t lsn;
    uint8_t on;      /* a bit for each instance that refused it */
    uint8_t lacking; /* of these, while another one applied it */
    uint16_t status;
    bool touched; /* younger writes may have touched its records */
    bool edited;
    int64_t died_ms;
    struct str reason;
    struct str write; /* the meta of its WRITE record, its body is this record's; empty = told before */
};

struct record_over {
    uint64_t lsn;
    uint64_t redriven_as; /* 0 = dropped */
};

/* One lane, in LANE records and checkpoints. */
struct record_lane {
    uint64_t birth; /* 0 in a LANE record: its own LSN */
    bool dead;
    struct str tenant, database, name;
    struct uuid logical;
    bool has_id[CORE_INSTANCES];
    struct uuid ids[CORE_INSTANCES];
};

struct record_mark {
    struct uuid log_id;
    uint8_t instance; /* CORE_INSTANCES: none, the record only gives the log its id */
    uint64_t lsn;
};

/* Contact with the instance was lost: until its next mark it may lack what it carried out since the last. */
struct record_doubt {
    uint8_t instance;
    bool began_anew; /* it refused connections: nobody was there */
};

/* The last one holds. */
struct record_orders {
    uint8_t primary; /* the instance that holds the role */
    bool moved;      /* it moved there with this record */
    bool paused;
    bool throttled;
    uint8_t forced[CORE_INSTANCES]; /* enum forced */
    uint64_t rate;                  /* throttled: thousandths of a write a second */
    int64_t wall_ms;
};

struct block *record_write_encode(const struct record_write *r);
size_t record_write_size(const struct record_write *r); /* of its encoding */
struct block *record_decided_encode(const struct record_decided *r);
struct block *record_applied_encode(const struct record_applied *r);
struct block *record_dead_encode(const struct record_dead *r);
struct block *record_over_encode(const struct record_over *r);
struct block *record_lane_encode(const struct record_lane *r);
struct block *record_mark_encode(const struct record_mark *r);
struct block *record_given_up_encode(unsigned instance);
struct block *record_doubt_encode(const struct record_doubt *r);
struct block *record_orders_encode(const struct record_orders *r);
void record_orders_append(struct buf *out, const struct record_orders *r);
void record_mark_append(struct buf *out, const struct record_mark *r);
/* Appends to a checkpoint under construction. */
void record_lane_append(struct buf *out, const struct record_lane *r);

/* Decoders return false for bytes that are not of that type; slices borrow from meta. */
bool record_write_decode(struct str meta, struct record_write *out);
bool record_decided_decode(struct str meta, struct record_decided *out);
bool record_applied_decode(struct str meta, struct record_applied *out);
bool record_dead_decode(struct str meta, struct record_dead *out);
bool record_over_decode(struct str meta, struct record_over *out);
bool record_lane_decode(struct str meta, struct record_lane *out);
bool record_lane_read(struct reader *r, struct record_lane *out);
bool record_mark_decode(struct str meta, struct record_mark *out);
bool record_mark_read(struct reader *r, struct record_mark *out);
bool record_given_up_decode(struct str meta, unsigned *instance);
bool record_doubt_decode(struct str meta, struct record_doubt *out);
bool record_orders_decode(struct str meta, struct record_orders *out);
const char *record_type_name(uint8_t type);
/* Is it among those that a log in memory keeps on disk (rule 6): whose log it is, what collections there are,
 * by name and by id, and what an operator has ordered? */
bool record_ties_ids(uint8_t type);

#endif
