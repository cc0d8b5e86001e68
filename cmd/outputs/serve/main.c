/*
 * pype-serve: the stream for browsers and pollers, over HTTP.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/outputs/serve/serve.h"
#include "common/json_text.h"
#include "common/signals.h"
#include "common/stage_loop.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-serve",
	.summary = "serve events to browsers and pollers",
	.operands = "",
};

/* What the options say, or the end of the program. */
static void check_options(struct serve *serve)
{
	static const uint64_t least_buffer = 4096;
	static const int64_t most_clients = 1000000;
	const char *mistake;

	if (!address_parse(&serve->address, serve->listen, &mistake))
		die("--listen '%s': %s", serve->listen, mistake);
	if (serve->port_file && !serve->address.host)
		die("--port-file: a unix socket has no port");
	if (serve->max_clients < 1 || serve->max_clients > most_clients)
		die("--max-clients: from 1 to %lld", (long long)most_clients);
	if (serve->buffer < least_buffer)
		die("--buffer: at least 4k");
	if (serve->timeout < UNIT_S || serve->timeout > UNIT_DAY)
		die("--timeout: from 1s to 1d");
	if (serve->bearer && serve->user)
		die("--bearer and --user exclude each other");
	if (serve->user && !option_checking() && !strchr(serve->user, ':'))
		die("--user: not NAME:PASSWORD");
	if (serve->cors && (strpbrk(serve->cors, "\r\n") || !*serve->cors))
		die("--cors: not an origin");
	serve->time_slot = json_want_path(&serve->stage.want, ".time", &mistake);
	serve->name_slot = json_want_path(&serve->stage.want, ".event", &mistake);
	serve->value_slot = serve->field ? json_want_path(&serve->stage.want, serve->field, &mistake) : -1;
	if (serve->field && serve->value_slot < 0)
		die("--field '%s': %s", serve->field, mistake);
}

/* What requests have to bring; the options' own copies of the secrets are given up. */
static void set_authorization(struct serve *serve)
{
	if (serve->bearer) {
		text_addf(&serve->authorization, "Bearer %s", serve->bearer);
		serve->challenge = "Bearer realm=\"pype-serve\"";
	} else if (serve->user) {
		text_add_string(&serve->authorization, "Basic ");
		json_add_base64(&serve->authorization, serve->user, strlen(serve->user));
		serve->challenge = "Basic realm=\"pype-serve\"";
	}
	free(serve->bearer);
	free(serve->user);
	serve->bearer = serve->user = NULL;
}

static void take_event(struct serve *serve)
{
	const struct event *event = &serve->stage.event;
	const struct json_span *time_span = &event->spans[serve->time_slot];
	const struct json_span *name = serve->unnamed ? NULL : &event->spans[serve->name_slot];
	struct json_span value = {.at = event->line + event->json.start, .length = event->json.end - event->json.start};

	if (serve->value_slot >= 0) {
		value = event->spans[serve->value_slot];
		if (value.kind == JSON_NONE) {
			stage_bad(&serve->stage, "nothing at '%s'", serve->field);
			return;
		}
	}
	serve->time_text[0] = '\0';
	if (time_span->kind == JSON_NUMBER && time_span->length < sizeof(serve->time_text)) {
		memcpy(serve->time_text, time_span->at, time_span->length);
		serve->time_text[time_span->length] = '\0';
	}
	serve->arrival = (time_t)ev_now(serve->loop);
	history_add(&serve->history, name, value.at, value.length);
	/* One read may bring more than a small buffer holds: clients that keep up must not lose any of it. */
	serve->unread += value.length;
	if (serve->unread > serve->history.capacity / 4) {
		serve->unread = 0;
		server_wake(serve);
	}
}

static void on_input(struct ev_loop *loop, ev_io *watch, int happened)
{
	struct serve *serve = watch->data;

	(void)happened;
	serve->ended = !stage_fill(&serve->stage);
	while (stage_take(&serve->stage))
		take_event(serve);
	stage_flush(&serve->stage);
	serve->unread = 0;
	if (signals_stop()) {
		/* on_stop comes next */
		serve->ended = false;
	} else if (serve->ended) {
		ev_io_stop(loop, watch);
		if (!serve->linger)
			server_finish(serve);
	}
	server_wake(serve);
}

static void on_stop(struct ev_loop *loop, ev_io *watch, int happened)
{
	struct serve *serve = watch->data;

	(void)happened;
	ev_io_stop(loop, watch);
	ev_io_stop(loop, &serve->input);
	if (!serve->finishing)
		server_finish(serve);
}

static int serve_run(struct serve *serve)
{
	set_authorization(serve);
	stage_open(&serve->stage);
	serve->loop = ev_default_loop(EVFLAG_NOENV);
	if (!serve->loop)
		fail("cannot make an event loop:");
	history_init(&serve->history, serve->buffer, (uint64_t)(ev_time() * 1000));
	server_open(serve);
	ev_io_init(&serve->input, on_input, stage_descriptor(&serve->stage), EV_READ);
	serve->input.data = serve;
	ev_io_start(serve->loop, &serve->input);
	ev_io_init(&serve->stop, on_stop, signals_fd(), EV_READ);
	serve->stop.data = serve;
	ev_io_start(serve->loop, &serve->stop);
	ev_run(serve->loop, 0);
	server_close(serve);
	history_free(&serve->history);
	ev_loop_destroy(serve->loop);
	return stage_close(&serve->stage);
}

int main(int argc, char **argv)
{
	struct serve serve = {
		.listen = (char[]){"8080"},
		.back = 1,
		.max_clients = 64,
		.buffer = 4 << 20,
		.heartbeat = 15 * UNIT_S,
		.reconnect = 2 * UNIT_S,
		.timeout = 30 * UNIT_S,
	};
	const struct option options[] = {
		OPTION_STRING('l', "listen", "[ADDRESS:]PORT", &serve.listen, "where (127.0.0.1:8080); or unix:PATH"),
		OPTION_STRING(0, "port-file", "FILE", &serve.port_file, "write the port there once listening"),
		OPTION_STRING(0, "field", "PATH", &serve.field, "serve this value of each event (the whole event)"),
		OPTION_FLAG(0, "linger", &serve.linger, "at the end of input serve on, until SIGTERM"),
		OPTION_NUMBER(0, "history", "N", &serve.back, "events a new stream begins with (1)"),
		OPTION_FLAG(0, "unnamed", &serve.unnamed, "no event names in streams"),
		OPTION_DURATION(0, "heartbeat", "TIME", &serve.heartbeat,
	                        "a sign of life in silent streams (15s; 0: none)"),
		OPTION_DURATION(0, "reconnect", "TIME", &serve.reconnect, "when browsers shall come back (2s)"),
		OPTION_SIZE(0, "buffer", "SIZE", &serve.buffer, "newest events kept for slow clients (4M)"),
		OPTION_NUMBER(0, "max-clients", "N", &serve.max_clients, "connections at a time (64)"),
		OPTION_DURATION(0, "timeout", "TIME", &serve.timeout, "close a connection that stands still (30s)"),
		OPTION_STRING(0, "cors", "ORIGIN", &serve.cors, "let pages of this origin read (none; '*': all)"),
		OPTION_LIST(0, "host", "NAME", &serve.hosts, "a name clients may use; may be repeated"),
		OPTION_STRING_SECRET(0, "bearer", "TOKEN", &serve.bearer,
	                             "ask clients for this token; @FILE, env:NAME"),
		OPTION_STRING_SECRET(0, "user", "NAME:PASSWORD", &serve.user, "ask clients for these; @FILE, env:NAME"),
		OPTION_END,
	};

	int status;

	(void)argc;
	option_parse_both(&program, options, stage_options(&serve.stage), argv);
	check_options(&serve);
	status = option_checking() ? STATUS_OK : serve_run(&serve);
	json_want_free(&serve.stage.want);
	free(serve.hosts.items);
	address_free(&serve.address);
	return status;
}
