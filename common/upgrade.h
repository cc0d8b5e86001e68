/*
 * upgrade: the handshake of a WebSocket client (RFC 6455, section 4): what is asked, and whether the answer is right. Pure, but
 * for the random bytes of a key and the file of names and passwords.
 */
#ifndef PYPE_UPGRADE_H
#define PYPE_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/deflate.h"
#include "common/http_settings.h"
#include "common/text.h"

enum { UPGRADE_KEY = 25 }; /* 16 random bytes in base64, and NUL */

/* Where a request goes, from a URL. */
struct upgrade_place {
	char *host; /* as in the header Host: with the port, if it is not the usual one */
	char *name; /* without the port */
	char *target; /* path and query */
	char *user; /* "NAME:PASSWORD" of the URL itself, or NULL */
};

/* False: the URL is malformed. */
bool upgrade_place_init(struct upgrade_place *place, const char *url);
void upgrade_place_clear(struct upgrade_place *place);

struct upgrade {
	const struct http_settings *settings;
	const char *const *headers; /* beside those of the settings; or NULL */
	const char *protocols; /* to offer, or NULL */
	bool compression; /* offer permessage-deflate */
	bool anonymous; /* a redirect led to another host: no credentials but those of the URL */
	char key[UPGRADE_KEY];
};

void upgrade_make_key(struct upgrade *upgrade);
/* Appends the request. NULL, or what is wrong with the settings (credentials that cannot be in a header). */
const char *upgrade_request(const struct upgrade *upgrade, const struct upgrade_place *place, struct text *out);

/*
 * Looks for the end of the answer's head. Its length with the empty line; 0: more has to come; -1: it is no HTTP, or over
 * UPGRADE_HEAD bytes.
 */
enum { UPGRADE_HEAD = 64 * 1024 };
ssize_t upgrade_head(const char *bytes, size_t length);

/* The functions below take a head that upgrade_head found, with NUL behind it. */

int upgrade_status(const char *head);
/* Appends the status line's "401 Unauthorized", without control characters and not too long. */
void upgrade_add_status(struct text *text, const char *head);
/* Appends the value of a header; several of one name are joined with ", ". False: there is none. */
bool upgrade_header(const char *head, const char *name, struct text *value);

struct upgrade_agreed {
	char *protocol; /* that the server chose, or NULL; the caller's */
	bool compressed;
	struct deflate_terms terms;
};

/* Whether an answer with status 101 is right. NULL, or what is wrong. */
const char *upgrade_check(const struct upgrade *upgrade, const char *head, struct upgrade_agreed *agreed);

#endif
