/*
 * window: what the files of pype-window share.
 *
 *   main.c      options and operands
 *   columns.c   [NAME=]FUNCTION(PATH): what is computed, and what of an event it needs
 *   run.c       events in, windows out: time, what is late, when a window is over
 *   keys.c      the key of an event
 *   grid.c      which windows of the clock a time belongs to
 *   windows.c   the open windows: by key, by end, by age
 *   measures.c  what a window keeps of its events; numbers, the first and the last value
 *   sample.c    … percentiles
 *   tally.c     … how many different values there are, and the most frequent
 *   state.c     the open windows as bytes, for the cursor; marks
 *
 * Times are Unix nanoseconds. Everything is a function of the input alone, but for --idle: so what was read twice, since this
 * process is the successor of one that was killed, gives the same again.
 */
#ifndef PYPE_WINDOW_H
#define PYPE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/schedule.h"
#include "common/stage.h"
#include "common/text.h"

enum {
	GRID_SHARE = 1000, /* windows that an event may belong to */
	COLUMNS = 1000, /* aggregates and keys */
	VALUE_MAX = 64 << 10, /* longest value that is kept, and longest key */
	SAMPLE_EXACT = 4096, /* numbers of a percentile that are kept as they are */
	DISTINCT_EXACT = 16384, /* different values that are counted as they are */
	TOP_EXACT = 1024, /* … of which the most frequent are looked for */
	TOP_MOST = 100,
	KEYS_LATELY = 256, /* keys that are found by the bytes of an event; a power of two */
};

#define WINDOW_NEVER INT64_MIN

/* ---- measures: what a window keeps ---- */

enum measure_kind {
	MEASURE_COUNT, /* values that are neither missing nor null */
	MEASURE_SUM, /* of numbers; also the least and the greatest */
	MEASURE_SPREAD, /* mean and variance */
	MEASURE_SAMPLE,
	MEASURE_FIRST,
	MEASURE_LAST,
	MEASURE_DISTINCT,
	MEASURE_TOP,
	MEASURE_KINDS,
};

/* A value that the columns need of each event. */
struct input {
	int slot; /* of the event's spans */
	char *path;
	bool kept; /* some column keeps it: it must not be longer than VALUE_MAX */
	bool numeric; /* some column computes with it */
	const struct json_span *span; /* of the current event; NULL: missing or null */
	double number;
};

struct measure_type;

struct measure {
	enum measure_kind kind;
	const struct measure_type *type;
	size_t input; /* which */
	size_t offset; /* in the states of a window */
};

/* A growing list of bytes that are read one after the other; `bad` once there were too few. */
struct cursor {
	const char *at, *end;
	bool bad;
};

/* A zeroed state is an empty one. */
struct measure_type {
	size_t size;
	void (*add)(void *state, const struct input *input, int64_t order);
	void (*merge)(void *state, void *other); /* other is empty or may be freed after it */
	void (*save)(const void *state, struct text *to);
	void (*load)(void *state, struct cursor *from);
	void (*free)(void *state); /* or NULL */
};
const struct measure_type *measure_type(enum measure_kind kind);

struct count {
	uint64_t n;
};

struct sum {
	uint64_t n;
	double sum, rest; /* Neumaier's: what the additions lost */
	double least, greatest;
};
double sum_total(const struct sum *sum);

struct spread {
	uint64_t n;
	double mean, squares; /* Welford's */
};

struct value {
	char *bytes; /* NULL: none yet */
	uint32_t length, room;
	int64_t order;
};

struct bucket {
	uint32_t number;
	uint64_t count;
};

struct sample {
	uint64_t n;
	double *numbers; /* or, beyond SAMPLE_EXACT of them … */
	struct bucket *buckets; /* … in order */
	size_t room, count; /* of whichever there is */
	double least, greatest;
};
/* percent from 0 to 100. n must not be 0. */
double sample_percentile(struct sample *sample, double percent);

/* Hashes of values, of which only those with `level` zeros at their end are kept. */
struct distinct {
	uint64_t *hashes; /* 0: free */
	size_t room, count;
	unsigned level;
};
double distinct_estimate(const struct distinct *distinct);

struct tally {
	char *bytes; /* NULL: free */
	uint64_t hash, count, age;
	uint32_t length;
};

struct top {
	struct tally *tallies;
	size_t room, count;
	uint64_t age; /* values so far */
};
/* Appends the JSON array of the `most` most frequent. */
void top_write(const struct top *top, size_t most, struct text *text);

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t length);
/* The bytes a value is compared by: the same for 1.0 and 1, "\u0061" and "a". Those of the span, or put into text. */
const char *plain_value(const struct json_span *span, struct text *text, size_t *length);

void save_bytes(struct text *to, const void *bytes, size_t length);
void load_bytes(struct cursor *from, void *bytes, size_t length);

extern const struct measure_type measure_sample, measure_distinct, measure_top;

/* ---- columns ---- */

enum function {
	FUNCTION_COUNT_ALL,
	FUNCTION_COUNT,
	FUNCTION_SUM,
	FUNCTION_MEAN,
	FUNCTION_MIN,
	FUNCTION_MAX,
	FUNCTION_RANGE,
	FUNCTION_VARIANCE,
	FUNCTION_STDDEV,
	FUNCTION_PERCENTILE,
	FUNCTION_FIRST,
	FUNCTION_LAST,
	FUNCTION_DISTINCT,
	FUNCTION_TOP,
};

struct column {
	char *label; /* ,"name": */
	enum function function;
	double parameter; /* of percentile and top */
	size_t measure;
};

struct key_column {
	char *label;
	size_t length;
	int slot;
};

struct columns {
	struct column *columns;
	size_t count;
	struct key_column *keys;
	size_t key_count;
	struct input *inputs;
	size_t input_count;
	struct measure *measures;
	size_t measure_count;
	size_t size; /* of the states of a window */
	struct text names; /* those in use */
};

/* Both end the program with 2 if it is wrong. */
void columns_add(struct columns *columns, struct json_want *want, char *operand);
void columns_add_key(struct columns *columns, struct json_want *want, char *operand);
void columns_free(struct columns *columns);

/* Finds the inputs in the current event. False: it is a bad one, and that was said. */
bool columns_read(struct columns *columns, struct stage *stage);

struct window;
/* Appends the members of the aggregates. (What a percentile is of is put in order.) */
void columns_write(const struct columns *columns, struct window *window, struct text *text);

/* ---- grid: windows of the clock ---- */

struct grid {
	int64_t every, size;
	bool days; /* every is whole days of the local calendar */
	size_t share; /* how many windows each time is in */
	struct schedule schedule;
	int64_t *slots; /* 2 * share: the starts, and behind them the end of each */
};

/* size is a multiple of every, and not more than GRID_SHARE times it. */
void grid_init(struct grid *grid, int64_t every, int64_t size);
void grid_free(struct grid *grid);
/* Finds the windows of a time: window i has slots[i] as start and slots[i + share] as end. */
void grid_find(struct grid *grid, int64_t time);

/* ---- windows ---- */

/* What is needed to go on from before an event. */
struct origin {
	struct stage_place place;
	int64_t clock; /* the greatest time that was seen */
};

struct window {
	struct window *older, *newer; /* by their first events */
	struct window *sibling; /* another one of the key */
	struct key *key;
	size_t heap_index;
	int64_t due; /* where it stands in the heap: its end, or an earlier one */
	int64_t start,
		end; /* what its events have in common, end not included; of a session: its first event, and when it is over */
	int64_t first, last; /* times of events */
	uint64_t number; /* that was opened */
	uint64_t count; /* of events */
	struct origin origin;
	_Alignas(8) char states[];
};

struct key {
	struct window *windows;
	uint64_t hash;
	uint32_t length;
	unsigned place; /* where it is in windows.lately, if it is there */
	char bytes[]; /* ,"name":value for each key column */
};

struct windows {
	const struct columns *columns;
	struct window *oldest, *newest;
	struct key **keys; /* open addressing */
	size_t key_room, key_count;
	struct window **heap;
	size_t count, heap_room;
	uint64_t opened, seed;
	struct key *last; /* of the current event, if it is known and has not gone since */
	struct key *lately[KEYS_LATELY];
};

void windows_init(struct windows *windows, const struct columns *columns);
void windows_free(struct windows *windows);
/* Finds a key, or makes it; one without windows is to get one, or windows_forget. */
struct key *windows_key(struct windows *windows, const char *bytes, size_t length);
void windows_forget(struct windows *windows, struct key *key);
/* Opens a window of the key. due: its end, or INT64_MAX. */
struct window *windows_open(struct windows *windows, struct key *key, int64_t start, int64_t end,
                            const struct origin *origin);
/* Closes it; its key goes with its last window. */
void windows_close(struct windows *windows, struct window *window);
/* One window of the two, which are of the same key; the other is gone. */
struct window *windows_merge(struct windows *windows, struct window *a, struct window *b);
/* The window that ends first, of those the one that was opened first; NULL: none is open. */
struct window *windows_first(struct windows *windows);
/* Adds the current event. order: which of two came first, for first and last; time: WINDOW_NEVER if it has none. */
void windows_add(struct windows *windows, struct window *window, int64_t order, int64_t time);

/* ---- the program ---- */

enum late { LATE_BAD, LATE_DROP, LATE_PASS };

struct program {
	char *tz, *time_path, *name;
	int64_t every, size, session, count, lateness, idle, max_keys;
	struct option_list by;
	int late;
	bool no_partial;
	int unit; /* of times that are numbers */

	struct stage stage;
	struct columns columns;
	struct grid grid;
	struct windows windows;
	int time_slot;
	struct text head; /* {"event":"window" */
	struct text key, plain; /* of the current event; plain is for whoever needs one */
	bool key_together; /* key holds it */
	unsigned key_place; /* where it would be in windows.lately; KEYS_LATELY: nowhere */
	struct text line;

	int64_t clock; /* the greatest time that was seen; WINDOW_NEVER */
	int64_t time; /* of the current event */
	bool timed; /* it has one */
	int64_t before; /* clock, before it */
	struct message_limit late_limit, early_limit;
	int64_t heard; /* when there was input last, on moment_now */
	int64_t heard_clock; /* … and the clock then */

	/* state.c */
	uint64_t signature; /* of the options */
	struct origin base; /* where a successor begins */
	struct text base_state; /* … with these windows */
	struct origin alone; /* where there was no open window */
	int64_t advance; /* what the clock is about to be set to without an event; WINDOW_NEVER */
	bool muted; /* what it reads has given rise to its output already … */
	uint64_t muted_until; /* … up to here */
	int64_t muted_clock, muted_advance;
	bool let_go; /* a successor cannot have all that is in the windows, and that was said */
};

int run(struct program *program);

/* Looks at the key of the current event. False: it is a bad one, and that was said. */
bool keys_read(struct program *program);
/* Finds it, or makes it: then it is to get a window, or windows_forget. */
struct key *keys_find(struct program *program);

/* Takes over what a predecessor left, if there was one; after stage_open. */
void state_resume(struct program *program);
/* Before the stage waits: makes a mark. */
void state_mark(struct program *program);

#endif
