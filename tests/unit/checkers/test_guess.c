/* Effects of a balancer that passes no request ids on: deletions and writes of collections are told from each
 * other by kind, place and order. */
#include "harness/effects.h"
#include "tests/lib/suite.h"

static void add_op(struct history *h, uint64_t tag, enum chroma_op kind, const char *collection,
                   uint32_t record, int64_t sent_ns)
{
    uint32_t index = history_collection(h, collection);
    struct op_record *op = history_add_op(h);
    op->tag = tag;
    op->op = kind;
    op->collection = index;
    op->record = record;
    op->sent_ns = sent_ns;
    op->load = HISTORY_NONE;
}

static void add_effect(struct history *h, uint32_t instance, enum chroma_op kind, const char *collection,
                       uint64_t applied_ns)
{
    const struct mock_journal_entry entry = { .op = kind,
                                              .collection = str_of(collection),
                                              .received_ns = applied_ns,
                                              .applied = true,
                                              .applied_ns = applied_ns,
                                              .real_status = 200 };
    effects_note(h, instance, 0, 0, &entry);
}

static void by_kind_place_and_order(void)
{
    struct history h;
    history_init(&h);
    effects_guess_untagged(&h);
    add_op(&h, 1, OP_COLLECTION_CREATE, "a", HISTORY_NONE, 10);
    add_op(&h, 2, OP_COLLECTION_CREATE, "b", HISTORY_NONE, 20);
    add_op(&h, 3, OP_COLLECTION_CREATE, "a", HISTORY_NONE, 30);
    add_effect(&h, 0, OP_COLLECTION_CREATE, "b", 25);
    add_effect(&h, 0, OP_COLLECTION_CREATE, "a", 15);
    add_effect(&h, 1, OP_COLLECTION_CREATE, "a", 40); /* the other instance, late: still the oldest */
    add_effect(&h, 0, OP_COLLECTION_CREATE, "a", 41);
    add_effect(&h, 0, OP_COLLECTION_DELETE, "a", 50); /* nobody of ours sent that */
    effects_guess(&h);
    CU_ASSERT_EQUAL_FATAL(h.effect_count, 5);
    CU_ASSERT_EQUAL(h.effects[0].tag, 2);
    CU_ASSERT_EQUAL(h.effects[1].tag, 1);
    CU_ASSERT_EQUAL(h.effects[2].tag, 1);
    CU_ASSERT_EQUAL(h.effects[3].tag, 3);
    CU_ASSERT_EQUAL(h.effects[4].tag, 0);
    history_deinit(&h);
}

static void not_before_it_was_sent(void)
{
    struct history h;
    history_init(&h);
    effects_guess_untagged(&h);
    add_op(&h, 1, OP_COLLECTION_CREATE, "a", HISTORY_NONE, 100);
    add_effect(&h, 0, OP_COLLECTION_CREATE, "a", 99);
    effects_guess(&h);
    CU_ASSERT_EQUAL_FATAL(h.effect_count, 1);
    CU_ASSERT_EQUAL(h.effects[0].tag, 0);
    history_deinit(&h);
}

static void only_when_asked(void)
{
    struct history h;
    history_init(&h);
    add_op(&h, 1, OP_COLLECTION_CREATE, "a", HISTORY_NONE, 10);
    add_effect(&h, 0, OP_COLLECTION_CREATE, "a", 15);
    CU_ASSERT_EQUAL(h.effect_count, 0);
    history_deinit(&h);
}

static const struct suite_test tests[] = {
    { "an effect without a tag is the oldest operation of its kind and place that has none there yet",
      by_kind_place_and_order },
    { "no effect is older than the operation it is taken for", not_before_it_was_sent },
    { "with walproxy, which passes ids on, nothing is guessed", only_when_asked },
};
TEST_MAIN("effects without tags", tests)
