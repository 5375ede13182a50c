/*
 * Trials of Rust's tests: what is read in a text, the failures that are planted there, which tests
 * the lists mean, and how they are built and started. cargo is stood in for. The current folder is
 * one of the test's own.
 */
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial-rig.h"
#include "trial/cargo.h"
#include "trial/drawn.h"
#include "trial/rust.h"
#include "trial/rust_macros.h"
#include "trial/rust_plant.h"
#include "unit.h"

#include "base/banned.h"

static char place[] = "/tmp/test-trial-rust-XXXXXX"; /* the current folder */

static void write_text(const char *path, const char *text)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
}

/* --- reading --------------------------------------------------------------------------------- */

static const char hard[] =
    "use std::collections::{HashMap, HashSet};\n"
    "//! #[test] fn in_comment() {}\n"
    "/* outer /* #[test] fn nested() { */ fn still() { */\n"
    "const BRACES: &str = \"}{\\\"\"; const RAW: &[u8] = br##\"\"# } #[test] fn raw() {}\"##;\n"
    "static CHARS: [char; 4] = ['{', '\\'', '\"', '\\u{7d}'];\n"
    "fn lifetimes<'a, T: Into<&'a str>>(r#fn: T) -> [&'a str; 1] where T: 'a { [r#fn.into()] }\n"
    "macro_rules! made { ($n:ident) => { #[test] fn $n() {} }; }\n"
    "made! { other }\nmade!(third);\n"
    "struct Unit; struct Tuple(u8); struct Braces { a: u8 }\n"
    "impl Braces { #[test] fn method() {} }\n"
    "#[test]\nfn plain() {}\n"
    "#[tokio::test(flavor = \"multi_thread\")]\n#[allow(unused)]\npub(crate) async fn waits() {}\n"
    "#[cfg(test)]\nmod outer {\n    #![allow(dead_code)]\n    mod in_file;\n"
    "    #[path = \"else/where.rs\"]\n    pub mod renamed;\n"
    "    mod inner { mod deep; #[test] fn twice() -> Result<(), String> { Ok(()) } }\n"
    "    #[test]\n    #[should_panic(expected = \"a ] b\")]\n    fn panics() { panic!(\"a ] b\") "
    "}\n"
    "}\n#[testing] fn no_test() {}\n#[test]\nunsafe extern \"C\" fn last() {}\n";

static void names_of(const char *text, struct buf *names)
{
    struct source source;
    struct rust_file file;

    rust_read(&source, text);
    CU_ASSERT_EQUAL(strlen(source.code), strlen(text));
    rust_find(&source, "", &file);
    for (size_t i = 0; i < file.test_count; i++)
        buf_addf(names, "%s%s%s ", file.tests[i].name, file.tests[i].returns ? "->" : "",
                 file.tests[i].panic_end > 0 ? "!" : "");
    for (size_t i = 0; i < file.module_count; i++)
        buf_addf(names, "%s in %s%s; ", file.modules[i].name, file.modules[i].folder,
                 file.modules[i].path ? file.modules[i].path : "");
    rust_file_release(&file);
    source_release(&source);
}

static void tests_and_modules_are_found_whatever_stands_in_strings_and_comments(void)
{
    _cleanup_(buf_release) struct buf names = BUF_INIT;

    names_of(hard, &names);
    CU_ASSERT_STRING_EQUAL(names.data,
                           "plain waits outer::inner::twice-> outer::panics! last "
                           "outer::in_file in outer/; outer::renamed in outer/else/where.rs; "
                           "outer::inner::deep in outer/inner/; ");
}

static void what_has_no_end_is_read_as_far_as_it_goes(void)
{
    static const char *const texts[] = {
        "",
        "#",
        "#[",
        "#!",
        "#[test]",
        "#[test] fn",
        "#[test] fn a",
        "#[test] fn a(",
        "mod",
        "mod a",
        "#[test] fn a() {",
        "\"",
        "r#\"",
        "'",
        "b'",
        "/*",
        "/* /* */",
        "fn a() { } }",
        "}}}",
        "#[path =",
        "#[path = \"",
        "mod a {",
        "pub(",
        "// a\npub(crate fn x",
        "extern \"",
        "macro_rules! a {",
        "macro_rules! a { macro_rules! b {",
        "macro_rules! ",
        "#[test] fn a() { ((( }",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(buf_release) struct buf names = BUF_INIT;

        names_of(texts[i], &names);
        CU_ASSERT_STRING_EQUAL(names.data, "");
    }
}

/* --- planting -------------------------------------------------------------------------------- */

/* The kinds of what can be planted in the only test of the text, and how many assertions may be
 * left out. */
static void plants_of(const char *text, struct rust_plants *plants, struct source *source)
{
    struct rust_file file;

    rust_read(source, text);
    rust_find(source, "", &file);
    CU_ASSERT_EQUAL_FATAL(file.test_count, 1);
    *plants = (struct rust_plants){0};
    rust_plants_find(source, &file.tests[0], NULL, rust_macros_defined(source), plants);
    rust_file_release(&file);
}

static void check_kinds(const char *body, const char *kinds, size_t assertions)
{
    _cleanup_(free_ptr) char *text = xasprintf("#[test]\nfn a() %s\n", body);
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    struct rust_plants plants;
    size_t left_out = 0;
    struct source source;

    plants_of(text, &plants, &source);
    for (size_t i = 0; i < plants.plants.count; i++)
        buf_addf(&found, "%.1s", plants.plants.items[i].kind);
    for (size_t i = 0; i < plants.form_count; i++)
        left_out += plants.forms[i].left_out != NULL;
    CU_ASSERT_STRING_EQUAL(found.data, kinds);
    CU_ASSERT_EQUAL(left_out, assertions);
    rust_plants_release(&plants);
    source_release(&source);
}

/* b(egins), e(xpected or ends), n(egated) */
static void failures_are_planted_only_where_they_are_surely_executed(void)
{
    check_kinds("{ }", "eb", 0);
    check_kinds("{ assert!(x); }", "ebn", 1);
    check_kinds("{ assert_eq!(x, 5); assert_eq!(x, y); }", "ebnen", 2);
    check_kinds("{ assert_eq!(x, 5) }", "ebne", 1);
    check_kinds("{ if x { assert!(y); } else { assert!(z) } f(); }", "eb", 0);
    check_kinds("{ if let S { a } = x { assert!(a); } assert!(y); }", "ebn", 1);
    check_kinds("{ for S { a } in x { assert!(a); } match y { 1 => {} _ => {} }.f(); assert!(y); }",
                "ebn", 1);
    check_kinds("{ assert!(x); if y { return; } assert!(z); }", "ebn", 1);
    check_kinds("{ assert!(x); let Some(y) = z else { return }; assert!(y); }", "ebn", 1);
    check_kinds("{ std::process::exit(0); }", "eb", 0);
    check_kinds("{ skip_unless!(x); assert!(y); }", "eb", 0);
    check_kinds("{ let x = json!({}); assert!(x); println!(\"}}{}\", x) }", "ebn", 1);
    check_kinds("{ #[cfg(unix)] assert!(x); assert!(y); }", "ebn", 1);
    check_kinds("{ let f = |x| { assert!(x); }; f(1); 'a: loop { break 'a; } assert!(y); }", "eb",
                0);
    check_kinds("{ assert!(let Some(x) = y); assert!(a as Vec<u8, u8>); }", "eb", 0);
    check_kinds("{ std::assert!(x); my::assert_eq!(x, 1); x.assert(1); }", "eb", 0);
    check_kinds("-> Result<(), E> { assert_eq!(f()?, 1); Ok(()) }", "ebne", 1);
    check_kinds("-> Result<(), E> { if x { Ok(()) } else { Err(E) } }", "eb", 0);
}

static void a_macro_of_the_text_leaves_if_what_it_stands_for_does(void)
{
    static const char *const bodies[] = {"assert!($x)", "if $x { return; }", "second!($x)"};
    static const size_t counts[] = {3, 2, 2}; /* ends and begins, and perhaps negated */

    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        _cleanup_(free_ptr) char *text =
            xasprintf("macro_rules! first { ($x:expr) => { %s }; }\n"
                      "macro_rules! second { ($x:expr) => { return }; }\n"
                      "#[test]\nfn a() { first!(x); assert!(y); }\n",
                      bodies[i]);
        struct rust_plants plants;
        struct source source;

        plants_of(text, &plants, &source);
        CU_ASSERT_EQUAL(plants.plants.count, counts[i]);
        rust_plants_release(&plants);
        source_release(&source);
    }
}

/* Of a test behind so many macros, of which each is made of the next one, twice. */
static size_t plants_behind(size_t macros, const char *last)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct rust_plants plants;
    struct source source;
    size_t count;

    for (size_t i = 0; i < macros; i++)
        buf_addf(&text, "macro_rules! m%05zu { () => { m%05zu!(); m%05zu!(); }; }\n", i, i + 1,
                 i + 1);
    buf_addf(&text, "macro_rules! m%05zu { () => { %s; }; }\n", macros, last);
    buf_add_str(&text, "#[test]\nfn a() { m00000!(); assert!(x); }\n");
    plants_of(text.data, &plants, &source);
    count = plants.plants.count;
    rust_plants_release(&plants);
    source_release(&source);
    return count;
}

static void macros_are_read_in_a_moment_whatever_they_are_made_of(void)
{
    _cleanup_(buf_release) struct buf quoted = BUF_INIT;
    struct source source;
    size_t at = 0, name;

    for (size_t macros = 40; macros <= 20000; macros *= 500) {
        CU_ASSERT_EQUAL(plants_behind(macros, "f()"), 3);
        CU_ASSERT_EQUAL(plants_behind(macros, "return"), 2);
    }
    buf_add_str(&quoted, "fn a() { vec![]; ");
    for (size_t i = 0; i < 100000; i++)
        buf_add_str(&quoted, "stringify!(");
    rust_read(&source, quoted.data);
    CU_ASSERT_TRUE(rust_next_call(&source, &at, 0, &name));
    CU_ASSERT_TRUE(rust_next_call(&source, &at, 0, &name)); /* the first one that quotes */
    CU_ASSERT_FALSE(rust_next_call(&source, &at, 0, &name));
    source_release(&source);
}

/* What is planted in place of the value; NULL: nothing is. */
static char *planted_for(const char *value)
{
    _cleanup_(free_ptr) char *text =
        xasprintf("#[test]\nfn a() { assert_eq!(f(1), %s); }\n", value);
    struct rust_plants plants;
    struct source source;
    char *planted = NULL;

    plants_of(text, &plants, &source);
    for (size_t i = 0; i < plants.plants.count; i++)
        if (strcmp(plants.plants.items[i].kind, "expected") == 0) {
            CU_ASSERT_PTR_NULL(planted);
            planted = xstrdup(plants.plants.items[i].text);
            CU_ASSERT_TRUE(
                strlen(planted) != plants.plants.items[i].end - plants.plants.items[i].start ||
                strncmp(text + plants.plants.items[i].start, planted, strlen(planted)) != 0);
        }
    rust_plants_release(&plants);
    source_release(&source);
    return planted;
}

static void another_number_fits_wherever_the_old_one_does(void)
{
    static const char *const numbers[] = {
        "0", "1", "7", "10", "100", "127", "200", "255", "1_000", "32767", "18446744073709551615"};

    for (size_t times = 0; times < 50; times++)
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
            _cleanup_(free_ptr) char *near = planted_for(numbers[i]);

            CU_ASSERT_PTR_NOT_NULL_FATAL(near);
            CU_ASSERT_EQUAL(strlen(near), strlen(numbers[i]));
            CU_ASSERT_TRUE(
                strcmp(near, numbers[i]) < 0 ||
                (strspn(numbers[i], "01_") == strlen(numbers[i]) && near[strlen(near) - 1] == '1'));
        }
}

static void a_value_is_changed_only_if_it_is_made_of_literals(void)
{
    static const char *const changed[] = {"\"ab\"",
                                          "'a'",
                                          "b'a'",
                                          "b\"ab\"",
                                          "r#\"a\"b\"#",
                                          "2.5",
                                          "5u8",
                                          "-5",
                                          "true",
                                          "&[1, 2]",
                                          "Some(\"a\")",
                                          "Ok((1, 'b'))",
                                          "vec![Some(1), None, Some(2)].len()",
                                          "\"a\".to_string()",
                                          "String::from(\"a\")",
                                          "vec![\"a\".to_owned(),]",
                                          "vec![None, Some(1)]",
                                          "Money(5)",
                                          "money::Money::new(5, \"EUR\")",
                                          "Duration::from_secs(5)",
                                          "Point { x: 1, y: Some(2) }",
                                          "Err(Error::Parse(\"a\".into()))"};
    static const char *const left[] = {"x",
                                       "g(5)",
                                       "5 + x",
                                       "\"\"",
                                       "\"\\n\\\\\"",
                                       "0xff",
                                       "1e9",
                                       "[0; 3]",
                                       "S { a: x, b: 5 }",
                                       "Ok(())",
                                       "P { x }",
                                       "P { x: 1, ..p }",
                                       "Vec::with_capacity(5)",
                                       "u8::from(5)",
                                       "E::A",
                                       "money(5)",
                                       "if x { 1 }",
                                       "x[5]",
                                       "None",
                                       "5.max(x)",
                                       "&|a| a",
                                       "\"a\" .len()",
                                       "format!(\"a\")",
                                       "vec![x, 5]"};

    for (size_t i = 0; i < ARRAY_SIZE(changed); i++) {
        _cleanup_(free_ptr) char *near = planted_for(changed[i]);

        CU_ASSERT_EQUAL(near == NULL, strstr(changed[i], ".len()") != NULL);
    }
    for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
        _cleanup_(free_ptr) char *near = planted_for(left[i]);

        CU_ASSERT_PTR_NULL(near);
    }
}

/* What makes the value may not look at all of them: all are others. */
static void of_a_value_that_the_session_makes_all_literals_are_changed(void)
{
    for (size_t times = 0; times < 50; times++) {
        _cleanup_(free_ptr) char *near = planted_for("Some(Point::new(7, \"ab\", true))");

        CU_ASSERT_PTR_NOT_NULL_FATAL(near);
        CU_ASSERT_PTR_NULL(strchr(near, '7'));
        CU_ASSERT_PTR_NULL(strstr(near, "\"ab\""));
        CU_ASSERT_PTR_NOT_NULL(strstr(near, ", false"));
    }
}

/* A set has no order, and what makes a value may look at one of two numbers only. */
static void a_value_that_may_be_equal_all_the_same_is_not_planted(void)
{
    static const char *const equal[] = {"HashSet::from([0, 1])",
                                        "BTreeSet::from([false, true])",
                                        "BTreeMap::from([(0, 1), (1, 0)])",
                                        "Edge::new(0, 1)",
                                        "[0, 1].into()",
                                        "Name::new(\"+\", 1)",
                                        "Name { sign: '+', number: 1 }",
                                        "Pair(\"\", \"ab\")"};

    for (size_t times = 0; times < 50; times++) {
        _cleanup_(free_ptr) char *near = planted_for("HashSet::from([1, 2])");
        _cleanup_(free_ptr) char *letters = planted_for("Edge::new('a', 'b')");

        for (size_t i = 0; i < ARRAY_SIZE(equal); i++) {
            _cleanup_(free_ptr) char *planted = planted_for(equal[i]);

            CU_ASSERT_PTR_NULL(planted);
        }
        CU_ASSERT_PTR_NOT_NULL_FATAL(near);
        CU_ASSERT_STRING_EQUAL(near, "0, 0");
        CU_ASSERT_PTR_NOT_NULL_FATAL(letters);
        CU_ASSERT_EQUAL(strcspn(letters, "ab"), strlen(letters));
    }
}

/* Behind them a float of 32 bits may be the same. */
static void of_a_fraction_one_of_the_first_six_digits_is_another(void)
{
    static const char *const numbers[] = {"0.33333333333333", "0.0000000123456789", "12345678.5",
                                          "0.0", "16777217f32"};

    for (size_t times = 0; times < 200; times++)
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
            _cleanup_(free_ptr) char *near = planted_for(numbers[i]);
            double value = strtod(numbers[i], NULL), other;

            CU_ASSERT_PTR_NOT_NULL_FATAL(near);
            other = strtod(near, NULL);
            CU_ASSERT_TRUE(fabs(value - other) >= 0.9e-6 * value && value != other);
        }
}

static const char asserting[] =
    "#[test]\nfn a() {\n    // first\n    let x = f();\n    assert!(x > 5, \"no {}\",\n        "
    "g());\n"
    "    assert_eq!(\n        x,\n        7, // seven\n    );\n    assert_ne!(x, 8)\n}\n";

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

/* Whatever was drawn: the line of each call, and what a panic tells, are the same. */
static void a_planted_failure_fails_at_the_place_and_with_the_words_of_any_other(void)
{
    struct rust_plants plants;
    struct source source;
    size_t columns[2] = {0}, calls[8] = {0};

    plants_of(asserting, &plants, &source);
    for (size_t times = 0; times < 400; times++) {
        const struct trial_plant *plant =
            times % 2 ? &plants.plants.items[times / 2 % plants.plants.count] : NULL;
        struct trial_edits edits = {0};
        _cleanup_(free_ptr) char *planted = NULL;
        const char *line;

        rust_plants_edit(&plants, plant, &edits);
        planted = trial_edits_apply(&edits, asserting);
        trial_edits_release(&edits);
        CU_ASSERT_EQUAL(count_of(planted, "::std::panic!()"), 1);
        CU_ASSERT_EQUAL(count_of(planted, "assert") + count_of(planted, "\"no"), 0);
        CU_ASSERT_EQUAL(count_of(planted, "\n"), count_of(asserting, "\n") + 2);
        line = strstr(planted, "let x = f()");
        CU_ASSERT_PTR_NOT_NULL_FATAL(line);
        columns[0] += plant == NULL;
        columns[1] += strcspn(line, "\n") == strlen("let x = f();");
        calls[count_of(planted, "() }")]++;
    }
    CU_ASSERT_EQUAL(columns[1], 400);
    CU_ASSERT_TRUE(calls[1] > 0 && calls[4] > 0); /* the function; with all assertions or none */
    rust_plants_release(&plants);
    source_release(&source);
}

static size_t ends_in(const struct rust_plants *plants, const struct trial_drawn *drawn)
{
    size_t count = 0;

    for (int run = 0; run < TRIAL_SMALL_RUNS; run++) {
        const struct trial_plant *plant = trial_plant_in(drawn, &plants->plants, run);

        count += plant && strcmp(plant->kind, "ends") == 0;
    }
    return count;
}

/* Whatever can be read of it: what makes a real failure pass has been called before its end. */
static void each_test_has_a_planted_failure_wherever_it_is_left(void)
{
    static const char *const bodies[] = {"let m = hashmap! { 1 => 2 }; assert_eq!(f(&m), 3);",
                                         "if x() { return; } assert!(y); assert_eq!(z, 5);"};

    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        _cleanup_(free_ptr) char *text = xasprintf("#[test]\nfn a() { %s }\n", bodies[i]);
        struct rust_plants plants;
        struct source source;

        plants_of(text, &plants, &source);
        for (size_t times = 0; times < 100; times++) {
            struct trial_drawn mended, kept;

            trial_draw_mended(&plants.plants, &mended);
            trial_draw_kept(&plants.plants, &kept);
            CU_ASSERT_TRUE(ends_in(&plants, &mended) >= 1 && ends_in(&plants, &mended) < 4);
            CU_ASSERT_EQUAL(ends_in(&plants, &kept), 1);
        }
        rust_plants_release(&plants);
        source_release(&source);
    }
}

static void a_test_that_may_have_to_panic_has_no_planted_failure(void)
{
    struct rust_plants plants;
    struct source source;

    plants_of("#[test]\n#[cfg_attr(debug_assertions, should_panic)]\nfn a() { assert!(x); }\n",
              &plants, &source);
    CU_ASSERT_EQUAL(plants.plants.count, 0);
    rust_plants_release(&plants);
    source_release(&source);
}

static void macros_of_the_standard_library_s_are_told_from_others(void)
{
    static const char text[] =
        "use pretty::{assert_ne, x}; use shop::*;\nmacro_rules! vec { () => { assert!($x) } }\n"
        "// assert!(a)\nfn a() { let vec = vec![1]; std::panic!(); panic != x; \"panic!\"; "
        "$format!(); assert_ne!(1, 2); quote! { assert!(x) } matches! (x, y); x.assert(1); "
        "debug_assert_eq!{1, 1} assert_eq! [1, 1]; own_assert!(x); println!(); "
        "stringify!(write!(x)); dbg!(include_str!(concat!(env!())); }\n";
    static const char *const found[] = {
        "assert!($x",   "matches! (x", "debug_assert_eq!", "assert_eq! [", "println!()",
        "stringify!(w", "dbg!(",       "include_str!(",    "concat!(",     "env!("};
    struct source source;
    uint64_t but;
    size_t at = 0, name, count = 0;

    rust_read(&source, text);
    CU_ASSERT_EQUAL(rust_macros_defined(&source), rust_macro_bit("vec"));
    CU_ASSERT_EQUAL(rust_macros_imported(&source), rust_macro_bit("assert_ne"));
    CU_ASSERT_EQUAL(rust_macro_bit("own_assert"), 0);
    but = rust_macro_bit("vec") | rust_macro_bit("assert_ne");
    for (; rust_next_call(&source, &at, but, &name); count++)
        CU_ASSERT_TRUE(count < ARRAY_SIZE(found) &&
                       strncmp(text + name, found[count], strlen(found[count])) == 0);
    CU_ASSERT_EQUAL(count, ARRAY_SIZE(found));
    source_release(&source);
}

/* What they are called here is not what stands before it. */
static void macros_that_are_imported_are_told_from_words_of_a_path(void)
{
    static const struct {
        const char *text, *macro;
    } imports[] = {
        {"use std::panic::catch_unwind;", NULL},
        {"use std::{panic, vec::{self, IntoIter}};", NULL},
        {"use ::core::panic; use alloc::vec;", NULL},
        {"use {std::vec, core::panic};", NULL},
        {"use shop::panic::Hook; use shop::{vec::{Of, Other}, write as other};", NULL},
        {"use shop::panic;", "panic"},
        {"use {std::vec, shop::panic};", "panic"},
        {"use {std::{self, vec}, shop::{a, b::{panic}}};", "panic"},
        {"use shop::other as panic;", "panic"},
        {"pub(crate) use {shop::{self, a}, std::vec, shop::panic };", "panic"},
        {"use panic", "panic"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(imports); i++) {
        const char *macro = imports[i].macro;
        struct source source;

        rust_read(&source, imports[i].text);
        CU_ASSERT_EQUAL(rust_macros_imported(&source), macro ? rust_macro_bit(macro) : 0);
        source_release(&source);
    }
}

/* Else a macro of the same name could tell that it is there. */
static void a_macro_within_a_value_is_called_by_its_whole_name(void)
{
    static const char call[] = "fn b() { assert_eq!(f(), Order { id: 1, items: vec![2, 3] }); }";
    static const char *const before[] = {"", "macro_rules! vec { () => { } }", "use shop::vec;"};

    for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
        _cleanup_(free_ptr) char *text = xasprintf("%s\n#[test]\n%s\n", before[i], call);
        struct rust_plants plants;
        struct source source;
        const char *planted = NULL;

        plants_of(text, &plants, &source);
        for (size_t n = 0; n < plants.plants.count; n++)
            if (strcmp(plants.plants.items[n].kind, "expected") == 0)
                planted = plants.plants.items[n].text;
        CU_ASSERT_PTR_NOT_NULL_FATAL(planted);
        CU_ASSERT_EQUAL(count_of(planted, ":  ::std::vec!["), i == 0);
        CU_ASSERT_EQUAL(count_of(planted, ": vec!["), i > 0);
        rust_plants_release(&plants);
        source_release(&source);
    }
}

static void a_test_that_must_panic_expects_another_panic_or_need_not_come_to_it(void)
{
    static const char text[] = "#[test]\n#[should_panic]\nfn a() { #![allow(unused)] f(1); }\n";
    static const char *const begins[] = {"#[should_panic(expected = \"", "#[inline]\nfn",
                                         "#![allow(unused)] if \""};
    struct rust_plants plants;
    struct source source;

    plants_of(text, &plants, &source);
    CU_ASSERT_EQUAL_FATAL(plants.plants.count, ARRAY_SIZE(begins));
    for (size_t i = 0; i < plants.plants.count; i++) {
        struct trial_edits edits = {0};
        _cleanup_(free_ptr) char *planted = NULL;

        rust_plants_edit(&plants, &plants.plants.items[i], &edits);
        planted = trial_edits_apply(&edits, text);
        CU_ASSERT_PTR_NOT_NULL(strstr(planted, begins[i]));
        trial_edits_release(&edits);
    }
    rust_plants_release(&plants);
    source_release(&source);
}

static void a_test_is_new_unless_the_repository_has_it_letter_by_letter(void)
{
    static const char former[] = "#[test]\nfn a() { assert!(x); }\n#[test]\nfn b() { }\n";
    static const char text[] = "#[test]\nfn b() { f(); }\n#[test]\nfn a() { assert!(x); }\n";
    struct source source;
    struct rust_file file;

    rust_read(&source, text);
    rust_find(&source, "", &file);
    CU_ASSERT_EQUAL_FATAL(file.test_count, 2);
    for (size_t i = 0; i < 2; i++) {
        struct rust_plants plants = {0};

        rust_plants_find(&source, &file.tests[i], former, 0, &plants);
        CU_ASSERT_EQUAL(plants.plants.items[0].is_new, i == 0);
        rust_plants_release(&plants);
    }
    rust_file_release(&file);
    source_release(&source);
}

/* A failure in it would be another test's, too, or could not be compiled. */
static void nothing_is_planted_in_what_is_called_or_const(void)
{
    static const char text[] = "#[test]\nfn a() { assert!(x); }\n"
                               "#[test]\nfn b() { a(); assert!(x); }\n"
                               "#[test]\npub const fn c() { assert!(true); }\n"
                               "mod more { #[test] fn d() { assert!(x); } }\n"
                               "#[test]\nfn e() { more :: d (); }\n"
                               "#[test]\nfn f() { x.f(); self_f(); \"f()\"; f!(); g::<f>(); }\n";
    static const bool is_planted[] = {false, true, false, false, true, true};
    struct source source;
    struct rust_file file;

    rust_read(&source, text);
    rust_find(&source, "", &file);
    CU_ASSERT_EQUAL_FATAL(file.test_count, ARRAY_SIZE(is_planted));
    for (size_t i = 0; i < file.test_count; i++) {
        struct rust_plants plants = {0};

        rust_plants_find(&source, &file.tests[i], NULL, 0, &plants);
        CU_ASSERT_EQUAL(plants.plants.count > 0, is_planted[i]);
        rust_plants_release(&plants);
    }
    rust_file_release(&file);
    source_release(&source);
}

/* --- plans ----------------------------------------------------------------------------------- */

/* What cargo would tell of a workspace with one package in a folder. */
static const char cargo[] =
    "#!/bin/sh -e\n"
    "[ ! -e target ] || exit 1\n" /* what was built is not copied */
    "[ \"$1\" = metadata ] || { echo '# made' >Cargo.lock; exit 0; }\n"
    "target() { echo '{\"kind\":[\"'$1'\"],\"name\":\"'$2'\",\"src_path\":\"'$PWD/a/$3'\"}'; }\n"
    "echo '{\"workspace_root\":\"'$PWD'\",\"packages\":[{\"name\":\"calc\",\"version\":\"1.2.3\","
    "\"manifest_path\":\"'$PWD'/a/Cargo.toml\",\"targets\":['$(target lib calc src/lib.rs),"
    "$(target test sums tests/sums.rs),$(target test words tests/words.rs),"
    "$(target bin tool src/tool.rs),$(target test up tests/more/up.rs),"
    "$(target test many tests/more/many.rs),"
    "$(target test maybe tests/more/maybe.rs),"
    "$(target test whole tests/whole.rs),$(target custom-build build-script-build make/main.rs),"
    "$(target custom-build other-script other.rs)"
    "']}]}'\n";

static const char *many = ""; /* the text of a file of tests */

static void write_project(void)
{
    static const char *const folders[] = {"bin",
                                          "plan",
                                          "given/more",
                                          "repository/a/src",
                                          "repository/a/make",
                                          "repository/a/gen",
                                          "repository/a/tests",
                                          "repository/in/b",
                                          "repository/vendor/v",
                                          "repository/vendor/w",
                                          "repository/beside/x",
                                          "repository/beside/own",
                                          "repository/mixed/x",
                                          "repository/mixed/c"};
    struct error err = ERROR_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        CU_ASSERT_EQUAL_FATAL(make_dirs(folders[i], 0755, &err), 0);
    write_text("bin/cargo", cargo);
    CU_ASSERT_EQUAL_FATAL(chmod("bin/cargo", 0755), 0);
    write_text("given/sums.rs",
               "mod common;\n#[test]\nfn adds() { assert_eq!(calc::add(2, 3), 5); }\n"
               "#[test]\nfn same() { assert!(true); }\n");
    write_text("given/words.rs", "#[test]\nfn same() { assert!(true); }\n");
    write_text("given/common.rs", "#[test]\nfn helps() { assert!(true); }\n");
    write_text("given/more/up.rs", "#[path = \"../../src\"] mod src { mod own; }\n"
                                   "#[test]\nfn in_up() { assert!(true); }\n");
    write_text("given/more/maybe.rs", "#[cfg_attr(unix, path = \"../../src/own.rs\")] mod own;\n"
                                      "#[test]\nfn in_maybe() { assert!(true); }\n");
    write_text("given/more/own.rs", "");
    write_text("given/more/many.rs", many);
    write_text("repository/a/src/own.rs", "pub fn own() {}\n");
    write_text("given/tool.rs", "fn main() {}\n");
    write_text("repository/a/src/lib.rs", "#[test]\nfn unit() {}\n");
    write_text("repository/Cargo.toml", "");
    write_text("repository/a/Cargo.toml", "");
    write_text("repository/a/make/main.rs", "");
    write_text("repository/a/other.rs",
               "mod gen;\n#[path = \"src/own.rs\"] mod own;\n"
               "#[path = \"tests/more/many.rs\"] mod many;\nfn main() {}\n");
    write_text("repository/a/gen.rs", "mod deep;\n");
    write_text("repository/a/gen/deep.rs", "");
    write_text("repository/a/tests/whole.rs", "#[path = \"../tests/given.rs\"] mod given;\n"
                                              "#[path = \"whole.rs\"] mod again;\n");
    write_text("given/given.rs", "#[test]\nfn in_another_s() { assert!(true); }\n");
    write_text("repository/vendor/w/.cargo-checksum.json", "");
    write_text("repository/beside/x/.cargo-checksum.json", "");
    write_text("repository/beside/x/Cargo.toml", "");
    write_text("repository/mixed/x/.cargo-checksum.json", "");
    write_text("repository/beside/own/Cargo.toml", "");
    CU_ASSERT_EQUAL_FATAL(mkdir("repository/target", 0755), 0);
    write_text("repository/target/CACHEDIR.TAG", "");
    write_text("repository/in/b/Cargo.toml", "");
    write_text("repository/vendor/v/.cargo-checksum.json", "");
    write_text("repository/vendor/v/Cargo.toml", "");
}

/* What was planned lies in `plan`. */
static json_object *leave_plan(const char *lists)
{
    _cleanup_(free_ptr) char *spec = xasprintf(
        "{\"repository\":\"%s/repository\",\"cargo\":[\"--all-features\"],\"tests\":"
        "{\"a/tests/sums.rs\":\"%s/given/sums.rs\",\"a/tests/words.rs\":"
        "\"%s/given/words.rs\",\"a/tests/common.rs\":\"%s/given/common.rs\",\"a/tests/given.rs\":"
        "\"%s/given/given.rs\",\"a/src/tool.rs\":\"%s/given/tool.rs\","
        "\"a/tests/more\":\"%s/given/more\"},%s}",
        place, place, place, place, place, place, place, lists);
    _cleanup_(free_ptr) char *path = xasprintf("%s/bin:/usr/bin:/bin", place);
    _cleanup_(json_release) json_object *trial = json_tokener_parse(spec);
    json_object *made = NULL;

    write_project();
    setenv("PATH", path, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(trial);
    CU_ASSERT_EQUAL_FATAL(chdir("plan"), 0);
    if (trial_cargo_plan(NULL, trial) == 0)
        made = json_object_from_file("plan.json");
    CU_ASSERT_EQUAL_FATAL(chdir(place), 0);
    setenv("PATH", "/usr/bin:/bin", 1);
    return made;
}

static void remove_project(void)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(remove_tree("given", &err) + remove_tree("repository", &err) +
                        remove_tree("plan", &err) + remove_tree("bin", &err),
                    0);
}

/* lists: members of the trial. NULL: there is no plan. */
static json_object *new_plan(const char *lists)
{
    json_object *made = leave_plan(lists);

    remove_project();
    return made;
}

static json_object *item_of(json_object *object, const char *list, size_t at)
{
    return json_object_array_get_idx(json_object_object_get(object, list), at);
}

static const char *text_of(json_object *object, const char *list, size_t at)
{
    return json_object_get_string(item_of(object, list, at));
}

static bool has_text(json_object *object, const char *list, const char *text)
{
    json_object *items = json_object_object_get(object, list);

    for (size_t i = 0; items && i < json_object_array_length(items); i++)
        if (strcmp(text_of(object, list, i), text) == 0)
            return true;
    return false;
}

static void a_test_is_named_with_or_without_its_file_and_package(void)
{
    static const char *const named[] = {"adds",        "sums::adds",    "calc::sums::adds",
                                        "words::same", "common::helps", "sums::common::helps"};

    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        _cleanup_(free_ptr) char *lists = xasprintf("\"fail_to_pass\":[\"%s\"]", named[i]);
        _cleanup_(json_release) json_object *made = new_plan(lists);

        CU_ASSERT_PTR_NOT_NULL_FATAL(made);
        CU_ASSERT_TRUE(has_text(made, "functions", named[i]));
        CU_ASSERT_TRUE(has_text(made, "files", named[i]));
        CU_ASSERT_FALSE(has_text(made, "unplanted", named[i]));
    }
}

static void a_list_with_a_test_that_is_not_the_trial_s_has_no_plan(void)
{
    static const char *const lists[] = {
        "\"fail_to_pass\":[\"adds\",\"unit\"]",
        "\"fail_to_pass\":[\"calc::unit\"]",
        "\"fail_to_pass\":[\"adds\"],\"pass_to_pass\":[\"nowhere\"]",
        "\"fail_to_pass\":[\"same\"]",                /* of two files */
        "\"fail_to_pass\":[\"given::in_another_s\"]", /* part of a program that is the session's */
        "\"fail_to_pass\":[\"in_up\"]",
        "\"fail_to_pass\":[\"in_maybe\"]",
        "\"fail_to_pass\":[]",
        "\"fail_to_pass\":[\"add\"]",
        "\"fail_to_pass\":[\"\"]",
    };

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        _cleanup_(json_release) json_object *made = new_plan(lists[i]);

        CU_ASSERT_PTR_NULL(made);
    }
}

static void of_a_program_only_so_many_files_are_read(void)
{
    static const struct {
        const char *part;
        size_t count;
        bool is_planned;
    } cases[] = {
        {"", 0, true},
        {"#[path = \"many.rs\"] mod a;\n", 1000, true}, /* which rustc refuses */
        {"#[path = \"own.rs\"] mod a;\n", 1900, true},
        {"#[path = \"own.rs\"] mod a;\n", 2100, false},
        {"#[test] fn f() {}\n", 3000, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        _cleanup_(json_release) json_object *made = NULL;

        buf_addf(&text, "#[test] fn one_of_many() { assert!(true); }\n");
        for (size_t n = 0; n < cases[i].count; n++)
            buf_addf(&text, "%s", cases[i].part);
        many = text.data;
        made = new_plan("\"fail_to_pass\":[\"one_of_many\"]");
        many = "";
        CU_ASSERT_EQUAL(made != NULL, cases[i].is_planned);
    }
}

static void what_tells_how_to_build_is_the_image_s_unless_the_trial_says_otherwise(void)
{
    static const char *const always[] = {".cargo", "rust-toolchain", "rust-toolchain.toml"};
    static const char *const else_own[] = {
        "Cargo.toml",      "build.rs",
        "a/Cargo.toml",    "a/build.rs",
        "a/make",          "in/Cargo.toml",
        "in/b/Cargo.toml", "vendor", /* one that the session adds is not there */
        "beside/x",        "beside/own/Cargo.toml",
        "mixed/x",         "a/other.rs", /* and its modules */
        "a/gen.rs",        "a/gen/deep.rs"};

    for (int own = 0; own < 2; own++) {
        _cleanup_(json_release) json_object *made = new_plan(
            own ? "\"manifests\":true,\"fail_to_pass\":[\"adds\"]" : "\"fail_to_pass\":[\"adds\"]");

        CU_ASSERT_PTR_NOT_NULL_FATAL(made);
        for (size_t i = 0; i < ARRAY_SIZE(always); i++)
            CU_ASSERT_TRUE(has_text(made, "kept", always[i]));
        for (size_t i = 0; i < ARRAY_SIZE(else_own); i++)
            CU_ASSERT_EQUAL(has_text(made, "kept", else_own[i]), !own);
        CU_ASSERT_FALSE(has_text(made, "kept", "beside") || has_text(made, "kept", "mixed") ||
                        has_text(made, "kept", "a"));
        /* A program has it, too: a solution may have to change it. */
        CU_ASSERT_FALSE(has_text(made, "kept", "a/src/own.rs"));
        CU_ASSERT_TRUE(has_text(made, "tests", "Cargo.lock"));
    }
}

static void all_runs_have_what_was_drawn_and_compile_nothing_but_tests(void)
{
    _cleanup_(json_release) json_object *made =
        new_plan("\"fail_to_pass\":[\"adds\"],\"pass_to_pass\":[\"sums::same\",\"words::same\"]");
    json_object *runs = json_object_object_get(made, "runs");
    size_t planted = 0, kept = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    CU_ASSERT_EQUAL_FATAL(json_object_array_length(runs), 8);
    for (size_t i = 0; i < 8; i++) {
        json_object *run = json_object_array_get_idx(runs, i);
        json_object *slots = json_object_object_get(run, "tests");
        json_object *commands = json_object_object_get(run, "commands");

        CU_ASSERT_EQUAL(json_object_get_boolean(json_object_object_get(run, "all")), i == 7);
        for (size_t n = 0; i < 7 && n < json_object_array_length(slots); n++) {
            json_object *slot = json_object_array_get_idx(slots, n);

            planted += n == 0 && json_get_text(slot, "planted");
            kept += n > 0;
        }
        for (size_t n = 0; n < json_object_array_length(commands); n++) {
            json_object *command = json_object_array_get_idx(commands, n);

            CU_ASSERT_STRING_EQUAL(text_of(command, "argv", 0), "sh");
            CU_ASSERT_FALSE(has_text(command, "argv", "cargo"));
        }
    }
    CU_ASSERT_EQUAL(planted, 4);
    CU_ASSERT_EQUAL(kept, 6);
    CU_ASSERT_TRUE(has_text(item_of(json_object_object_get(made, "prepare"), "commands", 1), "argv",
                            "--all-features"));
}

static bool has_words(const char *path, const char *words)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 1 << 20, &text, &err), 0);
    return strstr(text.data, words);
}

/* Has one of the files this path, and the words? */
static bool has_file(json_object *object, const char *path, const char *words)
{
    json_object *files = json_object_object_get(object, "files");

    for (size_t i = 0; files && i < json_object_array_length(files); i++) {
        json_object *file = json_object_array_get_idx(files, i);
        _cleanup_(free_ptr) char *name =
            xasprintf("plan/%s", json_object_get_string(json_object_array_get_idx(file, 1)));

        if (strcmp(json_object_get_string(json_object_array_get_idx(file, 0)), path) == 0)
            return has_words(name, words);
    }
    return false;
}

#define STUB "not built yet"

static void files_of_tests_are_only_there_where_they_are_compiled(void)
{
    static const char *const stubs[] = {"sums", "common", "words"};
    _cleanup_(json_release) json_object *made = NULL;

    many = "fn shared() {}\n"; /* by a build script */
    made = leave_plan("\"fail_to_pass\":[\"adds\"],\"pass_to_pass\":[\"words::same\"]");
    many = "";
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    CU_ASSERT_TRUE(has_words("plan/tree/a/src/tool.rs", "main"));
    CU_ASSERT_TRUE(has_words("plan/tree/a/tests/more/many.rs", "shared"));
    for (size_t i = 0; i < ARRAY_SIZE(stubs); i++) {
        _cleanup_(free_ptr) char *laid = xasprintf("plan/tree/a/tests/%s.rs", stubs[i]);

        CU_ASSERT_TRUE(has_words(laid, STUB));
    }
    CU_ASSERT_PTR_NULL(item_of(json_object_object_get(made, "prepare"), "files", 0));
    for (size_t i = 0; i < 8; i++) {
        json_object *run = item_of(made, "runs", i);
        json_object *settled = json_object_object_get(run, "settled");

        CU_ASSERT_TRUE(has_file(run, "a/tests/sums.rs", "mod common"));
        CU_ASSERT_TRUE(has_file(run, "a/tests/common.rs", "fn helps"));
        CU_ASSERT_EQUAL(has_file(settled, "a/tests/sums.rs", STUB), i < 7);
        CU_ASSERT_EQUAL(has_file(settled, "a/tests/common.rs", STUB), i < 7);
        CU_ASSERT_TRUE(i < 7 || has_file(run, "a/tests/words.rs", "fn same"));
        CU_ASSERT_FALSE(has_file(run, "a/src/tool.rs", ""));
    }
    remove_project();
}

/* --- starting -------------------------------------------------------------------------------- */

/* Runs the command with other words from the fifth on, as far as there are any. */
static int status_of(json_object *command, const char *const *words)
{
    char *argv[16] = {NULL};
    pid_t pid;
    int status = -1;
    json_object *own = json_object_object_get(command, "argv");

    for (size_t i = 0; i < json_object_array_length(own) && i < ARRAY_SIZE(argv) - 1; i++)
        argv[i] = (char *)text_of(command, "argv", i);
    for (size_t i = 0; words && words[i]; i++)
        argv[4 + i] = (char *)words[i];
    pid = fork();
    if (pid == 0) {
        setenv("TMPDIR", place, 1);
        setenv("HOME", "/own", 1);
        (void)!freopen("/dev/null", "w", stdout);
        execvp(argv[0], argv);
        _exit(99);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The status of the command that starts a test, where its program is this script. */
static int status_of_test(json_object *command, const char *program)
{
    static const char environment[] = "PATH=/usr/bin:/bin\0HOME=/other\0A-B=c d";
    static const char *const words[] = {"./program", "adds", "./how", NULL};
    struct error err = ERROR_INIT;

    write_text("program", program);
    CU_ASSERT_EQUAL_FATAL(chmod("program", 0755), 0);
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, "how.environment", environment,
                                            sizeof(environment), 0644, &err),
                          0);
    return status_of(command, words);
}

static void a_test_has_passed_if_its_program_ended_with_0_and_said_so(void)
{
#define SAYS "echo 'test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 5 filtered out'\n"
    static const struct {
        const char *program;
        int status;
    } cases[] = {
        {"#!/bin/sh\n[ \"$1 $2\" = '--exact adds' ] || exit 3\n" SAYS, 0},
        {"#!/bin/sh\n[ \"$HOME $(tr '\\0' '\\n' </proc/$$/environ | grep ^A-B=)\" = '/own A-B=c d' "
         "] || exit 3\n" SAYS,
         0},
        {"#!/bin/sh\n" SAYS "exit 101\n", 123}, /* what xargs makes of it */
        {"#!/bin/sh\n" SAYS "kill -9 $$\n", 125},
        {"#!/bin/sh\nexit 0\n", 1},
        {"#!/bin/sh\necho 'test result: ok. 0 passed; 0 failed; 0 ignored'\n", 1},
        {"#!/bin/sh\n" SAYS "head -c 100000 /dev/zero | tr '\\0' x\n", 1},
    };
#undef SAYS
    _cleanup_(json_release) json_object *made = new_plan("\"fail_to_pass\":[\"sums::adds\"]");
    json_object *run = item_of(made, "runs", 0);
    json_object *command = item_of(run, "commands", 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    CU_ASSERT_STRING_EQUAL_FATAL(json_get_text(command, "test"), "sums::adds");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        CU_ASSERT_EQUAL(status_of_test(command, cases[i].program), cases[i].status);
}

/* --- building -------------------------------------------------------------------------------- */

/* In place of cargo: runs the wrapper as it would. */
static const char building[] =
    "#!/bin/sh -e\n"
    "[ \"$1\" = test ]\n"
    "export BUILT_BY=cargo HOME=/nowhere\n"
    "mkdir -p \"$BUILD/debug/deps\"\n"
    "\"$RUSTC_WRAPPER\" rustc --crate-name calc --crate-type lib a/src/lib.rs\n"
    "\"$RUSTC_WRAPPER\" rustc --crate-name sums --error-format=json --cap-lints warn --test "
    "a/tests/sums.rs --out-dir \"$BUILD/debug/deps\" -C extra-filename=-12\n";

/* In place of rustc: makes a program that says how it was made. */
static const char compiling[] =
    "#!/bin/sh -e\n"
    "case $* in *--test*) ;; *) exit 0 ;; esac\n"
    "[ -z \"$RUSTC_WRAPPER\" ] || exit 0\n"
    "printf '#!/bin/sh\\n# %s %s %s\\n' \"$BUILT_BY\" \"$HOME\" \"$*\" >build/debug/deps/sums-12\n"
    "chmod 755 build/debug/deps/sums-12\n";

static void write_tools(void)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(make_dirs("tools", 0755, &err), 0);
    CU_ASSERT_EQUAL_FATAL(make_dirs("build", 0755, &err), 0);
    write_text("tools/cargo", building);
    write_text("tools/rustc", compiling);
    CU_ASSERT_EQUAL_FATAL(chmod("tools/cargo", 0755) + chmod("tools/rustc", 0755), 0);
}

static void check_build(json_object *made, json_object *run)
{
    json_object *prepare = json_object_object_get(made, "prepare");
    json_object *compilation = item_of(run, "commands", 0);
    _cleanup_(free_ptr) char *wrapper = xasprintf("%s/build/note", place);
    _cleanup_(free_ptr) char *whole = xasprintf("%s/build/debug/deps/sums-12", place);
    _cleanup_(buf_release) struct buf program = BUF_INIT;
    char target[PATH_MAX] = "";
    struct error err = ERROR_INIT;

    setenv("RUSTC_WRAPPER", wrapper, 1);
    CU_ASSERT_EQUAL(status_of(item_of(prepare, "commands", 0), NULL), 0);
    CU_ASSERT_EQUAL_FATAL(chdir("repository"), 0);
    CU_ASSERT_EQUAL(status_of(item_of(prepare, "commands", 1), NULL), 0);
    CU_ASSERT_EQUAL_FATAL(chdir(place), 0);
    unsetenv("RUSTC_WRAPPER");
    CU_ASSERT_EQUAL(access("build/log.failed", F_OK), -1);
    CU_ASSERT_EQUAL(status_of(compilation, NULL), 0);
    CU_ASSERT_TRUE(readlink("build/test-1", target, sizeof(target) - 1) > 0);
    CU_ASSERT_STRING_EQUAL(target, whole);
    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, "build/test-1", 1 << 20, &program, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(program.data, "# cargo /own --crate-name sums --test a/tests"));
    CU_ASSERT_PTR_NOT_NULL(strstr(program.data, "--cap-lints=allow -Cdebuginfo=0"));
}

static void a_program_is_built_again_as_cargo_built_it_and_stays_where_it_was(void)
{
    _cleanup_(json_release) json_object *made = new_plan("\"fail_to_pass\":[\"adds\"]");
    _cleanup_(free_ptr) char *path = xasprintf("%s/tools:/usr/bin:/bin", place);
    _cleanup_(free_ptr) char *build = xasprintf("%s/build", place);
    _cleanup_(free_ptr) char *large = xasprintf("%0100000d", 0);
    struct error err = ERROR_INIT;

    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    write_tools();
    CU_ASSERT_EQUAL_FATAL(make_dirs("repository", 0755, &err), 0);
    setenv("PATH", path, 1);
    setenv("BUILD", build, 1);
    setenv("LARGE", large, 1); /* xargs takes 128 KiB where it is not told otherwise */
    setenv("LARGER", large, 1);
    check_build(made, item_of(made, "runs", 0));
    setenv("PATH", "/usr/bin:/bin", 1);
    unsetenv("LARGE");
    unsetenv("LARGER");
    CU_ASSERT_EQUAL(remove_tree("tools", &err) + remove_tree("build", &err) +
                        remove_tree("repository", &err),
                    0);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"tests and modules are found, whatever stands in strings and comments",
         tests_and_modules_are_found_whatever_stands_in_strings_and_comments},
        {"what has no end is read as far as it goes", what_has_no_end_is_read_as_far_as_it_goes},
        {"failures are planted only where they are surely executed",
         failures_are_planted_only_where_they_are_surely_executed},
        {"a macro of the text leaves if what it stands for does",
         a_macro_of_the_text_leaves_if_what_it_stands_for_does},
        {"macros are read in a moment, whatever they are made of",
         macros_are_read_in_a_moment_whatever_they_are_made_of},
        {"another number fits wherever the old one does",
         another_number_fits_wherever_the_old_one_does},
        {"a value is changed only if it is made of literals",
         a_value_is_changed_only_if_it_is_made_of_literals},
        {"of a value that the session makes all literals are changed",
         of_a_value_that_the_session_makes_all_literals_are_changed},
        {"a value that may be equal all the same is not planted",
         a_value_that_may_be_equal_all_the_same_is_not_planted},
        {"of a fraction one of the first six digits is another",
         of_a_fraction_one_of_the_first_six_digits_is_another},
        {"a planted failure fails at the place and with the words of any other",
         a_planted_failure_fails_at_the_place_and_with_the_words_of_any_other},
        {"each test has a planted failure wherever it is left",
         each_test_has_a_planted_failure_wherever_it_is_left},
        {"a test that may have to panic has no planted failure",
         a_test_that_may_have_to_panic_has_no_planted_failure},
        {"macros of the standard library's are told from others",
         macros_of_the_standard_library_s_are_told_from_others},
        {"macros that are imported are told from words of a path",
         macros_that_are_imported_are_told_from_words_of_a_path},
        {"a macro within a value is called by its whole name",
         a_macro_within_a_value_is_called_by_its_whole_name},
        {"a test that must panic expects another panic, or need not come to it",
         a_test_that_must_panic_expects_another_panic_or_need_not_come_to_it},
        {"a test is new unless the repository has it letter by letter",
         a_test_is_new_unless_the_repository_has_it_letter_by_letter},
        {"nothing is planted in what is called, or const",
         nothing_is_planted_in_what_is_called_or_const},
        {"a test is named with or without its file and package",
         a_test_is_named_with_or_without_its_file_and_package},
        {"a list with a test that is not the trial's has no plan",
         a_list_with_a_test_that_is_not_the_trial_s_has_no_plan},
        {"of a program only so many files are read", of_a_program_only_so_many_files_are_read},
        {"what tells how to build is the image's, unless the trial says otherwise",
         what_tells_how_to_build_is_the_image_s_unless_the_trial_says_otherwise},
        {"all runs have what was drawn, and compile nothing but tests",
         all_runs_have_what_was_drawn_and_compile_nothing_but_tests},
        {"files of tests are only there where they are compiled",
         files_of_tests_are_only_there_where_they_are_compiled},
        {"a program is built again as cargo built it, and stays where it was",
         a_program_is_built_again_as_cargo_built_it_and_stays_where_it_was},
        {"a test has passed if its program ended with 0 and said so",
         a_test_has_passed_if_its_program_ended_with_0_and_said_so},
    };
    struct error err = ERROR_INIT;
    int status;

    trial_rig_enter(place);
    status = UNIT_MAIN("trial rust", tests);
    return chdir("/") < 0 || remove_tree(place, &err) < 0 ? 2 : status;
}
