#include "unit.h"
#include <errno.h>
#include "base/error.h"

static void a_sentence_with_its_class(void **state)
{
    (void)state;
    struct error err = { 0 };
    assert_false(error_set(&err, ERROR_EXISTS, "mailbox %s", "x"));
    assert_int_equal(err.class, ERROR_EXISTS);
    assert_string_equal(err.text, "mailbox x");
    assert_false(error_prefix(&err, "creating %d: ", 7));
    assert_string_equal(err.text, "creating 7: mailbox x");
    assert_int_equal(err.class, ERROR_EXISTS);
    assert_false(error_set(NULL, ERROR_EXISTS, "nobody asks"));
    assert_false(error_prefix(NULL, "x"));
    assert_false(error_errno(NULL, EIO, "x"));
}

static void errno_becomes_a_class(void **state)
{
    (void)state;
    static const struct {
        int errnum;
        enum error_class class;
    } table[] = {
        { ENOENT, ERROR_NO_SUCH },       { EACCES, ERROR_NOT_PERMITTED },
        { ENOSPC, ERROR_OVER_QUOTA },    { EDQUOT, ERROR_OVER_QUOTA },
        { EIO, ERROR_TEMPORARY },        { ESTALE, ERROR_TEMPORARY },
        { ECONNRESET, ERROR_UNAVAILABLE }, { EMFILE, ERROR_LIMIT },
        { EEXIST, ERROR_EXISTS },        { ENAMETOOLONG, ERROR_INVALID },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct error err = { 0 };
        error_errno(&err, table[i].errnum, "opening f");
        assert_int_equal(err.class, table[i].class);
        assert_memory_equal(err.text, "opening f: ", 11);
        assert_string_equal(err.text + 11, strerror(table[i].errnum));
    }
}

static void text_is_one_line_and_whole_characters(void **state)
{
    (void)state;
    struct error err = { 0 };
    error_set(&err, ERROR_INVALID, "a\r\nb\tc\x7f");
    assert_string_equal(err.text, "a??b?c?");
    /* Each shift puts another octet of the three at the cut. */
    for (int shift = 0; shift < 3; shift++) {
        char longer[1200];
        size_t n = (size_t)shift;
        memset(longer, 'x', n);
        for (; n < 900; n += 3)
            memcpy(longer + n, "\xe2\x82\xac", 3);
        longer[n] = '\0';
        error_set(&err, ERROR_INVALID, "%s", longer);
        size_t len = strlen(err.text);
        assert_in_range(len, sizeof(err.text) - 3, sizeof(err.text) - 1);
        assert_int_equal((len - (size_t)shift) % 3, 0);
    }
}

static void a_long_name_does_not_push_out_the_reason(void **state)
{
    (void)state;
    struct error err = { 0 };
    char name[900];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    error_errno(&err, ENOENT, "opening %s", name);
    assert_non_null(strstr(err.text, strerror(ENOENT)));
}

static void every_class_has_words_for_each_protocol(void **state)
{
    (void)state;
    for (int class = ERROR_TEMPORARY; class < ERROR_CLASSES; class++) {
        const struct error_reply *reply = error_reply((enum error_class)class);
        assert_non_null(reply->imap);
        assert_non_null(reply->pop3);
        assert_true(reply->words[0] != '\0');
        assert_in_range(reply->smtp, 400, 599);
        /* The enhanced status begins with the digit of the reply code (RFC 3463, 2). */
        assert_int_equal(reply->enhanced[0], '0' + reply->smtp / 100);
    }
    /* What the administrator can mend must not bounce mail. */
    assert_int_equal(error_reply(ERROR_OVER_QUOTA)->smtp / 100, 4);
    assert_int_equal(error_reply(ERROR_NOT_PERMITTED)->smtp / 100, 4);
    assert_int_equal(error_reply(ERROR_CORRUPT)->smtp / 100, 4);
    assert_int_equal(error_reply(ERROR_NO_SUCH)->smtp, 550);
    assert_string_equal(error_reply(ERROR_OVER_QUOTA)->imap, "OVERQUOTA");
    assert_ptr_equal(error_reply((enum error_class)99), error_reply(ERROR_TEMPORARY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_with_its_class),
        cmocka_unit_test(errno_becomes_a_class),
        cmocka_unit_test(text_is_one_line_and_whole_characters),
        cmocka_unit_test(a_long_name_does_not_push_out_the_reason),
        cmocka_unit_test(every_class_has_words_for_each_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
