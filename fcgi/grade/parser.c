/*
 * Reads a report of any dialect. It may have been written by a guest: there is no document type
 * declaration in any that is honest, so one is refused, and with it every entity. Depth, cases and
 * texts are bounded, and the whole is parsed in one call in place, which keeps expat from copying
 * or re-reading it. What expat refuses is mended and read again: one bad byte in a test's output
 * must not cost the verdict. What breaks off is never taken for whole.
 */
#include "grade/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "grade/mend.h"

#include "base/banned.h"

/* Elsewhere than on 64 bits these hold less, and newer versions of expat warn of their names. */
#ifndef HAVE_XML_GETCURRENTBYTEINDEX64
#define XML_GetCurrentByteIndex64 XML_GetCurrentByteIndex
#define XML_GetCurrentLineNumber64 XML_GetCurrentLineNumber
#endif

#define SECONDS_MAX 1e9
#define DOCUMENTS_MAX 1000               /* one behind the other in a file */
#define INHERITED_MAX (64 << 20)         /* bytes that the cases of a report have of their suites */
#define MENDED_MAX (2 * TEST_REPORT_MAX) /* bytes that mending may make of a file */

static const struct dialect *const dialects[] = {&dialect_junit, &dialect_ctest,  &dialect_nunit,
                                                 &dialect_trx,   &dialect_xunit,  &dialect_testng,
                                                 &dialect_robot, &dialect_doctest};

static void parser_release(struct parser *p)
{
    if (p->xml)
        XML_ParserFree(p->xml);
    for (size_t i = 0; i < ARRAY_SIZE(p->suites); i++) {
        free(p->suites[i]);
        free(p->files[i]);
    }
    free(p->measurement);
    free(p->id);
    free(p->next_of_id);
    test_index_release(&p->ids);
    test_case_release(&p->item);
    test_case_list_release(&p->list);
    buf_release(&p->text);
    buf_release(&p->message);
    buf_release(&p->output);
}

/* --- for the dialects ------------------------------------------------------------------------ */

void parser_refuse(struct parser *p, const char *why)
{
    if (!p->refusal)
        p->refusal = why;
    XML_StopParser(p->xml, XML_FALSE);
}

const char *parser_attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

char *parser_name(struct parser *p, const char *text)
{
    if (text && strlen(text) > TEST_NAME_MAX) {
        parser_refuse(p, "it contains a name that is too long");
        text = NULL;
    }
    return xstrdup(text ? text : "");
}

void parser_add_bounded(struct buf *out, const char *text, size_t length, size_t most)
{
    size_t room = out->length < most ? most - out->length : 0;

    if (length > room) {
        length = room;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    buf_add(out, text, length);
}

double parser_seconds(const char *text)
{
    char digits[64];
    size_t used = 0;
    double seconds = 0;

    for (; text && *text && used < sizeof(digits) - 1; text++) {
        if (*text == ':') { /* hours and minutes before */
            digits[used] = '\0';
            seconds = (seconds + strtod(digits, NULL)) * 60;
            used = 0;
        } else if (*text != ',') {
            digits[used++] = *text;
        }
    }
    digits[used] = '\0';
    if (strspn(digits, "0123456789.eE+- \t\n") != used)
        return 0;
    seconds += strtod(digits, NULL);
    return seconds > 0 && seconds < SECONDS_MAX ? seconds : 0;
}

void parser_split_name(struct parser *p, const char *full)
{
    size_t end = strcspn(full, "(<[\"");
    const char *dot = memrchr(full, '.', end);

    if (strlen(full) > TEST_NAME_MAX) {
        parser_refuse(p, "it contains a name that is too long");
        return;
    }
    free(p->item.name);
    free(p->item.classname);
    p->item.name = xstrdup(dot ? dot + 1 : full);
    p->item.classname = dot ? xstrndup(full, (size_t)(dot - full)) : xstrdup("");
}

bool parser_is_one_of(const char *text, const char *const *words)
{
    for (; text && *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

void parser_begin_case(struct parser *p)
{
    test_case_release(&p->item);
    buf_clear(&p->message);
    buf_clear(&p->output);
    p->case_depth = p->depth;
    p->is_not_run = p->is_skip_by_choice = p->is_suite_level = false;
}

void parser_worsen(struct parser *p, enum test_outcome outcome)
{
    if (outcome > p->item.outcome)
        p->item.outcome = outcome;
}

void parser_capture(struct parser *p, enum capture what)
{
    p->capture = what;
    p->capture_depth = p->depth;
    buf_clear(&p->text);
}

void parser_capture_first_message(struct parser *p)
{
    if (p->message.length == 0)
        parser_capture(p, CAPTURE_MESSAGE);
}

/* --- what expat tells ------------------------------------------------------------------------ */

static const struct dialect *dialect_of(const char *root)
{
    for (size_t i = 0; i < ARRAY_SIZE(dialects); i++)
        for (size_t k = 0; k < ARRAY_SIZE(dialects[i]->roots) && dialects[i]->roots[k]; k++)
            if (strcmp(dialects[i]->roots[k], root) == 0)
                return dialects[i];
    return NULL;
}

static void on_start(void *user, const char *element, const char **attributes)
{
    struct parser *p = user;

    if (++p->depth > PARSER_DEPTH_MAX) {
        p->depth--; /* nothing is kept of it */
        parser_refuse(p, "it is nested too deeply");
        return;
    }
    if (p->depth == 1) {
        p->dialect = dialect_of(element);
        if (!p->dialect) {
            XML_StopParser(p->xml, XML_FALSE);
            return;
        }
    }
    p->dialect->start(p, element, attributes);
}

/* The text of a failure often begins with what the attribute said already. */
static void end_message(struct parser *p)
{
    const char *text = p->text.data;
    size_t length = p->text.length;

    while (length > 0 && strchr(" \t\r\n", text[0])) {
        text++;
        length--;
    }
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    if (length >= p->message.length && memcmp(text, p->message.data, p->message.length) == 0)
        buf_clear(&p->message);
    else if (length > 0)
        parser_add_bounded(&p->message, "\n", 1, TEST_MESSAGE_MAX);
    parser_add_bounded(&p->message, text, length, TEST_MESSAGE_MAX);
}

static void end_capture(struct parser *p)
{
    switch (p->capture) {
    case CAPTURE_MESSAGE:
        end_message(p);
        break;
    case CAPTURE_OUTPUT:
        buf_clear(&p->output);
        buf_add(&p->output, p->text.data, p->text.length);
        break;
    case CAPTURE_NAME:
        /* CTest's JUnit form names the class like the test; so both forms give one id. */
        free(p->item.name);
        free(p->item.classname);
        p->item.name = xstrdup(p->text.data);
        p->item.classname = xstrdup(p->text.data);
        break;
    case CAPTURE_VALUE:
        if (p->dialect->value)
            p->dialect->value(p);
        break;
    case CAPTURE_NOTHING:
        break;
    }
    p->capture = CAPTURE_NOTHING;
    p->capture_depth = 0;
}

/* The suites that the case is in, and the nearest file where it names none. A path that is too long
 * is none, so that the case keeps what it says of itself. */
static void place_case(struct parser *p)
{
    struct buf path = BUF_INIT;
    const char *file = NULL;

    for (int i = 1; i <= p->case_depth; i++) {
        if (p->suites[i] && p->suites[i][0])
            buf_addf(&path, "%s%s", path.length > 0 ? " > " : "", p->suites[i]);
        if (p->files[i] && p->files[i][0])
            file = p->files[i];
    }
    if (path.length > TEST_NAME_MAX)
        buf_clear(&path);
    p->inherited += path.length;
    p->item.suites = buf_take(&path);
    if (file && (!p->item.file || !p->item.file[0])) {
        free(p->item.file);
        p->item.file = xstrdup(file);
        p->inherited += strlen(file);
    }
    if (p->inherited > INHERITED_MAX)
        parser_refuse(p, "its suites have names that are too long for so many tests");
}

static void take_case(struct parser *p)
{
    if (p->list.count + p->report->count >= TEST_CASES_MAX)
        parser_refuse(p, "it contains too many tests");
    else
        test_case_list_add(&p->list, &p->item);
    p->case_depth = 0;
}

size_t parser_take_early(struct parser *p)
{
    size_t before = p->list.count;

    p->inherited += p->item.classname ? strlen(p->item.classname) : 0;
    place_case(p);
    take_case(p);
    return p->list.count > before ? p->list.count : 0;
}

static void end_case(struct parser *p)
{
    place_case(p);
    if (p->dialect->end_case)
        p->dialect->end_case(p);
    /* CTest and some others say why a test failed in its output only. */
    if (p->item.outcome == TEST_FAILED && p->message.length == 0)
        buf_add(&p->message, p->output.data, p->output.length);
    if (p->item.outcome != TEST_PASSED) {
        free(p->item.message);
        p->item.message = buf_take(&p->message);
    }
    take_case(p);
}

static void on_end(void *user, const char *element)
{
    struct parser *p = user;

    (void)element;
    if (p->capture_depth == p->depth)
        end_capture(p);
    if (p->case_depth && p->depth == p->case_depth + (p->is_suite_level ? 1 : 0))
        end_case(p);
    free(TAKE_PTR(p->suites[p->depth]));
    free(TAKE_PTR(p->files[p->depth]));
    if (--p->depth == 0)
        p->root_closed = true;
}

static void on_text(void *user, const char *text, int length)
{
    struct parser *p = user;

    if (p->capture == CAPTURE_NOTHING || p->depth != p->capture_depth)
        return;
    if (p->capture == CAPTURE_NAME && p->text.length + (size_t)length > TEST_NAME_MAX)
        parser_refuse(p, "it contains a name that is too long");
    else
        parser_add_bounded(&p->text, text, (size_t)length,
                           p->capture == CAPTURE_NAME ? TEST_NAME_MAX : TEST_MESSAGE_MAX);
}

/* That of a file which is no report (JaCoCo's, TestNG's own suites) refuses nothing. */
static void on_doctype(void *user, const char *name, const char *system_id, const char *public_id,
                       int has_internal_subset)
{
    struct parser *p = user;

    (void)system_id, (void)public_id, (void)has_internal_subset;
    if (dialect_of(name))
        parser_refuse(p, "it has a document type declaration");
    else
        XML_StopParser(p->xml, XML_FALSE);
}

static int on_encoding(void *user, const char *name, XML_Encoding *info)
{
    struct parser *p = user;

    if (!mend_encoding(name, info->map))
        p->mended = "its encoding is not known, so characters were replaced";
    info->data = NULL;
    info->convert = NULL;
    info->release = NULL;
    return XML_STATUS_OK;
}

/* --- documents ------------------------------------------------------------------------------- */

/* What a document came to; the number of its bytes that were used is told where there are more. */
enum document { DOCUMENT_WHOLE, DOCUMENT_FOREIGN, DOCUMENT_MORE, DOCUMENT_BROKEN };

static void forget_open(struct parser *p)
{
    for (size_t i = 0; i < ARRAY_SIZE(p->suites); i++) {
        free(TAKE_PTR(p->suites[i]));
        free(TAKE_PTR(p->files[i]));
    }
    p->depth = p->case_depth = p->capture_depth = 0;
    p->capture = CAPTURE_NOTHING;
    p->root_closed = false;
    p->dialect = NULL;
}

static void begin_parser(struct parser *p, const char *encoding)
{
    if (p->xml)
        XML_ParserFree(p->xml);
    p->xml = XML_ParserCreate(encoding);
    if (!p->xml)
        abort(); /* out of memory */
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, on_text);
    XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
    XML_SetUnknownEncodingHandler(p->xml, on_encoding, p);
}

static enum document parse(struct parser *p, const char *bytes, size_t size, const char *encoding)
{
    enum XML_Status status;

    forget_open(p);
    begin_parser(p, encoding);
    status = XML_Parse(p->xml, bytes, (int)size, XML_TRUE);
    if (p->refusal)
        return DOCUMENT_BROKEN;
    if (status != XML_STATUS_OK && XML_GetErrorCode(p->xml) == XML_ERROR_ABORTED)
        return DOCUMENT_FOREIGN;
    if (status != XML_STATUS_OK && !p->root_closed)
        return DOCUMENT_BROKEN;
    if (p->dialect->end_report)
        p->dialect->end_report(p);
    return status == XML_STATUS_OK ? DOCUMENT_WHOLE : DOCUMENT_MORE;
}

/* The documents of mended bytes, one behind the other; text before, between and behind them counts
 * for nothing. */
static enum document parse_mended(struct parser *p, const char *bytes, size_t size,
                                  const char *encoding)
{
    const char *end = bytes + size, *at = bytes + strspn(bytes, "\xef\xbb\xbf \t\r\n");
    enum document document, sum = DOCUMENT_FOREIGN;

    at = mend_document(bytes, size, at < end && *at == '<');
    for (int i = 0; at; i++) {
        if (i == DOCUMENTS_MAX) {
            parser_refuse(p, "it is made of too many documents");
            return DOCUMENT_BROKEN;
        }
        document = parse(p, at, (size_t)(end - at), encoding);
        if (document == DOCUMENT_BROKEN)
            return document;
        if (document == DOCUMENT_FOREIGN)
            break;
        sum = DOCUMENT_WHOLE;
        if (document == DOCUMENT_WHOLE)
            break;
        at += XML_GetCurrentByteIndex64(p->xml);
        at = mend_document(at, (size_t)(end - at), false);
    }
    return sum;
}

static enum document parse_again(struct parser *p, const char *bytes, size_t size)
{
    _cleanup_(buf_release) struct buf mended = BUF_INIT;
    bool single_byte = mend_single_byte(bytes, size);

    if (size >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
        return DOCUMENT_BROKEN; /* UTF-16, which is as it is */
    mend_bytes(&mended, bytes, size, single_byte);
    if (mended.length > (size_t)MENDED_MAX)
        return DOCUMENT_BROKEN;
    test_case_list_release(&p->list);
    test_index_release(&p->ids);
    p->judged = 0;
    p->mended = "what is no XML in it was replaced or passed over";
    return parse_mended(p, mended.data, mended.length, single_byte ? NULL : "UTF-8");
}

static bool is_blank(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\r\n", bytes[i]))
            return false;
    return true;
}

static enum report_state tell(enum report_state state, char note[REPORT_NOTE_SIZE],
                              const char *text)
{
    snprintf(note, REPORT_NOTE_SIZE, "%s", text ? text : "");
    return state;
}

static enum report_state read_report(struct parser *p, const char *bytes, size_t size,
                                     char note[REPORT_NOTE_SIZE])
{
    enum document document;
    enum XML_Error fault;

    if (is_blank(bytes, size))
        return tell(REPORT_EMPTY, note, "it is empty");
    if (!memchr(bytes, '<', size))
        return tell(REPORT_EMPTY, note, "it is no XML");
    document = parse(p, bytes, size, NULL);
    fault = XML_GetErrorCode(p->xml);
    if (document == DOCUMENT_MORE || (document == DOCUMENT_BROKEN && !p->refusal)) {
        unsigned long line = (unsigned long)XML_GetCurrentLineNumber64(p->xml);

        document = parse_again(p, bytes, size);
        if (document == DOCUMENT_BROKEN && !p->refusal) {
            snprintf(note, REPORT_NOTE_SIZE, "%s (line %lu)", XML_ErrorString(fault), line);
            return REPORT_BROKEN;
        }
    }
    if (document == DOCUMENT_BROKEN)
        return tell(REPORT_BROKEN, note, p->refusal);
    if (document == DOCUMENT_FOREIGN)
        return tell(REPORT_FOREIGN, note, "it contains no test suite");
    return p->has_suite ? tell(REPORT_WHOLE, note, p->mended)
                        : tell(REPORT_EMPTY, note, "it contains no test suite");
}

enum report_state test_report_add_xml(struct test_report *report, const char *bytes, size_t size,
                                      char note[REPORT_NOTE_SIZE])
{
    _cleanup_(parser_release) struct parser p = {
        .report = report, .text = BUF_INIT, .message = BUF_INIT, .output = BUF_INIT};
    enum report_state state;

    if (size > TEST_REPORT_MAX)
        return tell(REPORT_BROKEN, note, "it is larger than 64 MiB");
    test_index_init(&p.ids);
    state = read_report(&p, bytes, size, note);
    for (size_t i = 0; i < p.list.count; i++)
        test_report_take(report, &p.list.cases[i]);
    return state;
}
