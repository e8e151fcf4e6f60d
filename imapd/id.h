/* ID is the same before and after login: its arguments and its untagged answer. */
#ifndef IMAPD_ID_H
#define IMAPD_ID_H

#include "imapd/parser.h"

struct conf;

/* Reads the arguments and the end of the command, writes them to the log, sends "* ID ...". False:
 * the parser failed. */
bool id_exchange(struct parser *parser, const struct conf *conf);

#endif
