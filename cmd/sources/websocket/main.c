/*
 * pype-websocket: keeps a WebSocket open, and makes an event of every message.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/sources/websocket/tool.h"
#include "common/memory.h"
#include "common/opening.h"
#include "common/option.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-websocket",
	.summary = "keep a WebSocket open and read its messages",
	.operands = "[URL]",
	.least = 0,
	.most = 1,
};

enum { FAILURES = 10, UNSET = -1 };

/* ---- options that stand in order ---- */

static struct step *add_step(struct tool *tool, int kind, char *text)
{
	tool->steps = xreallocarray(tool->steps, tool->step_count + 1, sizeof(*tool->steps));
	tool->steps[tool->step_count] = (struct step){.kind = kind, .text = text};
	return &tool->steps[tool->step_count++];
}

static size_t add_pattern(struct tool *tool, const char *option, const char *given)
{
	const char *mistake = pattern_add(&tool->patterns, given);

	if (mistake)
		die("%s '%s': %s", option, given, mistake);
	return tool->patterns.count - 1;
}

static void take_send(void *context, char **values)
{
	add_step(context, STEP_SEND, option_checking() ? xstrdup("") : option_secret(values[0]));
}

static void take_command(void *context, char **values)
{
	add_step(context, STEP_COMMAND, xstrdup(values[0]));
}

static void take_expect(void *context, char **values)
{
	struct tool *tool = context;

	add_step(tool, STEP_EXPECT, xstrdup(values[0]))->pattern = add_pattern(tool, "--expect", values[0]);
}

static void take_ignore(void *context, char **values)
{
	struct tool *tool = context;

	tool->ignored = xreallocarray(tool->ignored, tool->ignored_count + 1, sizeof(*tool->ignored));
	tool->ignored[tool->ignored_count++] = add_pattern(tool, "--ignore", values[0]);
}

/* ---- what can be wrong ---- */

static bool is_word(const char *string)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return *string && strspn(string, letters) == strlen(string);
}

/* A token of RFC 9110 5.6.2. */
static bool is_token(const char *string)
{
	for (const char *s = string; *s; s++)
		if (*s <= ' ' || *s > '~' || strchr("()<>@,;:\\\"/[]?={}", *s))
			return false;
	return *string;
}

static void check_times(struct tool *tool)
{
	backoff_check(tool->backoff.min, tool->backoff.max);
	if (tool->expect_timeout == 0)
		die("--expect-timeout must be longer than 0");
	if (tool->heartbeat_every != UNSET && !tool->heartbeat_send)
		die("--heartbeat-every needs --heartbeat-send");
	if (tool->heartbeat_every == 0)
		die("--heartbeat-every must be longer than 0");
	if (tool->heartbeat_every == UNSET)
		tool->heartbeat_every = tool->request.idle ? tool->request.idle / 2 : 30 * UNIT_S;
}

/* A value may hold several, one a line. */
static void check_header(const char *value)
{
	static const char *const ours[] = {"Upgrade:", "Connection:", "Sec-WebSocket-"};

	for (const char *line = value; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
			if (strncasecmp(line, ours[i], strlen(ours[i])) == 0)
				die("--header %.*s: this header is made here%s", (int)strcspn(line, ":"), line,
				    strncasecmp(line, "Sec-WebSocket-Protocol", 22) == 0 ? "; use --protocol" : "");
}

static void check_settings(struct tool *tool)
{
	http_settings_check(&tool->settings);
	if (tool->bearer_command && (tool->settings.bearer || tool->settings.user))
		die("--bearer-command and --bearer or --user exclude each other");
	for (size_t i = 0; i < tool->settings.headers.count; i++)
		check_header(tool->settings.headers.items[i]);
	if (tool->origin) {
		for (const char *s = tool->origin; *s; s++)
			if (*s <= ' ' || *s > '~')
				die("--origin '%s' is none", tool->origin);
		option_list_add(&tool->settings.headers, text_format("Origin: %s", tool->origin));
	}
}

static char *join_protocols(const struct option_list *protocols)
{
	struct text joined = {0};

	for (size_t i = 0; i < protocols->count; i++) {
		if (!is_token(protocols->items[i]))
			die("--protocol '%s' is none", protocols->items[i]);
		text_addf(&joined, "%s%s", i > 0 ? ", " : "", protocols->items[i]);
	}
	return text_detach(&joined);
}

static void check_limits(struct tool *tool)
{
	if (tool->once && tool->max_failures != UNSET)
		die("--once and --max-failures exclude each other");
	if (tool->max_failures == UNSET)
		tool->max_failures = FAILURES;
	if (tool->request.max_message == UINT64_MAX)
		tool->request.max_message = tool->source.max_line;
	if (tool->request.max_message == 0 || tool->request.max_message > tool->source.max_line)
		die("--max-message is from 1 to what --max-line allows");
	if (link_listed(tool->fatal, 0) < 0)
		die("--fatal-codes takes codes and ranges such as 401,1008,4001-4005, not '%s'", tool->fatal);
	if (tool->close_on_eof && !tool->from_input)
		die("--close-on-eof needs --stdin");
}

static void take_url(struct tool *tool, const char *given)
{
	bool secret = given && (*given == '@' || strncmp(given, "env:", 4) == 0);
	const char *mistake;
	char *url;

	if (!given == !tool->url_command)
		die(given ? "a URL and --url-command exclude each other" : "no URL, and no --url-command");
	if (!given || (secret && option_checking()))
		return;
	url = option_secret(given);
	mistake = opening_url(url, &tool->url, &tool->shown);
	if (mistake)
		die("bad URL '%s': %s", secret ? given : url, mistake);
	free(url);
}

/* All that can be known to be wrong without opening anything. */
static void check(struct tool *tool, char **operands)
{
	if (!is_word(tool->name))
		die("--name takes letters, digits, '_' and '-', not '%s'", tool->name);
	check_limits(tool);
	check_times(tool);
	check_settings(tool);
	if (tool->protocols.count > 0)
		tool->request.protocols = join_protocols(&tool->protocols);
	tool->request.no_compression = tool->settings.no_compression;
	take_url(tool, operands[0]);
}

static void must_be_readable(const char *path, const char *word)
{
	if (path && access(path, R_OK) < 0)
		die("--%s '%s':", word, path);
}

static int run(struct tool *tool)
{
	int status;

	must_be_readable(tool->settings.cacert, "cacert");
	must_be_readable(tool->settings.cert, "cert");
	must_be_readable(tool->settings.key, "key");
	source_open(&tool->source);
	source_loop_open(&tool->loop, link_stop, tool);
	script_init(tool);
	link_init(tool);
	input_start(tool);
	if (tool->count > 0 && tool->place.messages >= tool->count)
		link_finish(tool, STATUS_OK);
	else
		link_start(tool);
	if (!tool->ending || tool->socket)
		source_loop_run(&tool->loop);
	script_stop(tool);
	link_free(tool);
	source_loop_close(&tool->loop);
	input_free(tool);
	content_free(tool);
	patterns_free(&tool->patterns);
	status = source_close(&tool->source);
	return tool->status ? tool->status : status;
}

int main(int argc, char **argv)
{
	struct tool tool = {
		.max_failures = UNSET,
		.backoff = {.min = UNIT_S, .max = UNIT_MINUTE, .reset = 5 * UNIT_S},
		.retry_after_max = UNIT_HOUR,
		.expect_timeout = 10 * UNIT_S,
		.heartbeat_every = UNSET,
		.request = {.ping = 30 * UNIT_S, .max_message = UINT64_MAX},
	};
	char name[] = "message";
	struct option options[] = {
		OPTION_CALL(0, "send", "TEXT", take_send, &tool,
	                    "send this when connected (repeatable, @FILE, env:NAME)"),
		OPTION_CALL(0, "send-command", "COMMAND", take_command, &tool, "send what this prints (repeatable)"),
		OPTION_CALL(0, "expect", "PATTERN", take_expect, &tool,
	                    "go on when TEXT or .PATH=VALUE has come (repeatable)"),
		OPTION_DURATION(0, "expect-timeout", "TIME", &tool.expect_timeout,
	                        "… which has to be within TIME (10s)"),
		OPTION_CALL(0, "ignore", "PATTERN", take_ignore, &tool, "no event for messages like this (repeatable)"),
		OPTION_DURATION(0, "heartbeat", "TIME", &tool.request.idle,
	                        "connect anew if no message comes for TIME"),
		OPTION_STRING_SECRET(0, "heartbeat-send", "TEXT", &tool.heartbeat_send,
	                             "send this again and again (@FILE, env:NAME)"),
		OPTION_DURATION(0, "heartbeat-every", "TIME", &tool.heartbeat_every,
	                        "how often (half of --heartbeat, or 30s)"),
		OPTION_DURATION(0, "ping", "TIME", &tool.request.ping,
	                        "ping a server that is silent for TIME (30s), 0: never"),
		OPTION_DURATION(0, "ping-timeout", "TIME", &tool.request.pong,
	                        "it has to answer within TIME (that of --ping)"),
		OPTION_FLAG(0, "once", &tool.once, "do not connect again"),
		OPTION_NUMBER('n', "count", "N", &tool.count, "end after N messages"),
		OPTION_NUMBER(0, "max-failures", "N", &tool.max_failures,
	                      "give up after N failures in a row (10), 0: never"),
		BACKOFF_OPTIONS(&tool.backoff, &tool.retry_after_max),
		OPTION_STRING(0, "fatal-codes", "LIST", &tool.fatal,
	                      "close codes and HTTP statuses that end it, with 2"),
		OPTION_CHOICE(0, "format", "auto|json|text", &tool.format, "what messages are taken for (auto)"),
		OPTION_CHOICE(0, "binary", "base64|text|gzip|zlib|deflate", &tool.binary,
	                      "what binary messages are (base64)"),
		OPTION_SIZE(0, "max-message", "SIZE", &tool.request.max_message, "limit for a message (as --max-line)"),
		OPTION_STRING(0, "name", "NAME", &tool.name, "name of the messages' events (message)"),
		OPTION_FLAG(0, "stdin", &tool.from_input, "send the lines of standard input"),
		OPTION_FLAG(0, "close-on-eof", &tool.close_on_eof, "… and end when they are sent"),
		OPTION_LIST(0, "protocol", "NAME", &tool.protocols, "offer this subprotocol (repeatable)"),
		OPTION_STRING(0, "origin", "URL", &tool.origin, "send this Origin"),
		OPTION_STRING(0, "url-command", "COMMAND", &tool.url_command, "connect to the URL that this prints"),
		OPTION_STRING(0, "bearer-command", "COMMAND", &tool.bearer_command, "send the token that this prints"),
		HTTP_HANDSHAKE_OPTIONS(&tool.settings),
		OPTION_END,
	};
	char **operands;

	(void)argc;
	tool.name = name;
	http_settings_init(&tool.settings);
	operands = option_parse_both(&program, options, source_options(&tool.source), argv);
	check(&tool, operands);
	/* No return: the secrets that the options hold are never freed, and this frame is where they are. */
	exit(option_checking() ? STATUS_OK : run(&tool));
}
