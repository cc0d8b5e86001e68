/*
 * Makes a recording (exchange.h) of what is asked and answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/sources/rest/exchange.h"
#include "common/http_headers.h"
#include "common/locked_file.h"
#include "common/memory.h"
#include "common/message.h"

static void write_or_fail(int fd, const void *bytes, size_t length, const char *path)
{
	if (locked_file_write(fd, bytes, length) < 0)
		fail("cannot write to the recording '%s':", path);
}

static int create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		fail("cannot write the recording '%s':", path);
	return fd;
}

void record_request(struct exchange *exchange)
{
	const struct rest *rest = exchange->rest;
	unsigned long number = ++rest->exchanges->number;
	char *path = text_format("%s/%06lu.request", rest->record, number);
	struct text text = {0};
	int fd = create(path);

	exchange_text(&text, rest, &exchange->request);
	write_or_fail(fd, text.data, text.length, path);
	close(fd);
	free(path);
	text_free(&text);
	exchange->path = text_format("%s/%06lu.response.new", rest->record, number);
	exchange->fd = create(exchange->path);
}

static void record_head(struct exchange *exchange, const struct http_response *response)
{
	struct text text = {0};
	struct http_header header;
	const char *at = response->headers;

	if (exchange->headed)
		return;
	exchange->headed = true;
	text_addf(&text, "HTTP %d\n", response->status);
	while (http_headers_next(&at, &header)) {
		char *line = text_format("%.*s: %.*s", (int)header.name_length, header.name, (int)header.value_length,
		                         header.value);

		/* The body is recorded as it comes out. */
		if (strncasecmp(line, "content-encoding:", 17) != 0 && strncasecmp(line, "content-length:", 15) != 0 &&
		    strncasecmp(line, "transfer-encoding:", 18) != 0 && strncasecmp(line, "set-cookie", 10) != 0)
			text_addf(&text, "%s\n", line);
		free(line);
	}
	text_add_char(&text, '\n');
	write_or_fail(exchange->fd, text.data, text.length, exchange->path);
	text_free(&text);
}

void record_piece(struct exchange *exchange, const struct http_response *response, const char *bytes, size_t length)
{
	record_head(exchange, response);
	write_or_fail(exchange->fd, bytes, length, exchange->path);
}

void record_end(struct exchange *exchange, const struct http_response *response)
{
	char *path = xstrndup(exchange->path, strlen(exchange->path) - strlen(".new"));

	if (response->status && (response->failure == HTTP_OK || exchange->headed)) {
		record_head(exchange, response);
	} else {
		char *line = text_format("failed: %s\n", response->error);

		write_or_fail(exchange->fd, line, strlen(line), exchange->path);
		free(line);
	}
	close(exchange->fd);
	exchange->fd = -1;
	if (rename(exchange->path, path) < 0)
		fail("cannot write the recording '%s':", path);
	free(path);
}

void record_drop(struct exchange *exchange)
{
	if (exchange->fd < 0)
		return;
	close(exchange->fd);
	unlink(exchange->path);
}

/* Recordings are continued, not overwritten. */
void record_open(struct rest *rest)
{
	struct dirent **entries;
	int count;

	if (mkdir(rest->record, 0700) < 0 && errno != EEXIST)
		fail("--record '%s':", rest->record);
	count = scandir(rest->record, &entries, exchange_is_request, alphasort);
	if (count < 0)
		fail("--record '%s':", rest->record);
	for (int i = 0; i < count; i++) {
		unsigned long number = strtoul(entries[i]->d_name, NULL, 10);

		if (number > rest->exchanges->number)
			rest->exchanges->number = number;
		free(entries[i]);
	}
	free(entries);
}
