/*
 * The channels: what is asked of the server for each on a new connection, and how it answers.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/pusher/pusher.h"
#include "common/json_text.h"
#include "common/memory.h"

enum { NAME_MAX_LENGTH = 200 };

static bool begins(const char *string, const char *with)
{
	return strncmp(string, with, strlen(with)) == 0;
}

/* The protocol's rule for names; a first '#' is that of the channels that Pusher itself makes. */
static bool is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=@,.;";

	name += *name == '#';
	return *name && strlen(name) <= NAME_MAX_LENGTH && strspn(name, letters) == strlen(name);
}

static void check_channel(const struct pusher *pusher, const struct channel *channel)
{
	const char *name = channel->name;

	if (!is_name(name))
		die("--channel '%s' is none: letters, digits and _-=@,.; up to %d of them", name, NAME_MAX_LENGTH);
	if (begins(name, "private-encrypted-"))
		die("--channel '%s': encrypted channels cannot be read", name);
	if (channel->secret && !pusher->secret && !pusher->auth_given)
		die("--channel '%s' takes --auth-url or --secret", name);
	if (channel->presence && pusher->secret && !pusher->user_data)
		die("--channel '%s' takes --user-data with --secret", name);
	for (const struct channel *other = pusher->channels; other < channel; other++)
		if (strcmp(other->name, name) == 0)
			die("--channel '%s' is there twice", name);
}

void channels_check(struct pusher *pusher)
{
	if (pusher->names.count == 0)
		die("no --channel");
	pusher->channel_count = pusher->names.count;
	pusher->channels = xcalloc(pusher->channel_count, sizeof(*pusher->channels));
	for (size_t i = 0; i < pusher->channel_count; i++) {
		struct channel *channel = &pusher->channels[i];

		channel->pusher = pusher;
		channel->name = pusher->names.items[i];
		channel->presence = begins(channel->name, "presence-");
		channel->secret = channel->presence || begins(channel->name, "private-");
		check_channel(pusher, channel);
	}
}

static void subscribe(struct channel *channel, const struct json_span *auth, const struct json_span *channel_data)
{
	struct text text = {0};

	text_add_string(&text, "{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":");
	json_add_string(&text, channel->name, strlen(channel->name));
	if (auth) {
		text_add_string(&text, ",\"auth\":");
		text_add(&text, auth->at, auth->length);
	}
	if (channel_data) {
		text_add_string(&text, ",\"channel_data\":");
		text_add(&text, channel_data->at, channel_data->length);
	}
	text_add_string(&text, "}}");
	channel->state = CHANNEL_ASKED;
	websocket_send(channel->pusher->socket, true, text.data, text.length);
	text_free(&text);
}

void channels_authorized(struct channel *channel, const struct json_span *auth, const struct json_span *channel_data)
{
	subscribe(channel, auth, channel_data);
}

void channels_join(struct pusher *pusher)
{
	for (size_t i = 0; i < pusher->channel_count; i++) {
		struct channel *channel = &pusher->channels[i];

		if (channel->secret)
			auth_find(channel);
		else
			subscribe(channel, NULL, NULL);
	}
}

void channels_leave(struct pusher *pusher)
{
	for (size_t i = 0; i < pusher->channel_count; i++) {
		struct channel *channel = &pusher->channels[i];

		if (channel->transfer)
			http_abort(channel->transfer);
		channel->transfer = NULL;
		channel->state = CHANNEL_OUT;
	}
}

static struct channel *find(struct pusher *pusher, const struct json_span *name)
{
	for (size_t i = 0; i < pusher->channel_count; i++)
		if (name->kind == JSON_STRING &&
		    json_string_is(name->at, name->length, pusher->channels[i].name, strlen(pusher->channels[i].name)))
			return &pusher->channels[i];
	return NULL;
}

void channels_joined(struct pusher *pusher, const struct json_span *name)
{
	struct channel *channel = find(pusher, name);

	if (!channel || channel->state != CHANNEL_ASKED)
		return;
	channel->state = CHANNEL_IN;
	message_info("'%s': subscribed to '%s'", pusher->shown, channel->name);
	for (size_t i = 0; i < pusher->channel_count; i++)
		if (pusher->channels[i].state != CHANNEL_IN)
			return;
	link_complete(pusher);
}

void channels_refused(struct pusher *pusher, const struct json_span *name, int64_t status, const char *error)
{
	const struct channel *channel = find(pusher, name);

	link_fail(pusher, status >= 400 && status < 500 && status != 408 && status != 429,
	          "channel '%s': the server refuses: %s", channel ? channel->name : "?", error);
}

void channels_free(struct pusher *pusher)
{
	channels_leave(pusher);
	for (size_t i = 0; i < pusher->channel_count; i++) {
		text_free(&pusher->channels[i].form);
		text_free(&pusher->channels[i].answer);
	}
	free(pusher->channels);
}
