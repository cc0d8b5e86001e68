/*
 * sha1: RFC 3174, which the opening of a WebSocket asks for (RFC 6455, section 1.3). For nothing that has to be secret.
 */
#ifndef PYPE_SERVE_SHA1_H
#define PYPE_SERVE_SHA1_H

#include <stddef.h>

enum { SHA1_SIZE = 20 };

void sha1(const void *bytes, size_t length, unsigned char digest[SHA1_SIZE]);

#endif
