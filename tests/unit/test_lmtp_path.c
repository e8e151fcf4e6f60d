#include "unit.h"
#include "lmtpd/path.h"

static const struct {
    const char *text, *local, *domain, *shown;
} good[] = {
    { "<ann@example.org>", "ann", "example.org", "ann@example.org" },
    { "<ann>", "ann", "", "ann" },
    { "<Postmaster>", "Postmaster", "", "Postmaster" },
    { "<ann+lists@EXAMPLE.org>", "ann+lists", "EXAMPLE.org", "ann+lists@EXAMPLE.org" },
    { "<\"ann lee\"@example.org>", "ann lee", "example.org", "\"ann lee\"@example.org" },
    { "<\"a\\\"b\\\\c\"@example.org>", "a\"b\\c", "example.org", "\"a\\\"b\\\\c\"@example.org" },
    { "<\"a@b>\"@example.org>", "a@b>", "example.org", "\"a@b>\"@example.org" },
    { "<@relay.org,@[192.0.2.1]:ann@example.org>", "ann", "example.org", "ann@example.org" },
    { "<ann@[IPv6:2001:db8::1]>", "ann", "[IPv6:2001:db8::1]", "ann@[IPv6:2001:db8::1]" },
    { "<a.b..c@host_1.example>", "a.b..c", "host_1.example", "a.b..c@host_1.example" },
    { "<>", "", "", "" },
};

static const char *const bad[] = {
    "", "ann@example.org", "<ann@example.org", "<ann@>", "<@example.org>", "<ann@.org>", "<ann@org.>",
    "<a b@example.org>", "<\"ann@example.org>", "<\"\"@example.org>", "<\"a\nb\"@example.org>",
    "<ann@[192.0.2.1>", "<ann@[]>", "<@relay.org>", "<@relay.org:>", "<ann@ex ample.org>",
    "<ann@example.org@example.org>", "<ann\r@example.org>", "<ann(comment)@example.org>",
    "<gr\xfc\xdf@example.org>", /* not UTF-8 */
};

static void addresses_are_read_as_rfc_5321_writes_them(void **state)
{
    (void)state;
    struct path path;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct bytes rest = bytes_of(good[i].text);
        if (!path_parse(&rest, &path))
            fail_msg("refused: %s", good[i].text);
        assert_int_equal(rest.len, 0);
        assert_bytes_equal(bytes_make(path.local, path.local_len), bytes_of(good[i].local));
        assert_bytes_equal(path.domain, bytes_of(good[i].domain));
        assert_bytes_equal(path.text, bytes_of(good[i].shown));
        assert_false(path.utf8);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    struct path path;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct bytes rest = bytes_of(bad[i]);
        if (path_parse(&rest, &path))
            fail_msg("taken: %s", bad[i]);
    }
    struct bytes nul = BYTES("<a\0b@example.org>");
    assert_false(path_parse(&nul, &path));
}

static void addresses_in_utf8_are_told_apart(void **state)
{
    (void)state;
    struct path path;
    struct bytes rest = BYTES("<gr\xc3\xbc\xc3\x9f@b\xc3\xbc" "cher.example> SMTPUTF8");
    assert_true(path_parse(&rest, &path));
    assert_true(path.utf8);
    assert_bytes(path.domain, "b\xc3\xbc" "cher.example");
    assert_bytes(rest, " SMTPUTF8");
}

static void a_local_part_has_a_limit(void **state)
{
    (void)state;
    struct path path;
    char text[600] = "<";
    memset(text + 1, 'a', PATH_LOCAL_MAX);
    memcpy(text + 1 + PATH_LOCAL_MAX, "@b>", 4);
    struct bytes rest = bytes_of(text);
    assert_true(path_parse(&rest, &path));
    assert_int_equal(path.local_len, PATH_LOCAL_MAX);
    memcpy(text + 1 + PATH_LOCAL_MAX, "a@b>", 5);
    rest = bytes_of(text);
    assert_false(path_parse(&rest, &path));
}

static void parameters_come_one_by_one(void **state)
{
    (void)state;
    struct bytes key, value, rest = BYTES(" SIZE=12  BODY=8BITMIME SMTPUTF8");
    assert_int_equal(path_parameter(&rest, &key, &value), 1);
    assert_bytes(key, "SIZE");
    assert_bytes(value, "12");
    assert_int_equal(path_parameter(&rest, &key, &value), 1);
    assert_bytes(key, "BODY");
    assert_bytes(value, "8BITMIME");
    assert_int_equal(path_parameter(&rest, &key, &value), 1);
    assert_bytes(key, "SMTPUTF8");
    assert_null(value.data);
    assert_int_equal(path_parameter(&rest, &key, &value), 0);
}

static void malformed_parameters_are_told(void **state)
{
    (void)state;
    static const char *const wrong[] = { "SIZE=1", " =1", " SI_ZE=1", " \x01", ">" };
    struct bytes key, value;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct bytes rest = bytes_of(wrong[i]);
        assert_int_equal(path_parameter(&rest, &key, &value), -1);
    }
    struct bytes blank = BYTES("   ");
    assert_int_equal(path_parameter(&blank, &key, &value), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_as_rfc_5321_writes_them),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(addresses_in_utf8_are_told_apart),
        cmocka_unit_test(a_local_part_has_a_limit),
        cmocka_unit_test(parameters_come_one_by_one),
        cmocka_unit_test(malformed_parameters_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
