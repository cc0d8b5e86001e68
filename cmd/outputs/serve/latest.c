/*
 * latest: the newest event for pollers, with the validators of RFC 9110, section 8.8.
 *
 * The ETag is a hash of the bytes, so that the same event has the same one after a restart. Date is the
 * event's own time, since a poller takes it for the time of what it reads; Last-Modified is the same. It has a
 * resolution of a second, so If-Modified-Since is heeded only while the date tells this event from all those
 * handed out before it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/outputs/serve/serve.h"
#include "common/json_text.h"
#include "common/memory.h"

static const char date_format[] = "%a, %d %b %Y %H:%M:%S GMT"; /* IMF-fixdate; the locale is C */

struct body {
	struct latest *latest;
	size_t length;
	char bytes[];
};

static void body_free(void *context)
{
	struct body *body = context;

	body->latest->held -= body->length;
	free(body);
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *bytes, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
	return hash;
}

/* The event's own time, or when it came: in whole seconds, of years HTTP can write. */
static time_t event_time(const struct serve *serve)
{
	static const double year_10000 = 253402300800;
	struct json_span number = {.at = serve->time_text, .length = strlen(serve->time_text), .kind = JSON_NUMBER};
	double seconds = number.length > 0 ? json_number(&number) : -1;

	return seconds >= 0 && seconds < year_10000 ? (time_t)seconds : serve->arrival;
}

/* False if slow clients hold too much of older events already. */
static bool prepare(struct serve *serve)
{
	const struct history *history = &serve->history;
	struct latest *latest = &serve->latest;
	struct body *body;
	struct tm utc;

	if (latest->event == history->events)
		return true;
	latest_free(latest);
	if (latest->held > 0 && latest->held + history->latest_length > history->capacity)
		return false;
	body = xmalloc(sizeof(*body) + history->latest_length);
	*body = (struct body){.latest = latest, .length = history->latest_length};
	memcpy(body->bytes, history->latest, body->length);
	latest->held += body->length;
	latest->response =
		MHD_create_response_from_buffer_with_free_callback_cls(body->length, body->bytes, body_free, body);
	server_prepare(serve, latest->response);
	latest->event = history->events;
	latest->time = event_time(serve);
	latest->dated = latest->time > latest->newest;
	if (latest->dated)
		latest->newest = latest->time;
	strftime(latest->date, sizeof(latest->date), date_format, gmtime_r(&latest->time, &utc));
	snprintf(latest->tag, sizeof(latest->tag), "\"%016llx\"", (unsigned long long)hash(body->bytes, body->length));
	MHD_add_response_header(latest->response, MHD_HTTP_HEADER_DATE, latest->date);
	MHD_add_response_header(latest->response, MHD_HTTP_HEADER_LAST_MODIFIED, latest->date);
	MHD_add_response_header(latest->response, MHD_HTTP_HEADER_ETAG, latest->tag);
	MHD_add_response_header(latest->response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
	MHD_add_response_header(latest->response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	return true;
}

/* RFC 9110, section 13.2.2: If-Modified-Since counts only without If-None-Match. */
static bool is_known(const struct latest *latest, struct MHD_Connection *connection)
{
	const char *match = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
	const char *since = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_MODIFIED_SINCE);
	struct tm utc = {0};
	const char *end;

	/* A tag has its quotes and none inside, so it cannot be found within another. */
	if (match)
		return strcmp(match, "*") == 0 || strstr(match, latest->tag);
	end = since && latest->dated ? strptime(since, date_format, &utc) : NULL;
	return end && *end == '\0' && timegm(&utc) >= latest->time;
}

enum MHD_Result latest_reply(struct serve *serve, struct MHD_Connection *connection)
{
	struct latest *latest = &serve->latest;

	if (serve->history.events == 0)
		return server_refuse(serve, connection, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_HEADER_RETRY_AFTER, "1",
		                     "no event yet");
	if (!prepare(serve))
		return server_refuse(serve, connection, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_HEADER_RETRY_AFTER, "1",
		                     "slow clients hold all the memory for events");
	return MHD_queue_response(connection, is_known(latest, connection) ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK,
	                          latest->response);
}

void latest_free(struct latest *latest)
{
	if (latest->response)
		MHD_destroy_response(latest->response);
	latest->response = NULL;
	latest->event = 0;
}
