#include "cmd/processors/jq/formats.h"

#include "cmd/processors/jq/run.h"
#include "common/utf8.h"

/* Appends the bytes as the format writes a string. False: the versions differ. */
typedef bool add_bytes(struct text *text, const char *bytes, size_t length);

static bool add_csv(struct text *text, const char *bytes, size_t length)
{
	text_add_char(text, '"');
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '"')
			text_add_char(text, '"');
		text_add_char(text, bytes[i]);
	}
	text_add_char(text, '"');
	return true;
}

/* Bytes that stand for themselves, but for those that another text replaces. */
static bool replace(struct text *text, const char *bytes, size_t length, const char *from, const char *const *to)
{
	for (size_t i = 0; i < length; i++) {
		const char *found = strchr(from, bytes[i]);

		if (found)
			text_add_string(text, to[found - from]);
		else
			text_add_char(text, bytes[i]);
	}
	return true;
}

static bool add_tsv(struct text *text, const char *bytes, size_t length)
{
	static const char *const to[] = {"\\t", "\\n", "\\r", "\\\\"};

	return replace(text, bytes, length, "\t\n\r\\", to);
}

static bool add_html(struct text *text, const char *bytes, size_t length)
{
	static const char *const to[] = {"&lt;", "&gt;", "&amp;", "&quot;"};

	if (memchr(bytes, '\'', length))
		return false;

	return replace(text, bytes, length, "<>&\"", to);
}

static bool add_sh(struct text *text, const char *bytes, size_t length)
{
	static const char *const to[] = {"'\\''"};

	text_add_char(text, '\'');
	replace(text, bytes, length, "'", to);
	text_add_char(text, '\'');
	return true;
}

static bool add_base64(struct text *text, const char *bytes, size_t length)
{
	json_add_base64(text, bytes, length);
	return true;
}

static bool add_uri(struct text *text, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (strchr("!'()*", c))
			return false;
		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || strchr("-_.~", c))
			text_add_char(text, (char)c);
		else
			text_addf(text, "%%%02X", c);
	}
	return true;
}

static enum run_outcome add_one(struct run *run, struct text *text, const struct value *value, add_bytes *add, bool row)
{
	size_t length;
	const char *bytes;

	if (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT)
		return run_fallback(run, "a format");
	if (value->kind == JSON_NULL && row)
		return RUN_DONE;
	if (value->kind != JSON_STRING) {
		value_add(text, value);
		return RUN_DONE;
	}
	bytes = value_bytes(&run->arena, value, &length);
	if (memchr(bytes, '\0', length) || !add(text, bytes, length))
		return run_fallback(run, "a format");
	return RUN_DONE;
}

/* The bytes that were put together, as a string. */
static enum run_outcome as_string(struct run *run, struct text *text, enum run_outcome outcome, struct value *result)
{
	if (outcome == RUN_DONE)
		*result = value_string(&run->arena, text->data, text->length);
	run_text_back(run);
	return outcome;
}

static enum run_outcome join_row(struct run *run, const struct value *in, add_bytes *add, char separator, bool row,
                                 struct value *result)
{
	const char *p = value_inside(in);
	struct text *text = run_text(run);
	struct value element;
	enum run_outcome outcome = RUN_DONE;
	bool first = true;

	if (!text)
		return RUN_FALLBACK;
	if (in->kind != JSON_ARRAY)
		return as_string(run, text, row ? run_fallback(run, "a format") : add_one(run, text, in, add, row),
		                 result);
	while (outcome == RUN_DONE && value_next(&p, &element)) {
		if (!first)
			text_add_char(text, separator);
		first = false;
		outcome = add_one(run, text, &element, add, row);
	}
	return as_string(run, text, outcome, result);
}

static enum run_outcome format_csv(struct run *run, const struct value *in, struct value *result)
{
	return join_row(run, in, add_csv, ',', true, result);
}

static enum run_outcome format_tsv(struct run *run, const struct value *in, struct value *result)
{
	return join_row(run, in, add_tsv, '\t', true, result);
}

static enum run_outcome format_sh(struct run *run, const struct value *in, struct value *result)
{
	return join_row(run, in, add_sh, ' ', false, result);
}

/* Of the value as tostring gives it. */
static enum run_outcome of_text(struct run *run, const struct value *in, add_bytes *add, struct value *result)
{
	struct value string = *in;
	struct text *text;

	if (in->kind != JSON_STRING) {
		text = run_text(run);
		if (!text)
			return RUN_FALLBACK;
		if (run_too_deep(run, in)) {
			run_text_back(run);
			return run_fallback(run, "nested too deep");
		}
		value_add(text, in);
		string = value_string(&run->arena, text->data, text->length);
		run_text_back(run);
	}
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	return as_string(run, text, add_one(run, text, &string, add, false), result);
}

static enum run_outcome format_html(struct run *run, const struct value *in, struct value *result)
{
	return of_text(run, in, add_html, result);
}

static enum run_outcome format_uri(struct run *run, const struct value *in, struct value *result)
{
	return of_text(run, in, add_uri, result);
}

static enum run_outcome format_base64(struct run *run, const struct value *in, struct value *result)
{
	return of_text(run, in, add_base64, result);
}

/* Of text in base64 as it should be, and that stands for UTF-8. */
static enum run_outcome format_base64d(struct run *run, const struct value *in, struct value *result)
{
	struct text *text = run_text(run);
	bool valid;

	if (!text)
		return RUN_FALLBACK;
	valid = in->kind == JSON_STRING && in->length > 2 && json_add_unbase64(text, in->at, in->length) &&
	        utf8_valid(text->data, text->length);
	if (valid)
		*result = value_string(&run->arena, text->data, text->length);
	run_text_back(run);
	return valid ? RUN_DONE : run_unfit(run);
}

value_function *formats_find(const char *name, size_t length)
{
	static const struct {
		const char *name;
		value_function *function;
	} formats[] = {{"csv", format_csv},        {"tsv", format_tsv}, {"sh", format_sh},
	               {"html", format_html},      {"uri", format_uri}, {"base64", format_base64},
	               {"base64d", format_base64d}};

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strlen(formats[i].name) == length && memcmp(name, formats[i].name, length) == 0)
			return formats[i].function;
	return NULL;
}
