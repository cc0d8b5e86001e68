/*
 * pype-sse: reads an endless HTTP answer, server-sent events or JSON texts, and makes an event of each.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/sse/sse.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-sse",
	.summary = "read server-sent events and other endless HTTP answers",
	.operands = "URL",
	.least = 1,
	.most = 1,
};

enum { FAILURES = 10, UNSET = -1 };

static bool is_word(const char *string)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return *string && strspn(string, letters) == strlen(string);
}

static void check_limits(struct sse *sse)
{
	if (sse->once && sse->max_failures != UNSET)
		die("--once and --max-failures exclude each other");
	if (sse->max_failures == UNSET)
		sse->max_failures = FAILURES;
	backoff_check(sse->backoff.min, sse->backoff.max);
	if (sse->max_message == UINT64_MAX)
		sse->max_message = sse->source.max_line;
	if (sse->max_message == 0 || sse->max_message > sse->source.max_line)
		die("--max-message is from 1 to what --max-line allows");
	if (!http_status_list(sse->retry_status ? sse->retry_status : "408,425,429,500-599", &sse->retries))
		die("--retry-status takes statuses and ranges such as 429,500-599, not '%s'", sse->retry_status);
}

static void check_id(const struct sse *sse)
{
	for (const char *s = sse->first_id; s && *s; s++)
		if (*s == '\r' || *s == '\n')
			die("--last-event-id holds a line break");
	if (sse->first_id && strlen(sse->first_id) > SSE_STREAM_ID)
		die("--last-event-id is longer than %d bytes", SSE_STREAM_ID);
	if (sse->format > FORMAT_SSE && (sse->first_id || sse->state_path || sse->events.count > 0))
		die("--last-event-id, --state and --event are for server-sent events: other streams have no such "
		    "thing");
}

static void take_url(struct sse *sse, const char *given)
{
	bool secret = *given == '@' || strncmp(given, "env:", 4) == 0;
	const char *mistake;
	char *url;

	if (secret && option_checking())
		return;
	url = option_secret(given);
	mistake = http_url(url, &sse->url, &sse->shown);
	if (mistake)
		die("bad URL '%s': %s", secret ? given : url, mistake);
	free(url);
}

/* All that can be known to be wrong without opening anything. */
static void check(struct sse *sse, char **operands)
{
	if (!is_word(sse->name))
		die("--name takes letters, digits, '_' and '-', not '%s'", sse->name);
	if (sse->method && !is_word(sse->method))
		die("--method '%s' is none", sse->method);
	if (sse->method && strcmp(sse->method, "HEAD") == 0)
		die("--method HEAD: an answer without a body is no stream");
	check_limits(sse);
	check_id(sse);
	http_settings_check(&sse->settings);
	http_auth_settings_check(&sse->auth, &sse->settings);
	http_rate_settings_check(&sse->rate);
	sse->rate.most = sse->retry_after_max;
	take_url(sse, operands[0]);
}

static int run(struct sse *sse)
{
	int status;

	http_settings_files(&sse->settings);
	source_open(&sse->source);
	emit_init(sse);
	place_open(sse);
	source_loop_open(&sse->loop, link_stop, sse);
	sse->asks = http_asks_new(sse->loop.loop, &sse->settings, &sse->auth, &sse->rate);
	link_init(sse);
	if (sse->count == 0 || sse->place.events < sse->count) {
		link_start(sse);
		source_loop_run(&sse->loop);
	}
	link_free(sse);
	http_asks_free(sse->asks);
	place_close(sse);
	source_loop_close(&sse->loop);
	emit_free(sse);
	status = source_close(&sse->source);
	return sse->status ? sse->status : status;
}

int main(int argc, char **argv)
{
	struct sse sse = {.max_failures = UNSET,
	                  .backoff = {.min = UNIT_S, .max = UNIT_MINUTE, .reset = 5 * UNIT_S},
	                  .retry_after_max = UNIT_HOUR,
	                  .max_message = UINT64_MAX};
	char name[] = "message";
	struct option options[] = {
		OPTION_CHOICE(0, "format", "auto|sse|ndjson|json-seq", &sse.format,
	                      "what the answer is (auto: by its type)"),
		OPTION_LIST(0, "event", "NAME", &sse.events, "take the events of this name only (repeatable)"),
		OPTION_FLAG(0, "text", &sse.as_text, "data is a string, also if it is JSON"),
		OPTION_STRING(0, "name", "NAME", &sse.name, "name of events that have none (message)"),
		OPTION_STRING(0, "last-event-id", "ID", &sse.first_id, "begin behind this event"),
		OPTION_STRING(0, "state", "FILE", &sse.state_path, "keep the last event ID in FILE, and go on there"),
		OPTION_NUMBER('n', "count", "N", &sse.count, "end after N events"),
		OPTION_FLAG(0, "once", &sse.once, "do not connect again"),
		OPTION_DURATION(0, "heartbeat", "TIME", &sse.heartbeat,
	                        "connect anew if nothing comes for TIME, not even a comment"),
		OPTION_NUMBER(0, "max-failures", "N", &sse.max_failures,
	                      "give up after N failures in a row (10), 0: never"),
		BACKOFF_OPTIONS(&sse.backoff, &sse.retry_after_max),
		OPTION_STRING(0, "retry-status", "LIST", &sse.retry_status,
	                      "the only statuses that are tried again (408,425,429,500-599)"),
		OPTION_SIZE(0, "max-message", "SIZE", &sse.max_message, "limit for an event's data (as --max-line)"),
		OPTION_STRING('X', "method", "METHOD", &sse.method, "GET, or POST with --data"),
		OPTION_STRING_SECRET('d', "data", "TEXT", &sse.data, "body of the request (@FILE, env:NAME)"),
		HTTP_OPTIONS(&sse.settings),
		HTTP_AUTH_OPTIONS(&sse.auth),
		OPTION_END,
	};
	char **operands;

	(void)argc;
	sse.name = name;
	http_settings_init(&sse.settings);
	http_auth_settings_init(&sse.auth);
	http_rate_settings_init(&sse.rate);
	operands = option_parse_both(&program, options, source_options(&sse.source), argv);
	check(&sse, operands);
	/* No return: the secrets that the options hold are never freed, and this frame is where they are. */
	exit(option_checking() ? STATUS_OK : run(&sse));
}
