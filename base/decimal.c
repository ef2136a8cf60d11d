/* See decimal.h. */
#include "base/decimal.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCIENTIFIC_BYTES = 32 };

typedef bool reads_back_fn(const char *text, double value);

static bool reads_back_double(const char *text, double value)
{
    return strtod(text, NULL) == value;
}

static bool reads_back_float(const char *text, double value)
{
    return (double)strtof(text, NULL) == value;
}

/* Where a binary exponent changes, the decimal that is nearest to the value may fail where the next
 * one outwards reads back (2^-44 is the classic): raises the last digit of the mantissa by one. */
static void raise_last_digit(char *text)
{
    size_t at = strcspn(text, "e");
    while (at-- > 0) {
        if (text[at] == '.' || text[at] == '-') {
            continue;
        }
        if (text[at] != '9') {
            text[at]++;
            return;
        }
        text[at] = '0'; /* a carry out of the first digit would need one more digit: then it fails */
    }
}

static void take_apart(const char *scientific, struct decimal *out)
{
    const char *at = scientific;
    out->negative = *at == '-';
    out->count = 0;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            out->digits[out->count++] = *at;
        }
    }
    while (out->count > 1 && out->digits[out->count - 1] == '0') {
        out->count--;
    }
    out->digits[out->count] = '\0';
    out->exponent = (int)strtol(at + 1, NULL, 10) + 1;
}

/* LEAST digits survive every value of the type that is not subnormal, so fewer need no search of their own:
 * zeros at the end are cut. */
static void shortest(double value, reads_back_fn *reads_back, int least, int most, struct decimal *out)
{
    char text[SCIENTIFIC_BYTES];
    for (int digits = least; digits <= most; digits++) {
        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        if (digits == most || reads_back(text, value)) {
            break;
        }
        raise_last_digit(text);
        if (reads_back(text, value)) {
            break;
        }
    }
    take_apart(text, out);
}

void decimal_of_double(double value, struct decimal *out)
{
    bool subnormal = fabs(value) < DBL_MIN && value != 0;
    shortest(value, reads_back_double, subnormal ? 1 : DBL_DIG, DECIMAL_DIGITS, out);
}

void decimal_of_float(float value, struct decimal *out)
{
    bool subnormal = fabsf(value) < FLT_MIN && value != 0;
    shortest((double)value, reads_back_float, subnormal ? 1 : FLT_DIG, FLT_DECIMAL_DIG, out);
}

static char *put(char *to, const char *from, int count)
{
    memcpy(to, from, (size_t)count);
    return to + count;
}

static char *put_zeros(char *to, int count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

void decimal_print(const struct decimal *d, int low, int high, bool point, char text[DECIMAL_TEXT_BYTES])
{
    char *at = text;
    if (d->negative) {
        *at++ = '-';
    }
    if (d->exponent <= low || d->exponent > high) {
        *at++ = d->digits[0];
        if (d->count > 1) {
            *at++ = '.';
            at = put(at, d->digits + 1, d->count - 1);
        }
        (void)snprintf(at, (size_t)(text + DECIMAL_TEXT_BYTES - at), "e%d", d->exponent - 1);
        return;
    }
    if (d->exponent <= 0) {
        at = put(at, "0.", 2);
        at = put_zeros(at, -d->exponent);
        at = put(at, d->digits, d->count);
    } else if (d->count > d->exponent) {
        at = put(at, d->digits, d->exponent);
        *at++ = '.';
        at = put(at, d->digits + d->exponent, d->count - d->exponent);
    } else {
        at = put(at, d->digits, d->count);
        at = put_zeros(at, d->exponent - d->count);
        at = point ? put(at, ".0", 2) : at;
    }
    *at = '\0';
}
