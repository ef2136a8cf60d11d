/* The command line of walproxy ctl: options anywhere, words in their order.  A wrong one is told with the
 * nearest right name, and nothing is sent. */
#ifndef WALDRILL_PROXY_CTL_OPTIONS_H
#define WALDRILL_PROXY_CTL_OPTIONS_H

#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_WORDS_MAX 6
#define OPTIONS_TEXT_MAX  2048

struct options {
    char url[OPTIONS_TEXT_MAX];   /* without a slash at the end */
    char token[OPTIONS_TEXT_MAX]; /* "" = none is sent */
    char ca[OPTIONS_TEXT_MAX];    /* a file; "" = the system's authorities */
    bool json, no_wait, force, body, help;
    uint64_t from, limit; /* 0 = walproxy's default */
    uint64_t timeout_ms;  /* 0 = not said */
    const char *words[OPTIONS_WORDS_MAX];
    size_t word_count;
};

/* argv[0] is skipped.  What is not said comes from WALPROXY_URL, ADMIN_TOKEN and WALPROXY_CA.  ERR_INVALID,
 * ERR_NOT_FOUND (an unknown option) or ERR_IO (a token's file). */
int options_parse(struct options *o, int argc, char **argv, struct errmsg *msg);
/* The table of them. */
void options_help(struct buf *out);
void options_manual(struct buf *out);
/* A whole file, "-" = stdin. */
int options_read_file(const char *path, struct buf *out, struct errmsg *msg);

#endif
