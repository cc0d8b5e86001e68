/*
 * pype-pusher: listens to channels of a server that speaks the Pusher Channels protocol, and makes an event of every message.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/pusher/pusher.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/opening.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-pusher",
	.summary = "listen to channels of Pusher and servers like it",
	.operands = "[URL]",
	.least = 0,
	.most = 1,
};

enum { FAILURES = 10, UNSET = -1, PROTOCOL = 7 };

static bool is_word(const char *string)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return *string && strspn(string, letters) == strlen(string);
}

static void check_limits(struct pusher *pusher)
{
	if (pusher->once && pusher->max_failures != UNSET)
		die("--once and --max-failures exclude each other");
	if (pusher->max_failures == UNSET)
		pusher->max_failures = FAILURES;
	backoff_check(pusher->backoff.min, pusher->backoff.max);
	if (pusher->ping == 0 || pusher->ping_timeout == 0)
		die("--ping and --ping-timeout must be longer than 0");
	if (pusher->request.max_message == UINT64_MAX)
		pusher->request.max_message = pusher->source.max_line;
	if (pusher->request.max_message == 0 || pusher->request.max_message > pusher->source.max_line)
		die("--max-message is from 1 to what --max-line allows");
}

/* ---- where to connect to ---- */

/* The key in ".../app/KEY"; NULL: there is none. */
static char *key_of(const char *url)
{
	const char *app = strstr(url, "/app/");
	size_t length = app ? strcspn(app + 5, "/") : 0;

	return length > 0 && app[5 + length] == '\0' ? xstrndup(app + 5, length) : NULL;
}

/* The URL without the key: that of --cluster, or the operand. The caller's. */
static char *base_url(struct pusher *pusher, const char *given)
{
	size_t length;
	char *base;

	if (!given) {
		if (!pusher->key)
			die("no --app-key, and no URL");
		return text_format("wss://ws-%s.pusher.com", pusher->cluster ? pusher->cluster : "mt1");
	}
	if (pusher->cluster)
		die("a URL and --cluster exclude each other");
	if (strpbrk(given, "?#"))
		die("URL '%.*s?...': the query is made here", (int)strcspn(given, "?#"), given);
	base = xstrdup(given);
	length = strlen(base);
	while (length > 0 && base[length - 1] == '/')
		base[--length] = '\0';
	return base;
}

static void make_url(struct pusher *pusher, const char *given)
{
	char *base = base_url(pusher, given), *key = key_of(base), *whole;
	const char *mistake;

	if (key && pusher->key)
		die("--app-key and a URL with /app/KEY exclude each other");
	if (!key && !pusher->key)
		die("URL '%s': no --app-key, and no /app/KEY at its end", base);
	whole = text_format("%s%s%s?protocol=%d&client=pype&version=" PYPE_VERSION "&flash=false", base,
	                    key ? "" : "/app/", key ? "" : pusher->key, PROTOCOL);
	if (key)
		pusher->key = key;
	if (!is_word(pusher->key))
		die("--app-key takes letters, digits, '_' and '-'");
	mistake = opening_url(whole, &pusher->url, &pusher->shown);
	if (mistake)
		die("bad URL '%s': %s", base, mistake);
	pusher->shown[strcspn(pusher->shown, "?")] = '\0';
	free(base);
	free(whole);
}

static bool is_set(const char *value)
{
	return value && !(option_checking() && (*value == '@' || strncmp(value, "env:", 4) == 0));
}

static void check_user_data(const struct pusher *pusher)
{
	struct json_want want = {0};
	struct json_result result;
	struct json_span span;
	struct text text = {0};
	const char *mistake;
	bool good;

	if (!is_set(pusher->user_data))
		return;
	text_add_string(&text, pusher->user_data);
	json_pad(&text);
	json_want_path(&want, ".user_id", &mistake);
	good = json_scan(text.data, text.length, &want, &span, 0, &result) && span.kind != JSON_NONE;
	json_want_free(&want);
	text_free(&text);
	if (!good)
		die("--user-data takes a JSON object with a \"user_id\"");
}

static void check_auth(struct pusher *pusher)
{
	char *url, *shown;
	const char *mistake;

	if (pusher->auth_given && pusher->secret)
		die("--auth-url and --secret exclude each other");
	if (pusher->user_data && !pusher->secret)
		die("--user-data needs --secret");
	check_user_data(pusher);
	if (pusher->secret && !*pusher->secret)
		die("--secret is empty");
	if (is_set(pusher->auth_given)) {
		mistake = http_url(pusher->auth_given, &url, &shown);
		if (mistake)
			die("--auth-url: %s", mistake);
		free(shown);
		pusher->auth_url = url;
	}
}

/* Who is to be trusted with what: credentials for --auth-url are not for the server of the channels. */
static void share_settings(struct pusher *pusher)
{
	http_settings_check(&pusher->settings);
	pusher->auth_settings = pusher->settings;
	pusher->auth_settings.unix_socket = NULL;
	pusher->request.no_compression = pusher->settings.no_compression;
	if (pusher->auth_given) {
		pusher->settings.headers = (struct option_list){0};
		pusher->settings.user = pusher->settings.bearer = NULL;
		pusher->settings.netrc = false;
	}
	if (!pusher->origin)
		return;
	for (const char *s = pusher->origin; *s; s++)
		if (*s <= ' ' || *s > '~')
			die("--origin '%s' is none", pusher->origin);
	pusher->headers[0] = text_format("Origin: %s", pusher->origin);
	pusher->request.headers = pusher->headers;
}

/* All that can be known to be wrong without opening anything. */
static void check(struct pusher *pusher, char **operands)
{
	if (pusher->cluster && !is_word(pusher->cluster))
		die("--cluster takes letters, digits and '-', not '%s'", pusher->cluster);
	check_limits(pusher);
	check_auth(pusher);
	channels_check(pusher);
	share_settings(pusher);
	make_url(pusher, operands[0]);
}

static int run(struct pusher *pusher)
{
	int status;

	http_settings_files(&pusher->settings);
	source_open(&pusher->source);
	source_loop_open(&pusher->loop, link_stop, pusher);
	if (pusher->auth_given)
		pusher->http = http_new(pusher->loop.loop, &pusher->auth_settings);
	receive_init(pusher);
	link_init(pusher);
	if (pusher->count == 0 || pusher->place.events < pusher->count) {
		link_start(pusher);
		source_loop_run(&pusher->loop);
	}
	link_free(pusher);
	channels_free(pusher);
	if (pusher->http)
		http_free(pusher->http);
	source_loop_close(&pusher->loop);
	receive_free(pusher);
	status = source_close(&pusher->source);
	return pusher->status ? pusher->status : status;
}

int main(int argc, char **argv)
{
	struct pusher pusher = {.max_failures = UNSET,
	                        .backoff = {.min = UNIT_S, .max = UNIT_MINUTE, .reset = 5 * UNIT_S},
	                        .retry_after_max = UNIT_HOUR,
	                        .ping = 120 * UNIT_S,
	                        .ping_timeout = 30 * UNIT_S,
	                        .request = {.max_message = UINT64_MAX}};
	struct option options[] = {
		OPTION_STRING(0, "app-key", "KEY", &pusher.key, "the application's key"),
		OPTION_STRING(0, "cluster", "NAME", &pusher.cluster, "where the application is, at pusher.com (mt1)"),
		OPTION_LIST(0, "channel", "NAME", &pusher.names, "listen to this channel (repeatable)"),
		OPTION_STRING_SECRET(0, "auth-url", "URL", &pusher.auth_given,
	                             "where private channels are authorized (@FILE, env:NAME)"),
		OPTION_STRING_SECRET(0, "secret", "SECRET", &pusher.secret,
	                             "the application's secret, to authorize them here (@FILE, env:NAME)"),
		OPTION_STRING_SECRET(0, "user-data", "JSON", &pusher.user_data,
	                             "who we are on presence channels, with --secret (@FILE, env:NAME)"),
		OPTION_LIST(0, "event", "NAME", &pusher.events, "take the events of this name only (repeatable)"),
		OPTION_FLAG(0, "text", &pusher.as_text, "data stays a string, also if it holds JSON"),
		OPTION_NUMBER('n', "count", "N", &pusher.count, "end after N events"),
		OPTION_FLAG(0, "once", &pusher.once, "do not connect again"),
		OPTION_DURATION(0, "heartbeat", "TIME", &pusher.heartbeat, "connect anew if no event comes for TIME"),
		OPTION_DURATION(0, "ping", "TIME", &pusher.ping,
	                        "ping a server that is silent for TIME (what it says, at most 120s)"),
		OPTION_DURATION(0, "ping-timeout", "TIME", &pusher.ping_timeout, "it has to answer within TIME (30s)"),
		OPTION_NUMBER(0, "max-failures", "N", &pusher.max_failures,
	                      "give up after N failures in a row (10), 0: never"),
		BACKOFF_OPTIONS(&pusher.backoff, &pusher.retry_after_max),
		OPTION_SIZE(0, "max-message", "SIZE", &pusher.request.max_message,
	                    "limit for a message (as --max-line)"),
		OPTION_STRING(0, "origin", "URL", &pusher.origin, "send this Origin"),
		HTTP_HANDSHAKE_OPTIONS(&pusher.settings),
		OPTION_END,
	};
	char **operands;

	(void)argc;
	http_settings_init(&pusher.settings);
	operands = option_parse_both(&program, options, source_options(&pusher.source), argv);
	check(&pusher, operands);
	/* No return: the secrets that the options hold are never freed, and this frame is where they are. */
	exit(option_checking() ? STATUS_OK : run(&pusher));
}
