/* The work in hand of resync.c, audit.c and walk.c: one at a time, one request at a time. */
#ifndef WALDRILL_PROXY_CORE_RESYNC_JOB_H
#define WALDRILL_PROXY_CORE_RESYNC_JOB_H

#include "proxy/core/rows.h"
#include "proxy/core/state.h"

enum resync_job { JOB_NONE, JOB_AUDIT, JOB_WALK };

/* What an answer to one of our requests comes down to. */
enum resync_got {
    GOT_OK,      /* 2xx with JSON */
    GOT_ABSENT,  /* 404 in Chroma's words */
    GOT_TAKEN,   /* 409 in Chroma's words */
    GOT_REFUSED, /* another 4xx in Chroma's words */
    GOT_FAILED,  /* anything else: try again */
};

struct walk;
struct audit;
struct compared;

struct resync {
    enum resync_job job;
    unsigned target, source;
    unsigned returns; /* of both instances when the job began: another number ends it */
    bool repair;      /* false: compare only */
    bool remove;      /* what only the target has is removed (it is known to have been deleted) */
    uint64_t call;    /* in flight; 0 = none */
    unsigned failures;
    struct timer timer;
    bool resting; /* the timer runs */
    /* ---- a walk ---- */
    struct lane *lane;
    uint64_t walk_lsn;
    uint64_t begun_ns;
    bool long_one; /* its writes are queued rather than kept waiting for the end */
    struct walk *walk;
    struct audit *audit;
    /* ---- a comparison ---- */
    bool comparing;          /* asked for by resync_compare */
    uint64_t compared_birth; /* of the last lane compared */
    uint64_t tried_birth;    /* of the last lane walked, so that each has its turn */
    struct compared *compared;
    bool told;           /* of the lane at hand */
    int64_t compared_ms; /* UTC, when it was over; 0 = never */
};

/* ---- resync.c, for the jobs ---- */
void resync_ask(struct core *core, unsigned instance, const char *method, struct str target,
                struct block *body, uint64_t limit); /* body: the reference is taken over */
void resync_rest(struct core *core, uint64_t ns);    /* look again later */
void resync_retry(struct core *core);                /* the last request failed: later, backing off */
void resync_done(struct core *core);                 /* the job is over, for better or worse */
void resync_distrust(struct core *core, struct lane *lane, unsigned instance, enum trust trust);
unsigned resync_other(unsigned instance);
/* Does a fence stand before the strand there?  It is asked for when it is time. */
bool resync_fences(struct core *core, struct strand *strand, unsigned instance);
/* Undecided writes of the lane, from that LSN on, that were to ask this instance ask another. */
void resync_ask_elsewhere(struct core *core, struct lane *lane, unsigned instance, uint64_t from_lsn);
bool resync_lanes_clean(const struct core *core, unsigned instance);
void resync_wake_lane(struct core *core, struct lane *lane);

/* ---- walk.c ---- */
void walk_begin(struct core *core);
void walk_next(struct core *core); /* no request is in flight: do what comes next */
/* Has a 2xx answer to the current step the shape of one? */
bool walk_understands(const struct core *core, struct block *body);
void walk_answer(struct core *core, enum resync_got got, struct block *body);
void walk_in_doubt(struct core *core); /* the outcome of its last request will not be known */
void walk_free(struct resync *r);
/* Must a write behind the cut wait at the source as well? */
bool walk_holds_at_source(const struct resync *r, const struct entry *entry);

/* ---- audit.c ---- */
void audit_begin(struct core *core);
void audit_next(struct core *core);
bool audit_understands(const struct core *core, struct block *body);
void audit_answer(struct core *core, enum resync_got got, struct block *body);
void audit_in_doubt(struct core *core);
void audit_free(struct resync *r);
/* It has waited for the other one to be compared with for so long that it is read as it stands ... */
bool resync_patience_is_over(const struct core *core, unsigned instance);
/* ... and for so long that it is trusted. */
bool resync_verified_never(const struct core *core, unsigned instance);
/* The names of that instance are believed: writes about them go on. */
void resync_trust_names(struct core *core, unsigned instance);

#endif
