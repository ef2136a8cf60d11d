/* The oracles of writes: a true history passes all of them, one lie fails with the promise and the write. */
#include "tests/unit/checkers/told.h"

static struct told t;

/* Five upserts of two records, a collection made before and a delete, all as it should be. */
static void good_run(void)
{
    told_begin(&t);
    (void)told_op(&t, 1, OP_COLLECTION_CREATE, HISTORY_NONE, 0, 0.1, 200);
    (void)told_effect(&t, PRIMARY, 1, OP_COLLECTION_CREATE, HISTORY_NONE, 0.05, 200);
    (void)told_effect(&t, REPLICA, 1, OP_COLLECTION_CREATE, HISTORY_NONE, 0.2, 200);
    for (uint64_t i = 0; i < 5; i++) {
        told_upsert(&t, 10 + i, (uint32_t)(i % 2), 1.0 + (double)i);
    }
    (void)told_op(&t, 20, OP_DELETE, 1, 8, 8.1, 200);
    (void)told_effect(&t, PRIMARY, 20, OP_DELETE, 1, 8.05, 200);
    (void)told_effect(&t, REPLICA, 20, OP_DELETE, 1, 8.2, 200);
    (void)told_sample(&t, 30, 0, -1);
    told_contents(&t, "{\"docs\":[\"doc-000000\"]}", "{\"docs\":[\"doc-000000\"]}");
}

static void test_truth_passes(void)
{
    good_run();
    told_all_pass(&t);
    told_end(&t);
}

/* ---- lost ---- */

static void test_lost_on_primary(void)
{
    good_run();
    (void)told_op(&t, 30, OP_UPSERT, 5, 10, 10.1, 200);
    (void)told_effect(&t, REPLICA, 30, OP_UPSERT, 5, 10.05, 200);
    told_judge(&t, "no_lost_ack",
               "write 30 (upsert of doc-000005 in \"docs\") was acknowledged at 10.100s (200)|but never "
               "applied on the primary");
    told_judge(&t, "conservation",
               "8 acknowledged = 7 applied + 0 pending + 0 dead-lettered + 1 that are nowhere|write 30");
    told_end(&t);
}

static void test_lost_on_replica(void)
{
    good_run();
    (void)told_op(&t, 30, OP_ADD, 5, 10, 10.1, 201);
    (void)told_effect(&t, PRIMARY, 30, OP_ADD, 5, 10.05, 201);
    told_judge(&t, "no_lost_ack", "write 30 (add of doc-000005|but never applied on the replica");
    told_judge(&t, "conservation", NULL); /* that is about the primary */
    told_end(&t);
}

static void test_unanswered_may_be_lost(void)
{
    good_run();
    (void)told_op(&t, 30, OP_ADD, 5, 10, 25, 0); /* nobody was promised anything */
    told_all_pass(&t);
    told_end(&t);
}

static void test_refused_on_instance(void)
{
    good_run();
    (void)told_op(&t, 30, OP_ADD, 5, 10, 10.1, 201);
    (void)told_effect(&t, PRIMARY, 30, OP_ADD, 5, 10.05, 201);
    (void)told_effect(&t, REPLICA, 30, OP_ADD, 5, 10.5, 400);
    told_judge(&t, "no_lost_ack", "write 30|but the replica refused it (400) at 10.500s");
    t.input.dead_letters_at_end = 1; /* set aside in the open is not lost */
    told_judge(&t, "no_lost_ack", NULL);
    told_end(&t);
}

static void test_forgotten_by_restart(void)
{
    good_run();
    told_upsert(&t, 30, 5, 10);
    told_effect(&t, PRIMARY, 1, OP_COLLECTION_CREATE, HISTORY_NONE, 20, 409)->incarnation = 1;
    history_add_loss(&t.h, PRIMARY, 1, at_s(9));
    told_judge(&t, "no_lost_ack", "write 30|a restart took it away and it was never applied again");
    told_end(&t);
}

static void test_deleted_with_its_collection(void)
{
    good_run();
    (void)told_op(&t, 30, OP_UPSERT, 5, 10, 10.1, 200);
    (void)told_op(&t, 31, OP_COLLECTION_DELETE, HISTORY_NONE, 11, 11.1, 200);
    for (uint32_t i = 0; i < 2; i++) {
        (void)told_effect(&t, i, 31, OP_COLLECTION_DELETE, HISTORY_NONE, 11.05, 200);
    }
    told_judge(&t, "no_lost_ack", NULL); /* nobody can miss what its own collection took along */
    told_end(&t);
}

static void test_wiped_by_older_delete(void)
{
    good_run();
    (void)told_op(&t, 30, OP_COLLECTION_DELETE, HISTORY_NONE, 10, 10.1, 200);
    (void)told_op(&t, 31, OP_COLLECTION_CREATE, HISTORY_NONE, 12, 12.1, 200);
    for (uint32_t i = 0; i < 2; i++) {
        (void)told_effect(&t, i, 30, OP_COLLECTION_DELETE, HISTORY_NONE, 10.05, 200);
        (void)told_effect(&t, i, 31, OP_COLLECTION_CREATE, HISTORY_NONE, 12.05, 200);
    }
    (void)told_effect(&t, PRIMARY, 30, OP_COLLECTION_DELETE, HISTORY_NONE, 14, 200); /* a ghost */
    told_judge(&t, "no_lost_ack", "write 31 (create_collection|an older deletion of its collection");
    told_judge(&t, "no_double_effect", "write 30 (delete_collection|then 30 again at 14.000s");
    told_end(&t);
}

/* ---- conservation ---- */

static void test_still_pending(void)
{
    good_run();
    (void)told_op(&t, 30, OP_UPSERT, 5, 10, 10.1, 200);
    (void)told_effect(&t, REPLICA, 30, OP_UPSERT, 5, 10.05, 200);
    t.input.pending_at_end = 1;
    told_judge(&t, "no_lost_ack", NULL);
    told_judge(&t, "conservation", "7 applied + 1 pending|still pending after everything was healed");
    told_end(&t);
}

static void test_no_status(void)
{
    good_run();
    t.input.pending_at_end = -1;
    told_judge(&t, "conservation", "/status could not be had");
    told_end(&t);
}

/* ---- twice ---- */

static void test_old_write_again(void)
{
    good_run();
    told_upsert(&t, 30, 5, 10);
    told_upsert(&t, 31, 5, 11);
    (void)told_effect(&t, PRIMARY, 30, OP_UPSERT, 5, 15, 200);
    told_judge(&t, "no_double_effect",
               "write 30 (upsert of doc-000005 in \"docs\") was applied on the primary|then write 31|then 30 "
               "again at 15.000s|(1 such write in all)");
    told_end(&t);
}

static void test_suffix_again(void)
{
    good_run();
    told_upsert(&t, 30, 5, 10);
    told_upsert(&t, 31, 5, 11);
    (void)told_effect(&t, PRIMARY, 30, OP_UPSERT, 5, 15, 200);
    (void)told_effect(&t, PRIMARY, 31, OP_UPSERT, 5, 15.1, 200); /* a suffix of the log, in order */
    told_judge(&t, "no_double_effect", NULL);
    told_judge(&t, "order_per_lane", NULL);
    told_end(&t);
}

/* The rest of such a suffix was given up, and a copy set the record right: written anew, or removed. */
static void test_old_write_again_and_repaired(void)
{
    for (unsigned how = 0; how < 2; how++) {
        good_run();
        told_upsert(&t, 30, 5, 10);
        told_upsert(&t, 31, 5, 11);
        (void)told_effect(&t, REPLICA, 30, OP_UPSERT, 5, 15, 200);
        told_judge(&t, "no_double_effect", "write 30|then 30 again");
        told_judge(&t, "order_per_lane", "write 30|last at 15.000s, after 31");
        told_effect(&t, REPLICA, 0, OP_DELETE, 6, 16, 200)->copied = true;
        told_judge(&t, "no_double_effect", "write 30|then 30 again"); /* another record */
        told_effect(&t, REPLICA, how == 0 ? 31 : 0, how == 0 ? OP_ADD : OP_DELETE, 5, 17, 200)->copied = true;
        told_judge(&t, "no_double_effect", NULL);
        told_judge(&t, "order_per_lane", NULL);
        (void)told_effect(&t, REPLICA, 30, OP_UPSERT, 5, 18, 200); /* and once more after that */
        told_judge(&t, "no_double_effect", "write 30|then 30 again at 18.000s");
        told_end(&t);
    }
}

/* A deletion again over a younger one: the record is gone either way.  Over an upsert it is not. */
static void test_old_deletion_again(void)
{
    static const enum chroma_op younger[] = { OP_DELETE, OP_UPSERT };
    for (unsigned how = 0; how < 2; how++) {
        good_run();
        for (uint64_t tag = 30; tag < 32; tag++) {
            enum chroma_op op = tag == 30 ? OP_DELETE : younger[how];
            (void)told_op(&t, tag, op, 5, (double)tag - 20, (double)tag - 19.9, 200);
            (void)told_effect(&t, PRIMARY, tag, op, 5, (double)tag - 19.95, 200);
            (void)told_effect(&t, REPLICA, tag, op, 5, (double)tag - 19.95, 200);
        }
        (void)told_effect(&t, REPLICA, 30, OP_DELETE, 5, 15, 200);
        told_judge(&t, "no_double_effect", how == 0 ? NULL : "write 30|then 30 again");
        told_judge(&t, "order_per_lane", how == 0 ? NULL : "write 30|after 31");
        told_end(&t);
    }
}

/* Updates of a record that is not there do nothing, whichever comes last: it was never made, or is gone. */
static void test_no_record(void)
{
    for (unsigned how = 0; how < 3; how++) {
        good_run();
        if (how > 0) {
            told_upsert(&t, 28, 7, 8);
        }
        if (how > 1) {
            (void)told_op(&t, 29, OP_DELETE, 7, 9, 9.1, 200);
            (void)told_effect(&t, PRIMARY, 29, OP_DELETE, 7, 9.05, 200);
            (void)told_effect(&t, REPLICA, 29, OP_DELETE, 7, 9.05, 200);
        }
        for (uint64_t tag = 30; tag < 32; tag++) {
            (void)told_op(&t, tag, OP_UPDATE, 7, (double)tag - 20, (double)tag - 19.9, 200);
            (void)told_effect(&t, PRIMARY, tag, OP_UPDATE, 7, (double)tag - 19.95, 200);
            (void)told_effect(&t, REPLICA, tag, OP_UPDATE, 7, (double)tag - 19.95, 200);
        }
        (void)told_effect(&t, REPLICA, 30, OP_UPDATE, 7, 15, 200);
        told_judge(&t, "no_double_effect", how == 1 ? "write 30|then 30 again" : NULL);
        told_judge(&t, "order_per_lane", how == 1 ? "write 30|after 31" : NULL);
        told_end(&t);
    }
}

/* An add leaves a record that is there as it is, whichever comes last: not so when it was gone in between. */
static void test_old_add_again(void)
{
    static const struct {
        enum chroma_op younger;
        bool removed;  /* by a copy, before the add comes again */
        bool with_all; /* the collection was deleted before */
        bool harmless;
    } cases[] = { { OP_ADD, false, false, true },    { OP_UPSERT, false, false, true },
                  { OP_UPDATE, false, false, true }, { OP_DELETE, false, false, false },
                  { OP_UPSERT, true, false, false }, { OP_UPSERT, false, true, false } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        good_run();
        for (uint64_t tag = 30; tag < 32; tag++) {
            enum chroma_op op = tag == 30 ? OP_ADD : cases[i].younger;
            (void)told_op(&t, tag, op, 5, (double)tag - 20, (double)tag - 19.9, 200);
            (void)told_effect(&t, PRIMARY, tag, op, 5, (double)tag - 19.95, 200);
            (void)told_effect(&t, REPLICA, tag, op, 5, (double)tag - 19.95, 200);
        }
        if (cases[i].removed) {
            told_effect(&t, REPLICA, 0, OP_DELETE, 5, 13, 200)->copied = true;
        }
        if (cases[i].with_all) {
            (void)told_op(&t, 32, OP_COLLECTION_DELETE, HISTORY_NONE, 13, 13.1, 200);
            (void)told_effect(&t, PRIMARY, 32, OP_COLLECTION_DELETE, HISTORY_NONE, 13.05, 200);
            (void)told_effect(&t, REPLICA, 32, OP_COLLECTION_DELETE, HISTORY_NONE, 13.05, 200);
        }
        (void)told_effect(&t, REPLICA, 30, OP_ADD, 5, 15, 200);
        told_judge(&t, "no_double_effect", cases[i].harmless ? NULL : "write 30|then 30 again at 15.000s");
        told_judge(&t, "order_per_lane", cases[i].harmless ? NULL : "write 30|last at 15.000s, after");
        told_end(&t);
    }
}

/* An add that an instance took after the younger write alone is out of order, and no repetition. */
static void test_late_add(void)
{
    good_run();
    (void)told_op(&t, 30, OP_ADD, 5, 10, 10.1, 200);
    told_upsert(&t, 31, 5, 11);
    (void)told_effect(&t, PRIMARY, 30, OP_ADD, 5, 10.05, 200);
    (void)told_effect(&t, REPLICA, 30, OP_ADD, 5, 15, 200);
    told_judge(&t, "order_per_lane", "write 30|last at");
    told_end(&t);
}

static void test_wrong_record(void)
{
    good_run();
    (void)told_op(&t, 30, OP_UPSERT, 5, 10, 10.1, 200);
    (void)told_effect(&t, REPLICA, 30, OP_UPSERT, 5, 10.05, 200);
    (void)told_effect(&t, PRIMARY, 30, OP_UPSERT, 6, 10.05, 200);
    told_judge(&t, "no_double_effect",
               "write 30|carried out by the primary|doc-000006, where nobody sent it");
    told_judge(&t, "no_lost_ack", "write 30|but the primary applied it to \"docs\" doc-000006");
    told_end(&t);
}

/* ---- order ---- */

static void test_out_of_order(void)
{
    good_run();
    (void)told_op(&t, 30, OP_UPSERT, 5, 10, 10.1, 200);
    (void)told_op(&t, 31, OP_UPSERT, 5, 11, 11.1, 200);
    (void)told_effect(&t, PRIMARY, 31, OP_UPSERT, 5, 11.05, 200);
    (void)told_effect(&t, PRIMARY, 30, OP_UPSERT, 5, 12, 200);
    (void)told_effect(&t, REPLICA, 30, OP_UPSERT, 5, 10.05, 200);
    (void)told_effect(&t, REPLICA, 31, OP_UPSERT, 5, 11.2, 200);
    told_judge(&t, "order_per_lane",
               "write 30 (upsert of doc-000005 in \"docs\") was acknowledged at 10.100s|before write 31|was "
               "sent at 11.000s|yet the primary applied 30 last at 12.000s, after 31 at 11.050s");
    told_end(&t);
}

static void test_concurrent_have_no_order(void)
{
    good_run();
    (void)told_op(&t, 30, OP_UPSERT, 5, 10, 12, 200);
    (void)told_op(&t, 31, OP_UPSERT, 5, 11, 11.5, 200); /* sent while 30 was under way */
    for (uint32_t i = 0; i < 2; i++) {
        (void)told_effect(&t, i, 31, OP_UPSERT, 5, 11.2, 200);
        (void)told_effect(&t, i, 30, OP_UPSERT, 5, 11.8, 200);
    }
    told_all_pass(&t);
    told_end(&t);
}

/* ---- refused ---- */

static void test_refused_but_applied(void)
{
    good_run();
    (void)told_op(&t, 30, OP_ADD, 5, 10, 10.1, 409);
    (void)told_effect(&t, REPLICA, 30, OP_ADD, 5, 12, 201);
    told_judge(
        &t, "refused_not_applied",
        "write 30 (add of doc-000005 in \"docs\") was refused at 10.100s (409), yet the replica applied "
        "it at 12.000s (1 such case in all)");
    told_end(&t);
}

static void test_refused_but_read(void)
{
    good_run();
    (void)told_op(&t, 30, OP_ADD, 5, 10, 10.1, 400);
    told_op(&t, 31, OP_GET, 5, 12, 12.1, 200)->seen_tag = 30;
    told_judge(&t, "refused_not_applied", "write 30|was refused|saw it at 12.100s");
    told_end(&t);
}

static void test_errors_promise_nothing(void)
{
    good_run();
    (void)told_op(&t, 30, OP_ADD, 5, 10, 10.1, 503); /* outcome unknown */
    (void)told_effect(&t, PRIMARY, 30, OP_ADD, 5, 12, 201);
    (void)told_effect(&t, REPLICA, 30, OP_ADD, 5, 12, 201);
    told_judge(&t, "refused_not_applied", NULL);
    told_end(&t);
}

/* ---- converge ---- */

static void test_contents_differ(void)
{
    good_run();
    told_contents(&t, "{\"databases\":{\"docs\":{\"a\":1,\"b\":2}}}", "{\"databases\":{\"docs\":{\"a\":1}}}");
    told_judge(&t, "converge",
               "databases / docs / b: the primary holds 2, the replica nothing (1 difference in all)");
    told_contents(&t, "{\"docs\":{\"a\":1}}", "{\"docs\":{\"a\":1.5}}");
    told_judge(&t, "converge", "docs / a: the primary holds 1, the replica 1.5");
    told_contents(&t, "{}", NULL);
    told_judge(&t, "converge", "the content of the replica could not be had");
    told_end(&t);
}

#define CONTENTS(records)                                               \
    "{\"databases\":[{\"collections\":{\"docs\":{\"records\":{" records \
    "}}},\"database\":\"default\",\"tenant\":\"t\"}]}"

/* Databases come in a list: what differs is named by its place all the same. */
static void test_contents_by_name(void)
{
    good_run();
    told_contents(&t, CONTENTS("\"doc-000005\":1"), CONTENTS("\"doc-000005\":2"));
    told_judge(&t, "converge",
               "databases / default / collections / docs / records / doc-000005: the primary holds 1, the "
               "replica 2");
    told_end(&t);
}

/* A copy brought the record to the replica; another one differs, for a dead letter.  That does not make the
 * first one missed. */
static void test_copied_beside_a_letter(void)
{
    good_run();
    (void)told_op(&t, 30, OP_ADD, 5, 10, 10.1, 201);
    (void)told_effect(&t, PRIMARY, 30, OP_ADD, 5, 10.05, 201);
    (void)told_op(&t, 31, OP_ADD, 6, 11, 11.1, 201);
    (void)told_effect(&t, REPLICA, 31, OP_ADD, 6, 11.05, 201);
    t.input.dead_letters_at_end = 1;
    told_contents(&t, CONTENTS("\"doc-000005\":1"), CONTENTS("\"doc-000005\":1,\"doc-000006\":1"));
    t.h.resynced[REPLICA] = true;
    told_judge(&t, "no_lost_ack", NULL);
    t.input.dead_letters_at_end = 0;
    told_judge(&t, "no_lost_ack", "write 31"); /* and where there is no letter, it is lost */
    told_end(&t);
}

static const struct suite_test tests[] = {
    { "a true history passes every oracle", test_truth_passes },
    { "lost on the primary", test_lost_on_primary },
    { "lost on the replica", test_lost_on_replica },
    { "what was never acknowledged is not missed", test_unanswered_may_be_lost },
    { "refused by an instance, unless dead-lettered in the open", test_refused_on_instance },
    { "taken away by a restart", test_forgotten_by_restart },
    { "gone with its collection is not lost", test_deleted_with_its_collection },
    { "wiped by an older deletion that came back", test_wiped_by_older_delete },
    { "still pending at the end", test_still_pending },
    { "no status at the end", test_no_status },
    { "an old write takes effect again", test_old_write_again },
    { "unless there is no record", test_no_record },
    { "unless it adds what is there", test_old_add_again },
    { "an add that came late is out of order", test_late_add },
    { "unless a copy has set it right", test_old_write_again_and_repaired },
    { "an old deletion again over a younger one changes nothing", test_old_deletion_again },
    { "a suffix of the log applied again is no harm", test_suffix_again },
    { "applied where nobody sent it", test_wrong_record },
    { "applied out of order", test_out_of_order },
    { "concurrent writes have no order", test_concurrent_have_no_order },
    { "refused but applied", test_refused_but_applied },
    { "refused but seen by a reader", test_refused_but_read },
    { "an error promises nothing", test_errors_promise_nothing },
    { "contents that differ, and where", test_contents_differ },
    { "what differs is named by its place", test_contents_by_name },
    { "a copy beside a dead letter", test_copied_beside_a_letter },
};

TEST_MAIN("checkers_writes", tests)
