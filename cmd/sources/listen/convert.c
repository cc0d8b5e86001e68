/*
 * convert: lines, messages of syslog and datagrams to events.
 */
#include <string.h>

#include "cmd/sources/listen/listen.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/syslog.h"
#include "common/utf8.h"

/* NULL, or why it is no event. */
static const char *add_data(struct listen *listen, const char *bytes, size_t length, int64_t *time)
{
	struct text *data = &listen->data;
	struct json_result result;

	if (listen->syslog) {
		syslog_add(data, bytes, length, *time, false, time);
	} else if (listen->text) {
		if (!utf8_valid(bytes, length))
			return "not UTF-8";
		json_add_string(data, bytes, length);
	} else if (!json_scan(bytes, length, NULL, NULL, JSON_FACTS, &result)) {
		return result.error;
	} else if (result.flags & JSON_SPACED) {
		json_add_compact(data, bytes + result.start, result.end - result.start);
	} else {
		text_add(data, bytes + result.start, result.end - result.start);
	}
	return NULL;
}

bool convert(struct endpoint *endpoint, const char *bytes, size_t length, const struct text *peer)
{
	struct listen *listen = endpoint->listen;
	struct text *data = &listen->data;
	int64_t time = moment_unix();
	const char *mistake;

	text_clear(data);
	if (listen->meta)
		text_addf(data, "{%s,\"body\":", peer->data);
	mistake = add_data(listen, bytes, length, &time);
	if (mistake) {
		source_bad(&listen->source, bytes, length, "'%s': %s%s", endpoint->where,
		           listen->text ? "" : "not JSON: ", mistake);
		return true;
	}
	if (listen->meta)
		text_add_char(data, '}');
	return outlet_write(listen, endpoint->name, time, data->data, data->length);
}
