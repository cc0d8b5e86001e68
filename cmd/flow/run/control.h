/*
 * control: the socket STATE/control.sock, by which other programs ask a running flow, tell it what to do and follow what happens:
 * pype-control(5).
 *
 * Lines in, lines out; what they mean is known to the requests (orders.c). The flow never waits for a client: each has bounded
 * buffers, who does not read what comes is dropped, with a word on stderr. Of more than CONTROL_CLIENTS the one that has
 * asked nothing for the longest time is dropped. Only processes of the same user, and root's, are let in.
 */
#ifndef PYPE_FLOW_CONTROL_H
#define PYPE_FLOW_CONTROL_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/message.h"
#include "common/text.h"

enum {
	CONTROL_CLIENTS = 32,
	CONTROL_REQUEST = 4096, /* bytes in a request, its newline included */
	CONTROL_BEHIND = 1 << 20, /* bytes a client may be behind what happens */
	CONTROL_FILL = 64 << 10, /* a long answer is made in parts of about this size */
};

struct control_client;

/* One line, without its newline. */
typedef void control_request(void *context, struct control_client *client, const char *line, size_t length);
/* Adds the next part of a long answer. False: it was the last one. */
typedef bool control_more(void *context, struct control_client *client, size_t place[2]);

struct control {
	control_request *request;
	void *context;
	char *path;
	int directory; /* -1: not open */
	int fd; /* -1: there is no socket */
	int spare; /* a descriptor to close when there is none left for a client */
	struct control_client *clients[CONTROL_CLIENTS];
	size_t count;
	uint64_t number; /* of clients so far */
	struct message_limit behind;
	struct ev_io accept;
};

/*
 * Opens the socket in the state directory, whose lock this process holds: one that lies there is a dead flow's. That it cannot is said;
 * the flow does without. The watchers do not keep the loop alive.
 */
void control_open(struct control *control, const char *state, control_request *request, void *context);
/* An event for all who follow: a whole line with its newline. */
void control_tell(struct control *control, const char *event, size_t length);
/* Gives clients a moment to read what was said, and closes all. */
void control_close(struct control *control);

/* What requests do with a client. Each answer ends with control_end, control_fail, control_follow or control_long. */

/* Whole lines. */
void control_say(struct control_client *client, const char *lines, size_t length);
/* {"event":"end","data":{"status":N}}: the exit status of who asked. */
void control_end(struct control_client *client, int status);
/* {"event":"error","data":{"message":"…"}} before that. */
void control_fail(struct control_client *client, int status, const char *format, ...) MESSAGE_FORMAT(3, 4);
/* The client gets all that happens from now on. */
void control_follow(struct control_client *client);
/* more is called, with a place that is {0, 0} at first and more's to move on, whenever there is room, until it is false. */
void control_long(struct control_client *client, control_more *more);

#endif
