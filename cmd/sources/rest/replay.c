/*
 * Answers requests out of a recording (exchange.h).
 */
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/sources/rest/exchange.h"
#include "common/http_headers.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/unit.h"

enum { RECORDING_MAX = 1 << 30 };

struct recorded {
	char *line; /* method and URL, without what looks secret */
	char *path; /* of the response */
	bool used;
};

/* Reads all of the file; fails (1) if it cannot. */
static void read_file(const char *path, struct text *content)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || text_add_file(content, fd, RECORDING_MAX) != 0)
		fail("cannot read the recording '%s':", path);
	close(fd);
	text_add_string(content, "");
}

void replay_open(struct rest *rest)
{
	struct exchanges *exchanges = rest->exchanges;
	struct dirent **entries;
	int count = scandir(rest->replay, &entries, exchange_is_request, alphasort);

	if (count < 0)
		die("--replay '%s':", rest->replay);
	exchanges->recorded = xcalloc((size_t)count + 1, sizeof(*exchanges->recorded));
	for (int i = 0; i < count; i++) {
		char *path = text_format("%s/%s", rest->replay, entries[i]->d_name);
		size_t length = strlen(path) - strlen(".request");
		struct text content = {0};

		read_file(path, &content);
		exchanges->recorded[exchanges->count++] = (struct recorded){
			.line = xstrndup(content.data, strcspn(content.data, "\r\n")),
			.path = text_format("%.*s.response", (int)length, path),
		};
		text_free(&content);
		free(path);
		free(entries[i]);
	}
	free(entries);
}

/* The first that has not been used. */
static struct recorded *take(struct exchanges *exchanges, const struct http_request *request)
{
	char *line = exchange_line(request);
	struct recorded *found = NULL;

	for (size_t i = 0; i < exchanges->count && !found; i++)
		if (!exchanges->recorded[i].used && strcmp(exchanges->recorded[i].line, line) == 0)
			found = &exchanges->recorded[i];
	free(line);
	if (found)
		found->used = true;
	return found;
}

static char *header_of(const char *headers, const char *name)
{
	struct http_header header;

	return http_headers_find(&headers, name, &header) ? xstrndup(header.value, header.value_length) : NULL;
}

static int64_t date_of(const char *value)
{
	time_t seconds = value ? curl_getdate(value, NULL) : -1;

	return seconds >= 0 ? seconds * UNIT_S : -1;
}

/* Seconds, or a date, which counts from that of the answer. */
static int64_t retry_of(const char *value, int64_t date)
{
	int64_t seconds, until;

	if (!value)
		return -1;
	if (unit_number(value, &seconds) && seconds >= 0)
		return seconds < UNIT_DAY / UNIT_MS ? seconds * UNIT_S : UNIT_DAY;
	until = date_of(value);
	return until < 0 || date < 0 ? -1 : until > date ? until - date : 0;
}

/* Cuts a response into its parts, behind each other in content. False: there was no answer, or it is none. */
static bool parse(struct text *content, struct http_response *response, const char **body, size_t *length)
{
	char *line = content->data, *headers = line + strcspn(line, "\n"), *end;

	if (strncmp(line, "HTTP", 4) != 0)
		return false;
	response->status = atoi(line + strcspn(line, " \n"));
	headers += *headers == '\n';
	end = headers;
	while (*end && *end != '\n' && strncmp(end, "\r\n", 2) != 0) {
		end += strcspn(end, "\n");
		end += *end == '\n';
	}
	*body = end + strspn(end, "\r");
	*body += **body == '\n';
	*length = content->length - (size_t)(*body - content->data);
	*end = '\0';
	response->headers = headers;
	return response->status > 0;
}

static void replay(struct exchange *exchange)
{
	struct http_request *request = &exchange->request;
	struct http_response response = {.date = -1, .retry_after = -1, .url = request->url, .error = ""};
	struct text content = {0};
	char *type = NULL, *etag = NULL, *date = NULL, *retry = NULL;
	const char *body;
	size_t length;

	text_init(&content);
	if (exchange->recorded)
		read_file(exchange->recorded->path, &content);
	if (!exchange->recorded) {
		response.failure = HTTP_OTHER;
		response.error = "the recording has no answer to this request any more";
	} else if (!parse(&content, &response, &body, &length)) {
		response.failure = HTTP_OTHER;
		content.data[strcspn(content.data, "\n")] = '\0';
		response.error =
			strncmp(content.data, "failed: ", 8) == 0 ? content.data + 8 : "the recording is damaged";
	} else {
		response.type = type = header_of(response.headers, "Content-Type");
		response.etag = etag = header_of(response.headers, "ETag");
		response.date = date_of(date = header_of(response.headers, "Date"));
		response.retry_after = retry_of(retry = header_of(response.headers, "Retry-After"), response.date);
		response.received = length;
		if (request->max_body && length > request->max_body) {
			response.failure = HTTP_TOO_LARGE;
			response.error = "the body is over the limit";
		} else if (length > 0 && !request->piece(request->context, &response, body, length)) {
			response.failure = HTTP_STOPPED;
		}
	}
	request->done(request->context, &response);
	free(type);
	free(etag);
	free(date);
	free(retry);
	text_free(&content);
}

static void replay_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct exchange *exchange = timer->data;

	(void)loop;
	(void)events;
	replay(exchange);
	exchange_over(exchange);
}

void replay_start(struct exchange *exchange)
{
	exchange->recorded = take(exchange->rest->exchanges, &exchange->request);
	ev_init(&exchange->timer, replay_due);
	exchange->timer.data = exchange;
	source_loop_after(&exchange->rest->loop, &exchange->timer, 0);
}

void replay_abort(struct exchange *exchange)
{
	ev_timer_stop(exchange->rest->loop.loop, &exchange->timer);
}

void replay_close(struct rest *rest)
{
	struct exchanges *exchanges = rest->exchanges;

	for (size_t i = 0; i < exchanges->count; i++) {
		free(exchanges->recorded[i].line);
		free(exchanges->recorded[i].path);
	}
	free(exchanges->recorded);
}
