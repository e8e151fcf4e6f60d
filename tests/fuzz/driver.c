/* Replays files through a fuzz target without libFuzzer: fuzz_NAME FILE|DIRECTORY... Each input gets SECONDS of time; the
 * one that kills the program is the last that was named. */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SECONDS = 10, LARGEST = 16 * 1024 * 1024 };

static char current[4096];

/* Exact size, so that a sanitizer sees a read behind the end. */
static int replay_file(const char *path)
{
    struct stat st;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &st) != 0 || st.st_size > LARGEST) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    if (!data || fread(data, 1, size, file) != size)
        exit(2);
    fclose(file);
    snprintf(current, sizeof(current), "%s", path);
    alarm(SECONDS);
    LLVMFuzzerTestOneInput(data, size);
    alarm(0);
    free(data);
    return 1;
}

static int replay(const char *path)
{
    char below[4096];
    struct stat st;
    struct dirent *entry;
    int count = 0;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return replay_file(path);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        count += replay(below);
    }
    if (dir)
        closedir(dir);
    return count;
}

/* write(2) alone is safe where the signal came. */
static void say_where(int signum)
{
    static const char words[] = ": this input took too long or crashed\n";
    if (write(2, current, strlen(current)) < 0 || write(2, words, sizeof(words) - 1) < 0)
        _exit(3);
    _exit(128 + signum);
}

int main(int argc, char **argv)
{
    static const int deadly[] = { SIGALRM, SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE };
    int count = 0;
    for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
        signal(deadly[i], say_where);
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%d inputs\n", count);
    return 0;
}
