/* The shortest decimal that reads back as the same binary number, and its text in JSON.
 *
 * What it solves: json_writer prints doubles, and the mock prints floats and doubles, in the very characters
 * of a Rust server; both want the same digits, only the layout differs. How: ever more digits until strtod
 * (strtof) reads the value back, and a way past both where plain arithmetic is known to be exact.  No
 * allocation, no failure. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include "base/str.h"
#include <stdbool.h>

enum {
    DECIMAL_DIGITS = 17,    /* always enough for a double */
    DECIMAL_TEXT_BYTES = 40 /* every layout of the limits below, with its NUL */
};

/* 0.DIGITS * 10^exponent; no zeros at the end of the digits; zero is "0" with the exponent 1. */
struct decimal {
    char digits[DECIMAL_DIGITS + 1];
    int count;
    int exponent;
    bool negative;
};

/* The value has to be finite. */
void decimal_of_double(double value, struct decimal *out);
void decimal_of_float(float value, struct decimal *out);

/* The double nearest to a number as JSON writes it. */
double decimal_read(struct str number);

/* "1234.5", "0.0012" where LOW < exponent <= HIGH, else "1.2e-7", "1e22"; LOW >= -6, HIGH <= 17.  With POINT
 * a whole number outside the form with e ends in ".0". */
void decimal_print(const struct decimal *d, int low, int high, bool point, char text[DECIMAL_TEXT_BYTES]);

#endif
