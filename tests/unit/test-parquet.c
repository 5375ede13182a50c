/* Parquet files: those of three writers, those that no writer of today makes, and those that lie.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/parquet_numbers.h"
#include "dataset/parquet_page.h"
#include "dataset/parquet_rows.h"
#include "dataset/parquet_values.h"
#include "dataset/row_source.h"
#include "dataset/splitter.h"
#include "dataset/thrift.h"
#include "parquet-maker.h"
#include "unit.h"

#include "base/banned.h"

#define ROW_MOST (1 << 20)

enum { BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTE_ARRAY, FIXED };

DEFINE_CLEANUP(struct parquet_rows *, free_rows, parquet_rows_free)

static void complain(const char *what, const char *wanted, const char *got)
{
    printf("%s\n  wanted: %.2000s\n  got:    %.2000s\n", what, wanted, got);
    CU_FAIL("a file did not become what it should");
}

/* The rows, a line each; behind them "ERROR: " and the reason, if the file can't be read on. */
static void append_rows_of(const void *bytes, size_t length, size_t most, uint64_t all_most,
                           struct buf *out)
{
    struct error err = ERROR_INIT;
    _cleanup_(free_rows) struct parquet_rows *rows =
        parquet_rows_open(bytes, length, most, all_most, &err);
    struct parquet_row row;
    int64_t number = 0;
    int got = rows ? 1 : -1;

    while (got == 1 && (got = parquet_rows_next(rows, &row, &err)) == 1) {
        CU_ASSERT_EQUAL(row.number, ++number);
        if (row.object)
            json_write(out, row.object);
        else
            buf_add_str(out, row.bad ? row.bad : "too long");
        buf_add_char(out, '\n');
    }
    if (got < 0) {
        CU_ASSERT_EQUAL(err.kind, ERROR_INVALID);
        buf_addf(out, "ERROR: %s", err.message);
    }
}

static void append_rows(const void *bytes, size_t length, size_t most, struct buf *out)
{
    append_rows_of(bytes, length, most, UINT64_C(1) << 36, out);
}

static void load(const char *name, struct buf *out)
{
    _cleanup_(free_ptr) char *path = xasprintf(DATA_DIR "/parquet/%s", name);
    struct error err = ERROR_INIT;

    if (file_read(AT_FDCWD, path, 1 << 20, out, &err) < 0)
        complain(name, "a file", err.message);
}

/* --- files of writers ------------------------------------------------------------------------ */

static json_object *parsed(const char *line, size_t length)
{
    struct error err = ERROR_INIT;
    json_object *value = NULL;

    if (json_parse(line, length, &value, NULL, &err) < 0)
        complain("a line", "JSON", err.message);
    return value;
}

static void compare_lines(const char *name, const char *wanted, const char *got)
{
    while (*wanted || *got) {
        size_t wanted_length = strcspn(wanted, "\n"), got_length = strcspn(got, "\n");
        _cleanup_(json_release) json_object *one = parsed(wanted, wanted_length);
        _cleanup_(json_release) json_object *other = parsed(got, got_length);

        if (!one || !json_object_equal(one, other)) {
            complain(name, wanted, got);
            return;
        }
        wanted += wanted_length + (wanted[wanted_length] == '\n');
        got += got_length + (got[got_length] == '\n');
    }
}

static const struct {
    const char *file, *rows;
    bool is_changed; /* each of its bytes, below */
} files[] = {
    {"duckdb-types-snappy.parquet", "duckdb-types.jsonl", false},
    {"duckdb-types-v2-zstd.parquet", "duckdb-types.jsonl", true},
    {"duckdb-nested-gzip.parquet", "duckdb-nested.jsonl", true},
    {"duckdb-nested-uncompressed.parquet", "duckdb-nested.jsonl", true},
    {"arrow-rs-v1-snappy.parquet", "arrow-rs.jsonl", false},
    {"arrow-rs-v2-gzip.parquet", "arrow-rs.jsonl", true},
    {"arrow-rs-v2-zstd.parquet", "arrow-rs.jsonl", false},
    {"hyparquet-encodings.parquet", "hyparquet.jsonl", true},
};

static void files_of_three_writers_become_the_rows_that_they_were_made_of(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_(buf_release) struct buf file = BUF_INIT, wanted = BUF_INIT, got = BUF_INIT;

        load(files[i].file, &file);
        load(files[i].rows, &wanted);
        append_rows(file.data, file.length, ROW_MOST, &got);
        compare_lines(files[i].file, wanted.data, got.data);
    }
}

static void several_row_groups_come_one_after_the_other(void)
{
    _cleanup_(buf_release) struct buf file = BUF_INIT, wanted = BUF_INIT, got = BUF_INIT;

    load("duckdb-groups-zstd.parquet", &file);
    for (int i = 0; i < 2100; i++) {
        if (i % 7 == 0)
            buf_addf(&wanted, "{\"n\":%d,\"repo\":null}\n", i);
        else
            buf_addf(&wanted, "{\"n\":%d,\"repo\":\"repo-%d\"}\n", i, i % 3);
    }
    append_rows(file.data, file.length, ROW_MOST, &got);
    CU_ASSERT_STRING_EQUAL(got.data, wanted.data);
}

static int note_row(const struct split_row *row, void *arg)
{
    struct buf *out = arg;

    CU_ASSERT_PTR_NULL(row->text);
    json_write(out, row->object);
    buf_add_char(out, '\n');
    return 0;
}

static void a_file_may_come_in_pieces(void)
{
    static const size_t pieces[] = {1, 3, 7, 1000, 100000};
    _cleanup_(buf_release) struct buf file = BUF_INIT, wanted = BUF_INIT;

    load("arrow-rs-v2-zstd.parquet", &file);
    load("arrow-rs.jsonl", &wanted);
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        _cleanup_(buf_release) struct buf got = BUF_INIT;
        struct splitter *splitter = splitter_new(ROW_MOST, note_row, &got);
        struct error err = ERROR_INIT;

        for (size_t at = 0, size; at < file.length; at += size) {
            size = pieces[i] < file.length - at ? pieces[i] : file.length - at;
            CU_ASSERT_EQUAL(splitter_take(splitter, file.data + at, size, &err), 0);
        }
        CU_ASSERT_EQUAL(splitter_end(splitter, &err), 0);
        compare_lines("in pieces", wanted.data, got.data);
        splitter_free(splitter);
    }
}

/* Each decompressor does with what the confined process may. */
static void files_are_read_by_the_confined_process(void)
{
    static const char *const compressed[] = {"duckdb-types-snappy", "duckdb-nested-gzip",
                                             "duckdb-types-v2-zstd", "arrow-rs-v2-gzip"};

    for (size_t i = 0; i < ARRAY_SIZE(compressed); i++) {
        _cleanup_(free_ptr) char *path = xasprintf(DATA_DIR "/parquet/%s.parquet", compressed[i]);
        struct source_row row = SOURCE_ROW_INIT;
        struct error err = ERROR_INIT;
        struct row_source *source = row_source_open(path, NULL, false, ROW_MOST, &err);
        int got, rows = 0;

        CU_ASSERT_PTR_NOT_NULL_FATAL(source);
        for (; (got = row_source_next(source, &row, &err)) == 1; rows++)
            CU_ASSERT_EQUAL(row.kind, SOURCE_ROW);
        CU_ASSERT_EQUAL(got, 0);
        CU_ASSERT(rows >= 3);
        row_source_free(source);
        source_row_release(&row);
    }
}

static void a_row_that_is_not_utf8_is_bad_and_the_others_come(void)
{
    _cleanup_(buf_release) struct buf file = BUF_INIT, got = BUF_INIT;

    load("hyparquet-not-utf8.parquet", &file);
    append_rows(file.data, file.length, ROW_MOST, &got);
    CU_ASSERT_STRING_EQUAL(got.data, "{\"id\":\"a\"}\nrow group 1, column id: its text is not "
                                     "UTF-8\n{\"id\":\"c\"}\n");
}

static void what_is_not_read_is_refused_by_name(void)
{
    static const struct {
        const char *file, *wanted;
    } cases[] = {
        {"arrow-rs-brotli.parquet", "column id: its compression is BROTLI, which is not read"},
        {"duckdb-lz4.parquet", "column id: its compression is LZ4_RAW, which is not read"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(buf_release) struct buf file = BUF_INIT, got = BUF_INIT;

        load(cases[i].file, &file);
        append_rows(file.data, file.length, ROW_MOST, &got);
        if (!strstr(got.data, cases[i].wanted))
            complain(cases[i].file, cases[i].wanted, got.data);
    }
}

static void what_is_encrypted_is_refused(void)
{
    _cleanup_(buf_release) struct buf file = BUF_INIT, got = BUF_INIT;

    load("duckdb-lz4.parquet", &file);
    file.data[file.length - 1] = 'E';
    append_rows(file.data, file.length, ROW_MOST, &got);
    CU_ASSERT_STRING_EQUAL(got.data, "ERROR: the Parquet file is encrypted");
}

/* --- made files ------------------------------------------------------------------------------ */

static void expect_rows(const char *what, struct parquet_maker *maker, int64_t rows,
                        const char *wanted)
{
    _cleanup_(buf_release) struct buf got = BUF_INIT;

    maker_finish(maker, rows);
    append_rows(maker->file.data, maker->file.length, ROW_MOST, &got);
    if (strncmp(got.data, wanted, strlen(wanted)) != 0 ||
        (!strstr(wanted, "ERROR: ") && strlen(got.data) != strlen(wanted)))
        complain(what, wanted, got.data);
    maker_release(maker);
    *maker = (struct parquet_maker)PARQUET_MAKER_INIT;
}

static void add_root(struct parquet_maker *maker, int children)
{
    maker_add_element(maker, "root", MAKER_REQUIRED, MAKER_GROUP, children, MAKER_NOTHING);
}

/* Bytes of a literal, without the NUL at its end. */
#define DATA(text) text, sizeof(text) - 1
#define A_TEXT "\1\0\0\0a"
#define B_TEXT "\1\0\0\0b"
#define ONE "\1\0\0\0"
#define TWO "\2\0\0\0"
#define THREE "\3\0\0\0"

static void add_group(struct parquet_maker *maker, const char *name, int repetition, int children,
                      int converted)
{
    maker_add_element(maker, name, repetition, MAKER_GROUP, children, converted);
}

static void add_leaf(struct parquet_maker *maker, const char *name, int repetition, int type)
{
    maker_add_element(maker, name, repetition, type, 0, MAKER_NOTHING);
}

/* Rules 1 to 5 of LogicalTypes.md. */
static void lists_of_writers_of_old_are_lists(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;
    static const char *const around[] = {"array", "l_tuple", "element"};

    add_root(&maker, 1);
    add_group(&maker, "l", MAKER_OPTIONAL, 1, MAKER_LIST);
    add_leaf(&maker, "element", MAKER_REPEATED, INT32);
    maker_add_column(&maker, INT32, 5, "01000", "22102", DATA(ONE TWO THREE));
    expect_rows("rule 1", &maker, 4, "{\"l\":[1,2]}\n{\"l\":[]}\n{\"l\":null}\n{\"l\":[3]}\n");

    add_root(&maker, 1);
    add_group(&maker, "l", MAKER_OPTIONAL, 1, MAKER_LIST);
    add_group(&maker, "element", MAKER_REPEATED, 2, MAKER_NOTHING);
    add_leaf(&maker, "str", MAKER_REQUIRED, BYTE_ARRAY);
    add_leaf(&maker, "num", MAKER_REQUIRED, INT32);
    maker_add_column(&maker, BYTE_ARRAY, 2, "01", "22", DATA(A_TEXT B_TEXT));
    maker_add_column(&maker, INT32, 2, "01", "22", DATA(ONE TWO));
    expect_rows("rule 2", &maker, 1,
                "{\"l\":[{\"str\":\"a\",\"num\":1},{\"str\":\"b\",\"num\":2}]}\n");

    add_root(&maker, 1);
    add_group(&maker, "l", MAKER_OPTIONAL, 1, MAKER_LIST);
    add_group(&maker, "x", MAKER_REPEATED, 1, MAKER_LIST);
    add_leaf(&maker, "array", MAKER_REPEATED, INT32);
    maker_add_column(&maker, INT32, 3, "021", "333", DATA(ONE TWO THREE));
    expect_rows("rule 3", &maker, 1, "{\"l\":[[1,2],[3]]}\n");

    for (size_t i = 0; i < ARRAY_SIZE(around); i++) {
        add_root(&maker, 1);
        add_group(&maker, "l", MAKER_OPTIONAL, 1, MAKER_LIST);
        add_group(&maker, around[i], MAKER_REPEATED, 1, MAKER_NOTHING);
        add_leaf(&maker, "str", MAKER_OPTIONAL, BYTE_ARRAY);
        maker_add_column(&maker, BYTE_ARRAY, 2, "01", "32", DATA(A_TEXT));
        expect_rows("rules 4 and 5", &maker, 1,
                    i < 2 ? "{\"l\":[{\"str\":\"a\"},{\"str\":null}]}\n"
                          : "{\"l\":[\"a\",null]}\n");
    }
}

static void repeated_fields_without_annotation_are_lists(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    add_root(&maker, 2);
    add_leaf(&maker, "n", MAKER_REPEATED, INT32);
    add_group(&maker, "g", MAKER_REPEATED, 1, MAKER_NOTHING);
    add_leaf(&maker, "s", MAKER_REQUIRED, BYTE_ARRAY);
    maker_add_column(&maker, INT32, 3, "010", "110", DATA(ONE TWO));
    maker_add_column(&maker, BYTE_ARRAY, 3, "001", "011", DATA(A_TEXT B_TEXT));
    expect_rows("repeated", &maker, 2,
                "{\"n\":[1,2],\"g\":[]}\n{\"n\":[],\"g\":[{\"s\":\"a\"},{\"s\":\"b\"}]}\n");
}

static void maps_with_names_are_objects(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    add_root(&maker, 1);
    add_group(&maker, "m", MAKER_OPTIONAL, 1, MAKER_MAP_KEY_VALUE);
    add_group(&maker, "map", MAKER_REPEATED, 2, MAKER_NOTHING);
    add_leaf(&maker, "key", MAKER_REQUIRED, BYTE_ARRAY);
    add_leaf(&maker, "value", MAKER_OPTIONAL, INT32);
    maker_add_column(&maker, BYTE_ARRAY, 4, "0100", "2210", DATA(A_TEXT B_TEXT));
    maker_add_column(&maker, INT32, 4, "0100", "3210", DATA(ONE));
    expect_rows("MAP_KEY_VALUE", &maker, 3,
                "{\"m\":{\"a\":1,\"b\":null}}\n{\"m\":{}}\n{\"m\":null}\n");

    add_root(&maker, 1);
    add_group(&maker, "m", MAKER_REQUIRED, 1, MAKER_MAP);
    add_group(&maker, "key_value", MAKER_REPEATED, 2, MAKER_NOTHING);
    add_leaf(&maker, "key", MAKER_OPTIONAL, BYTE_ARRAY);
    add_leaf(&maker, "value", MAKER_REQUIRED, INT32);
    maker_add_column(&maker, BYTE_ARRAY, 2, "01", "21", DATA(A_TEXT));
    maker_add_column(&maker, INT32, 2, "01", "11", DATA(ONE TWO));
    expect_rows("a key that is null", &maker, 1, "{\"m\":{\"a\":1}}\n");

    add_root(&maker, 1);
    add_group(&maker, "m", MAKER_REQUIRED, 1, MAKER_MAP);
    add_group(&maker, "key_value", MAKER_REPEATED, 1, MAKER_NOTHING);
    add_leaf(&maker, "key", MAKER_REQUIRED, BYTE_ARRAY);
    maker_add_column(&maker, BYTE_ARRAY, 2, "01", "11", DATA(A_TEXT B_TEXT));
    expect_rows("no values", &maker, 1, "{\"m\":[\"a\",\"b\"]}\n");

    add_root(&maker, 1);
    add_group(&maker, "m", MAKER_REQUIRED, 1, MAKER_MAP);
    add_group(&maker, "key_value", MAKER_REPEATED, 2, MAKER_NOTHING);
    maker_add_element(&maker, "key", MAKER_REQUIRED, BYTE_ARRAY, 0, MAKER_UTF8);
    add_leaf(&maker, "value", MAKER_REQUIRED, INT32);
    maker_add_column(&maker, BYTE_ARRAY, 3, "010", "111", DATA(A_TEXT "\3\0\0\0a\0b" B_TEXT));
    maker_add_column(&maker, INT32, 3, "010", "111", DATA(ONE TWO THREE));
    expect_rows("a key with a NUL", &maker, 2,
                "row group 1, column m.key: a key of its map has a NUL\n{\"m\":{\"b\":3}}\n");
}

static void values_that_are_no_text_become_what_json_has(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;
    struct {
        int64_t nanoseconds;
        uint32_t day; /* 2440588 is 1970-01-01, 19054 days later it is 2022-03-03 */
    } __attribute__((packed)) time = {INT64_C(54894250000000), 2440588 + 19054};

    add_root(&maker, 3);
    add_leaf(&maker, "at", MAKER_REQUIRED, INT96);
    add_leaf(&maker, "raw", MAKER_REQUIRED, BYTE_ARRAY);
    maker_add_unsigned(&maker, "n");
    maker_add_column(&maker, INT96, 1, NULL, NULL, &time, sizeof(time));
    maker_add_column(&maker, BYTE_ARRAY, 1, NULL, NULL, DATA("\3\0\0\0a\0b"));
    maker_add_column(&maker, INT32, 1, NULL, NULL, DATA("\xff\xff\xff\xff"));
    expect_rows("old times, bytes, no sign", &maker, 1,
                "{\"at\":\"2022-03-03T15:14:54.250000000Z\",\"raw\":\"YQBi\","
                "\"n\":4294967295}\n");

    time.nanoseconds = -1;
    add_root(&maker, 1);
    add_leaf(&maker, "at", MAKER_REQUIRED, INT96);
    maker_add_column(&maker, INT96, 1, NULL, NULL, &time, sizeof(time));
    expect_rows("no time", &maker, 1, "{\"at\":null}\n");
}

static void decimals_lose_no_digit_or_are_refused(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;
    static const int scales[] = {-1, 39};

    add_root(&maker, 2);
    maker_add_converted(&maker, "a", FIXED, 18, 5, 2);
    maker_add_converted(&maker, "b", FIXED, 18, 5, 38);
    maker_add_column(
        &maker, FIXED, 3, NULL, NULL,
        DATA("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04\xd2"
             "\xff\xff\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
             "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
    maker_add_column(&maker, FIXED, 3, NULL, NULL,
                     DATA("\0\0\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                          "\0\0\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    expect_rows("of 18 bytes", &maker, 3,
                "{\"a\":\"12.34\",\"b\":\"1.70141183460469231731687303715884105727\"}\n"
                "{\"a\":\"-1701411834604692317316873037158841057.28\","
                "\"b\":\"0.00000000000000000000000000000000000000\"}\n"
                "row group 1, column b: its decimal has more than 16 bytes, which is not read\n");
    add_root(&maker, 1);
    maker_add_converted(&maker, "a", BYTE_ARRAY, 0, 5, 0);
    maker_add_column(&maker, BYTE_ARRAY, 2, NULL, NULL, DATA("\0\0\0\0\2\0\0\0\xff\x7f"));
    expect_rows("of any length", &maker, 2, "{\"a\":\"0\"}\n{\"a\":\"-129\"}\n");
    for (size_t i = 0; i < ARRAY_SIZE(scales); i++) {
        add_root(&maker, 1);
        maker_add_converted(&maker, "a", INT64, 0, 5, scales[i]);
        expect_rows("a scale", &maker, 0,
                    i == 0 ? "ERROR: column a is a decimal with the scale -1"
                           : "ERROR: column a is a decimal with the scale 39");
    }
}

static void times_may_be_as_early_as_their_bytes_can_say(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    add_root(&maker, 1);
    maker_add_converted(&maker, "a", INT64, 0, 10, 0);
    maker_add_column(&maker, INT64, 2, NULL, NULL,
                     DATA("\0\0\0\0\0\0\0\x80\xff\xff\xff\xff\xff\xff\xff\xff"));
    expect_rows("microseconds", &maker, 2,
                "{\"a\":\"-290308-12-21T19:59:05.224192Z\"}\n"
                "{\"a\":\"1969-12-31T23:59:59.999999Z\"}\n");
}

static void bytes_with_a_meaning_are_not_taken_for_text(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    add_root(&maker, 1);
    maker_add_logical(&maker, "a", FIXED, 2, 15);
    maker_add_column(&maker, FIXED, 6, NULL, NULL,
                     DATA("\x00\x3e\x00\xc0\x01\x00\xff\x7b\x00\x7c\x01\xfe"));
    expect_rows("FLOAT16", &maker, 6,
                "{\"a\":1.5}\n{\"a\":-2.0}\n{\"a\":5.9604644775390625e-08}\n{\"a\":65504.0}\n"
                "{\"a\":null}\n{\"a\":null}\n");
    add_root(&maker, 3);
    maker_add_converted(&maker, "a", BYTE_ARRAY, 0, 20, 0);
    maker_add_logical(&maker, "b", BYTE_ARRAY, 0, 13);
    maker_add_logical(&maker, "c", BYTE_ARRAY, 0, 17);
    for (int i = 0; i < 3; i++)
        maker_add_column(&maker, BYTE_ARRAY, 1, NULL, NULL, DATA(A_TEXT));
    expect_rows("BSON, GEOMETRY", &maker, 1, "{\"a\":\"YQ==\",\"b\":\"YQ==\",\"c\":\"YQ==\"}\n");
    add_root(&maker, 1);
    maker_add_converted(&maker, "a", FIXED, 12, 21, 0);
    expect_rows("INTERVAL", &maker, 0, "ERROR: column a is an INTERVAL, which is not read");
}

/* 64 bytes each, though their texts have two or three; names and commas are 7 more. */
static void lists_and_structures_are_charged_by_what_they_take(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;
    static const size_t most[] = {256, 256 + 7};

    for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
        _cleanup_(buf_release) struct buf got = BUF_INIT;

        add_root(&maker, 1);
        add_group(&maker, "m", MAKER_REQUIRED, 1, MAKER_LIST);
        add_group(&maker, "list", MAKER_REPEATED, 1, MAKER_LIST);
        add_leaf(&maker, "array", MAKER_REPEATED, INT32);
        maker_add_column(&maker, INT32, 2, "01", "11", DATA(""));
        maker_finish(&maker, 1);
        append_rows(maker.file.data, maker.file.length, most[i], &got);
        CU_ASSERT_STRING_EQUAL(got.data, i == 0 ? "too long\n" : "{\"m\":[[],[]]}\n");
        maker_release(&maker);
        maker = (struct parquet_maker)PARQUET_MAKER_INIT;
    }
}

static void a_row_that_is_too_long_is_left_out_and_the_others_come(void)
{
    _cleanup_(buf_release) struct buf got = BUF_INIT;
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    add_root(&maker, 2);
    add_leaf(&maker, "n", MAKER_REPEATED, INT32);
    add_leaf(&maker, "s", MAKER_REQUIRED, BYTE_ARRAY);
    maker_add_column(&maker, INT32, 6, "011100", "111111", DATA(ONE TWO THREE ONE TWO THREE));
    maker_add_column(&maker, BYTE_ARRAY, 3, NULL, NULL,
                     DATA(A_TEXT "\x28\0\0\0aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd" B_TEXT));
    maker_finish(&maker, 3);
    append_rows(maker.file.data, maker.file.length, 64 + 64 + 46, &got);
    CU_ASSERT_STRING_EQUAL(got.data, "too long\ntoo long\n{\"n\":[3],\"s\":\"b\"}\n");
    maker_release(&maker);
}

/* --- lies ------------------------------------------------------------------------------------ */

/* A column of two numbers, or of two texts, about which `lie` says something. */
static void expect_lie(const char *what, const struct parquet_maker *lie, int repetition, int type,
                       const char *wanted)
{
    struct parquet_maker maker = *lie;

    add_root(&maker, 1);
    add_leaf(&maker, "a", repetition, type);
    if (type == INT32)
        maker_add_column(&maker, type, 2, NULL, repetition ? "11" : NULL, DATA(ONE TWO));
    else
        maker_add_column(&maker, type, 2, NULL, repetition ? "11" : NULL,
                         DATA(A_TEXT "\xff\0\0\0b"));
    expect_rows(what, &maker, 2, wanted);
}

#define LIE(...)                                                                                   \
    &(struct parquet_maker)                                                                        \
    {                                                                                              \
        .file = BUF_INIT, .schema = BUF_INIT, .columns = BUF_INIT, __VA_ARGS__                     \
    }
#define IN_A "ERROR: row group 1, column a: "

static void lies_about_sizes_and_numbers_are_found(void)
{
    expect_lie("more values than rows", LIE(.chunk_values = 3), MAKER_REQUIRED, INT32,
               IN_A "it has too few or too many values");
    expect_lie("more values in a page", LIE(.page_values = 3), MAKER_REQUIRED, INT32,
               IN_A "its pages have more values than it has");
    expect_lie("fewer values in a page", LIE(.page_values = 1), MAKER_REQUIRED, INT32,
               "{\"a\":1}\n" IN_A "its pages have fewer values than the footer says");
    expect_lie("a page of 2 GiB", LIE(.page_size = INT32_MAX, .codec = 1), MAKER_REQUIRED, INT32,
               IN_A "its pages take too much memory (one of them 2147483647 bytes)");
    expect_lie("a page that is longer", LIE(.page_size = 9), MAKER_REQUIRED, INT32,
               IN_A "a page is damaged: it is cut off");
    expect_lie("a page of no snappy", LIE(.codec = 1), MAKER_REQUIRED, INT32,
               IN_A "a page is damaged: SNAPPY cannot be decompressed");
    expect_lie("a page of no gzip", LIE(.codec = 2), MAKER_REQUIRED, INT32,
               IN_A "a page is damaged: GZIP cannot be decompressed");
    expect_lie("a page of no zstd", LIE(.codec = 6), MAKER_REQUIRED, INT32,
               IN_A "a page is damaged: ZSTD cannot be decompressed");
    expect_lie("no such compression", LIE(.codec = 99), MAKER_REQUIRED, INT32,
               IN_A "its compression is one that is not known");
    expect_lie("a right checksum", LIE(.has_crc = true), MAKER_REQUIRED, INT32,
               "{\"a\":1}\n{\"a\":2}\n");
    expect_lie("a wrong checksum", LIE(.has_crc = true, .crc = 1), MAKER_REQUIRED, INT32,
               IN_A "a page is damaged: its checksum is wrong");
    expect_lie("behind the file", LIE(.chunk_at = 1 << 20), MAKER_REQUIRED, INT32,
               IN_A "it lies outside of the file");
    expect_lie("before the file", LIE(.chunk_at = -1), MAKER_REQUIRED, INT32,
               IN_A "it lies outside of the file");
    expect_lie("a footer that is too long", LIE(.footer_size = 1 << 20), MAKER_REQUIRED, INT32,
               "ERROR: its footer is damaged");
    expect_lie("a text that is longer than its page", LIE(), MAKER_REQUIRED, BYTE_ARRAY,
               "{\"a\":\"a\"}\n" IN_A "a page is damaged: it has fewer values than it says");
}

/* What the file becomes when it may take so much. */
static void expect_cost(const char *what, struct parquet_maker *maker, int64_t rows,
                        uint64_t all_most, const char *wanted)
{
    _cleanup_(buf_release) struct buf got = BUF_INIT;

    maker_finish(maker, rows);
    append_rows_of(maker->file.data, maker->file.length, ROW_MOST, all_most, &got);
    if (!strstr(got.data, wanted))
        complain(what, wanted, got.data);
    maker_release(maker);
    *maker = (struct parquet_maker)PARQUET_MAKER_INIT;
}

/* Two columns at one place, with many pages that have no value. */
static void add_empty_pages(struct parquet_maker *maker)
{
    const struct buf nothing = BUF_INIT;

    add_root(maker, 2);
    add_leaf(maker, "a", MAKER_REQUIRED, INT32);
    add_leaf(maker, "b", MAKER_REQUIRED, INT32);
    maker_begin(maker);
    for (int i = 0; i < 100; i++)
        put_page_header(maker, &nothing, 0);
    maker->chunk_at = strlen("PAR1");
    for (int i = 0; i < 2; i++)
        maker_add_column(maker, INT32, 1, NULL, NULL, DATA(ONE));
}

static void add_bomb(struct parquet_maker *maker)
{
    static const char zeros[1 << 20];
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
    char bytes[8192];

    maker->codec = 2;
    maker->page_size = sizeof(zeros);
    add_root(maker, 1);
    add_leaf(maker, "a", MAKER_REQUIRED, INT32);
    maker_add_column(
        maker, INT32, 1, NULL, NULL, bytes,
        libdeflate_gzip_compress(compressor, zeros, sizeof(zeros), bytes, sizeof(bytes)));
    libdeflate_free_compressor(compressor);
}

static void add_entries(struct parquet_maker *maker)
{
    static const char zeros[4000];

    add_root(maker, 1);
    add_leaf(maker, "a", MAKER_REQUIRED, INT32);
    maker_add_dictionary(maker, 1000, 0, zeros, sizeof(zeros));
    maker->encoding = 8;
    maker_add_column(maker, INT32, 1, NULL, NULL, DATA("\0"));
}

/* A text of 1004 bytes, and 100 rows that are it. */
static void add_one_text_often(struct parquet_maker *maker)
{
    char text[1004] = "\xe8\3";

    memset(text + 4, 'a', sizeof(text) - 4);
    add_root(maker, 1);
    add_leaf(maker, "a", MAKER_REQUIRED, BYTE_ARRAY);
    maker_add_dictionary(maker, 1, 0, text, sizeof(text));
    maker->encoding = 8;
    maker_add_column(maker, BYTE_ARRAY, 100, NULL, NULL, DATA("\0"));
}

#define TOO_MUCH "reading the file takes too much"

static void what_reading_a_file_takes_is_bounded(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    add_empty_pages(&maker);
    expect_cost("empty pages", &maker, 1, 40000, "ERROR: row group 1, column b: " TOO_MUCH);
    add_empty_pages(&maker);
    expect_cost("empty pages that are few enough", &maker, 1, 80000, "{\"a\":1,\"b\":1}\n");
    add_bomb(&maker);
    expect_cost("a page that becomes large", &maker, 1, 1 << 20, IN_A TOO_MUCH);
    add_bomb(&maker);
    expect_cost("one that may", &maker, 1, 1 << 21, "{\"a\":0}\n");
    add_entries(&maker);
    expect_cost("a dictionary", &maker, 1, 16000, IN_A TOO_MUCH);
    add_entries(&maker);
    expect_cost("one that may have its entries", &maker, 1, 32000, "{\"a\":0}\n");
    add_one_text_often(&maker);
    expect_cost("rows", &maker, 100, 50000, "aa\"}\nERROR: " TOO_MUCH);
    add_one_text_often(&maker);
    expect_cost("rows that may be", &maker, 100, 120000, "aa\"}\n");
}

static void a_column_ends_where_the_footer_says(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;
    static const char *const writers[] = {NULL, "parquet-mr version 1.12.0",
                                          "parquet-mr version 1.2.8 (build 1)",
                                          "fastparquet-python version 1.0.0 (build 1)"};

    add_root(&maker, 2);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    add_leaf(&maker, "b", MAKER_REQUIRED, INT32);
    maker.chunk_values = 2;
    maker_add_column(&maker, INT32, 1, NULL, NULL, DATA(ONE));
    maker_add_column(&maker, INT32, 1, NULL, NULL, DATA(TWO));
    expect_rows("the pages of the next column", &maker, 2,
                "{\"a\":1,\"b\":2}\n" IN_A "its pages have fewer values than the footer says");
    expect_lie("a size behind the file", LIE(.chunk_size = 1 << 20), MAKER_REQUIRED, INT32,
               IN_A "it lies outside of the file");
    expect_lie("a size below 0", LIE(.chunk_size = -1), MAKER_REQUIRED, INT32,
               IN_A "it lies outside of the file");
    for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
        add_root(&maker, 1);
        add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
        maker_add_dictionary(&maker, 2, 0, DATA(ONE TWO));
        maker.dictionary_at = maker.chunk_at;
        maker.chunk_at = 0;
        maker.encoding = 8;
        maker.writer = writers[i];
        maker_add_column(&maker, INT32, 2, NULL, NULL, DATA("\1\3\2"));
        expect_rows("a size without the dictionary", &maker, 2,
                    i < 2 ? IN_A "" : "{\"a\":1}\n{\"a\":2}\n");
    }
}

static void encodings_that_cannot_be_are_found(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    expect_lie("no such encoding", LIE(.encoding = 11), MAKER_REQUIRED, INT32,
               IN_A "its encoding is one that is not known, which is not read");
    expect_lie("a new encoding", LIE(.encoding = 10), MAKER_REQUIRED, INT32,
               IN_A "its encoding is ALP, which is not read");
    expect_lie("an old encoding", LIE(.encoding = 4), MAKER_REQUIRED, INT32,
               IN_A "its encoding is BIT_PACKED, which is not read");
    expect_lie("no dictionary", LIE(.encoding = 8), MAKER_REQUIRED, INT32,
               IN_A "its dictionary is missing");
    expect_lie("texts as differences", LIE(.encoding = 5), MAKER_REQUIRED, BYTE_ARRAY,
               IN_A "its encoding DELTA_BINARY_PACKED does not fit its type");
    expect_lie("numbers as runs", LIE(.encoding = 3), MAKER_REQUIRED, INT32,
               IN_A "its encoding RLE does not fit its type");
    expect_lie("no differences", LIE(.encoding = 5), MAKER_REQUIRED, INT32,
               IN_A "a page is damaged: it does not begin as its encoding DELTA_BINARY_PACKED");
    expect_lie("levels by bits", LIE(.level_encoding = 4), MAKER_OPTIONAL, INT32,
               IN_A "its levels have the encoding BIT_PACKED, which is not read");
    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    maker_add_dictionary(&maker, 1, 5, DATA(ONE));
    maker.encoding = 8;
    maker_add_column(&maker, INT32, 1, NULL, NULL, DATA("\0"));
    expect_rows("a dictionary of differences", &maker, 1,
                IN_A "its dictionary has the encoding DELTA_BINARY_PACKED, which is not read");
}

static void nulls_need_no_dictionary(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_OPTIONAL, INT32);
    maker.encoding = 8;
    maker_add_column(&maker, INT32, 2, NULL, "00", DATA("\0"));
    expect_rows("nulls", &maker, 2, "{\"a\":null}\n{\"a\":null}\n");
}

static void single_bytes_may_be_split_into_streams(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    add_root(&maker, 1);
    maker_add_logical(&maker, "a", FIXED, 1, 0);
    maker.encoding = 9;
    maker_add_column(&maker, FIXED, 2, NULL, NULL, DATA("xy"));
    expect_rows("bytes", &maker, 2, "{\"a\":\"x\"}\n{\"a\":\"y\"}\n");
}

static void the_header_of_a_page_is_of_its_kind(void)
{
    expect_lie("no header of its own", LIE(.own_headers = -1), MAKER_REQUIRED, INT32,
               IN_A "the header of a page is damaged");
    expect_lie("two of them", LIE(.own_headers = 1), MAKER_REQUIRED, INT32,
               IN_A "the header of a page is damaged");
}

/* DELTA_BYTE_ARRAY: one text of 100 bytes, which begins with none of the one before. */
static void a_text_that_is_put_together_is_charged(void)
{
    struct parquet_memory memory = {.left = 100};
    const struct parquet_node leaf = {.shape = PARQUET_LEAF, .type = PARQUET_BYTE_ARRAY};
    const struct parquet_dictionary none = {0};
    struct parquet_values values = {.memory = &memory};
    char in[111] = "\x80\x01\x04\x01\x00\x80\x01\x04\x01\xc8\x01";
    const struct bytes bytes = {(const unsigned char *)in, sizeof(in)};
    struct error err = ERROR_INIT;
    struct bytes text;

    CU_ASSERT_EQUAL(parquet_values_begin(&values, &leaf, 7, bytes, 1, &none, &err), 0);
    CU_ASSERT_EQUAL(parquet_values_next(&values, &text, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.message, "its values take too much memory");
    memory.left = 200;
    CU_ASSERT_EQUAL(parquet_values_begin(&values, &leaf, 7, bytes, 1, &none, &err), 0);
    CU_ASSERT_EQUAL(parquet_values_next(&values, &text, &err), 0);
    CU_ASSERT_EQUAL(text.length, 100);
    CU_ASSERT(memory.left <= 100);
    parquet_values_release(&values);
    CU_ASSERT_EQUAL(memory.left, 200);
}

static void levels_that_contradict_each_other_are_found(void)
{
    static const struct {
        const char *what, *depths, *defined, *other_depths, *other_defined, *wanted;
        int64_t rows;
    } cases[] = {
        {"one list is longer", "01", "11", "00", "11",
         "ERROR: row group 1, column g.element.b: its levels contradict", 1},
        {"one list is empty", "01", "11", "0", "0",
         "ERROR: row group 1, column g.element.b: its levels contradict", 1},
        {"no row begins", "11", "11", "01", "11",
         "ERROR: row group 1, column g.element.a: its levels contradict", 1},
        {"more rows than there are", "00", "11", "00", "11",
         "{\"g\":[{\"a\":1,\"b\":1}]}\nERROR: row group 1, column g.element.a: its levels", 1},
        {"a level that is too high", "01", "13", "01", "11",
         "ERROR: row group 1, column g.element.a: a page is damaged: its levels are too high", 1},
    };
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        add_root(&maker, 1);
        add_group(&maker, "g", MAKER_REQUIRED, 1, MAKER_LIST);
        add_group(&maker, "list", MAKER_REPEATED, 1, MAKER_NOTHING);
        add_group(&maker, "element", MAKER_REQUIRED, 2, MAKER_NOTHING);
        add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
        add_leaf(&maker, "b", MAKER_REQUIRED, INT32);
        maker_add_column(&maker, INT32, (int64_t)strlen(cases[i].depths), cases[i].depths,
                         cases[i].defined, DATA(ONE TWO));
        maker_add_column(&maker, INT32, (int64_t)strlen(cases[i].other_depths),
                         cases[i].other_depths, cases[i].other_defined, DATA(ONE TWO));
        expect_rows(cases[i].what, &maker, cases[i].rows, cases[i].wanted);
    }
}

static void schemas_that_cannot_be_are_refused(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;

    expect_rows("none", &maker, 0, "ERROR: its schema has 0 elements");
    add_root(&maker, 2);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    expect_rows("a child is missing", &maker, 0, "ERROR: its schema contradicts itself");
    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    add_leaf(&maker, "b", MAKER_REQUIRED, INT32);
    expect_rows("a child too many", &maker, 0, "ERROR: its schema contradicts itself");
    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_REQUIRED, FIXED);
    expect_rows("bytes of no length", &maker, 0, "ERROR: its schema contradicts itself");
    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_REQUIRED, 9);
    expect_rows("no type", &maker, 0, "ERROR: column a has a type that is not known");
    add_root(&maker, 1);
    add_leaf(&maker, "a\xff", MAKER_REQUIRED, INT32);
    expect_rows("no name", &maker, 0, "ERROR: a column's name is not text");
    add_root(&maker, 1);
    for (int i = 0; i < 40; i++)
        add_group(&maker, "g", MAKER_OPTIONAL, 1, i % 2 ? MAKER_LIST : MAKER_NOTHING);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    expect_rows("too deep", &maker, 0, "ERROR: its columns are nested more than 32 deep");
    add_root(&maker, 5000);
    for (int i = 0; i < 5000; i++)
        add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    expect_rows("too many", &maker, 0, "ERROR: its schema has 5001 elements");
}

static void the_path_of_a_column_leaves_room_for_the_reason(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;
    char name[256] = "g", wanted[512];

    memset(name + 1, 'g', 97);
    memcpy(name + 98, "\xe2\x82\xac", 3); /* three bytes, of which two are within the first 100 */
    memset(name + 101, 'g', 154);
    add_root(&maker, 1);
    for (int i = 0; i < 4; i++)
        add_group(&maker, name, MAKER_REQUIRED, 1, MAKER_NOTHING);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    maker.codec = 5;
    maker_add_column(&maker, INT32, 1, NULL, NULL, DATA(ONE));
    snprintf(
        wanted, sizeof(wanted),
        "ERROR: row group 1, column %.98s...: its compression is LZ4, which is not read; write "
        "the file with snappy, gzip or zstd",
        name);
    expect_rows("a page", &maker, 1, wanted);
    add_root(&maker, 1);
    for (int i = 0; i < 4; i++)
        add_group(&maker, name, MAKER_REQUIRED, 1, MAKER_NOTHING);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    maker.chunk_values = 2;
    maker_add_column(&maker, INT32, 1, NULL, NULL, DATA(ONE));
    snprintf(wanted, sizeof(wanted),
             "ERROR: row group 1, column %.98s...: it has too few or too many values", name);
    expect_rows("a footer", &maker, 1, wanted);
}

static void rows_that_are_not_there_are_missed(void)
{
    struct parquet_maker maker = PARQUET_MAKER_INIT;
    static const int64_t rows[] = {-1, INT64_C(1) << 40};

    maker.rows = 3;
    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    maker_add_column(&maker, INT32, 2, NULL, NULL, DATA(ONE TWO));
    expect_rows("a row is missing", &maker, 2,
                "{\"a\":1}\n{\"a\":2}\nERROR: it has fewer rows than its footer says");
    maker.rows = 1;
    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    maker_add_column(&maker, INT32, 2, NULL, NULL, DATA(ONE TWO));
    expect_rows("a row too many", &maker, 2,
                "{\"a\":1}\n{\"a\":2}\nERROR: it has more rows than its footer says");
    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_REPEATED, INT32);
    maker_add_column(&maker, INT32, 1, "0", "1", DATA(ONE));
    expect_rows("values without rows", &maker, 0,
                "ERROR: row group 1, column a.a: it has too few or too many values");
    maker.without_rows = true;
    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    maker_add_column(&maker, INT32, 2, NULL, NULL, DATA(ONE TWO));
    expect_rows("nobody says how many", &maker, 2, "ERROR: its footer is damaged");
    add_root(&maker, 1);
    add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
    expect_rows("no columns", &maker, 2, "ERROR: row group 1 has 0 columns, and the schema 1");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        maker.rows = 2;
        add_root(&maker, 1);
        add_leaf(&maker, "a", MAKER_REQUIRED, INT32);
        maker_add_column(&maker, INT32, 2, NULL, NULL, DATA(ONE TWO));
        expect_rows("rows", &maker, rows[i],
                    i == 0 ? "ERROR: row group 1 has -1 rows"
                           : "ERROR: row group 1 has 1099511627776 rows");
    }
}

/* --- parts ----------------------------------------------------------------------------------- */

#define BYTES(text)                                                                                \
    (struct bytes)                                                                                 \
    {                                                                                              \
        (const unsigned char *)(text), sizeof(text) - 1                                            \
    }

/* The examples of Encodings.md. */
static void numbers_are_unpacked(void)
{
    static const int64_t differences[] = {7, 5, 3, 1, 2, 3, 4, 5};
    struct hybrid hybrid;
    struct delta delta;
    uint32_t value;
    uint64_t number;

    hybrid_begin(&hybrid, BYTES("\x03\x88\xc6\xfa\x06\x05"), 3);
    for (uint32_t i = 0; i < 8; i++)
        CU_ASSERT(hybrid_next(&hybrid, &value) && value == i);
    for (int i = 0; i < 3; i++)
        CU_ASSERT(hybrid_next(&hybrid, &value) && value == 5);
    CU_ASSERT_FALSE(hybrid_next(&hybrid, &value));
    hybrid_begin(&hybrid, BYTES(""), 0);
    CU_ASSERT(hybrid_next(&hybrid, &value) && value == 0);

    CU_ASSERT(delta_begin(&delta, BYTES("\x08\x01\x08\x0e\x03\x02\xc0\x3f"
                                        "rest")));
    for (size_t i = 0; i < ARRAY_SIZE(differences); i++)
        CU_ASSERT(delta_next(&delta, &number) && (int64_t)number == differences[i]);
    CU_ASSERT_FALSE(delta_next(&delta, &number));
    CU_ASSERT_EQUAL(delta.in.length, 4);
    CU_ASSERT_FALSE(delta_begin(&delta, BYTES("\x08\x00\x08\x0e"))); /* no miniblocks */
    CU_ASSERT_FALSE(delta_begin(&delta, BYTES("\x08\x03\x08\x0e"))); /* of no whole number */
    CU_ASSERT_FALSE(delta_begin(&delta, BYTES("\x08\x01\x08")));
    CU_ASSERT(delta_begin(&delta, BYTES("\x08\x01\x02\x0e\x03\x41"))); /* 65 bits */
    CU_ASSERT(delta_next(&delta, &number) && !delta_next(&delta, &number));
}

static void pages_share_their_memory(void)
{
    struct parquet_memory memory = {.left = 100};
    struct parquet_room one = {0}, other = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(parquet_room_make(&one, &memory, 60, &err), 0);
    CU_ASSERT_EQUAL(parquet_room_make(&one, &memory, 50, &err), 0); /* there is room */
    CU_ASSERT_EQUAL(memory.left, 40);
    CU_ASSERT_EQUAL(parquet_room_make(&other, &memory, 41, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "too much memory"));
    CU_ASSERT_EQUAL(parquet_room_make(&one, &memory, 100, &err), 0); /* its own counts */
    CU_ASSERT_EQUAL(memory.left, 0);
    parquet_room_release(&one, &memory);
    CU_ASSERT_EQUAL(parquet_room_make(&other, &memory, 100, &err), 0);
    parquet_room_release(&other, &memory);
    CU_ASSERT_EQUAL(memory.left, 100);
}

/* 20 lists in each other, a binary that is longer than the rest, a number of 11 bytes. */
static void what_is_skipped_is_bounded(void)
{
    static const struct {
        struct bytes in;
        bool failed;
    } cases[] = {
        {{(const unsigned char *)"\x19\x19\x19\x15\x02\x00", 6}, false},
        {{(const unsigned char *)"\x19\x19\x19\x19\x19\x19\x19\x19\x19\x19\x19\x19\x19\x19\x19\x19"
                                 "\x19\x19\x15\x02\x00",
          21},
         true},
        {{(const unsigned char *)"\x18\x05"
                                 "abc",
          5},
         true},
        {{(const unsigned char *)"\x16\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", 13}, true},
        {{(const unsigned char *)"\x1b\xff\xff\xff\xff\x0f\x11\x00", 8}, true},
        {{(const unsigned char *)"\x1b\x01\x81\x01"
                                 "a\x01\x00",
          7},
         false},
        {{(const unsigned char *)"\x1c\x17\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00", 12}, false},
        {{(const unsigned char *)"\x1e\x00", 2}, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct thrift thrift = {.in = cases[i].in};
        struct thrift_field field = {0};

        while (thrift_next(&thrift, &field))
            thrift_skip(&thrift, &field);
        if (thrift.failed != cases[i].failed || thrift.in.length > 0)
            printf("case %zu\n", i);
        CU_ASSERT_EQUAL(thrift.failed, cases[i].failed);
        CU_ASSERT_EQUAL(thrift.in.length, 0);
    }
}

/* --- damaged files --------------------------------------------------------------------------- */

/* In memory of exactly that size, so that a sanitizer sees what reads past it. */
static void read_damaged(const char *bytes, size_t length)
{
    _cleanup_(free_ptr) char *own = xmemdup(bytes, length);
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    append_rows(own, length, ROW_MOST, &out);
    CU_ASSERT(out.length > 0);
}

static void files_that_are_cut_off_are_refused(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_(buf_release) struct buf file = BUF_INIT;

        load(files[i].file, &file);
        for (size_t length = 0; length < file.length; length++) {
            _cleanup_(free_ptr) char *own = xmemdup(file.data, length);
            _cleanup_(buf_release) struct buf out = BUF_INIT;

            append_rows(own, length, ROW_MOST, &out);
            CU_ASSERT(strncmp(out.data, "ERROR: the Parquet file is cut off", 34) == 0);
        }
    }
}

static void files_with_a_wrong_byte_give_rows_or_an_error(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_(buf_release) struct buf file = BUF_INIT;

        if (!files[i].is_changed)
            continue;
        load(files[i].file, &file);
        for (size_t at = 0; at < file.length; at++) {
            const char right = file.data[at];
            const char wrong[] = {0, (char)0xff, (char)(right + 1)};

            for (size_t k = 0; k < ARRAY_SIZE(wrong); k++) {
                file.data[at] = wrong[k];
                read_damaged(file.data, file.length);
            }
            file.data[at] = right;
        }
    }
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"files of three writers become the rows that they were made of",
         files_of_three_writers_become_the_rows_that_they_were_made_of},
        {"several row groups come one after the other",
         several_row_groups_come_one_after_the_other},
        {"a file may come in pieces", a_file_may_come_in_pieces},
        {"files are read by the confined process", files_are_read_by_the_confined_process},
        {"a row that is not UTF-8 is bad, and the others come",
         a_row_that_is_not_utf8_is_bad_and_the_others_come},
        {"what is not read is refused by name", what_is_not_read_is_refused_by_name},
        {"what is encrypted is refused", what_is_encrypted_is_refused},
        {"lists of writers of old are lists", lists_of_writers_of_old_are_lists},
        {"repeated fields without annotation are lists",
         repeated_fields_without_annotation_are_lists},
        {"maps with names are objects", maps_with_names_are_objects},
        {"values that are no text become what JSON has",
         values_that_are_no_text_become_what_json_has},
        {"decimals lose no digit, or are refused", decimals_lose_no_digit_or_are_refused},
        {"times may be as early as their bytes can say",
         times_may_be_as_early_as_their_bytes_can_say},
        {"bytes with a meaning are not taken for text",
         bytes_with_a_meaning_are_not_taken_for_text},
        {"lists and structures are charged by what they take",
         lists_and_structures_are_charged_by_what_they_take},
        {"a row that is too long is left out, and the others come",
         a_row_that_is_too_long_is_left_out_and_the_others_come},
        {"lies about sizes and numbers are found", lies_about_sizes_and_numbers_are_found},
        {"what reading a file takes is bounded", what_reading_a_file_takes_is_bounded},
        {"a column ends where the footer says", a_column_ends_where_the_footer_says},
        {"encodings that cannot be are found", encodings_that_cannot_be_are_found},
        {"nulls need no dictionary", nulls_need_no_dictionary},
        {"single bytes may be split into streams", single_bytes_may_be_split_into_streams},
        {"the header of a page is of its kind", the_header_of_a_page_is_of_its_kind},
        {"a text that is put together is charged", a_text_that_is_put_together_is_charged},
        {"levels that contradict each other are found",
         levels_that_contradict_each_other_are_found},
        {"schemas that cannot be are refused", schemas_that_cannot_be_are_refused},
        {"the path of a column leaves room for the reason",
         the_path_of_a_column_leaves_room_for_the_reason},
        {"rows that are not there are missed", rows_that_are_not_there_are_missed},
        {"numbers are unpacked", numbers_are_unpacked},
        {"pages share their memory", pages_share_their_memory},
        {"what is skipped is bounded", what_is_skipped_is_bounded},
        {"files that are cut off are refused", files_that_are_cut_off_are_refused},
        {"files with a wrong byte give rows or an error",
         files_with_a_wrong_byte_give_rows_or_an_error},
    };

    return UNIT_MAIN("parquet", tests);
}
