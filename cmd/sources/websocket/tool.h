/*
 * tool: what the files of pype-websocket share.
 *
 * main.c reads the options; link.c decides when to connect, and again; script.c says what is to be said on a new connection, and
 * keeps saying that somebody is there; content.c makes data of a message; input.c sends the lines of standard input.
 */
#ifndef PYPE_WEBSOCKET_TOOL_H
#define PYPE_WEBSOCKET_TOOL_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/sources/websocket/pattern.h"
#include "common/backoff.h"
#include "common/http_settings.h"
#include "common/line.h"
#include "common/message.h"
#include "common/shell_output.h"
#include "common/source.h"
#include "common/source_loop.h"
#include "common/text.h"
#include "common/websocket.h"

/* One step of what is done on a new connection, in the order of the options. */
struct step {
	enum { STEP_SEND, STEP_COMMAND, STEP_EXPECT } kind;
	char *text; /* what to send, the command, or what is expected */
	size_t pattern; /* STEP_EXPECT */
};

enum format { FORMAT_AUTO, FORMAT_JSON, FORMAT_TEXT };
enum binary { BINARY_BASE64, BINARY_TEXT, BINARY_GZIP, BINARY_ZLIB, BINARY_DEFLATE };

/* The place that a runner keeps, and what the gaps are told with. */
struct place {
	int64_t messages; /* events so far */
	int64_t last; /* Unix time in nanoseconds of the newest; 0: none */
};

struct tool {
	/* as asked for */
	struct http_settings settings;
	struct source source;
	struct backoff backoff;
	struct websocket_request request;
	int64_t max_failures, count, retry_after_max, expect_timeout, heartbeat_every;
	bool once, from_input, close_on_eof;
	char *name, *origin, *heartbeat_send, *url_command, *bearer_command, *fatal;
	struct option_list protocols;
	int format, binary;
	struct step *steps;
	size_t step_count;
	struct patterns patterns; /* of --expect and --ignore */
	size_t *ignored, ignored_count;

	/* while it runs: link.c */
	struct source_loop loop;
	struct ev_prepare before_wait;
	struct ev_timer timer; /* the pause before the next try, or until output is tried again */
	char *url, *shown;
	struct shell_output *command; /* --url-command, --bearer-command */
	struct websocket *socket; /* NULL: none, not even one that connects */
	int64_t glance; /* … how long */
	bool open, ending, held; /* held: standard output takes nothing, so no message is read */
	int64_t began, ended; /* of the connection and of the one before; monotonic */
	int64_t attempts, failures; /* since the last connection; in a row */
	int64_t received; /* messages on this connection */
	struct place place;
	bool resumed; /* a predecessor was killed, and nobody has been told yet */
	struct text mistake; /* why we close it ourselves, "" if for no mistake */
	struct message_limit limit;
	int status;

	/* script.c */
	size_t step;
	bool talks; /* all steps are done */
	struct shell_output *step_command;
	struct ev_timer patience; /* of --expect */
	struct ev_timer heartbeat;

	/* content.c */
	struct text inflated, line;
	struct json_span *spans;

	/* input.c */
	struct line_reader lines;
	struct ev_io readable;
	struct text batch; /* lines that are sent and may not be gone */
	bool input_ended;
};

void link_init(struct tool *tool);
/* Connects, now. */
void link_start(struct tool *tool);
/* source_loop's stop. */
void link_stop(void *context);
/* Closes a connection that is no good, and counts it as a failure. */
void link_fail(struct tool *tool, const char *format, ...) MESSAGE_FORMAT(2, 3);
/* All is done: closes the connection, if there is one, and ends the program. */
void link_finish(struct tool *tool, int status);
void link_free(struct tool *tool);
/* Whether a code of a close frame or an HTTP status is in a list such as "401,1008,4001-4005". -1: the list is malformed. */
int link_listed(const char *list, int code);

/* What the new connection needs: script_start when it is open, script_message for each message, script_stop at its end. */
void script_init(struct tool *tool);
void script_start(struct tool *tool);
void script_message(struct tool *tool, const struct content *content);
void script_stop(struct tool *tool);

/*
 * What a message is as data. False: it is bad, which was said. The content points into the message or the tool, and is valid until
 * the next call.
 */
bool content_make(struct tool *tool, bool text, const char *bytes, size_t length, struct content *content);
void content_free(struct tool *tool);

/* After source_open. */
void input_start(struct tool *tool);
/* Reads and sends lines, if it is their time. */
void input_go_on(struct tool *tool);
/* The connection has ended; and on the next: what may not have gone is sent again. */
void input_lost(struct tool *tool);
void input_again(struct tool *tool);
void input_free(struct tool *tool);

#endif
