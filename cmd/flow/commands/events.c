/*
 * pype events: what has become of a flow: the events it has kept, and with -f those that come.
 *
 * Following begins with the flow's word up to where the files go that what follows continues, so nothing is missing and nothing is
 * there twice. If the files were turned between their opening and that word, they are opened anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/flow/commands/ask.h"
#include "cmd/flow/command.h"
#include "cmd/flow/commands/last.h"
#include "cmd/flow/commands/named.h"
#include "cmd/flow/run/state.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/option.h"
#include "common/output.h"
#include "common/unit.h"
#include "common/zone.h"

enum { FIELD_SOURCE, FIELD_TIME, FIELD_INODE, FIELD_OFFSET, FIELDS };

struct events {
	const char *wanted; /* pipeline or stage; NULL: all */
	double since; /* Unix seconds */
	struct json_want want;
	struct line_writer writer;
	struct last last;
};

/* The two files, the older first; -1: it is not there. */
struct files {
	int before, now;
};

static void open_files(struct files *files, const char *state)
{
	struct text path = {0};

	text_addf(&path, "%s/events.ndjson", state);
	files->now = open(path.data, O_RDONLY | O_CLOEXEC);
	if (files->now < 0 && errno != ENOENT)
		fail("cannot open '%s':", path.data);
	text_clear(&path);
	text_addf(&path, "%s/events.1.ndjson", state);
	files->before = open(path.data, O_RDONLY | O_CLOEXEC);
	text_free(&path);
}

static void close_files(struct files *files)
{
	if (files->before >= 0)
		close(files->before);
	if (files->now >= 0)
		close(files->now);
}

static void show(struct events *events, const char *line, size_t length)
{
	struct json_span spans[FIELDS];
	struct json_result result;

	if (!json_scan(line, length, &events->want, spans, 0, &result) || spans[FIELD_SOURCE].kind != JSON_STRING)
		return;
	/* Names need no escapes. */
	if (!named(events->wanted, spans[FIELD_SOURCE].at + 1, spans[FIELD_SOURCE].length - 2))
		return;
	if (spans[FIELD_TIME].kind == JSON_NUMBER && json_number(&spans[FIELD_TIME]) < events->since)
		return;
	last_add(&events->last, line, length);
}

/* Up to an offset. */
static void show_file(struct events *events, int fd, uint64_t end)
{
	struct line_reader reader;
	const char *line;
	size_t length;

	if (fd < 0)
		return;
	line_reader_init(&reader, fd, LINE_LIMIT);
	while (line_reader_next(&reader, &line, &length) == LINE_WHOLE && reader.offset < end)
		show(events, line, length);
	line_reader_free(&reader);
}

/* Asks the flow to tell what happens. True if the open files are those that this continues; *end is where the newer one ends then. */
static bool follow(struct events *events, struct ask *ask, const struct files *files, uint64_t *end)
{
	struct json_span spans[FIELDS];
	struct json_result result;
	struct stat status;

	ask_send(ask, "events", NULL, false);
	if (!ask_next(ask) || !json_scan(ask->line, ask->length, &events->want, spans, 0, &result) ||
	    spans[FIELD_INODE].kind != JSON_NUMBER || spans[FIELD_OFFSET].kind != JSON_NUMBER)
		fail("cannot follow the flow");
	*end = (uint64_t)json_number(&spans[FIELD_OFFSET]);
	return files->now >= 0 && fstat(files->now, &status) == 0 &&
	       (double)status.st_ino == json_number(&spans[FIELD_INODE]);
}

static void show_live(struct events *events, struct ask *ask)
{
	while (ask_follow(ask)) {
		show(events, ask->line, ask->length);
		output_check(line_writer_flush(&events->writer));
	}
}

static void show_and_follow(struct events *events, const char *state)
{
	struct files files;
	struct ask ask;
	uint64_t end;

	for (;;) {
		ask_open(&ask, xstrdup(state));
		open_files(&files, state);
		if (follow(events, &ask, &files, &end))
			break;
		close_files(&files);
		ask_close(&ask);
	}
	show_file(events, files.before, UINT64_MAX);
	show_file(events, files.now, end);
	close_files(&files);
	last_flush(&events->last);
	show_live(events, &ask);
	ask_close(&ask);
}

static void show_kept(struct events *events, const char *state)
{
	struct files files;

	open_files(&files, state);
	if (files.now < 0 && files.before < 0)
		fail("no flow has run here (state directory '%s')", state);
	show_file(events, files.before, UINT64_MAX);
	show_file(events, files.now, UINT64_MAX);
	close_files(&files);
	last_flush(&events->last);
}

static double parse_since(const char *text)
{
	int64_t time;

	if (!zone_parse(text, moment_unix(), &time))
		die("--since: '%s' is not a time, such as now-2h, 2026-11-23 or 2026-11-23T10:00", text);
	return (double)time / (double)UNIT_S;
}

int events_command(char **argv)
{
	static const struct option_program program = {
		.name = "pype events",
		.summary = "show what has become of a flow",
		.operands = "[PIPELINE[.STAGE]]",
		.most = 1,
	};
	static const char *const paths[FIELDS] = {
		[FIELD_SOURCE] = ".source",
		[FIELD_TIME] = ".time",
		[FIELD_INODE] = ".data.inode",
		[FIELD_OFFSET] = ".data.offset",
	};
	struct events events = {.since = -1e300};
	char *state = NULL, *flow = NULL, *since = NULL, *path;
	const char *mistake;
	int64_t count = -1;
	bool follows = false;
	struct option options[] = {
		OPTION_FLAG('f', "follow", &follows, "go on with what happens, until the flow has ended"),
		OPTION_NUMBER('n', "count", "N", &count, "only the last N of those that are kept"),
		OPTION_STRING(0, "since", "TIME", &since,
	                      "only what has happened since then: now-2h, 2026-11-23T10:00"),
		OPTION_STRING('d', "state", "DIR", &state, "the flow's state directory (.pype beside FLOW)"),
		OPTION_STRING(0, "flow", "FLOW", &flow, "the manifest of the flow (flow.yaml)"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);

	if (since)
		events.since = parse_since(since);
	if (option_checking())
		return STATUS_OK;
	signal(SIGPIPE, SIG_IGN);
	events.wanted = operands[0];
	for (size_t i = 0; i < FIELDS; i++)
		json_want_path(&events.want, paths[i], &mistake);
	line_writer_init(&events.writer, STDOUT_FILENO);
	last_init(&events.last, count, &events.writer);
	path = state_path(state, flow);
	if (follows)
		show_and_follow(&events, path);
	else
		show_kept(&events, path);
	last_free(&events.last);
	line_writer_free(&events.writer);
	json_want_free(&events.want);
	free(path);
	return STATUS_OK;
}
