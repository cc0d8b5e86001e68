/*
 * pype-rest: polls URLs, and makes an event of every answer, or of every element of an array in it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cmd/sources/rest/rest.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/option.h"
#include "common/unit.h"
#include "common/zone.h"

static const struct option_program program = {
	.name = "pype-rest",
	.summary = "poll URLs for JSON",
	.operands = "[NAME=]URL...",
	.least = 1,
	.most = -1,
};

enum { UNSET = -1, FAILURES = 10, MAX_BODY = 16 << 20 };

/* Defaults that depend on other options. */
static void set_defaults(struct rest *rest)
{
	if (rest->once && rest->count > 0)
		die("--once and --count exclude each other");
	if (rest->once)
		rest->count = 1;
	if (rest->max_failures == UNSET)
		rest->max_failures = rest->once ? 1 : FAILURES;
	if (rest->max_body == UINT64_MAX)
		rest->max_body = rest->items ? 0 : MAX_BODY;
}

static void check_times(struct rest *rest)
{
	if (rest->every == 0)
		die("--every must be longer than 0");
	if (rest->retry_min == 0)
		die("--retry-min must be longer than 0");
	if (rest->retry_max < rest->retry_min)
		die("--retry-max is shorter than --retry-min");
}

static void compile_schedule(struct rest *rest)
{
	const char *mistake;

	if (rest->zone && !zone_set(rest->zone))
		die("there is no time zone '%s'", rest->zone);
	if (rest->zone && !rest->cron)
		die("--tz needs --cron");
	if (rest->cron && !schedule_parse(&rest->schedule, rest->cron, &mistake))
		die("--cron '%s': %s", rest->cron, mistake);
}

static void compile_items(const struct rest *rest)
{
	struct items items;
	const char *mistake;

	if (rest->items && !items_init(&items, rest->items, 0, NULL, NULL, &mistake))
		die("--items '%s': %s", rest->items, mistake);
	if (rest->items)
		items_free(&items);
}

static bool is_word(const char *string)
{
	return *string && !string[word_length(string)];
}

/* All that can be known to be wrong without opening anything. */
static void compile(struct rest *rest, char **operands)
{
	set_defaults(rest);
	if (!is_word(rest->name))
		die("--name takes letters, digits, '_' and '-', not '%s'", rest->name);
	if (rest->method && !is_word(rest->method))
		die("--method '%s' is none", rest->method);
	if (rest->method && strcmp(rest->method, "HEAD") == 0)
		die("--method HEAD: an answer without a body makes no event");
	check_times(rest);
	compile_schedule(rest);
	compile_items(rest);
	http_settings_check(&rest->settings);
	http_auth_settings_check(&rest->auth, &rest->settings);
	http_rate_settings_check(&rest->rate);
	http_statuses_check(&rest->statuses);
	rest->rate.most = rest->retry_after_max;
	while (operands[rest->poll_count])
		rest->poll_count++;
	rest->polls = xcalloc(rest->poll_count, sizeof(*rest->polls));
	for (size_t i = 0; i < rest->poll_count; i++)
		poll_init(&rest->polls[i], rest, operands[i]);
}

static int run(struct rest *rest)
{
	int status;

	http_settings_files(&rest->settings);
	if (getrandom(rest->random, sizeof(rest->random), 0) < 0)
		fail("no random numbers:");
	source_open(&rest->source);
	source_loop_open(&rest->loop, NULL, NULL);
	rest->asks = http_asks_new(rest->loop.loop, &rest->settings, &rest->auth, &rest->rate);
	for (size_t i = 0; i < rest->poll_count; i++)
		poll_start(&rest->polls[i]);
	source_loop_run(&rest->loop);
	for (size_t i = 0; i < rest->poll_count; i++)
		poll_free(&rest->polls[i]);
	http_asks_free(rest->asks);
	source_loop_close(&rest->loop);
	free(rest->polls);
	status = source_close(&rest->source);
	return rest->status ? rest->status : status;
}

int main(int argc, char **argv)
{
	struct rest rest = {.every = 30 * UNIT_S,
	                    .max_failures = UNSET,
	                    .retry_min = UNIT_S,
	                    .retry_max = UNIT_MINUTE,
	                    .retry_after_max = UNIT_HOUR,
	                    .max_body = UINT64_MAX};
	char name[] = "data";
	struct option options[] = {
		OPTION_DURATION('e', "every", "TIME", &rest.every, "pause from one poll to the next (30s)"),
		OPTION_STRING(0, "cron", "SPEC", &rest.cron, "poll at these times instead, as crontab(5) has them"),
		OPTION_STRING(0, "tz", "ZONE", &rest.zone, "time zone of --cron ($TZ)"),
		OPTION_FLAG(0, "once", &rest.once, "ask each URL once: --count 1 --max-failures 1"),
		OPTION_NUMBER('n', "count", "N", &rest.count, "end after N answers of each URL"),
		OPTION_FLAG(0, "overlap", &rest.overlap, "begin a poll though the one before is not over"),
		OPTION_NUMBER(0, "max-failures", "N", &rest.max_failures,
	                      "give up after N failures in a row (10), 0: never"),
		OPTION_DURATION(0, "retry-min", "TIME", &rest.retry_min, "shortest pause after a failure (1s)"),
		OPTION_DURATION(0, "retry-max", "TIME", &rest.retry_max, "longest pause after a failure (60s)"),
		OPTION_DURATION(0, "retry-after-max", "TIME", &rest.retry_after_max,
	                        "longest pause that a server may ask for (1h)"),
		OPTION_STRING(0, "items", "PATH", &rest.items, "an event for each element of the array at PATH"),
		OPTION_FLAG(0, "meta", &rest.meta, "put the body into an object, beside URL, status, type and ETag"),
		OPTION_STRING(0, "name", "NAME", &rest.name, "name of the events (data)"),
		OPTION_SIZE(0, "max-body", "SIZE", &rest.max_body, "limit for a body (16M, with --items none)"),
		OPTION_STRING('X', "method", "METHOD", &rest.method, "GET, or POST with --data"),
		OPTION_STRING_SECRET('d', "data", "TEXT", &rest.data, "body of the request (@FILE, env:NAME)"),
		HTTP_OPTIONS(&rest.settings),
		HTTP_AUTH_OPTIONS(&rest.auth),
		HTTP_RATE_OPTIONS(&rest.rate),
		HTTP_STATUS_OPTIONS(&rest.statuses),
		OPTION_END,
	};
	char **operands;

	(void)argc;
	rest.name = name;
	http_settings_init(&rest.settings);
	http_auth_settings_init(&rest.auth);
	http_rate_settings_init(&rest.rate);
	operands = option_parse_both(&program, options, source_options(&rest.source), argv);
	compile(&rest, operands);
	/* No return: the secrets that the options hold are never freed, and this frame is where they are. */
	exit(option_checking() ? STATUS_OK : run(&rest));
}
