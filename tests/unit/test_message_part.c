/* The structure of hard messages. A tree is written as text: "multipart/mixed[text/plain{body}
 * ...]". */
#include "test_message.h"

/* Appends part's type and, of a leaf, its body: what stands at its position in message. */
static void draw(struct buf *out, const struct part *part, struct bytes message)
{
    buf_printf(out, "%.*s/%.*s", BYTES_FMT(part->type), BYTES_FMT(part->subtype));
    if (!part->children) {
        assert_true(part->body.at + part->body.size <= message.len);
        buf_byte(out, '{');
        buf_bytes(out, bytes_take(bytes_skip(message, part->body.at), part->body.size));
        buf_byte(out, '}');
        return;
    }
    buf_byte(out, '[');
    for (const struct part *child = part->children; child; child = child->next) {
        if (child != part->children)
            buf_byte(out, ' ');
        draw(out, child, message);
    }
    buf_byte(out, ']');
}

static void check_limited(const char *message, const struct part_limits *limits, const char *tree)
{
    struct arena *arena = arena_create(TEST_MEMORY);
    struct buf out = BUF_INIT(1000000);
    draw(&out, parse_in_steps(arena, limits, bytes_of(message), 0), bytes_of(message));
    assert_text(&out, tree);
    buf_free(&out);
    arena_destroy(&arena);
}

static void check(const char *message, const char *tree)
{
    check_limited(message, NULL, tree);
}

#define MIXED(boundary) "Content-Type: multipart/mixed; boundary=" boundary "\n\n"
#define PLAIN "Content-Type: text/plain\n\n"

static void a_message_without_mime_is_plain_text(void **state)
{
    (void)state;
    check("Subject: x\n\nhello\n", "text/plain{hello\n}");
    check("\nno header\n", "text/plain{no header\n}");
    check("Subject: only a header", "text/plain{}");
    check("", "text/plain{}");
    check("Content-Type: nonsense\n\nx", "text/plain{x}");
    check("Content-Type: text/\n\nx", "text/plain{x}");
}

static void preamble_and_epilogue_belong_to_nobody(void **state)
{
    (void)state;
    check(MIXED("b") "preamble\n--b\n" PLAIN "one\n--b\n" PLAIN
                     "two\n\n--b--\nepilogue\n--b\nnot a part\n",
          "multipart/mixed[text/plain{one} text/plain{two\n}]");
}

static void the_line_end_before_a_boundary_belongs_to_it(void **state)
{
    (void)state;
    check(MIXED("b") "--b\r\n\r\none\r\n\r\n--b\r\n\r\n\r\n--b--",
          "multipart/mixed[text/plain{one\r\n} text/plain{}]");
    check(MIXED("b") "--b\n\none\n--b\n\n--b--\n", "multipart/mixed[text/plain{one} text/plain{}]");
}

static void parts_may_be_empty_or_have_no_header(void **state)
{
    (void)state;
    check(MIXED("b") "--b\n--b\nContent-Type: image/png\n--b--\n",
          "multipart/mixed[text/plain{} image/png{}]");
    check(MIXED("b") "--b\nContent-Type: a/b", "multipart/mixed[a/b{}]");
    check(MIXED("b") "--b", "multipart/mixed[text/plain{}]");
    check(MIXED("b") "--b--\n", "multipart/mixed{--b--\n}");
    check(MIXED("b") "no boundary at all\n", "multipart/mixed{no boundary at all\n}");
    check("Content-Type: multipart/mixed\n\n--\nx\n", "multipart/mixed{--\nx\n}");
}

static void a_boundary_may_begin_another(void **state)
{
    (void)state;
    static const char INNER_LONGER[] =
        MIXED("b") "--b\n" MIXED("bb") "--bb\n\nin\n--bb--\n--b\n\nout\n--b--\n";
    static const char INNER_SHORTER[] =
        MIXED("bb") "--bb\n" MIXED("b") "--b\n\nin\n--b--\n--bb\n\nout\n--bb--\n";
    check(INNER_LONGER, "multipart/mixed[multipart/mixed[text/plain{in}] text/plain{out}]");
    check(INNER_SHORTER, "multipart/mixed[multipart/mixed[text/plain{in}] text/plain{out}]");
    /* ... and end like one: "a--" against the end of "a". */
    check(MIXED("a") "--a\n" MIXED("a--") "--a--\n\nin\n--a----\n--a\n\nout\n--a--\n",
          "multipart/mixed[multipart/mixed[text/plain{in}] text/plain{out}]");
}

static void a_boundary_is_the_beginning_of_its_line(void **state)
{
    (void)state;
    check(MIXED("b") "--b \t\n\none\n--b trailing words\n\ntwo\n --b\nx--b\n-b\n-\n--b-- \n",
          "multipart/mixed[text/plain{one} text/plain{two\n --b\nx--b\n-b\n-}]");
    check("Content-Type: multipart/mixed; boundary=\"a b:c\"\n\n--a b:c\n\nx\n--a b:c--\n",
          "multipart/mixed[text/plain{x}]");
}

static void an_outer_boundary_ends_what_was_left_open(void **state)
{
    (void)state;
    check(MIXED("o") "--o\n" MIXED("i") "--i\n\nin\n--o\n\nout\n",
          "multipart/mixed[multipart/mixed[text/plain{in}] text/plain{out\n}]");
    check(MIXED("o") "--o\nContent-Type: message/rfc822\n\nSubject: cut\n--o\n\nout\n--o--",
          "multipart/mixed[message/rfc822[text/plain{}] text/plain{out}]");
}

static void a_message_in_a_message(void **state)
{
    (void)state;
    check("Content-Type: message/rfc822\n\nSubject: in\nContent-Type: text/html\n\n<p>\n",
          "message/rfc822[text/html{<p>\n}]");
    check("Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: "
          "1\n\none\n--d\nContent-Type: text/plain\n\ntwo\n--d--\n",
          "multipart/digest[message/rfc822[text/plain{one}] text/plain{two}]");
    check("Content-Type: message/rfc822\n\n", "message/rfc822[text/plain{}]");
    check("Content-Type: Message/RFC822\n\nContent-Type: multipart/mixed; "
          "boundary=m\n\n--m\n\nx\n--m--\n",
          "Message/RFC822[multipart/mixed[text/plain{x}]]");
}

static void spans_of_a_message_stay_inside_their_part(void **state)
{
    (void)state;
    struct arena *arena = arena_create(TEST_MEMORY);
    static const char MESSAGE[] =
        MIXED("b") "--b\nContent-Type: message/rfc822\n\nSubject: x\n\n--b\n\n--b--\n";
    struct part *holder = parse(arena, MESSAGE)->children, *inner = holder->children;
    assert_int_equal(holder->body.size, strlen("Subject: x\n"));
    assert_int_equal(holder->body.wire_size, strlen("Subject: x\r\n"));
    assert_int_equal(holder->body_lines, 1);
    assert_int_equal(inner->header.at, holder->body.at);
    assert_int_equal(inner->header.size, holder->body.size);
    assert_int_equal(inner->body.size, 0);
    assert_int_equal(inner->body.at, holder->body.at + holder->body.size);
    arena_destroy(&arena);
}

static void sizes_are_counted_as_stored_and_as_sent(void **state)
{
    (void)state;
    struct arena *arena = arena_create(TEST_MEMORY);
    struct part *root = parse(arena, "A: 1\nB: 2\r\n\none\r\ntwo\nbare\rCR\n\r\nend");
    assert_int_equal(root->header.size, 12);
    assert_int_equal(root->header.wire_size, 14);
    assert_int_equal(root->body.at, 12);
    assert_int_equal(root->body.wire_at, 14);
    assert_int_equal(root->body.size, 22);
    assert_int_equal(root->body.wire_size, 24);
    assert_int_equal(root->body_lines, 4);
    assert_false(root->has_nul);
    arena_destroy(&arena);
}

static void a_nul_is_noticed_where_it_stands(void **state)
{
    (void)state;
    struct arena *arena = arena_create(TEST_MEMORY);
    struct bytes message = BYTES(MIXED("b") "--b\n\nclean\n--b\n\n--\0nul\n--b--\n");
    for (size_t step = 0; step < 9; step++) {
        struct part *root = parse_in_steps(arena, NULL, message, step);
        assert_true(root->has_nul);
        assert_false(root->children->has_nul);
        assert_true(root->children->next->has_nul);
        arena_clear(arena);
    }
    arena_destroy(&arena);
}

static void too_many_parts_end_in_one_opaque_part(void **state)
{
    (void)state;
    struct part_limits limits = { .parts = 3 };
    check_limited(
        MIXED("b") "--b\n\n1\n--b\n\n2\n--b\n\n3\n--b--\n", &limits,
        "multipart/mixed[text/plain{1} application/octet-stream{\n2\n--b\n\n3\n--b--\n}]");
}

static void too_deep_nesting_ends_in_an_opaque_part(void **state)
{
    (void)state;
    struct part_limits limits = { .depth = 1 };
    check_limited(MIXED("a") "--a\n" MIXED("b") "--b\n\n1\n--b--\n--a\n\n2\n--a--\n", &limits,
                  "multipart/mixed[application/octet-stream{--b\n\n1\n--b--} text/plain{2}]");
    check_limited("Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nx: y\n\nz",
                  &limits, "message/rfc822[application/octet-stream{x: y\n\nz}]");
}

static void a_header_over_its_limit_still_ends_where_it_ends(void **state)
{
    (void)state;
    struct part_limits limits = { .header_size = 30 };
    check_limited(
        "Subject: 0123456789012345678901234567890123456789\nContent-Type: text/html\n\nbody",
        &limits, "text/plain{body}");
}

static void sixty_four_levels_are_all_seen(void **state)
{
    (void)state;
    struct arena *arena = arena_create(TEST_MEMORY);
    struct buf message = BUF_INIT(100000);
    for (int i = 0; i < 64; i++)
        buf_printf(&message, "Content-Type: multipart/mixed; boundary=b%02d\n\n--b%02d\n", i, i);
    buf_string(&message, "\ndeep\n");
    for (int i = 63; i >= 0; i--)
        buf_printf(&message, "--b%02d--\n", i);
    const struct part *part = parse_in_steps(arena, NULL, buf_view(&message), 7);
    int depth = 0;
    for (; part->children; part = part->children, depth++)
        assert_int_equal(part->children_count, 1);
    assert_int_equal(depth, 64);
    assert_int_equal(part->body.size, 4);
    uint32_t numbers[64];
    for (int i = 0; i < 64; i++)
        numbers[i] = 1;
    assert_ptr_equal(
        part_find(parse_in_steps(arena, NULL, buf_view(&message), 0), numbers, 64)->children, NULL);
    buf_free(&message);
    arena_destroy(&arena);
}

static void ten_thousand_parts_are_a_message(void **state)
{
    (void)state;
    struct arena *arena = arena_create(TEST_MEMORY);
    struct buf message = BUF_INIT(10000000);
    buf_string(&message, MIXED("b"));
    for (int i = 0; i < 20000; i++)
        buf_printf(&message, "--b\n\n%d\n", i);
    buf_string(&message, "--b--\n");
    struct part_limits limits = { .parts = 10001 };
    const struct part *root = parse_in_steps(arena, &limits, buf_view(&message), 1000);
    assert_int_equal(root->children_count, 10000);
    const struct part *part = part_find(root, (uint32_t[]){ 9999 }, 1);
    assert_memory_equal(message.data + part->body.at, "9998", 4);
    assert_int_equal(part->body.size, 4);
    part = part->next;
    assert_null(part->next);
    assert_int_equal(part->body.at + part->body.size, message.len);
    buf_free(&message);
    arena_destroy(&arena);
}

static void little_memory_makes_parts_opaque_but_never_fails(void **state)
{
    (void)state;
    struct buf message = BUF_INIT(10000000);
    buf_string(&message, MIXED("b"));
    for (int i = 0; i < 1000; i++)
        buf_printf(&message, "--b\nContent-Type: text/x%d; name=n%d\n\n%d\n", i, i, i);
    for (size_t memory = 2000; memory < 100000; memory += 5000) {
        struct arena *arena = arena_create(memory);
        struct part_parser *parser = part_parser_create(arena, NULL);
        if (parser) {
            part_parser_feed(parser, buf_view(&message));
            struct part *root = part_parser_finish(parser, NULL);
            assert_int_equal(root->header.size + root->body.size, message.len);
        }
        arena_destroy(&arena);
    }
    buf_free(&message);
}

static void parts_are_named_by_numbers(void **state)
{
    (void)state;
    static const struct {
        uint32_t numbers[3];
        size_t count;
        const char *type; /* NULL: no such part */
    } CASES[] = {
        { { 0 }, 0, "multipart" }, { { 1 }, 1, "text" },     { { 2 }, 1, "message" },
        { { 2, 1 }, 2, "image" },  { { 2, 2 }, 2, "audio" }, { { 3 }, 1, "message" },
        { { 3, 1 }, 2, "video" },  { { 3, 1, 1 }, 3, NULL }, { { 3, 2 }, 2, NULL },
        { { 4 }, 1, NULL },        { { 1, 1 }, 2, NULL },    { { 0 }, 1, NULL },
        { { 2, 3 }, 2, NULL },
    };
    struct arena *arena = arena_create(TEST_MEMORY);
    struct part *root = parse(
        arena, MIXED("b") "--b\n\n1\n--b\nContent-Type: message/rfc822\n\n" MIXED(
                   "c") "--c\nContent-Type: image/png\n\n--c\nContent-Type: audio/x\n\n--c--\n"
                        "--b\nContent-Type: message/rfc822\n\nContent-Type: video/x\n\n--b--\n");
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const struct part *part = part_find(root, CASES[i].numbers, CASES[i].count);
        if (CASES[i].type)
            assert_true(bytes_equal(part->type, bytes_of(CASES[i].type)));
        else
            assert_null(part);
    }
    const struct part *single = parse(arena, "Subject: x\n\nbody\n");
    assert_ptr_equal(part_find(single, (uint32_t[]){ 1 }, 1), single);
    assert_null(part_find(single, (uint32_t[]){ 2 }, 1));
    assert_null(part_find(single, (uint32_t[]){ 1, 1 }, 2));
    const struct part *forwarded =
        parse(arena, "Content-Type: message/rfc822\n\nSubject: x\n\nbody\n");
    assert_ptr_equal(part_find(forwarded, (uint32_t[]){ 1 }, 1), forwarded);
    assert_ptr_equal(part_find(forwarded, (uint32_t[]){ 1, 1 }, 2), forwarded->children);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_without_mime_is_plain_text),
        cmocka_unit_test(preamble_and_epilogue_belong_to_nobody),
        cmocka_unit_test(the_line_end_before_a_boundary_belongs_to_it),
        cmocka_unit_test(parts_may_be_empty_or_have_no_header),
        cmocka_unit_test(a_boundary_may_begin_another),
        cmocka_unit_test(a_boundary_is_the_beginning_of_its_line),
        cmocka_unit_test(an_outer_boundary_ends_what_was_left_open),
        cmocka_unit_test(a_message_in_a_message),
        cmocka_unit_test(spans_of_a_message_stay_inside_their_part),
        cmocka_unit_test(sizes_are_counted_as_stored_and_as_sent),
        cmocka_unit_test(a_nul_is_noticed_where_it_stands),
        cmocka_unit_test(too_many_parts_end_in_one_opaque_part),
        cmocka_unit_test(too_deep_nesting_ends_in_an_opaque_part),
        cmocka_unit_test(a_header_over_its_limit_still_ends_where_it_ends),
        cmocka_unit_test(sixty_four_levels_are_all_seen),
        cmocka_unit_test(ten_thousand_parts_are_a_message),
        cmocka_unit_test(little_memory_makes_parts_opaque_but_never_fails),
        cmocka_unit_test(parts_are_named_by_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
