#include "harness/capacity/drain.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/prng.h"
#include "base/units.h"
#include "proxy/core/pace.h"
#include "proxy/core/send.h"
#include <math.h>

#define PRIMARY       0
#define FLIGHTS       16        /* more than the widest window */
#define REQUESTS_MAX  2000000.0 /* then it is called endless */
#define DRAIN_S_MAX   (366.0 * 86400)
#define DRAWN_MAX     1e6     /* writes that are spread over the lanes by the dice; the others evenly */
#define DRAINS        64.0    /* whose mean is told, as long as each is short: */
#define REQUESTS_MANY 40000.0 /* in as many, chance evens out by itself */
#define NOT_YET       UINT64_MAX

struct flight {
    struct lane_left *lane;
    double writes;
    uint64_t sent_ns, answered_ns;
};

struct lane_left {
    double writes; /* that wait */
    double credit; /* bytes it may still send in its turn */
    bool in_flight;
    struct lane_left *next; /* whose turn comes after it */
};

struct drain {
    const struct capacity_question *q;
    struct core *core; /* only what pace.c looks at: settings, now, one instance's pace */
    struct lane_left *lanes;
    size_t lane_count;
    struct lane_left *first, *last; /* ready, in turn */
    struct flight flights[FLIGHTS];
    size_t flight_count;
    uint64_t link_free_ns, server_free_ns;
    double left, arrived; /* writes */
    struct prng *prng;
    struct capacity_drain *out;
};

static void queue_lane(struct drain *d, struct lane_left *lane)
{
    lane->next = NULL;
    if (d->first == NULL) {
        d->first = lane;
    } else {
        d->last->next = lane;
    }
    d->last = lane;
}

/* Which collection a client writes to next is chance, and whether a lane's rest takes one more request too.
 */
static void spread(struct drain *d, double pending)
{
    double share = pending > DRAWN_MAX ? floor((pending - DRAWN_MAX) / (double)d->lane_count) : 0;
    size_t rest = (size_t)(pending - share * (double)d->lane_count);
    for (size_t i = 0; i < d->lane_count; i++) {
        d->lanes[i].writes = share;
    }
    for (size_t i = 0; i < rest; i++) {
        d->lanes[prng_below(d->prng, d->lane_count)].writes++;
    }
}

static void begin(struct drain *d, double pending)
{
    d->core->settings = d->q->settings;
    pace_init(d->core, PRIMARY);
    pace_restart(d->core, PRIMARY);
    d->lane_count = (size_t)d->q->load.collections;
    d->lanes = mem_alloc_array(d->lane_count, sizeof(*d->lanes));
    spread(d, pending);
    d->left = pending;
    for (size_t i = 0; i < d->lane_count; i++) {
        if (d->lanes[i].writes > 0) {
            queue_lane(d, &d->lanes[i]);
        }
    }
}

/* ---- sending ---- */

static bool may_send(const struct drain *d)
{
    const struct pace *pace = &d->core->instances[PRIMARY].pace;
    return d->first != NULL && d->flight_count < FLIGHTS && (double)d->flight_count < pace->window;
}

/* As many as fit: records and bytes of a joined request, and what the lane's turn allows. */
static double take(struct drain *d, struct lane_left *lane)
{
    const struct capacity_load *load = &d->q->load;
    double most = (double)d->core->settings.replay_batch_bytes;
    if (d->first != NULL) { /* others wait */
        lane->credit += (double)SEND_TURN_BYTES;
        most = lane->credit < most ? lane->credit : most;
    }
    double writes = floor(most / load->write_bytes);
    double records = floor((double)pace_records(d->core, PRIMARY) / load->records);
    writes = records < writes ? records : writes;
    writes = writes < 1 ? 1 : writes;
    return lane->writes < writes ? lane->writes : writes;
}

static uint64_t ns_of(double seconds)
{
    return (uint64_t)(seconds * (double)NS_PER_S);
}

/* Never less than the least of an exponential part, which has the spread that was seen. */
static double work(struct drain *d, double records, double bytes)
{
    const struct capacity_costs *costs = &d->q->costs;
    double mean_s = costs->request_s + costs->record_s * records + costs->byte_s * bytes;
    double chance_s = costs->spread_s < mean_s ? costs->spread_s : mean_s;
    uint64_t drawn_ns = chance_s > 0 ? prng_exponential(d->prng, ns_of(chance_s)) : 0;
    return mean_s - chance_s + (double)drawn_ns / (double)NS_PER_S;
}

static void send_one(struct drain *d)
{
    const struct capacity_costs *costs = &d->q->costs;
    struct lane_left *lane = d->first;
    uint64_t now_ns = d->core->now_ns;
    d->first = lane->next;
    if (d->first != NULL && lane->credit + (double)SEND_TURN_BYTES < d->q->load.write_bytes) {
        lane->credit += (double)SEND_TURN_BYTES; /* others first: its turn comes again */
        queue_lane(d, lane);
        return;
    }
    double writes = take(d, lane);
    double bytes = writes * d->q->load.write_bytes;
    double link_s = costs->bandwidth > 0 ? bytes / costs->bandwidth : 0;
    double work_s = work(d, writes * d->q->load.records, bytes);
    uint64_t from_ns = d->link_free_ns > now_ns ? d->link_free_ns : now_ns;
    d->link_free_ns = from_ns + ns_of(link_s);
    uint64_t begun_ns = d->server_free_ns > d->link_free_ns ? d->server_free_ns : d->link_free_ns;
    d->server_free_ns = begun_ns + ns_of(work_s);
    d->flights[d->flight_count++] = (struct flight){ lane, writes, now_ns, d->server_free_ns };
    lane->writes -= writes;
    lane->credit = d->first != NULL && lane->credit > bytes ? lane->credit - bytes : 0;
    lane->in_flight = true;
    pace_sent(d->core, PRIMARY, (size_t)writes);
    d->out->requests++;
    d->out->writes += writes;
    d->out->busy_s += work_s;
    d->out->link_s += link_s;
}

/* ---- time ---- */

static void answer(struct drain *d, size_t which)
{
    CHECK(which < d->flight_count); /* else all lanes are ready, and one may always send */
    struct flight flight = d->flights[which];
    CHECK(flight.lane != NULL);
    struct call call = { .instance = PRIMARY,
                         .member_count = (size_t)flight.writes,
                         .was_replay = true,
                         .sent_ns = flight.sent_ns };
    d->flights[which] = d->flights[--d->flight_count];
    d->core->now_ns = flight.answered_ns;
    d->left -= flight.writes;
    flight.lane->in_flight = false;
    if (flight.lane->writes > 0) {
        queue_lane(d, flight.lane);
    }
    pace_succeeded(d->core, &call);
}

/* Those that came in since, while their lane is too far behind for the primary to be asked directly. */
static void arrive(struct drain *d)
{
    double due = floor((double)d->core->now_ns / (double)NS_PER_S * d->q->load.per_second);
    double near = (double)pace_records(d->core, PRIMARY) / d->q->load.records;
    while (d->q->load.after && d->arrived < due) {
        struct lane_left *lane = &d->lanes[(size_t)d->arrived % d->lane_count];
        d->arrived++;
        if (lane->writes > near) {
            lane->writes++;
            d->left++;
        }
    }
}

static uint64_t next_answer(const struct drain *d, size_t *which)
{
    uint64_t at_ns = NOT_YET;
    for (size_t i = 0; i < d->flight_count; i++) {
        if (d->flights[i].answered_ns < at_ns) {
            at_ns = d->flights[i].answered_ns;
            *which = i;
        }
    }
    return at_ns;
}

static void turn(struct drain *d)
{
    size_t which = FLIGHTS;
    uint64_t answer_ns = next_answer(d, &which);
    uint64_t pace_ns = NOT_YET;
    if (may_send(d)) {
        uint64_t until_ns = pace_waits_until(d->core, PRIMARY);
        if (until_ns == 0) {
            send_one(d);
            return;
        }
        d->core->instances[PRIMARY].pace.wanted = true; /* it waits for its turn, as pace_allows notes */
        pace_ns = until_ns;
    }
    if (pace_ns < answer_ns) {
        d->core->now_ns = pace_ns;
    } else {
        answer(d, which);
    }
    arrive(d);
}

static bool drain_once(const struct capacity_question *q, double pending, struct prng *prng,
                       struct capacity_drain *sum)
{
    struct capacity_drain one = { 0 };
    struct drain d = { .q = q, .core = mem_alloc(sizeof(*d.core)), .prng = prng, .out = &one };
    d.core->now_ns = NS_PER_S; /* a pace looks back a little */
    begin(&d, pending);
    uint64_t begun_ns = d.core->now_ns;
    d.arrived = floor((double)begun_ns / (double)NS_PER_S * q->load.per_second);
    while (d.left > 0 && one.requests < REQUESTS_MAX && d.core->now_ns < ns_of(DRAIN_S_MAX)) {
        turn(&d);
    }
    sum->seconds += (double)(d.core->now_ns - begun_ns) / (double)NS_PER_S;
    sum->requests += one.requests;
    sum->writes += one.writes;
    sum->busy_s += one.busy_s;
    sum->link_s += one.link_s;
    bool ended = d.left <= 0;
    mem_free(d.lanes);
    mem_free(d.core);
    return ended;
}

void capacity_drain(const struct capacity_question *q, double pending, struct capacity_drain *out)
{
    struct prng prng;
    double drains = 0;
    bool ended = true;
    *out = (struct capacity_drain){ 0 };
    prng_seed(&prng, 1);
    while (pending >= 1 && ended && drains < DRAINS && out->requests < REQUESTS_MANY) {
        ended = drain_once(q, pending, &prng, out);
        drains++;
    }
    if (drains > 0) {
        *out = (struct capacity_drain){ .seconds = ended ? out->seconds / drains : (double)INFINITY,
                                        .requests = out->requests / drains,
                                        .writes = out->writes / drains,
                                        .busy_s = out->busy_s / drains,
                                        .link_s = out->link_s / drains };
    }
}
