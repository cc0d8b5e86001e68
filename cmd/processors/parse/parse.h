/*
 * parse: what the files of pype-parse share.
 *
 * main.c reads the options and the input; csv.c, pairs.c, web.c and formats.c take a text apart, each into fields; row.c writes the
 * fields as a JSON object, with the types that types.c gives them; when.c reads times; place.c puts the object where it belongs:
 * a line of its own, the data of an event, or into the event that the text came from.
 *
 * A text has been looked at before a format sees it: it is valid UTF-8, has no line break at its end, and JSON_PADDING
 * readable bytes behind it.
 */
#ifndef PYPE_PARSE_H
#define PYPE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/regex.h"
#include "common/stage.h"
#include "common/text.h"

enum {
	COLUMNS = 16384, /* of a row at most, as pype-csv has it */
	KEYS = 1024, /* names that are remembered from one row to the next */
};

enum invalid { INVALID_BAD, INVALID_REPLACE };
enum no_match { NO_MATCH_BAD, NO_MATCH_PASS, NO_MATCH_DROP };
enum type { TYPE_STRING, TYPE_INFER, TYPE_NUMBER, TYPE_TRUE };

/* A field's name and what is to be made of its value. */
struct column {
	char *name;
	size_t length;
	char *key; /* as JSON, with a comma before and a colon behind it */
	size_t key_length;
	enum type type;
	bool time; /* the event's time is in it */
	size_t from, to; /* fixed: characters, from 0; to is not included */
};

struct columns {
	struct column *items;
	size_t count;
};

struct csv {
	struct columns columns; /* none: the header has not been read */
	struct text record; /* of several lines, the last without its line break */
	bool within; /* there is one, within whose quotes the next line begins */
	uint64_t first, last; /* its lines */
	struct text again; /* lines that are to be read once more, since what they were taken for was no record */
	size_t again_at;
	uint64_t again_number;
	int64_t credit; /* bytes that may be read once more */
	struct text field; /* without its quotes */
};

struct when {
	char *field; /* or NULL: no field has the time */
	int64_t unit; /* nanoseconds that a number counts; 0: see format */
	char *format; /* of strptime(3), up to %f; NULL: what it looks like */
	char *rest; /* … and behind it, or NULL */
};

struct parse {
	/* options */
	char *field_path, *into, *name, *header_text, *delimiter_text, *time_text, *null, *missing;
	char *pair_separator, *value_separator;
	struct option_list numbers, strings;
	bool merge, types, no_header, ragged, no_quotes;
	int invalid, no_match;
	int64_t skip;

	struct stage stage;
	const struct format *format;
	int field, into_slot, time_slot; /* of stage.want, or -1 */

	/* formats */
	char delimiter;
	const char *between, *equals; /* kv */
	struct csv csv;
	struct columns columns; /* of fixed and regex; of others, the names that came last at each place */
	struct regex *regex;

	/* the current row */
	struct text row;
	size_t fields;
	bool raw; /* it is a JSON value that a format has written */
	bool has_when;
	struct text when_text; /* of the time's field, if the row has it */
	int64_t now, time; /* nanoseconds of Unix time */
	bool timed; /* the text has a time of its own */
	bool nothing; /* there is no row: the text was a header */
	struct text plain, valid, text, out, reason;
	const char *event; /* the name of those it makes, or NULL */
	const char *source; /* of the events it makes, or NULL */

	struct when when;
};

struct format {
	const char *name;
	/* Takes a text apart: false, and then parse->reason says why. */
	bool (*take)(struct parse *parse, const char *text, size_t length);
	bool csv; /* a text may be of several lines, and the first may name the fields */
	bool fields; /* it is taken apart into texts, which may be given types */
	void (*open)(struct parse *parse, const char *operand); /* has an operand */
	const char *numbers; /* those of its fields that are numbers, with commas between */
};

/* ---- main.c ---- */

/* Sets the reason, and returns false. */
bool refuse(struct parse *parse, const char *format, ...) MESSAGE_FORMAT(2, 3);
/* The current line, or the record in its place, is taken apart and written, or bad. */
void handle_line(struct parse *parse);
/* The current line, or what stands in its place, is bad. That ends the program if it was to name the fields. */
void bad_text(struct parse *parse, const char *reason);

/* ---- row.c ---- */

void column_init(struct parse *parse, struct column *column, const char *name, size_t length);
/* Adds a column; a name that is there already gets "_2" behind it, or "_3" … */
struct column *columns_add(struct parse *parse, struct columns *columns, const char *name, size_t length);
void columns_free(struct columns *columns);

void row_begin(struct parse *parse);
/* bare: it had no quotes around it, so it may be what --null and --missing say. False: it is none of its type. */
bool row_add(struct parse *parse, const struct column *column, const char *bytes, size_t length, bool bare);
/* The same for a field whose name came with it. */
bool row_add_named(struct parse *parse, const char *name, size_t name_length, const char *bytes, size_t length,
                   bool bare);
/* A field that has no value. */
void row_add_true(struct parse *parse, const char *name, size_t length);
void row_end(struct parse *parse);

/* ---- types.c ---- */

/* Whether it is a number, true, false or null as it would be written again. */
bool types_infer(const char *bytes, size_t length);
/* Appends the number that it means, or null if it is empty. False: it is none. */
bool types_add_number(struct text *json, const char *bytes, size_t length);

/* ---- when.c ---- */

/* "FIELD[=FORMAT]" */
void when_init(struct when *when, const char *option);
void when_free(struct when *when);
/* False: it is no time of that format, or none between 1678 and 2261. */
bool when_read(const struct when *when, const char *string, int64_t *nanoseconds);
/* "10/Oct/2000:13:55:36 -0700", 26 bytes. */
bool when_common_log(const char *string, int64_t *nanoseconds);

/* ---- place.c ---- */

/* Writes the row as a line, or as the data of an event. */
void place_line(struct parse *parse);
/* Writes the event with the row in it. False: it cannot be put there, for the reason. */
bool place_into(struct parse *parse);

/* ---- csv.c ---- */

/* What is known of the columns before the input is read. */
void csv_open(struct parse *parse);
/* … by a predecessor that was killed. */
void csv_resume(struct parse *parse);
/* Reads the input to its end. */
void csv_run(struct parse *parse);
/* The next record names the fields. */
bool csv_wants_header(const struct parse *parse);
bool csv_take(struct parse *parse, const char *text, size_t length);
void csv_free(struct csv *csv);

/* ---- pairs.c, web.c, formats.c ---- */

bool logfmt_take(struct parse *parse, const char *text, size_t length);
bool kv_take(struct parse *parse, const char *text, size_t length);
bool clf_take(struct parse *parse, const char *text, size_t length);
bool combined_take(struct parse *parse, const char *text, size_t length);
bool regex_take(struct parse *parse, const char *text, size_t length);
bool syslog_take(struct parse *parse, const char *text, size_t length);
bool json_take(struct parse *parse, const char *text, size_t length);
bool fixed_take(struct parse *parse, const char *text, size_t length);
void fixed_open(struct parse *parse, const char *operand);
void regex_open(struct parse *parse, const char *operand);

#endif
