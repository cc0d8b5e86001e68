/*
 * What a private channel takes: a signature by the application's secret, made here or by an endpoint of the application's.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/pusher/pusher.h"
#include "common/json_text.h"
#include "common/memory.h"

enum { ANSWER_MAX = 64 * 1024, EXCERPT = 200 };

/* ---- by --secret ---- */

/* "SOCKET:CHANNEL" or, with channel data, "SOCKET:CHANNEL:DATA", signed: "KEY:" and the signature in hexadecimal digits. */
static void sign(const struct channel *channel, const char *data, struct text *signature)
{
	const struct pusher *pusher = channel->pusher;
	char *text = text_format("%s:%s%s%s", pusher->socket_id.data, channel->name, data ? ":" : "", data ? data : "");
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (!HMAC(EVP_sha256(), pusher->secret, (int)strlen(pusher->secret), (const unsigned char *)text, strlen(text),
	          digest, &length))
		fail("libcrypto does not sign");
	text_addf(signature, "%s:", pusher->key);
	for (unsigned i = 0; i < length; i++)
		text_addf(signature, "%02x", digest[i]);
	free(text);
}

static struct json_span as_string(struct text *text, const char *string)
{
	json_add_string(text, string, strlen(string));
	return (struct json_span){.at = text->data, .length = text->length, .kind = JSON_STRING};
}

static void sign_here(struct channel *channel)
{
	const char *data = channel->presence ? channel->pusher->user_data : NULL;
	struct text signature = {0}, auth = {0}, channel_data = {0};
	struct json_span auth_span, data_span;

	sign(channel, data, &signature);
	auth_span = as_string(&auth, signature.data);
	if (data)
		data_span = as_string(&channel_data, data);
	channels_authorized(channel, &auth_span, data ? &data_span : NULL);
	text_free(&signature);
	text_free(&auth);
	text_free(&channel_data);
}

/* ---- by --auth-url ---- */

static bool piece(void *context, const struct http_response *response, const char *bytes, size_t length)
{
	struct channel *channel = context;

	(void)response;
	text_add(&channel->answer, bytes, length);
	return true;
}

/* A refusal that another try will not change. */
static bool is_final(int status)
{
	return status >= 300 && status < 500 && status != 408 && status != 425 && status != 429;
}

static void refused(struct channel *channel, const struct http_response *response)
{
	struct pusher *pusher = channel->pusher;

	if (channel->answer.length > 0)
		message_info("'%s': --auth-url: status %d: %.*s", channel->name, response->status, EXCERPT,
		             channel->answer.data);
	link_fail(pusher, is_final(response->status), "channel '%s': --auth-url refuses: status %d", channel->name,
	          response->status);
}

static void take_answer(struct channel *channel)
{
	struct json_want want = {0};
	struct json_span spans[2];
	struct json_result result;
	const char *mistake;
	bool good;

	json_pad(&channel->answer);
	json_want_path(&want, ".auth", &mistake);
	json_want_path(&want, ".channel_data", &mistake);
	good = json_scan(channel->answer.data, channel->answer.length, &want, spans, 0, &result) &&
	       spans[0].kind == JSON_STRING && (spans[1].kind == JSON_NONE || spans[1].kind == JSON_STRING);
	json_want_free(&want);
	if (good)
		channels_authorized(channel, &spans[0], spans[1].kind == JSON_STRING ? &spans[1] : NULL);
	else
		link_fail(channel->pusher, false, "channel '%s': --auth-url answers something other than {\"auth\":…}",
		          channel->name);
}

static void done(void *context, const struct http_response *response)
{
	struct channel *channel = context;

	channel->transfer = NULL;
	if (response->failure != HTTP_OK)
		link_fail(channel->pusher, response->failure == HTTP_SETUP, "channel '%s': --auth-url: %s",
		          channel->name, response->error);
	else if (response->status < 200 || response->status > 299)
		refused(channel, response);
	else
		take_answer(channel);
}

static void add_encoded(struct text *form, const char *string)
{
	for (const unsigned char *s = (const unsigned char *)string; *s; s++)
		if ((*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') ||
		    strchr("-._~", *s))
			text_add_char(form, (char)*s);
		else
			text_addf(form, "%%%02X", *s);
}

static void ask(struct channel *channel)
{
	static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
	                                      "Accept: application/json", NULL};
	struct pusher *pusher = channel->pusher;
	struct http_request request = {.url = pusher->auth_url,
	                               .headers = headers,
	                               .max_body = ANSWER_MAX,
	                               .piece = piece,
	                               .done = done,
	                               .context = channel};

	text_clear(&channel->form);
	text_clear(&channel->answer);
	text_add_string(&channel->form, "socket_id=");
	add_encoded(&channel->form, pusher->socket_id.data);
	text_add_string(&channel->form, "&channel_name=");
	add_encoded(&channel->form, channel->name);
	request.body = channel->form.data;
	request.length = channel->form.length;
	channel->state = CHANNEL_AUTHORIZING;
	channel->transfer = http_start(pusher->http, &request);
}

void auth_find(struct channel *channel)
{
	if (channel->pusher->secret)
		sign_here(channel);
	else
		ask(channel);
}
