/* Dates in mail are read word by word, in whatever order they stand: a clock is what has a colon, a
 * month what looks like one, the first small number is the day. That covers RFC 5322, its obsolete
 * forms, asctime(3) and most of what broken software writes. */
#include "message/date.h"

static const char MONTHS[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const char DAYS[] = "sunmontuewedthufrisat";

/* RFC 5322, 4.3, and the European and Asian ones that are unambiguous in practice. */
static const struct {
    const char *name;
    int minutes;
} ZONES[] = {
    { "ut", 0 },     { "utc", 0 },    { "gmt", 0 },     { "z", 0 },       { "est", -300 },
    { "edt", -240 }, { "cst", -360 }, { "cdt", -300 },  { "mst", -420 },  { "mdt", -360 },
    { "pst", -480 }, { "pdt", -420 }, { "akst", -540 }, { "akdt", -480 }, { "hst", -600 },
    { "wet", 0 },    { "west", 60 },  { "bst", 60 },    { "cet", 60 },    { "met", 60 },
    { "mez", 60 },   { "cest", 120 }, { "mest", 120 },  { "mesz", 120 },  { "eet", 120 },
    { "eest", 180 }, { "msk", 180 },  { "msd", 240 },   { "jst", 540 },   { "kst", 540 },
};

struct moment {
    int year, month, day, hour, minute, second, zone; /* month from 1; zone in minutes east */
    bool has_day, has_month, has_year, has_clock, has_zone;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

/* The index of word's first three letters in a table of such, or -1. */
static int three_letters(struct bytes word, const char *table)
{
    if (word.len < 3)
        return -1;
    for (int i = 0; table[i * 3]; i++) {
        const char *name = table + i * 3;
        if (lower(word.data[0]) == name[0] && lower(word.data[1]) == name[1] &&
            lower(word.data[2]) == name[2])
            return i;
    }
    return -1;
}

static int days_in(int year, int month)
{
    static const int DAYS_IN[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS_IN[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day ends
 * them. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool clock_is_right(const struct moment *m)
{
    return m->hour <= 23 && m->minute <= 59 && m->second <= 60;
}

static bool moment_to_time(const struct moment *m, time_t *when)
{
    if (m->month < 1 || m->month > 12 || m->year < 1 || m->year > 9999 || m->day < 1 ||
        m->day > days_in(m->year, m->month) || !clock_is_right(m))
        return false;
    int64_t seconds = days_since_epoch(m->year, m->month, m->day) * 86400 + m->hour * 3600 +
                      m->minute * 60 + m->second - m->zone * 60;
    *when = (time_t)seconds;
    return true;
}

/* Digits at *text, at most max of them, which are consumed; how many there were. */
static size_t take_number(struct bytes *text, size_t max, int *value)
{
    size_t n = 0;
    *value = 0;
    while (n < max && n < text->len && is_digit(text->data[n]))
        *value = *value * 10 + (text->data[n++] - '0');
    *text = bytes_skip(*text, n);
    return n;
}

static void take_clock(struct bytes *text, struct moment *m)
{
    take_number(text, 2, &m->hour);
    *text = bytes_skip(*text, 1);
    take_number(text, 2, &m->minute);
    if (text->len > 1 && (text->data[0] == ':' || text->data[0] == '.') &&
        is_digit(text->data[1])) {
        *text = bytes_skip(*text, 1);
        take_number(text, 2, &m->second);
        int fraction;
        if (text->len > 1 && text->data[0] == '.' && is_digit(text->data[1])) {
            *text = bytes_skip(*text, 1);
            while (take_number(text, 9, &fraction))
                ;
        }
    }
    m->has_clock = true;
}

/* "+0200", "-5", "+05:30". */
static void take_zone(struct bytes *text, struct moment *m)
{
    bool west = text->data[0] == '-';
    int value, minutes = 0;
    *text = bytes_skip(*text, 1);
    size_t digits = take_number(text, 4, &value);
    if (digits && digits <= 2) {
        if (text->len > 2 && text->data[0] == ':' && is_digit(text->data[1])) {
            *text = bytes_skip(*text, 1);
            take_number(text, 2, &minutes);
        }
        value = value * 100 + minutes;
    }
    if (digits && value % 100 < 60 && value / 100 < 24) {
        int offset = value / 100 * 60 + value % 100;
        m->zone = west ? -offset : offset;
        m->has_zone = true;
    }
}

static void take_name(struct bytes *text, struct moment *m)
{
    size_t len = 0;
    while (len < text->len && is_letter(text->data[len]))
        len++;
    struct bytes word = bytes_take(*text, len);
    *text = bytes_skip(*text, len);
    int month = three_letters(word, MONTHS);
    if (month >= 0 && !m->has_month) {
        m->month = month + 1;
        m->has_month = true;
        return;
    }
    if (three_letters(word, DAYS) >= 0 || !m->has_clock)
        return;
    if (bytes_equal_nocase(word, BYTES("pm")) && m->hour < 12)
        m->hour += 12;
    else if (bytes_equal_nocase(word, BYTES("am")) && m->hour == 12)
        m->hour = 0;
    for (size_t i = 0; i < sizeof ZONES / sizeof *ZONES && !m->has_zone; i++) {
        if (bytes_equal_nocase(word, bytes_of(ZONES[i].name))) {
            m->zone = ZONES[i].minutes;
            m->has_zone = true;
        }
    }
}

/* RFC 5322, 4.3: two digits below 50 are of this century, three count from 1900. */
static void set_year(struct moment *m, int value, size_t digits)
{
    if (digits == 2)
        value += value < 50 ? 2000 : 1900;
    else if (digits == 3)
        value += 1900;
    m->year = value;
    m->has_year = true;
}

static void take_digits(struct bytes *text, struct moment *m)
{
    struct bytes start = *text;
    int value;
    size_t digits = take_number(text, 9, &value);
    bool clock = !m->has_clock && digits <= 2 && text->len > 1 && text->data[0] == ':' &&
                 is_digit(text->data[1]);
    if (clock) {
        *text = start;
        take_clock(text, m);
    } else if (digits <= 2 && m->has_year && !m->has_month) { /* 2021-07-09 */
        m->month = value;
        m->has_month = true;
    } else if (digits <= 2 && !m->has_day) {
        m->day = value;
        m->has_day = true;
    } else if (digits >= 2 && digits <= 4 && !m->has_year) {
        set_year(m, value, digits);
    }
}

static void skip_comment(struct bytes *text)
{
    size_t depth = 0, i = 0;
    for (; i < text->len; i++) {
        char c = text->data[i];
        if (c == '\\')
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')' && !--depth)
            break;
    }
    *text = bytes_skip(*text, i + 1);
}

bool date_parse(struct bytes value, time_t *when, int *zone)
{
    struct moment m = { 0 };
    while (value.len) {
        char c = value.data[0];
        if (c == '(')
            skip_comment(&value);
        else if (is_digit(c))
            take_digits(&value, &m);
        else if (is_letter(c))
            take_name(&value, &m);
        else if ((c == '+' || c == '-') && m.has_clock && !m.has_zone)
            take_zone(&value, &m);
        else
            value = bytes_skip(value, 1);
    }
    if (!clock_is_right(&m)) /* RFC 5256, 2.2 */
        m.hour = m.minute = m.second = 0;
    if (!m.has_day || !m.has_month || !m.has_year || !moment_to_time(&m, when))
        return false;
    if (zone)
        *zone = m.zone;
    return true;
}

/* Exactly this many digits. */
static bool digits(struct bytes *text, size_t count, int *value)
{
    return take_number(text, count, value) == count;
}

static bool literal(struct bytes *text, char c)
{
    if (!text->len || text->data[0] != c)
        return false;
    *text = bytes_skip(*text, 1);
    return true;
}

static bool month_name(struct bytes *text, struct moment *m)
{
    m->month = three_letters(*text, MONTHS) + 1;
    *text = bytes_skip(*text, 3);
    return m->month > 0;
}

bool date_parse_imap(struct bytes text, time_t *when)
{
    struct moment m = { 0 };
    int zone;
    /* ImapFlow sends one digit without the space before it. */
    if (!(literal(&text, ' ') ? digits(&text, 1, &m.day) : take_number(&text, 2, &m.day)))
        return false;
    if (!literal(&text, '-') || !month_name(&text, &m) || !literal(&text, '-') ||
        !digits(&text, 4, &m.year) || !literal(&text, ' ') || !digits(&text, 2, &m.hour) ||
        !literal(&text, ':') || !digits(&text, 2, &m.minute) || !literal(&text, ':') ||
        !digits(&text, 2, &m.second) || !literal(&text, ' ') || !text.len)
        return false;
    bool west = text.data[0] == '-';
    if (!(west || text.data[0] == '+'))
        return false;
    text = bytes_skip(text, 1);
    if (!digits(&text, 4, &zone) || text.len || zone % 100 > 59)
        return false;
    m.zone = (zone / 100 * 60 + zone % 100) * (west ? -1 : 1);
    return moment_to_time(&m, when);
}

bool date_parse_day(struct bytes text, time_t *day)
{
    struct moment m = { 0 };
    if (!take_number(&text, 2, &m.day) || !literal(&text, '-') || !month_name(&text, &m) ||
        !literal(&text, '-') || !digits(&text, 4, &m.year) || text.len)
        return false;
    return moment_to_time(&m, day);
}

static void capitalised(const char *table, int index, char name[4])
{
    memcpy(name, table + (size_t)index * 3, 3);
    name[0] = (char)(name[0] - 32);
    name[3] = '\0';
}

/* gmtime_r, with the epoch for times that have no four-digit year. */
static struct tm utc(time_t when)
{
    struct tm tm;
    if (!gmtime_r(&when, &tm) || tm.tm_year < -1899 || tm.tm_year > 8099) {
        when = 0;
        gmtime_r(&when, &tm);
    }
    return tm;
}

void date_write_imap(struct buf *out, time_t when)
{
    struct tm tm = utc(when);
    char month[4];
    capitalised(MONTHS, tm.tm_mon, month);
    buf_printf(out, "%2d-%s-%04d %02d:%02d:%02d +0000", tm.tm_mday, month, tm.tm_year + 1900,
               tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void date_write_rfc5322(struct buf *out, time_t when)
{
    struct tm tm = utc(when);
    char month[4], day[4];
    capitalised(MONTHS, tm.tm_mon, month);
    capitalised(DAYS, tm.tm_wday, day);
    buf_printf(out, "%s, %d %s %04d %02d:%02d:%02d +0000", day, tm.tm_mday, month,
               tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
