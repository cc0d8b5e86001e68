#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/window/window.h"
#include "common/decimal.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/number.h"

/* What each function is called, and what it keeps. */
struct function_entry {
	const char *name;
	enum function function;
	enum measure_kind kind;
	bool numeric, kept;
	double parameter;
};

static const struct function_entry functions[] = {
	{"count", FUNCTION_COUNT, MEASURE_COUNT, false, false, 0},
	{"sum", FUNCTION_SUM, MEASURE_SUM, true, false, 0},
	{"mean", FUNCTION_MEAN, MEASURE_SUM, true, false, 0},
	{"min", FUNCTION_MIN, MEASURE_SUM, true, false, 0},
	{"max", FUNCTION_MAX, MEASURE_SUM, true, false, 0},
	{"range", FUNCTION_RANGE, MEASURE_SUM, true, false, 0},
	{"variance", FUNCTION_VARIANCE, MEASURE_SPREAD, true, false, 0},
	{"stddev", FUNCTION_STDDEV, MEASURE_SPREAD, true, false, 0},
	{"median", FUNCTION_PERCENTILE, MEASURE_SAMPLE, true, false, 50},
	{"first", FUNCTION_FIRST, MEASURE_FIRST, false, true, 0},
	{"last", FUNCTION_LAST, MEASURE_LAST, false, true, 0},
	{"distinct", FUNCTION_DISTINCT, MEASURE_DISTINCT, false, false, 0},
};
enum { FUNCTIONS = sizeof(functions) / sizeof(*functions) };

/* The rest of a name such as p99.9 or top3. */
static bool read_parameter(const char *text, double least, double most, double *parameter)
{
	char *end;

	if (*text < '0' || *text > '9' || strspn(text, "0123456789.") != strlen(text))
		return false;
	*parameter = strtod(text, &end);
	return *end == '\0' && *parameter >= least && *parameter <= most;
}

static _Noreturn void no_function(const char *operand, const char *name)
{
	const char *names[FUNCTIONS + 1];
	char hint[OPTION_HINT];

	for (size_t i = 0; i < FUNCTIONS; i++)
		names[i] = functions[i].name;
	names[FUNCTIONS] = NULL;
	die("'%s': there is no function '%s'%s (count, sum, mean, min, max, range, variance, stddev, median, p0 to "
	    "p100, "
	    "first, last, distinct, top1 to top%d)",
	    operand, name, option_hint(hint, name, names), TOP_MOST);
}

static struct function_entry find_function(const char *operand, const char *name)
{
	double n;

	for (size_t i = 0; i < FUNCTIONS; i++)
		if (strcmp(functions[i].name, name) == 0)
			return functions[i];
	if (name[0] == 'p' && read_parameter(name + 1, 0, 100, &n))
		return (struct function_entry){name, FUNCTION_PERCENTILE, MEASURE_SAMPLE, true, false, n};
	if (strncmp(name, "top", 3) == 0 && read_parameter(name + 3, 1, TOP_MOST, &n) && n == floor(n))
		return (struct function_entry){name, FUNCTION_TOP, MEASURE_TOP, false, true, n};
	no_function(operand, name);
}

/* ,"name": as it stands in the output. Each name is there once. */
static char *make_label(struct columns *columns, const char *operand, const char *name, size_t length)
{
	static const char *const taken[] = {"event", "time", "end"};
	struct text label = {0};

	text_add_char(&label, ',');
	json_add_string(&label, name, length);
	text_add_char(&label, ':');
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (strlen(taken[i]) == length && memcmp(taken[i], name, length) == 0)
			die("'%s': the output has a member '%s' already; another name is given as NAME=…", operand,
			    taken[i]);
	if (columns->names.length > 0 && strstr(columns->names.data, label.data))
		die("'%s': there are two members '%.*s'; another name is given as NAME=…", operand, (int)length, name);
	text_add(&columns->names, label.data, label.length);
	if (columns->count + columns->key_count == COLUMNS)
		die("more than %d aggregates and keys", COLUMNS);
	return text_detach(&label);
}

/* The last member that a path names; the path without its dot if that is nothing simple. */
static const char *name_of_path(const char *path, size_t *length)
{
	static const char simple[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	const char *start = path + strlen(path);

	while (start > path && strchr(simple, start[-1]))
		start--;
	if (*start == '\0' || (start > path && start[-1] != '.'))
		start = *path == '.' && path[1] ? path + 1 : path;
	*length = strlen(start);
	return start;
}

static size_t find_input(struct columns *columns, struct json_want *want, const char *operand, const char *path)
{
	const char *mistake;
	int slot = json_want_path(want, path, &mistake);

	if (slot < 0)
		die("'%s': %s", operand, mistake);
	for (size_t i = 0; i < columns->input_count; i++)
		if (columns->inputs[i].slot == slot)
			return i;
	columns->inputs = xreallocarray(columns->inputs, columns->input_count + 1, sizeof(*columns->inputs));
	columns->inputs[columns->input_count] = (struct input){.slot = slot, .path = xstrdup(path)};
	return columns->input_count++;
}

static size_t find_measure(struct columns *columns, enum measure_kind kind, size_t input)
{
	struct measure *measure;

	for (size_t i = 0; i < columns->measure_count; i++)
		if (columns->measures[i].kind == kind && columns->measures[i].input == input)
			return i;
	columns->measures = xreallocarray(columns->measures, columns->measure_count + 1, sizeof(*measure));
	measure = &columns->measures[columns->measure_count];
	*measure = (struct measure){kind, measure_type(kind), input, columns->size};
	columns->size += (measure->type->size + 7) & ~(size_t)7;
	return columns->measure_count++;
}

static void add_column(struct columns *columns, struct column column)
{
	columns->columns = xreallocarray(columns->columns, columns->count + 1, sizeof(column));
	columns->columns[columns->count++] = column;
}

/* "price_mean": the name of the path, and the function; of the whole event the function alone. */
static char *default_label(struct columns *columns, const char *operand, const char *path, const char *function)
{
	struct text name = {0};
	size_t length;
	const char *member = name_of_path(path, &length);
	char *label;

	if (strcmp(path, ".") != 0) {
		text_add(&name, member, length);
		text_add_char(&name, '_');
	}
	text_add_string(&name, function);
	label = make_label(columns, operand, name.data, name.length);
	text_free(&name);
	return label;
}

void columns_add(struct columns *columns, struct json_want *want, char *operand)
{
	const char *bracket = strchr(operand, '('), *equals = strchr(operand, '='), *text = operand;
	struct function_entry entry;
	char *name, *path;
	size_t input;
	char *label;

	if (equals && (!bracket || equals < bracket))
		text = equals + 1;
	name = xstrndup(text, bracket ? (size_t)(bracket - text) : strlen(text));
	if (!bracket && strcmp(name, "count") == 0) {
		label = text == operand ? make_label(columns, operand, "count", 5)
		                        : make_label(columns, operand, operand, (size_t)(equals - operand));
		add_column(columns, (struct column){label, FUNCTION_COUNT_ALL, 0, 0});
		free(name);
		return;
	}
	entry = find_function(operand, name);
	if (!bracket || bracket[1] == ')' || bracket[strlen(bracket) - 1] != ')')
		die("'%s': what of is to be in brackets, as in '%s(.price)'", operand, name);
	path = xstrndup(bracket + 1, strlen(bracket) - 2);
	input = find_input(columns, want, operand, path);
	columns->inputs[input].numeric |= entry.numeric;
	columns->inputs[input].kept |= entry.kept;
	label = text == operand ? default_label(columns, operand, path, name)
	                        : make_label(columns, operand, operand, (size_t)(equals - operand));
	add_column(columns,
	           (struct column){label, entry.function, entry.parameter, find_measure(columns, entry.kind, input)});
	free(name);
	free(path);
}

void columns_add_key(struct columns *columns, struct json_want *want, char *operand)
{
	const char *equals = strchr(operand, '='), *path = operand, *mistake, *name = operand;
	size_t length;
	int slot;

	if (equals && !strchr("\"[", operand[0] == '.' ? operand[1] : operand[0])) {
		path = equals + 1;
		length = (size_t)(equals - operand);
	} else {
		name = name_of_path(path, &length);
	}
	slot = json_want_path(want, path, &mistake);
	if (slot < 0)
		die("--by '%s': %s", operand, mistake);
	columns->keys = xreallocarray(columns->keys, columns->key_count + 1, sizeof(*columns->keys));
	columns->keys[columns->key_count].slot = slot;
	columns->keys[columns->key_count].label = make_label(columns, operand, name, length);
	columns->keys[columns->key_count].length = strlen(columns->keys[columns->key_count].label);
	columns->key_count++;
}

void columns_free(struct columns *columns)
{
	for (size_t i = 0; i < columns->count; i++)
		free(columns->columns[i].label);
	for (size_t i = 0; i < columns->key_count; i++)
		free(columns->keys[i].label);
	for (size_t i = 0; i < columns->input_count; i++)
		free(columns->inputs[i].path);
	free(columns->columns);
	free(columns->keys);
	free(columns->inputs);
	free(columns->measures);
	text_free(&columns->names);
}

static const char *kind_name(enum json_kind kind)
{
	switch (kind) {
	case JSON_FALSE:
	case JSON_TRUE:
		return "a boolean";
	case JSON_STRING:
		return "a string";
	case JSON_ARRAY:
		return "an array";
	default:
		return "an object";
	}
}

bool columns_read(struct columns *columns, struct stage *stage)
{
	for (size_t i = 0; i < columns->input_count; i++) {
		struct input *input = &columns->inputs[i];
		const struct json_span *span = &stage->event.spans[input->slot];

		input->span = span->kind == JSON_NONE || span->kind == JSON_NULL ? NULL : span;
		if (!input->span)
			continue;
		if (input->numeric) {
			if (span->kind != JSON_NUMBER) {
				stage_bad(stage, "'%s' is %s, not a number", input->path, kind_name(span->kind));
				return false;
			}
			if (!decimal_double(span->at, span->length, &input->number))
				input->number = json_number(span);
		}
		if (input->kept && span->length > VALUE_MAX) {
			stage_bad(stage, "'%s' is longer than %d bytes", input->path, VALUE_MAX);
			return false;
		}
	}
	return true;
}

/* As jq writes what is no number, or too large. */
static void write_number(struct text *text, double number)
{
	char digits[NUMBER_TEXT];

	if (isnan(number)) {
		text_add_string(text, "null");
		return;
	}
	if (isinf(number))
		number = number < 0 ? -__DBL_MAX__ : __DBL_MAX__;
	text_add(text, digits, number_text(digits, number == 0 ? 0 : number));
}

static double of_sum(const struct column *column, const struct sum *sum)
{
	if (sum->n == 0)
		return column->function == FUNCTION_SUM ? 0 : NAN;
	switch (column->function) {
	case FUNCTION_SUM:
		return sum_total(sum);
	case FUNCTION_MEAN:
		return sum_total(sum) / (double)sum->n;
	case FUNCTION_MIN:
		return sum->least;
	case FUNCTION_MAX:
		return sum->greatest;
	default:
		return sum->greatest - sum->least;
	}
}

static double of_spread(const struct column *column, const struct spread *spread)
{
	double variance;

	if (spread->n < 2)
		return NAN;
	variance = spread->squares / (double)(spread->n - 1);
	return column->function == FUNCTION_STDDEV ? sqrt(variance) : variance;
}

static void write_value(const struct column *column, struct window *window, void *state, struct text *text)
{
	const struct value *value = state;
	struct sample *sample = state;

	switch (column->function) {
	case FUNCTION_COUNT_ALL:
		write_number(text, (double)window->count);
		break;
	case FUNCTION_COUNT:
		write_number(text, (double)((const struct count *)state)->n);
		break;
	case FUNCTION_SUM:
	case FUNCTION_MEAN:
	case FUNCTION_MIN:
	case FUNCTION_MAX:
	case FUNCTION_RANGE:
		write_number(text, of_sum(column, state));
		break;
	case FUNCTION_VARIANCE:
	case FUNCTION_STDDEV:
		write_number(text, of_spread(column, state));
		break;
	case FUNCTION_PERCENTILE:
		write_number(text, sample->n > 0 ? sample_percentile(sample, column->parameter) : NAN);
		break;
	case FUNCTION_FIRST:
	case FUNCTION_LAST:
		text_add(text, value->bytes ? value->bytes : "null", value->bytes ? value->length : 4);
		break;
	case FUNCTION_DISTINCT:
		write_number(text, distinct_estimate(state));
		break;
	case FUNCTION_TOP:
		top_write(state, (size_t)column->parameter, text);
		break;
	}
}

void columns_write(const struct columns *columns, struct window *window, struct text *text)
{
	for (size_t i = 0; i < columns->count; i++) {
		const struct column *column = &columns->columns[i];
		char *state = window->states;

		if (column->function != FUNCTION_COUNT_ALL)
			state += columns->measures[column->measure].offset;
		text_add_string(text, column->label);
		write_value(column, window, state, text);
	}
}
