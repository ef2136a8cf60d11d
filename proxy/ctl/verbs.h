/* The verbs of walproxy ctl: one table for dispatch, help and docs/ctl.md. */
#ifndef WALDRILL_PROXY_CTL_VERBS_H
#define WALDRILL_PROXY_CTL_VERBS_H

#include "proxy/ctl/asking.h"
#include "proxy/ctl/options.h"

#define VERB_WORDS_MAX 2

struct session {
    const struct options *options;
    const char *const *words; /* behind the verb */
    struct asking *asking;
    bool colour; /* stdout is a terminal */
};

struct verb {
    const char *name; /* one word, or two */
    const char *arguments;
    size_t words; /* of them, exactly */
    const char *meaning;
    const char *example;
    int (*run)(struct session *s); /* enum ctl_exit */
};

extern const struct verb verbs[];
extern const size_t verb_count;

/* The verb that the words begin with, and how many of them it takes.  NULL: near is the nearest right name,
 * or NULL. */
const struct verb *verbs_find(const char *const *words, size_t count, size_t *taken, const char **near);

#endif
