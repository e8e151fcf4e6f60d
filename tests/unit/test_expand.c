/* Variables, compared with what Dovecot 2.3.19 makes of them for the user Alice.Smith@Example.ORG
 * with home /tmp/home. */
#include "unit.h"
#include "conf/conf.h"
#include "conf/md5.h"

static const struct conf_vars alice = { .user = "Alice.Smith@Example.ORG",
                                        .home = "/tmp/home",
                                        .service = "imap" };
static const struct conf_vars bob = { .user = "bob" };

static void assert_expands(const struct conf_vars *vars, const char *text, const char *wanted)
{
    struct buf out = BUF_INIT(10000);
    struct error err = { 0 };
    if (!conf_expand(text, vars, &out, &err))
        fail_msg("%s: %s", text, err.text);
    if (!bytes_equal(buf_view(&out), bytes_of(wanted)))
        fail_msg("%s is \"%s\", not \"%s\"", text, buf_cstr(&out), wanted);
    buf_free(&out);
}

static void as_dovecot_does(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "%u", "Alice.Smith@Example.ORG" },
        { "%n", "Alice.Smith" },
        { "%d", "Example.ORG" },
        { "%s", "imap" },
        { "%h", "/tmp/home" },
        { "%{user}", "Alice.Smith@Example.ORG" },
        { "%{username}", "Alice.Smith" },
        { "%{domain}", "Example.ORG" },
        { "%{home}", "/tmp/home" },
        { "%%x", "%x" },
        { "%n%d", "Alice.SmithExample.ORG" },
        { "%1.1n", "l" },
        { "%3n", "Ali" },
        { "%-2n", "Al" },
        { "%-2.1n", "t" },
        { "%2.3n", "ice" },
        { "%02.3n", "ice" },
        { "%1.-1n", "lice.Smit" },
        { "%-3n", "Ali" },
        { "%0.3n", "Ali" },
        { "%.3n", "Ali" },
        { "%09n", "Alice.Smith" },
        { "%012n", "0Alice.Smith" },
        { "%012.20n", "" },
        { "%30.5n", "" },
        { "%-30n", "Alice.Smith" },
        { "%-30.2n", "Al" },
        { "%99999999999n", "Alice.Smith" },
        { "%Lu", "alice.smith@example.org" },
        { "%Uu", "ALICE.SMITH@EXAMPLE.ORG" },
        { "%LUn", "ALICE.SMITH" },
        { "%ULn", "alice.smith" },
        { "%L{user}", "alice.smith@example.org" },
        { "%2.256Hu", "17" },
        { "%256Hu", "17" },
        { "%Hu", "31afd17" },
        { "%2.256LHu", "f7" },
        { "%2.256H{user}", "17" },
        { "%5H{user}", "0" },
        { "%05Hn", "0" },
        { "%3.Hn", "8722f38" },
        { "%016Hu", "7" },
        { "%25.1Hu", "0000000000000000000000000" },
        { "%Nu", "65bc2726" },
        { "%2.256Nu", "26" },
        { "%4.1000Nn", "026c" },
        { "%Mu", "0cdf7ef165bc27262744ec744ca901c3" },
        { "%1Mu", "0" },
        { "%2.1Mu", "d" },
        { "%MLn", "ca08617ea6b7c27c3296ccff0b6d2547" },
        { "%LMn", "acf161eae5b1c9acadbcd553b4d7e7f0" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_expands(&alice, cases[i][0], cases[i][1]);
}

static void a_user_without_a_domain(void **state)
{
    (void)state;
    assert_expands(&bob, "[%d][%{domain}]%u %n", "[][]bob bob");
    assert_expands(&bob, "%2.256Hd", "00");
    assert_expands(&bob, "/var/vmail/%2.256Hu/%u", "/var/vmail/52/bob");
}

static void the_unknown_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "%q",      "%{foo}", "%",       "%]", "%1.2",
                                         "%2.256H", "%{user", "100% of", "%L" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct buf out = BUF_INIT(1000);
        struct error err = { 0 };
        assert_false(conf_expand(wrong[i], &alice, &out, &err));
        assert_int_equal(err.class, ERROR_INVALID);
        buf_free(&out);
    }
}

static void no_home_is_said(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(1000);
    struct error err = { 0 };
    assert_false(conf_expand("%h/Maildir", &bob, &out, &err));
    assert_string_equal(err.text, "%h is used, but user bob has no home directory");
    buf_free(&out);
}

static void too_long_is_an_error(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(5);
    struct error err = { 0 };
    assert_false(conf_expand("%u/%u/%u", &bob, &out, &err));
    assert_int_equal(err.class, ERROR_TOO_BIG);
    buf_free(&out);
}

/* RFC 1321, A.5 */
static void md5_is_md5(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "", "d41d8cd98f00b204e9800998ecf8427e" },
        { "abc", "900150983cd24fb0d6963f7d28e17f72" },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
          "d174ab98d277d9f5a5611c2c9f419d9f" },
        { "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
          "57edf4a22be3c955ac49da2e2107b67a" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        unsigned char digest[16];
        struct buf hex = BUF_INIT(100);
        md5(bytes_of(cases[i][0]), digest);
        for (int k = 0; k < 16; k++)
            buf_printf(&hex, "%02x", digest[k]);
        assert_string_equal(buf_cstr(&hex), cases[i][1]);
        buf_free(&hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_dovecot_does),        cmocka_unit_test(a_user_without_a_domain),
        cmocka_unit_test(the_unknown_is_refused), cmocka_unit_test(no_home_is_said),
        cmocka_unit_test(too_long_is_an_error),   cmocka_unit_test(md5_is_md5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
