/*
 * pype-fetch: an HTTP request for each event.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/fetch/fetch.h"
#include "common/message.h"
#include "common/option.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-fetch",
	.summary = "make an HTTP request for each event",
	.operands = "URL",
	.least = 1,
	.most = 1,
};

enum { FAILURES = 5, MAX_BODY = 16 << 20, CACHE_ANSWERS = 1000, CACHE_MOST = 10000000 };

static bool is_word(const char *string)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return *string && !string[strspn(string, good)];
}

static void check_options(struct fetch *fetch)
{
	if (fetch->jobs < 1 || fetch->jobs > JOBS_MOST)
		die("--jobs: from 1 to %d", JOBS_MOST);
	if (!is_word(fetch->name))
		die("--name takes letters, digits, '_' and '-', not '%s'", fetch->name);
	if (fetch->data_text && fetch->body_text)
		die("--data and --body exclude each other");
	if (fetch->bare && fetch->into_text)
		die("--bare and --into exclude each other");
	if (fetch->retry_min == 0)
		die("--retry-min must be longer than 0");
	if (fetch->retry_max < fetch->retry_min)
		die("--retry-max is shorter than --retry-min");
	if (fetch->cache_errors > 0 && fetch->cache_time == 0)
		die("--cache-errors needs --cache");
	if (fetch->cache_most < 1 || fetch->cache_most > CACHE_MOST)
		die("--cache-size: from 1 to %d", CACHE_MOST);
	fetch->meta |= fetch->meta_headers.count > 0;
	fetch->rate.most = fetch->retry_after_max;
	http_settings_check(&fetch->settings);
	http_auth_settings_check(&fetch->auth, &fetch->settings);
	http_rate_settings_check(&fetch->rate);
	http_statuses_check(&fetch->statuses);
}

static int fetch_all(struct fetch *fetch)
{
	int status;

	http_settings_files(&fetch->settings);
	status = run(fetch);
	requests_free(fetch);
	results_free(fetch);
	return status;
}

int main(int argc, char **argv)
{
	struct fetch fetch = {.jobs = 1,
	                      .as = -1,
	                      .max_failures = FAILURES,
	                      .retry_min = UNIT_S,
	                      .retry_max = UNIT_MINUTE,
	                      .retry_after_max = UNIT_HOUR,
	                      .cache_most = CACHE_ANSWERS,
	                      .max_body = MAX_BODY};
	char name[] = "data";
	const struct option options[] = {
		OPTION_STRING(0, "into", "PATH", &fetch.into_text, "put the answer into the event, there"),
		OPTION_FLAG(0, "meta", &fetch.meta, "put the body into an object, beside URL, status and more"),
		OPTION_LIST(0, "meta-header", "NAME", &fetch.meta_headers,
	                    "--meta, with this header of the answer; '*': all (repeatable)"),
		OPTION_CHOICE(0, "as", "json|text", &fetch.as, "what the body is (JSON, or else a text)"),
		OPTION_STRING(0, "name", "NAME", &fetch.name, "name of the events (data)"),
		OPTION_FLAG(0, "bare", &fetch.bare, "write the body alone, without an event around it"),
		OPTION_STRING('X', "method", "METHOD", &fetch.method_text, "GET, or POST with a body"),
		OPTION_STRING_SECRET('d', "data", "TEXT", &fetch.data_text, "body of the request (@FILE, env:NAME)"),
		OPTION_STRING(0, "body", "EXPR", &fetch.body_text,
	                      "body of the request: what jq's EXPR makes of the event"),
		OPTION_LIST(0, "origin", "URL", &fetch.origins,
	                    "an event may ask this scheme, host and port; '*': any (repeatable)"),
		OPTION_NUMBER('j', "jobs", "N", &fetch.jobs, "requests at a time (1)"),
		OPTION_FLAG(0, "unordered", &fetch.unordered,
	                    "write answers as they come, not in the order of the events"),
		OPTION_DURATION(0, "cache", "TIME", &fetch.cache_time, "use an answer again for this time"),
		OPTION_NUMBER(0, "cache-size", "N", &fetch.cache_most, "answers that are kept for that (1000)"),
		OPTION_DURATION(0, "cache-errors", "TIME", &fetch.cache_errors, "use failures again for this time (0)"),
		OPTION_NUMBER(0, "max-failures", "N", &fetch.max_failures,
	                      "give an event up after N failures (5), 0: never"),
		OPTION_DURATION(0, "retry-min", "TIME", &fetch.retry_min,
	                        "bound of the first pause after a failure (1s)"),
		OPTION_DURATION(0, "retry-max", "TIME", &fetch.retry_max, "bound of the longest one (60s)"),
		OPTION_DURATION(0, "retry-after-max", "TIME", &fetch.retry_after_max,
	                        "longest pause that a server may ask for (1h)"),
		OPTION_FLAG(0, "emit-errors", &fetch.emit_errors, "pass events that failed on, with the reason"),
		OPTION_SIZE(0, "max-body", "SIZE", &fetch.max_body, "limit for a body (16M)"),
		HTTP_OPTIONS(&fetch.settings),
		HTTP_AUTH_OPTIONS(&fetch.auth),
		HTTP_RATE_OPTIONS(&fetch.rate),
		OPTION_STRING(0, "success", "LIST", &fetch.statuses.success, "statuses that are answers (200-299)"),
		OPTION_STRING(0, "retry-status", "LIST", &fetch.statuses.retry,
	                      "statuses that are tried again (408,425,429,5xx)"),
		OPTION_STRING(0, "fatal-status", "LIST", &fetch.statuses.fatal,
	                      "statuses that end it at once, with 2 (none)"),
		OPTION_END,
	};
	char **operands;

	(void)argc;
	fetch.name = name;
	http_settings_init(&fetch.settings);
	http_auth_settings_init(&fetch.auth);
	http_rate_settings_init(&fetch.rate);
	operands = option_parse_both(&program, options, stage_options(&fetch.stage), argv);
	fetch.url_text = operands[0];
	check_options(&fetch);
	requests_init(&fetch);
	results_init(&fetch);
	/* No return: the secrets that the options hold are never freed, and this frame is where they are. */
	exit(option_checking() ? STATUS_OK : fetch_all(&fetch));
}
