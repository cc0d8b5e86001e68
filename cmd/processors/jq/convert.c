#include "cmd/processors/jq/convert.h"

#include <math.h>
#include <string.h>

#include "common/json_text.h"
#include "common/number.h"

enum { DEPTH_MOST = 200 }; /* libjq 1.6 writes 256 */

/* ---- in ---- */

struct reader {
	const struct library *jq;
	const char *p; /* in a valid text */
	struct text bytes; /* of a string with escapes */
	bool uncertain;
};

static void skip_space(struct reader *reader)
{
	while (*reader->p == ' ' || *reader->p == '\t' || *reader->p == '\n' || *reader->p == '\r')
		reader->p++;
}

/* What follows a value: true if it is a comma. */
static bool next(struct reader *reader)
{
	skip_space(reader);
	return *reader->p++ == ',';
}

static jv read_string(struct reader *reader)
{
	const char *start = reader->p++;
	bool escaped = false;

	for (; *reader->p != '"'; reader->p++)
		if (*reader->p == '\\') {
			escaped = true;
			reader->p++;
		}
	reader->p++;
	if (!escaped)
		return reader->jq->jv_string_sized(start + 1, (int)(reader->p - start - 2));
	text_clear(&reader->bytes);
	json_add_unescaped(&reader->bytes, start, (size_t)(reader->p - start));
	return reader->jq->jv_string_sized(reader->bytes.data, (int)reader->bytes.length);
}

static jv read_number(struct reader *reader)
{
	struct json_span span = {.at = reader->p, .kind = JSON_NUMBER};
	double number;

	span.length = strspn(reader->p, "+-.0123456789eE");
	reader->p += span.length;
	number = json_number(&span);
	if (number != 0 && !isnormal(number))
		reader->uncertain = true;
	return reader->jq->jv_number(number);
}

static jv read_word(struct reader *reader)
{
	const struct library *jq = reader->jq;
	char first = *reader->p;

	reader->p += first == 'f' ? 5 : 4;
	return first == 'n' ? jq->jv_null() : first == 't' ? jq->jv_true() : jq->jv_false();
}

static jv read_value(struct reader *reader)
{
	const struct library *jq = reader->jq;
	bool object = *reader->p == '{';
	jv value;

	if (*reader->p == '"')
		return read_string(reader);
	if (!object && *reader->p != '[')
		return *reader->p == '-' || (*reader->p >= '0' && *reader->p <= '9') ? read_number(reader)
		                                                                     : read_word(reader);
	value = object ? jq->jv_object() : jq->jv_array();
	reader->p++;
	skip_space(reader);
	if (*reader->p == '}' || *reader->p == ']') {
		reader->p++;
		return value;
	}
	do {
		skip_space(reader);
		if (object) {
			jv key = read_string(reader);

			skip_space(reader);
			reader->p++; /* ':' */
			skip_space(reader);
			value = jq->jv_object_set(value, key, read_value(reader));
		} else {
			value = jq->jv_array_append(value, read_value(reader));
		}
	} while (next(reader));
	return value;
}

jv convert_in(const struct library *jq, const char *json)
{
	struct reader reader = {.jq = jq, .p = json};
	jv value = read_value(&reader);

	text_free(&reader.bytes);
	if (!reader.uncertain)
		return value;
	jq->jv_free(value);
	return jq->jv_invalid();
}

/* ---- out ---- */

struct writer {
	const struct library *jq;
	struct text *text;
	bool doubles;
};

static bool write_value(const struct writer *writer, jv value, int depth);

static void write_string(const struct writer *writer, jv string)
{
	const struct library *jq = writer->jq;

	json_add_string(writer->text, jq->jv_string_value(string),
	                (size_t)jq->jv_string_length_bytes(jq->jv_copy(string)));
}

static bool write_number(const struct writer *writer, jv value)
{
	double number = writer->jq->jv_number_value(value);
	char digits[NUMBER_TEXT] = "";

	if (!writer->doubles || (number != 0 && !isnormal(number)))
		return false;
	text_add(writer->text, digits, number_text(digits, number));
	return true;
}

static bool write_array(const struct writer *writer, jv array, int depth)
{
	const struct library *jq = writer->jq;
	int count = jq->jv_array_length(jq->jv_copy(array));
	bool done = true;

	text_add_char(writer->text, '[');
	for (int i = 0; done && i < count; i++) {
		jv element = jq->jv_array_get(jq->jv_copy(array), i);

		if (i > 0)
			text_add_char(writer->text, ',');
		done = write_value(writer, element, depth + 1);
		jq->jv_free(element);
	}
	text_add_char(writer->text, ']');
	return done;
}

static bool write_object(const struct writer *writer, jv object, int depth)
{
	const struct library *jq = writer->jq;
	bool done = true, first = true;

	text_add_char(writer->text, '{');
	for (int i = jq->jv_object_iter(object); done && jq->jv_object_iter_valid(object, i);
	     i = jq->jv_object_iter_next(object, i)) {
		jv key = jq->jv_object_iter_key(object, i), value = jq->jv_object_iter_value(object, i);

		if (!first)
			text_add_char(writer->text, ',');
		first = false;
		write_string(writer, key);
		text_add_char(writer->text, ':');
		done = write_value(writer, value, depth + 1);
		jq->jv_free(key);
		jq->jv_free(value);
	}
	text_add_char(writer->text, '}');
	return done;
}

static bool write_value(const struct writer *writer, jv value, int depth)
{
	if (depth > DEPTH_MOST)
		return false;
	switch (writer->jq->jv_get_kind(value)) {
	case JV_KIND_NULL:
		text_add_string(writer->text, "null");
		return true;
	case JV_KIND_FALSE:
		text_add_string(writer->text, "false");
		return true;
	case JV_KIND_TRUE:
		text_add_string(writer->text, "true");
		return true;
	case JV_KIND_NUMBER:
		return write_number(writer, value);
	case JV_KIND_STRING:
		write_string(writer, value);
		return true;
	case JV_KIND_ARRAY:
		return write_array(writer, value, depth);
	case JV_KIND_OBJECT:
		return write_object(writer, value, depth);
	default:
		return false;
	}
}

bool convert_out(const struct library *jq, struct text *text, jv value, bool doubles)
{
	const struct writer writer = {jq, text, doubles};
	size_t length = text->length;

	if (write_value(&writer, value, 0))
		return true;
	text->length = length;
	return false;
}
