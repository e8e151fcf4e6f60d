#include "unit.h"
#include "lmtpd/recipient.h"

static const char *local_domains[] = { "mail.example", "localhost", NULL };

static struct recipient_names names_of(const char *local, const char *domain, const char *delimiter)
{
    const struct conf conf = { .local_domains = local_domains, .recipient_delimiter = delimiter };
    struct recipient_names names;
    recipient_names(&conf, bytes_of(local), bytes_of(domain), &names);
    return names;
}

static void a_full_address_is_a_virtual_user_first(void **state)
{
    (void)state;
    struct recipient_names names = names_of("Ann", "Example.ORG", "+");
    assert_int_equal(names.count, 1);
    assert_string_equal(names.names[0], "Ann@example.org");
    assert_false(names.cut[0]);
    assert_null(names.detail.data);
}

static void a_local_domain_also_means_the_system_user(void **state)
{
    (void)state;
    struct recipient_names names = names_of("ann", "MAIL.example", "+");
    assert_int_equal(names.count, 2);
    assert_string_equal(names.names[0], "ann@mail.example");
    assert_string_equal(names.names[1], "ann");
}

static void a_detail_is_cut_off_only_when_the_whole_is_nobody(void **state)
{
    (void)state;
    struct recipient_names names = names_of("ann+lists+c", "localhost", "+");
    assert_int_equal(names.count, 4);
    assert_string_equal(names.names[0], "ann+lists+c@localhost");
    assert_string_equal(names.names[1], "ann@localhost");
    assert_string_equal(names.names[2], "ann+lists+c");
    assert_string_equal(names.names[3], "ann");
    assert_false(names.cut[0]);
    assert_true(names.cut[1]);
    assert_false(names.cut[2]);
    assert_true(names.cut[3]);
    assert_bytes(names.detail, "lists+c");
}

static void without_a_domain_only_the_name_counts(void **state)
{
    (void)state;
    struct recipient_names names = names_of("postmaster", "", "+");
    assert_int_equal(names.count, 1);
    assert_string_equal(names.names[0], "postmaster");
}

static void no_delimiter_means_no_details(void **state)
{
    (void)state;
    struct recipient_names names = names_of("ann+lists", "", "");
    assert_int_equal(names.count, 1);
    assert_string_equal(names.names[0], "ann+lists");
    /* A delimiter in front leaves no user to deliver to. */
    names = names_of("+lists", "", "+");
    assert_int_equal(names.count, 1);
    assert_string_equal(names.names[0], "+lists");
}

static void names_longer_than_a_user_name_are_left_out(void **state)
{
    (void)state;
    char local[ACCOUNT_NAME_MAX + 1];
    memset(local, 'a', sizeof(local) - 1);
    local[sizeof(local) - 1] = '\0';
    struct recipient_names names = names_of(local, "localhost", "+");
    assert_int_equal(names.count, 1);
    assert_string_equal(names.names[0], local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_address_is_a_virtual_user_first),
        cmocka_unit_test(a_local_domain_also_means_the_system_user),
        cmocka_unit_test(a_detail_is_cut_off_only_when_the_whole_is_nobody),
        cmocka_unit_test(without_a_domain_only_the_name_counts),
        cmocka_unit_test(no_delimiter_means_no_details),
        cmocka_unit_test(names_longer_than_a_user_name_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
