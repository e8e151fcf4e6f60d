/* Message numbers in commands, and messages that are no longer there. */
#ifndef POP3D_NUMBER_H
#define POP3D_NUMBER_H

#include "pop3d/pop3.h"

/* text as the number of a message that is there. False: answered with -ERR. */
bool number_message(struct pop3 *pop3, struct bytes text, uint32_t *number);
/* The message could not be had: it is no longer shown in this session, the log says why (quietly where another program removed
 * it). number_lost also answers -ERR. */
void number_lose(struct pop3 *pop3, uint32_t number, const struct error *err, const char *command);
void number_lost(struct pop3 *pop3, uint32_t number, const struct error *err, const char *command);

#endif
