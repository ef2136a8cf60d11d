/* Optimal string alignment: insert, delete, replace, swap of neighbours.  Names longer than the limit
 * are never near anything, which bounds time and stack. */
#include "base/suggest.h"

#include <stdint.h>

enum { NAME_BYTES_MAX = 64 };

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c | 0x20);
    }
    return c;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

size_t suggest_distance(struct str a, struct str b)
{
    if (a.size > NAME_BYTES_MAX || b.size > NAME_BYTES_MAX) {
        return SIZE_MAX;
    }
    size_t rows[3][NAME_BYTES_MAX + 1]; /* the row before last, the last, the current */
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b.size; j++) {
        before[j] = j;
        last[j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            char ca = lower(a.data[i - 1]);
            char cb = lower(b.data[j - 1]);
            row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + (ca == cb ? 0 : 1));
            bool swapped = i > 1 && j > 1 && ca == lower(b.data[j - 2]) && cb == lower(a.data[i - 2]);
            if (swapped && before[j - 2] + 1 < row[j]) {
                row[j] = before[j - 2] + 1;
            }
        }
        size_t *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b.size];
}

const char *suggest_name(struct str wrong, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t distance = suggest_distance(wrong, str_of(names[i]));
        size_t longer = wrong.size > strlen(names[i]) ? wrong.size : strlen(names[i]);
        size_t allowed = longer / 3 > 1 ? longer / 3 : 1;
        /* a distance as long as the name would be a new name, not a slip */
        if (distance < best_distance && distance <= allowed && distance < longer) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}
