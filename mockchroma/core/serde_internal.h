/* Shared by the parts of the reader: containers (serde.c), scalars (serde_scalar.c), enums and values of any
 * shape (serde_value.c). */
#ifndef WALDRILL_MOCKCHROMA_CORE_SERDE_INTERNAL_H
#define WALDRILL_MOCKCHROMA_CORE_SERDE_INTERNAL_H

#include "mockchroma/core/serde.h"

/* A syntax error at the given position (bytes before it, as serde_json counts: the offending byte
 * included when it was only looked at). */
void serde_note_syntax(struct serde *s, const char *text, size_t position);

/* serde_note_syntax for "return serde_fail_syntax(...)": always false.  Inline, so that it is known to
 * whoever reads or checks a caller alone. */
static inline bool serde_fail_syntax(struct serde *s, const char *text, size_t position)
{
    serde_note_syntax(s, text, position);
    return false;
}

/* At the byte that was looked at but not taken. */
static inline bool serde_fail_peeked(struct serde *s, const char *text)
{
    return serde_fail_syntax(s, text, s->at + 1);
}

/* Where a value should begin. */
bool serde_fail_at_value(struct serde *s);
/* Behind a message: "`a` or `b`", "one of `a`, `b`, `c`". */
void serde_name_choices(struct serde *s, const char *const *names, size_t count);
/* Rust's Debug form of a string. */
void serde_debug_string(struct str text, struct buf *out);
/* Gives an unpositioned error its position: here. */
void serde_fix_position(struct serde *s);
/* Four hexadecimal digits. */
bool serde_hex4(struct serde *s, unsigned *out);
/* Consumes the rest of a literal ("ull"). */
bool serde_literal(struct serde *s, const char *rest);
/* Takes a bracket, unless it is one too many. */
bool serde_enter(struct serde *s);
void serde_push(struct serde *s, struct str key, size_t index);
void serde_pop(struct serde *s);

#endif
