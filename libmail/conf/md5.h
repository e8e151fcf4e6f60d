/* MD5 (RFC 1321): not for security, only because names on other people's disks are made with it. */
#ifndef CONF_MD5_H
#define CONF_MD5_H

#include "base/bytes.h"

void md5(struct bytes text, unsigned char digest[16]);

#endif
