#include "cmd/flow/commands/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/flow/run/socket_path.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

enum { FIELD_EVENT, FIELD_MESSAGE, FIELD_STATUS, FIELDS };

_Noreturn static void unreachable(const struct ask *ask)
{
	if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
		fail("the flow is not running (state directory '%s')", ask->state);
	fail("cannot reach the flow by '%s/" SOCKET_PATH_NAME "':", ask->state);
}

static void connect_to(struct ask *ask)
{
	struct text whole = {0};
	struct socket_path path;
	struct ucred peer;
	socklen_t length = sizeof(peer);
	int directory = open(ask->state, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0)
		unreachable(ask);
	text_addf(&whole, "%s/" SOCKET_PATH_NAME, ask->state);
	ask->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ask->fd < 0 || socket_path_set(&path, directory, whole.data) < 0 ||
	    connect(ask->fd, (struct sockaddr *)&path.address, path.length) < 0)
		unreachable(ask);
	if (getsockopt(ask->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid > 0)
		ask->process = pidfd_open(peer.pid, 0);
	close(directory);
	text_free(&whole);
}

void ask_open(struct ask *ask, char *state)
{
	static const char *const paths[FIELDS] = {
		[FIELD_EVENT] = ".event", [FIELD_MESSAGE] = ".data.message", [FIELD_STATUS] = ".data.status"};
	const char *mistake;

	*ask = (struct ask){.state = state, .process = -1};
	for (size_t i = 0; i < FIELDS; i++)
		json_want_path(&ask->want, paths[i], &mistake);
	connect_to(ask);
	line_reader_init(&ask->lines, ask->fd, LINE_LIMIT);
}

static void forget(struct ask *ask)
{
	free(ask->event);
	free(ask->message);
	ask->event = ask->message = NULL;
}

int ask_close(struct ask *ask)
{
	if (ask->gone)
		message_error("the flow has ended before it answered");
	forget(ask);
	json_want_free(&ask->want);
	line_reader_free(&ask->lines);
	close(ask->fd);
	if (ask->process >= 0)
		close(ask->process);
	free(ask->state);
	return ask->status;
}

void ask_send(struct ask *ask, const char *what, const char *name, bool now)
{
	struct text text = {0};

	text_addf(&text, "{\"do\":\"%s\"", what);
	if (name) {
		text_add_string(&text, ",\"name\":");
		json_add_string(&text, name, strlen(name));
	}
	text_addf(&text, "%s}\n", now ? ",\"now\":true" : "");
	/* If the flow refuses us, it has said why before it closed. */
	if (send(ask->fd, text.data, text.length, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		fail("cannot ask the flow:");
	text_free(&text);
}

static char *string_of(const struct json_span *span)
{
	struct text text = {0};

	if (span->kind != JSON_STRING)
		return NULL;
	text_init(&text);
	json_add_unescaped(&text, span->at, span->length);
	return text_detach(&text);
}

bool ask_follow(struct ask *ask)
{
	struct json_span spans[FIELDS];
	struct json_result result;

	forget(ask);
	if (line_reader_next(&ask->lines, &ask->line, &ask->length) != LINE_WHOLE)
		return false;
	if (!json_scan(ask->line, ask->length, &ask->want, spans, 0, &result))
		fail("the flow's answer is not to be understood");
	ask->event = string_of(&spans[FIELD_EVENT]);
	ask->message = string_of(&spans[FIELD_MESSAGE]);
	if (!ask->event)
		ask->event = xstrdup("");
	ask->status = spans[FIELD_STATUS].kind == JSON_NUMBER ? (int)json_number(&spans[FIELD_STATUS]) : STATUS_FAILED;
	return true;
}

bool ask_next(struct ask *ask)
{
	bool refused = false;

	while (ask_follow(ask)) {
		if (strcmp(ask->event, "end") == 0)
			return false;
		if (strcmp(ask->event, "error") != 0)
			return true;
		refused = true;
		message_error("%s", ask->message ? ask->message : "the flow refuses");
	}
	/* There is no end if the flow let nobody in. */
	ask->gone = !refused;
	ask->status = STATUS_FAILED;
	return false;
}
