/*
 * tostream: a value as the paths to its leaves, each container closed by the path to its last element.
 */
#include "cmd/processors/jq/trails.h"

enum { STREAM_MOST = 256 << 20 };

struct stream {
	struct sink *out;
	struct text *keys; /* of the path so far, with commas between them */
};

/* [path, value], or with NULL [path]. */
static enum run_outcome give_event(struct run *run, const struct stream *stream, const struct value *value)
{
	struct text *text = run_text(run);
	struct value event;

	if (!text)
		return RUN_FALLBACK;
	text_add_string(text, "[[");
	text_add(text, stream->keys->data, stream->keys->length);
	text_add_char(text, ']');
	if (value) {
		text_add_char(text, ',');
		value_add(text, value);
	}
	text_add_char(text, ']');
	event = run_text_value(run);
	if (run->arena.total > STREAM_MOST)
		return run_fallback(run, "nested too deep, or too large");
	return run_give(run, stream->out, &event);
}

static enum run_outcome give_events(struct run *run, const struct stream *stream, const struct value *value,
                                    size_t depth)
{
	bool is_object = value->kind == JSON_OBJECT;
	const char *p = value_inside(value);
	struct text *keys = stream->keys;
	size_t length = keys->length;
	struct value key, element;
	enum run_outcome outcome = RUN_DONE;

	if ((!is_object && value->kind != JSON_ARRAY) || value->length == 2)
		return give_event(run, stream, value);
	if (depth > JSON_DEPTH)
		return run_fallback(run, "nested too deep");
	for (size_t i = 0; outcome == RUN_DONE; i++) {
		if (is_object ? !value_next_member(&p, &key, &element) : !value_next(&p, &element))
			break;
		if (!is_object)
			key = value_number((double)i);
		keys->length = length;
		if (length > 0)
			text_add_char(keys, ',');
		value_add(keys, &key);
		outcome = give_events(run, stream, &element, depth + 1);
	}
	if (outcome == RUN_DONE)
		outcome = give_event(run, stream, NULL);
	keys->length = length;
	return outcome;
}

enum run_outcome many_tostream(struct run *run, const struct node *node, const struct value *in,
                               const struct environment *environment, struct sink *sink)
{
	struct stream stream = {.out = sink, .keys = run_text(run)};
	struct value value;
	enum run_outcome outcome = stream.keys ? run_ready(run, in, &value) : RUN_FALLBACK;

	(void)node;
	(void)environment;
	if (outcome == RUN_DONE)
		outcome = give_events(run, &stream, &value, 0);
	if (stream.keys)
		run_text_back(run);
	return outcome;
}
