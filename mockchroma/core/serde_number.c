/* Numbers, digit for digit as serde_json reads them: the same kinds, the same rounding, the same place of an
 * error.
 *
 * A double is not the nearest one to its text: serde_json multiplies a mantissa of 64 bits with a power of
 * ten. Fails by serde_fail_*, with the reader where the reference stands. */
#include "mockchroma/core/serde_internal.h"
#include "base/decimal.h"
#include <math.h>

enum { LARGEST_POWER = 308 };

static bool is_digit(const struct serde *s)
{
    return s->at < s->size && s->data[s->at] >= '0' && s->data[s->at] <= '9';
}

static bool need_digits(struct serde *s)
{
    if (!is_digit(s)) {
        return serde_fail_peeked(s, s->at < s->size ? "invalid number" : "EOF while parsing a value");
    }
    return true;
}

static const double powers_of_ten[] = {
    1e0,   1e1,   1e2,   1e3,   1e4,   1e5,   1e6,   1e7,   1e8,   1e9,   1e10,  1e11,  1e12,  1e13,  1e14,
    1e15,  1e16,  1e17,  1e18,  1e19,  1e20,  1e21,  1e22,  1e23,  1e24,  1e25,  1e26,  1e27,  1e28,  1e29,
    1e30,  1e31,  1e32,  1e33,  1e34,  1e35,  1e36,  1e37,  1e38,  1e39,  1e40,  1e41,  1e42,  1e43,  1e44,
    1e45,  1e46,  1e47,  1e48,  1e49,  1e50,  1e51,  1e52,  1e53,  1e54,  1e55,  1e56,  1e57,  1e58,  1e59,
    1e60,  1e61,  1e62,  1e63,  1e64,  1e65,  1e66,  1e67,  1e68,  1e69,  1e70,  1e71,  1e72,  1e73,  1e74,
    1e75,  1e76,  1e77,  1e78,  1e79,  1e80,  1e81,  1e82,  1e83,  1e84,  1e85,  1e86,  1e87,  1e88,  1e89,
    1e90,  1e91,  1e92,  1e93,  1e94,  1e95,  1e96,  1e97,  1e98,  1e99,  1e100, 1e101, 1e102, 1e103, 1e104,
    1e105, 1e106, 1e107, 1e108, 1e109, 1e110, 1e111, 1e112, 1e113, 1e114, 1e115, 1e116, 1e117, 1e118, 1e119,
    1e120, 1e121, 1e122, 1e123, 1e124, 1e125, 1e126, 1e127, 1e128, 1e129, 1e130, 1e131, 1e132, 1e133, 1e134,
    1e135, 1e136, 1e137, 1e138, 1e139, 1e140, 1e141, 1e142, 1e143, 1e144, 1e145, 1e146, 1e147, 1e148, 1e149,
    1e150, 1e151, 1e152, 1e153, 1e154, 1e155, 1e156, 1e157, 1e158, 1e159, 1e160, 1e161, 1e162, 1e163, 1e164,
    1e165, 1e166, 1e167, 1e168, 1e169, 1e170, 1e171, 1e172, 1e173, 1e174, 1e175, 1e176, 1e177, 1e178, 1e179,
    1e180, 1e181, 1e182, 1e183, 1e184, 1e185, 1e186, 1e187, 1e188, 1e189, 1e190, 1e191, 1e192, 1e193, 1e194,
    1e195, 1e196, 1e197, 1e198, 1e199, 1e200, 1e201, 1e202, 1e203, 1e204, 1e205, 1e206, 1e207, 1e208, 1e209,
    1e210, 1e211, 1e212, 1e213, 1e214, 1e215, 1e216, 1e217, 1e218, 1e219, 1e220, 1e221, 1e222, 1e223, 1e224,
    1e225, 1e226, 1e227, 1e228, 1e229, 1e230, 1e231, 1e232, 1e233, 1e234, 1e235, 1e236, 1e237, 1e238, 1e239,
    1e240, 1e241, 1e242, 1e243, 1e244, 1e245, 1e246, 1e247, 1e248, 1e249, 1e250, 1e251, 1e252, 1e253, 1e254,
    1e255, 1e256, 1e257, 1e258, 1e259, 1e260, 1e261, 1e262, 1e263, 1e264, 1e265, 1e266, 1e267, 1e268, 1e269,
    1e270, 1e271, 1e272, 1e273, 1e274, 1e275, 1e276, 1e277, 1e278, 1e279, 1e280, 1e281, 1e282, 1e283, 1e284,
    1e285, 1e286, 1e287, 1e288, 1e289, 1e290, 1e291, 1e292, 1e293, 1e294, 1e295, 1e296, 1e297, 1e298, 1e299,
    1e300, 1e301, 1e302, 1e303, 1e304, 1e305, 1e306, 1e307, 1e308,
};

/* mantissa * 10^exponent as serde_json computes it, which is not the nearest double: more than 19 digits are
 * cut, and a product of two doubles is rounded once more.  False for what no double holds. */
static bool from_parts(uint64_t mantissa, int exponent, double *out)
{
    double value = (double)mantissa;
    for (; exponent < -LARGEST_POWER && value != 0; exponent += LARGEST_POWER) {
        value /= 1e308;
    }
    if (value == 0) {
        *out = 0;
        return true;
    }
    if (exponent > LARGEST_POWER) {
        return false;
    }
    double power = powers_of_ten[exponent < 0 ? -exponent : exponent];
    *out = exponent < 0 ? value / power : value * power;
    return isfinite(*out);
}

/* Like serde_json, an exponent beyond an int32 is judged at the digit that makes it so: what follows is not
 * read when the number is too large, and the number is zero when it is too small or its mantissa is zero. */
static bool exponent_part(struct serde *s, bool zero_mantissa, int *exponent)
{
    enum { BEYOND = 100000 }; /* far beyond every double, and far within an int */
    bool negative = false;
    int64_t value = 0;
    s->at++;
    if (s->at < s->size && (s->data[s->at] == '+' || s->data[s->at] == '-')) {
        negative = s->data[s->at] == '-';
        s->at++;
    }
    if (!need_digits(s)) {
        return false;
    }
    for (; is_digit(s); s->at++) {
        value = value <= INT32_MAX ? value * 10 + (s->data[s->at] - '0') : value;
        if (value > INT32_MAX && !negative && !zero_mantissa) {
            return serde_fail_syntax(s, "number out of range", s->at + 1);
        }
    }
    int capped = value > BEYOND ? BEYOND : (int)value;
    *exponent += negative ? -capped : capped;
    return true;
}

struct digits {
    uint64_t mantissa;
    int exponent;
    bool cut;     /* the integer had more digits than the mantissa holds */
    bool integer; /* no point, no exponent */
};

/* Takes the next digit into the mantissa; false: it does not fit. */
static bool take_digit(struct serde *s, struct digits *d)
{
    uint64_t digit = (uint64_t)(s->data[s->at] - '0');
    if (d->mantissa > (UINT64_MAX - digit) / 10) {
        return false;
    }
    d->mantissa = d->mantissa * 10 + digit;
    s->at++;
    return true;
}

static bool integer_part(struct serde *s, struct digits *d)
{
    if (!need_digits(s)) {
        return false;
    }
    if (s->data[s->at] == '0') {
        s->at++;
        return !is_digit(s) || serde_fail_peeked(s, "invalid number");
    }
    while (is_digit(s) && take_digit(s, d)) {
    }
    for (; is_digit(s); s->at++) {
        d->cut = true;
        d->exponent++;
    }
    return true;
}

static bool fraction_part(struct serde *s, struct digits *d)
{
    s->at++;
    if (!need_digits(s)) {
        return false;
    }
    while (is_digit(s) && take_digit(s, d)) {
        d->exponent--;
    }
    while (is_digit(s)) {
        s->at++;
    }
    return true;
}

static bool scan_digits(struct serde *s, struct digits *d)
{
    *d = (struct digits){ .integer = true };
    if (!integer_part(s, d)) {
        return false;
    }
    if (s->at < s->size && s->data[s->at] == '.') {
        d->integer = false;
        if (!fraction_part(s, d)) {
            return false;
        }
    }
    if (s->at < s->size && (s->data[s->at] == 'e' || s->data[s->at] == 'E')) {
        d->integer = false;
        return exponent_part(s, d->mantissa == 0, &d->exponent);
    }
    return true;
}

bool serde_number(struct serde *s, struct serde_number *out)
{
    struct digits d;
    if (s->failed) {
        return false;
    }
    bool negative = s->data[s->at] == '-';
    s->at += negative ? 1 : 0;
    if (!scan_digits(s, &d)) {
        return false;
    }
    *out = (struct serde_number){ .kind = SERDE_F64 };
    if (d.integer && !d.cut && !negative) {
        out->kind = SERDE_U64;
        out->u = d.mantissa;
        return true;
    }
    if (d.integer && !d.cut && d.mantissa > 0 && d.mantissa <= UINT64_C(1) << 63) {
        out->kind = SERDE_I64;
        out->i = d.mantissa == UINT64_C(1) << 63 ? INT64_MIN : -(int64_t)d.mantissa;
        return true;
    }
    double value;
    if (!from_parts(d.mantissa, d.exponent, &value)) {
        return serde_fail_syntax(s, "number out of range", s->at);
    }
    out->f = negative ? -value : value;
    return true;
}

double serde_number_double(const struct serde_number *n)
{
    switch (n->kind) {
        case SERDE_U64:
            return (double)n->u;
        case SERDE_I64:
            return (double)n->i;
        case SERDE_F64:
            break;
    }
    return n->f;
}

double serde_number_reread(double value)
{
    struct decimal d;
    uint64_t mantissa = 0;
    decimal_of_double(value, &d);
    for (int i = 0; i < d.count; i++) {
        mantissa = mantissa * 10 + (uint64_t)(d.digits[i] - '0');
    }
    double read;
    if (!from_parts(mantissa, d.exponent - d.count, &read)) {
        return value;
    }
    return d.negative ? -read : read;
}

void serde_number_name(const struct serde_number *n, struct buf *out)
{
    char text[DECIMAL_TEXT_BYTES];
    switch (n->kind) {
        case SERDE_U64:
            buf_printf(out, "integer `%llu`", (unsigned long long)n->u);
            return;
        case SERDE_I64:
            buf_printf(out, "integer `%lld`", (long long)n->i);
            return;
        case SERDE_F64:
            break;
    }
    struct decimal shortest;
    decimal_of_double(n->f, &shortest);
    decimal_print(&shortest, -5, 16, true, text);
    buf_printf(out, "floating point `%s`", text);
}
