/*
 * body: what a request brought, as events: a JSON text, its elements, lines, a form, or plain text.
 *
 * All or nothing: a request of which a part is no good makes no events at all, since its sender is told so.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/sources/listen/listen.h"
#include "common/items.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/utf8.h"

enum {
	AROUND = 1024, /* bytes of an event around its data */
	FIELDS = 1000, /* of a form */
};

struct making {
	const struct body *body;
	struct delivery *delivery;
	struct text meta; /* what stands before the data; "" */
	struct text *reason;
	const char *scope;
	unsigned status;
	struct items items;
};

static void refuse(struct making *making, unsigned status, const char *format, ...) MESSAGE_FORMAT(3, 4);

static void refuse(struct making *making, unsigned status, const char *format, ...)
{
	va_list arguments;

	if (making->status != MHD_HTTP_OK)
		return;
	making->status = status;
	va_start(arguments, format);
	text_vaddf(making->reason, format, arguments);
	va_end(arguments);
}

static const char *header(const struct body *body, const char *name)
{
	return MHD_lookup_connection_value(body->connection, MHD_HEADER_KIND, name);
}

static void add_member(struct text *meta, const char *name, const char *value)
{
	text_addf(meta, "\"%s\":", name);
	json_add_string(meta, value, strlen(value));
	text_add_char(meta, ',');
}

/* {"method":…,"path":…,"query":…,"headers":{…},"peer":…,"body": */
static void add_meta(struct text *meta, const struct body *body)
{
	const struct option_list *wanted = &body->listen->meta_headers;

	text_add_char(meta, '{');
	add_member(meta, "method", body->method);
	add_member(meta, "path", body->path);
	if (*body->query)
		add_member(meta, "query", body->query);
	if (wanted->count > 0) {
		text_add_string(meta, "\"headers\":{");
		for (size_t i = 0; i < wanted->count; i++)
			if (header(body, wanted->items[i]))
				add_member(meta, wanted->items[i], header(body, wanted->items[i]));
		if (meta->data[meta->length - 1] == ',')
			meta->length--;
		text_add_string(meta, "},");
	}
	add_member(meta, "peer", body->peer);
	text_add_string(meta, "\"body\":");
}

/* One event of a valid JSON text. */
static void add_event(struct making *making, const char *json, size_t length, bool spaced)
{
	struct text *lines = &making->delivery->lines;
	size_t before = lines->length;

	text_add(lines, making->meta.data, making->meta.length);
	if (spaced)
		json_add_compact(lines, json, length);
	else
		text_add(lines, json, length);
	if (making->meta.length > 0)
		text_add_char(lines, '}');
	if (lines->length - before + AROUND > making->body->listen->source.max_line)
		refuse(making, MHD_HTTP_CONTENT_TOO_LARGE, "an event would be too large (--max-line)");
	text_add_char(lines, '\n');
	making->delivery->count++;
}

/* False: it is no JSON; what and number say which part of the body. */
static bool add_json(struct making *making, const char *bytes, size_t length, const char *what, uint64_t number)
{
	struct json_result result;

	if (!json_scan(bytes, length, NULL, NULL, JSON_FACTS, &result)) {
		refuse(making, MHD_HTTP_BAD_REQUEST, "%s %llu is not JSON: %s at byte %zu", what,
		       (unsigned long long)number, result.error, result.at + 1);
		return false;
	}
	add_event(making, bytes + result.start, result.end - result.start, result.flags & JSON_SPACED);
	return true;
}

static void add_text(struct making *making, const char *bytes, size_t length)
{
	struct text quoted = {0};

	json_add_string(&quoted, bytes, length);
	add_event(making, quoted.data, quoted.length, false);
	text_free(&quoted);
}

static void note_id(struct making *making, const struct json_span *span)
{
	if (span->kind == JSON_STRING || span->kind == JSON_NUMBER)
		making->delivery->id = ids_hash(making->scope, span->at, span->length);
}

/* The body as one JSON text. False: it is none. */
static bool scan(struct making *making, const char *bytes, size_t length, struct json_result *result)
{
	const struct json_want *want = &making->body->listen->want;
	struct json_span span = {.kind = JSON_NONE};

	if (!json_scan(bytes, length, want->slots ? want : NULL, &span, JSON_FACTS, result)) {
		refuse(making, MHD_HTTP_BAD_REQUEST, "the body is not JSON: %s at byte %zu", result->error,
		       result->at + 1);
		return false;
	}
	if (want->slots)
		note_id(making, &span);
	return true;
}

static bool take_element(void *context, const char *bytes, size_t length)
{
	struct making *making = context;

	if (bytes)
		return add_json(making, bytes, length, "element", making->items.count);
	refuse(making, MHD_HTTP_CONTENT_TOO_LARGE, "element %llu has %zu bytes: too many (--max-line)",
	       (unsigned long long)making->items.count, length);
	return false;
}

static void take_items(struct making *making, const char *bytes, size_t length)
{
	struct listen *listen = making->body->listen;
	struct json_result result;
	const char *mistake;

	if (!scan(making, bytes, length, &result))
		return;
	items_init(&making->items, listen->items, listen->source.max_line, take_element, making, &mistake);
	if (!items_add(&making->items, bytes, length) || !items_end(&making->items))
		refuse(making, MHD_HTTP_BAD_REQUEST, "%s ('%s')", making->items.error ? making->items.error : "",
		       listen->items);
	items_free(&making->items);
}

static void take_json(struct making *making, const char *bytes, size_t length)
{
	struct json_result result;

	if (scan(making, bytes, length, &result))
		add_event(making, bytes + result.start, result.end - result.start, result.flags & JSON_SPACED);
}

/* A line of JSON must be followed by as many bytes as the scanner looks at: it is, by the rest and the padding. */
static void take_lines(struct making *making, const char *bytes, size_t length)
{
	const char *end = bytes + length;

	for (uint64_t number = 1; bytes < end && making->status == MHD_HTTP_OK; number++) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		const char *stop = newline ? newline : end;

		if (stop > bytes && stop[-1] == '\r')
			stop--;
		if (stop > bytes + strspn(bytes, " \t")) {
			if (making->body->listen->text)
				add_text(making, bytes, (size_t)(stop - bytes));
			else
				add_json(making, bytes, (size_t)(stop - bytes), "line", number);
		}
		bytes = newline ? newline + 1 : end;
	}
}

/* ---- forms: application/x-www-form-urlencoded ---- */

struct field {
	struct text name, value;
};

static int hex(char digit)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) % 16 : -1;
}

static void add_decoded(struct text *text, const char *bytes, size_t length)
{
	text_init(text);
	for (size_t i = 0; i < length; i++) {
		bool coded = bytes[i] == '%' && i + 2 < length && hex(bytes[i + 1]) >= 0 && hex(bytes[i + 2]) >= 0;

		text_add_char(text, coded             ? (char)(hex(bytes[i + 1]) * 16 + hex(bytes[i + 2]))
		                    : bytes[i] == '+' ? ' '
		                                      : bytes[i]);
		i += coded ? 2 : 0;
	}
}

static size_t read_fields(struct field *fields, const char *bytes, size_t length)
{
	const char *end = bytes + length;
	size_t count = 0;

	while (bytes < end && count < FIELDS) {
		const char *next = memchr(bytes, '&', (size_t)(end - bytes)), *stop = next ? next : end;
		const char *equals = memchr(bytes, '=', (size_t)(stop - bytes));
		const char *name_end = equals ? equals : stop;

		if (stop > bytes) {
			add_decoded(&fields[count].name, bytes, (size_t)(name_end - bytes));
			add_decoded(&fields[count].value, equals ? equals + 1 : stop,
			            equals ? (size_t)(stop - equals - 1) : 0);
			count++;
		}
		bytes = next ? next + 1 : end;
	}
	return bytes < end ? SIZE_MAX : count;
}

static bool same_name(const struct field *a, const struct field *b)
{
	return a->name.length == b->name.length && memcmp(a->name.data, b->name.data, a->name.length) == 0;
}

/* The value of a field; of one that is there several times, a list of them at the first. False: it was in such a list. */
static bool add_field(struct text *json, const struct field *fields, size_t count, size_t i)
{
	bool several = false;

	for (size_t j = 0; j < i; j++)
		if (same_name(&fields[j], &fields[i]))
			return false;
	for (size_t j = i + 1; j < count; j++)
		several |= same_name(&fields[j], &fields[i]);
	text_add_string(json, json->length > 1 ? "," : "");
	json_add_string(json, fields[i].name.data, fields[i].name.length);
	text_add_string(json, several ? ":[" : ":");
	for (size_t j = i; j < count; j++) {
		if (!same_name(&fields[j], &fields[i]))
			continue;
		text_add_string(json, j > i ? "," : "");
		json_add_string(json, fields[j].value.data, fields[j].value.length);
	}
	text_add_string(json, several ? "]" : "");
	return true;
}

static void take_form(struct making *making, const char *bytes, size_t length)
{
	struct field *fields = xcalloc(FIELDS, sizeof(*fields));
	size_t count = read_fields(fields, bytes, length);
	struct text json = {0};

	text_add_char(&json, '{');
	if (count == SIZE_MAX)
		refuse(making, MHD_HTTP_BAD_REQUEST, "the form has more than %d fields", FIELDS);
	for (size_t i = 0; i < FIELDS && i < count; i++) {
		if (!utf8_valid(fields[i].name.data, fields[i].name.length) ||
		    !utf8_valid(fields[i].value.data, fields[i].value.length))
			refuse(making, MHD_HTTP_BAD_REQUEST, "the form is not UTF-8");
		if (count != SIZE_MAX)
			add_field(&json, fields, count, i);
	}
	text_add_char(&json, '}');
	json_pad(&json);
	if (making->status == MHD_HTTP_OK)
		take_json(making, json.data, json.length);
	for (size_t i = 0; i < FIELDS; i++) {
		text_free(&fields[i].name);
		text_free(&fields[i].value);
	}
	free(fields);
	text_free(&json);
}

/* ---- which of them ---- */

static bool is_type(const char *type, const char *wanted)
{
	size_t length = strlen(wanted);

	return type && strncasecmp(type, wanted, length) == 0 && strchr("; \t", type[length]);
}

static bool is_lines_type(const char *type)
{
	return is_type(type, "application/x-ndjson") || is_type(type, "application/ndjson") ||
	       is_type(type, "application/jsonl") || is_type(type, "application/x-jsonlines");
}

/* curl and others call everything a form unless told otherwise; a form does not begin with a bracket. */
static bool is_form(const char *type, const char *bytes)
{
	bytes += strspn(bytes, " \t\r\n");
	return is_type(type, "application/x-www-form-urlencoded") && *bytes && *bytes != '{' && *bytes != '[';
}

static void take(struct making *making)
{
	const struct body *body = making->body;
	const char *type = header(body, MHD_HTTP_HEADER_CONTENT_TYPE);
	const char *bytes = body->bytes->data;
	size_t length = body->bytes->length;

	if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		bytes += 3;
		length -= 3;
	}
	if (body->listen->text && !utf8_valid(bytes, length))
		refuse(making, MHD_HTTP_BAD_REQUEST, "the body is not UTF-8");
	else if (body->listen->lines || (is_lines_type(type) && !body->listen->text))
		take_lines(making, bytes, length);
	else if (body->listen->text)
		add_text(making, bytes, length);
	else if (is_form(type, bytes))
		take_form(making, bytes, length);
	else if (body->listen->items)
		take_items(making, bytes, length);
	else
		take_json(making, bytes, length);
}

unsigned body_to_events(const struct body *body, const char *scope, struct delivery *delivery, struct text *reason)
{
	struct making making = {
		.body = body, .delivery = delivery, .reason = reason, .scope = scope, .status = MHD_HTTP_OK};
	const char *id = body->listen->id && !body->listen->want.slots ? header(body, body->listen->id) : NULL;

	if (id)
		delivery->id = ids_hash(scope, id, strlen(id));
	if (body->listen->meta)
		add_meta(&making.meta, body);
	json_pad(body->bytes);
	take(&making);
	text_free(&making.meta);
	return making.status;
}
