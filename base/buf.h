/* A growable byte buffer with a ceiling.  A failure (ceiling or memory) is sticky: further appends
 * do nothing, and the caller asks once at the end.  data is not terminated; use buf_text for that. */
#ifndef WALDRILL_BASE_BUF_H
#define WALDRILL_BASE_BUF_H

#include "base/str.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t size;
    size_t capacity;
    size_t limit; /* bytes at most */
    bool failed;
};

void buf_init(struct buf *b, size_t limit);
void buf_deinit(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, forgets failed */
void buf_append(struct buf *b, const void *data, size_t size);
void buf_append_str(struct buf *b, struct str s);
void buf_append_text(struct buf *b, const char *text);
void buf_append_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Little-endian integers, for the log's records. */
void buf_append_u8(struct buf *b, uint8_t v);
void buf_append_u16(struct buf *b, uint16_t v);
void buf_append_u32(struct buf *b, uint32_t v);
void buf_append_u64(struct buf *b, uint64_t v);
void buf_append_lstr(struct buf *b, struct str s); /* u32 length, then the bytes */
/* Makes room for size more bytes and returns where they go (NULL on failure); the caller fills
 * them and adds to b->size. */
char *buf_reserve(struct buf *b, size_t size);
void buf_remove_front(struct buf *b, size_t size);
/* Terminated view of the contents, valid until the next change; "" when failed. */
const char *buf_text(struct buf *b);
/* The same as the caller's own, to be freed with mem_free; the buffer is empty then.  Never NULL. */
char *buf_take(struct buf *b);
struct str buf_str(const struct buf *b);

/* The matching reader: reads past the end set failed and give zeros. */
struct reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
};
void reader_init(struct reader *r, const void *data, size_t size);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
struct str reader_bytes(struct reader *r, size_t size); /* borrowed from data */
struct str reader_lstr(struct reader *r);

#endif
