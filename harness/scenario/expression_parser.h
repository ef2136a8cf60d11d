/* What the parser's two files share: the state of parsing one text, and the primaries.  expression_parse.c
 * has the grammar.  Private to harness/scenario/expression_*.c. */
#ifndef WALDRILL_HARNESS_SCENARIO_EXPRESSION_PARSER_H
#define WALDRILL_HARNESS_SCENARIO_EXPRESSION_PARSER_H

#include "harness/scenario/expression_lexer.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

struct parser {
    struct lexer lexer;
    struct token token; /* the next one, not yet taken */
    size_t taken_end;   /* where the last taken token ended */
    const struct expression_scope *scope;
    struct expression_error *error;
    size_t depth;
    size_t call_count;
    bool failed;
};

/* The first error stays; always NULL. */
__attribute__((format(printf, 4, 5))) void *parser_fail(struct parser *p, size_t column, size_t width,
                                                        const char *format, ...);
void parser_advance(struct parser *p);
bool parser_accept(struct parser *p, const char *text);
bool parser_expect(struct parser *p, const char *text, const char *why);
bool parser_deeper(struct parser *p); /* one level more; undone by p->depth-- */
size_t token_width(const struct token *token);
struct node *node_new(enum node_kind kind, size_t column, size_t width);
void node_free(struct node *node);
struct node *parse_primary(struct parser *p);
struct node *parse_implies(struct parser *p);

#endif
