/* base/prng, uuid, heap, crc32c, digest, units: whatever must come out the same everywhere. */
#include "base/crc32c.h"
#include "base/decimal.h"
#include "base/digest.h"
#include "base/heap.h"
#include "base/prng.h"
#include "base/units.h"
#include "base/uuid.h"
#include "tests/lib/suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The figures of the published reference code for this seeding; a change breaks every recorded seed. */
static void a_seed_gives_the_sequence_it_always_gave(void)
{
    struct prng p;
    prng_seed(&p, 0);
    CU_ASSERT_EQUAL(p.s[0], UINT64_C(0xe220a8397b1dcdaf)); /* splitmix64(0), first output */
    CU_ASSERT_EQUAL(prng_next(&p), UINT64_C(0x99ec5f36cb75f2b4));
    CU_ASSERT_EQUAL(prng_next(&p), UINT64_C(0xbf6e1f784956452a));
    prng_seed(&p, 42);
    uint64_t sum = 0;
    for (int i = 0; i < 1000; i++) {
        sum += prng_exponential(&p, UINT64_C(1000000000));
    }
    CU_ASSERT_EQUAL(sum, UINT64_C(1028672086844));
}

static void draws_stay_in_their_bounds_and_spread(void)
{
    struct prng p;
    prng_seed(&p, 7);
    unsigned seen[6] = { 0 };
    for (int i = 0; i < 6000; i++) {
        uint64_t v = prng_below(&p, 6);
        CU_ASSERT_FATAL(v < 6);
        seen[v]++;
    }
    for (int i = 0; i < 6; i++) {
        CU_ASSERT(seen[i] > 850 && seen[i] < 1150);
    }
    for (int i = 0; i < 1000; i++) {
        uint64_t v = prng_between(&p, 10, 12);
        CU_ASSERT(v >= 10 && v <= 12);
        CU_ASSERT(prng_below(&p, 1) == 0);
        CU_ASSERT(prng_chance(&p, 1, 1));
        CU_ASSERT(!prng_chance(&p, 0, 5));
    }
    (void)prng_between(&p, 0, UINT64_MAX); /* the whole range is no bound of zero */
}

static void the_exponential_has_its_mean_and_its_cap(void)
{
    struct prng p;
    prng_seed(&p, 3);
    uint64_t mean = 1000000;
    double sum = 0;
    unsigned above_mean = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t v = prng_exponential(&p, mean);
        CU_ASSERT_FATAL(v <= 20 * mean);
        sum += (double)v;
        above_mean += v > mean ? 1 : 0;
    }
    CU_ASSERT(fabs(sum / 20000 / (double)mean - 1) < 0.03);
    CU_ASSERT(above_mean > 7000 && above_mean < 7700); /* 1/e of them */
    CU_ASSERT_EQUAL(prng_exponential(&p, 0), 0);
    CU_ASSERT(prng_exponential(&p, UINT64_MAX) > 0); /* saturates, never wraps to nothing */
}

static void parts_draw_independently(void)
{
    struct prng p;
    prng_seed(&p, 1);
    struct prng disk = prng_split(&p, "disk");
    struct prng net = prng_split(&p, "net");
    struct prng disk_again = prng_split(&p, "disk");
    uint64_t first = prng_next(&disk);
    CU_ASSERT_EQUAL(first, prng_next(&disk_again));
    CU_ASSERT_NOT_EQUAL(first, prng_next(&net));
    (void)prng_next(&p);
    struct prng later = prng_split(&p, "disk");
    CU_ASSERT_NOT_EQUAL(first, prng_next(&later));
}

static void uuids_read_as_a_chroma_server_reads_them(void)
{
    struct uuid u;
    struct uuid same;
    char text[UUID_TEXT_SIZE + 1];
    CU_ASSERT(uuid_parse(STR("0AbCdef1-2345-4678-9abc-def012345678"), &u));
    uuid_format(&u, text);
    CU_ASSERT_STRING_EQUAL(text, "0abcdef1-2345-4678-9abc-def012345678");
    CU_ASSERT(uuid_parse(STR("0abcdef1234546789abcdef012345678"), &same));
    CU_ASSERT(uuid_equal(&u, &same));
    CU_ASSERT(!uuid_parse(STR("0abcdef1-2345-4678-9abc-def01234567"), &same));
    CU_ASSERT(!uuid_parse(STR("0abcdef1-2345-4678-9abc-def01234567g"), &same));
    CU_ASSERT(!uuid_parse(STR("0abcdef12-345-4678-9abc-def012345678"), &same));
    CU_ASSERT(!uuid_parse(STR(""), &same));
    CU_ASSERT(uuid_equal(&u, &same)); /* a failure writes nothing */
    struct prng p;
    prng_seed(&p, 5);
    for (int i = 0; i < 100; i++) {
        u = uuid_mint(&p);
        uuid_format(&u, text);
        CU_ASSERT(text[14] == '4' && strchr("89ab", text[19]) != NULL);
        CU_ASSERT(!uuid_is_zero(&u));
        CU_ASSERT(uuid_parse(str_of(text), &same) && uuid_equal(&u, &same));
    }
}

struct timer {
    struct heap_node node;
    uint64_t due;
};

static void a_heap_gives_the_earliest_first_and_equals_in_order(void)
{
    enum { TIMERS = 300 };
    static struct timer timers[TIMERS];
    struct heap h;
    struct prng p;
    heap_init(&h);
    prng_seed(&p, 11);
    for (size_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < TIMERS; i++) {
            timers[i] = (struct timer){ .due = prng_below(&p, 50) };
            heap_insert(&h, &timers[i].node, timers[i].due);
        }
        size_t left = TIMERS;
        for (size_t i = 0; i < TIMERS; i += 3) {
            heap_remove(&h, &timers[i].node);
            heap_remove(&h, &timers[i].node); /* no effect */
            CU_ASSERT(!heap_contains(&timers[i].node));
            left--;
        }
        const struct timer *last = NULL;
        for (; heap_peek(&h) != NULL; left--) {
            const struct timer *t = HEAP_ENTRY(heap_pop(&h), struct timer, node);
            CU_ASSERT(last == NULL || last->due < t->due || (last->due == t->due && last < t));
            last = t;
        }
        CU_ASSERT_EQUAL(left, 0);
    }
    CU_ASSERT_PTR_NULL(heap_pop(&h));
    heap_deinit(&h);
}

/* Vectors of RFC 3720, appendix B.4. */
static void crc32c_agrees_with_the_rfc_on_both_paths(void)
{
    uint8_t bytes[32] = { 0 };
    CU_ASSERT_EQUAL(crc32c(0, bytes, 32), 0x8a9136aa);
    CU_ASSERT_EQUAL(crc32c_portable(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    CU_ASSERT_EQUAL(crc32c(0, bytes, 32), 0x62a8ab43);
    CU_ASSERT_EQUAL(crc32c(0, "123456789", 9), 0xe3069283);
    CU_ASSERT_EQUAL(crc32c(0, NULL, 0), 0);
    uint8_t text[100];
    struct prng p;
    prng_seed(&p, 9);
    for (size_t size = 0; size < sizeof(text); size++) {
        text[size] = (uint8_t)prng_next(&p);
        uint32_t whole = crc32c(0, text, size);
        size_t cut = size / 3;
        CU_ASSERT_EQUAL(whole, crc32c_portable(0, text, size));
        CU_ASSERT_EQUAL(whole, crc32c(crc32c(0, text, cut), text + cut, size - cut));
    }
}

static void a_digest_is_of_the_bytes_not_of_the_pieces(void)
{
    char whole[DIGEST_TEXT_SIZE + 1];
    char pieces[DIGEST_TEXT_SIZE + 1];
    digest_of(STR("hello world"), whole);
    CU_ASSERT_EQUAL(strlen(whole), DIGEST_TEXT_SIZE);
    struct digest *d = digest_new();
    digest_add(d, STR("hello "));
    digest_add(d, str_make(NULL, 0));
    digest_add(d, STR("world"));
    digest_text(d, pieces);
    CU_ASSERT_STRING_EQUAL(whole, pieces);
    digest_add(d, STR("!"));
    digest_text(d, pieces);
    CU_ASSERT_STRING_NOT_EQUAL(whole, pieces);
    digest_free(d);
    digest_of(str_make(NULL, 0), whole);
    CU_ASSERT_STRING_EQUAL(whole, "99aa06d3014798d86001c324468d497f"); /* published XXH3-128 of nothing */
}

static uint64_t duration(const char *text)
{
    uint64_t ns = 0;
    return units_parse_duration(str_of(text), 0, &ns, NULL) == 0 ? ns : UINT64_MAX;
}

static uint64_t size(const char *text)
{
    uint64_t bytes = 0;
    return units_parse_size(str_of(text), false, &bytes, NULL) == 0 ? bytes : UINT64_MAX;
}

static void units_are_exact(void)
{
    CU_ASSERT_EQUAL(duration("250ms"), 250 * NS_PER_MS);
    CU_ASSERT_EQUAL(duration(" 1m30.5s "), 90 * NS_PER_S + 500 * NS_PER_MS);
    CU_ASSERT_EQUAL(duration("0.1s"), 100 * NS_PER_MS);
    CU_ASSERT_EQUAL(duration("1.5h"), 5400 * NS_PER_S);
    CU_ASSERT_EQUAL(duration("2d"), 172800 * NS_PER_S);
    CU_ASSERT_EQUAL(duration("3us"), 3000);
    CU_ASSERT_EQUAL(size("20KB"), 20480);
    CU_ASSERT_EQUAL(size("1.25KB"), 1280);
    CU_ASSERT_EQUAL(size("256MiB"), UINT64_C(268435456));
    CU_ASSERT_EQUAL(size("7B"), 7);
    double v = 0;
    CU_ASSERT(units_parse_rate(STR("50/min"), &v, NULL) == 0 && fabs(v - 50.0 / 60) < 1e-12);
    CU_ASSERT(units_parse_rate(STR("200/s"), &v, NULL) == 0 && v == 200);
    CU_ASSERT(units_parse_share(STR("80%"), false, &v, NULL) == 0 && v == 0.8);
    CU_ASSERT(units_parse_share(STR("0.8"), true, &v, NULL) == 0 && v == 0.8);
    uint64_t n = 0;
    CU_ASSERT(units_parse_u64(STR("18446744073709551615"), &n, NULL) == 0 && n == UINT64_MAX);
    CU_ASSERT(units_parse_duration(STR("15"), NS_PER_S, &n, NULL) == 0 && n == 15 * NS_PER_S);
}

static void wrong_units_are_refused_with_what_would_be_right(void)
{
    struct errmsg msg;
    uint64_t n = 1;
    double v = 1;
    CU_ASSERT_NOT_EQUAL(units_parse_duration(STR("30"), 0, &n, &msg), 0);
    CU_ASSERT_STRING_EQUAL(
        msg.text, "\"30\" needs a unit (a duration): write \"30s\", or \"30m\" if you meant minutes");
    CU_ASSERT_NOT_EQUAL(units_parse_duration(STR("30sec"), 0, &n, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "unknown unit \"sec\""));
    static const char *const bad[] = { "",    "s",   "-1s",   "1.s",          ".5s",
                                       "1s2", "1 s", "1..2s", "99999999999d", "1e3s" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_NOT_EQUAL(units_parse_duration(str_of(bad[i]), 0, &n, &msg), 0);
    }
    CU_ASSERT_NOT_EQUAL(units_parse_size(STR("20"), false, &n, &msg), 0);
    CU_ASSERT_NOT_EQUAL(units_parse_size(STR("99999999999GB"), false, &n, &msg), 0);
    CU_ASSERT_NOT_EQUAL(units_parse_rate(STR("50"), &v, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "50/min"));
    CU_ASSERT_NOT_EQUAL(units_parse_rate(STR("50/year"), &v, &msg), 0);
    CU_ASSERT_NOT_EQUAL(units_parse_share(STR("0.7"), false, &v, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "write \"70%\""));
    CU_ASSERT_NOT_EQUAL(units_parse_share(STR("101%"), true, &v, &msg), 0);
    CU_ASSERT_NOT_EQUAL(units_parse_share(STR("80"), true, &v, &msg), 0);
    CU_ASSERT_NOT_EQUAL(units_parse_u64(STR("1.5"), &n, &msg), 0);
    CU_ASSERT_NOT_EQUAL(units_parse_u64(STR("18446744073709551616"), &n, &msg), 0);
    CU_ASSERT_NOT_EQUAL(units_parse_double(STR("nan"), &v, &msg), 0);
    CU_ASSERT_NOT_EQUAL(units_parse_double(STR("0x10"), &v, &msg), 0);
    CU_ASSERT_NOT_EQUAL(units_parse_double(STR("1e999"), &v, &msg), 0);
    CU_ASSERT(n == 1 && v == 1); /* a failure writes nothing */
}

static void durations_format_to_what_parses_back(void)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        { 0, "0s" },
        { 1, "1ns" },
        { 1500, "1.5us" },
        { 250 * NS_PER_MS, "250ms" },
        { NS_PER_S, "1s" },
        { 90 * NS_PER_S, "1m30s" },
        { 3600 * NS_PER_S, "1h" },
        { 90061 * NS_PER_S + 1, "1d1h1m1.000000001s" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        units_format_duration(cases[i].ns, text, sizeof(text));
        CU_ASSERT_STRING_EQUAL(text, cases[i].text);
        CU_ASSERT_EQUAL(duration(text), cases[i].ns);
    }
    char tiny[4];
    units_format_duration(UINT64_MAX, tiny, sizeof(tiny)); /* cut, not overrun */
    CU_ASSERT(strlen(tiny) < sizeof(tiny));
    char text[32];
    units_format_size(293 * (UINT64_C(1) << 20), text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "293.0 MiB");
    units_format_size(1023, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "1023 B");
    units_format_size((UINT64_C(1) << 20) - 1, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "1.0 MiB");
}

/* Digit by digit as C's own library finds them: ever more digits until they read back. */
static void reference_digits(double value, bool single, char out[32])
{
    int most = single ? 9 : 17;
    char text[32];
    for (int digits = 1; digits <= most; digits++) {
        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        if (single ? (double)strtof(text, NULL) == value : strtod(text, NULL) == value) {
            break;
        }
    }
    (void)snprintf(out, 32, "%s", text);
}

static void expect_digits(double value, bool single)
{
    struct decimal d;
    char text[32];
    char expected[32];
    if (single) {
        decimal_of_float((float)value, &d);
    } else {
        decimal_of_double(value, &d);
    }
    (void)snprintf(text, sizeof(text), "%s%c%s%.*se%+03d", d.negative ? "-" : "", d.digits[0],
                   d.count > 1 ? "." : "", d.count - 1, d.digits + 1, d.exponent - 1);
    reference_digits(value, single, expected);
    if (strcmp(text, expected) != 0) {
        (void)fprintf(stderr, "%.17g: %s, not %s\n", value, text, expected);
    }
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static void shortest_digits_are_those_of_the_library(void)
{
    struct prng p;
    prng_seed(&p, 7);
    for (int i = 0; i < 60000; i++) {
        double scale = pow(10, (double)prng_below(&p, 14) - 4);
        double value = (double)prng_below(&p, 1u << 30) / (1u << 30) * scale;
        double decimal = round(value * 1e6) / 1e6;
        expect_digits(value, false);
        expect_digits(-decimal, false);
        expect_digits((double)(float)value, true);
        expect_digits(-(double)(float)decimal, true);
        expect_digits((double)(float)prng_below(&p, 1u << 31), true);
        expect_digits((double)prng_below(&p, UINT64_C(1) << 52), false);
    }
}

static void numbers_are_read_as_the_library_reads_them(void)
{
    static const char *const texts[] = { "0",
                                         "-0",
                                         "0.0",
                                         "1",
                                         "-1.5",
                                         "0.1",
                                         "123456789012345",
                                         "1234567890123456",
                                         "0.000000000000000000001",
                                         "0.00000000000000000000001",
                                         "1e3",
                                         "-1E-7",
                                         "1e400",
                                         "9007199254740993",
                                         "0.1e1" };
    struct prng p;
    prng_seed(&p, 9);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        double value = decimal_read(str_of(texts[i]));
        double expected = strtod(texts[i], NULL);
        CU_ASSERT_EQUAL(memcmp(&value, &expected, sizeof(value)), 0);
    }
    for (int i = 0; i < 60000; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%.*f", (int)prng_below(&p, 12),
                       (double)prng_below(&p, 1u << 30) / (double)(1 + prng_below(&p, 1u << 20)));
        CU_ASSERT_EQUAL(decimal_read(str_of(text)), strtod(text, NULL));
    }
}

static const struct suite_test tests[] = {
    { "a seed gives the sequence it always gave", a_seed_gives_the_sequence_it_always_gave },
    { "draws stay in their bounds and spread", draws_stay_in_their_bounds_and_spread },
    { "the exponential has its mean and its cap", the_exponential_has_its_mean_and_its_cap },
    { "parts draw independently", parts_draw_independently },
    { "uuids read as a Chroma server reads them", uuids_read_as_a_chroma_server_reads_them },
    { "a heap gives the earliest first and equals in order",
      a_heap_gives_the_earliest_first_and_equals_in_order },
    { "crc32c agrees with the RFC on both paths", crc32c_agrees_with_the_rfc_on_both_paths },
    { "a digest is of the bytes, not of the pieces", a_digest_is_of_the_bytes_not_of_the_pieces },
    { "units are exact", units_are_exact },
    { "wrong units are refused with what would be right", wrong_units_are_refused_with_what_would_be_right },
    { "shortest digits are those of the library", shortest_digits_are_those_of_the_library },
    { "numbers are read as the library reads them", numbers_are_read_as_the_library_reads_them },
    { "durations format to what parses back", durations_format_to_what_parses_back },
};

TEST_MAIN("base/numbers", tests)
