/* walproxy's answers as tables and sentences.  What a newer or older walproxy does not tell is a dash. */
#ifndef WALDRILL_PROXY_CTL_SHOW_H
#define WALDRILL_PROXY_CTL_SHOW_H

#include "base/buf.h"
#include <jansson.h>
#include <stdbool.h>

void show_status(struct buf *out, bool colour, const json_t *status);
void show_pending(struct buf *out, bool colour, const json_t *list);
void show_letters(struct buf *out, bool colour, const json_t *list);
void show_letter(struct buf *out, bool colour, const json_t *letter);
void show_plan(struct buf *out, bool colour, const json_t *plan);
void show_ids(struct buf *out, bool colour, const json_t *list);
void show_comparison(struct buf *out, bool colour, const json_t *comparison);
/* What the new holder of the role lacks, with the list of it. */
void show_missing(struct buf *out, bool colour, const json_t *promotion);

/* ---- members ---- */
const char *show_text(const json_t *object, const char *key); /* NULL when it is none */
long long show_number(const json_t *object, const char *key); /* 0 when it is none */
bool show_is_true(const json_t *object, const char *key);
/* The instance of that name in /status; NULL. */
const json_t *show_instance(const json_t *status, const char *name);

#endif
