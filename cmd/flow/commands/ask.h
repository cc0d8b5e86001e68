/*
 * ask: the other end of the control socket: a program that asks a running flow, or tells it what to do (pype-control(5)).
 *
 *     struct ask ask;
 *
 *     ask_open(&ask, state);
 *     ask_send(&ask, "ps", NULL, false);
 *     while (ask_next(&ask))
 *         … ask.line, ask.event …
 *     status = ask_close(&ask);
 *
 * ask_open ends the program (1) if the flow is not running.
 */
#ifndef PYPE_FLOW_ASK_H
#define PYPE_FLOW_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json_want.h"
#include "common/line.h"

struct ask {
	char *state;
	int fd;
	int process; /* a pidfd of the flow process; -1: not known */

	/* of the answer that ask_next has read */
	const char *line; /* without its newline, JSON_PADDING bytes behind it */
	size_t length;
	char *event; /* its name */
	char *message; /* or NULL */
	int status; /* after the last one */
	bool gone; /* the flow has ended before it answered */

	/* private */
	struct line_reader lines;
	struct json_want want;
};

/* state: the path of the state directory, which becomes ask's. */
void ask_open(struct ask *ask, char *state);
/* Returns the status; that the flow was gone is said. */
int ask_close(struct ask *ask);

/* name: NULL for none. */
void ask_send(struct ask *ask, const char *what, const char *name, bool now);
/* Reads an answer. False: that was the last one, status is set; what an error says is said. */
bool ask_next(struct ask *ask);
/* The same for what comes without an end: false when the flow has ended. */
bool ask_follow(struct ask *ask);

#endif
