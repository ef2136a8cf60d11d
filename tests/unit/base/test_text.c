/* base/str, error, buf, reader, block, memory: the bytes everything else is made of. */
#include "base/block.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/str.h"
#include "tests/lib/suite.h"

static void slices_are_cut_trimmed_and_compared(void)
{
    struct str rest;
    CU_ASSERT(str_equal(str_cut(STR("a=b=c"), '=', &rest), STR("a")) && str_equal(rest, STR("b=c")));
    CU_ASSERT(str_equal(str_cut(STR("abc"), '=', &rest), STR("abc")) && rest.data == NULL);
    CU_ASSERT(str_equal(str_cut(STR("a="), '=', &rest), STR("a")) && rest.data != NULL && rest.size == 0);
    CU_ASSERT(str_equal(str_trim(STR(" \t a b\r\n")), STR("a b")));
    CU_ASSERT(str_trim(STR("  ")).size == 0);
    CU_ASSERT(str_equal_nocase(STR("Content-TYPE"), STR("content-type")));
    CU_ASSERT(!str_equal_nocase(STR("a"), STR("ab")));
    CU_ASSERT(str_starts(STR("abc"), STR("ab")) && !str_starts(STR("a"), STR("ab")));
    CU_ASSERT(str_ends(STR("abc"), STR("bc")) && !str_ends(STR("c"), STR("bc")) &&
              str_ends(STR("c"), STR("")));
    CU_ASSERT(str_compare(STR("ab"), STR("abc")) < 0 && str_compare(STR("b"), STR("abc")) > 0);
    CU_ASSERT(str_compare(str_make(NULL, 0), STR("")) == 0);
}

static void messages_wrap_outside_in_and_stay_one_line(void)
{
    struct errmsg msg;
    CU_ASSERT_EQUAL(error_set(&msg, ERR_DAMAGED, "crc mismatch at %d", 8192), ERR_DAMAGED);
    CU_ASSERT_EQUAL(error_wrap(&msg, ERR_IO, "segment %04d", 42), ERR_IO);
    CU_ASSERT_STRING_EQUAL(msg.text, "segment 0042: crc mismatch at 8192");
    (void)error_set(&msg, ERR_IO, "two\nlines");
    CU_ASSERT_STRING_EQUAL(msg.text, "two?lines");
    CU_ASSERT_EQUAL(error_wrap(NULL, ERR_IO, "x"), ERR_IO);
    CU_ASSERT_STRING_EQUAL(error_text(ERR_BUSY), "in use");
    CU_ASSERT_STRING_EQUAL(error_text(-5), "unknown error");
}

static void a_long_message_is_cut_not_overrun(void)
{
    struct errmsg msg;
    char filler[600];
    memset(filler, 'x', sizeof(filler));
    filler[sizeof(filler) - 1] = '\0';
    (void)error_set(&msg, ERR_IO, "%s", filler);
    CU_ASSERT_EQUAL(strlen(msg.text), sizeof(msg.text) - 1);
    (void)error_wrap(&msg, ERR_IO, "outer");
    CU_ASSERT_EQUAL(strlen(msg.text), sizeof(msg.text) - 1);
    CU_ASSERT(strncmp(msg.text, "outer: xxx", 10) == 0);
    (void)error_wrap(&msg, ERR_IO, "%s", filler);
    CU_ASSERT_EQUAL(strlen(msg.text), sizeof(msg.text) - 1);
}

static void a_buffer_stops_at_its_ceiling_and_says_so_once(void)
{
    struct buf b;
    buf_init(&b, 10);
    buf_append_text(&b, "12345");
    buf_printf(&b, "%d", 67890);
    CU_ASSERT(!b.failed);
    CU_ASSERT_STRING_EQUAL(buf_text(&b), "1234567890");
    buf_append_char(&b, '!');
    buf_append_text(&b, "");
    CU_ASSERT(b.failed);
    CU_ASSERT_STRING_EQUAL(buf_text(&b), "");
    CU_ASSERT_EQUAL(buf_str(&b).size, 0);
    CU_ASSERT_PTR_NULL(block_from_buf(&b));
    buf_clear(&b);
    buf_append_text(&b, "abcdef");
    buf_remove_front(&b, 4);
    CU_ASSERT_STRING_EQUAL(buf_text(&b), "ef");
    char *room = buf_reserve(&b, 8);
    CU_ASSERT_PTR_NOT_NULL_FATAL(room);
    memset(room, 'z', 8);
    b.size += 8;
    CU_ASSERT_STRING_EQUAL(buf_text(&b), "efzzzzzzzz");
    CU_ASSERT_PTR_NULL(buf_reserve(&b, 1));
    buf_deinit(&b);
}

/* Every allocation of a growing buffer fails once: each failure is told, none writes. */
static void what_is_taken_is_the_callers(void)
{
    struct buf b;
    buf_init(&b, 8);
    char *nothing = buf_take(&b);
    CU_ASSERT_STRING_EQUAL(nothing, "");
    buf_append_text(&b, "12345678"); /* full: the terminator has room all the same */
    char *text = buf_take(&b);
    CU_ASSERT_STRING_EQUAL(text, "12345678");
    CU_ASSERT_EQUAL(b.size, 0);
    buf_append_text(&b, "again");
    CU_ASSERT_STRING_EQUAL(buf_text(&b), "again");
    CU_ASSERT_STRING_EQUAL(text, "12345678");
    buf_append_text(&b, "too much");
    char *failed = buf_take(&b);
    CU_ASSERT_STRING_EQUAL(failed, "");
    mem_free(nothing);
    mem_free(text);
    mem_free(failed);
    buf_deinit(&b);
}

static void a_buffer_survives_each_failed_allocation(void)
{
    unsigned failures = 0;
    for (unsigned countdown = 1; countdown < 100; countdown++) {
        struct buf b;
        buf_init(&b, 100000);
        memory_fail_after(countdown, false);
        for (int i = 0; i < 1000; i++) {
            buf_append_text(&b, "0123456789");
        }
        memory_fail_after(0, false);
        bool failed = b.failed;
        CU_ASSERT(failed || b.size == 10000);
        buf_deinit(&b);
        if (!failed) {
            break;
        }
        failures++;
    }
    CU_ASSERT(failures >= 5 && failures < 50);
}

static void what_is_written_reads_back(void)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_append_u8(&b, 0xab);
    buf_append_u16(&b, 0x1234);
    buf_append_u32(&b, 0x89abcdef);
    buf_append_u64(&b, UINT64_C(0x0123456789abcdef));
    buf_append_lstr(&b, STR("hello"));
    CU_ASSERT_EQUAL((unsigned char)b.data[1], 0x34); /* little-endian */
    struct reader r;
    reader_init(&r, b.data, b.size);
    CU_ASSERT_EQUAL(reader_u8(&r), 0xab);
    CU_ASSERT_EQUAL(reader_u16(&r), 0x1234);
    CU_ASSERT_EQUAL(reader_u32(&r), 0x89abcdef);
    CU_ASSERT_EQUAL(reader_u64(&r), UINT64_C(0x0123456789abcdef));
    CU_ASSERT(str_equal(reader_lstr(&r), STR("hello")));
    CU_ASSERT(!r.failed && r.at == r.size);
    CU_ASSERT_EQUAL(reader_u8(&r), 0);
    CU_ASSERT(r.failed);
    buf_deinit(&b);
}

static void a_reader_never_passes_the_end(void)
{
    /* a length that promises 4 GB */
    struct reader r;
    reader_init(&r,
                "\xff\xff\xff\xff"
                "abc",
                7);
    CU_ASSERT_EQUAL(reader_lstr(&r).size, 0);
    CU_ASSERT(r.failed);
    CU_ASSERT_EQUAL(reader_u8(&r), 0); /* stays failed */
    reader_init(&r, "abc", 3);
    CU_ASSERT_EQUAL(reader_u32(&r), 0);
    CU_ASSERT(r.failed);
    reader_init(&r, NULL, 0);
    CU_ASSERT_EQUAL(reader_bytes(&r, 0).size, 0);
    CU_ASSERT(!r.failed);
}

static void a_block_lives_until_its_last_holder_lets_go(void)
{
    size_t before = block_bytes_live();
    struct block *b = block_copy("abc", 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(block_bytes_live(), before + 3);
    CU_ASSERT_PTR_EQUAL(block_ref(b), b);
    block_unref(b);
    CU_ASSERT(str_equal(block_str(b), STR("abc")));
    block_unref(b);
    CU_ASSERT_EQUAL(block_bytes_live(), before);
    CU_ASSERT_PTR_NULL(block_ref(NULL));
    block_unref(NULL);
    CU_ASSERT_EQUAL(block_str(NULL).size, 0);
    CU_ASSERT_PTR_NULL(block_new(SIZE_MAX - 2));
    memory_fail_after(1, true);
    CU_ASSERT_PTR_NULL(block_new(1));
    CU_ASSERT_PTR_NULL(block_copy("x", 1));
    memory_fail_after(0, false);
    CU_ASSERT_EQUAL(block_bytes_live(), before);
}

static const struct suite_test tests[] = {
    { "slices are cut, trimmed and compared", slices_are_cut_trimmed_and_compared },
    { "messages wrap outside-in and stay one line", messages_wrap_outside_in_and_stay_one_line },
    { "a long message is cut, not overrun", a_long_message_is_cut_not_overrun },
    { "a buffer stops at its ceiling and says so once", a_buffer_stops_at_its_ceiling_and_says_so_once },
    { "what is taken from a buffer is the caller's", what_is_taken_is_the_callers },
    { "a buffer survives each failed allocation", a_buffer_survives_each_failed_allocation },
    { "what is written reads back", what_is_written_reads_back },
    { "a reader never passes the end", a_reader_never_passes_the_end },
    { "a block lives until its last holder lets go", a_block_lives_until_its_last_holder_lets_go },
};

TEST_MAIN("base/text", tests)
