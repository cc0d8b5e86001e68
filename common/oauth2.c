#include "common/oauth2.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/http.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/unit.h"

enum { ANSWER_MAX = 256 * 1024, SAID = 200 };

struct oauth2 {
	const struct oauth2_settings *settings;
	struct http_settings connection;
	struct http *http;
	struct http_transfer *transfer;
	char *url, *shown;
	const char *headers[4];
	struct text basic; /* the header Authorization, if it is sent */
	struct text own; /* the option --oauth2-param, encoded */
	struct text body, answer, value, error, refresh; /* refresh: the refresh token, or empty */
	bool refreshing;
	void (*got)(void *context, const struct http_token *token);
	void *context;
};

static bool is_parameter(const char *string)
{
	const char *equals = strchr(string, '=');

	return equals && equals > string;
}

void oauth2_check(const struct oauth2_settings *settings)
{
	char *url, *shown;
	const char *mistake;

	if (!settings->url) {
		if (settings->client || settings->secret || settings->scope || settings->audience ||
		    settings->parameters.count > 0 || settings->in_body)
			die("--oauth2-client and the like need --oauth2-token-url");
		return;
	}
	if (!settings->client)
		die("--oauth2-token-url needs --oauth2-client");
	for (size_t i = 0; i < settings->parameters.count; i++)
		if (!is_parameter(settings->parameters.items[i]))
			die("--oauth2-param takes NAME=VALUE, and got something else");
	mistake = http_url(settings->url, &url, &shown);
	if (mistake)
		die("bad URL of --oauth2-token-url: %s", mistake);
	free(url);
	free(shown);
}

/* ---- the request ---- */

static void add_encoded(struct text *text, const char *string)
{
	for (; *string; string++)
		if (isalnum((unsigned char)*string) || strchr("-._~", *string))
			text_add_char(text, *string);
		else
			text_addf(text, "%%%02X", (unsigned char)*string);
}

static void add_parameter(struct text *body, const char *name, const char *value)
{
	if (!value)
		return;
	text_add_string(body, body->length > 0 ? "&" : "");
	add_encoded(body, name);
	text_add_char(body, '=');
	add_encoded(body, value);
}

static void add_own(struct text *body, const char *given)
{
	const char *equals = strchr(given, '=');
	char *name = xstrndup(given, (size_t)(equals - given)), *value = option_secret(equals + 1);

	add_parameter(body, name, value);
	free(name);
	free(value);
}

static void make_body(struct oauth2 *oauth2)
{
	const struct oauth2_settings *settings = oauth2->settings;
	struct text *body = &oauth2->body;

	text_clear(body);
	add_parameter(body, "grant_type", oauth2->refreshing ? "refresh_token" : "client_credentials");
	if (oauth2->refreshing)
		add_parameter(body, "refresh_token", oauth2->refresh.data);
	add_parameter(body, "scope", settings->scope);
	add_parameter(body, "audience", settings->audience);
	if (oauth2->own.length > 0)
		text_addf(body, "&%s", oauth2->own.data);
	if (oauth2->basic.length > 0)
		return;
	add_parameter(body, "client_id", settings->client);
	add_parameter(body, "client_secret", settings->secret);
}

/* Both parts are encoded before they are joined (RFC 6749 2.3.1). */
static void make_basic(struct oauth2 *oauth2)
{
	const struct oauth2_settings *settings = oauth2->settings;
	struct text pair = {0};

	if (settings->in_body || !settings->secret)
		return;
	add_encoded(&pair, settings->client);
	text_add_char(&pair, ':');
	add_encoded(&pair, settings->secret);
	text_add_string(&oauth2->basic, "Authorization: Basic ");
	json_add_base64(&oauth2->basic, pair.data, pair.length);
	text_free(&pair);
}

/* ---- the answer ---- */

static bool take(void *context, const struct http_response *response, const char *bytes, size_t length)
{
	struct oauth2 *oauth2 = context;

	(void)response;
	text_add(&oauth2->answer, bytes, length);
	return true;
}

enum member { ACCESS, TYPE, EXPIRES, REFRESH, ERROR, DESCRIPTION, MEMBERS };

static bool scan(struct oauth2 *oauth2, struct json_span spans[MEMBERS])
{
	static const char *const names[] = {
		[ACCESS] = "access_token",   [TYPE] = "token_type", [EXPIRES] = "expires_in",
		[REFRESH] = "refresh_token", [ERROR] = "error",     [DESCRIPTION] = "error_description",
	};
	struct json_want want = {0};
	struct json_result result;
	bool good;

	for (size_t i = 0; i < MEMBERS; i++)
		json_want_member(&want, names[i], strlen(names[i]));
	json_pad(&oauth2->answer);
	good = json_scan(oauth2->answer.data, oauth2->answer.length, &want, spans, 0, &result);
	json_want_free(&want);
	return good && result.kind == JSON_OBJECT;
}

static void add_string(struct text *text, const struct json_span *span)
{
	if (span->kind == JSON_STRING)
		json_add_unescaped(text, span->at, span->length);
}

static bool is_secret(const struct oauth2 *oauth2, const char *said)
{
	const char *secret = oauth2->settings->secret;

	return (secret && *secret && strstr(said, secret)) ||
	       (oauth2->refresh.length > 0 && strstr(said, oauth2->refresh.data));
}

/* ": invalid_client: no such client", of RFC 6749 5.2. */
static void add_refusal(struct oauth2 *oauth2, const struct json_span spans[MEMBERS])
{
	static const enum member members[] = {ERROR, DESCRIPTION};

	for (size_t i = 0; i < 2; i++) {
		struct text said = {0};

		add_string(&said, &spans[members[i]]);
		if (said.length > 0 && !is_secret(oauth2, said.data))
			text_addf(&oauth2->error, ": %.*s", SAID, said.data);
		text_free(&said);
	}
}

static void read_refresh(struct oauth2 *oauth2, const struct json_span *span)
{
	struct text raw = {0};

	add_string(&raw, span);
	/* Without a new one, the one before stays good (RFC 6749 6). */
	if (raw.length > 0)
		http_token_read(raw.data, raw.length, &oauth2->refresh);
	text_free(&raw);
}

/* Seconds as a number, or as some servers have it, a string of one. */
static int64_t read_lifetime(const struct json_span *span)
{
	const double most = 1e9;
	struct text string = {0};
	double seconds = -1;

	if (span->kind == JSON_NUMBER) {
		seconds = json_number(span);
	} else if (span->kind == JSON_STRING) {
		add_string(&string, span);
		if (string.length > 0 && isdigit((unsigned char)*string.data))
			seconds = strtod(string.data, NULL);
		text_free(&string);
	}
	return seconds < 0 ? -1 : (int64_t)((seconds < most ? seconds : most) * UNIT_S);
}

/* Puts what is right into token, or what is wrong into the error. */
static void read_token(struct oauth2 *oauth2, const struct json_span spans[MEMBERS], struct http_token *token)
{
	struct text raw = {0}, type = {0};
	const char *mistake = "the answer has no access_token";

	add_string(&raw, &spans[ACCESS]);
	add_string(&type, &spans[TYPE]);
	if (raw.length > 0)
		mistake = http_token_read(raw.data, raw.length, &oauth2->value);
	if (mistake) {
		text_addf(&oauth2->error, "%s", mistake);
	} else if (type.length > 0 && strcasecmp(type.data, "bearer") != 0) {
		text_addf(&oauth2->error, "it is a token of type '%.*s', not a bearer token", SAID, type.data);
	} else {
		token->value = oauth2->value.data;
		token->lifetime = read_lifetime(&spans[EXPIRES]);
		read_refresh(oauth2, &spans[REFRESH]);
	}
	text_free(&raw);
	text_free(&type);
}

/* The refresh token is no good any more: back to the credentials. */
static bool is_used_up(const struct oauth2 *oauth2, const struct http_response *response)
{
	return oauth2->refreshing && response->failure == HTTP_OK && response->status >= 400 &&
	       response->status <= 499 && response->status != 408 && response->status != 429;
}

static void took(void *context, const struct http_response *response)
{
	struct oauth2 *oauth2 = context;
	struct http_token token = {.lifetime = -1, .retry_after = response->retry_after};
	struct json_span spans[MEMBERS] = {{0}};
	bool readable;

	oauth2->transfer = NULL;
	if (is_used_up(oauth2, response)) {
		message_info("'%s': status %d for the refresh token, asking with the client's credentials",
		             oauth2->shown, response->status);
		text_clear(&oauth2->refresh);
		oauth2_ask(oauth2);
		return;
	}
	text_clear(&oauth2->error);
	text_addf(&oauth2->error, "no token from '%s': ", oauth2->shown);
	readable = scan(oauth2, spans);
	if (response->failure != HTTP_OK) {
		text_add_string(&oauth2->error, response->error);
	} else if (response->status < 200 || response->status > 299) {
		text_addf(&oauth2->error, "status %d", response->status);
		if (readable)
			add_refusal(oauth2, spans);
	} else if (!readable) {
		text_add_string(&oauth2->error, "the answer is no JSON object");
	} else {
		read_token(oauth2, spans, &token);
	}
	token.error = oauth2->error.data;
	oauth2->got(oauth2->context, &token);
}

/* ---- */

void oauth2_ask(struct oauth2 *oauth2)
{
	struct http_request request = {
		.url = oauth2->url,
		.headers = oauth2->headers,
		.max_body = ANSWER_MAX,
		.piece = take,
		.done = took,
		.context = oauth2,
	};

	oauth2->refreshing = oauth2->refresh.length > 0;
	make_body(oauth2);
	request.body = oauth2->body.data;
	request.length = oauth2->body.length;
	text_clear(&oauth2->answer);
	message_debug("'%s': asking for a token%s", oauth2->shown,
	              oauth2->refreshing ? ", with the refresh token" : "");
	oauth2->transfer = http_start(oauth2->http, &request);
}

struct oauth2 *oauth2_new(struct ev_loop *loop, const struct oauth2_settings *settings,
                          const struct http_settings *http, void (*got)(void *context, const struct http_token *token),
                          void *context)
{
	struct oauth2 *oauth2 = xcalloc(1, sizeof(*oauth2));
	struct http_settings *connection = &oauth2->connection;

	oauth2->settings = settings;
	oauth2->got = got;
	oauth2->context = context;
	*connection = *http;
	connection->headers = (struct option_list){0};
	connection->user = connection->bearer = connection->cookies = connection->pinned_key = NULL;
	connection->unix_socket = NULL;
	connection->digest = connection->netrc = connection->keep_cookies = connection->as_signed = false;
	connection->max_redirects = 0;
	if (connection->timeout == 0)
		connection->timeout = UNIT_MINUTE;
	http_url(settings->url, &oauth2->url, &oauth2->shown);
	for (size_t i = 0; i < settings->parameters.count; i++)
		add_own(&oauth2->own, settings->parameters.items[i]);
	make_basic(oauth2);
	oauth2->headers[0] = "Content-Type: application/x-www-form-urlencoded";
	oauth2->headers[1] = "Accept: application/json";
	oauth2->headers[2] = oauth2->basic.length > 0 ? oauth2->basic.data : NULL;
	oauth2->http = http_new(loop, connection);
	return oauth2;
}

void oauth2_free(struct oauth2 *oauth2)
{
	http_free(oauth2->http);
	free(oauth2->url);
	free(oauth2->shown);
	text_free(&oauth2->basic);
	text_free(&oauth2->own);
	text_free(&oauth2->body);
	text_free(&oauth2->answer);
	text_free(&oauth2->value);
	text_free(&oauth2->error);
	text_free(&oauth2->refresh);
	free(oauth2);
}
