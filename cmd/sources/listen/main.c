/*
 * pype-listen: events from whoever sends them: HTTP requests, lines and messages over TCP, UDP and Unix sockets.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/sources/listen/listen.h"
#include "common/items.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-listen",
	.summary = "receive events over HTTP, TCP, UDP and Unix sockets",
	.operands = "[NAME=]ADDRESS...",
	.least = 1,
	.most = -1,
};

enum {
	OTHER_DESCRIPTORS = 32,
	DESCRIPTORS_EACH = 20, /* of an address: its own, and connections that are only told that there are too many */
	MAX_BODY = 1 << 20,
	MAX_BODY_MOST = 1 << 30,
};
static const double tick_time = 0.5, grace_time = 5; /* less than a runner waits */

/* ---- the command line ---- */

static void check_mode(struct listen *listen)
{
	char *end;
	long mode;

	listen->mode = -1;
	if (!listen->mode_text)
		return;
	mode = strtol(listen->mode_text, &end, 8);
	if (!*listen->mode_text || *end || mode < 0 || mode > 0777)
		die("--mode '%s' is none, such as 660", listen->mode_text);
	listen->mode = (int)mode;
}

static void check_body(struct listen *listen)
{
	struct items items;
	const char *mistake;

	if (listen->items && (listen->text || listen->lines))
		die("--items does not go with --text and --lines");
	if (listen->items && !items_init(&items, listen->items, 0, NULL, NULL, &mistake))
		die("--items '%s': %s", listen->items, mistake);
	if (listen->items)
		items_free(&items);
	if (listen->id && listen->id[0] == '.') {
		if (listen->text || listen->lines)
			die("--id '%s': there are no members in text or lines; the name of a header goes", listen->id);
		if (json_want_path(&listen->want, listen->id, &mistake) < 0)
			die("--id '%s': %s", listen->id, mistake);
	}
	if (listen->max_body == 0 || listen->max_body > MAX_BODY_MOST)
		die("--max-body must be 1 to 1G");
	if (listen->answer_status < 200 || listen->answer_status > 299)
		die("--answer-status must be 200 to 299");
	if (listen->answer_status == MHD_HTTP_NO_CONTENT && listen->answer)
		die("--answer does not go with --answer-status 204");
}

static bool any_of(const struct listen *listen, enum endpoint_kind kind)
{
	for (size_t i = 0; i < listen->endpoint_count; i++)
		if (listen->endpoints[i].kind == kind)
			return true;
	return false;
}

static void check_endpoints(struct listen *listen, char **operands)
{
	while (operands[listen->endpoint_count])
		listen->endpoint_count++;
	listen->endpoints = xcalloc(listen->endpoint_count, sizeof(*listen->endpoints));
	for (size_t i = 0; i < listen->endpoint_count; i++)
		endpoint_init(&listen->endpoints[i], listen, operands[i]);
	if (any_of(listen, ENDPOINT_HTTPS) && !listen->cert)
		die("https needs --cert, and --key if that is in another file");
	if (!any_of(listen, ENDPOINT_HTTPS) && (listen->cert || listen->key))
		die("--cert and --key are for https://");
	if (listen->syslog && listen->text)
		die("--syslog and --text exclude each other");
	if (listen->syslog && !any_of(listen, ENDPOINT_STREAM) && !any_of(listen, ENDPOINT_DATAGRAM))
		die("--syslog is for tcp://, udp://, unix: and unix-dgram:");
}

static void compile(struct listen *listen, char **operands)
{
	if (!is_word(listen->name, strlen(listen->name)))
		die("--name takes letters, digits, '_' and '-', not '%s'", listen->name);
	for (size_t i = 0; i < listen->methods.count; i++)
		if (!is_word(listen->methods.items[i], strlen(listen->methods.items[i])) ||
		    strcmp(listen->methods.items[i], "HEAD") == 0)
			die("--method '%s' is none that brings anything", listen->methods.items[i]);
	if (listen->max_clients < 1 || listen->max_clients > 100000)
		die("--max-clients must be 1 to 100000");
	if (listen->timeout < UNIT_S || listen->timeout > UNIT_DAY)
		die("--timeout must be 1s to 1d");
	if (listen->hold < 0 || listen->hold > UNIT_DAY)
		die("--hold must be 0 to 1d");
	if (listen->id_window < 1 || listen->id_window > 1000000)
		die("--id-window must be 1 to 1000000");
	check_mode(listen);
	check_body(listen);
	guard_check(listen);
	check_endpoints(listen, operands);
}

/* ---- the end ---- */

void listen_finish(struct listen *listen)
{
	listen->ending = true;
}

static void finish(struct listen *listen)
{
	listen->finishing = true;
	if (listen->port_file)
		unlink(listen->port_file);
	servers_finish(listen);
	datagrams_finish(listen);
	streams_finish(listen);
	ev_timer_start(listen->loop.loop, &listen->grace);
}

static bool anything_held(const struct listen *listen)
{
	bool held = !outlet_empty(listen) || listen->requests > 0;

	/* With --count what is over is not taken. */
	if (outlet_full(listen))
		return held;
	for (size_t i = 0; i < listen->endpoint_count; i++)
		held |= listen->endpoints[i].waits;
	return held || listen->streams;
}

void listen_check_end(struct listen *listen)
{
	if (listen->ending && !listen->finishing)
		finish(listen);
	if (listen->finishing && !anything_held(listen))
		source_loop_leave(&listen->loop);
}

static void told_to_stop(void *context)
{
	listen_finish(context);
}

static void on_grace(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct listen *listen = timer->data;
	int64_t requests = listen->requests;

	(void)loop;
	(void)events;
	outlet_give_up(listen, INT64_MAX);
	servers_run(listen);
	message_warning("the end: %lld requests are not answered%s", (long long)requests,
	                anything_held(listen) && !outlet_full(listen)
	                        ? ", and what had come of others is lost: nobody has read it"
	                        : "");
	source_loop_leave(&listen->loop);
}

static void on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct listen *listen = timer->data;
	int64_t now = moment_now();

	(void)loop;
	(void)events;
	outlet_give_up(listen, now);
	servers_expire(listen, now);
	streams_expire(listen, now);
	datagrams_check(listen);
}

/* ---- running ---- */

static void allow_descriptors(const struct listen *listen)
{
	int64_t clients = listen->max_clients;
	struct rlimit limit;
	rlim_t need = (rlim_t)clients + OTHER_DESCRIPTORS + DESCRIPTORS_EACH * listen->endpoint_count;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = need;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("--max-clients %lld needs %llu file descriptors, %llu are allowed (ulimit -n)", (long long)clients,
		    (unsigned long long)need, (unsigned long long)limit.rlim_max);
}

static void start_timers(struct listen *listen)
{
	ev_timer_init(&listen->tick, on_tick, tick_time, tick_time);
	ev_timer_init(&listen->grace, on_grace, grace_time, 0.);
	listen->tick.data = listen->grace.data = listen;
	ev_timer_start(listen->loop.loop, &listen->tick);
}

static int run(struct listen *listen)
{
	allow_descriptors(listen);
	listen->source.fresh = true;
	source_open(&listen->source);
	source_loop_open(&listen->loop, told_to_stop, listen);
	outlet_open(&listen->outlet, listen);
	start_timers(listen);
	for (size_t i = 0; i < listen->endpoint_count; i++)
		endpoint_open(&listen->endpoints[i]);
	endpoints_say(listen);
	if (outlet_full(listen))
		listen_finish(listen);
	source_loop_run(&listen->loop);
	servers_free(listen);
	outlet_free(listen);
	for (size_t i = 0; i < listen->endpoint_count; i++)
		endpoint_free(&listen->endpoints[i]);
	free(listen->endpoints);
	rate_free(&listen->rate);
	text_free(&listen->data);
	json_want_free(&listen->want);
	source_loop_close(&listen->loop);
	if (message_hidden(&listen->refused))
		message_warning("%llu requests were refused", (unsigned long long)listen->refused.count);
	return source_close(&listen->source);
}

int main(int argc, char **argv)
{
	struct listen listen = {
		.max_clients = 64,
		.timeout = 30 * UNIT_S,
		.hold = 10 * UNIT_S,
		.id_window = 10000,
		.max_body = MAX_BODY,
		.receive_buffer = 4 << 20,
		.answer_status = 200,
		.signature = {.age = 5 * UNIT_MINUTE},
	};
	char name[] = "data";
	const struct option options[] = {
		OPTION_STRING(0, "name", "NAME", &listen.name, "name of the events (data)"),
		OPTION_FLAG(0, "text", &listen.text, "bodies, lines and datagrams are text, not JSON"),
		OPTION_FLAG(0, "lines", &listen.lines, "each line of a body or datagram is an event"),
		OPTION_STRING(0, "items", "PATH", &listen.items,
	                      "an event for each element of the array at PATH of a body"),
		OPTION_FLAG(0, "syslog", &listen.syslog, "what comes over TCP, UDP and Unix sockets is syslog"),
		OPTION_FLAG(0, "meta", &listen.meta, "put the data into an object, beside who sent it and how"),
		OPTION_LIST(0, "meta-header", "NAME", &listen.meta_headers,
	                    "… and this header of the request (repeatable)"),
		OPTION_STRING(0, "id", "HEADER|PATH", &listen.id, "a request whose id is known makes no events again"),
		OPTION_NUMBER(0, "id-window", "N", &listen.id_window, "how many ids are known (10000)"),
		OPTION_NUMBER('n', "count", "N", &listen.count, "end after N events"),
		OPTION_LIST_SECRET(0, "bearer", "TOKEN", &listen.bearers,
	                           "ask for this token (repeatable, @FILE, env:NAME)"),
		OPTION_LIST_SECRET('u', "user", "NAME:PASSWORD", &listen.users,
	                           "ask for these (repeatable, @FILE, env:NAME)"),
		OPTION_LIST_SECRET(0, "hmac", "SECRET", &listen.signature.secrets,
	                           "ask for a signature with it (repeatable, @FILE, env:NAME)"),
		OPTION_CHOICE(0, "hmac-style", "plain|stripe|slack|standard", &listen.signature.style,
	                      "whose kind of signature (plain, as GitHub's)"),
		OPTION_STRING(0, "hmac-header", "NAME", &listen.signature.header,
	                      "where a plain one is (X-Hub-Signature-256)"),
		OPTION_STRING(0, "hmac-prefix", "TEXT", &listen.signature.prefix, "what is in front of it"),
		OPTION_CHOICE(0, "hmac-algorithm", "sha256|sha1|sha512", &listen.signature.algorithm,
	                      "its hash (sha256)"),
		OPTION_CHOICE(0, "hmac-encoding", "hex|base64", &listen.signature.encoding, "how it is written (hex)"),
		OPTION_DURATION(0, "hmac-age", "TIME", &listen.signature.age,
	                        "how old one that has a time may be (5m; 0: any)"),
		OPTION_STRING_SECRET(0, "verify-token", "TOKEN", &listen.verify_token,
	                             "answer hub.challenge of who knows it (@FILE, env:NAME)"),
		OPTION_STRING(0, "cors", "ORIGIN", &listen.cors, "let pages of this origin send (none; '*': all)"),
		OPTION_STRING(0, "rate", "N/s|N/m|N/h", &listen.rate_text, "requests that an address may send"),
		OPTION_LIST('X', "method", "METHOD", &listen.methods, "take this method (repeatable; POST and PUT)"),
		OPTION_STRING(0, "answer", "TEXT", &listen.answer, "body of the answer ({\"events\":N})"),
		OPTION_NUMBER(0, "answer-status", "N", &listen.answer_status, "its status (200)"),
		OPTION_DURATION(0, "hold", "TIME", &listen.hold,
	                        "how long a request waits for its events to be safe (10s)"),
		OPTION_STRING(0, "cert", "FILE", &listen.cert, "certificates of https (PEM)"),
		OPTION_STRING(0, "key", "FILE", &listen.key, "its private key (PEM), if not in the same file"),
		OPTION_SIZE(0, "max-body", "SIZE", &listen.max_body, "longest body, line, message or datagram (1M)"),
		OPTION_NUMBER(0, "max-clients", "N", &listen.max_clients, "connections at a time (64)"),
		OPTION_DURATION('t', "timeout", "TIME", &listen.timeout,
	                        "until when a request or message has to be whole (30s)"),
		OPTION_SIZE(0, "receive-buffer", "SIZE", &listen.receive_buffer, "what the kernel keeps of UDP (4M)"),
		OPTION_STRING(0, "mode", "MODE", &listen.mode_text, "mode of the files of unix sockets, in octal"),
		OPTION_STRING(0, "port-file", "FILE", &listen.port_file, "write the ports there once listening"),
		OPTION_END,
	};
	char **operands;

	(void)argc;
	listen.name = name;
	operands = option_parse_both(&program, options, source_options(&listen.source), argv);
	compile(&listen, operands);
	/* No return: the secrets that the options hold are never freed, and this frame is where they are. */
	exit(option_checking() ? STATUS_OK : run(&listen));
}
