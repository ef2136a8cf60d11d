/* What must end, what must not grow, what must not be denied, and the words of /status: a history that is
 * right, and histories with exactly one lie. */
#include "tests/unit/checkers/told.h"

static struct told t;

/* ---- not_denied ---- */

static void collection(void)
{
    told_begin(&t);
    (void)told_op(&t, 1, OP_COLLECTION_CREATE, HISTORY_NONE, 1, 1.1, 200);
    (void)told_effect(&t, PRIMARY, 1, OP_COLLECTION_CREATE, HISTORY_NONE, 1.05, 200);
    (void)told_effect(&t, REPLICA, 1, OP_COLLECTION_CREATE, HISTORY_NONE, 1.2, 200);
}

static void test_denied(void)
{
    collection();
    (void)told_op(&t, 2, OP_GET, 7, 5, 5.1, 200);
    (void)told_op(&t, 3, OP_GET, 7, 0.5, 1.05, 404); /* sent before it was there */
    told_contents(&t, "{}", "{}");
    told_all_pass(&t);
    (void)told_op(&t, 4, OP_GET, 7, 6, 6.1, 404);
    told_judge(&t, "not_denied", "read 4|was answered 404 at 6.100s|acknowledged at 1.100s");
    told_end(&t);
    collection();
    (void)told_op(&t, 4, OP_UPSERT, 7, 6, 6.1, 404);
    told_judge(&t, "not_denied", "write 4|was answered 404");
    told_end(&t);
}

static void test_deleted_may_be_denied(void)
{
    collection();
    (void)told_op(&t, 2, OP_COLLECTION_DELETE, HISTORY_NONE, 4, 0, 0); /* perhaps carried out */
    (void)told_op(&t, 3, OP_GET, 7, 6, 6.1, 404);
    told_judge(&t, "not_denied", NULL);
    told_end(&t);
}

/* ---- bounded_recovery ---- */

static void healed_at(double at, bool drained)
{
    told_begin(&t);
    t.input.healed = true;
    t.input.healed_ns = at_s(at);
    t.input.drained = drained;
}

static struct status_sample *well(double at, double pending)
{
    struct status_sample *s = told_sample(&t, at, pending, pending > 0 ? 1 : -1);
    s->healthy[0] = s->healthy[1] = true;
    return s;
}

static void test_rest_in_time(void)
{
    healed_at(100, true);
    told_upsert(&t, 1, 7, 90);
    (void)well(100, 20);
    (void)well(405, 0); /* five minutes, and ten seconds for twenty writes */
    told_judge(&t, "bounded_recovery", NULL);
    (void)well(411, 0);
    told_judge(&t, "bounded_recovery", "at rest only at 6m51.000s");
    told_end(&t);
}

static void test_no_rest(void)
{
    healed_at(100, false);
    (void)well(700, 3);
    told_judge(&t, "bounded_recovery", "no rest until 11m40.000s|3 writes pending");
    t.input.healed = false; /* the run broke before anything was mended: not the balancer's fault */
    told_judge(&t, "bounded_recovery", NULL);
    told_end(&t);
}

/* /status speaks of rest at once, and yet a write arrives long after. */
static void test_late_arrival(void)
{
    healed_at(100, true);
    (void)told_op(&t, 1, OP_UPSERT, 7, 90, 90.1, 200);
    (void)told_effect(&t, PRIMARY, 1, OP_UPSERT, 7, 90.05, 200);
    (void)told_effect(&t, REPLICA, 1, OP_UPSERT, 7, 450, 200);
    (void)well(101, 0);
    told_judge(&t, "bounded_recovery", "write 1|reached the replica only at 7m30.000s");
    told_end(&t);
}

/* ---- bounded_memory ---- */

static void test_memory(void)
{
    told_begin(&t);
    well(10, 5)->memory_bytes = 4000;
    told_judge(&t, "bounded_memory", NULL); /* no bounds were set */
    t.input.memory_most = 4000;
    t.input.writes_most = 5;
    told_judge(&t, "bounded_memory", NULL);
    t.input.memory_most = 3999;
    told_judge(&t, "bounded_memory", "at most 4000 bytes of 3999|over it first at 10.000s");
    t.input.memory_most = 0;
    t.input.writes_most = 4;
    told_judge(&t, "bounded_memory", "5 pending writes of 4");
    told_end(&t);
}

/* ---- /status: is_replaying, healthy ---- */

static void test_replaying_sticks(void)
{
    told_begin(&t);
    for (int i = 0; i < 10; i++) {
        well(20 + i, 0)->is_replaying = true;
    }
    told_judge(&t, "status_truthful", NULL); /* for a moment */
    well(30, 0)->is_replaying = true;
    told_judge(&t, "status_truthful", "is_replaying was true with nothing pending|since 20.000s");
    told_end(&t);
}

static void test_healthy_when_gone(void)
{
    const struct checker_outage outage = { .instance = PRIMARY, .start_ns = at_s(20), .end_ns = at_s(60) };
    told_begin(&t);
    t.input.outages = &outage;
    t.input.outage_count = 1;
    t.input.notice_ns = 15 * NS_PER_S;
    for (int i = 0; i < 15; i++) {
        (void)well(20 + i, 0);
    }
    told_judge(&t, "status_truthful", NULL); /* health checks need their time */
    (void)well(35, 0);
    told_judge(&t, "status_truthful", "the primary was called healthy|nobody could reach it|since 20.000s");
    told_end(&t);
}

/* A balancer that was away itself has to look first. */
static void test_unanswered_begins_anew(void)
{
    const struct checker_outage outage = { .instance = REPLICA, .start_ns = at_s(20), .end_ns = at_s(60) };
    told_begin(&t);
    t.input.outages = &outage;
    t.input.outage_count = 1;
    t.input.notice_ns = 15 * NS_PER_S;
    for (int i = 0; i < 30; i++) {
        well(20 + i, 0)->answered = i != 14;
    }
    told_judge(&t, "status_truthful", NULL);
    told_end(&t);
}

static void test_down_at_rest(void)
{
    healed_at(100, true);
    (void)well(110, 0);
    told_judge(&t, "status_truthful", NULL);
    well(111, 0)->healthy[1] = false;
    told_judge(&t, "status_truthful", "the replica was called down by a balancer that had drained");
    t.input.has_replica = false;
    told_judge(&t, "status_truthful", NULL);
    told_end(&t);
}

static const struct suite_test tests[] = {
    { "a collection that is there is denied", test_denied },
    { "one that was deleted may be", test_deleted_may_be_denied },
    { "at rest in time, and too late", test_rest_in_time },
    { "no rest at all", test_no_rest },
    { "a write that arrives long after the rest", test_late_arrival },
    { "more memory and more writes than allowed", test_memory },
    { "is_replaying sticks", test_replaying_sticks },
    { "who is gone is called healthy", test_healthy_when_gone },
    { "a sample without an answer begins anew", test_unanswered_begins_anew },
    { "who is well is called down", test_down_at_rest },
};

TEST_MAIN("checkers_bounds", tests)
