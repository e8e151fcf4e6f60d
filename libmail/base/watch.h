/* Waiting for changes of directories and files by inotify, without polling; when the kernel has no instance or
 * watch left (128 instances per uid by default) the caller polls and the log says so once. */
#ifndef BASE_WATCH_H
#define BASE_WATCH_H

#include "base/error.h"

struct watch;

/* NULL with ERROR_LIMIT when no instance is to be had: poll instead. */
struct watch *watch_create(struct error *err);
/* Reports entries that appear, vanish or are renamed in a directory, and writes to and replacement of a file. */
bool watch_add(struct watch *watch, const char *path, struct error *err);
int watch_fd(const struct watch *watch);   /* readable when something happened */
void watch_drain(struct watch *watch);     /* forget what happened so far */
void watch_destroy(struct watch **watch);

#endif
