/* What a log directory holds: every segment in order, every record to the caller, and the tail that a
 * crash left unfinished.  Nothing is changed here; the open job does that afterwards.
 *
 * Refused (ERR_DAMAGED, with segment and offset): a segment missing in the sequence, a header that is
 * not sound (a segment gets its name only after its contents were synced), a segment of another log, a
 * segment before the last that ends short of where its successor begins, and a hole in the last one
 * that a later frame proves was once filled. */
#include "proxy/wal/writer_internal.h"

#include "base/check.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    uint64_t *sequences;
    size_t count;
    size_t capacity;
    char (*spares)[WAL_NAME_SIZE];
    size_t spare_count;
    size_t spare_capacity;
    uint64_t spare_next;
};

struct recovering {
    struct wal_writer *w;
    wal_record_cb *each;
    void *context;
    struct wal_recovery found;
    bool torn; /* how the segment read last ended */
    struct errmsg torn_msg;
};

static void listing_add(void *context, const char *name)
{
    struct listing *l = context;
    uint64_t number = 0;
    if (wal_segment_name_parse(str_of(name), &number)) {
        if (l->count == l->capacity) {
            l->capacity = l->capacity == 0 ? 16 : l->capacity * 2;
            l->sequences = mem_realloc(l->sequences, l->capacity * sizeof(l->sequences[0]));
        }
        l->sequences[l->count++] = number;
        return;
    }
    if (!wal_spare_name_parse(str_of(name), &number)) {
        return; /* the lock, and files that are not ours */
    }
    if (l->spare_count == l->spare_capacity) {
        l->spare_capacity = l->spare_capacity == 0 ? 4 : l->spare_capacity * 2;
        l->spares = mem_realloc(l->spares, l->spare_capacity * sizeof(l->spares[0]));
    }
    memcpy(l->spares[l->spare_count++], name, strlen(name) + 1);
    if (number >= l->spare_next) {
        l->spare_next = number + 1;
    }
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int compare_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The segment before ended where it ended; the next one says where it should have. */
static int check_follows(struct recovering *r, const struct wal_segment_header *header, struct errmsg *msg)
{
    const struct wal_segment *before = wal_segments_last(&r->w->segments);
    if (before == NULL) {
        r->w->log_id = header->log_id;
        return 0;
    }
    uint64_t expected = wal_segment_next_lsn(before);
    if (header->first_lsn == expected) {
        return 0;
    }
    return error_set(msg, ERR_DAMAGED,
                     "begins with record %llu, but segment %016llx before it ends (at %llu) before record "
                     "%llu%s%s",
                     (unsigned long long)header->first_lsn, (unsigned long long)before->sequence,
                     (unsigned long long)before->used_bytes, (unsigned long long)expected,
                     r->torn ? ": " : "", r->torn ? r->torn_msg.text : "");
}

static int scan_segment(struct recovering *r, struct wal_scan *scan, struct errmsg *msg)
{
    struct wal_writer *w = r->w;
    int rc = check_follows(r, &scan->header, msg);
    if (rc != 0) {
        return rc;
    }
    struct wal_segment *segment =
        wal_segments_add(&w->segments, scan->header.sequence, scan->header.first_lsn);
    struct wal_record record;
    r->torn_msg.text[0] = '\0';
    while ((rc = wal_scan_next(scan, &record, &r->torn_msg)) == 0) {
        wal_segment_add_record(segment, scan->record_at);
        r->each(r->context, &record, r->found.records == 0);
        r->found.records++;
    }
    if (rc != ERR_NOT_FOUND && rc != ERR_TORN) {
        return error_set(msg, rc, "%s", r->torn_msg.text);
    }
    r->torn = rc == ERR_TORN;
    segment->used_bytes = scan->end;
    segment->file_bytes = scan->bytes.size;
    w->next_lsn = scan->next_lsn;
    w->zero_from = wal_scan_tail_is_zero(scan) ? 0 : scan->tail;
    return 0;
}

static int read_segment(struct recovering *r, const struct wal_source *source, uint64_t sequence, bool last,
                        struct buf *bytes, struct errmsg *msg)
{
    char name[WAL_NAME_SIZE];
    wal_segment_name(sequence, name);
    buf_clear(bytes);
    int rc = source->read(source->context, name, last, bytes, msg);
    if (rc == 0 && bytes->failed) {
        rc = error_set(msg, ERR_NOMEM, "no memory for a segment");
    }
    struct wal_scan scan;
    if (rc == 0) {
        rc = wal_scan_begin(&scan, buf_str(bytes), r->w->segments.count == 0 ? 0 : r->w->log_id, msg);
    }
    if (rc != 0) {
        return error_wrap(msg, rc, "segment %s", name);
    }
    if (scan.header.sequence != sequence) {
        rc = error_set(msg, ERR_DAMAGED, "its header says it is segment %016llx",
                       (unsigned long long)scan.header.sequence);
    } else {
        rc = scan_segment(r, &scan, msg);
    }
    wal_scan_end(&scan);
    return rc == 0 ? 0 : error_wrap(msg, rc, "segment %s", name);
}

static int check_sequence(const struct listing *l, struct errmsg *msg)
{
    for (size_t i = 1; i < l->count; i++) {
        if (l->sequences[i] != l->sequences[i - 1] + 1) {
            return error_set(msg, ERR_DAMAGED, "segment %016llx is missing (%016llx is there)",
                             (unsigned long long)l->sequences[i - 1] + 1,
                             (unsigned long long)l->sequences[i]);
        }
    }
    return 0;
}

static void recovery_report(struct recovering *r, struct wal_recovery *found)
{
    struct wal_writer *w = r->w;
    r->found.log_id = w->log_id;
    r->found.next_lsn = w->next_lsn;
    r->found.segments = w->segments.count;
    r->found.torn = r->torn;
    if (r->torn) {
        (void)snprintf(r->found.torn_text, sizeof(r->found.torn_text), "segment %016llx: %.120s",
                       (unsigned long long)wal_segments_last(&w->segments)->sequence, r->torn_msg.text);
    }
    if (found != NULL) {
        *found = r->found;
    }
}

int wal_writer_recover(struct wal_writer *w, const struct wal_source *source, wal_record_cb *each,
                       void *context, struct wal_recovery *found, struct errmsg *msg)
{
    CHECK(!w->recovered);
    struct recovering r = { .w = w, .each = each, .context = context };
    struct listing l = { .spare_next = 1 };
    struct buf bytes;
    buf_init(&bytes, WAL_FILE_BYTES_MAX);
    int rc = source->list(source->context, listing_add, &l, msg);
    if (rc == 0 && l.count > 0) {
        qsort(l.sequences, l.count, sizeof(l.sequences[0]), compare_u64);
        rc = check_sequence(&l, msg);
    }
    for (size_t i = 0; rc == 0 && i < l.count; i++) {
        rc = read_segment(&r, source, l.sequences[i], i + 1 == l.count, &bytes, msg);
    }
    if (l.spare_count > 0) {
        qsort(l.spares, l.spare_count, sizeof(l.spares[0]), compare_name);
    }
    w->stale_spares = l.spares;
    w->stale_count = l.spare_count;
    w->spare_next = l.spare_next;
    buf_deinit(&bytes);
    mem_free(l.sequences);
    if (rc != 0) {
        return rc;
    }
    w->recovered = true;
    recovery_report(&r, found);
    return 0;
}
