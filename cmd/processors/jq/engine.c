/*
 * Which engine runs what: the native one where it can, libjq for the rest, started when it is needed first.
 */
#include "cmd/processors/jq/engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/processors/jq/libjq.h"
#include "cmd/processors/jq/native.h"
#include "cmd/processors/jq/sequential.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

enum { REASONS = 32 };

struct engine {
	const struct engine_program *program;
	const struct engine_host *host;
	struct native native;
	bool is_native, verify;
	bool only; /* lines that are for libjq are left out */
	struct libjq *libjq; /* NULL: not needed so far */
	const char *whole; /* why all is libjq's */
	uint64_t native_lines;
	struct {
		const char *text;
		uint64_t lines;
	} reasons[REASONS]; /* why lines went to libjq */

	/* libjq's host, for one line of it at a time */
	struct engine_host relay;
	const char *line;
	size_t length;
	bool pending;
	struct text got; /* what it gave, to be compared */
	bool bad;
};

/* ---- one line through libjq ---- */

static bool relay_line(void *context, bool running, const char **line, size_t *length)
{
	struct engine *engine = context;

	(void)running;
	if (!engine->pending)
		return false;
	engine->pending = false;
	*line = engine->line;
	*length = engine->length;
	return true;
}

static void relay_result(void *context, const char *bytes, size_t length, bool truth)
{
	struct engine *engine = context;

	if (engine->verify) {
		text_add(&engine->got, bytes, length);
		text_add_char(&engine->got, '\n');
	} else {
		engine->host->result(engine->host->context, bytes, length, truth);
	}
}

static void relay_bad(void *context, bool line, const char *reason)
{
	struct engine *engine = context;

	engine->bad = true;
	if (!engine->verify)
		engine->host->bad(engine->host->context, line, reason);
}

static uint64_t relay_number(void *context)
{
	const struct engine *engine = context;

	return engine->host->number(engine->host->context);
}

static const char *relay_name(void *context)
{
	const struct engine *engine = context;

	return engine->host->name(engine->host->context);
}

static void start_libjq(struct engine *engine)
{
	if (engine->libjq)
		return;
	engine->libjq = libjq_open(engine->program, &engine->relay);
	if (!engine->libjq)
		die("the program does not compile");
}

static void run_libjq(struct engine *engine)
{
	start_libjq(engine);
	engine->pending = true;
	while (libjq_next(engine->libjq))
		;
}

static void count(struct engine *engine, const char *reason)
{
	size_t i = 0;

	while (i < REASONS - 1 && engine->reasons[i].text && strcmp(engine->reasons[i].text, reason) != 0)
		i++;
	engine->reasons[i].text = i < REASONS - 1 ? reason : "other reasons";
	engine->reasons[i].lines++;
}

/* ---- both, compared ---- */

static void compare(struct engine *engine)
{
	struct native *native = &engine->native;
	const char *bytes;
	struct text ours;
	size_t length;

	text_clear(&engine->got);
	text_init(&ours);
	engine->bad = false;
	for (size_t i = 0; i < native->count; i++) {
		bytes = native_result(native, i, &length);
		text_add(&ours, bytes, length);
		text_add_char(&ours, '\n');
	}
	run_libjq(engine);
	if (engine->bad || ours.length != engine->got.length ||
	    (ours.length > 0 && memcmp(ours.data, engine->got.data, ours.length) != 0))
		fail("the native path and libjq differ on line %llu: %.*s\nnative: %sjq%s: %s",
		     (unsigned long long)engine->host->number(engine->host->context), (int)engine->length, engine->line,
		     ours.length > 0 ? ours.data : "", engine->bad ? " (an error)" : "",
		     engine->got.length > 0 ? engine->got.data : "");
	text_free(&ours);
}

/* ---- the engine ---- */

/* Every jq program begins with what is in ~/.jq. */
static bool has_own_functions(void)
{
	const char *home = getenv("HOME");
	char *path;
	struct stat status;
	bool is_file;

	if (!home)
		return false;
	path = text_format("%s/.jq", home);
	is_file = stat(path, &status) == 0 && S_ISREG(status.st_mode);
	free(path);
	return is_file;
}

static bool is_set(const char *name, const char *value)
{
	const char *given = getenv(name);

	return given && strcmp(given, value) == 0;
}

static bool may_be_native(struct engine *engine)
{
	if (is_set("PYPE_JQ_NATIVE", "0"))
		engine->whole = "PYPE_JQ_NATIVE=0";
	else if (has_own_functions())
		engine->whole = "~/.jq";
	return !engine->whole;
}

struct engine *engine_open(const struct engine_program *program, const struct engine_host *host)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));

	engine->program = program;
	engine->host = host;
	engine->relay =
		(struct engine_host){engine, relay_line, relay_result, relay_bad, relay_number, relay_name, NULL};
	engine->only = is_set("PYPE_JQ_VERIFY", "only");
	engine->verify = engine->only || is_set("PYPE_JQ_VERIFY", "1");
	if (may_be_native(engine))
		engine->is_native = native_init(&engine->native, program, libjq_prints_doubles, &engine->whole);
	if (engine->is_native && engine->native.tree.before_1_7 && !libjq_before_1_7()) {
		engine->is_native = false;
		engine->whole = "a function";
	}
	if (engine->is_native && !option_checking())
		return engine;
	engine->libjq = libjq_open(program, engine->is_native ? &engine->relay : host);
	if (!engine->libjq) {
		engine_free(engine);
		return NULL;
	}
	return engine;
}

bool engine_ahead(void *context, const char *text, size_t rest, size_t *length)
{
	struct engine *engine = context;

	return engine->is_native && native_ahead(&engine->native, text, rest, length);
}

bool engine_is_native(const struct engine *engine)
{
	return engine->is_native;
}

/* The current line is for libjq, for this reason. */
static __attribute__((noinline)) void leave(struct engine *engine, const char *reason)
{
	const struct engine_host *host = engine->host;
	bool verify = engine->verify;

	if (host->left)
		host->left(host->context, reason);
	else
		count(engine, reason);
	if (engine->only)
		return;
	engine->verify = false;
	run_libjq(engine);
	engine->verify = verify;
}

void engine_line(struct engine *engine, const char *line, size_t length)
{
	const struct engine_host *host = engine->host;
	struct native *native = &engine->native;
	const char *reason, *bytes;

	engine->line = line;
	engine->length = length;
	reason = native_line(native, line, length);
	if (reason) {
		leave(engine, reason);
		return;
	}
	engine->native_lines++;
	if (engine->verify && !native->tree.clock)
		compare(engine);
	for (size_t i = 0; i < native->count; i++) {
		bytes = native_result(native, i, &length);
		host->result(host->context, bytes, length, value_truth(&native->results[i]));
	}
}

bool engine_next(struct engine *engine)
{
	const struct engine_host *host = engine->host;
	const char *line;
	size_t length;

	if (!engine->is_native)
		return !engine->only && libjq_next(engine->libjq);
	if (!host->line(host->context, false, &line, &length))
		return false;
	engine_line(engine, line, length);
	return true;
}

const char *engine_sequential(const struct engine_program *program)
{
	if (program->null_input)
		return "--null-input";
	if (program->slurp)
		return "--slurp";
	if (has_own_functions())
		return "~/.jq";
	return sequential_word(program->text);
}

bool engine_halted(const struct engine *engine, int *status)
{
	*status = STATUS_OK;
	return engine->libjq && libjq_halted(engine->libjq, status);
}

void engine_count(struct engine *engine, const char *reason)
{
	if (!reason) {
		engine->native_lines++;
		return;
	}
	engine->native_lines--;
	count(engine, reason);
}

void engine_stats(const struct engine *engine)
{
	if (!engine->is_native) {
		message_info("all events went to libjq: %s", engine->whole);
		return;
	}
	message_info("%llu events went the native way", (unsigned long long)engine->native_lines);
	for (size_t i = 0; i < REASONS && engine->reasons[i].text; i++)
		message_info("%llu events went to libjq: %s", (unsigned long long)engine->reasons[i].lines,
		             engine->reasons[i].text);
}

void engine_free(struct engine *engine)
{
	if (engine->libjq)
		libjq_free(engine->libjq);
	native_clear(&engine->native);
	text_free(&engine->got);
	free(engine);
}
