/* The lexer of expressions.  A number swallows its unit ("5s", "99.9%", "50/min"), so that a missing or
 * wrong unit is found here; a slash belongs to a number only when a letter follows it at once.  A hyphen
 * belongs to a name only between name characters: "a - b" subtracts, "lb-crash" is a name. */
#include "harness/scenario/expression_lexer.h"

#include "base/units.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char peek(const struct lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->source.size ? lexer->source.data[lexer->at + ahead] : '\0';
}

static bool fail(struct expression_error *error, size_t column, size_t width)
{
    error->column = column;
    error->width = width == 0 ? 1 : width;
    return false;
}

/* What a number's text measures, by its suffix. */
static bool read_unit(struct token *token, struct expression_error *error)
{
    struct str text = token->text;
    struct errmsg ignored;
    uint64_t whole = 0;
    if (units_parse_double(text, &token->number, &ignored) == 0) {
        token->unit = UNIT_COUNT;
        return true;
    }
    if (units_parse_duration(text, 0, &whole, &ignored) == 0) {
        token->unit = UNIT_DURATION;
        token->number = (double)whole;
        return true;
    }
    if (units_parse_size(text, false, &whole, &ignored) == 0) {
        token->unit = UNIT_SIZE;
        token->number = (double)whole;
        return true;
    }
    if (units_parse_rate(text, &token->number, &ignored) == 0) {
        token->unit = UNIT_RATE;
        return true;
    }
    if (str_ends(text, STR("%")) && units_parse_share(text, false, &token->number, &ignored) == 0) {
        token->unit = UNIT_SHARE;
        return true;
    }
    (void)error_set(
        &error->message, ERR_SYNTAX,
        "\"%.*s\" is not a number with a unit (times 250ms 30s 5m 1h, sizes 20KB 1MiB, rates 50/min 200/s, "
        "shares 80%%)",
        STR_ARGS(text));
    return fail(error, token->column, text.size);
}

static bool read_number(struct lexer *lexer, struct token *token, struct expression_error *error)
{
    size_t start = lexer->at;
    while (is_digit(peek(lexer, 0)) || (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1)))) {
        lexer->at++;
    }
    if (peek(lexer, 0) == '/' && is_letter(peek(lexer, 1))) {
        lexer->at++;
    }
    /* Letters and digits: "1m30s" is one duration. */
    while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)) ||
           (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1)))) {
        lexer->at++;
    }
    if (peek(lexer, 0) == '%') {
        lexer->at++;
    }
    token->kind = TOKEN_NUMBER;
    token->text = str_make(lexer->source.data + start, lexer->at - start);
    return read_unit(token, error);
}

static bool read_string(struct lexer *lexer, struct token *token, struct expression_error *error)
{
    char quote = peek(lexer, 0);
    size_t start = ++lexer->at;
    while (lexer->at < lexer->source.size && peek(lexer, 0) != quote) {
        lexer->at++;
    }
    if (lexer->at >= lexer->source.size) {
        (void)error_set(&error->message, ERR_SYNTAX, "a text begins here and never ends: no closing %c",
                        quote);
        return fail(error, start - 1, lexer->source.size - start + 1);
    }
    token->kind = TOKEN_STRING;
    token->text = str_make(lexer->source.data + start, lexer->at - start);
    lexer->at++;
    return true;
}

static bool read_sign(struct lexer *lexer, struct token *token, struct expression_error *error)
{
    static const char *const pairs[] = { "==", "!=", "<=", ">=" };
    static const char *const meant[][2] = {
        { "&&", "and" }, { "||", "or" }, { "=>", "implies" }, { "=", "==" }, { "!", "not" }
    };
    struct str rest = str_make(lexer->source.data + lexer->at, lexer->source.size - lexer->at);
    token->kind = TOKEN_SIGN;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (str_starts(rest, str_of(pairs[i]))) {
            token->text = str_make(rest.data, 2);
            lexer->at += 2;
            return true;
        }
    }
    if (strchr("<>+-*/()[],", rest.data[0]) != NULL && rest.data[0] != '\0') {
        token->text = str_make(rest.data, 1);
        lexer->at++;
        return true;
    }
    for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++) {
        if (str_starts(rest, str_of(meant[i][0]))) {
            (void)error_set(&error->message, ERR_SYNTAX, "\"%s\" is written \"%s\" here", meant[i][0],
                            meant[i][1]);
            return fail(error, lexer->at, strlen(meant[i][0]));
        }
    }
    unsigned char c = (unsigned char)rest.data[0];
    if (c >= ' ' && c < 0x7f) {
        (void)error_set(&error->message, ERR_SYNTAX, "\"%c\" means nothing in an expression", c);
    } else {
        (void)error_set(&error->message, ERR_SYNTAX, "a byte 0x%02x means nothing in an expression", c);
    }
    return fail(error, lexer->at, 1);
}

bool lexer_next(struct lexer *lexer, struct token *token, struct expression_error *error)
{
    while (peek(lexer, 0) != '\0' && strchr(" \t\r\n", peek(lexer, 0)) != NULL) {
        lexer->at++;
    }
    *token = (struct token){ .kind = TOKEN_END, .column = lexer->at, .unit = UNIT_NULL };
    if (lexer->at >= lexer->source.size) {
        return true;
    }
    char c = peek(lexer, 0);
    if (is_digit(c)) {
        return read_number(lexer, token, error);
    }
    if (c == '"' || c == '\'') {
        return read_string(lexer, token, error);
    }
    /* ".wal.pending_writes" follows after(fault). */
    bool follows = c == '.' && is_letter(peek(lexer, 1));
    if (!is_letter(c) && !follows) {
        return read_sign(lexer, token, error);
    }
    size_t start = lexer->at;
    lexer->at += follows ? 1 : 0;
    for (;;) {
        char here = peek(lexer, 0);
        char next = peek(lexer, 1);
        bool inner = (here == '.' || here == '-') && (is_letter(next) || is_digit(next));
        if (!is_letter(here) && !is_digit(here) && !inner) {
            break;
        }
        lexer->at++;
    }
    token->kind = TOKEN_NAME;
    token->text = str_make(lexer->source.data + start, lexer->at - start);
    return true;
}

bool token_is(const struct token *token, const char *text)
{
    return (token->kind == TOKEN_NAME || token->kind == TOKEN_SIGN) && str_equal(token->text, str_of(text));
}
