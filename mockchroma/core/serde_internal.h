/* Shared by the two halves of the reader: containers (serde.c) and scalars (serde_scalar.c). */
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

/* Gives an unpositioned error its position: here. */
void serde_fix_position(struct serde *s);
/* Consumes the rest of a literal ("ull"). */
bool serde_literal(struct serde *s, const char *rest);
bool serde_push(struct serde *s, struct str key, size_t index);
void serde_pop(struct serde *s);

#endif
