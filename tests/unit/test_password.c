/* Stored passwords. The hashes were made by doveadm pw and by libxcrypt; each is of "se cret". */
#include "auth/auth.h"
#include "auth/password.h"
#include "unit.h"

static const char *const right[] = {
    "{CRYPT}$y$j75$abcdefghijklmnopqrst./$Uz6RiIj0KMH0jdZZYFxg8nsxdvCdpzEpR0it4sN0.47",
    "$y$j75$abcdefghijklmnopqrst./$Uz6RiIj0KMH0jdZZYFxg8nsxdvCdpzEpR0it4sN0.47",
    "{CRYPT}$2y$05$KwfV9Ol4tZYX0cbvCbG4keJWyRWn2Yyq0TCsGq4rcs2OKieP/utUa",
    "{SHA512-CRYPT}$6$rounds=1000$6TFIFwQPntcflE5E$CRfIdp8qHkRPwysdx5hG/"
    "36vymjPeepNhtJKy0VIA.dHecDtiI8DjxpU4gvQjnzAoeE7YCF/b4NgszXSGvV4K.",
    "{SHA256-CRYPT}$5$rounds=1000$E4S450ApoV7XSQOO$yikyrrzDrgK2kVg0did6mKXmcXLAboQUF06uUmpTqjD",
    "{BLF-CRYPT}$2y$05$T4.FMT50ntgKttlOTooHYeitcmbvQ6CUOBAwPi0J23fFh9jcatwb6",
    "{MD5-CRYPT}$1$J3ceFLiu$T794.bHnc4OR5G2DoJ14a.",
    "{DES-CRYPT}r3eS/ZBkbkEm2",
    "{PLAIN}se cret",
    "{CLEARTEXT}se cret",
    "{plain-md5}cc85654b28cd92ca7ee688a466a685b6",
    "{LDAP-MD5}zIVlSyjNksp+5oikZqaFtg==",
    "{SMD5}cYCjmDr18VNw5NKrYT8via1/Gcs=",
    "{SHA}MzVTQ5LSgIxlpOaxDZ8h6reSDs8=",
    "{SHA1}MzVTQ5LSgIxlpOaxDZ8h6reSDs8=",
    "{SHA256}reSNrBcoLHG+bybDBP86TsIQnDB+5NvyNfLuuAxjd+0=",
    "{SHA512}mDjOEWUgtuR8xY+JsPAuHmbC2krIVL4FrR4alUFYO3AxKPI/"
    "8S5ePKKmBrxRGQjF6XsD5jB71w5pAoD3fDd5Bg==",
    "{SSHA}YQqPAgnviDn3oxivYoMoq8lgt60o12E7",
    "{SSHA256}68LqtMvjQqlYaa0cYJoCC/WUxEL2TD/yhP/XGafQKSwDhbs5",
    "{SSHA512}VC7TtPP2FpIzsGAuVnUvuGMsXOB/"
    "0yg6852w9Je9KHCunr3tABh6mmFYfKHpLnLHE5XDDxBAQlx8Y6UduMkMkB1OANg=",
    "{PLAIN.B64}c2UgY3JldA==",
    "{PLAIN.HEX}73652063726574",
    "{SHA256.HEX}ade48dac17282c71be6f26c304ff3a4ec2109c307ee4dbf235f2eeb80c6377ed",
    "{SHA256}ade48dac17282c71be6f26c304ff3a4ec2109c307ee4dbf235f2eeb80c6377ed",
    "{SHA256.B64}reSNrBcoLHG+bybDBP86TsIQnDB+5NvyNfLuuAxjd+0=",
    "{SSHA.HEX}4998c61e8e4bbb797bfb8ce5253a5bed2f830ccb2c9aae73",
    "{PLAIN-MD5.B64}zIVlSyjNksp+5oikZqaFtg==",
};

static void test_every_scheme_knows_its_password_and_no_other(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "se cre", "se cret ", "Se cret", "se cretx" };
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct error err = { 0 };
        bool match = false;
        if (!password_verify(bytes_of(right[i]), "CRYPT", BYTES("se cret"), &match, &err) || !match)
            fail_msg("%s: %s", right[i], err.text);
        for (size_t j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++) {
            assert_true(
                password_verify(bytes_of(right[i]), "CRYPT", bytes_of(wrong[j]), &match, &err));
            if (match &&
                !(strncmp(right[i], "{DES", 4) == 0 && strncmp(wrong[j], "se cret", 7) == 0))
                fail_msg("%s lets in \"%s\"", right[i], wrong[j]);
        }
    }
}

static void test_a_nul_octet_does_not_cut_a_password_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        bool match = true;
        assert_true(
            password_verify(bytes_of(right[i]), "CRYPT", BYTES("se cret\0x"), &match, NULL));
        assert_false(match);
    }
}

static void test_a_stored_form_that_makes_no_sense_is_an_error_not_a_wrong_password(void **state)
{
    (void)state;
    static const char *const broken[] = { "{NOPE}x",
                                          "{SSHA}MzVTQ5LSgIxlpOaxDZ8h6reSDs8=",
                                          "{SHA256}%%%",
                                          "{PLAIN.HEX}7",
                                          "{PLAIN.HEX}zz",
                                          "{CRYPT}$nope$x",
                                          "{SHA.ROT13}x",
                                          "{PLAIN-MD5}00" };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct error err = { 0 };
        bool match = true;
        if (password_verify(bytes_of(broken[i]), "CRYPT", BYTES("x"), &match, &err) ||
            err.class != ERROR_CORRUPT)
            fail_msg("\"%s\" passed", broken[i]);
        assert_false(match);
    }
}

static void test_an_empty_or_locked_password_lets_nobody_in(void **state)
{
    (void)state;
    static const char *const locked[] = { "",         "{PLAIN}",     "{CLEARTEXT.b64}", "{SHA}",
                                          "{CRYPT}",  "!",           "*",               "{CRYPT}!",
                                          "{CRYPT}*", "!$6$salt$x/", "{PLAIN.hex}",     "!!" };
    static const char *const guesses[] = { "", "x", "!", "*", "!!" };
    for (size_t i = 0; i < sizeof(locked) / sizeof(locked[0]); i++) {
        struct buf plain = BUF_INIT(64);
        for (size_t j = 0; j < sizeof(guesses) / sizeof(guesses[0]); j++) {
            bool match = true;
            assert_true(password_verify(bytes_of(locked[i]), "CRYPT", bytes_of(guesses[j]), &match,
                                        NULL));
            if (match)
                fail_msg("\"%s\" opens \"%s\"", guesses[j], locked[i]);
        }
        assert_false(password_plain(bytes_of(locked[i]), "PLAIN", &plain) && plain.len == 0);
        buf_free(&plain);
    }
    bool match = true;
    struct buf empty = BUF_INIT(1024);
    assert_true(auth_hash("", BYTES(""), &empty, NULL)); /* a hash, but of nothing */
    assert_true(password_verify(buf_view(&empty), "CRYPT", BYTES(""), &match, NULL));
    assert_false(match);
    buf_free(&empty);
}

static void test_hashes_that_we_make_verify(void **state)
{
    (void)state;
    static const char *const schemes[] = { "",          "CRYPT",     "SHA512-CRYPT", "SHA256-CRYPT",
                                           "BLF-CRYPT", "MD5-CRYPT", "PLAIN",        "SHA",
                                           "SHA256",    "SHA512",    "SSHA",         "SSHA256",
                                           "SSHA512",   "PLAIN-MD5" };
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct buf out = BUF_INIT(1024);
        struct error err = { 0 };
        bool match = false;
        if (!auth_hash(schemes[i], BYTES("tr0ub4dor"), &out, &err))
            fail_msg("%s: %s", schemes[i], err.text);
        if (!password_verify(buf_view(&out), "CRYPT", BYTES("tr0ub4dor"), &match, &err) || !match)
            fail_msg("%s: %s", buf_cstr(&out), err.text);
        buf_free(&out);
    }
    struct buf out = BUF_INIT(1024);
    assert_true(auth_hash("", BYTES("x"), &out, NULL));
    assert_true(bytes_starts(buf_view(&out), BYTES("{CRYPT}$y$")));
    assert_false(auth_hash("ROT13", BYTES("x"), &out, NULL));
    buf_free(&out);
}

static void test_the_digest_of_apop_is_that_of_rfc_1939(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(64), plain = BUF_INIT(64);
    assert_true(password_plain(BYTES("{PLAIN}tanstaaf"), "CRYPT", &plain));
    assert_true(
        password_apop(BYTES("<1896.697170952@dbc.mtview.ca.us>"), buf_view(&plain), &out, NULL));
    assert_string_equal(buf_cstr(&out), "c4c9334bac560ecc979e58001b3e22fb");
    assert_false(password_plain(BYTES("{CRYPT}$6$x$y"), "CRYPT", &plain));
    buf_free(&out);
    buf_free(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_scheme_knows_its_password_and_no_other),
        cmocka_unit_test(test_a_nul_octet_does_not_cut_a_password_short),
        cmocka_unit_test(test_a_stored_form_that_makes_no_sense_is_an_error_not_a_wrong_password),
        cmocka_unit_test(test_an_empty_or_locked_password_lets_nobody_in),
        cmocka_unit_test(test_hashes_that_we_make_verify),
        cmocka_unit_test(test_the_digest_of_apop_is_that_of_rfc_1939),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
