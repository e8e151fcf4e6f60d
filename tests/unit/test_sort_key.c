/* What SORT and THREAD compare: base subjects, sent dates, first addresses, message IDs. */
#include <stdio.h>
#include "test_message.h"
#include "message/sort_key.h"

struct keyed {
    struct arena *arena;
    struct buf packed;
    struct sort_key key;
};

/* The key of a header (without its empty line). */
static struct sort_key *key_of(struct keyed *k, const char *header)
{
    arena_destroy(&k->arena);
    k->arena = arena_create(TEST_MEMORY);
    struct part *root = parse(k->arena, header);
    k->packed.limit = 1 << 20;
    buf_clear(&k->packed);
    sort_key_pack(&k->packed, root->envelope);
    assert_false(buf_failed(&k->packed));
    assert_true(sort_key_unpack(&k->key, buf_view(&k->packed)));
    return &k->key;
}

static void key_free(struct keyed *k)
{
    arena_destroy(&k->arena);
    buf_free(&k->packed);
}

#define assert_octets(b, expected)                                                                 \
    do {                                                                                           \
        assert_int_equal((b).len, strlen(expected));                                               \
        assert_memory_equal((b).data, expected, (b).len);                                          \
    } while (0)

static void base_subjects(void **state)
{
    (void)state;
    static const struct {
        const char *subject, *base;
        bool reply;
    } CASES[] = {
        { "hello", "HELLO", false },
        { "Re: hello", "HELLO", true },
        { "re : RE:Fwd:fw : hello", "HELLO", true },
        { "hello (fwd)", "HELLO", true },
        { "hello (fwd) (FWD)  ", "HELLO", true },
        { "hello(fwd)", "HELLO", true },
        { "[list] Re: [list] hello", "HELLO", true },
        { "[list] hello", "HELLO", false },
        { "[a][b] [c] hello", "HELLO", false },
        { "[a] [b] re[2]: hello", "HELLO", true },
        { "Re [x] : hello", "HELLO", true },
        { "Re [x] y: hello", "RE [X] Y: HELLO", false },
        { "[alone]", "[ALONE]", false },
        { "[one] [two]", "[TWO]", false },
        { "Re: [alone]", "[ALONE]", true },
        { "[fwd: hello]", "HELLO", true }, /* it is a blob, too, but nothing would be left */
        { "[Fwd: [list] hello]", "HELLO", true },
        { "[fwd: [fwd: re: hello (fwd)]] (fwd)", "HELLO", true },
        { "[fwd: re: hello] there", "THERE", false },
        { "[fwd:]", "", true },
        { "[not closed", "[NOT CLOSED", false },
        { "[] hello", "HELLO", false },
        { "Re:", "", true },
        { "Re: Re:", "", true },
        { "(fwd)", "", true },
        { "", "", false },
        { "Reply: hello", "REPLY: HELLO", false },
        { "Ref: hello", "REF: HELLO", false },
        { "forward: hello", "FORWARD: HELLO", false },
        { "re: a  \t b", "A B", true },
        { "Re:\r\n hello\r\n\tthere", "HELLO THERE", true },
        { "=?utf-8?q?re=3A_caf=C3=A9?=", "CAFE\xcc\x81", true },
        { "=?iso-8859-1?q?Re:_CAF=C9?=", "CAFE\xcc\x81", true },
        { "Re: =?utf-8?q?[x]=20y?= (fwd)", "Y", true },
        { "\xef\xbc\xb2\xef\xbc\xa5: x", "RE: X", false }, /* wide letters: mapped afterwards */
    };
    struct keyed k = { 0 };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char header[200];
        snprintf(header, sizeof(header), "Subject: %s\n\n", CASES[i].subject);
        struct sort_key *key = key_of(&k, header);
        assert_octets(key->base, CASES[i].base);
        assert_int_equal(key->reply, CASES[i].reply);
        assert_true(key->has_subject);
    }
    assert_false(key_of(&k, "From: a@b\n\n")->has_subject);
    key_free(&k);
}

static void the_whole_subject_is_kept_for_searching(void **state)
{
    (void)state;
    struct keyed k = { 0 };
    assert_octets(key_of(&k, "Subject: Re: [x] a b (fwd)\n\n")->subject, "RE: [X] A B (FWD)");
    assert_octets(key_of(&k, "Subject: Re: a  b\n\n")->subject, "RE: A  B");
    assert_octets(k.key.base, "A B");
    key_free(&k);
}

static void a_subject_without_end_is_cut_between_characters(void **state)
{
    (void)state;
    struct keyed k = { 0 };
    struct buf header = BUF_INIT(1 << 20);
    buf_string(&header, "Subject: x");
    for (int i = 0; i < 100000; i++)
        buf_string(&header, "\xc3\xa9");
    buf_string(&header, "\n\n");
    struct sort_key *key = key_of(&k, buf_cstr(&header));
    assert_true(key->cut);
    assert_int_equal(key->subject.len, 1 + (SORT_SUBJECT_MAX - 1) / 2 * 3);
    buf_clear(&header);
    buf_string(&header, "Subject: ");
    for (int i = 0; i < 60000; i++) /* nothing is scanned again and again */
        buf_string(&header, i < 30000 ? "[]" : "[fwd:");
    buf_string(&header, "\n\n");
    assert_true(key_of(&k, buf_cstr(&header))->cut);
    assert_false(key_of(&k, "Subject: x\n\n")->cut);
    buf_free(&header);
    key_free(&k);
}

/* RFC 5256, 2.2. */
static void sent_dates(void **state)
{
    (void)state;
    struct keyed k = { 0 };
    key_of(&k, "Date: 31 Dec 2000 16:01:33 -0800\n\n");
    assert_true(k.key.has_date);
    assert_int_equal(k.key.date, 978307293);
    assert_int_equal(k.key.zone, -480);
    assert_int_equal(key_of(&k, "Date: 1 Jan 2001 00:01:33 +0000\n\n")->date, 978307293);
    assert_int_equal(key_of(&k, "Date: 1 Jan 1960 00:00:00 +0000\n\n")->date, -315619200);
    assert_false(key_of(&k, "Date: yesterday\n\n")->has_date);
    assert_false(key_of(&k, "Subject: x\n\n")->has_date);
    key_free(&k);
}

static void first_addresses(void **state)
{
    (void)state;
    struct keyed k = { 0 };
    key_of(&k, "From: \"Z\" <Ann@example.org>, bob@x\nTo: team: eve@x;\nCc: <cy@y>\n\n");
    assert_octets(k.key.from, "ANN");
    assert_octets(k.key.to, "TEAM"); /* ENVELOPE's first address: the group */
    assert_octets(k.key.cc, "CY");
    key_of(&k, "Subject: x\n\n");
    assert_int_equal(k.key.from.len + k.key.to.len + k.key.cc.len, 0);
    key_free(&k);
}

static uint64_t id_of(struct keyed *k, const char *id)
{
    char header[200];
    snprintf(header, sizeof(header), "Message-ID: %s\n\n", id);
    return key_of(k, header)->id;
}

/* RFC 5256, 3: REFERENCES. */
static void message_ids_are_compared_in_one_form(void **state)
{
    (void)state;
    struct keyed k = { 0 };
    uint64_t id = id_of(&k, "<01KF8JCEOCBS0045PS@xxx.yyy.com>");
    assert_int_not_equal(id, 0);
    assert_int_equal(id_of(&k, "<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>"), id);
    assert_int_equal(id_of(&k, "(no) < 01KF8JCEOCBS0045PS (x) @xxx.\r\n yyy.com >"), id);
    assert_int_equal(id_of(&k, "<broken <01KF8JCEOCBS0045PS@xxx.yyy.com>"), id);
    assert_int_not_equal(id_of(&k, "<01kf8jceocbs0045ps@xxx.yyy.com>"), id);
    static const char *const INVALID[] = { "",     "<>",   "<x>",  "x@y",     "<@>",
                                           "<x@>", "<@x>", "<x@y", "<\"\"@x>" };
    for (size_t i = 0; i < COUNT(INVALID); i++)
        assert_int_equal(id_of(&k, INVALID[i]), 0);
    key_free(&k);
}

static void references_come_before_in_reply_to(void **state)
{
    (void)state;
    struct keyed k = { 0 };
    uint64_t a = id_of(&k, "<a@x>"), b = id_of(&k, "<b@x>");
    key_of(&k, "References: <a@x> junk\n <b@x><x>\nIn-Reply-To: <c@x>\n\n");
    assert_int_equal(k.key.references_count, 2);
    assert_int_equal(sort_key_reference(&k.key, 0), a);
    assert_int_equal(sort_key_reference(&k.key, 1), b);
    key_of(&k, "References: none\nIn-Reply-To: Your mail of today <b@x> <a@x>\n\n");
    assert_int_equal(k.key.references_count, 1);
    assert_int_equal(sort_key_reference(&k.key, 0), b);
    assert_int_equal(key_of(&k, "Subject: x\n\n")->references_count, 0);
    key_free(&k);
}

static void of_too_many_references_the_last_ones_stay(void **state)
{
    (void)state;
    struct keyed k = { 0 };
    struct buf header = BUF_INIT(1 << 20);
    uint64_t last = id_of(&k, "<1999@x>"), first = id_of(&k, "<1000@x>");
    buf_string(&header, "References:");
    for (int i = 0; i < 2000; i++)
        buf_printf(&header, " <%d@x>\n", i);
    buf_string(&header, "\n");
    key_of(&k, buf_cstr(&header));
    assert_int_equal(k.key.references_count, SORT_REFERENCES_MAX);
    assert_int_equal(sort_key_reference(&k.key, 0), first);
    assert_int_equal(sort_key_reference(&k.key, SORT_REFERENCES_MAX - 1), last);
    buf_free(&header);
    key_free(&k);
}

static void damage_is_seen(void **state)
{
    (void)state;
    struct keyed k = { 0 };
    struct sort_key key;
    key_of(&k, "Subject: Re: x\nFrom: a@b\nReferences: <a@b>\nMessage-ID: <c@d>\n\n");
    for (size_t len = 0; len < k.packed.len; len++)
        assert_false(sort_key_unpack(&key, bytes_take(buf_view(&k.packed), len)));
    for (size_t i = 0; i < 34; i++) {
        char before = k.packed.data[i];
        k.packed.data[i] = (char)(before ^ 0x80);
        bool good = sort_key_unpack(&key, buf_view(&k.packed));
        assert_true(!good || key.base.len <= k.packed.len);
        k.packed.data[i] = before;
    }
    buf_clear(&k.packed);
    sort_key_pack(&k.packed, NULL);
    assert_true(sort_key_unpack(&key, buf_view(&k.packed)));
    key_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_subjects),
        cmocka_unit_test(the_whole_subject_is_kept_for_searching),
        cmocka_unit_test(a_subject_without_end_is_cut_between_characters),
        cmocka_unit_test(sent_dates),
        cmocka_unit_test(first_addresses),
        cmocka_unit_test(message_ids_are_compared_in_one_form),
        cmocka_unit_test(references_come_before_in_reply_to),
        cmocka_unit_test(of_too_many_references_the_last_ones_stay),
        cmocka_unit_test(damage_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
