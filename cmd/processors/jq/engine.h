/*
 * engine: runs one jq program over the lines of a stream.
 *
 *     engine = engine_open(&program, &host);
 *     if (!engine)
 *             return STATUS_POINTLESS;
 *     while (engine_next(engine))
 *             ;
 *     engine_free(engine);
 *
 * The engine evaluates, its host reads, writes and says what went wrong. Each line is a text of its own, which holds any
 * number of JSON values: they are the inputs of the program, one after the other. The engine asks the
 * host for a line when it needs one: for the next run of the program, or because the program calls input.
 *
 * What the program itself says (debug, stderr, halt_error) goes to standard error as jq writes it, without a prefix.
 */
#ifndef PYPE_JQ_ENGINE_H
#define PYPE_JQ_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/option.h"

/* Bytes of one text that libjq can be given: its strings are counted in 32 bits, and a byte can become six in the output. */
#define ENGINE_TEXT_MOST (256UL << 20)

enum argument_kind {
	ARGUMENT_STRING, /* the bytes themselves */
	ARGUMENT_JSON, /* the one value they hold */
	ARGUMENT_VALUES, /* an array of the values they hold */
};

struct argument {
	enum argument_kind kind;
	const char *option; /* which gave it: "--arg" */
	const char *name; /* of the variable; NULL: one of $ARGS.positional */
	char *bytes; /* NUL-terminated */
	size_t length;
};

struct engine_program {
	const char *text;
	const char *origin; /* the directory that its imports are relative to */
	struct option_list library; /* directories to search for modules; empty: jq's own */
	const struct argument *arguments;
	size_t argument_count;

	bool null_input; /* run once, with null; the lines are for input and inputs */
	bool raw_input; /* a line is a string, not JSON */
	bool slurp; /* run once, with an array of all values; with raw_input the host gives all of the text as one line */
	bool raw_output; /* a result that is a string is given as its bytes */
	bool ascii; /* all that is not ASCII is escaped; strings are then not raw */
	bool sort_keys;
};

struct engine_host {
	void *context;
	/* The next line, with JSON_PADDING (common/json.h) readable bytes behind it, valid until the next call. running: the program is at work and asks for it. False: there is none. */
	bool (*line)(void *context, bool running, const char **line, size_t *length);
	/* A result, without a newline. truth: it is neither false nor null. */
	void (*result)(void *context, const char *bytes, size_t length, bool truth);
	/*
	 * line: the current line cannot be handled, for this reason; the engine goes on with the next.
	 * Else it is the one run of the program that failed (null_input without a line, slurp).
	 */
	void (*bad)(void *context, bool line, const char *reason);
	/* The number of the current line (0: none yet) and the name of the file it is from (NULL: none). */
	uint64_t (*number)(void *context);
	const char *(*name)(void *context);
	/* NULL, or called for each line that goes to libjq though others need not, with the reason, which is in static memory: nothing is counted here then. */
	void (*left)(void *context, const char *reason);
};

struct engine;

/*
 * Compiles the program, which runs jq's ~/.jq, too. NULL: it does not compile, or an argument is no JSON; this has been
 * said on standard error. The engine borrows both structs.
 */
struct engine *engine_open(const struct engine_program *program, const struct engine_host *host);

/* Runs the program on the next input. False: there is none, or the program has halted. */
bool engine_next(struct engine *engine);

/*
 * The program looks at nothing but one line at a time: then a host that has lines may give them, instead of being asked, just as
 * struct engine_host's `line` does.
 */
bool engine_is_native(const struct engine *engine);
void engine_line(struct engine *engine, const char *line, size_t length);

/* For a host that has more bytes than a line: as struct stage's `ahead` (common/stage.h); context is the engine. */
bool engine_ahead(void *context, const char *text, size_t rest, size_t *length);

/* True if the program has called halt or halt_error; *status is the exit status it asked for. */
bool engine_halted(const struct engine *engine, int *status);

/*
 * NULL, or a word: why the lines cannot be handled each by an engine of its own, in any order. They can if the program gives the same for a line
 * whatever it did with others, and says nothing but results and errors.
 */
const char *engine_sequential(const struct engine_program *program);

/* Counts a line that another engine has run the program on (NULL), and then, if libjq had to do that line, why. */
void engine_count(struct engine *engine, const char *reason);
/* Says how many lines went which way, and why (message_info). */
void engine_stats(const struct engine *engine);

void engine_free(struct engine *engine);

#endif
