#include "cmd/flow/manager/tail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/json_text.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

void tail_init(struct tail *tail, const char *name, int fd)
{
	*tail = (struct tail){.name = name, .fd = fd};
}

void tail_keep(struct tail *tail, const char *state)
{
	struct text directory = {0};

	text_addf(&directory, "%s/logs", state);
	log_file_init(&tail->log, directory.data, tail->name, "log", LOG_FILE_STDERR);
	text_free(&directory);
}

void tail_free(struct tail *tail)
{
	if (tail->log.path)
		log_file_free(&tail->log);
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(tail->lines[i]);
}

/* The length of "NAME: " at the beginning of the line, or 0. */
static size_t own_name(const struct tail *tail)
{
	size_t length = strlen(tail->name);

	if (tail->length < length + 2 || memcmp(tail->part, tail->name, length) != 0 ||
	    memcmp(tail->part + length, ": ", 2) != 0)
		return 0;
	return length + 2;
}

static void add_time(struct text *line)
{
	int64_t now = moment_unix();
	time_t seconds = now / UNIT_S;
	struct tm date;

	gmtime_r(&seconds, &date);
	text_addf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday,
	          date.tm_hour, date.tm_min, date.tm_sec, (int)(now % UNIT_S / UNIT_MS));
}

static void end_line(struct tail *tail)
{
	struct text line = {0};
	size_t time;
	size_t name = own_name(tail);
	ssize_t n;

	add_time(&line);
	time = line.length;
	if (name == 0)
		text_addf(&line, "%s: ", tail->name);
	text_add(&line, tail->part, tail->length);
	text_add_char(&line, '\n');
	do
		n = write(STDERR_FILENO, line.data + time, line.length - time);
	while (n < 0 && errno == EINTR);
	if (tail->log.path)
		log_file_add(&tail->log, line.data, line.length);
	text_free(&line);
	free(tail->lines[tail->next]);
	tail->lines[tail->next] =
		xstrndup(tail->part + name, tail->length - name < TAIL_KEPT ? tail->length - name : TAIL_KEPT);
	tail->next = (tail->next + 1) % TAIL_LINES;
	tail->length = 0;
}

void tail_read(struct tail *tail)
{
	char block[4096];
	ssize_t n;

	while ((n = read(tail->fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] != '\n')
				tail->part[tail->length++] = block[i];
			if (block[i] == '\n' || tail->length == TAIL_LINE)
				end_line(tail);
		}
		if (n < (ssize_t)sizeof(block))
			break;
	}
}

void tail_end(struct tail *tail)
{
	tail_read(tail);
	if (tail->length > 0)
		end_line(tail);
}

void tail_add_json(struct tail *tail, struct text *text)
{
	size_t count = 0;

	text_add_char(text, '[');
	for (size_t i = 0; i < TAIL_LINES; i++) {
		char **line = &tail->lines[(tail->next + i) % TAIL_LINES];

		if (!*line)
			continue;
		if (count++ > 0)
			text_add_char(text, ',');
		json_add_string(text, *line, strlen(*line));
		free(*line);
		*line = NULL;
	}
	text_add_char(text, ']');
}
