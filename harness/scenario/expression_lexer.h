/* Words, numbers with units and signs of an expression, one at a time. */
#ifndef WALDRILL_HARNESS_SCENARIO_EXPRESSION_LEXER_H
#define WALDRILL_HARNESS_SCENARIO_EXPRESSION_LEXER_H

#include "harness/scenario/expression_tree.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NAME,   /* also keywords; dots and inner hyphens belong to a name */
    TOKEN_NUMBER, /* with its unit */
    TOKEN_STRING, /* "..." or '...', decoded */
    TOKEN_SIGN,   /* == != <= >= < > + - * / ( ) [ ] , */
};

struct token {
    enum token_kind kind;
    struct str text; /* slice of the source; of a string without the quotes */
    size_t column;
    enum unit unit; /* number */
    double number;
};

struct lexer {
    struct str source;
    size_t at;
};

/* False with *error filled. */
bool lexer_next(struct lexer *lexer, struct token *token, struct expression_error *error);
bool token_is(const struct token *token, const char *text); /* a name or sign spelled so */

#endif
