/* The digest of a run and its optional trace.  Figures enter the digest as little-endian bytes, so that
 * machine and compiler do not matter.  A trace that cannot be written fails journal_finish. */
#include "harness/sim/journal.h"

#include "base/json_writer.h"
#include <endian.h>
#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    const char *figures[3];
} rows[JOURNAL_KIND_COUNT] = {
#define X(kind, text, a, b, c) [kind] = { text, { a, b, c } },
    JOURNAL_TABLE(X)
#undef X
};

void journal_init(struct journal *j)
{
    memset(j, 0, sizeof(*j));
    j->digest = digest_new();
}

void journal_deinit(struct journal *j)
{
    if (j->trace != NULL) {
        fclose(j->trace);
        j->trace = NULL;
    }
    digest_free(j->digest);
    j->digest = NULL;
}

int journal_trace(struct journal *j, const char *path, struct errmsg *msg)
{
    j->trace = fopen(path, "we");
    if (j->trace == NULL) {
        return error_set(msg, ERR_IO, "trace %s: %s", path, strerror(errno));
    }
    return 0;
}

static void flush(struct journal *j)
{
    digest_add(j->digest, str_make((const char *)j->pending, j->filled));
    j->filled = 0;
}

static void put_u64(struct journal *j, uint64_t v)
{
    uint64_t little_endian = htole64(v);
    memcpy(j->pending + j->filled, &little_endian, sizeof(little_endian));
    j->filled += sizeof(little_endian);
}

static void trace(struct journal *j, uint64_t at_ns, enum journal_kind kind, const uint64_t figures[3],
                  struct str text)
{
    struct buf line;
    buf_init(&line, 1u << 20);
    struct json_writer w;
    json_writer_init(&w, &line, 0);
    json_object_begin(&w);
    json_pair_u64(&w, "t", at_ns);
    json_pair_text(&w, "what", rows[kind].name);
    for (size_t i = 0; i < 3; i++) {
        if (rows[kind].figures[i][0] != '\0') {
            json_pair_u64(&w, rows[kind].figures[i], figures[i]);
        }
    }
    if (text.size > 0) {
        json_pair_str(&w, "text", text);
    }
    json_object_end(&w);
    buf_append_char(&line, '\n');
    fwrite(line.data, 1, line.size, j->trace);
    buf_deinit(&line);
}

void journal_note(struct journal *j, uint64_t at_ns, enum journal_kind kind, uint64_t a, uint64_t b,
                  uint64_t c, struct str text)
{
    if (j->filled + 48 > sizeof(j->pending)) {
        flush(j);
    }
    put_u64(j, at_ns);
    put_u64(j, (uint64_t)kind);
    put_u64(j, a);
    put_u64(j, b);
    put_u64(j, c);
    put_u64(j, text.size);
    if (text.size > 0) {
        flush(j);
        digest_add(j->digest, text);
    }
    j->entries++;
    if (j->trace != NULL) {
        trace(j, at_ns, kind, (const uint64_t[3]){ a, b, c }, text);
    }
}

const char *journal_hash(struct journal *j)
{
    flush(j);
    digest_text(j->digest, j->text);
    return j->text;
}

int journal_finish(struct journal *j, struct errmsg *msg)
{
    if (j->trace == NULL) {
        return 0;
    }
    bool bad = ferror(j->trace) != 0;
    bad = fclose(j->trace) != 0 || bad;
    j->trace = NULL;
    return bad ? error_set(msg, ERR_IO, "the trace could not be written in full") : 0;
}
