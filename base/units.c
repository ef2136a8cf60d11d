/* Numbers with units.  Exact where the text is exact: a duration is computed in integers, digit by
 * digit, so that "0.1s" is 100000000 ns and nothing is rounded through a double. */
#include "base/units.h"

#include "base/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_BYTES = 60, NUMBER_TEXT_BYTES = 64 };

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    { "ns", 1 },
    { "us", NS_PER_US },
    { "ms", NS_PER_MS },
    { "s", NS_PER_S },
    { "m", 60 * NS_PER_S },
    { "h", 3600 * NS_PER_S },
    { "d", 86400 * NS_PER_S },
};

static const struct unit size_units[] = {
    { "B", 1 },
    { "KB", UINT64_C(1) << 10 },
    { "KiB", UINT64_C(1) << 10 },
    { "MB", UINT64_C(1) << 20 },
    { "MiB", UINT64_C(1) << 20 },
    { "GB", UINT64_C(1) << 30 },
    { "GiB", UINT64_C(1) << 30 },
};

static const struct unit rate_units[] = {
    { "s", 1 }, { "min", 60 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
};

/* 18 digits behind the point: more cannot matter, the largest factor is below 10^14. */
#define FRACTION_UNIT_MAX UINT64_C(1000000000000000000)

__extension__ typedef unsigned __int128 u128;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int shown(struct str text)
{
    return text.size > SHOWN_BYTES ? SHOWN_BYTES : (int)text.size;
}

static const struct unit *find_unit(const struct unit *units, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase(name, str_of(units[i].name))) {
            return &units[i];
        }
    }
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The number at the front of *text: digits, perhaps a point and digits. Empty when there is none. */
static struct str take_number(struct str *text)
{
    size_t at = 0;
    size_t digits = 0;
    bool point = false;
    for (; at < text->size; at++) {
        if (is_digit(text->data[at])) {
            digits++;
        } else if (text->data[at] == '.' && !point && digits > 0) {
            point = true;
        } else {
            break;
        }
    }
    if (digits == 0 || text->data[at - 1] == '.') {
        return str_make(text->data, 0);
    }
    struct str number = str_make(text->data, at);
    text->data += at;
    text->size -= at;
    return number;
}

static struct str take_word(struct str *text)
{
    size_t at = 0;
    while (at < text->size && is_letter(text->data[at])) {
        at++;
    }
    struct str word = str_make(text->data, at);
    text->data += at;
    text->size -= at;
    return word;
}

/* number * factor, exactly; what is left behind the point below one base unit is cut off. */
static bool scale(struct str number, uint64_t factor, uint64_t *out)
{
    uint64_t whole = 0;
    uint64_t fraction = 0;
    uint64_t fraction_unit = 1; /* 10 to the number of digits behind the point */
    bool behind_point = false;
    for (size_t i = 0; i < number.size; i++) {
        if (number.data[i] == '.') {
            behind_point = true;
            continue;
        }
        uint64_t digit = (uint64_t)(number.data[i] - '0');
        if (!behind_point) {
            if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, digit, &whole)) {
                return false;
            }
        } else if (fraction_unit < FRACTION_UNIT_MAX) {
            fraction = fraction * 10 + digit;
            fraction_unit *= 10;
        }
    }
    uint64_t part = (uint64_t)((u128)fraction * factor / fraction_unit);
    return !__builtin_mul_overflow(whole, factor, &whole) && !__builtin_add_overflow(whole, part, out);
}

static int too_large(struct str text, const char *what, struct errmsg *msg)
{
    return error_set(msg, ERR_LIMIT, "\"%.*s\" is too large (%s)", shown(text), text.data, what);
}

int units_parse_duration(struct str text, uint64_t plain_unit_ns, uint64_t *ns, struct errmsg *msg)
{
    static const char expected[] = "expected a duration like 250ms, 30s, 5m or 1h";
    struct str rest = str_trim(text);
    uint64_t total = 0;
    bool first = true;
    do {
        struct str number = take_number(&rest);
        if (number.size == 0) {
            return error_set(msg, ERR_SYNTAX, "\"%.*s\" is not a duration: %s", shown(text), text.data,
                             expected);
        }
        struct str word = take_word(&rest);
        uint64_t factor = plain_unit_ns;
        if (word.size > 0) {
            const struct unit *unit = find_unit(duration_units, COUNT(duration_units), word);
            if (unit == NULL) {
                return error_set(msg, ERR_SYNTAX,
                                 "\"%.*s\": unknown unit \"%.*s\" (a duration): use ns, us, ms, s, m, h or d",
                                 shown(text), text.data, shown(word), word.data);
            }
            factor = unit->factor;
        } else if (!first || rest.size > 0) {
            return error_set(msg, ERR_SYNTAX, "\"%.*s\" is not a duration: %s", shown(text), text.data,
                             expected);
        } else if (plain_unit_ns == 0) {
            return error_set(
                msg, ERR_SYNTAX,
                "\"%.*s\" needs a unit (a duration): write \"%.*ss\", or \"%.*sm\" if you meant minutes",
                shown(text), text.data, shown(number), number.data, shown(number), number.data);
        }
        uint64_t value;
        if (!scale(number, factor, &value) || __builtin_add_overflow(total, value, &total)) {
            return too_large(text, "a duration", msg);
        }
        first = false;
    } while (rest.size > 0);
    *ns = total;
    return 0;
}

int units_parse_size(struct str text, bool plain_allowed, uint64_t *bytes, struct errmsg *msg)
{
    struct str rest = str_trim(text);
    struct str number = take_number(&rest);
    struct str name = str_trim(rest);
    if (number.size == 0) {
        return error_set(msg, ERR_SYNTAX, "\"%.*s\" is not a size: expected one like 20KB, 256MiB or 1GiB",
                         shown(text), text.data);
    }
    uint64_t factor = 1;
    if (name.size > 0) {
        const struct unit *unit = find_unit(size_units, COUNT(size_units), name);
        if (unit == NULL) {
            return error_set(msg, ERR_SYNTAX,
                             "\"%.*s\": unknown unit \"%.*s\" (a size): use B, KB, MB, GB, KiB, MiB or GiB",
                             shown(text), text.data, shown(name), name.data);
        }
        factor = unit->factor;
    } else if (!plain_allowed) {
        return error_set(
            msg, ERR_SYNTAX,
            "\"%.*s\" needs a unit (a size): write \"%.*sB\", or \"%.*sKB\" if you meant kilobytes",
            shown(text), text.data, shown(number), number.data, shown(number), number.data);
    }
    uint64_t value;
    if (!scale(number, factor, &value)) {
        return too_large(text, "a size", msg);
    }
    *bytes = value;
    return 0;
}

int units_parse_rate(struct str text, double *per_second, struct errmsg *msg)
{
    struct str period;
    struct str count = str_trim(str_cut(str_trim(text), '/', &period));
    if (period.data == NULL) {
        return error_set(msg, ERR_SYNTAX, "\"%.*s\" needs a unit (a rate): write \"%.*s/s\" or \"%.*s/min\"",
                         shown(text), text.data, shown(count), count.data, shown(count), count.data);
    }
    struct str rest = count;
    struct str number = take_number(&rest);
    double value = 0;
    if (number.size == 0 || rest.size > 0 || units_parse_double(number, &value, NULL) != 0) {
        return error_set(msg, ERR_SYNTAX, "\"%.*s\" is not a rate: expected one like 50/min, 200/s or 3/h",
                         shown(text), text.data);
    }
    const struct unit *unit = find_unit(rate_units, COUNT(rate_units), str_trim(period));
    if (unit == NULL) {
        return error_set(msg, ERR_SYNTAX,
                         "\"%.*s\": unknown period \"%.*s\" (a rate): use /s, /min, /h or /d", shown(text),
                         text.data, shown(period), period.data);
    }
    *per_second = value / (double)unit->factor;
    return 0;
}

int units_parse_share(struct str text, bool plain_allowed, double *share, struct errmsg *msg)
{
    struct str trimmed = str_trim(text);
    struct str rest = trimmed;
    struct str number = take_number(&rest);
    rest = str_trim(rest);
    bool percent = str_equal(rest, STR("%"));
    double value = 0;
    if (number.size == 0 || (rest.size > 0 && !percent) || units_parse_double(number, &value, NULL) != 0) {
        return error_set(msg, ERR_SYNTAX, "\"%.*s\" is not a share: expected one like 80%%%s", shown(text),
                         text.data, plain_allowed ? " or 0.8" : "");
    }
    if (!percent && !plain_allowed) {
        bool fraction = value <= 1;
        return error_set(msg, ERR_SYNTAX, "\"%.*s\" needs a unit (a share): write \"%.6g%%\"", shown(text),
                         text.data, fraction ? value * 100 : value);
    }
    value = percent ? value / 100 : value;
    if (value > 1) {
        return error_set(msg, ERR_LIMIT, "\"%.*s\" is more than the whole: a share is 0%% to 100%%%s",
                         shown(text), text.data, percent ? "" : ", or 0 to 1 without the sign");
    }
    *share = value;
    return 0;
}

int units_parse_u64(struct str text, uint64_t *out, struct errmsg *msg)
{
    struct str trimmed = str_trim(text);
    struct str rest = trimmed;
    struct str number = take_number(&rest);
    uint64_t value;
    if (number.size == 0 || rest.size > 0 || memchr(number.data, '.', number.size) != NULL) {
        return error_set(msg, ERR_SYNTAX, "\"%.*s\" is not a whole number", shown(text), text.data);
    }
    if (!scale(number, 1, &value)) {
        return too_large(text, "a whole number", msg);
    }
    *out = value;
    return 0;
}

static bool is_number_mark(char c)
{
    return c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

int units_parse_double(struct str text, double *out, struct errmsg *msg)
{
    struct str trimmed = str_trim(text);
    char copy[NUMBER_TEXT_BYTES];
    bool plausible = trimmed.size > 0 && trimmed.size < sizeof(copy);
    for (size_t i = 0; plausible && i < trimmed.size; i++) {
        /* keeps strtod from its hexadecimal, "inf" and "nan" */
        plausible = is_digit(trimmed.data[i]) || is_number_mark(trimmed.data[i]);
    }
    if (plausible) {
        memcpy(copy, trimmed.data, trimmed.size);
        copy[trimmed.size] = '\0';
        char *end;
        double value = strtod(copy, &end);
        if (*end == '\0' && isfinite(value)) {
            *out = value;
            return 0;
        }
    }
    return error_set(msg, ERR_SYNTAX, "\"%.*s\" is not a number", shown(text), text.data);
}

/* "value[.fraction]name", where one whole is so many of the smallest unit. */
static size_t format_part(uint64_t amount, uint64_t whole, const char *name, char *out, size_t size)
{
    CHECK(whole > 0);
    char fraction[24] = "";
    uint64_t rest = amount % whole;
    if (rest > 0) {
        size_t at = 0;
        fraction[at++] = '.';
        for (uint64_t weight = whole / 10; weight > 0; weight /= 10) {
            fraction[at++] = (char)('0' + rest / weight % 10);
            rest %= weight;
        }
        while (fraction[at - 1] == '0') {
            at--;
        }
        fraction[at] = '\0';
    }
    int length = snprintf(out, size, "%llu%s%s", (unsigned long long)(amount / whole), fraction, name);
    return length < 0 || (size_t)length >= size ? size : (size_t)length;
}

void units_format_duration(uint64_t ns, char *out, size_t size)
{
    if (size == 0) {
        return;
    }
    if (ns < NS_PER_S && ns > 0) {
        const char *name = ns >= NS_PER_MS ? "ms" : ns >= NS_PER_US ? "us" : "ns";
        uint64_t whole = ns >= NS_PER_MS ? NS_PER_MS : ns >= NS_PER_US ? NS_PER_US : 1;
        (void)format_part(ns, whole, name, out, size);
        return;
    }
    size_t at = 0;
    out[0] = '\0';
    uint64_t rest = ns;
    for (size_t i = COUNT(duration_units); i-- > 4 && at < size;) { /* d, h, m */
        const struct unit *unit = &duration_units[i];
        CHECK(unit->factor > 0);
        if (rest >= unit->factor) {
            at += format_part(rest - rest % unit->factor, unit->factor, unit->name, out + at, size - at);
            rest %= unit->factor;
        }
    }
    if ((rest > 0 || ns == 0) && at < size) {
        (void)format_part(rest, NS_PER_S, "s", out + at, size - at);
    }
}

void units_format_size(uint64_t bytes, char *out, size_t size)
{
    static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    if (bytes < 1024) {
        (void)snprintf(out, size, "%llu B", (unsigned long long)bytes);
        return;
    }
    size_t step = 0;
    double value = (double)bytes / 1024;
    while (value >= 1023.95 && step + 1 < COUNT(names)) { /* what would print as 1024.0 */
        value /= 1024;
        step++;
    }
    (void)snprintf(out, size, "%.1f %s", value, names[step]);
}
