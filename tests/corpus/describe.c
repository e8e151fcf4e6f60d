/* describe FILE [SKIP]: the size in wire form, ENVELOPE, BODY and BODYSTRUCTURE of a message, each
 * in its wire form behind its length ("name length" LF octets LF). SKIP octets (a From_ line) are
 * left out. With no FILE, reads "SKIP PATH" lines from standard input and describes each. describe
 * -t FILE: the tree of parts, a line each: depth, type/subtype, where its header and body stand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "message/part.h"

enum { MEMORY = 64 * 1024 * 1024 };

static struct part *parse(struct arena *arena, FILE *file, long skip)
{
    static char piece[16384];
    size_t len;
    struct part_parser *parser = part_parser_create(arena, NULL);
    if (!parser || fseek(file, skip, SEEK_SET))
        return NULL;
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        part_parser_feed(parser, bytes_make(piece, len));
    return part_parser_finish(parser, NULL);
}

static void print(const char *name, const struct buf *text)
{
    printf("%s %zu\n", name, text->len);
    fwrite(text->data, 1, text->len, stdout);
    putchar('\n');
}

static void print_tree(const struct part *part, int depth)
{
    for (; part; part = part->next) {
        printf("%d %.*s/%.*s %ju %ju %ju %ju\n", depth, BYTES_FMT(part->type),
               BYTES_FMT(part->subtype), (uintmax_t)part->header.at, (uintmax_t)part->header.size,
               (uintmax_t)part->body.at, (uintmax_t)part->body.size);
        print_tree(part->children, depth + 1);
    }
}

static void print_all(const struct part *root)
{
    struct buf text = BUF_INIT(MEMORY);
    buf_number(&text, root->header.wire_size + root->body.wire_size);
    print("size", &text);
    buf_clear(&text);
    envelope_write(&text, root->envelope);
    print("envelope", &text);
    buf_clear(&text);
    bodystructure_write(&text, root, false);
    print("body", &text);
    buf_clear(&text);
    bodystructure_write(&text, root, true);
    print("bodystructure", &text);
    buf_free(&text);
}

static bool describe(const char *path, long skip, bool tree)
{
    FILE *file = fopen(path, "rb");
    struct arena *arena = arena_create(MEMORY);
    struct part *root = file && arena ? parse(arena, file, skip) : NULL;
    if (!root)
        fprintf(stderr, "describe: cannot read %s\n", path);
    else if (tree)
        print_tree(root, 0);
    else
        print_all(root);
    arena_destroy(&arena);
    if (file)
        fclose(file);
    return root;
}

int main(int argc, char **argv)
{
    char line[4096];
    bool well = true;
    if (argc == 3 && !strcmp(argv[1], "-t"))
        return describe(argv[2], 0, true) ? 0 : 1;
    if (argc > 1)
        return describe(argv[1], argc > 2 ? atol(argv[2]) : 0, false) ? 0 : 1;
    while (fgets(line, sizeof line, stdin)) {
        char *path;
        long skip = strtol(line, &path, 10);
        line[strcspn(line, "\n")] = '\0';
        well = describe(*path == ' ' ? path + 1 : path, skip, false) && well;
    }
    return well ? 0 : 1;
}
