/*
 * pype-socketio: follows a Socket.IO server, and makes an event of each of its events.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/sources/socketio/address.h"
#include "cmd/sources/socketio/socketio.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/option.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-socketio",
	.summary = "follow a Socket.IO server",
	.operands = "URL",
	.least = 1,
	.most = 1,
};

enum { UNSET = -1, FAILURES = 10, MAX_MESSAGE = 16 << 20 };

/* --namespace, and what stands behind one and belongs to it, in the order of the command line. */
enum given_kind { GIVEN_SPACE, GIVEN_AUTH, GIVEN_EMIT, GIVEN_ASK };

struct given {
	struct {
		enum given_kind kind;
		char *value;
	} * items;
	size_t count;
};

static void add_given(struct given *given, enum given_kind kind, char *value)
{
	given->items = xreallocarray(given->items, given->count + 1, sizeof(*given->items));
	given->items[given->count].kind = kind;
	given->items[given->count++].value = value;
}

static void give_space(void *context, char **values)
{
	add_given(context, GIVEN_SPACE, values[0]);
}

static void give_auth(void *context, char **values)
{
	add_given(context, GIVEN_AUTH, values[0]);
}

static void give_emit(void *context, char **values)
{
	add_given(context, GIVEN_EMIT, values[0]);
}

static void give_ask(void *context, char **values)
{
	add_given(context, GIVEN_ASK, values[0]);
}

static bool is_unread(const char *value)
{
	return value && option_checking() && (*value == '@' || strncmp(value, "env:", 4) == 0);
}

static void check_space(const struct socketio *socketio, const char *name)
{
	if (*name != '/')
		die("--namespace takes '/NAME', not '%s'", name);
	for (const char *s = name; *s; s++)
		if (*s == ',' || *s == '?' || (unsigned char)*s < ' ' || *s == 0x7f)
			die("--namespace '%s' holds what no namespace may", name);
	for (size_t i = 0; i < socketio->space_count; i++)
		if (strcmp(socketio->spaces[i].name, name) == 0)
			die("--namespace '%s' is given twice", name);
}

static void add_space(struct socketio *socketio, const char *name)
{
	check_space(socketio, name);
	socketio->spaces = xreallocarray(socketio->spaces, socketio->space_count + 1, sizeof(*socketio->spaces));
	socketio->spaces[socketio->space_count++] = (struct space){.socketio = socketio, .name = xstrdup(name)};
}

static void set_auth(struct space *space, const char *value)
{
	struct text payload = {0};

	if (space->auth)
		die("--auth is given twice for namespace '%s'", space->name);
	if (space->socketio->dialect == 1)
		die("--auth: there is no such thing with --dialect 0.9 (--query, --header)");
	space->auth = value;
	if (!is_unread(value) && !space_auth(space, &payload))
		die("--auth takes a JSON object");
	text_free(&payload);
}

static void add_opening(struct space *space, const char *value, bool ask)
{
	const char *equal = strchr(value, '='), *word = ask ? "ask" : "emit";
	struct text payload = {0};
	struct opening *opening;

	if (equal == value || !*value)
		die("--%s takes NAME or NAME=JSON", word);
	space->openings = xreallocarray(space->openings, space->opening_count + 1, sizeof(*space->openings));
	opening = &space->openings[space->opening_count++];
	*opening = (struct opening){.name = equal ? xstrndup(value, (size_t)(equal - value)) : xstrdup(value),
	                            .arguments = equal ? equal + 1 : NULL,
	                            .ask = ask};
	if (!is_unread(opening->arguments) && !opening_payload(opening, &payload))
		die("--%s '%s': what follows the '=' is not JSON, or several values with commas between", word,
		    opening->name);
	text_free(&payload);
}

static void apply(struct space *space, enum given_kind kind, const char *value)
{
	if (kind == GIVEN_AUTH)
		set_auth(space, value);
	else
		add_opening(space, value, kind == GIVEN_ASK);
}

/* What stands before the first --namespace is for all of them; --auth for those that have none of their own. */
static void share_out(struct socketio *socketio, const struct given *given)
{
	size_t common = 0, current = 0;
	const char *auth = NULL;

	for (; common < given->count && given->items[common].kind != GIVEN_SPACE; common++) {
		const char *value = given->items[common].value;
		enum given_kind kind = given->items[common].kind;

		if (kind == GIVEN_AUTH && auth)
			die("--auth is given twice");
		if (kind == GIVEN_AUTH)
			auth = value;
		for (size_t i = 0; kind != GIVEN_AUTH && i < socketio->space_count; i++)
			apply(&socketio->spaces[i], kind, value);
	}
	for (size_t i = common; i < given->count; i++)
		if (given->items[i].kind == GIVEN_SPACE)
			current++;
		else
			apply(&socketio->spaces[current - 1], given->items[i].kind, given->items[i].value);
	for (size_t i = 0; auth && i < socketio->space_count; i++)
		if (!socketio->spaces[i].auth)
			set_auth(&socketio->spaces[i], auth);
}

static void set_spaces(struct socketio *socketio, const struct given *given, const char *from_url)
{
	for (size_t i = 0; i < given->count; i++)
		if (given->items[i].kind == GIVEN_SPACE)
			add_space(socketio, given->items[i].value);
	if (from_url && socketio->space_count > 0)
		die("the path of the URL, '%s', is a namespace, and --namespace gives others (--path is for a path)",
		    from_url);
	if (socketio->space_count == 0)
		add_space(socketio, from_url ? from_url : "/");
	share_out(socketio, given);
	for (size_t i = 0; i < socketio->space_count; i++)
		space_init(&socketio->spaces[i]);
}

/* The namespace in the URL, the caller's, or NULL. */
static char *set_url(struct socketio *socketio, const char *operand)
{
	char *given = is_unread(operand) ? xstrdup("127.0.0.1") : option_secret(operand), *space;
	bool secret = *operand == '@' || strncmp(operand, "env:", 4) == 0;
	const char *mistake =
		address_read(given, socketio->path, &socketio->url, &socketio->shown, &space, &socketio->query);

	if (mistake)
		die("bad URL '%s': %s", secret ? operand : given, mistake);
	free(given);
	for (size_t i = 0; i < socketio->queries.count; i++)
		if (!is_unread(socketio->queries.items[i]) &&
		    !address_add_query(&socketio->query, socketio->queries.items[i]))
			die("--query takes KEY=VALUE");
	return space;
}

/* With a '/' at both ends, as Socket.IO's own clients make it. */
static char *whole_path(const char *path)
{
	size_t length = strlen(path);
	struct text whole = {0};

	if (strpbrk(path, "?#"))
		die("--path takes a path, not '%s'", path);
	text_add_string(&whole, *path == '/' ? "" : "/");
	text_add_string(&whole, path);
	text_add_string(&whole, length > 0 && path[length - 1] == '/' ? "" : "/");
	return text_detach(&whole);
}

static bool is_word(const char *string)
{
	return *string && !string[strspn(string, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")];
}

static void check(struct socketio *socketio)
{
	if (socketio->once && socketio->max_failures != UNSET)
		die("--once and --max-failures exclude each other");
	if (socketio->max_failures == UNSET)
		socketio->max_failures = FAILURES;
	backoff_check(socketio->backoff.min, socketio->backoff.max);
	if (socketio->name && !is_word(socketio->name))
		die("--name takes letters, digits, '_' and '-', not '%s'", socketio->name);
	if (socketio->max_message == 0)
		die("--max-message must be more than 0");
	http_settings_check(&socketio->settings);
	if (socketio->settings.cookies)
		die("--cookies: cookies are kept for as long as it runs only, with --keep-cookies");
	if (socketio->settings.digest && socketio->transport != ENGINE_BY_POLLING)
		die("--digest needs --transport polling");
	/* cookies.h keeps them, for both transports. */
	socketio->keep_cookies = socketio->settings.keep_cookies;
	socketio->settings.keep_cookies = false;
}

static void must_be_readable(const char *path, const char *word)
{
	if (path && access(path, R_OK) < 0)
		die("--%s '%s':", word, path);
}

/* A killed source may have been through with --count. */
static bool is_over(const struct socketio *socketio)
{
	return socketio->count > 0 && socketio->received >= socketio->count;
}

static int run(struct socketio *socketio)
{
	int status;

	must_be_readable(socketio->settings.cacert, "cacert");
	must_be_readable(socketio->settings.cert, "cert");
	must_be_readable(socketio->settings.key, "key");
	source_open(&socketio->source);
	place_find(socketio);
	source_loop_open(&socketio->loop, link_end, socketio);
	if (!is_over(socketio)) {
		link_start(socketio);
		source_loop_run(&socketio->loop);
	}
	link_free(socketio);
	receive_free(socketio);
	for (size_t i = 0; i < socketio->space_count; i++)
		space_free(&socketio->spaces[i]);
	source_loop_close(&socketio->loop);
	free(socketio->spaces);
	free(socketio->url);
	free(socketio->shown);
	free(socketio->path);
	status = source_close(&socketio->source);
	return socketio->status ? socketio->status : status;
}

int main(int argc, char **argv)
{
	struct socketio socketio = {.ack_timeout = 10 * UNIT_S,
	                            .retry_after_max = UNIT_HOUR,
	                            .max_failures = UNSET,
	                            .max_message = MAX_MESSAGE,
	                            .backoff = {.min = UNIT_S, .max = UNIT_MINUTE, .reset = UNIT_MINUTE}};
	struct given given = {0};
	char path[] = "/socket.io/", *space, **operands;
	struct option options[] = {
		OPTION_CALL(0, "namespace", "/NAME", give_space, &given, "join this namespace (/; repeatable)"),
		OPTION_CALL(0, "auth", "JSON", give_auth, &given,
	                    "log in to the namespace with this object (@FILE, env:NAME)"),
		OPTION_LIST(0, "event", "NAME", &socketio.events, "take events of this name only (repeatable)"),
		OPTION_CALL(0, "emit", "NAME[=JSON]", give_emit, &given,
	                    "send this event at each connect (repeatable)"),
		OPTION_CALL(0, "ask", "NAME[=JSON]", give_ask, &given,
	                    "the same, and wait for its ack, which becomes an event"),
		OPTION_DURATION(0, "ack-timeout", "TIME", &socketio.ack_timeout, "limit for the ack of --ask (10s)"),
		OPTION_FLAG(0, "no-ack", &socketio.no_ack, "do not answer events that ask for an ack"),
		OPTION_FLAG(0, "no-recovery", &socketio.no_recovery, "do not ask for what was missed"),
		OPTION_FLAG(0, "meta", &socketio.meta, "put the arguments into an object, beside namespace and name"),
		OPTION_STRING(0, "name", "NAME", &socketio.name, "name of all events of the server"),
		OPTION_NUMBER('n', "count", "N", &socketio.count, "end after N events"),
		OPTION_FLAG(0, "once", &socketio.once, "connect once, and end when the connection does"),
		OPTION_NUMBER(0, "max-failures", "N", &socketio.max_failures,
	                      "give up after N failures in a row (10), 0: never"),
		OPTION_DURATION(0, "retry-min", "TIME", &socketio.backoff.min, "bound of the first pause (1s)"),
		OPTION_DURATION(0, "retry-max", "TIME", &socketio.backoff.max, "bound of all pauses (60s)"),
		OPTION_DURATION(0, "retry-reset", "TIME", &socketio.backoff.reset,
	                        "a connection that lasted so long was good (60s)"),
		OPTION_DURATION(0, "retry-after-max", "TIME", &socketio.retry_after_max,
	                        "longest pause that a server may ask for (1h)"),
		OPTION_DURATION(0, "heartbeat", "TIME", &socketio.heartbeat, "longest silence (what the server says)"),
		OPTION_CHOICE(0, "transport", "auto|polling|websocket", &socketio.transport, "how to connect (auto)"),
		OPTION_CHOICE(0, "dialect", "4|0.9", &socketio.dialect,
	                      "what the server speaks (4, which is that of 3, too)"),
		OPTION_STRING(0, "path", "PATH", &socketio.path, "where the server is (/socket.io/)"),
		OPTION_LIST_SECRET(0, "query", "KEY=VALUE", &socketio.queries,
	                           "send this in the URL too (repeatable, @FILE, env:NAME)"),
		OPTION_SIZE(0, "max-message", "SIZE", &socketio.max_message,
	                    "a larger message ends the connection (16M)"),
		HTTP_OPTIONS(&socketio.settings),
		OPTION_END,
	};

	(void)argc;
	socketio.path = path;
	http_settings_init(&socketio.settings);
	operands = option_parse_both(&program, options, source_options(&socketio.source), argv);
	check(&socketio);
	socketio.path = whole_path(socketio.path);
	space = set_url(&socketio, operands[0]);
	set_spaces(&socketio, &given, space);
	free(space);
	free(given.items);
	/* No return: the secrets that the options hold are never freed, and this frame is where they are. */
	exit(option_checking() ? STATUS_OK : run(&socketio));
}
