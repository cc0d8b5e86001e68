/*
 * From what a command wrote to events.
 */
#include <stdlib.h>

#include "cmd/processors/exec/exec.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"
#include "common/utf8.h"

static bool refuse(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(struct job *job, const char *format, ...)
{
	va_list arguments;

	text_clear(&job->reason);
	va_start(arguments, format);
	text_vaddf(&job->reason, format, arguments);
	va_end(arguments);
	return false;
}

static bool is_json(const struct exec *exec, const char *bytes, size_t length, struct json_result *json)
{
	return !exec->text && json_scan(bytes, length, NULL, NULL, 0, json);
}

static void add_meta(struct exec *exec, const struct job *job, const struct answer *answer)
{
	struct text *value = &exec->value;

	if (!exec->meta)
		return;
	text_add_char(value, '{');
	if (answer->status >= 0)
		text_addf(value, "\"exit\":%d,", answer->status);
	text_addf(value, "\"attempt\":%lld", (long long)job->failures + 1);
	json_add_seconds_member(value, "duration", answer->duration);
	text_add_string(value, ",\"output\":");
}

/* Puts the value of some output into exec->value. */
static void make_value(struct exec *exec, const struct job *job, const struct answer *answer, const char *bytes,
                       size_t length)
{
	struct text *value = &exec->value;
	struct json_result json;

	text_clear(value);
	add_meta(exec, job, answer);
	if (is_json(exec, bytes, length, &json))
		json_add_compact(value, bytes + json.start, json.end - json.start);
	else
		json_add_string(value, bytes, length);
	if (exec->meta)
		text_add_char(value, '}');
}

/* Appends exec->made to the lines, if it is an event that others can read. */
static bool add_made(struct exec *exec, struct job *job)
{
	struct text *made = &exec->made;
	struct json_result json;
	char size[UNIT_TEXT_MAX];

	if (made->length > stage_max_line(&exec->stage))
		return refuse(job, "the event would be longer than %s (--max-line)",
		              unit_size_text(size, stage_max_line(&exec->stage)));
	json_pad(made);
	if (!json_scan(made->data, made->length, NULL, NULL, 0, &json))
		return refuse(job, "the event would not be one: %s", json.error);
	text_add(&job->lines, made->data, made->length);
	text_add_char(&job->lines, '\n');
	return true;
}

static void add_time(struct exec *exec, const struct job *job)
{
	const struct json_span *time = &job->spans[exec->time_slot];

	if (time->kind == JSON_NUMBER) {
		text_add(&exec->made, time->at, time->length);
	} else {
		text_reserve(&exec->made, UNIT_TEXT_MAX);
		exec->made.length += unit_time_text(exec->made.data + exec->made.length, moment_unix());
	}
}

static bool add_event(struct exec *exec, struct job *job)
{
	const char *source = getenv("PYPE_NAME");
	struct text *made = &exec->made;

	text_clear(made);
	text_add_string(made, "{\"event\":");
	json_add_string(made, exec->name, strlen(exec->name));
	text_add_string(made, ",\"time\":");
	add_time(exec, job);
	if (source && *source)
		json_add_string_member(made, "source", source);
	text_add_string(made, ",\"data\":");
	text_add(made, exec->value.data, exec->value.length);
	text_add_char(made, '}');
	return add_made(exec, job);
}

static bool is_blank(const char *line, size_t length)
{
	while (length > 0 && strchr(" \t\r", line[length - 1]) && line[length - 1])
		length--;
	return length == 0;
}

/* The newline behind a line is followed by JSON_PADDING readable bytes. */
static bool add_line(struct exec *exec, struct job *job, const struct answer *answer, const char *line, size_t length)
{
	struct json_result json;

	if (is_blank(line, length))
		return true;
	if (!exec->meta && is_json(exec, line, length, &json) && json.kind == JSON_OBJECT) {
		text_clear(&exec->made);
		text_add(&exec->made, line, length);
		return add_made(exec, job);
	}
	make_value(exec, job, answer, line, length);
	return add_event(exec, job);
}

static bool add_lines(struct exec *exec, struct job *job, const struct answer *answer)
{
	const char *line = answer->output, *end = line + answer->length;

	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line)), *behind = newline ? newline : end;

		if (!add_line(exec, job, answer, line, (size_t)(behind - line)))
			return false;
		line = newline ? newline + 1 : end;
	}
	return true;
}

static bool put_into(struct exec *exec, struct job *job, const struct answer *answer)
{
	const char *object = job->line.data + job->start;
	size_t length = answer->length, object_length = job->end - job->start;
	struct json_gap gap;

	if (length > 0 && answer->output[length - 1] == '\n')
		length--;
	if (length > 0 && answer->output[length - 1] == '\r')
		length--;
	make_value(exec, job, answer, answer->output, length);
	text_clear(&exec->made);
	if (!json_put_find(&exec->put, job->spans, object, object_length, &gap))
		return refuse(job, "--into %s: that leads through what is no object", exec->into);
	json_put_add(&exec->put, &gap, object, object_length, &exec->value, &exec->made);
	return add_made(exec, job);
}

bool result_make(struct exec *exec, struct job *job, const struct answer *answer)
{
	enum { BAD };

	if (exec->filter) {
		text_add(&job->lines, job->line.data, job->line.length);
		text_add_char(&job->lines, '\n');
		return true;
	}
	if (exec->invalid == BAD && !utf8_valid(answer->output, answer->length))
		return refuse(job, "the output is not UTF-8 at byte %zu",
		              utf8_length(answer->output, answer->length) + 1);
	return exec->into ? put_into(exec, job, answer) : add_lines(exec, job, answer);
}
