/* A write's tag stands in two places: in the record's metadata, where it survives any joining of requests,
 * and in the request id.  Deletes and collection writes have only the latter; a joined request carries the
 * ids of its members separated by commas, in the order of their records. */
#include "harness/effects.h"

#include "base/memory.h"

#define EFFECTS_TAG_DIGITS    18
#define EFFECTS_RECORD_DIGITS 9
#define EFFECTS_COPY          "resync" /* the request id of walproxy's copies */
#define EFFECTS_NAME          600

static bool effects_number(struct str text, struct str prefix, size_t digits_max, uint64_t *out)
{
    if (!str_starts(text, prefix) || text.size == prefix.size || text.size > prefix.size + digits_max) {
        return false;
    }
    *out = 0;
    for (size_t i = prefix.size; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        *out = *out * 10 + (uint64_t)(text.data[i] - '0');
    }
    return true;
}

uint64_t effects_tag(struct str request_id)
{
    uint64_t tag;
    return effects_number(str_trim(request_id), STR("wd-"), EFFECTS_TAG_DIGITS, &tag) ? tag : 0;
}

bool effects_is_copy(struct str request_id)
{
    return str_equal(request_id, STR(EFFECTS_COPY));
}

uint32_t effects_record(struct str id)
{
    uint64_t record;
    return effects_number(id, STR("doc-"), EFFECTS_RECORD_DIGITS, &record) ? (uint32_t)record : HISTORY_NONE;
}

/* The request id of the record at index; a single id stands for all records. */
static uint64_t effects_joined_tag(struct str ids, size_t index, size_t count)
{
    size_t parts = 0;
    struct str found = { NULL, 0 };
    struct str rest = ids;
    while (rest.data != NULL) {
        struct str part = str_cut(rest, ',', &rest);
        if (parts == 0 || parts == index) {
            found = part;
        }
        parts++;
    }
    return parts == 1 || parts == count ? effects_tag(found) : 0;
}

static void effects_add(struct history *history, const struct effect_record *common, uint64_t tag,
                        uint32_t record)
{
    struct effect_record *effect = history_add_effect(history);
    *effect = *common;
    effect->tag = tag;
    effect->record = record;
}

static uint32_t effects_collection(struct history *history, struct str name)
{
    char text[EFFECTS_NAME];
    if (name.size == 0 || name.size >= sizeof(text)) {
        return HISTORY_NONE;
    }
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return history_collection(history, text);
}

void effects_note(struct history *history, uint32_t instance, uint64_t incarnation, int64_t shift_ns,
                  const struct mock_journal_entry *entry)
{
    bool copied = effects_is_copy(entry->request_id);
    history->resynced[instance] = history->resynced[instance] || copied;
    if (!entry->applied || !chroma_op_is_write(entry->op)) {
        return;
    }
    /* An error in the place of the server's own answer tells nobody what was done, nor does a spoiled one. */
    bool told = entry->answered && !entry->garbled && entry->status == entry->real_status;
    struct effect_record common = {
        .instance = instance,
        .op = entry->op,
        .collection = effects_collection(history, entry->collection),
        .received_ns = (int64_t)entry->received_ns + shift_ns,
        .applied_ns = (int64_t)entry->applied_ns + shift_ns,
        .apply_order = entry->apply_order,
        .real_status = entry->real_status,
        .incarnation = incarnation,
        .copied = copied,
        .answered_ns = told ? (int64_t)entry->answered_ns + shift_ns : HISTORY_NEVER,
    };
    if (!chroma_op_is_record(entry->op) || entry->id_count == 0) {
        struct str rest = entry->request_id.data == NULL ? STR("") : entry->request_id;
        while (rest.data != NULL) {
            uint64_t tag = effects_tag(str_cut(rest, ',', &rest));
            if (tag > 0 || history->guesses) {
                effects_add(history, &common, tag, HISTORY_NONE);
            }
        }
        return;
    }
    for (size_t i = 0; i < entry->id_count; i++) {
        bool own = entry->tags != NULL && entry->tags[i] > 0;
        uint64_t tag =
            own ? (uint64_t)entry->tags[i] : effects_joined_tag(entry->request_id, i, entry->id_count);
        effects_add(history, &common, tag, effects_record(entry->ids[i]));
    }
}

void effects_guess_untagged(struct history *history)
{
    history->guesses = true;
}

static bool effects_may_be(const struct op_record *op, const struct effect_record *effect)
{
    return op->op == effect->op && op->collection == effect->collection && op->record == effect->record &&
           op->sent_ns <= effect->applied_ns;
}

void effects_guess(struct history *history)
{
    bool *taken = mem_alloc_array(2 * history->op_count + 1, sizeof(*taken));
    for (size_t i = 0; i < history->effect_count; i++) {
        struct effect_record *effect = &history->effects[i];
        for (size_t k = 0; effect->tag == 0 && !effect->copied && k < history->op_count; k++) {
            bool *mine = &taken[2 * k + effect->instance];
            if (!*mine && effects_may_be(&history->ops[k], effect)) {
                *mine = true;
                effect->tag = history->ops[k].tag;
            }
        }
    }
    mem_free(taken);
}
