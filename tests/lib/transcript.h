/* Plays recorded exchanges with a Chroma server against another one and compares the answers by the
 * rules of docs/chroma-wire.md section 10: placeholders, numbers as numbers, sets, lengths. */
#ifndef WALDRILL_TESTS_LIB_TRANSCRIPT_H
#define WALDRILL_TESTS_LIB_TRANSCRIPT_H

#include <stddef.h>
#include <stdint.h>

struct transcript_result {
    size_t played;
    size_t agreed;
};

/* Plays one file, in order, against 127.0.0.1:port; each disagreement is told on stderr.  played is 0
 * when the file cannot be read.  A seed other than 0 plays it with other names and numbers (vary.h). */
struct transcript_result transcript_play(const char *path, unsigned port, uint64_t seed);

#endif
