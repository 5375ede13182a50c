/*
 * Trials of Go's tests: what is read in a text, the failures that are planted there, which tests
 * the lists mean, and what becomes of a session's files. As root; the current folder is one of the
 * test's own.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial-rig.h"
#include "trial/copy.h"
#include "trial/go.h"
#include "trial/goliteral.h"
#include "trial/goplant.h"
#include "trial/gosettle.h"
#include "trial/gostub.h"
#include "trial/gotests.h"
#include "trial/gotext.h"
#include "trial/lay.h"
#include "trial/said.h"
#include "unit.h"

#include "base/banned.h"

static char place[] = "/tmp/test-trial-go-XXXXXX"; /* the current folder */

static void write_text(const char *path, const char *text)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
}

/* --- reading --------------------------------------------------------------------------------- */

static const char hard[] =
    "// Package a { is /* no comment\npackage a\n\nimport \"testing\"\nimport (\n\t\"fmt\"\n"
    "\tother `os` // import \"C\"\n)\n\n"
    "/* func TestInComment(t *testing.T) { */\n"
    "const one, two = 1, `raw \" }\nfunc TestInRaw(t *testing.T) {\n`\n\n"
    "type (\n\tpair[K comparable, V any] struct {\n\t\tkey K\n\t}\n\tset = "
    "map[string]struct{}\n)\n\n"
    "var brace = '{'\nvar quote, backslash = '\\'', \"\\\\\"\n\n"
    "func (p *pair[K, V]) TestMethod(t *testing.T) {}\n\n"
    "func generic[T int | string](a T) (interface{}, error) { return a, nil }\n\n"
    "func shape() struct{ a int } { return struct{ a int }{1} }\n\n"
    "func TestLast(t *testing.T) {\n\tif s := (pair[int, int]{1}); s.key != 1 {\n\t\tt.Fatal('}')\n"
    "\t}\n}\n";

static void add_name(void *arg, const char *name, size_t length)
{
    buf_addf(arg, "%.*s ", (int)length, name);
}

static void a_text_with_braces_in_strings_runes_and_comments_is_read_as_it_is(void)
{
    struct gotext go;
    struct gotext_function function;
    _cleanup_(buf_release) struct buf names = BUF_INIT, imports = BUF_INIT, functions = BUF_INIT;

    gotext_read(&go, hard);
    gotext_each_name(&go, add_name, &names);
    gotext_each_import(&go, add_name, &imports);
    for (size_t at = 0; gotext_next_function(&go, &at, &function);) {
        add_name(&functions, hard + function.name, function.name_length);
        CU_ASSERT_EQUAL(hard[function.open], '{');
        CU_ASSERT_EQUAL(strncmp(hard + function.close, "}\n", 2), 0);
    }
    CU_ASSERT_STRING_EQUAL(names.data,
                           "one two pair set brace quote backslash generic shape TestLast ");
    CU_ASSERT_STRING_EQUAL(imports.data, "\"testing\" \"fmt\" `os` ");
    CU_ASSERT_STRING_EQUAL(functions.data, "TestMethod generic shape TestLast ");
    CU_ASSERT_FALSE(gotext_find_function(&go, "TestMethod", &function)); /* it is a method */
    CU_ASSERT_FALSE(gotext_find_function(&go, "TestInRaw", &function));
    gotext_release(&go);
}

/* As many of it as like may be declared in a package. */
static void a_blank_is_no_name_but_what_it_gets_may_have_an_effect(void)
{
    static const struct {
        const char *text;
        bool acts;
    } texts[] = {
        {"package a\nvar _ io.Reader = (*fake)(nil)\n", false},
        {"package a\nvar _ = fmt.Sprint\nvar _, one = 1, 2\nfunc _() {}\n", false},
        {"package a\nvar (\n\t_ I = &fake{}\n\t_ I = fake{a()}\n)\n", false},
        {"package a\nvar a = f()\nfunc f() { _ = a() }\n", false},
        {"package a\nvar _ = Describe(\"a\", func() {})\n", true},
        {"package a\nvar one = 1\nvar _ bool = ginkgo.It(\"a\", f)\n", true},
        {"package a\nvar (\n\tone = 1\n\t_   = On()\n)\n", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct gotext go;

        gotext_read(&go, texts[i].text);
        CU_ASSERT_FALSE(gotext_declares(&go, "_", 1));
        CU_ASSERT_EQUAL(gotext_acts(&go), texts[i].acts);
        gotext_release(&go);
    }
}

static void statements_end_where_go_has_them_end(void)
{
    static const char text[] =
        "package a\nfunc f() {\n\ta := b.\n\t\tc(1,\n\t\t\t2)\n\ta++\n\tgo func() "
        "{\n\t\tx()\n\t}()\n"
        "\tfor _, c := range []struct{ a int }{\n\t\t{1},\n\t} {\n\t\tx()\n\t}\n"
        "\tif a := (T{}); a.b ||\n\t\tc {\n\t\tx()\n\t} else if d { y() } else {\n\t\tz()\n\t}\n"
        "\tswitch x := y.(type) {\n\tcase int:\n\t}; a(); b() // ; c()\n"
        "\t{\n\t\tx()\n\t}\n\tlast := `\n`\n}\n";
    static const char *const ends[] = {"2)", "a++", "}()", "}", "}", "}", "a()", "b()", "}", "`"};
    static const enum gotext_kind kinds[] = {
        GOTEXT_SIMPLE, GOTEXT_SIMPLE, GOTEXT_SIMPLE, GOTEXT_FOR,   GOTEXT_IF,
        GOTEXT_OTHER,  GOTEXT_SIMPLE, GOTEXT_SIMPLE, GOTEXT_BLOCK, GOTEXT_SIMPLE};
    struct gotext go;
    struct gotext_function function;
    struct gotext_statement statement;
    size_t at, count = 0;
    bool broken;

    gotext_read(&go, text);
    CU_ASSERT_TRUE_FATAL(gotext_find_function(&go, "f", &function));
    for (at = function.open + 1;
         gotext_next_statement(&go, &at, function.close, &statement, &broken); count++) {
        size_t length;

        CU_ASSERT_TRUE_FATAL(count < ARRAY_SIZE(ends));
        length = strlen(ends[count]);
        CU_ASSERT_EQUAL(statement.kind, kinds[count]);
        CU_ASSERT_EQUAL(strncmp(text + statement.end - length, ends[count], length), 0);
        if (statement.kind == GOTEXT_IF)
            CU_ASSERT_EQUAL(strncmp(text + statement.other, "if d", 4), 0);
    }
    CU_ASSERT_EQUAL(count, ARRAY_SIZE(ends));
    CU_ASSERT_FALSE(broken);
    gotext_release(&go);
}

/* --- planting -------------------------------------------------------------------------------- */

static struct trial_plants plants;
static struct gotext go;

static void find_plants(const char *text, const char *name, const char *part, bool is_inside)
{
    struct goscope scope;
    const struct trial_goplant test = {
        .go = &go, .scope = &scope, .name = name, .part = part, .is_inside = is_inside};

    gotext_read(&go, text);
    goscope_read(&scope, &go, 1);
    trial_goplant_find(&test, &plants);
    goscope_release(&scope);
}

static void forget_plants(void)
{
    trial_plants_release(&plants);
    gotext_release(&go);
}

/* What is planted in the function: each kind with what it replaces, but for assertions that are
 * added. */
static char *list_plants(const char *text)
{
    struct buf list = BUF_INIT;

    for (size_t i = 0; i < plants.count; i++) {
        const struct trial_plant *plant = &plants.items[i];

        CU_ASSERT_TRUE_FATAL(plant->start <= plant->end && plant->end <= strlen(text));
        if (strcmp(plant->kind, "begins") == 0 || strcmp(plant->kind, "ends") == 0)
            buf_addf(&list, "%s|", plant->kind);
        else
            buf_addf(&list, "%s %.*s|", plant->kind, (int)(plant->end - plant->start),
                     text + plant->start);
    }
    return buf_take(&list);
}

#define TEST_WITH(body) "package a\nfunc TestA(t *testing.T) {\n" body "\n}\n"

static void expect_plants(const char *text, const char *wanted)
{
    _cleanup_(free_ptr) char *list = NULL;

    find_plants(text, "TestA", NULL, false);
    list = list_plants(text);
    if (strcmp(list, wanted) != 0)
        fprintf(stderr, "\n    %s\n    is not %s\n    in %s\n", list, wanted, text);
    CU_ASSERT_STRING_EQUAL(list, wanted);
    forget_plants();
}

static void failures_are_planted_in_what_fails_a_test(void)
{
    static const char *const texts[][2] = {
        {TEST_WITH(""), "begins|ends|"},
        {TEST_WITH("if a() != 5 { t.Error(1) }"), "begins|negated a() != 5|expected 5|ends|"},
        {TEST_WITH("if got := a(); \"x1\" != got {\nlog(got)\nt.Fatalf(``)\nreturn }"),
         "begins|negated \"x1\" != got|expected \"x1\"|ends|"},
        {TEST_WITH("if a != 3 || b != 'c' ||\n!ok { t.FailNow() } else { c() }"),
         "begins|negated a != 3 || b != 'c' ||\n!ok|expected 3|expected 'c'|ends|"},
        {TEST_WITH("if a != 3 && b != 4 { t.Fail() }"), "begins|negated a != 3 && b != 4|ends|"},
        {TEST_WITH("if 3 != 4 { t.Fail() }"), "begins|negated 3 != 4|ends|"},
        {TEST_WITH("if a == 3 { t.Fail() }"), "begins|negated a == 3|ends|"},
        {TEST_WITH("if !reflect.DeepEqual(a(1), []byte(\"ab\")) { t.Fail() }"),
         "begins|negated !reflect.DeepEqual(a(1), []byte(\"ab\"))|expected \"ab\"|ends|"},
        {TEST_WITH("if !strings.Contains(a, \"ab\") { t.Fail() }"),
         "begins|negated !strings.Contains(a, \"ab\")|ends|"},
        {TEST_WITH("want := uint8(7)\nif a != want { t.Error(want) }"),
         "begins|negated a != want|expected 7|ends|"},
        {TEST_WITH("want := 7\na(want)\nif a != want { t.Fail() }"),
         "begins|negated a != want|ends|"},
        {TEST_WITH("var want string = `a`\nif a != want { t.Fail() }"),
         "begins|negated a != want|expected `a`|ends|"},
        {TEST_WITH("if a { log(1) }\nif b { u.Error() }\nif t := a(); t != nil { t.Error() }"),
         "begins|ends|"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        expect_plants(texts[i][0], texts[i][1]);
}

static void failures_are_planted_only_where_they_are_surely_executed(void)
{
    static const char *const texts[][2] = {
        {TEST_WITH("if a() { return }\nif b() { t.Fail() }"), "begins|"},
        {TEST_WITH("if b() { t.Fail() } else if c() { return }\nif d() { t.Fail() }"),
         "begins|negated b()|"},
        {TEST_WITH("a(func() int { return 1 })\nif b() { t.Fail() }"), "begins|negated b()|ends|"},
        {TEST_WITH("for i := range a() { if i != 1 { t.Fail() } }"), "begins|ends|"},
        {TEST_WITH("for { if a() { break } }\nfor { if a() { return } }"), "begins|"},
        {TEST_WITH("switch { case a(): t.Fail() }\nif b() { t.Fail() }"),
         "begins|negated b()|ends|"},
        {TEST_WITH("defer func() { recover() }()\nif b() { t.Fail() }"), "begins|"},
        {TEST_WITH("defer mustPanic(t)\nif b() { t.Fail() }"), "begins|"},
        {TEST_WITH("defer catch()\n}\nfunc catch() {\nprint(recover())"), "begins|"},
        {TEST_WITH("defer a.Close()\ndefer goleak.VerifyNone(t)"), "begins|ends|"},
        {TEST_WITH("if testing.Short() { t.Skip(); return }\nif b() { t.Fail() }"),
         "begins|negated b()|ends|"},
        {TEST_WITH("os.Exit(a())\nif b() { t.Fail() }"), "begins|"},
        {TEST_WITH("log.Println(1)\nlog.Fatal(1)"), "begins|"},
        {TEST_WITH("again:\na()\nif b() { t.Fail() }"), "begins|"},
        {TEST_WITH("for _, t := range []T{{1}} { if t.a != 1 { t.Fail() } }"), "begins|ends|"},
        {TEST_WITH("{\nt := other()\nif b() { t.Fail() }\n}"), "begins|"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        expect_plants(texts[i][0], texts[i][1]);
}

#define TABLE "tests := []struct{ in string; a, want int }{{\"a\", 1, 22}, {in: \"b\", want: 22}}\n"
#define IN_TABLE "if got := f(test.in); got != test.want { t.Error(test.want) }"

static void in_loops_over_a_literal_the_entries_are_changed_too(void)
{
    static const char *const texts[][2] = {
        {TEST_WITH(TABLE "for _, test := range tests {\n" IN_TABLE "\n}"),
         "begins|negated got != test.want|expected 22|ends|"},
        {TEST_WITH("for _, test := range map[string]struct{ want int }{\"a\": {22}} {\n" IN_TABLE
                   "\n}"),
         "begins|negated got != test.want|expected 22|ends|"},
        /* that may be left out, or is looked at for something else, or is another one then */
        {TEST_WITH(TABLE "for _, test := range tests {\n" IN_TABLE "\nif a() { break }\n}"),
         "begins|negated got != test.want|ends|"},
        {TEST_WITH(TABLE "for _, test := range tests {\nif test.want == 0 { a() }\n" IN_TABLE
                         "\n}"),
         "begins|negated got != test.want|ends|"},
        {TEST_WITH(TABLE "for _, test := range tests {\ntest = a()\n" IN_TABLE "\n}"),
         "begins|negated got != test.want|ends|"},
        {TEST_WITH(TABLE "for _, test := range tests {\nif a() { continue }\n" IN_TABLE "\n}"),
         "begins|ends|"},
        {TEST_WITH(TABLE "tests = tests[:0]\nfor _, test := range tests {\n" IN_TABLE "\n}"),
         "begins|ends|"},
        {TEST_WITH("for _, test := range []struct{ want int }{} {\n" IN_TABLE "\n}"),
         "begins|ends|"},
        /* sub-tests that run later see the last entry, in older versions of the language */
        {TEST_WITH(TABLE "for _, test := range tests {\nt.Run(test.in, func(t *testing.T) {\n"
                         "t.Parallel()\n" IN_TABLE "\n})\n}"),
         "begins|begins|negated got != test.want|ends|ends|"},
        {TEST_WITH(TABLE "for _, test := range tests {\ntest := test\n"
                         "t.Run(test.in, func(s *testing.T) {\nif got := f(test.in); got != "
                         "test.want { s.Fatal(1) }\nif a() { return }\n})\n}"),
         "begins|begins|negated got != test.want|expected 22|ends|"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        expect_plants(texts[i][0], texts[i][1]);
}

#define TESTIFY "package a\nimport (\n\t\"github.com/stretchr/testify/assert\"\n)\n"

#define CONFIGS "for _, c := range []Config{{Name: \"ab\", Age: 7}, {Name: \"cd\"}} {\n"
#define IN_CONFIGS "if got.Name != c.Name { t.Errorf(\"%v\", c) }"

/* What gets the whole entry gets the awaited value, and may rightly give back the changed one. */
static void an_entry_is_only_changed_where_the_test_looks_at_its_single_fields(void)
{
    static const char none[] = "begins|negated got.Name != c.Name|ends|",
                      all[] = "begins|negated got.Name != c.Name|expected \"ab\"|ends|",
                      other[] = "begins|negated got.Name != c.Name|expected \"cd\"|ends|";
    static const struct {
        const char *body;
        bool is_changed;
    } loops[] = {
        {CONFIGS "got := make(c.Age)\n" IN_CONFIGS "\n}", true},
        {CONFIGS "c := c\ngot := make(c.Age)\n" IN_CONFIGS "\n}", true},
        {CONFIGS "got := other.c\n" IN_CONFIGS "\n}", true},
        {CONFIGS "got := read(json.Marshal(c))\n" IN_CONFIGS "\n}", false},
        {CONFIGS "store.Put(&c)\ngot := store.Get(c.Age)\n" IN_CONFIGS "\n}", false},
        {CONFIGS "got := c.Copy()\n" IN_CONFIGS "\n}", false},
        {CONFIGS "f := c.Serve\ngot := f(c.Age)\n" IN_CONFIGS "\n}", false},
        {CONFIGS "c := c\ngot := copy(c)\n" IN_CONFIGS "\n}", false},
        {CONFIGS "c := c.Other\ngot := make(c.Age)\n" IN_CONFIGS "\n}", false},
        {CONFIGS "c := c.Age\n" IN_CONFIGS "\n}", false},
        {CONFIGS "d := c\ngot := copy(d)\n" IN_CONFIGS "\n}", false},
        {CONFIGS "got := T{c, c.Age}\n" IN_CONFIGS "\n}", false},
        {CONFIGS "if got := put(c); got == nil { t.Fatal(1) }\n" IN_CONFIGS "\n}", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
        _cleanup_(free_ptr) char *text =
            xasprintf("package a\nfunc TestA(t *testing.T) {\n%s\n}\n", loops[i].body);
        _cleanup_(free_ptr) char *list = NULL;

        find_plants(text, "TestA", NULL, false);
        list = list_plants(text);
        if (loops[i].is_changed)
            CU_ASSERT_TRUE(strcmp(list, all) == 0 || strcmp(list, other) == 0);
        if (!loops[i].is_changed)
            CU_ASSERT_PTR_NULL(strstr(list, "expected"));
        if (!loops[i].is_changed && !strstr(text, "Fatal"))
            CU_ASSERT_STRING_EQUAL(list, none);
        forget_plants();
    }
    expect_plants(TESTIFY "func TestA(t *testing.T) {\n" CONFIGS
                          "assert.Equal(t, c.Name, copy(c).Name)\n}\n}\n",
                  "begins|negated Equal|ends|");
    expect_plants(TEST_WITH("for _, c := range []C{{Name: \"ab\", In: D{Serve: 1}}} {\n"
                            "got := do(c.Serve)\n" IN_CONFIGS "\n}"),
                  "begins|negated got.Name != c.Name|ends|");
    /* a struct that stands in the test has no methods */
    expect_plants(TEST_WITH("for _, c := range []struct{ f func() int; want int }{{a, 22}} {\n"
                            "if got := c.f(); got != c.want { t.Fail() }\n}"),
                  "begins|negated got != c.want|expected 22|ends|");
}

#define IN_PART(body) TEST_WITH("t.Run(\"a\", func(t *testing.T) {\n" body "\n})")
#define HELPER(body) "\nfunc help(s testing.TB, a int) {\n" body "\n}\n"
#define ASSERTS "if b() { t.Fail() }"

/* What gets the T of a sub-test may skip it, and the test passes all the same. */
static void nothing_is_planted_where_a_sub_test_may_have_been_skipped(void)
{
    static const char none[] = "begins|begins|ends|",
                      all[] = "begins|begins|negated b()|ends|ends|";
    const char *const texts[][2] = {
        {IN_PART("help(t, 1)\n" ASSERTS) HELPER("s.Skip()"), none},
        {IN_PART("help(t, 1)\n" ASSERTS) HELPER("s.Helper()"), all},
        {IN_PART("help(t, 1)\n" ASSERTS), none},
        {IN_PART("help(t, 1)\n" ASSERTS) HELPER("other.Needs(s)"), none},
        {IN_PART("help(t, 1)\n" ASSERTS) HELPER("also(s)") "func also(s testing.TB) {}\n", all},
        {IN_PART("help(t, 1)\n" ASSERTS) HELPER("also(s)") "func also(s testing.TB) { "
                                                           "s.SkipNow() }\n",
         none},
        {IN_PART("help(t, 1)\n" ASSERTS)
             HELPER("s.(*testing.T).Run(\"c\", func(s *testing.T) { s.Log(1) })"),
         all},
        {IN_PART("needs.Docker(t)\n" ASSERTS), none},
        {IN_PART("if got := needs.Docker(t); got != 5 { t.Fail() }\n" ASSERTS), none},
        {IN_PART("for range all(t) { c() }\n" ASSERTS), none},
        {IN_PART("h := harness{t: t}\n" ASSERTS), none},
        {IN_PART("t.Helper()\nh := x.t\nt.Run(\"c\", func(t *testing.T) { needs(t) })\n" ASSERTS),
         "begins|begins|begins|negated b()|ends|ends|"},
        {IN_PART("if a() { help(t, 1) }\n" ASSERTS), none},
        /* a test that is skipped as a whole does not pass */
        {TEST_WITH("needs.Docker(t)\n" ASSERTS), "begins|negated b()|ends|"},
        {"import \"github.com/stretchr/testify/require\"\n" IN_PART(
             "require.Eventually(t, f)\n" ASSERTS),
         all},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        expect_plants(texts[i][0], texts[i][1]);
}

/* It must do what the other one needs. */
static void nothing_is_planted_in_a_test_that_another_may_start(void)
{
    static const char all[] = "begins|negated b()|ends|";
    const char *const texts[][2] = {
        {TEST_WITH(ASSERTS) "var a = exec.Command(c, \"-test.run=TestA\")\n", ""},
        {TEST_WITH(ASSERTS) "var a = []string{`-run`, `^TestA$`}\n", ""},
        {TEST_WITH(ASSERTS "\na(\"-test.run=TestA\")"), all},
        {TEST_WITH(ASSERTS) "// it is \"TestA\"\nvar a = TestA\n", all},
        {TEST_WITH(ASSERTS) "var a = \"TestAB\"\nvar b = \"-test.run=Test\"\n", all},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        expect_plants(texts[i][0], texts[i][1]);
    expect_plants("package a\nfunc TestChild(t *testing.T) {}\nfunc TestA(t *testing.T) {}\n"
                  "var b = \"-test.run=TestChi\"\n",
                  "begins|ends|");
    find_plants("package a\nfunc TestChild(t *testing.T) {}\nvar b = \"-test.run=TestChi\"\n",
                "TestChild", NULL, false);
    CU_ASSERT_EQUAL(plants.count, 0);
    forget_plants();
    find_plants("package a\nfunc TestChild(t *testing.T) {}\nvar b = \"TestChi\"\n", "TestChild",
                NULL, false);
    CU_ASSERT_EQUAL(plants.count, 2);
    forget_plants();
}

static void sub_tests_have_failures_of_their_own(void)
{
    static const char text[] =
        TEST_WITH("t.Run(\"one two\", func(t *testing.T) {\nif a() != 1 { t.Fail() }\n})\n"
                  "t.Run(\"skips\", func(t *testing.T) {\nif a() { t.Skip() }\n})\n"
                  "t.Run(name(), func(t *testing.T) {\nif a() != 3 { t.Fail() }\n})");
    static const struct {
        const char *part;
        bool is_inside;
        const char *wanted;
    } cases[] = {
        {NULL, false,
         "begins|begins|negated a() != 1|expected 1|ends|begins|begins|"
         "negated a() != 3|expected 3|ends|ends|"},
        {"one_two", false, "begins|begins|negated a() != 1|expected 1|ends|ends|"},
        {"one_two/more", true, "begins|negated a() != 1|expected 1|ends|"},
        {"", false, "begins|ends|"},
        {"unknown", true, ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(free_ptr) char *list = NULL;

        find_plants(text, "TestA", cases[i].part, cases[i].is_inside);
        list = list_plants(text);
        CU_ASSERT_STRING_EQUAL(list, cases[i].wanted);
        forget_plants();
    }
}

/* The second one is "a#01". */
static void of_sub_tests_of_one_name_only_the_first_has_it(void)
{
    static const char text[] =
        TEST_WITH("t.Run(\"a\", func(t *testing.T) {\nt.Run(\"a\", func(t *testing.T) {\nif c() { "
                  "t.Fail() }\n})\n})\nt.Run(\"a\", func(t *testing.T) {\nif b() { t.Fail() }\n})");
    static const char *const cases[][2] = {
        {"a", "begins|begins|begins|negated c()|ends|ends|ends|"},
        {"a/b", "begins|begins|ends|ends|"}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(free_ptr) char *list = NULL;

        find_plants(text, "TestA", cases[i][0], false);
        list = list_plants(text);
        CU_ASSERT_STRING_EQUAL(list, cases[i][1]);
        forget_plants();
    }
}

/* What stands in it is planted at the beginning. */
static bool begins_with(const char *text, const char *wanted)
{
    bool found = false;

    find_plants(text, "TestA", NULL, false);
    CU_ASSERT_EQUAL_FATAL(strcmp(plants.items[0].kind, "begins"), 0);
    found = strstr(plants.items[0].text, wanted);
    if (!found)
        fprintf(stderr, "\n    %s\n    is not in %s\n", wanted, plants.items[0].text);
    forget_plants();
    return found;
}

static void what_can_not_hold_fails_in_the_words_of_the_test(void)
{
    static const char *const texts[][2] = {
        {TEST_WITH("if a { t.Fatal(\"so %d\", a) }"), "{ t.Fatal(\"so %d\") };"},
        {TEST_WITH("if a { t.Errorf(\"got %q\", a) }"), "{ t.Errorf(\"got %q\", \""},
        {TEST_WITH("if a { t.Fatalf(\"100%% %+d (%t)\", a) }"), "{ t.Fatalf(\"100%% %+d (%t)\", "},
        {TEST_WITH("if a { t.Errorf(\"%T\", a) }"), "{ t.Errorf(\"got %v\", got) };"},
        {TEST_WITH("if a { t.Error(a) }"), "{ t.Errorf(\"got %v\", got) };"},
        {TEST_WITH("if a { t.Error(\"a\" + b) }"), "{ t.Errorf(\"got %v\", got) };"},
        {TESTIFY "func TestA(t *testing.T) {\nassert.True(t, b())\n}\n", "*/assert.Equal(t, \""},
        {TESTIFY "func TestA(t *testing.T) {\nassert := assert.New(t)\nassert.True(b())\n}\n",
         "{ t.Errorf(\"got %v\", got) };"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        CU_ASSERT_TRUE(begins_with(texts[i][0], texts[i][1]));
}

/* The line and the column of a call of the test's, and then those of what follows. */
static void what_can_not_hold_is_at_the_place_of_an_assertion_of_the_test(void)
{
    static const char head[] = "package a\nfunc TestA(t *testing.T) { // 2\n\t";
    static const struct {
        const char *body, *begins, *ends;
    } texts[] = {
        {"if a {\n\t\tt.Fatal(\"b\")\n\t}\n}\n", " /*line :4:5*/if got := t.Name();",
         "; /*line :4:5*/if got := t.Name();"},
        {"check(t, a(), 5)\n\n}\n", " /*line :3:8*/if got :=", "; /*line :3:8*/if got :="},
        {"x.check(a(),\n\tt)\n\n}\n", " if got :=", "; if got :="},
        {"t.Log(1)\n\tif a { t.Error(err) }\n}\n",
         " /*line :4:9*/if got :=", "; /*line :4:9*/if got :="},
        {"//line b.go:7\n\tcheck(t)\n}\n", " if got :=", "; if got :="},
        {"a()\n}\n", " if got :=", "; if got :="},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(free_ptr) char *text = xasprintf("%s%s", head, texts[i].body);
        const char *const wanted[] = {texts[i].begins, texts[i].ends};

        find_plants(text, "TestA", NULL, false);
        CU_ASSERT_TRUE_FATAL(plants.count >= 2);
        for (size_t n = 0; n < 2; n++) {
            const struct trial_plant *plant = &plants.items[n == 0 ? 0 : plants.count - 1];
            const char *back = strstr(plant->text, "};/*line :");

            CU_ASSERT_EQUAL(strncmp(plant->text, wanted[n], strlen(wanted[n])), 0);
            CU_ASSERT_EQUAL(!back, !strstr(wanted[n], "/*line"));
            if (back && n == 0)
                CU_ASSERT_STRING_EQUAL(back, "};/*line :2:27*/");
        }
        forget_plants();
    }
    /* that of a sub-test is rather at a place of its own */
    find_plants(TEST_WITH("if a { t.Error(\"a\") }\nt.Run(\"b\", func(t *testing.T) {\n"
                          "if b { t.Error(\"b\") }\n})"),
                "TestA", "b", true);
    CU_ASSERT_EQUAL(strncmp(plants.items[0].text, " /*line :5:", 11), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(plants.items[0].text, "t.Error(\"b\")"));
    forget_plants();
}

static void testify_s_assertions_are_known_by_their_import(void)
{
    static const char *const texts[][2] = {
        {TESTIFY "func TestA(t *testing.T) {\nassert.Equal(t, 5, f(t), \"%d\", 1)\n"
                 "assert.NoErrorf(t, err, \"x\")\nassert.Unknown(t, 5)\n}\n",
         "begins|negated Equal|expected 5|negated NoErrorf|ends|"},
        {TESTIFY "func TestA(t *testing.T) {\nassert := assert.New(t)\nassert.Len(a, 3)\n}\n",
         "begins|expected 3|ends|"},
        {TESTIFY "func TestA(t *testing.T) {\nif !assert.Equal(t, 5, f()) {\nreturn\n}\n"
                 "if err := g(); !assert.NoError(t, err) { return } else { a() }\n" ASSERTS "\n}\n",
         "begins|negated Equal|expected 5|negated NoError|negated b()|ends|"},
        {TESTIFY "func TestA(t *testing.T) {\nif !assert.True(t, a()) && b { return }\n}\n",
         "begins|"},
        {TESTIFY "func TestA(t *testing.T) {\nif t := a(); !assert.True(t, b) { return }\n}\n",
         "begins|"},
        {TESTIFY
         "func TestA(t *testing.T) {\nif !assert.True(t, b) { return } else { return }\n}\n",
         "begins|negated True|"},
        {"package a\nimport assert \"github.com/stretchr/testify/assert\"\nfunc TestA(t "
         "*testing.T) "
         "{\nassert.Equal(t, 5, f())\n}\n",
         "begins|ends|"},
        {"package a\nimport \"example.org/assert\"\nfunc TestA(t *testing.T) {\nassert.Equal(t, 5, "
         "f())\n}\n",
         "begins|ends|"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        expect_plants(texts[i][0], texts[i][1]);
}

/* A package that is imported must be used, and so must a variable: what does not compile takes all
 * tests of the package with it. */
static void an_assertion_that_is_left_out_still_uses_all_that_it_used(void)
{
    static const char text[] = TESTIFY "func TestA(t *testing.T) {\nassert.Equal(t, 5, got)\n"
                                       "assert.Panics(t, func() { got++ })\n"
                                       "is := assert.New(t)\nis.NoError(f())\nis.NoError(err)\n"
                                       "if !assert.Nil(t, err) { return }\n}\n";
    static const char wanted[] = "func(...interface{}) {}(assert.Equal, t, 5, got)\n"
                                 "assert.Panics(t, func() { got++ })\n";
    static const char asked[] =
        "if !(func(...interface{}) bool { return true })(assert.Nil, t, err) { return }\n";
    size_t thinned = 0, held = 0;

    find_plants(text, "TestA", NULL, false);
    CU_ASSERT_EQUAL(plants.assertion_count, 3); /* not f(), which may have two results */
    for (size_t times = 0; times < 100; times++) {
        _cleanup_(trial_edits_release) struct trial_edits edits = {0};
        _cleanup_(free_ptr) char *edited = NULL;

        trial_edits_plant(&edits, &plants, NULL, true);
        edited = trial_edits_apply(&edits, text);
        thinned += strstr(edited, wanted) != NULL;
        held += strstr(edited, asked) != NULL;
    }
    CU_ASSERT_TRUE(thinned > 10 && thinned < 90);
    CU_ASSERT_TRUE(held > 10 && held < 90);
    forget_plants();
}

static void what_can_not_be_read_for_sure_is_left_alone(void)
{
    static const char *const texts[] = {
        "",
        "package a",
        "func TestA(t *testing.T) {",
        "func TestA(t *testing.T) { if a != 5 { t.Fail( }",
        "func TestA(_ *testing.T) {}\n",
        "func TestA(t testing.TB) {}\n",
        "func (s *suite) TestA(t *testing.T) {}\n",
        "// func TestA(t *testing.T) {}\n",
        "var s = `\nfunc TestA(t *testing.T) {}\n`\n",
        "'\"`",
        "/*",
        "((((",
        "func",
        "func TestA[",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        expect_plants(texts[i], "");
}

static void of_edits_that_overlap_the_first_is_made(void)
{
    _cleanup_(trial_edits_release) struct trial_edits edits = {0};
    _cleanup_(free_ptr) char *edited = NULL;

    trial_edits_add(&edits, 4, 8, "X");
    trial_edits_add(&edits, 2, 6, "Y");
    trial_edits_add(&edits, 8, 9, "Z");
    edited = trial_edits_apply(&edits, "0123456789");
    CU_ASSERT_EQUAL(strncmp(edited, "01Y67Z9\n", 8), 0);
}

/* Half of the others is left out, drawn by chance. */
static void what_shows_a_failure_is_never_left_out(void)
{
    static const char text[] =
        TEST_WITH("want := 77\nif a() { t.Fail() }\nif b() != want { t.Fail() }");
    size_t thinned = 0, shown = 0;

    find_plants(text, "TestA", NULL, false);
    for (size_t times = 0; times < 200; times++) {
        _cleanup_(trial_edits_release) struct trial_edits edits = {0};
        _cleanup_(free_ptr) char *planted = NULL;
        const struct trial_plant *plant = &plants.items[times % plants.count];

        trial_edits_plant(&edits, &plants, plant, true);
        planted = trial_edits_apply(&edits, text);
        thinned += strstr(planted, "if (a()) && false {") != NULL;
        if (strcmp(plant->kind, "expected") != 0)
            continue;
        shown++;
        CU_ASSERT_PTR_NOT_NULL(strstr(planted, "if b() != want {"));
        CU_ASSERT_PTR_NULL(strstr(planted, "77"));
    }
    CU_ASSERT_TRUE(thinned > 20 && thinned < 180);
    CU_ASSERT_TRUE(shown > 20);
    forget_plants();
}

static void another_literal_fits_wherever_the_first_one_does(void)
{
    static const struct {
        const char *text;
        long most;
    } numbers[] = {{"0", 9},
                   {"9", 9},
                   {"10", 99},
                   {"100", 127},
                   {"127", 127},
                   {"128", 255},
                   {"999", 999},
                   {"32767", 32767},
                   {"40000", 65535},
                   {"65536", 99999},
                   {"123456789", 999999999}};

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        for (size_t times = 0; times < 50; times++) {
            struct goliteral_part part = {0, strlen(numbers[i].text)}, literal;
            _cleanup_(free_ptr) char *near = NULL;

            gotext_read(&go, numbers[i].text);
            near = goliteral_near(&go, part, &literal);
            CU_ASSERT_PTR_NOT_NULL_FATAL(near);
            CU_ASSERT_EQUAL(strlen(near), strlen(numbers[i].text));
            CU_ASSERT_STRING_NOT_EQUAL(near, numbers[i].text);
            CU_ASSERT_TRUE(strtol(near, NULL, 10) <= numbers[i].most);
            gotext_release(&go);
        }
}

static void below_zero_there_are_as_many_as_the_type_has(void)
{
    static const struct {
        const char *text;
        long most;
    } numbers[] = {{"-5", 9}, {"-100", 128}, {"-128", 128}, {"-129", 999}, {"-32768", 32768}};

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        for (size_t times = 0; times < 50; times++) {
            struct goliteral_part part = {0, strlen(numbers[i].text)}, literal;
            _cleanup_(free_ptr) char *near = NULL;

            gotext_read(&go, numbers[i].text);
            near = goliteral_near(&go, part, &literal);
            CU_ASSERT_PTR_NOT_NULL_FATAL(near);
            CU_ASSERT_EQUAL(literal.start, 1);
            CU_ASSERT_TRUE(strtol(near, NULL, 10) <= numbers[i].most);
            gotext_release(&go);
        }
}

static void only_literals_have_another(void)
{
    static const char *const texts[] = {"",          "x",        "f(5)",    "1.5",   "0x10",
                                        "007",       "\"\"",     "\"-\"",   "'\\n'", "a + 5",
                                        "\"a\" + b", "[]T{{1}}", "[]int{}", "5 5"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct goliteral_part literal;
        _cleanup_(free_ptr) char *near = NULL;

        gotext_read(&go, texts[i]);
        near = goliteral_near(&go, (struct goliteral_part){0, strlen(texts[i])}, &literal);
        CU_ASSERT_PTR_NULL(near);
        gotext_release(&go);
    }
}

/* --- names ----------------------------------------------------------------------------------- */

static void lists_name_tests_in_the_ways_that_go_and_data_sets_have(void)
{
    static const struct trial_package package = {.path = "example.org/shop/money",
                                                 .folder = "money"};
    static const struct {
        const char *listed;
        const char *part; /* NULL: all of it; "-": it is not meant */
    } names[] = {
        {"TestAdd", NULL},
        {"example.org/shop/money::TestAdd", NULL},
        {"example.org/shop/money.TestAdd/one_two", "one_two"},
        {"shop/money/TestAdd/a/b", "a/b"},
        {"money/TestAdd", NULL},
        {"./money::TestAdd", NULL},
        {"money/money_test.go::TestAdd", NULL},
        {"TestAdd/TestAdd", "TestAdd"},
        {"TestAdds", "-"},
        {"MyTestAdd", "-"},
        {"oney/TestAdd", "-"},
        {"other/TestAdd", "-"},
        {"example.org/shop::TestAdd", "-"},
        {"other/x/TestAdd/TestAdd", "-"},
        {"", "-"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *part = NULL;
        bool meant =
            gotests_is_meant(names[i].listed, &package, "money/money_test.go", "TestAdd", &part);

        CU_ASSERT_EQUAL(meant, !names[i].part || strcmp(names[i].part, "-") != 0);
        if (meant && names[i].part) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(part);
            CU_ASSERT_STRING_EQUAL(part, names[i].part);
        } else if (meant) {
            CU_ASSERT_PTR_NULL(part);
        }
    }
}

/* --- files ----------------------------------------------------------------------------------- */

/* given_test.go is the trial's, the others are the image's. */
static const char *const sources[][2] = {
    {"given_test.go", "package a\nvar _ io.Reader = (*mine)(nil)\nfunc (m *mine) Read() {}\n"
                      "type mine struct{}\nfunc TestA(t *testing.T) { newFake().Error(); "
                      "make().dump(); t.Error(String) }\n"},
    {"blank_test.go", "package a\nvar _ = other\nfunc TestBlank(t *testing.T) {}\n"},
    {"listed_test.go", "package a\nvar _, _ = 1, 2\nfunc TestListed(t *testing.T) {}\n"},
    {"fake_test.go", "package a\nfunc newFake() *fake { return nil }\ntype fake struct{}\n"},
    {"methods_test.go", "package a\nfunc (f *fake) Error() {}\n"},
    {"export_test.go", "package a\nfunc (s *store) dump() {}\n"},
    {"unused_test.go", "package a\ntype unused struct{}\nfunc (unused) String() {}\n"},
    {"specs_test.go", "package a\nvar _ = Describe(\"a\", func() {})\n"},
};

static void test_files_are_compiled_if_their_names_are_used(void)
{
    static const bool used[] = {true, false, true, true, true, true, false, true};
    _cleanup_(json_release) json_object *files = json_object_new_array();
    _cleanup_(json_release) json_object *unfound = json_object_new_array();
    _cleanup_(json_release) json_object *trial = json_tokener_parse(
        "{\"tests\":{\"given_test.go\":\"/given\"},\"fail_to_pass\":[\"TestA\",\"TestListed\"]}");
    struct trial_package package = {.path = "ex.org/a", .folder = ".", .files = files};
    struct trial_gomodule module = {.trial = trial,
                                    .repository = place,
                                    .copy = place,
                                    .packages = &package,
                                    .package_count = 1};
    const struct goscope *scope;
    struct gotests tests;

    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        write_text(sources[i][0], sources[i][1]);
        json_object_array_add(files, json_object_new_string(sources[i][0]));
    }
    gotests_read(&tests, &module, unfound);
    CU_ASSERT_EQUAL(json_object_array_length(unfound), 0);
    scope = gotests_scope(&tests, &package);
    CU_ASSERT_EQUAL(scope->file_count, ARRAY_SIZE(sources));
    CU_ASSERT_EQUAL(scope->helpers.count, 1);
    CU_ASSERT_TRUE(gowords_has(&scope->helpers, "newFake()", 7));
    CU_ASSERT_FALSE(gowords_has(&scope->helpers, "newFakes", 8));
    CU_ASSERT_FALSE(gowords_has(&scope->helpers, "dump", 4)); /* a method */
    CU_ASSERT_PTR_EQUAL(gotests_scope(&tests, &package), scope);
    CU_ASSERT_EQUAL_FATAL(tests.file_count, ARRAY_SIZE(sources));
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        CU_ASSERT_STRING_EQUAL(tests.files[i].path, sources[i][0]);
        CU_ASSERT_EQUAL(tests.files[i].is_used, used[i]);
        CU_ASSERT_EQUAL(unlink(sources[i][0]), 0);
    }
    gotests_release(&tests);
}

/* --- what a program says --------------------------------------------------------------------- */

static void what_a_program_says_is_heard_in_pieces_and_within_lines(void)
{
    static const char output[] =
        "=== RUN   TestA\n--- PASS: TestAB (0.00s)\n----- PASS: \nprinted--- PASS: TestA/one (0.0s)"
        "\n    --- SKIP: TestA/two (0.00s)\n    --- FAIL: TestA/three (0.00s)\n--- PASS: TestA "
        "(1s)";
    struct trial_part parts[] = {{"a::TestA/one", "TestA/one"},
                                 {"a::TestA/two", "TestA/two"},
                                 {"a::TestA/three", "TestA/three"},
                                 {"a::TestA/four", "TestA/four"}};
    const struct trial_command command = {.says = "TestA", .parts = parts, .part_count = 4};

    for (size_t step = 1; step <= sizeof(output); step++) {
        struct trial_said *said = trial_said_new(&command);
        _cleanup_(free_ptr) enum trial_result *results = NULL;

        for (size_t at = 0; at < strlen(output); at += step)
            trial_said_hear(said, output + at,
                            at + step < strlen(output) ? step : strlen(output) - at);
        results = trial_said_take(said);
        CU_ASSERT_EQUAL(results[0], TRIAL_PASSED);
        CU_ASSERT_EQUAL(results[1], TRIAL_PASSED);
        CU_ASSERT_EQUAL(results[2], TRIAL_SKIPPED);
        CU_ASSERT_EQUAL(results[3], TRIAL_FAILED);
        CU_ASSERT_EQUAL(results[4], TRIAL_FAILED);
        trial_said_free(said);
    }
    CU_ASSERT_PTR_NULL(trial_said_new(&(struct trial_command){0}));
}

/* --- what lies in the repository ------------------------------------------------------------- */

/* "": it can't be told. */
static char *stub_of(const char *text)
{
    struct gotext read;
    char *stub;

    gotext_read(&read, text);
    stub = trial_gostub_new(&read);
    gotext_release(&read);
    return stub ? stub : xstrdup("");
}

/* 42 and "secret" are what the tests expect. */
static void a_stub_has_what_the_go_command_reads_and_nothing_that_is_expected(void)
{
    static const char text[] =
        "\xef\xbb\xbf//go:build linux && !race\n// +build linux,!race\n\n// secret\n/*\n//go:build "
        "secret\n*/\npackage a_test // secret\n\nimport \"testing\"\nimport (\n\t_ "
        "\"embed\"\n\tother `b.org/b` // 42\n)\n\n//go:embed testdata/*.json\t\n"
        "var data string // 42\n\n/*\n//go:embed secret\n*/\nconst wanted, raw = 42, "
        "`\n//go:embed secret\nfunc TestSecret(t *testing.T) {\n`\n\n"
        "func TestMain(m *testing.M) {\n\tm.Run()\n}\n\n"
        "func (s *suite) TestSecret() {\n}\n\nfunc Testify() int {\n\treturn 42\n}\n\n"
        "func Test_a(t *testing.T) {\n\tif got := f(\"secret\"); got != 42 {\n\t\tt.Fail()\n\t}\n}"
        "\n\nfunc FuzzA(f *testing.F) { f.Add(42) }\nfunc BenchmarkA(b *testing.B) {}\n"
        "func helper(t *testing.T) { if f() != 42 { t.Fail() } }\n"
        "func ExampleA() {\n\tfmt.Println(f(42)) // f\n\n\t// Unordered output:\n\t// b }\n"
        "\t// a\n}\n\nfunc Example() { fmt.Println(\"secret\") }\n";
    static const char wanted[] =
        "//go:build linux && !race\n// +build linux,!race\n\npackage a_test\n"
        "import _ \"testing\"\nimport _ \"embed\"\nimport _ `b.org/b`\n"
        "//go:embed testdata/*.json\t\nfunc TestMain(m *testing.M) {}\n"
        "func Test_a(t *testing.T) {}\nfunc FuzzA(f *testing.F) {}\n"
        "func BenchmarkA(b *testing.B) {}\n"
        "func ExampleA() { // f\n\n\t// Unordered output:\n\t// b }\n\t// a\n}\n"
        "func Example() {}\n// The compiler gets this file from elsewhere.\n";
    _cleanup_(free_ptr) char *stub = stub_of(text);

    CU_ASSERT_STRING_EQUAL(stub, wanted);
}

/* Each of these would lose a test, an import or what an example prints. */
static void a_file_that_can_not_be_read_for_sure_has_no_stub(void)
{
    static const char *const texts[] = {
        "",
        "// package a\n",
        "package a; import \"testing\"\nfunc TestA(t *testing.T) {}\n",
        "package a\nimport \"testing\"; import \"os\"\nfunc TestA(t *testing.T) {}\n",
        "package a\nimport \"C\"\nfunc TestA() {}\n",
        "package a\nvar a int; func TestA() {}\n",
        "package a\n\tfunc TestA() {}\n",
        "package a\nfunc TestA()\nfunc TestB() {}\n",
        "package a\nfunc TestA() {\nfunc TestB() {}\n",
        "package a\nfunc ExampleA() {\n\t// Output: 1\n\tf()\n}\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(free_ptr) char *stub = stub_of(texts[i]);

        CU_ASSERT_STRING_EQUAL(stub, "");
    }
}

/* --- a session's files ----------------------------------------------------------------------- */

static void a_go_mod_is_harmless_if_it_differs_only_in_what_is_required(void)
{
    static const char former[] =
        "module example.org/a // a\n\ngo 1.19\n\nrequire (\n\tb.org/b v1.0.0\n"
        "\tc.org/c v1.0.0 // indirect\n)\n\nreplace b.org/b => ./b\n";
    static const struct {
        const char *text;
        bool is_harmless;
    } cases[] = {
        {"module   example.org/a\ngo 1.21\ntoolchain go1.21.3\nrequire d.org/d v2.0.0\n"
         "replace (\n\t// here\n\tb.org/b =>   ./b\n)\n",
         true},
        {"module example.org/a\nreplace b.org/b => ./b\nreplace c.org/c => ./c\n", false},
        {"module example.org/a\nreplace b.org/b => ./other\n", false},
        {"module example.org/a\nreplace (b.org/b => ./b\n)\n", false},
        {"module example.org/a\n", false},
        {"module example.org/b\nreplace b.org/b => ./b\n", false},
        {"module example.org/a\nreplace b.org/b => ./b\nexclude b.org/b v1.0.0\n", false},
        {"module example.org/a\ngo 1.19\nrequire (\n\tb.org/b v1\n)\n"
         "replace b.org/b => ./b // don't /* c => \"./d\"\n",
         true},
        {"", false},
        /* what only looks like a requirement */
        {"module example.org/a\ngo 1.19\nrequire b.org/b v1//(\nreplace c.org/c => ./c\n"
         "replace b.org/b => ./b\n",
         false},
        {"module example.org/a\ngo 1.19\nrequire (//\n\tb.org/b v1\n)//\n"
         "replace c.org/c => ./c\nreplace b.org/b => ./b\n",
         false},
        {"module example.org/a\ngo 1.19\nrequire \"b.org/b//\" v1\nreplace b.org/b => ./b\n",
         false},
        {"module example.org/a\ngo 1.19\nrequire b.org/b `v1//`\nreplace b.org/b => ./b\n", false},
        /* an older language gives tests another meaning */
        {"module example.org/a\ngo 1.18\nreplace b.org/b => ./b\n", false},
        {"module example.org/a\ngo 1.19 // as it was\nreplace b.org/b => ./b\n", true},
        {"module example.org/a\ngo (\n\t1.3\n)\nreplace b.org/b => ./b\n", false},
        {"module example.org/a\nreplace b.org/b => ./b\n", false},
        /* a block of nothing that the go command knows */
        {"module example.org/a\ngo 1.19\nunknown (\n)\nreplace b.org/b => ./b\n", false},
        {"module example.org/a\ngo 1.19\nrequire require (\n)\nreplace b.org/b => ./b\n", false},
        {"module example.org/a\ngo 1.19\nrequire(\n)\nreplace ( b.org/b => ./b\n)\n", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        CU_ASSERT_EQUAL(trial_gosettle_is_harmless(cases[i].text, former), cases[i].is_harmless);
    CU_ASSERT_TRUE(trial_gosettle_is_harmless("module a\ngo 1.16\n", "module a\n"));
    CU_ASSERT_FALSE(trial_gosettle_is_harmless("module a\ngo 1.12\n", "module a\n"));
}

/* Of the first one the words before each line have 40 GB together. */
static void a_go_mod_is_not_read_beyond_what_anybody_needs(void)
{
    for (size_t i = 0; i < 2; i++) {
        _cleanup_(buf_release) struct buf text = BUF_INIT;

        for (size_t n = 0; i == 0 && n < 400000; n++)
            buf_add_char(&text, 'x');
        buf_add_str(&text, i == 0 ? " (\n" : "exclude (\n");
        for (size_t n = 0; n < 200000; n++)
            buf_add_str(&text, "a\n");
        CU_ASSERT_FALSE(trial_gosettle_is_harmless(text.data, text.data));
    }
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void write_nul(const char *path, const char *before, const char *behind)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    buf_add(&text, before, strlen(before) + 1);
    buf_add_str(&text, behind);
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, text.data, text.length, 0644, &err), 0);
}

static void tests_of_a_session_are_gone_and_its_go_mod_if_it_does_harm(void)
{
    _cleanup_(json_release) json_object *emptied = json_tokener_parse("[\"other\"]");
    _cleanup_(json_release) json_object *packages =
        json_tokener_parse("[\".\",\"sub\",\"gone\",\"c/d\"]");
    _cleanup_(json_release) json_object *modules = json_tokener_parse("[\".\",\"last\",\"nul\"]");
    _cleanup_(json_release) json_object *plan = json_object_new_object();
    _cleanup_(free_ptr) char *repository = xasprintf("%s/repository", place);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(close_fd) int plan_fd = -1, root_fd = -1;
    struct error err = ERROR_INIT;
    json_object *settled;

    CU_ASSERT_EQUAL_FATAL(mkdir("repository", 0755) + mkdir("repository/other", 0755) +
                              mkdir("repository/last", 0755) + mkdir("repository/nul", 0755) +
                              mkdir("plan", 0755) + mkdir("away", 0755),
                          0);
    write_text("repository/go.mod", "module a\n");
    write_text("repository/last/go.mod", "module l\n");
    write_text("repository/nul/go.mod", "module n\n");
    CU_ASSERT_EQUAL_FATAL(chdir("plan"), 0);
    settled = trial_gosettle_new(repository, packages, emptied, modules, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(settled);
    json_object_object_add(plan, TRIAL_GOSETTLE, settled);
    plan_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(chdir(place), 0);

    /* the session's */
    write_text("repository/go.mod", "module a\nreplace b => ./c\n");
    write_text("repository/go.sum", "more\n");
    write_text("repository/last/go.mod", "module l\nrequire c v1.0.0\n");
    CU_ASSERT_EQUAL_FATAL(mkdir("repository/other/more", 0755), 0);
    write_text("repository/other/a.go", "");
    write_text("repository/other/more/a.go", "");
    write_nul("repository/nul/go.mod", "module n\n", "replace b => ./c\n");
    CU_ASSERT_EQUAL_FATAL(mkdir("repository/c", 0755) + mkdir("repository/c/d", 0755), 0);
    write_text("repository/c/go.mod", "module c\n");
    write_text("repository/c/d/go.mod", "module d\n");
    write_text("repository/c/d/d_test.go", "");
    write_text("repository/a_test.go", "");
    write_text("repository/a_test.gox", "");
    write_text("repository/a.go", "");
    write_text("away/far_test.go", "");
    CU_ASSERT_EQUAL_FATAL(mkdir("repository/d_test.go", 0755) +
                              symlink("../away", "repository/sub") +
                              symlink("../away/far_test.go", "repository/link_test.go"),
                          0);
    root_fd = open("repository", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_gosettle(plan, plan_fd, root_fd, &err), 0);

    CU_ASSERT_FALSE(is_there("repository/a_test.go"));
    CU_ASSERT_FALSE(is_there("repository/link_test.go"));
    CU_ASSERT_FALSE(is_there("repository/c/go.mod") || is_there("repository/c/d/go.mod") ||
                    is_there("repository/c/d/d_test.go"));
    CU_ASSERT_TRUE(is_there("repository/a_test.gox") && is_there("repository/a.go") &&
                   is_there("repository/d_test.go"));
    CU_ASSERT_TRUE(is_there("away/far_test.go") &&
                   !is_there("repository/sub")); /* the link is gone */
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, "repository/go.mod", 1000, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(text.data, "module a\n");
    CU_ASSERT_FALSE(is_there("repository/go.sum")); /* the image has none */
    buf_clear(&text);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, "repository/last/go.mod", 1000, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(text.data, "module l\nrequire c v1.0.0\n");
    CU_ASSERT_TRUE(!is_there("repository/other/a.go") && is_there("repository/other/more/a.go"));
    buf_clear(&text);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, "repository/nul/go.mod", 1000, &text, &err), 0);
    CU_ASSERT_EQUAL(text.length, strlen("module n\n")); /* not what was behind a NUL */
    CU_ASSERT_EQUAL(
        remove_tree("repository", &err) + remove_tree("plan", &err) + remove_tree("away", &err), 0);
}

/* The module lies in a folder of the repository, above which there may be others. */
static void what_is_above_the_module_is_left_alone(void)
{
    _cleanup_(json_release) json_object *packages = json_tokener_parse("[\"a/b/c\"]");
    _cleanup_(json_release) json_object *emptied = json_object_new_array();
    _cleanup_(json_release) json_object *modules = json_tokener_parse("[\"a\"]");
    _cleanup_(json_release) json_object *plan = json_object_new_object();
    _cleanup_(free_ptr) char *repository = xasprintf("%s/repository", place);
    _cleanup_(close_fd) int plan_fd = -1, root_fd = -1;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(mkdir("repository", 0755) + mkdir("repository/a", 0755) +
                              mkdir("repository/a/b", 0755) + mkdir("repository/a/b/c", 0755) +
                              mkdir("plan", 0755),
                          0);
    write_text("repository/go.mod", "module top\n");
    write_text("repository/a/go.mod", "module a\n");
    CU_ASSERT_EQUAL_FATAL(chdir("plan"), 0);
    json_object_object_add(plan, TRIAL_GOSETTLE,
                           trial_gosettle_new(repository, packages, emptied, modules, &err));
    plan_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(chdir(place), 0);
    write_text("repository/a/b/go.mod", "module b\n");
    root_fd = open("repository", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_gosettle(plan, plan_fd, root_fd, &err), 0);
    CU_ASSERT_TRUE(is_there("repository/go.mod") && is_there("repository/a/go.mod"));
    CU_ASSERT_FALSE(is_there("repository/a/b/go.mod"));
    CU_ASSERT_EQUAL(remove_tree("repository", &err) + remove_tree("plan", &err), 0);
}

/* --- plans ----------------------------------------------------------------------------------- */

/* The go command is stood in for. */
static const char command[] =
    "#!/bin/sh -e\n"
    "if [ $1 = env ]; then\n"
    "    echo '{\"GOROOT\":\""
    "HERE"
    "\",\"GOFLAGS\":\"-tags=x\",\"GOVERSION\":\"'$STANDS_IN_FOR'\",'\n"
    "    echo '\"GOMODCACHE\":\"\",\"CGO_ENABLED\":\"0\",\"GOWORK\":\"\",\"CGO_CFLAGS\":\"\",'\n"
    "    echo '\"CC\":\"clang -x\",\"GOAMD64\":\"v2\",\"GOENV\":\"/root/env\"}'\n"
    "    exit\n"
    "fi\n"
    "printf '{\\n\\t\"ImportPath\": \"fmt\",\\n\\t\"Dir\": \"/usr\",\\n\\t\"DepOnly\": "
    "true\\n}\\n'\n"
    "printf '{\\n\\t\"ImportPath\": \"ex.org/a\",\\n\\t\"Dir\": \"%s\",\\n\\t\"TestGoFiles\": "
    "[\"given_test.go\", \"help_test.go\", \"moved_test.go\", \"old_test.go\"],\\n\\t\"Module\": "
    "{\"Dir\": "
    "\"%s\", \"GoVersion\": \"1.19\"}\\n}\\n' $PWD $PWD\n"
    "printf '{\\n\\t\"ImportPath\": \"ex.org/a/b\",\\n\\t\"Dir\": \"%s/b\",\\n\\t\"XTestGoFiles\": "
    "[\"b_test.go\"], \"TestGoFiles\": [\"in_test.go\"]\\n}\\n' $PWD\n"
    "printf '{\\n\\t\"ImportPath\": \"ex.org/a.test\",\\n\\t\"ForTest\": \"ex.org/a\"\\n}\\n'\n";

static const char given_test[] =
    "package a\n\nimport \"testing\"\n\nfunc TestMended(t *testing.T) {\n\thelp(t)\n"
    "\tt.Run(\"one\", func(t *testing.T) {})\n}\n\n"
    "func TestParts(t *testing.T) {\n\tt.Run(\"a\", func(t *testing.T) { if f() != 1 { t.Fail() } "
    "})\n"
    "\tt.Run(\"b.c\", func(t *testing.T) {})\n}\n\nfunc ExampleA() {}\n\n"
    "func TestNested(t *testing.T) {\n\tt.Run(\"x\", func(t *testing.T) {\n\t\t"
    "t.Run(\"y\", func(t *testing.T) { if f() != 1 { t.Fail() } })\n\t})\n}\n";

static const char given_stub[] =
    "\npackage a\nimport _ \"testing\"\nfunc TestMended(t *testing.T) {}\n"
    "func TestParts(t *testing.T) {}\nfunc ExampleA() {}\nfunc TestNested(t *testing.T) {}\n"
    "// The compiler gets this file from elsewhere.\n";

static bool has_vendor; /* the repository does */

static json_object *new_plan(void)
{
    _cleanup_(free_ptr) char *spec = xasprintf(
        "{\"repository\":\"%s/repository\",\"tests\":{\"given_test.go\":\"%s/given_test.go\","
        "\"more\":\"%s/more\"},"
        "\"timeout\":7,\"fail_to_pass\":[\"TestMended\",\"TestParts/b.c\",\"TestUnknown\","
        "\"ExampleA\",\"TestNested/x\"],\"held_out\":[\"TestParts/a\",\"TestNested/x/y\"],"
        "\"pass_to_pass\":[\"TestMended/one\",\"ex.org/a/b::TestKept\"]}",
        place, place, place);
    _cleanup_(free_ptr) char *path = xasprintf("%s/bin:/usr/bin:/bin", place);
    _cleanup_(free_ptr) char *script = NULL;
    _cleanup_(json_release) json_object *trial = json_tokener_parse(spec);
    const char *here = strstr(command, "HERE");
    json_object *made;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(mkdir("repository", 0755) + mkdir("repository/b", 0755) +
                              mkdir("plan", 0755) + mkdir("bin", 0755),
                          0);
    script = xasprintf("%.*s%s%s", (int)(here - command), command, place, here + strlen("HERE"));
    write_text("bin/go", script);
    CU_ASSERT_EQUAL_FATAL(chmod("bin/go", 0755), 0);
    write_text("given_test.go", given_test);
    CU_ASSERT_EQUAL_FATAL(mkdir("more", 0755) + mkdir("more/testdata", 0755), 0);
    write_text("more/windows_test.go", "package more\nconst wanted = 42\n");
    write_text("more/odd_test.go", "package more; import \"a\"\n");
    write_text("more/more.go", "package more\n");
    write_text("more/testdata/data_test.go", "package data\n");
    write_text("repository/go.mod", "module ex.org/a\n");
    write_text("repository/help_test.go",
               "package a\nimport \"testing\"\nfunc help(t *testing.T) {}\n"
               "type h struct{}\nfunc (h) TestMended() {}\n");
    write_text("repository/moved_test.go",
               "package a\nimport \"testing\"\nfunc TestMended(t *testing.T) {}\n");
    write_text("repository/old_test.go",
               "package a\nimport (\n\t\"testing\"\n\t_ \"ex.org/driver\" // x\n)\nfunc "
               "TestOld(t *testing.T) {}\n");
    CU_ASSERT_EQUAL_FATAL(mkdir("repository/b/testdata", 0755) +
                              mkdir("repository/b/testdata/deep", 0755) +
                              mkdir("repository/c", 0755) + mkdir("repository/c/testdata", 0755),
                          0);
    write_text("repository/b/testdata/deep/golden", "b");
    write_text("repository/c/testdata/golden", "c");
    write_text("repository/b/b_test.go",
               "package b_test\nimport \"testing\"\nfunc TestKept(t *testing.T) {}\n");
    write_text("repository/b/in_test.go",
               "package b\nimport \"testing\"\nfunc TestKept(t *testing.T) {}\n");
    if (has_vendor) {
        CU_ASSERT_EQUAL_FATAL(mkdir("repository/vendor", 0755), 0);
        write_text("repository/vendor/modules.txt", "");
    }
    setenv("PATH", path, 1);
    CU_ASSERT_EQUAL_FATAL(chdir("plan"), 0);
    CU_ASSERT_EQUAL(trial_go_plan(NULL, trial), 0);
    made = json_object_from_file("plan.json");
    CU_ASSERT_EQUAL_FATAL(chdir(place), 0);
    setenv("PATH", "/usr/bin:/bin", 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    CU_ASSERT_EQUAL(
        remove_tree("repository", &err) + remove_tree("bin", &err) + remove_tree("more", &err), 0);
    return made;
}

static json_object *item_of(json_object *object, const char *list, size_t at)
{
    return json_object_array_get_idx(json_object_object_get(object, list), at);
}

static size_t length_of(json_object *object, const char *list)
{
    json_object *found = json_object_object_get(object, list);

    return found ? json_object_array_length(found) : 0;
}

static bool has_text(json_object *object, const char *list, const char *text)
{
    for (size_t i = 0; i < length_of(object, list); i++)
        if (strcmp(json_object_get_string(item_of(object, list, i)), text) == 0)
            return true;
    return false;
}

/* The file beside the plan that lies at the path in a run; "": none. */
static char *file_in(json_object *run, const char *path)
{
    for (size_t i = 0; i < length_of(run, "files"); i++) {
        json_object *pair = item_of(run, "files", i);
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        _cleanup_(free_ptr) char *name = NULL;
        struct error err = ERROR_INIT;

        if (strcmp(json_object_get_string(json_object_array_get_idx(pair, 0)), path) != 0)
            continue;
        name = xasprintf("plan/%s", json_object_get_string(json_object_array_get_idx(pair, 1)));
        CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, name, 100000, &text, &err), 0);
        return buf_take(&text);
    }
    return xstrdup("");
}

static json_object *test_in(json_object *run, const char *test)
{
    for (size_t i = 0; i < length_of(run, "commands"); i++) {
        json_object *found = item_of(run, "commands", i);

        if (json_get_text(found, "test") && strcmp(json_get_text(found, "test"), test) == 0)
            return found;
    }
    return NULL;
}

static void forget_plan(json_object **made)
{
    struct error err = ERROR_INIT;

    json_object_put(*made);
    CU_ASSERT_EQUAL(remove_tree("plan", &err), 0);
}

static void each_listed_test_is_a_process_and_its_parts_are_told_with_it(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();
    json_object *all = item_of(made, "runs", 7), *test;

    CU_ASSERT_EQUAL_FATAL(length_of(made, "runs"), 8);
    CU_ASSERT_EQUAL(length_of(made, "unplanted"), 2);
    CU_ASSERT_TRUE(has_text(made, "unplanted", "TestUnknown"));
    CU_ASSERT_TRUE(has_text(made, "unplanted", "ex.org/a::ExampleA"));
    test = test_in(all, "ex.org/a::TestMended");
    CU_ASSERT_PTR_NOT_NULL_FATAL(test);
    CU_ASSERT_TRUE(has_text(test, "argv", "^TestMended$"));
    CU_ASSERT_EQUAL(length_of(test, "parts"), 1);
    CU_ASSERT_EQUAL(json_get_int(test, "seconds", 0), 7);
    test = test_in(all, "ex.org/a::TestParts/b.c");
    CU_ASSERT_PTR_NOT_NULL_FATAL(test);
    CU_ASSERT_TRUE(has_text(test, "argv", "^TestParts$/^b\\.c$"));
    CU_ASSERT_STRING_EQUAL(json_get_text(test, "says"), "TestParts/b.c");
    CU_ASSERT_PTR_NOT_NULL(test_in(all, "ex.org/a::TestParts/a"));
    CU_ASSERT_PTR_NOT_NULL(test_in(all, "ex.org/a/b::TestKept"));
    CU_ASSERT_PTR_NULL(test_in(all, "ex.org/a::TestParts"));
    CU_ASSERT_PTR_NULL(test_in(all, "ex.org/a::TestOld"));
}

/* Both would be compiled into one package, which can't be. */
static void a_test_that_the_fix_moved_to_another_file_is_there_once(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();
    _cleanup_(free_ptr) char *moved = file_in(item_of(made, "runs", 7), "moved_test.go");

    CU_ASSERT_STRING_EQUAL(moved, "");
}

static void what_tests_read_in_testdata_stays_the_image_s(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(length_of(made, "kept"), 1); /* not that of a package without listed tests */
    CU_ASSERT_TRUE(has_text(made, "kept", "b/testdata/deep/golden"));
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, "plan/kept/b/testdata/deep/golden", 1000, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(text.data, "b");
}

/* Only root can read what it has for itself, and tests are not run by root. */
static void what_is_kept_can_be_read_by_everybody(void)
{
    _cleanup_(close_fd) int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct error err = ERROR_INIT;
    struct stat st;

    write_text("own", "text");
    write_text("program", "text");
    CU_ASSERT_EQUAL_FATAL(chmod("own", 0600) + chmod("program", 0700), 0);
    CU_ASSERT_EQUAL(trial_lay_kept(fd, "own", fd, "kept/own", &err), 0);
    CU_ASSERT_EQUAL(trial_lay_kept(fd, "program", fd, "kept/program", &err), 0);
    CU_ASSERT_EQUAL(stat("kept/own", &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0644);
    CU_ASSERT_EQUAL(stat("kept/program", &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0755);
    CU_ASSERT_EQUAL(remove_tree("kept", &err) + unlink("own") + unlink("program"), 0);
}

/* The compiler gets what lies beside the script, and nothing where something is missing there. */
static void a_test_file_that_is_not_hidden_is_not_compiled(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();
    json_object *hidden = json_object_object_get(item_of(made, "runs", 0), "hidden");
    _cleanup_(free_ptr) char *tool = file_in(hidden, "tool");
    _cleanup_(free_ptr) char *twin = xasprintf("twins%s/a_test.go", place);
    _cleanup_(free_ptr) char *twin_of = xasprintf("%s/twins%s/a_test.go", place, place);
    _cleanup_(free_ptr) char *program = xasprintf("%s/twins/tool", place);
    _cleanup_(free_ptr) char *compiler = xasprintf("%s/compile", place);
    char *argv[] = {program,        compiler, (char *)"-o", (char *)"x", (char *)"a_test.go",
                    (char *)"a.go", NULL};
    _cleanup_(free_ptr) char *folder = xasprintf("twins%s", place);
    _cleanup_(buf_release) struct buf told = BUF_INIT;
    struct error err = ERROR_INIT;

    write_text("compile", "#!/bin/sh\necho $*\n");
    CU_ASSERT_EQUAL_FATAL(mkdir("twins", 0755) + mkdir("twins/tmp", 0755) + mkdir(folder, 0755), 0);
    write_text("twins/tool", tool);
    write_text(twin, "");
    CU_ASSERT_EQUAL_FATAL(chmod("twins/tool", 0755) + chmod("compile", 0755), 0);
    CU_ASSERT_EQUAL(trial_copy_ask(place, argv, "told", &err), 0);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, "told", 1000, &told, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(told.data, twin_of));
    CU_ASSERT_EQUAL(strncmp(told.data, "-o x /", 6), 0);
    CU_ASSERT_EQUAL(strcmp(told.data + told.length - 6, " a.go\n"), 0);
    argv[4] = (char *)"./b_test.go";
    CU_ASSERT_EQUAL(trial_copy_ask(place, argv, "told", &err), -1);
    argv[1] = (char *)"/bin/true";
    CU_ASSERT_EQUAL(trial_copy_ask(place, argv, "told", &err), 0);
    CU_ASSERT_EQUAL(remove_tree("twins", &err) + unlink("told") + unlink("compile"), 0);
}

static size_t count_tests(json_object *run, const char *test)
{
    size_t count = 0;

    for (size_t i = 0; i < length_of(run, "commands"); i++) {
        const char *name = json_get_text(item_of(run, "commands", i), "test");

        count += name && strcmp(name, test) == 0;
    }
    return count;
}

static void two_of_one_name_in_a_package_are_one_process(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();
    json_object *functions = json_object_object_get(made, "functions");
    size_t named = 0;

    CU_ASSERT_EQUAL(count_tests(item_of(made, "runs", 7), "ex.org/a/b::TestKept"), 1);
    for (size_t i = 0; i < json_object_array_length(functions); i++)
        named += strcmp(json_object_get_string(json_object_array_get_idx(functions, i)),
                        "ex.org/a/b::TestKept") == 0;
    CU_ASSERT_EQUAL(named, 1);
}

/* Else one would have what an earlier run left there. */
static void all_test_files_are_laid_anew_in_every_run(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();

    for (size_t i = 0; i <= 7; i++) {
        json_object *run = item_of(made, "runs", i);
        _cleanup_(free_ptr) char *given = file_in(run, "given_test.go");
        _cleanup_(free_ptr) char *other = file_in(run, "b/b_test.go");

        CU_ASSERT_STRING_EQUAL(given, given_stub);
        CU_ASSERT_STRING_NOT_EQUAL(other, "");
    }
}

/* Also of those that are not compiled, and while the code is built for the first time. */
static void no_test_of_the_trial_can_be_read_in_any_run(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();

    for (size_t i = 0; i <= 8; i++) {
        json_object *run =
            i < 8 ? item_of(made, "runs", i) : json_object_object_get(made, "prepare");
        _cleanup_(free_ptr) char *tagged = file_in(run, "more/windows_test.go");
        _cleanup_(free_ptr) char *odd = file_in(run, "more/odd_test.go");
        _cleanup_(free_ptr) char *plain = file_in(run, "more/more.go");
        _cleanup_(free_ptr) char *data = file_in(run, "more/testdata/data_test.go");

        CU_ASSERT_STRING_EQUAL(tagged,
                               "\npackage more\n// The compiler gets this file from elsewhere.\n");
        CU_ASSERT_STRING_EQUAL(odd, ""); /* what is not named stays as it is */
        CU_ASSERT_STRING_EQUAL(plain, "");
        CU_ASSERT_STRING_EQUAL(data, "");
    }
}

/* A session's go.mod, or that it has such a folder, would decide it otherwise. */
static void vendor_and_flags_are_as_the_image_has_them(void)
{
    for (size_t i = 0; i < 2; i++) {
        _cleanup_(forget_plan) json_object *made = NULL;
        const char *wanted = i ? "GOFLAGS=-tags=x -buildvcs=false -mod=vendor"
                               : "GOFLAGS=-tags=x -buildvcs=false -mod=readonly";
        json_object *test;

        has_vendor = i;
        setenv("STANDS_IN_FOR", i ? "go1.20" : "go1.19.8", 1);
        made = new_plan();
        has_vendor = false;
        test = test_in(item_of(made, "runs", 7), "ex.org/a/b::TestKept");
        CU_ASSERT_EQUAL(has_text(test, "argv", "-test.skip="), i > 0);
        CU_ASSERT_TRUE(has_text(test, "argv", "-test.short=false"));
        for (size_t n = 0; n < length_of(item_of(made, "runs", 7), "commands"); n++) {
            json_object *one = item_of(item_of(made, "runs", 7), "commands", n);

            CU_ASSERT_TRUE(has_text(one, "environment", wanted));
            CU_ASSERT_TRUE(has_text(one, "environment", "CC=clang -x"));
            CU_ASSERT_TRUE(has_text(one, "environment", "GOAMD64=v2"));
            CU_ASSERT_TRUE(has_text(one, "environment", "GOENV=off"));
            CU_ASSERT_FALSE(has_text(one, "environment", "CGO_CFLAGS="));
        }
    }
}

static void only_what_listed_tests_need_is_compiled_and_the_compiler_alone_sees_failures(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();
    json_object *all = item_of(made, "runs", 7), *settled = json_object_object_get(made, "go");
    _cleanup_(free_ptr) char *given = file_in(all, "given_test.go");
    _cleanup_(free_ptr) char *help = file_in(all, "help_test.go");
    _cleanup_(free_ptr) char *old = file_in(all, "old_test.go");
    _cleanup_(free_ptr) char *stub =
        file_in(json_object_object_get(made, "prepare"), "given_test.go");
    _cleanup_(free_ptr) char *path = xasprintf("%s/repository/given_test.go", place + 1);
    _cleanup_(free_ptr) char *last = file_in(json_object_object_get(all, "hidden"), path);
    size_t planted = 0;

    CU_ASSERT_STRING_EQUAL(given, given_stub);
    CU_ASSERT_STRING_NOT_EQUAL(help, "");
    CU_ASSERT_STRING_EQUAL(old, "package a\nimport _ \"ex.org/driver\"\n");
    CU_ASSERT_STRING_EQUAL(stub, "package a\nimport _ \"testing\"\n");
    CU_ASSERT_EQUAL(strncmp(last, "//line /tmp/", 12), 0);
    CU_ASSERT_EQUAL(strncmp(strchr(last, '\n') + 1, given_test, strlen(given_test)), 0);
    CU_ASSERT_TRUE(has_text(settled, "packages", ".") && has_text(settled, "packages", "b"));
    for (size_t i = 0; i < 7; i++) {
        json_object *run = item_of(made, "runs", i);
        _cleanup_(free_ptr) char *open = file_in(run, "given_test.go");
        _cleanup_(free_ptr) char *hidden = file_in(json_object_object_get(run, "hidden"), path);

        CU_ASSERT_STRING_EQUAL(open, given_stub);
        CU_ASSERT_EQUAL(strncmp(hidden, "//line /tmp/", 12), 0);
        planted += strstr(hidden, ".Name(); got != ") || strstr(hidden, "if !(");
    }
    CU_ASSERT_TRUE(planted >= 4);
}

static const char *planted_in(json_object *run, const char *test)
{
    for (size_t n = 0; n < length_of(run, "tests"); n++)
        if (strcmp(json_get_text(item_of(run, "tests", n), "id"), test) == 0)
            return json_get_text(item_of(run, "tests", n), "planted");
    CU_FAIL("the test is not in the run");
    return NULL;
}

/* The same text can't be changed twice. */
static void parts_of_one_part_have_the_same_failures(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();
    size_t planted = 0;

    for (size_t i = 0; i < 7; i++) {
        json_object *run = item_of(made, "runs", i);

        CU_ASSERT_EQUAL(!planted_in(run, "ex.org/a::TestNested/x"),
                        !planted_in(run, "ex.org/a::TestNested/x/y"));
        planted += planted_in(run, "ex.org/a::TestNested/x") != NULL;
    }
    CU_ASSERT_EQUAL(planted, 4);
}

static void parts_with_functions_of_their_own_have_failures_of_their_own(void)
{
    _cleanup_(forget_plan) json_object *made = new_plan();
    size_t apart = 0;

    for (size_t i = 0; i < 7; i++) {
        json_object *run = item_of(made, "runs", i);
        const char *const planted[2] = {planted_in(run, "ex.org/a::TestParts/a"),
                                        planted_in(run, "ex.org/a::TestParts/b.c")};

        apart += !planted[0] != !planted[1];
        if (planted[1]) /* there is nothing else in it */
            CU_ASSERT_TRUE(strcmp(planted[1], "begins") == 0 || strcmp(planted[1], "ends") == 0);
    }
    CU_ASSERT_TRUE(apart <= 6);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a text with braces in strings, runes and comments is read as it is",
         a_text_with_braces_in_strings_runes_and_comments_is_read_as_it_is},
        {"statements end where Go has them end", statements_end_where_go_has_them_end},
        {"failures are planted in what fails a test", failures_are_planted_in_what_fails_a_test},
        {"failures are planted only where they are surely executed",
         failures_are_planted_only_where_they_are_surely_executed},
        {"in loops over a literal the entries are changed, too",
         in_loops_over_a_literal_the_entries_are_changed_too},
        {"a blank is no name, but what it gets may have an effect",
         a_blank_is_no_name_but_what_it_gets_may_have_an_effect},
        {"test files are compiled if their names are used",
         test_files_are_compiled_if_their_names_are_used},
        {"an entry is only changed where the test looks at its single fields",
         an_entry_is_only_changed_where_the_test_looks_at_its_single_fields},
        {"nothing is planted where a sub-test may have been skipped",
         nothing_is_planted_where_a_sub_test_may_have_been_skipped},
        {"of sub-tests of one name only the first has it",
         of_sub_tests_of_one_name_only_the_first_has_it},
        {"nothing is planted in a test that another may start",
         nothing_is_planted_in_a_test_that_another_may_start},
        {"sub-tests have failures of their own", sub_tests_have_failures_of_their_own},
        {"what can't hold fails in the words of the test",
         what_can_not_hold_fails_in_the_words_of_the_test},
        {"what can't hold is at the place of an assertion of the test",
         what_can_not_hold_is_at_the_place_of_an_assertion_of_the_test},
        {"testify's assertions are known by their import",
         testify_s_assertions_are_known_by_their_import},
        {"an assertion that is left out still uses all that it used",
         an_assertion_that_is_left_out_still_uses_all_that_it_used},
        {"what can't be read for sure is left alone", what_can_not_be_read_for_sure_is_left_alone},
        {"of edits that overlap the first is made", of_edits_that_overlap_the_first_is_made},
        {"what shows a failure is never left out", what_shows_a_failure_is_never_left_out},
        {"another literal fits wherever the first one does",
         another_literal_fits_wherever_the_first_one_does},
        {"below zero there are as many as the type has",
         below_zero_there_are_as_many_as_the_type_has},
        {"only literals have another", only_literals_have_another},
        {"lists name tests in the ways that Go and data sets have",
         lists_name_tests_in_the_ways_that_go_and_data_sets_have},
        {"what a program says is heard in pieces and within lines",
         what_a_program_says_is_heard_in_pieces_and_within_lines},
        {"a stub has what the go command reads, and nothing that is expected",
         a_stub_has_what_the_go_command_reads_and_nothing_that_is_expected},
        {"a file that can't be read for sure has no stub",
         a_file_that_can_not_be_read_for_sure_has_no_stub},
        {"a go.mod is harmless if it differs only in what is required",
         a_go_mod_is_harmless_if_it_differs_only_in_what_is_required},
        {"a go.mod is not read beyond what anybody needs",
         a_go_mod_is_not_read_beyond_what_anybody_needs},
        {"tests of a session are gone, and its go.mod if it does harm",
         tests_of_a_session_are_gone_and_its_go_mod_if_it_does_harm},
        {"what is above the module is left alone", what_is_above_the_module_is_left_alone},
        {"each listed test is a process, and its parts are told with it",
         each_listed_test_is_a_process_and_its_parts_are_told_with_it},
        {"a test that the fix moved to another file is there once",
         a_test_that_the_fix_moved_to_another_file_is_there_once},
        {"what tests read in testdata stays the image's",
         what_tests_read_in_testdata_stays_the_image_s},
        {"what is kept can be read by everybody", what_is_kept_can_be_read_by_everybody},
        {"a test file that is not hidden is not compiled",
         a_test_file_that_is_not_hidden_is_not_compiled},
        {"two of one name in a package are one process",
         two_of_one_name_in_a_package_are_one_process},
        {"all test files are laid anew in every run", all_test_files_are_laid_anew_in_every_run},
        {"no test of the trial can be read in any run",
         no_test_of_the_trial_can_be_read_in_any_run},
        {"vendor and flags are as the image has them", vendor_and_flags_are_as_the_image_has_them},
        {"only what listed tests need is compiled, and the compiler alone sees failures",
         only_what_listed_tests_need_is_compiled_and_the_compiler_alone_sees_failures},
        {"parts of one part have the same failures", parts_of_one_part_have_the_same_failures},
        {"parts with functions of their own have failures of their own",
         parts_with_functions_of_their_own_have_failures_of_their_own},
    };
    struct error err = ERROR_INIT;
    int status;

    trial_rig_enter(place);
    status = UNIT_MAIN("trial go", tests);
    return chdir("/") < 0 || remove_tree(place, &err) < 0 ? 2 : status;
}
