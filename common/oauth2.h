/*
 * oauth2: tokens by the client's own credentials (RFC 6749 4.4), renewed by a refresh token where one was given (RFC 6749 6).
 *
 * The requests for tokens have the connection settings of the program (TLS, proxy, time limits), but none of its headers, cookies
 * and ways to log in, they follow no redirect, and the pinned key and the Unix socket are not theirs.
 */
#ifndef PYPE_OAUTH2_H
#define PYPE_OAUTH2_H

#include <ev.h>

#include "common/http_settings.h"
#include "common/http_token.h"
#include "common/option.h"

struct oauth2_settings {
	char *url, *client, *secret, *scope, *audience;
	struct option_list parameters; /* NAME=VALUE; the value may be @FILE or env:NAME */
	int in_body; /* where client and secret are: 0 in the header Authorization, 1 in the body */
};

/* clang-format off */
#define OAUTH2_OPTIONS(s) \
	OPTION_STRING(0, "oauth2-token-url", "URL", &(s)->url, "get a token here, with client credentials (OAuth 2)"), \
	OPTION_STRING_SECRET(0, "oauth2-client", "ID", &(s)->client, "the client's name (@FILE, env:NAME)"), \
	OPTION_STRING_SECRET(0, "oauth2-secret", "SECRET", &(s)->secret, "its secret (@FILE, env:NAME)"), \
	OPTION_STRING(0, "oauth2-scope", "SCOPE", &(s)->scope, "what the token is to be good for"), \
	OPTION_STRING(0, "oauth2-audience", "NAME", &(s)->audience, "whom the token is for"), \
	OPTION_LIST(0, "oauth2-param", "NAME=VALUE", &(s)->parameters, "ask with this, too (repeatable; =@FILE, =env:NAME)"), \
	OPTION_CHOICE(0, "oauth2-auth", "basic|body", &(s)->in_body, "where client and secret are sent (basic)")
/* clang-format on */

/* Ends the program (2) if something in them, as given, cannot be right. */
void oauth2_check(const struct oauth2_settings *settings);

struct oauth2;

/*
 * All is borrowed. Ends the program (2) if the value of a parameter cannot be read. got is called once for each oauth2_ask, later; what it is
 * given is valid in it.
 */
struct oauth2 *oauth2_new(struct ev_loop *loop, const struct oauth2_settings *settings,
                          const struct http_settings *http, void (*got)(void *context, const struct http_token *token),
                          void *context);
/* Asks for a token. One at a time. */
void oauth2_ask(struct oauth2 *oauth2);
void oauth2_free(struct oauth2 *oauth2);

#endif
