/*
 * text: a growable string of bytes. Always NUL-terminated behind its length, so that
 * data can be handed to C functions; it may hold NUL bytes as well.
 *
 * A zeroed struct is a valid empty text. text_clear empties it and keeps the memory,
 * text_free gives the memory back, text_detach hands it to the caller, who frees it.
 */
#ifndef PYPE_TEXT_H
#define PYPE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

struct text {
	char *data; /* "" after text_init or text_clear; NULL only while zeroed */
	size_t length;
	size_t capacity;
};

void text_init(struct text *text);
void text_clear(struct text *text);
void text_free(struct text *text);
char *text_detach(struct text *text);

/* A new string, the caller's to free. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for extra more bytes and the NUL; what lies behind length is undefined. */
void text_reserve(struct text *text, size_t extra);
static inline void text_add(struct text *text, const void *bytes, size_t length)
{
	if (text->capacity - text->length <= length)
		text_reserve(text, length);
	if (length > 0)
		memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}
static inline void text_add_char(struct text *text, char byte)
{
	if (text->capacity - text->length <= 1)
		text_reserve(text, 1);
	text->data[text->length++] = byte;
	text->data[text->length] = '\0';
}
void text_add_string(struct text *text, const char *string);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vaddf(struct text *text, const char *format, va_list arguments);

/* Takes the first bytes away. */
void text_drop(struct text *text, size_t length);

/* Appends all that fd holds, up to limit bytes. 0, -1 (errno is set), or 1: more than limit. */
int text_add_file(struct text *text, int fd, size_t limit);

#endif
