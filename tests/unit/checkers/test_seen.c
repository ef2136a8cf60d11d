/* The oracles of what is seen: reads inside the window, and what /status says. */
#include "tests/unit/checkers/told.h"

static struct told t;

static void one_upsert(void)
{
    told_begin(&t);
    told_upsert(&t, 10, 0, 1);
    told_upsert(&t, 11, 0, 5);
}

static void sees(double sent, double done, int64_t tag, const char *words)
{
    struct op_record *read = told_op(&t, 50, OP_GET, 0, sent, done, 200);
    read->seen_tag = tag;
    told_judge(&t, "read_your_writes", words);
    told_end(&t);
}

static void test_fresh_reads(void)
{
    one_upsert();
    sees(6, 6.1, 11, NULL);
    one_upsert();
    sees(5.05, 5.3, 10, NULL); /* sent before 11 was acknowledged */
}

static void test_stale_read(void)
{
    one_upsert();
    sees(6, 6.1, 10,
         "write 11 (upsert of doc-000000 in \"docs\") was acknowledged at 5.100s|a get sent at 6.000s still "
         "showed write 10 at 6.100s, inside the window of 30.000s|(1 stale read of 1 judged)");
    one_upsert();
    sees(6, 6.1, 0, "write 11|a get sent at 6.000s found no such record");
}

static void test_window_is_over(void)
{
    one_upsert();
    sees(40, 40.1, 10, NULL);
    one_upsert();
    sees(34, 36, 10, NULL); /* its answer came after the window */
}

static void test_absent_after_delete(void)
{
    one_upsert();
    (void)told_op(&t, 12, OP_DELETE, 0, 7, 7.1, 200);
    sees(8, 8.1, 0, NULL);
    one_upsert();
    (void)told_op(&t, 12, OP_DELETE, 0, 7, 7.1, 200);
    (void)told_effect(&t, PRIMARY, 12, OP_DELETE, 0, 7.05, 200);
    (void)told_effect(&t, REPLICA, 12, OP_DELETE, 0, 7.2, 200);
    sees(8, 8.1, 11, "write 12 (delete of doc-000000|still showed write 11");
}

/* No window excuses a read from being counted; what it lacked, since when. */
static void test_how_far_reads_lag(void)
{
    struct checkers_staleness lag;
    one_upsert();
    told_op(&t, 50, OP_GET, 0, 6, 6.1, 200)->seen_tag = 11;
    told_op(&t, 51, OP_GET, 0, 40, 40.1, 200)->seen_tag = 10;
    told_op(&t, 52, OP_GET, 0, 8, 8.1, 200)->seen_tag = 10;
    checkers_staleness(&t.h, 0, at_s(40), &lag);
    CU_ASSERT_EQUAL(lag.judged, 2);
    CU_ASSERT_EQUAL(lag.stale, 1);
    CU_ASSERT_EQUAL(lag.oldest_ns, at_s(8) - at_s(5.1));
    checkers_staleness(&t.h, 0, INT64_MAX, &lag);
    CU_ASSERT_EQUAL(lag.judged, 3);
    CU_ASSERT_EQUAL(lag.stale, 2);
    CU_ASSERT_EQUAL(lag.oldest_ns, at_s(40) - at_s(5.1));
    told_end(&t);
}

/* ---- /status ---- */

/* Acknowledged by the replica at 10 s, on the primary at 40 s. */
static void outage(void)
{
    told_begin(&t);
    for (uint64_t i = 0; i < 3; i++) {
        (void)told_op(&t, 10 + i, OP_UPSERT, (uint32_t)i, 10, 10.1, 200);
        (void)told_effect(&t, REPLICA, 10 + i, OP_UPSERT, (uint32_t)i, 10.05, 200);
        (void)told_effect(&t, PRIMARY, 10 + i, OP_UPSERT, (uint32_t)i, 40, 200);
    }
}

static void test_status_true(void)
{
    outage();
    (void)told_sample(&t, 5, 0, -1);
    (void)told_sample(&t, 20, 3, 10);
    (void)told_sample(&t, 30, 3, 20);
    (void)told_sample(&t, 45, 0, -1);
    told_judge(&t, "status_truthful", NULL);
    told_end(&t);
}

static void test_hides_pending(void)
{
    outage();
    (void)told_sample(&t, 20, 2, 10);
    told_judge(&t, "status_truthful",
               "at 20.000s pending_writes was 2, but at least 3 acknowledged writes were not applied on the "
               "primary");
    told_end(&t);
}

static void test_invents_pending(void)
{
    outage();
    for (int i = 0; i < 12; i++) {
        (void)told_sample(&t, 20 + i, 7, 10 + i);
    }
    told_judge(&t, "status_truthful",
               "pending_writes was 7, but at most 3 writes could have been pending, and so since 20.000s");
    told_end(&t);
}

static void test_briefly_high_is_no_lie(void)
{
    outage();
    for (int i = 0; i < 5; i++) {
        (void)told_sample(&t, 41 + i, 3, 31 + i); /* an answer needs time to arrive */
    }
    told_judge(&t, "status_truthful", NULL);
    told_end(&t);
}

/* The primary refuses a write that was promised; a resync makes it good without writing anything. */
static void test_made_good_is_no_lie(void)
{
    told_begin(&t);
    (void)told_op(&t, 1, OP_DELETE, 1, 1, 1.1, 200);
    (void)told_effect(&t, REPLICA, 1, OP_DELETE, 1, 1.05, 200);
    told_contents(&t, "{}", "{}");
    (void)told_sample(&t, 20, 0, -1);
    told_judge(&t, "status_truthful", "at least 1 acknowledged writes");
    t.h.resynced[PRIMARY] = true;
    told_judge(&t, "status_truthful", NULL);
    told_end(&t);
}

static void test_wrong_age(void)
{
    outage();
    (void)told_sample(&t, 30, 3, 2);
    told_judge(&t, "status_truthful", "oldest_pending was 2 s|had been pending for at least 19.9 s");
    told_end(&t);
    outage();
    for (int i = 0; i < 12; i++) {
        (void)told_sample(&t, 20 + i, 3, 100 + i);
    }
    told_judge(&t, "status_truthful", "oldest_pending was|no write can have been pending for more than");
    told_end(&t);
}

static void test_invents_failures(void)
{
    outage();
    for (int i = 0; i < 12; i++) {
        told_sample(&t, 20 + i, 3, 10 + i)->failed_replays = 4;
    }
    told_judge(&t, "status_truthful",
               "failed_replays was 4, but only 3 writes were pending or dead-lettered");
    told_end(&t);
}

/* The primary applied it and answered 500: the balancer cannot know before it has asked again. */
static void test_lying_answer_is_not_known(void)
{
    told_begin(&t);
    (void)told_op(&t, 10, OP_COLLECTION_CREATE, HISTORY_NONE, 10, 10.1, 200);
    (void)told_effect(&t, REPLICA, 10, OP_COLLECTION_CREATE, HISTORY_NONE, 10.08, 200);
    told_effect(&t, PRIMARY, 10, OP_COLLECTION_CREATE, HISTORY_NONE, 10.05, 200)->answered_ns = HISTORY_NEVER;
    (void)told_effect(&t, PRIMARY, 10, OP_COLLECTION_CREATE, HISTORY_NONE, 70, 409);
    for (int i = 0; i < 55; i++) {
        (void)told_sample(&t, 12 + i, 1, 2 + i);
    }
    told_judge(&t, "status_truthful", NULL);
    for (int i = 0; i < 12; i++) {
        (void)told_sample(&t, 71 + i, 1, 61 + i); /* but from the 409 on it does */
    }
    told_judge(&t, "status_truthful", "at most 0 writes could have been pending");
    told_end(&t);
}

/* It may be asked again late, behind others that are: within a minute. */
static void test_unanswered_is_known_within_a_minute(void)
{
    told_begin(&t);
    (void)told_op(&t, 10, OP_UPSERT, 1, 10, 10.2, 200);
    (void)told_effect(&t, REPLICA, 10, OP_UPSERT, 1, 10.1, 200);
    told_effect(&t, PRIMARY, 10, OP_UPSERT, 1, 10.05, 200)->answered_ns = HISTORY_NEVER;
    for (int i = 0; i < 55; i++) {
        (void)told_sample(&t, 12 + i, 1, 2 + i);
    }
    told_judge(&t, "status_truthful", NULL);
    for (int i = 0; i < 16; i++) {
        (void)told_sample(&t, 67 + i, 1, 57 + i);
    }
    told_judge(&t, "status_truthful", "at most 0 writes could have been pending");
    told_end(&t);
}

static const struct suite_test tests[] = {
    { "reads that show the last write pass", test_fresh_reads },
    { "a stale read inside the window", test_stale_read },
    { "outside the window anything goes", test_window_is_over },
    { "absence after a delete, presence after a delete", test_absent_after_delete },
    { "how far reads lag behind what was told", test_how_far_reads_lag },
    { "a true status passes", test_status_true },
    { "a status that hides pending writes", test_hides_pending },
    { "a write that a resync has made good is not pending", test_made_good_is_no_lie },
    { "a status that invents them", test_invents_pending },
    { "a figure that is high for a moment is no lie", test_briefly_high_is_no_lie },
    { "a wrong age", test_wrong_age },
    { "failures that cannot be", test_invents_failures },
    { "what was applied but answered with an error is not known", test_lying_answer_is_not_known },
    { "an application without an answer is known within a minute", test_unanswered_is_known_within_a_minute },
};

TEST_MAIN("checkers_seen", tests)
