/*
 * guard: who may send requests, and how many.
 */
#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cmd/sources/listen/listen.h"
#include "common/json_text.h"
#include "common/moment.h"

void guard_check(struct listen *listen)
{
	const char *mistake = signature_check(&listen->signature);

	if (mistake)
		die("%s", mistake);
	for (size_t i = 0; i < listen->users.count; i++)
		if (!strchr(listen->users.items[i], ':'))
			die("--user takes NAME:PASSWORD");
	if (listen->rate_text && !rate_parse(&listen->rate, listen->rate_text))
		die("--rate '%s' is none, such as 10/s, 100/m or 1000/h", listen->rate_text);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

bool guard_same(const char *given, const char *wanted)
{
	size_t length = strlen(wanted);

	return strlen(given) == length && CRYPTO_memcmp(given, wanted, length) == 0;
}

/* The scheme's case does not matter (RFC 9110, section 11.1). */
static const char *credentials(const char *authorization, const char *scheme)
{
	size_t length = strlen(scheme);

	if (strncasecmp(authorization, scheme, length) != 0 || authorization[length] != ' ')
		return NULL;
	return authorization + length + strspn(authorization + length, " ");
}

static bool is_authorized(const struct listen *listen, const char *authorization)
{
	const char *token = authorization ? credentials(authorization, "Bearer") : NULL;
	const char *basic = authorization ? credentials(authorization, "Basic") : NULL;
	bool good = listen->bearers.count == 0 && listen->users.count == 0;

	for (size_t i = 0; i < listen->bearers.count && token; i++)
		good |= guard_same(token, listen->bearers.items[i]);
	for (size_t i = 0; i < listen->users.count && basic; i++) {
		struct text wanted = {0};

		json_add_base64(&wanted, listen->users.items[i], strlen(listen->users.items[i]));
		good |= guard_same(basic, wanted.data);
		text_free(&wanted);
	}
	return good;
}

/* The address without the port; of IPv6 the network, of which one sender has all addresses. */
static void name_of(char name[RATE_NAME], const char *peer)
{
	const char *colon = strrchr(peer, ':');
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t length = colon && strncmp(peer, "unix", 4) != 0 ? (size_t)(colon - peer) : strlen(peer);

	if (length >= RATE_NAME)
		length = RATE_NAME - 1;
	memcpy(name, peer, length);
	name[length] = '\0';
	if (name[0] != '[' || length < 3)
		return;
	name[length - 1] = '\0';
	if (inet_pton(AF_INET6, name + 1, bytes) != 1)
		return;
	memset(bytes + 8, 0, 8);
	inet_ntop(AF_INET6, bytes, name, RATE_NAME);
}

/* A page of any origin can have a browser send requests to an address of the machine it runs on; it then says its origin. */
static bool is_origin_good(const struct listen *listen, const char *origin)
{
	return !origin || (listen->cors && (strcmp(listen->cors, "*") == 0 || strcasecmp(listen->cors, origin) == 0));
}

struct refusal guard_head(struct listen *listen, struct MHD_Connection *connection, const char *peer)
{
	struct refusal refusal = {0};
	char name[RATE_NAME];
	int64_t seconds;

	name_of(name, peer);
	seconds = rate_ask(&listen->rate, name, moment_now());
	if (seconds > 0) {
		refusal.status = MHD_HTTP_TOO_MANY_REQUESTS;
		refusal.header = MHD_HTTP_HEADER_RETRY_AFTER;
		snprintf(refusal.value, sizeof(refusal.value), "%lld", (long long)seconds);
		refusal.reason = "too many requests (--rate)";
	} else if (!is_origin_good(listen, header(connection, MHD_HTTP_HEADER_ORIGIN))) {
		refusal.status = MHD_HTTP_FORBIDDEN;
		refusal.reason = "not for pages of this origin (--cors)";
	} else if (!is_authorized(listen, header(connection, MHD_HTTP_HEADER_AUTHORIZATION))) {
		refusal.status = MHD_HTTP_UNAUTHORIZED;
		refusal.header = MHD_HTTP_HEADER_WWW_AUTHENTICATE;
		strcpy(refusal.value, listen->users.count ? "Basic realm=\"pype\", charset=\"UTF-8\"" : "Bearer");
		refusal.reason = "not authorized";
	}
	return refusal;
}

static const char *lookup(void *connection, const char *name)
{
	return header(connection, name);
}

struct refusal guard_body(struct listen *listen, struct MHD_Connection *connection, const struct text *body)
{
	struct refusal refusal = {0};

	refusal.reason = signature_verify(&listen->signature, lookup, connection, body->data ? body->data : "",
	                                  body->length, moment_unix());
	if (refusal.reason)
		refusal.status = MHD_HTTP_FORBIDDEN;
	return refusal;
}
