#include "proxy/core/strands.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/send.h"

void strand_init(struct strand *strand, struct lane *lane)
{
    strand->lane = lane;
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        timer_init(&strand->retry_timer[i], TIMER_STRAND, i, strand);
    }
}

void strand_deinit(struct strand *strand)
{
    mem_free(strand->queue);
    strand->queue = NULL;
}

static void make_room(struct strand *strand)
{
    if (strand->first + strand->count < strand->capacity) {
        return;
    }
    if (strand->first > strand->capacity / 2) {
        memmove(strand->queue, strand->queue + strand->first, strand->count * sizeof(strand->queue[0]));
        strand->first = 0;
        return;
    }
    strand->capacity = strand->capacity == 0 ? 4 : 2 * strand->capacity;
    strand->queue = mem_realloc(strand->queue, strand->capacity * sizeof(strand->queue[0]));
}

uint64_t strand_end(const struct strand *strand)
{
    return strand->base + strand->count;
}

uint64_t strand_last_lsn(const struct strand *strand)
{
    for (size_t k = strand->count; k > 0; k--) {
        const struct entry *entry = strand->queue[strand->first + k - 1];
        if (entry != NULL) {
            return entry->lsn;
        }
    }
    return 0;
}

struct entry *strand_at(const struct strand *strand, uint64_t place)
{
    CHECK(place >= strand->base);
    return place >= strand_end(strand) ? NULL : strand->queue[strand->first + (size_t)(place - strand->base)];
}

struct entry *strand_front(const struct strand *strand)
{
    return strand_at(strand, strand->base);
}

struct entry *strand_head(const struct strand *strand, unsigned instance)
{
    return strand_at(strand, strand->next[instance]);
}

void strand_push(struct strand *strand, struct entry *entry)
{
    make_room(strand);
    if (strand->count > 0) {
        const struct entry *last = strand->queue[strand->first + strand->count - 1];
        CHECK(last == NULL || last->lsn < entry->lsn);
    }
    strand->queue[strand->first + strand->count++] = entry;
}

void strand_advance(struct core *core, struct strand *strand, unsigned instance)
{
    const struct entry *entry;
    while ((entry = strand_head(strand, instance)) != NULL && entry_finished_at(entry, instance)) {
        strand->next[instance]++;
    }
    if (entry != NULL) {
        send_wake(core, strand, instance);
    }
}

void strand_remove(struct strand *strand, const struct entry *leaving)
{
    size_t at = strand->first;
    size_t end = strand->first + strand->count;
    while (at < end && strand->queue[at] != leaving) {
        at++; /* it is the first one, but for writes that wait in another strand */
    }
    CHECK(at < end);
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        CHECK(strand->next[i] > strand->base + (at - strand->first));
    }
    strand->queue[at] = NULL;
    while (strand->count > 0 && strand->queue[strand->first] == NULL) {
        strand->first++;
        strand->count--;
        strand->base++;
    }
    if (strand->count == 0) { /* there may be many strands */
        strand_deinit(strand);
        strand->first = strand->capacity = 0;
    }
}

bool strand_has_reached(const struct strand *strand, unsigned instance, uint64_t lsn)
{
    const struct entry *head = strand_head(strand, instance);
    return head == NULL || head->lsn > lsn;
}
