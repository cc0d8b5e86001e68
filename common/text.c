#include "common/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"

void text_init(struct text *text)
{
	*text = (struct text){0};
	text_reserve(text, 0);
	text->data[0] = '\0';
}

void text_clear(struct text *text)
{
	if (!text->data)
		text_reserve(text, 0);
	text->length = 0;
	text->data[0] = '\0';
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

char *text_detach(struct text *text)
{
	char *data;

	text_reserve(text, 0);
	text->data[text->length] = '\0';
	data = text->data;
	*text = (struct text){0};
	return data;
}

char *text_format(const char *format, ...)
{
	struct text text = {0};
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(&text, format, arguments);
	va_end(arguments);
	return text_detach(&text);
}

void text_drop(struct text *text, size_t length)
{
	text->length -= length;
	memmove(text->data, text->data + length, text->length);
	text->data[text->length] = '\0';
}

void text_reserve(struct text *text, size_t extra)
{
	size_t need = text->length + extra + 1;
	size_t capacity = text->capacity ? text->capacity : 64;

	if (need <= text->length)
		fail("out of memory");
	if (need <= text->capacity)
		return;
	while (capacity < need)
		capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
	text->data = xreallocarray(text->data, capacity, 1);
	text->capacity = capacity;
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_addf(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(text, format, arguments);
	va_end(arguments);
}

void text_vaddf(struct text *text, const char *format, va_list arguments)
{
	va_list again;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		fail("cannot format a text:");
	text_reserve(text, (size_t)length);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
	text->length += (size_t)length;
}

int text_add_file(struct text *text, int fd, size_t limit)
{
	size_t start = text->length;

	for (;;) {
		ssize_t n;

		text_reserve(text, 4096);
		n = read(fd, text->data + text->length, text->capacity - text->length - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text->length += (size_t)n;
		text->data[text->length] = '\0';
		if (text->length - start > limit)
			return 1;
		if (n == 0)
			return 0;
	}
}
