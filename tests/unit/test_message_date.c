/* Dates: lenient for mail, strict for what a client says. */
#include "test_message.h"
#include "message/date.h"

static void dates_in_mail_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *value, *utc;
        int zone;
    } CASES[] = {
        { "Fri, 21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 15:55:06 +0000", -360 },
        { "Thu, 13 Feb 1969 23:32 -0330 (Newfoundland Time)", "Fri, 14 Feb 1969 03:02:00 +0000",
          -210 },
        { "21 Nov 97 09:55:06 GMT", "Fri, 21 Nov 1997 09:55:06 +0000", 0 },
        { "1 Jan 49 00:00:00 +0000", "Fri, 1 Jan 2049 00:00:00 +0000", 0 },
        { "1 Jan 50 00:00:00 +0000", "Sun, 1 Jan 1950 00:00:00 +0000", 0 },
        { "1 Jan 103 00:00:00 +0000", "Wed, 1 Jan 2003 00:00:00 +0000", 0 },
        { "Mon, 4 May 1992 10:01:12 -0400 (EDT)", "Mon, 4 May 1992 14:01:12 +0000", -240 },
        { "Wed, 26 Aug 92 22:13:24 EDT", "Thu, 27 Aug 1992 02:13:24 +0000", -240 },
        { "Thu Feb 13 23:32:54 1969", "Thu, 13 Feb 1969 23:32:54 +0000", 0 },
        { "Tue,  6 Jun 2000 03:20:11 UT", "Tue, 6 Jun 2000 03:20:11 +0000", 0 },
        { "Sat, 29 Feb 2020 23:59:60 +0000", "Sun, 1 Mar 2020 00:00:00 +0000", 0 },
        { "(comment) Mon(day), 1 (first) Jan 2001 1:02:03 +05:30",
          "Sun, 31 Dec 2000 19:32:03 +0000", 330 },
        { "2021-07-09T10:00:00Z", "Fri, 9 Jul 2021 10:00:00 +0000", 0 },
        { "13-Feb-2003 1:02:03 PM", "Thu, 13 Feb 2003 13:02:03 +0000", 0 },
        { "1 Jan 2000 24:00:00 -0100", "Sat, 1 Jan 2000 01:00:00 +0000", -60 },
        { "1 Jan 2000 10:60:00", "Sat, 1 Jan 2000 00:00:00 +0000", 0 },
        { "1 Jan 2000 10:00:61 +0000", "Sat, 1 Jan 2000 00:00:00 +0000", 0 },
        { "Tue, 1 Jul\r\n 2003 10:52:37 +0200", "Tue, 1 Jul 2003 08:52:37 +0000", 120 },
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        time_t when;
        int zone;
        struct buf out = BUF_INIT(100);
        assert_true(date_parse(bytes_of(CASES[i].value), &when, &zone));
        date_write_rfc5322(&out, when);
        assert_text(&out, CASES[i].utc);
        assert_int_equal(zone, CASES[i].zone);
        buf_free(&out);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const CASES[] = {
        "",
        "yesterday",
        "Whenever",
        "32 Jan 2000 00:00:00 +0000",
        "29 Feb 2001 00:00:00 +0000",
        "Jan 2000",
        "1 Jan",
        "0 Jan 2000",
        "99999999999999999999",
        "((((((((",
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        time_t when;
        assert_false(date_parse(bytes_of(CASES[i]), &when, NULL));
    }
}

static void clients_dates_are_strict(void **state)
{
    (void)state;
    time_t when;
    assert_true(date_parse_imap(BYTES("17-Jul-1996 02:44:25 -0700"), &when));
    assert_int_equal(when, 837596665);
    assert_true(date_parse_imap(BYTES(" 7-Feb-1994 21:52:25 +0000"), &when));
    assert_int_equal(when, 760657945);
    assert_true(date_parse_imap(BYTES("7-Feb-1994 21:52:25 +0000"), &when));
    assert_int_equal(when, 760657945);
    static const char *const BAD[] = {
        "007-Feb-1994 21:52:25 +0000", "17-Jul-96 02:44:25 -0700",   "17-Jul-1996 02:44:25",
        "17-Jul-1996 02:44:25 -07000", "17-Jul-1996 02:44:25 -0760", "31-Feb-1996 02:44:25 -0700",
        "17-Jux-1996 02:44:25 -0700",  "17-Jul-1996 02:44:25 0700",  " 17-Jul-1996 02:44:25 -0700",
        "17-Jul-1996  2:44:25 -0700",  "17-Jul-1996 24:00:00 +0000", "",
    };
    for (size_t i = 0; i < COUNT(BAD); i++)
        assert_false(date_parse_imap(bytes_of(BAD[i]), &when));
    assert_true(date_parse_day(BYTES("1-Feb-1994"), &when));
    assert_int_equal(when, 760060800);
    assert_true(date_parse_day(BYTES("01-feb-1994"), &when));
    assert_int_equal(when, 760060800);
    assert_false(date_parse_day(BYTES("1-Feb-94"), &when));
    assert_false(date_parse_day(BYTES("\"1-Feb-1994\""), &when));
    assert_false(date_parse_day(BYTES("30-Feb-1994"), &when));
    assert_false(date_parse_day(BYTES("001-Feb-1994"), &when));
}

static void a_date_that_is_written_reads_back_the_same(void **state)
{
    (void)state;
    for (time_t when = -2000000000; when < 4000000000; when += 86400 * 13 + 3607) {
        struct buf imap = BUF_INIT(100), mail = BUF_INIT(100);
        time_t again = 0;
        date_write_imap(&imap, when);
        assert_true(date_parse_imap(buf_view(&imap), &again));
        assert_int_equal(again, when);
        date_write_rfc5322(&mail, when);
        assert_true(date_parse(buf_view(&mail), &again, NULL));
        assert_int_equal(again, when);
        buf_free(&imap);
        buf_free(&mail);
    }
}

static void days_before_ten_have_a_space(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(100);
    date_write_imap(&out, 760657945);
    assert_text(&out, " 7-Feb-1994 21:52:25 +0000");
    buf_clear(&out);
    date_write_imap(&out, INT64_MAX);
    assert_text(&out, " 1-Jan-1970 00:00:00 +0000");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_in_mail_are_understood),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(clients_dates_are_strict),
        cmocka_unit_test(a_date_that_is_written_reads_back_the_same),
        cmocka_unit_test(days_before_ten_have_a_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
