/* The reference part of postern.conf(5) is what the table of settings says. POSTERN_CONF_UPDATE=1
 * writes it anew. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "unit.h"
#include "base/file.h"
#include "conf/conf.h"

#define PAGE "libmail/conf/postern.conf.5"
#define START "POSTERN_CONF_UPDATE=1 test_conf_manual\n"
#define END ".\\\" The text from the table of settings ends here.\n"

static char *manual(size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    conf_manual(out);
    fclose(out);
    return text;
}

static void update(struct bytes page, size_t start, size_t end, struct bytes reference)
{
    struct buf text = BUF_INIT(1 << 20);
    struct error err;
    buf_bytes(&text, bytes_take(page, start));
    buf_bytes(&text, reference);
    buf_bytes(&text, bytes_skip(page, end));
    assert_true(file_replace(AT_FDCWD, PAGE, buf_view(&text), 0644, &err));
    buf_free(&text);
}

static void the_page_is_up_to_date(void **state)
{
    (void)state;
    struct buf page = BUF_INIT(1 << 20);
    struct error err;
    size_t size;
    if (!file_read(AT_FDCWD, PAGE, 1 << 20, &page, &err))
        fail_msg("run this in the top directory: %s", err.text);
    char *text = manual(&size);
    ssize_t before = bytes_find(buf_view(&page), BYTES(START)),
            end = bytes_find(buf_view(&page), BYTES(END));
    assert_true(before > 0 && end > before);
    size_t start = (size_t)before + strlen(START);
    if (getenv("POSTERN_CONF_UPDATE"))
        update(buf_view(&page), start, (size_t)end, bytes_make(text, size));
    else if (!bytes_equal(bytes_take(bytes_skip(buf_view(&page), start), (size_t)end - start),
                          bytes_make(text, size)))
        fail_msg(PAGE " is not what the table says: POSTERN_CONF_UPDATE=1 build/test_conf_manual "
                      "writes it anew");
    free(text);
    buf_free(&page);
}

static void every_setting_is_explained(void **state)
{
    (void)state;
    size_t size;
    struct conf conf;
    struct error err;
    char *text = manual(&size), *printed = NULL;
    assert_true(conf_load(&conf, "/dev/null", NULL, 0, &err));
    FILE *out = open_memstream(&printed, &size);
    conf_print(&conf, out, false);
    fclose(out);
    for (struct bytes rest = bytes_of(printed); rest.data;) {
        struct bytes name = bytes_split(&rest, '\n');
        char item[100];
        name = bytes_trim(bytes_split(&name, '='));
        if (name.len == 0 || name.data[name.len - 1] == '{' || name.data[0] == '}')
            continue;
        snprintf(item, sizeof(item), ".It Ic %.*s No ", BYTES_FMT(name));
        if (!strstr(text, item))
            fail_msg("%.*s has no entry", BYTES_FMT(name));
    }
    free(printed);
    free(text);
    conf_free(&conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_up_to_date),
        cmocka_unit_test(every_setting_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
