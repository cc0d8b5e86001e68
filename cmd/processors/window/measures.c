#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/window/window.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/number.h"

void save_bytes(struct text *to, const void *bytes, size_t length)
{
	text_add(to, bytes, length);
}

void load_bytes(struct cursor *from, void *bytes, size_t length)
{
	if ((size_t)(from->end - from->at) < length) {
		from->bad = true;
		memset(bytes, 0, length);
		return;
	}
	memcpy(bytes, from->at, length);
	from->at += length;
}

/* A number without digits that need not be there. Whole ones stay as they are, however many digits they have. */
static const char *plain_number(const struct json_span *span, struct text *text, size_t *length)
{
	char digits[NUMBER_TEXT];
	double number;

	*length = span->length;
	if (!memchr(span->at, '.', span->length) && !memchr(span->at, 'e', span->length) &&
	    !memchr(span->at, 'E', span->length))
		return span->at;
	number = json_number(span);
	if (!isfinite(number))
		return span->at;
	*length = number_text(digits, number);
	text_clear(text);
	text_add(text, digits, *length);
	return text->data;
}

const char *plain_value(const struct json_span *span, struct text *text, size_t *length)
{
	char *string;

	switch (span->kind) {
	case JSON_NUMBER:
		return plain_number(span, text, length);
	case JSON_STRING:
		if (!(span->flags & JSON_ESCAPED))
			break;
		text_clear(text);
		json_add_unescaped(text, span->at, span->length);
		*length = text->length;
		string = text_detach(text);
		json_add_string(text, string, *length);
		free(string);
		*length = text->length;
		return text->data;
	case JSON_ARRAY:
	case JSON_OBJECT:
		text_clear(text);
		json_add_compact(text, span->at, span->length);
		*length = text->length;
		return text->data;
	default:
		break;
	}
	*length = span->length;
	return span->at;
}

/* ---- count ---- */

static void count_add(void *state, const struct input *input, int64_t order)
{
	struct count *count = state;

	(void)input;
	(void)order;
	count->n++;
}

static void count_merge(void *state, void *other)
{
	struct count *count = state;
	const struct count *more = other;

	count->n += more->n;
}

static void count_save(const void *state, struct text *to)
{
	save_bytes(to, state, sizeof(struct count));
}

static void count_load(void *state, struct cursor *from)
{
	load_bytes(from, state, sizeof(struct count));
}

/* ---- sum ---- */

static void sum_one(struct sum *sum, double number)
{
	double total = sum->sum + number;

	sum->rest += fabs(sum->sum) >= fabs(number) ? (sum->sum - total) + number : (number - total) + sum->sum;
	sum->sum = total;
}

static void sum_add(void *state, const struct input *input, int64_t order)
{
	struct sum *sum = state;
	double number = input->number;

	(void)order;
	sum_one(sum, number);
	if (sum->n == 0 || number < sum->least)
		sum->least = number;
	if (sum->n == 0 || number > sum->greatest)
		sum->greatest = number;
	sum->n++;
}

static void sum_merge(void *state, void *other)
{
	struct sum *sum = state;
	const struct sum *more = other;

	if (more->n == 0)
		return;
	sum_one(sum, more->sum);
	sum->rest += more->rest;
	if (sum->n == 0 || more->least < sum->least)
		sum->least = more->least;
	if (sum->n == 0 || more->greatest > sum->greatest)
		sum->greatest = more->greatest;
	sum->n += more->n;
}

static void sum_save(const void *state, struct text *to)
{
	save_bytes(to, state, sizeof(struct sum));
}

static void sum_load(void *state, struct cursor *from)
{
	load_bytes(from, state, sizeof(struct sum));
}

double sum_total(const struct sum *sum)
{
	double total = sum->sum + sum->rest;

	/* Of what is no longer a number nothing was lost. */
	return isfinite(total) ? total : sum->sum;
}

/* ---- spread ---- */

static void spread_add(void *state, const struct input *input, int64_t order)
{
	struct spread *spread = state;
	double difference = input->number - spread->mean;

	(void)order;
	spread->n++;
	spread->mean += difference / (double)spread->n;
	spread->squares += difference * (input->number - spread->mean);
}

static void spread_merge(void *state, void *other)
{
	struct spread *spread = state;
	const struct spread *more = other;
	double n = (double)(spread->n + more->n), difference = more->mean - spread->mean;

	if (more->n == 0)
		return;
	spread->squares += more->squares + difference * difference * (double)spread->n * (double)more->n / n;
	spread->mean += difference * (double)more->n / n;
	spread->n += more->n;
}

static void spread_save(const void *state, struct text *to)
{
	save_bytes(to, state, sizeof(struct spread));
}

static void spread_load(void *state, struct cursor *from)
{
	load_bytes(from, state, sizeof(struct spread));
}

/* ---- first and last ---- */

static void value_set(struct value *value, const char *bytes, size_t length, int64_t order)
{
	if (!value->bytes || value->room < length) {
		free(value->bytes);
		value->room = (uint32_t)length + 16;
		value->bytes = xmalloc(value->room);
	}
	memcpy(value->bytes, bytes, length);
	value->length = (uint32_t)length;
	value->order = order;
}

static void value_of_event(struct value *value, const struct input *input, int64_t order)
{
	struct text text = {0};

	if (input->span->kind < JSON_ARRAY) {
		value_set(value, input->span->at, input->span->length, order);
		return;
	}
	json_add_compact(&text, input->span->at, input->span->length);
	value_set(value, text.data, text.length, order);
	text_free(&text);
}

/* Of values of the same time the one that came first is the first, and the one that came last the last. */
static void first_add(void *state, const struct input *input, int64_t order)
{
	struct value *value = state;

	if (!value->bytes || order < value->order)
		value_of_event(value, input, order);
}

static void last_add(void *state, const struct input *input, int64_t order)
{
	struct value *value = state;

	if (!value->bytes || order >= value->order)
		value_of_event(value, input, order);
}

static void first_merge(void *state, void *other)
{
	struct value *value = state;
	const struct value *more = other;

	if (more->bytes && (!value->bytes || more->order < value->order))
		value_set(value, more->bytes, more->length, more->order);
}

static void last_merge(void *state, void *other)
{
	struct value *value = state;
	const struct value *more = other;

	if (more->bytes && (!value->bytes || more->order >= value->order))
		value_set(value, more->bytes, more->length, more->order);
}

static void value_save(const void *state, struct text *to)
{
	const struct value *value = state;

	save_bytes(to, &value->length, sizeof(value->length));
	save_bytes(to, &value->order, sizeof(value->order));
	save_bytes(to, value->bytes, value->length);
}

static void value_load(void *state, struct cursor *from)
{
	struct value *value = state;
	uint32_t length;
	int64_t order;

	load_bytes(from, &length, sizeof(length));
	load_bytes(from, &order, sizeof(order));
	if (length == 0 || from->bad)
		return;
	if ((size_t)(from->end - from->at) < length) {
		from->bad = true;
		return;
	}
	value_set(value, from->at, length, order);
	from->at += length;
}

static void value_free(void *state)
{
	struct value *value = state;

	free(value->bytes);
}

const struct measure_type *measure_type(enum measure_kind kind)
{
	static const struct measure_type count = {sizeof(struct count), count_add,  count_merge,
	                                          count_save,           count_load, NULL};
	static const struct measure_type sum = {sizeof(struct sum), sum_add, sum_merge, sum_save, sum_load, NULL};
	static const struct measure_type spread = {sizeof(struct spread), spread_add,  spread_merge,
	                                           spread_save,           spread_load, NULL};
	static const struct measure_type first = {sizeof(struct value), first_add,  first_merge,
	                                          value_save,           value_load, value_free};
	static const struct measure_type last = {sizeof(struct value), last_add,   last_merge,
	                                         value_save,           value_load, value_free};
	static const struct measure_type *const types[MEASURE_KINDS] = {
		[MEASURE_COUNT] = &count,
		[MEASURE_SUM] = &sum,
		[MEASURE_SPREAD] = &spread,
		[MEASURE_SAMPLE] = &measure_sample,
		[MEASURE_FIRST] = &first,
		[MEASURE_LAST] = &last,
		[MEASURE_DISTINCT] = &measure_distinct,
		[MEASURE_TOP] = &measure_top,
	};

	return types[kind];
}
