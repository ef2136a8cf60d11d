/* See decimal.h. */
#include "base/decimal.h"
#include "base/memory.h"
#include <float.h>
#include <math.h>
#include <stdint.h>
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

/* ---- the common case, exactly ---- */

static const double powers_of_ten[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                        1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

/* mantissa * 10^-decimals, rounded once: both numbers are exact in a double. */
static double scaled_down(double mantissa, int decimals)
{
    return decimals >= 0 ? mantissa / powers_of_ten[decimals] : mantissa * powers_of_ten[-decimals];
}

static double scaled_up(double value, int decimals)
{
    return decimals >= 0 ? value * powers_of_ten[decimals] : value / powers_of_ten[-decimals];
}

/* The e of 10^e <= value < 10^(e+1), for 1e-7 <= value < 1e22. */
static int magnitude_of(double value)
{
    int e = 0;
    if (value >= 1) {
        while (value >= powers_of_ten[e + 1]) {
            e++;
        }
        return e;
    }
    while (value * powers_of_ten[-e] < 1) {
        e--;
    }
    return e;
}

static void take_mantissa(uint64_t mantissa, int decimals, bool negative, struct decimal *out)
{
    char reversed[DECIMAL_DIGITS + 4] = { 0 };
    int count = 0;
    while (mantissa > 0) {
        reversed[count++] = (char)('0' + mantissa % 10);
        mantissa /= 10;
    }
    int zeros = 0;
    while (zeros < count - 1 && reversed[zeros] == '0') {
        zeros++;
    }
    out->negative = negative;
    out->exponent = count - decimals;
    out->count = count - zeros;
    for (int i = 0; i < out->count; i++) {
        out->digits[i] = reversed[count - 1 - i];
    }
    out->digits[out->count] = '\0';
}

static bool zero_exactly(double value, struct decimal *out)
{
    *out = (struct decimal){ .digits = "0", .count = 1, .exponent = 1, .negative = signbit(value) != 0 };
    return value == 0;
}

/* Of the decimals with 15 digits at most one reads back as a given double, so the one that the quotient of
 * two exact numbers confirms is it.  False: more digits, or a value outside of what is exact here. */
static bool double_exactly(double value, struct decimal *out)
{
    double size = fabs(value);
    if (size < 1e-7 || size >= 1e15) {
        return false;
    }
    int decimals = DBL_DIG - 1 - magnitude_of(size);
    double mantissa = rint(scaled_up(size, decimals));
    if (scaled_down(mantissa, decimals) != size) {
        return false;
    }
    take_mantissa((uint64_t)mantissa, decimals, value < 0, out);
    return true;
}

/* Whether strtof would read mantissa * 10^-decimals as value.  The quotient is rounded to a double and then
 * to a float: *unsure when that could differ from rounding once, which it can only on the very middle of two
 * floats. */
static bool reads_back_exactly(double mantissa, int decimals, float value, bool *unsure)
{
    double quotient = scaled_down(mantissa, decimals);
    uint64_t bits;
    memcpy(&bits, &quotient, sizeof(bits));
    *unsure = *unsure || (bits & 0x1fffffff) == 0x10000000;
    return (float)quotient == value;
}

/* A float has 24 bits and 10^12 = 2^12 * 5^12 has 28 that are not zeros: up to there their product is exact
 * in a double, and so is the rounding of it to digits.  False: outside of that. */
static bool float_exactly(float value, struct decimal *out)
{
    double size = fabs((double)value);
    if (size < 1e-3 || size >= 1e9) {
        return false;
    }
    int magnitude = magnitude_of(size);
    bool unsure = false;
    for (int digits = FLT_DIG; digits <= FLT_DECIMAL_DIG; digits++) {
        int decimals = digits - 1 - magnitude;
        double mantissa = rint(scaled_up(size, decimals));
        bool found =
            digits == FLT_DECIMAL_DIG || reads_back_exactly(mantissa, decimals, (float)size, &unsure);
        if (!found && reads_back_exactly(mantissa + 1, decimals, (float)size, &unsure)) {
            mantissa += 1; /* see raise_last_digit */
            found = mantissa < powers_of_ten[digits];
        }
        if (unsure) {
            return false;
        }
        if (found) {
            take_mantissa((uint64_t)mantissa, decimals, value < 0, out);
            return true;
        }
    }
    return false;
}

/* ---- every case ---- */

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
    if (zero_exactly(value, out) || double_exactly(value, out)) {
        return;
    }
    bool subnormal = fabs(value) < DBL_MIN;
    shortest(value, reads_back_double, subnormal ? 1 : DBL_DIG, DECIMAL_DIGITS, out);
}

void decimal_of_float(float value, struct decimal *out)
{
    if (zero_exactly((double)value, out) || float_exactly(value, out)) {
        return;
    }
    bool subnormal = fabsf(value) < FLT_MIN;
    shortest((double)value, reads_back_float, subnormal ? 1 : FLT_DIG, FLT_DECIMAL_DIG, out);
}

/* Up to 15 digits and 22 decimals: both numbers of the quotient are exact, so it is rounded once. */
static bool read_exactly(struct str number, double *out)
{
    uint64_t mantissa = 0;
    int digits = 0;
    int decimals = -1; /* no point yet */
    bool negative = number.size > 0 && number.data[0] == '-';
    for (size_t i = negative ? 1 : 0; i < number.size; i++) {
        char c = number.data[i];
        if (c == '.' && decimals < 0) {
            decimals = 0;
        } else if (c >= '0' && c <= '9' && digits < DBL_DIG) {
            mantissa = mantissa * 10 + (uint64_t)(c - '0');
            digits += mantissa > 0 ? 1 : 0;
            decimals += decimals >= 0 ? 1 : 0;
        } else {
            return false;
        }
    }
    if (decimals > 22) {
        return false;
    }
    double size = scaled_down((double)mantissa, decimals < 0 ? 0 : decimals);
    *out = negative ? -size : size;
    return true;
}

double decimal_read(struct str number)
{
    double value;
    char text[512];
    if (read_exactly(number, &value)) {
        return value;
    }
    if (number.size < sizeof(text)) {
        memcpy(text, number.data, number.size);
        text[number.size] = '\0';
        return strtod(text, NULL);
    }
    char *copy = mem_strndup(number.data, number.size);
    value = strtod(copy, NULL);
    mem_free(copy);
    return value;
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
