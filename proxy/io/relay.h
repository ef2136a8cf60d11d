/* Bytes of an answer on their way from an instance to a client, in a bounded buffer.
 *
 * The writer (a call) puts bytes in until the credit is used up and then waits; the reader (a client's
 * answer) takes them out and waits when there are none.  Whoever makes room or brings bytes wakes the
 * other by a function that only takes note.  Both sides hold a reference; neither outlives the other's
 * need of it.  A call that collects its answer uses the same buffer without a reader and with another limit.
 */
#ifndef WALDRILL_PROXY_IO_RELAY_H
#define WALDRILL_PROXY_IO_RELAY_H

#include "base/block.h"
#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>

#define RELAY_CREDIT_BYTES (256u * 1024u)

typedef void relay_wake_cb(void *context);

struct relay {
    unsigned references;
    struct buf bytes;
    size_t taken; /* bytes at the front that the reader has had */
    bool ended;
    bool broken; /* with ended: the answer was cut */
    bool reader_gone;
    bool reader_waits;
    bool writer_waits;
    relay_wake_cb *wake_reader;
    void *reader;
    relay_wake_cb *wake_writer;
    void *writer;
};

struct relay *relay_new(void); /* one reference; NULL when memory is gone */
struct relay *relay_ref(struct relay *r);
void relay_unref(struct relay *r);
size_t relay_held(const struct relay *r);

/* The writer's side.  write says how it went; after WAIT nothing was taken. */
enum relay_write { RELAY_TAKEN, RELAY_WAIT, RELAY_FULL };
/* limit: bytes held at most; waiting: beyond it the writer waits (a relay), else it is full (collecting). */
enum relay_write relay_write(struct relay *r, const void *data, size_t size, size_t limit, bool waiting);
void relay_end(struct relay *r, bool broken);

/* The reader's side: bytes taken; 0 = none now (then wake_reader is called later) or at the end. */
size_t relay_read(struct relay *r, void *out, size_t size);
void relay_leave(struct relay *r); /* the reader is gone: what comes is thrown away */

#endif
