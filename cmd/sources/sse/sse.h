/*
 * sse: what the files of pype-sse share.
 *
 * main.c reads the options; link.c decides when to connect, and again; emit.c makes events of what comes; place.c keeps
 * where the source is; sse_stream.c and records.c take the bytes apart.
 */
#ifndef PYPE_SSE_H
#define PYPE_SSE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/sources/sse/sse_stream.h"
#include "cmd/sources/sse/records.h"
#include "common/backoff.h"
#include "common/http_ask.h"
#include "common/http_status.h"
#include "common/message.h"
#include "common/option.h"
#include "common/source.h"
#include "common/source_loop.h"
#include "common/state_file.h"
#include "common/text.h"

/* As the choices of --format. */
enum format { FORMAT_AUTO, FORMAT_SSE, FORMAT_NDJSON, FORMAT_JSON_SEQ };

/* What became of a connection, as far as it is known before its end. */
enum verdict {
	VERDICT_NONE,
	VERDICT_STOP, /* the server has no more: 204 */
	VERDICT_FATAL, /* pointless to try again: why is in sse.reason */
	VERDICT_LOST, /* another try may help: why is in sse.reason */
};

/* The numbers of the place, in a runner's page; the last event ID is behind them. */
struct place {
	int64_t events; /* so far */
	int64_t last; /* Unix time in nanoseconds of the newest; 0: none */
};

struct sse {
	/* as asked for */
	struct http_settings settings;
	struct http_auth_settings auth;
	struct http_rate_settings rate; /* as the server says; no limit of our own */
	struct source source;
	struct backoff backoff;
	int64_t max_failures, count, retry_after_max, heartbeat; /* 0: without end, never */
	uint64_t max_message;
	bool once, as_text;
	int format;
	char *url, *shown, *name, *method, *data, *first_id, *state_path, *retry_status;
	struct option_list events; /* names to take; none: all */
	struct http_status_set retries; /* statuses that may be others the next time */

	/* while it runs: link.c */
	struct source_loop loop;
	struct http_asks *asks;
	struct http_ask *ask; /* NULL: a pause */
	struct ev_prepare before_wait;
	struct ev_timer retry, silence;
	bool open, ending, resumed; /* resumed: a predecessor was killed, and nobody has been told yet */
	int64_t attempts; /* since the last connection */
	int64_t failures; /* in a row */
	int64_t began, ended, heard; /* of this connection, of the one before, of the last byte; monotonic; 0: none */
	int64_t received; /* events on this connection */
	enum verdict verdict;
	struct text reason; /* why, for VERDICT_FATAL and VERDICT_LOST */
	struct text excerpt; /* the beginning of an answer that is an error */
	const char *headers[5]; /* of the request, ended by NULL … */
	char *sent_id; /* … Last-Event-ID of them */
	struct message_limit limit, ids;
	int status;

	/* emit.c */
	enum format stream_format; /* of this connection */
	struct sse_stream stream;
	struct records records;
	struct text event, line, members; /* of the event that is put together: its name, its data, its id */

	/* place.c */
	struct place place;
	struct state_file state;
	struct ev_timer state_due;
	bool dirty;
	int64_t written; /* when the file was; monotonic */
};

void link_init(struct sse *sse);
/* Connects, now. */
void link_start(struct sse *sse);
/* source_loop's stop. */
void link_stop(void *context);
void link_free(struct sse *sse);

/* A connection is open, whose answer is in stream_format. */
void emit_begin(struct sse *sse);
/* Bytes of it. False: --count is reached. */
bool emit_bytes(struct sse *sse, const char *bytes, size_t length);
/* It has ended, or, not whole, been cut off. */
void emit_end(struct sse *sse, bool whole);
/* What is no event of the server's: "connected", "disconnected". With --bare there is no such thing. */
void emit_state(struct sse *sse, const char *name, const struct text *data);
void emit_init(struct sse *sse);
void emit_free(struct sse *sse);

/* Finds the place: a runner's, that of --state, or --last-event-id. After source_open and emit_init. */
void place_open(struct sse *sse);
/* After an event, or when the last event ID is another. */
void place_note(struct sse *sse);
/* All events so far are out; writes the file of --state if that is due. */
void place_settled(struct sse *sse);
void place_close(struct sse *sse);

#endif
