#include "cmd/processors/jq/native.h"

#include <stdlib.h>

#include "cmd/processors/jq/syntax.h"
#include "common/memory.h"

enum { RESULTS_MOST = 1 << 21 };

bool native_init(struct native *native, const struct engine_program *program, bool (*prints_doubles)(void),
                 const char **reason)
{
	size_t at;

	*native = (struct native){
		.raw = program->raw_output, .sorted = program->sort_keys, .run = {.prints_doubles = prints_doubles}};
	if (program->null_input || program->raw_input || program->slurp || program->ascii) {
		*reason = "an option";
		return false;
	}
	if (!syntax_parse(&native->tree, program, reason, &at))
		return false;
	analyse(&native->tree, &native->run, native->tree.root, true);
	native->run.spans = xcalloc(native->run.want.slots + 1, sizeof(*native->run.spans));
	native->run.prefixes = xcalloc(native->run.want_prefixes.slots + 1, sizeof(*native->run.prefixes));
	return true;
}

void native_clear(struct native *native)
{
	tree_free(&native->tree);
	json_want_free(&native->run.want);
	json_want_free(&native->run.want_prefixes);
	json_shapes_free(&native->shapes);
	json_shapes_free(&native->run.prefix_shapes);
	arena_free(&native->run.arena);
	for (size_t i = 0; i < RUN_TEXTS; i++)
		text_free(&native->run.texts[i]);
	text_free(&native->run.root_text);
	free(native->run.spans);
	free(native->run.prefixes);
	sorter_free(&native->sorter);
	text_free(&native->text);
	free(native->results);
}

struct result_sink {
	struct sink sink;
	struct native *native;
};

static __attribute__((cold)) bool make_room(struct native *native)
{
	if (native->count == RESULTS_MOST)
		return false;
	native->capacity = native->capacity ? 2 * native->capacity : 16;
	native->results = xreallocarray(native->results, native->capacity, sizeof(*native->results));
	return true;
}

static enum run_outcome take_result(struct run *run, struct sink *sink, const struct value *value)
{
	struct native *native = ((struct result_sink *)sink)->native;
	struct value *result;

	if (native->count == native->capacity && !make_room(native))
		return run_fallback(run, "nested too deep, or too large");
	result = &native->results[native->count++];
	if (value->root)
		return run_root(run, result);
	*result = *value;
	return run_too_deep(run, result) ? run_fallback(run, "nested too deep, or too large") : RUN_DONE;
}

const char *native_result(struct native *native, size_t result, size_t *length)
{
	const struct value *value = &native->results[result];
	bool sort = native->sorted && (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT);

	if (value->at && !sort && !(native->raw && value->kind == JSON_STRING)) {
		*length = value->length;
		return value->at;
	}
	text_clear(&native->text);
	if (sort || !value->at)
		value_add(&native->text, value);
	else
		json_add_unescaped(&native->text, value->at, value->length);
	if (sort)
		sorter_sort(&native->sorter, &native->text);
	*length = native->text.length;
	return native->text.data;
}

static const struct json_want *wanted(const struct run *run)
{
	return run->want.slots > 0 ? &run->want : NULL;
}

bool native_ahead(struct native *native, const char *text, size_t rest, size_t *length)
{
	struct run *run = &native->run;

	native->scanned =
		json_shapes_ahead(&native->shapes, text, rest, wanted(run), run->spans, JSON_FACTS, &run->json, length)
			? text
			: NULL;
	return native->scanned;
}

const char *native_line(struct native *native, const char *line, size_t length)
{
	struct result_sink sink = {.sink = {take_result}, .native = native};
	struct run *run = &native->run;

	native->count = 0;
	if (run->arena.chunk)
		arena_release(&run->arena, (struct arena_mark){0});
	run->line = line;
	run->depth = run->texts_taken = run->made = 0;
	run->length = length;
	run->root_ready = run->prefixes_ready = false;
	if (native->scanned != line &&
	    !json_shapes_scan(&native->shapes, line, length, wanted(run), run->spans, JSON_FACTS, &run->json))
		return "a line that is not one JSON value";
	native->scanned = NULL;
	run->root = (struct value){.kind = run->json.kind, .root = true};
	if (run_node(run, native->tree.root, &run->root, NULL, &sink.sink) != RUN_DONE)
		return run->reason;
	return NULL;
}
