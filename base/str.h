/* Borrowed slices of bytes.  A slice owns nothing; the header that hands one out says until when
 * the bytes live. */
#ifndef WALDRILL_BASE_STR_H
#define WALDRILL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *data;
    size_t size;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
#define STR_ARGS(s)  (int)(s).size, (s).data /* for "%.*s" */

static inline struct str str_make(const char *data, size_t size)
{
    return (struct str){ data, size };
}

static inline struct str str_of(const char *text)
{
    return (struct str){ text, text == NULL ? 0 : strlen(text) };
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool str_equal_nocase(struct str a, struct str b); /* ASCII */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* blanks, tabs, CR, LF */
/* Cuts head at the first separator: returns what is before it, *rest is what is after it (empty
 * with data NULL when there is no separator). */
struct str str_cut(struct str s, char separator, struct str *rest);
/* Byte order, shorter first on a tie: <0, 0, >0. */
int str_compare(struct str a, struct str b);

#endif
