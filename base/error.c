/* The texts of the error codes and the one-line message buffer.  Bytes that would break the line
 * (a name from a hostile file may hold anything) are shown as '?'. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *error_text(int code)
{
    switch (code) {
        case ERR_NONE:
            return "no error";
#define X(name, text) \
    case name:        \
        return text;
            ERROR_TABLE(X)
#undef X
        default:
            return "unknown error";
    }
}

static void keep_one_line(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
}

int error_set(struct errmsg *msg, int code, const char *format, ...)
{
    if (msg != NULL) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(msg->text, sizeof(msg->text), format, args); /* truncation is the contract */
        va_end(args);
        keep_one_line(msg->text);
    }
    return code;
}

int error_wrap(struct errmsg *msg, int code, const char *format, ...)
{
    if (msg == NULL) {
        return code;
    }
    struct errmsg inner = *msg;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(msg->text, sizeof(msg->text), format, args);
    va_end(args);
    keep_one_line(msg->text);
    size_t used = strlen(msg->text);
    const char *parts[] = { ": ", inner.text };
    for (size_t i = 0; i < 2; i++) {
        size_t room = sizeof(msg->text) - 1 - used;
        size_t length = strnlen(parts[i], room);
        memcpy(msg->text + used, parts[i], length);
        used += length;
    }
    msg->text[used] = '\0';
    return code;
}
