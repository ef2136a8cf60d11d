/* base/json_writer, json_scan, utf8: what we write reads back, what we scan we understood. */
#include "base/buf.h"
#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_writer.h"
#include "base/prng.h"
#include "base/utf8.h"
#include "tests/lib/suite.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct buf out;

static const char *number(double value)
{
    struct json_writer w;
    buf_clear(&out);
    json_writer_init(&w, &out, 0);
    json_put_double(&w, value);
    return buf_text(&out);
}

static void numbers_are_shortest_and_read_back(void)
{
    buf_init(&out, 1 << 20);
    CU_ASSERT_STRING_EQUAL(number(0), "0");
    CU_ASSERT_STRING_EQUAL(number(1), "1");
    CU_ASSERT_STRING_EQUAL(number(-2.5), "-2.5");
    CU_ASSERT_STRING_EQUAL(number(0.1), "0.1");
    CU_ASSERT_STRING_EQUAL(number(0.1 + 0.2), "0.30000000000000004");
    CU_ASSERT_STRING_EQUAL(number(1e22), "1e22");
    CU_ASSERT_STRING_EQUAL(number(1e-7), "1e-7");
    CU_ASSERT_STRING_EQUAL(number(5e-324), "5e-324");
    CU_ASSERT_STRING_EQUAL(number(0x1p-44), "5.684341886080802e-14");
    CU_ASSERT_STRING_EQUAL(number(NAN), "null");
    CU_ASSERT_STRING_EQUAL(number(-INFINITY), "null");
    struct prng p;
    prng_seed(&p, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = prng_next(&p);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value)) {
            CU_ASSERT_FATAL(strtod(number(value), NULL) == value);
        }
    }
    buf_deinit(&out);
}

static void fixed_numbers_are_those_of_printf(void)
{
    struct prng p;
    prng_seed(&p, 3);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < 30000; i++) {
        struct json_writer w;
        char expected[64];
        int decimals = (int)prng_below(&p, 5);
        double value =
            (double)prng_below(&p, 1u << 30) / (double)(1u + prng_below(&p, 4096)) - (i % 7 == 0 ? 9 : 0);
        value = i % 3 == 0 ? (double)prng_below(&p, 100000) / 2000 : value; /* many a tie */
        buf_clear(&out);
        json_writer_init(&w, &out, 0);
        json_put_fixed(&w, value, decimals);
        (void)snprintf(expected, sizeof(expected), "%.*f", decimals, value);
        CU_ASSERT_STRING_EQUAL_FATAL(buf_text(&out), expected);
    }
    buf_deinit(&out);
}

static void write_sample(struct json_writer *w)
{
    json_object_begin(w);
    json_pair_text(w, "t", "a\"\\\n\x01");
    json_pair_text(w, "none", NULL);
    json_key(w, "list");
    json_array_begin(w);
    json_put_u64(w, UINT64_MAX);
    json_put_i64(w, INT64_MIN);
    json_put_fixed(w, 2.345, 1);
    json_put_raw(w, STR("{\"raw\":1}"));
    json_array_end(w);
    json_key(w, "empty");
    json_object_begin(w);
    json_object_end(w);
    json_pair_bool(w, "b", false);
    json_object_end(w);
}

static void documents_nest_with_and_without_indent(void)
{
    struct json_writer w;
    buf_init(&out, 1000);
    json_writer_init(&w, &out, 0);
    write_sample(&w);
    CU_ASSERT_STRING_EQUAL(buf_text(&out),
                           "{\"t\":\"a\\\"\\\\\\n\\u0001\",\"none\":null,\"list\":[18446744073709551615,"
                           "-9223372036854775808,2.3,{\"raw\":1}],\"empty\":{},\"b\":false}");
    buf_clear(&out);
    json_writer_init(&w, &out, 2);
    json_object_begin(&w);
    json_key(&w, "a");
    json_array_begin(&w);
    json_put_bool(&w, true);
    json_put_null(&w);
    json_array_end(&w);
    json_key(&w, "e");
    json_array_begin(&w);
    json_array_end(&w);
    json_object_end(&w);
    CU_ASSERT_STRING_EQUAL(buf_text(&out), "{\n  \"a\": [\n    true,\n    null\n  ],\n  \"e\": []\n}");
    buf_deinit(&out);
}

static void bytes_that_are_not_utf8_become_the_replacement_character(void)
{
    struct json_writer w;
    buf_init(&out, 1000);
    json_writer_init(&w, &out, 0);
    json_put_str(&w, STR("\xc3\xa9|\xff|\xc0\x80|\xed\xa0\x80|\xf0\x9f\x98\x80|\xf4\x90\x80\x80|\xe2\x82"));
    json_t *read = json_loads(buf_text(&out), JSON_DECODE_ANY, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(read);
    CU_ASSERT_STRING_EQUAL(
        json_string_value(read),
        "\xc3\xa9|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
        "\xf0\x9f\x98\x80|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(read);
    buf_deinit(&out);
}

static void a_body_is_taken_apart_at_its_top_level(void)
{
    struct json_scan s;
    struct str body =
        STR(" {\"ids\":[\"a\",\"b\"],\"embeddings\" : [[1,2],[3,4]] ,\"documents\":null,\"n\":-1.5e+3,"
            "\"m\":{\"ids\":[1,2,3]},\"e\":[ ],\"t\":true,\"s\":\"x\\u00e9\"}\n");
    CU_ASSERT_EQUAL(json_scan(body, &s), 0);
    CU_ASSERT(s.is_object && s.count == 8 && !s.repeated_key && !s.escaped_key && !s.too_many &&
              s.trailing == 0);
    const struct json_member *ids = json_scan_find(&s, "ids");
    CU_ASSERT_PTR_NOT_NULL_FATAL(ids);
    CU_ASSERT(ids->kind == JSON_ARRAY_VALUE && ids->elements == 2 &&
              str_equal(ids->value, STR("[\"a\",\"b\"]")));
    CU_ASSERT_EQUAL(json_scan_find(&s, "embeddings")->elements, 2);
    CU_ASSERT(str_equal(json_scan_find(&s, "embeddings")->value, STR("[[1,2],[3,4]]")));
    CU_ASSERT_EQUAL(json_scan_find(&s, "documents")->kind, JSON_NULL_VALUE);
    CU_ASSERT(str_equal(json_scan_find(&s, "n")->value, STR("-1.5e+3")));
    CU_ASSERT_EQUAL(json_scan_find(&s, "m")->kind, JSON_OBJECT_VALUE);
    CU_ASSERT_EQUAL(json_scan_find(&s, "m")->elements, 0);
    CU_ASSERT_EQUAL(json_scan_find(&s, "e")->elements, 0);
    CU_ASSERT_EQUAL(json_scan_find(&s, "t")->kind, JSON_BOOL_VALUE);
    CU_ASSERT_EQUAL(json_scan_find(&s, "s")->kind, JSON_STRING_VALUE);
    CU_ASSERT_PTR_NULL(json_scan_find(&s, "i"));
}

static void oddities_that_forbid_joining_are_told(void)
{
    struct json_scan s;
    CU_ASSERT(json_scan(STR("{\"a\":1,\"a\":2}"), &s) == 0 && s.repeated_key);
    CU_ASSERT(!s.nested && !s.null_member);
    CU_ASSERT(json_scan(STR("{\"a\":1,\"b\":null}"), &s) == 0 && s.null_member && !s.nested);
    CU_ASSERT(json_scan(STR("{\"a\":[null]}"), &s) == 0 && s.nested && !s.null_member);
    CU_ASSERT(json_scan(STR("{\"\\u0061\":1}"), &s) == 0 && s.escaped_key);
    CU_ASSERT(json_scan(STR("{} x "), &s) == 0 && s.trailing == 1);
    CU_ASSERT(json_scan(STR("[1,2]"), &s) == 0 && !s.is_object && s.count == 0);
    CU_ASSERT(json_scan(STR("3"), &s) == 0 && !s.is_object);
    char many[400] = "{";
    for (int i = 0; i <= JSON_SCAN_MEMBERS; i++) {
        size_t used = strlen(many);
        (void)snprintf(many + used, sizeof(many) - used, "%s\"k%d\":0", i == 0 ? "" : ",", i);
    }
    strncat(many, "}", sizeof(many) - strlen(many) - 1);
    CU_ASSERT(json_scan(str_of(many), &s) == 0 && s.too_many && s.count == JSON_SCAN_MEMBERS);
}

static const char *const invalid[] = {
    "",
    " ",
    "{",
    "}",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{a:1}",
    "{'a':1}",
    "{\"a\" 1}",
    "[1 2]",
    "[}",
    "{]",
    "nul",
    "tru",
    "NaN",
    "Infinity",
    "-",
    "+1",
    ".5",
    "1.",
    "1e",
    "1e+",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\ud800\"",
    "\"\\ud800\\u0041\"",
    "\"\\udc00\"",
    "\"\t\"",
    "\"\x01\"",
    "\"\xff\"",
    "\"\xc3\"",
    "\xef\xbb\xbf{}",
    "{\"a\":1]",
    "[[[1]]",
    "{\"a\":{\"b\":1}",
    "{1:2}",
    "[,1]",
    "{,}",
};

static void what_is_not_json_is_refused(void)
{
    struct json_scan s;
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        int code = json_scan(str_of(invalid[i]), &s);
        if (code != ERR_SYNTAX) {
            (void)fprintf(stderr, "accepted: %s\n", invalid[i]);
        }
        CU_ASSERT_EQUAL(code, ERR_SYNTAX);
    }
    CU_ASSERT_EQUAL(json_scan(str_make(NULL, 0), &s), ERR_SYNTAX);
    CU_ASSERT_EQUAL(json_scan(STR("\"a\0b\""), &s), ERR_SYNTAX);
}

static void depth_is_bounded(void)
{
    struct json_scan s;
    char deep[2 * JSON_SCAN_DEPTH + 2];
    memset(deep, '[', JSON_SCAN_DEPTH);
    memset(deep + JSON_SCAN_DEPTH, ']', JSON_SCAN_DEPTH);
    CU_ASSERT_EQUAL(json_scan(str_make(deep, sizeof(deep) - 2), &s), 0);
    memset(deep, '[', JSON_SCAN_DEPTH + 1);
    memset(deep + JSON_SCAN_DEPTH + 1, ']', JSON_SCAN_DEPTH + 1);
    CU_ASSERT_EQUAL(json_scan(str_make(deep, sizeof(deep)), &s), ERR_SYNTAX);
}

/* Whatever bytes come: the scan says what jansson says (it is at least as strict), and stays inside. */
static void damaged_documents_agree_with_a_full_parser(void)
{
    static const char seed_text[] =
        "{\"ids\":[\"a\\n\\u00e9\",\"b\"],\"v\":[[1.5,-2e3],[0,1]],\"m\":{\"k\":null,\"t\":true}}";
    struct prng p;
    prng_seed(&p, 77);
    unsigned accepted = 0;
    for (int i = 0; i < 20000; i++) {
        char *text = strdup(seed_text);
        size_t length = sizeof(seed_text) - 1;
        for (uint64_t edits = prng_between(&p, 1, 3); edits > 0; edits--) {
            static const char alphabet[] = "{}[]\",:\\u0e1-.+ tn\x80\xc3";
            text[prng_below(&p, length)] = alphabet[prng_below(&p, sizeof(alphabet) - 1)];
        }
        length = prng_chance(&p, 1, 4) ? prng_below(&p, length + 1) : length;
        char *exact = malloc(length + 1); /* its end is the sanitizer's fence */
        CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
        memcpy(exact, text, length);
        struct json_scan s;
        bool ours = json_scan(str_make(exact, length), &s) == 0;
        json_t *tree =
            json_loadb(exact, length, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
        CU_ASSERT(!ours || tree != NULL);
        CU_ASSERT(ours || tree == NULL);
        accepted += ours ? 1 : 0;
        json_decref(tree);
        free(exact);
        free(text);
    }
    CU_ASSERT(accepted > 1000); /* else the comparison saw nothing but refusals */
}

static void elements_are_walked_one_by_one(void)
{
    struct str array = STR("[ \"a\" , [1,2],{} ]");
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    CU_ASSERT(json_scan_next(array, &at, &element, &kind) && str_equal(element, STR("\"a\"")) &&
              kind == JSON_STRING_VALUE);
    CU_ASSERT(json_scan_next(array, &at, &element, &kind) && str_equal(element, STR("[1,2]")) &&
              kind == JSON_ARRAY_VALUE);
    CU_ASSERT(json_scan_next(array, &at, &element, &kind) && str_equal(element, STR("{}")) &&
              kind == JSON_OBJECT_VALUE);
    CU_ASSERT(!json_scan_next(array, &at, &element, &kind));
    CU_ASSERT(!json_scan_next(array, &at, &element, &kind));
    at = 0;
    CU_ASSERT(!json_scan_next(STR("[]"), &at, &element, &kind));
    at = 0;
    CU_ASSERT(!json_scan_next(STR("null"), &at, &element, &kind));
}

static void strings_decode_within_their_room(void)
{
    char text[16];
    size_t length = 0;
    CU_ASSERT(json_scan_decode(STR("\"a\\n\\u00e9\\ud83d\\ude00\""), text, sizeof(text), &length));
    CU_ASSERT(length == 8 && memcmp(text, "a\n\xc3\xa9\xf0\x9f\x98\x80", 9) == 0);
    CU_ASSERT(json_scan_decode(STR("\"abc\""), text, 4, &length) && length == 3);
    CU_ASSERT(!json_scan_decode(STR("\"abcd\""), text, 4, &length));
    CU_ASSERT(!json_scan_decode(STR("\"\\u00e9\""), text, 2, &length));
    CU_ASSERT(json_scan_decode(STR("\"\""), text, 1, &length) && length == 0);
    CU_ASSERT(!json_scan_decode(STR("\"\""), text, 0, &length));
    CU_ASSERT(!json_scan_decode(STR("\""), text, 4, &length));
    CU_ASSERT(!json_scan_decode(STR("12"), text, 4, &length));
    CU_ASSERT(!json_scan_decode(STR("\"\\\""), text, 4, &length));
}

/* Whatever stands before and behind it: at which offset of a long run it stands must not matter. */
static void one_bad_byte_is_found_wherever_it_stands(void)
{
    static const char bad[] = { '"', '\\', '\n', '\x1f', '\x80', '\xff' };
    char text[300];
    for (size_t at = 0; at < sizeof(text); at++) {
        for (size_t i = 0; i < sizeof(bad); i++) {
            memset(text, at % 2 == 0 ? ' ' : '\x7f', sizeof(text));
            text[at] = bad[i];
            size_t run = json_plain_run(str_make(text, sizeof(text)));
            CU_ASSERT_FATAL(run <= at && at - run < 8);
        }
    }
    CU_ASSERT_EQUAL(json_plain_run(str_make(text, 0)), 0);
}

static const struct suite_test tests[] = {
    { "numbers are shortest and read back", numbers_are_shortest_and_read_back },
    { "fixed numbers are those of printf", fixed_numbers_are_those_of_printf },
    { "documents nest with and without indent", documents_nest_with_and_without_indent },
    { "bytes that are not UTF-8 become U+FFFD", bytes_that_are_not_utf8_become_the_replacement_character },
    { "a body is taken apart at its top level", a_body_is_taken_apart_at_its_top_level },
    { "oddities that forbid joining are told", oddities_that_forbid_joining_are_told },
    { "what is not JSON is refused", what_is_not_json_is_refused },
    { "depth is bounded", depth_is_bounded },
    { "damaged documents agree with a full parser", damaged_documents_agree_with_a_full_parser },
    { "elements are walked one by one", elements_are_walked_one_by_one },
    { "one bad byte is found wherever it stands", one_bad_byte_is_found_wherever_it_stands },
    { "strings decode within their room", strings_decode_within_their_room },
};

TEST_MAIN("base/json", tests)
