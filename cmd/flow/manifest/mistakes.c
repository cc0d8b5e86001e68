#include "cmd/flow/manifest/mistakes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/text.h"

static void add(struct mistakes *mistakes, struct place place, bool warning, const char *format, va_list arguments)
{
	struct text text = {0};

	text_vaddf(&text, format, arguments);
	/* The room doubles at each power of two. */
	if ((mistakes->count & (mistakes->count - 1)) == 0)
		mistakes->items = xreallocarray(mistakes->items, mistakes->count ? mistakes->count * 2 : 1,
		                                sizeof(*mistakes->items));
	mistakes->items[mistakes->count] = (struct mistake){
		.place = place,
		.order = mistakes->count,
		.warning = warning,
		.text = text_detach(&text),
	};
	mistakes->count++;
	mistakes->fatal += !warning;
}

void mistakes_add(struct mistakes *mistakes, struct place place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(mistakes, place, false, format, arguments);
	va_end(arguments);
}

void mistakes_warn(struct mistakes *mistakes, struct place place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(mistakes, place, true, format, arguments);
	va_end(arguments);
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare(const void *first, const void *second)
{
	const struct mistake *a = first, *b = second;
	int order = compare_numbers(a->place.line, b->place.line);

	if (order == 0)
		order = compare_numbers(a->place.column, b->place.column);
	return order ? order : compare_numbers(a->order, b->order);
}

static void add_masked(struct text *line, const char *text)
{
	for (const char *s = text; *s; s++) {
		unsigned char byte = (unsigned char)*s;

		/* Not in the middle of a character. */
		if (line->length >= MISTAKES_LINE && (byte & 0xc0) != 0x80) {
			text_add_string(line, "...");
			break;
		}
		if (byte < 0x20 || byte == 0x7f)
			text_addf(line, "\\x%02x", byte);
		else
			text_add_char(line, *s);
	}
}

static void write_all(const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(STDERR_FILENO, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		/* Nobody hears: the exit status says it still. */
		if (n <= 0)
			return;
		bytes += n;
		length -= (size_t)n;
	}
}

/* A setting of many stages may be wrong for each of them. */
static bool is_repeated(const struct mistake *mistake, const struct mistake *last)
{
	return mistake->place.line == last->place.line && mistake->place.column == last->place.column &&
	       mistake->warning == last->warning && strcmp(mistake->text, last->text) == 0;
}

void mistakes_add_line(struct text *line, const struct mistake *mistake, const char *path)
{
	add_masked(line, path);
	text_addf(line, ":%zu:%zu: %s", mistake->place.line, mistake->place.column,
	          mistake->warning ? "warning: " : "");
	add_masked(line, mistake->text);
}

static void put_in_order(struct mistakes *mistakes)
{
	size_t left = 0;

	if (mistakes->count > 0)
		qsort(mistakes->items, mistakes->count, sizeof(*mistakes->items), compare);
	for (size_t i = 0; i < mistakes->count; i++) {
		if (left > 0 && is_repeated(&mistakes->items[i], &mistakes->items[left - 1]))
			free(mistakes->items[i].text);
		else
			mistakes->items[left++] = mistakes->items[i];
	}
	mistakes->count = left;
}

bool mistakes_say(struct mistakes *mistakes, const char *path)
{
	struct text line = {0};

	put_in_order(mistakes);
	for (size_t i = 0; i < mistakes->count; i++) {
		text_clear(&line);
		mistakes_add_line(&line, &mistakes->items[i], path);
		text_add_char(&line, '\n');
		write_all(line.data, line.length);
	}
	text_free(&line);
	return mistakes->fatal == 0;
}

void mistakes_free(struct mistakes *mistakes)
{
	for (size_t i = 0; i < mistakes->count; i++)
		free(mistakes->items[i].text);
	free(mistakes->items);
	*mistakes = (struct mistakes){0};
}
