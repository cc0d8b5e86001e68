/*
 * pype-rest: polls URLs, and makes an event of every answer, or of every element of an array in it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/sources/rest/rest.h"
#include "common/backoff.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/option.h"
#include "common/output.h"
#include "common/unit.h"
#include "common/zone.h"

static const struct option_program program = {
	.name = "pype-rest",
	.summary = "poll URLs for JSON",
	.operands = "[NAME=]URL...",
	.least = 0,
	.most = -1,
};

enum { UNSET = -1, FAILURES = 10, MAX_BODY = 16 << 20, URLS_MAX = 64 << 20, PARALLEL = 256, OPEN_BESIDE = 300 };

/* Defaults that depend on other options. */
static void set_defaults(struct rest *rest)
{
	if (rest->once && rest->count > 0)
		die("--once and --count exclude each other");
	if (rest->once)
		rest->count = 1;
	if (rest->max_failures == UNSET)
		rest->max_failures = rest->once ? 1 : FAILURES;
	rest->meta |= rest->meta_headers.count > 0;
	if (rest->max_body == UINT64_MAX)
		rest->max_body = rest->items ? 0 : MAX_BODY;
}

static void check_times(struct rest *rest)
{
	if (rest->every == 0)
		die("--every must be longer than 0");
	backoff_check(rest->retry_min, rest->retry_max);
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

/* A file of operands, one a line; empty lines and those that begin with '#' are none. */
static void read_urls(const char *path, struct option_list *operands)
{
	bool standard = strcmp(path, "-") == 0;
	struct text content = {0};
	char *left, *line;
	int fd;

	if (option_checking())
		return;
	fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || text_add_file(&content, fd, URLS_MAX) != 0)
		die("--urls '%s':", path);
	if (!standard)
		close(fd);
	text_add_string(&content, "");
	for (left = content.data; (line = strsep(&left, "\n"));) {
		size_t length = strlen(line);

		while (length > 0 && strchr(" \t\r", line[length - 1]))
			line[--length] = '\0';
		line += strspn(line, " \t");
		if (*line && *line != '#')
			option_list_add(operands, xstrdup(line));
	}
	text_free(&content);
}

static int by_id(const void *a, const void *b)
{
	const struct poll *const *x = a, *const *y = b;

	if ((*x)->id != (*y)->id)
		return (*x)->id < (*y)->id ? -1 : 1;
	return (*x > *y) - (*x < *y);
}

/* A URL that is there more than once has as many places. */
static void tell_apart(struct rest *rest)
{
	struct poll **sorted = xcalloc(rest->poll_count, sizeof(struct poll *));
	uint64_t salt = place_hash(0, rest->data ? rest->data : "", rest->data ? strlen(rest->data) : 0);

	for (size_t i = 0; i < rest->poll_count; i++)
		sorted[i] = &rest->polls[i];
	qsort(sorted, rest->poll_count, sizeof(struct poll *), by_id);
	for (size_t i = 0, same = 0; i < rest->poll_count; i++) {
		same = i > 0 && sorted[i]->id == sorted[i - 1]->id ? same + 1 : 0;
		sorted[i]->number = same;
	}
	for (size_t i = 0; i < rest->poll_count; i++)
		rest->polls[i].id ^= salt + rest->polls[i].number * 0x9e3779b97f4a7c15;
	free(sorted);
}

static void make_polls(struct rest *rest, char **operands)
{
	struct option_list all = {0};

	for (; *operands; operands++)
		option_list_add(&all, xstrdup(*operands));
	if (rest->urls)
		read_urls(rest->urls, &all);
	if (all.count == 0 && !(rest->urls && option_checking()))
		die(rest->urls ? "--urls '%s' holds no URL" : "there is no URL%s", rest->urls ? rest->urls : "");
	rest->polls = xcalloc(all.count + 1, sizeof(*rest->polls));
	for (; rest->poll_count < all.count; rest->poll_count++) {
		poll_init(&rest->polls[rest->poll_count], rest, all.items[rest->poll_count]);
		free(all.items[rest->poll_count]);
	}
	free(all.items);
	tell_apart(rest);
}

/* A cursor to begin with: a number, or else a text. */
static void set_cursor_start(struct rest *rest)
{
	struct text json = {0};
	struct json_result result;

	if (!rest->cursor_start)
		return;
	text_add_string(&json, rest->cursor_start);
	json_pad(&json);
	if (!json_scan(json.data, json.length, NULL, NULL, 0, &result) || result.kind != JSON_NUMBER) {
		text_clear(&json);
		json_add_string(&json, rest->cursor_start, strlen(rest->cursor_start));
	}
	rest->cursor_start = text_detach(&json);
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
	if (rest->record && rest->replay)
		die("--record and --replay exclude each other");
	if (rest->parallel == 0)
		die("--parallel must be more than 0");
	check_times(rest);
	compile_schedule(rest);
	compile_items(rest);
	http_settings_check(&rest->settings);
	http_auth_settings_check(&rest->auth, &rest->settings);
	http_rate_settings_check(&rest->rate);
	http_statuses_check(&rest->statuses);
	rest->rate.most = rest->retry_after_max;
	make_polls(rest, operands);
	requests_init(rest);
	pages_init(rest);
	set_cursor_start(rest);
}

/* What would be asked now, and no more. */
static int dry_run(struct rest *rest)
{
	source_open(&rest->source);
	places_look(rest);
	for (size_t i = 0; i < rest->poll_count; i++) {
		struct poll *poll = &rest->polls[i];
		struct request request;

		if (poll->place.opened == 0)
			poll->place.scheduled = moment_unix();
		request_init(&request, poll);
		output_check(i > 0 && putchar('\n') < 0 ? -1 : 0);
		exchange_print(rest, &(struct http_request){.url = request.url,
		                                            .method = rest->method,
		                                            .headers = (const char *const *)request.headers.items,
		                                            .body = request.body});
		request_free(&request);
		poll_free(poll);
	}
	free(rest->polls);
	requests_free(rest);
	pages_free(rest);
	return source_close(&rest->source);
}

/* Requests under way, connections that are kept for later, and what else is open. */
static void make_room(const struct rest *rest)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)rest->parallel + OPEN_BESIDE;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(struct rest *rest)
{
	int status;

	http_settings_files(&rest->settings);
	if (getrandom(rest->random, sizeof(rest->random), 0) < 0)
		fail("no random numbers:");
	if (rest->dry_run)
		return dry_run(rest);
	make_room(rest);
	source_open(&rest->source);
	source_loop_open(&rest->loop, NULL, NULL);
	rest->asks = http_asks_new(rest->loop.loop, &rest->settings, &rest->auth, &rest->rate);
	exchanges_open(rest);
	places_open(rest);
	for (size_t i = 0; i < rest->poll_count; i++)
		poll_start(&rest->polls[i]);
	source_loop_run(&rest->loop);
	places_close(rest);
	for (size_t i = 0; i < rest->poll_count; i++)
		poll_free(&rest->polls[i]);
	exchanges_close(rest);
	requests_free(rest);
	pages_free(rest);
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
	                    .parallel = PARALLEL,
	                    .page_start = 1,
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
		OPTION_STRING(0, "next-token", "EXPR", &rest.next_token,
	                      "more pages: the next {token} is what jq's EXPR finds"),
		OPTION_STRING(0, "next-url", "EXPR", &rest.next_url,
	                      "more pages: the next URL is what jq's EXPR finds"),
		OPTION_FLAG(0, "next-link", &rest.next_link, "more pages: the next URL is in the header Link"),
		OPTION_LIST(0, "next-origin", "URL", &rest.next_origins,
	                    "pages may be at this scheme, host and port too (repeatable)"),
		OPTION_STRING(0, "until", "EXPR", &rest.until, "the last page is the one for which jq's EXPR is true"),
		OPTION_NUMBER(0, "max-pages", "N", &rest.max_pages, "most pages of a poll"),
		OPTION_NUMBER(0, "page-start", "N", &rest.page_start, "the first {page} (1)"),
		OPTION_NUMBER(0, "page-size", "N", &rest.page_size,
	                      "what {offset} grows by with each page (its elements)"),
		OPTION_STRING(0, "cursor", "EXPR", &rest.cursor,
	                      "remember what jq's EXPR finds in each event, as {cursor}"),
		OPTION_CHOICE(0, "cursor-take", "greatest|last", &rest.cursor_take,
	                      "which of them to remember (greatest)"),
		OPTION_STRING(0, "cursor-start", "TEXT", &rest.cursor_start, "{cursor} at the very beginning"),
		OPTION_STRING(0, "state", "FILE", &rest.places.path,
	                      "keep in FILE where each URL is, from one run to the next"),
		OPTION_FLAG(0, "conditional", &rest.conditional, "ask for what has changed only (ETag, Last-Modified)"),
		OPTION_FLAG(0, "meta", &rest.meta, "put the body into an object, beside URL, status and more"),
		OPTION_LIST(0, "meta-header", "NAME", &rest.meta_headers,
	                    "--meta, with this header of the answer; '*': all (repeatable)"),
		OPTION_FLAG(0, "emit-errors", &rest.emit_errors, "write an event 'error' for each failure"),
		OPTION_STRING(0, "name", "NAME", &rest.name, "name of the events (data)"),
		OPTION_SIZE(0, "max-body", "SIZE", &rest.max_body, "limit for a body (16M, with --items none)"),
		OPTION_STRING('X', "method", "METHOD", &rest.method, "GET, or POST with --data"),
		OPTION_STRING_SECRET('d', "data", "TEXT", &rest.data, "body of the request (@FILE, env:NAME)"),
		OPTION_STRING(0, "urls", "FILE", &rest.urls, "more URLs, one a line"),
		OPTION_NUMBER(0, "parallel", "N", &rest.parallel, "most requests at the same time (256)"),
		OPTION_FLAG(0, "dry-run", &rest.dry_run, "print what would be asked, and ask nothing"),
		OPTION_STRING(0, "record", "DIR", &rest.record, "record all requests and answers in DIR"),
		OPTION_STRING(0, "replay", "DIR", &rest.replay, "take the answers from there, not from the network"),
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
