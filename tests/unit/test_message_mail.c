/* The messages of tests/mail/mime, whole and cut at every octet: what is said of them never
 * changes. */
#include <glob.h>
#include <stdio.h>
#include "test_message.h"

static glob_t mail;

static void read_file(struct buf *out, const char *path)
{
    char piece[4096];
    size_t len;
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s (run the tests from the top directory)", path);
    *out = BUF_INIT(1000000);
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        buf_append(out, piece, len);
    fclose(file);
}

static void add(struct buf *out, const char *name, struct buf *text)
{
    buf_printf(out, "%s %zu\n", name, text->len);
    buf_bytes(out, buf_view(text));
    buf_byte(out, '\n');
    buf_clear(text);
}

/* What tests/corpus/describe prints. */
static void describe(struct buf *out, const struct part *root)
{
    struct buf text = BUF_INIT(1000000);
    buf_number(&text, root->header.wire_size + root->body.wire_size);
    add(out, "size", &text);
    envelope_write(&text, root->envelope);
    add(out, "envelope", &text);
    bodystructure_write(&text, root, false);
    add(out, "body", &text);
    bodystructure_write(&text, root, true);
    add(out, "bodystructure", &text);
    buf_free(&text);
}

static void each_message_is_described_as_expected(void **state)
{
    (void)state;
    assert_true(mail.gl_pathc >= 8);
    for (size_t i = 0; i < mail.gl_pathc; i++) {
        struct arena *arena = arena_create(TEST_MEMORY);
        struct buf message, expected, out = BUF_INIT(1000000);
        char path[500];
        read_file(&message, mail.gl_pathv[i]);
        snprintf(path, sizeof path, "%.*s.expected", (int)strlen(mail.gl_pathv[i]) - 4,
                 mail.gl_pathv[i]);
        read_file(&expected, path);
        describe(&out, parse_in_steps(arena, NULL, buf_view(&message), 0));
        assert_text(&out, buf_cstr(&expected));
        buf_free(&message);
        buf_free(&expected);
        buf_free(&out);
        arena_destroy(&arena);
    }
}

/* Everything that is known of a message: description and packed form. */
static void fingerprint(struct buf *out, const struct part *root)
{
    buf_clear(out);
    describe(out, root);
    part_pack(out, root);
}

static struct part *parse_cut(struct arena *arena, struct bytes message, size_t at)
{
    struct part_parser *parser = part_parser_create(arena, NULL);
    part_parser_feed(parser, bytes_take(message, at));
    part_parser_feed(parser, bytes_skip(message, at));
    return part_parser_finish(parser, NULL);
}

static void no_cut_changes_anything(void **state)
{
    (void)state;
    for (size_t i = 0; i < mail.gl_pathc; i++) {
        struct arena *arena = arena_create(TEST_MEMORY);
        struct buf message, whole = BUF_INIT(1000000), cut = BUF_INIT(1000000);
        read_file(&message, mail.gl_pathv[i]);
        fingerprint(&whole, parse_in_steps(arena, NULL, buf_view(&message), 0));
        for (size_t at = 0; at <= message.len; at++) {
            arena_clear(arena);
            fingerprint(&cut, parse_cut(arena, buf_view(&message), at));
            assert_int_equal(cut.len, whole.len);
            assert_memory_equal(cut.data, whole.data, whole.len);
        }
        for (size_t step = 1; step < 70; step++) {
            arena_clear(arena);
            fingerprint(&cut, parse_in_steps(arena, NULL, buf_view(&message), step));
            assert_int_equal(cut.len, whole.len);
            assert_memory_equal(cut.data, whole.data, whole.len);
        }
        buf_free(&message);
        buf_free(&whole);
        buf_free(&cut);
        arena_destroy(&arena);
    }
}

/* LF, CRLF: what a client sees is the same. */
static void line_ends_on_disk_do_not_show(void **state)
{
    (void)state;
    for (size_t i = 0; i < mail.gl_pathc; i++) {
        struct arena *arena = arena_create(TEST_MEMORY);
        struct buf message, wire = BUF_INIT(1000000), a = BUF_INIT(1000000), b = BUF_INIT(1000000);
        read_file(&message, mail.gl_pathv[i]);
        for (size_t at = 0; at < message.len; at++) {
            if (message.data[at] == '\n' && (!at || message.data[at - 1] != '\r'))
                buf_byte(&wire, '\r');
            buf_byte(&wire, message.data[at]);
        }
        describe(&a, parse_in_steps(arena, NULL, buf_view(&message), 0));
        describe(&b, parse_in_steps(arena, NULL, buf_view(&wire), 0));
        assert_text(&b, buf_cstr(&a));
        buf_free(&message);
        buf_free(&wire);
        buf_free(&a);
        buf_free(&b);
        arena_destroy(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_is_described_as_expected),
        cmocka_unit_test(no_cut_changes_anything),
        cmocka_unit_test(line_ends_on_disk_do_not_show),
    };
    glob("tests/mail/mime/*.eml", 0, NULL, &mail);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    globfree(&mail);
    return failed;
}
