#include "proxy/wal/segments.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/wal/frame.h"
#include <stdio.h>
#include <string.h>

#define PLACE_UNIT   8u
#define SEQUENCE_HEX 16u

void wal_segment_name(uint64_t sequence, char name[WAL_NAME_SIZE])
{
    (void)snprintf(name, WAL_NAME_SIZE, "%016llx.wal", (unsigned long long)sequence);
}

void wal_spare_name(uint64_t number, char name[WAL_NAME_SIZE])
{
    (void)snprintf(name, WAL_NAME_SIZE, "spare-%016llx", (unsigned long long)number);
}

/* Exactly 16 lower-case hexadecimal digits: one number has one name. */
static bool parse_hex(struct str text, uint64_t *out)
{
    if (text.size != SEQUENCE_HEX) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (unsigned)(c - 'a') + 10;
        } else {
            return false;
        }
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

bool wal_segment_name_parse(struct str name, uint64_t *sequence)
{
    if (name.size != SEQUENCE_HEX + 4 || !str_ends(name, STR(".wal"))) {
        return false;
    }
    return parse_hex(str_make(name.data, SEQUENCE_HEX), sequence) && *sequence != 0;
}

bool wal_spare_name_parse(struct str name, uint64_t *number)
{
    struct str prefix = STR("spare-");
    return str_starts(name, prefix) &&
           parse_hex(str_make(name.data + prefix.size, name.size - prefix.size), number);
}

void wal_segments_init(struct wal_segments *s)
{
    *s = (struct wal_segments){ 0 };
}

void wal_segments_deinit(struct wal_segments *s)
{
    for (size_t i = 0; i < s->count; i++) {
        mem_free(s->items[i].places);
    }
    mem_free(s->items);
    *s = (struct wal_segments){ 0 };
}

struct wal_segment *wal_segments_last(struct wal_segments *s)
{
    return s->count == 0 ? NULL : &s->items[s->count - 1];
}

struct wal_segment *wal_segments_add(struct wal_segments *s, uint64_t sequence, uint64_t first_lsn)
{
    const struct wal_segment *last = wal_segments_last(s);
    CHECK(last == NULL || last->sequence + 1 == sequence);
    CHECK(last == NULL || wal_segment_next_lsn(last) == first_lsn);
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 8 : s->capacity * 2;
        s->items = mem_realloc(s->items, s->capacity * sizeof(s->items[0]));
    }
    struct wal_segment *segment = &s->items[s->count++];
    *segment = (struct wal_segment){ .sequence = sequence,
                                     .first_lsn = first_lsn,
                                     .used_bytes = WAL_SECTOR_BYTES,
                                     .file_bytes = WAL_SECTOR_BYTES };
    return segment;
}

void wal_segment_add_record(struct wal_segment *segment, uint64_t place)
{
    CHECK(place % PLACE_UNIT == 0);
    CHECK(place / PLACE_UNIT <= UINT32_MAX);
    if (segment->record_count == segment->record_capacity) {
        segment->record_capacity = segment->record_capacity == 0 ? 64 : segment->record_capacity * 2;
        segment->places = mem_realloc(segment->places, segment->record_capacity * sizeof(uint32_t));
    }
    segment->places[segment->record_count++] = (uint32_t)(place / PLACE_UNIT);
}

uint64_t wal_segment_next_lsn(const struct wal_segment *segment)
{
    return segment->first_lsn + segment->record_count;
}

const struct wal_segment *wal_segments_find(const struct wal_segments *s, uint64_t lsn, uint64_t *offset,
                                            uint64_t *size)
{
    size_t low = 0;
    size_t high = s->count;
    while (low < high) { /* the first segment that ends after lsn */
        size_t middle = low + (high - low) / 2;
        if (wal_segment_next_lsn(&s->items[middle]) <= lsn) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == s->count || lsn < s->items[low].first_lsn) {
        return NULL;
    }
    const struct wal_segment *segment = &s->items[low];
    size_t index = (size_t)(lsn - segment->first_lsn);
    uint64_t end = index + 1 < segment->record_count ? (uint64_t)segment->places[index + 1] * PLACE_UNIT
                                                     : segment->used_bytes;
    *offset = (uint64_t)segment->places[index] * PLACE_UNIT;
    *size = end - *offset;
    return segment;
}

bool wal_segments_droppable(const struct wal_segments *s, uint64_t lsn)
{
    return s->count > 1 && wal_segment_next_lsn(&s->items[0]) <= lsn;
}

void wal_segments_drop_first(struct wal_segments *s)
{
    CHECK(s->count > 1);
    mem_free(s->items[0].places);
    s->count--;
    memmove(&s->items[0], &s->items[1], s->count * sizeof(s->items[0]));
}

uint64_t wal_segments_used_bytes(const struct wal_segments *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        sum += s->items[i].used_bytes;
    }
    return sum;
}
