#include "common/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

/* The program's name and verbosity: what every message needs and no caller should have to carry. */
static struct {
	const char *program;
	int level;
} self = {.program = "pype"};

void message_init(const char *program)
{
	self.program = program;
}

const char *message_name(void)
{
	const char *name = getenv("PYPE_NAME");

	return name && *name ? name : self.program;
}

void message_level(int level)
{
	self.level = level;
}

bool message_enabled(int level)
{
	return self.level >= level;
}

/* Appends one byte, control characters as \xNN; leaves room for the newline. */
static size_t put(char *line, size_t at, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	if (at + 6 > LINE_MAX_BYTES)
		return at;
	if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
		line[at++] = '\\';
		line[at++] = 'x';
		line[at++] = digits[byte >> 4];
		line[at++] = digits[byte & 15];
	} else {
		line[at++] = (char)byte;
	}
	return at;
}

static size_t put_string(char *line, size_t at, const char *string)
{
	while (*string)
		at = put(line, at, (unsigned char)*string++);
	return at;
}

MESSAGE_FORMAT(2, 0)
static void say(const char *level, const char *format, va_list arguments)
{
	int saved = errno;
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
	size_t at = 0, length = strlen(format);
	ssize_t n;

	vsnprintf(text, sizeof(text), format, arguments);
	at = put_string(line, at, message_name());
	at = put_string(line, at, ": ");
	at = put_string(line, at, level);
	at = put_string(line, at, ": ");
	at = put_string(line, at, text);
	if (length > 0 && format[length - 1] == ':') {
		at = put_string(line, at, " ");
		at = put_string(line, at, strerror(saved));
	}
	line[at++] = '\n';
	do
		n = write(STDERR_FILENO, line, at);
	while (n < 0 && errno == EINTR);
	errno = saved;
}

/* One body for the functions that differ in their level only. */
#define SAY(level)                             \
	do {                                   \
		va_list arguments;             \
		va_start(arguments, format);   \
		say(level, format, arguments); \
		va_end(arguments);             \
	} while (0)

void message_error(const char *format, ...)
{
	SAY("error");
}

void message_warning(const char *format, ...)
{
	SAY("warning");
}

void message_info(const char *format, ...)
{
	if (message_enabled(1))
		SAY("info");
}

void message_debug(const char *format, ...)
{
	if (message_enabled(2))
		SAY("debug");
}

void message_relay(const char *bytes, size_t length)
{
	char line[LINE_MAX_BYTES];
	size_t at = put_string(line, 0, message_name());
	ssize_t n;

	at = put_string(line, at, ": ");
	for (size_t i = 0; i < length; i++)
		at = put(line, at, (unsigned char)bytes[i]);
	line[at++] = '\n';
	do
		n = write(STDERR_FILENO, line, at);
	while (n < 0 && errno == EINTR);
}

void fail(const char *format, ...)
{
	SAY("fatal");
	exit(STATUS_FAILED);
}

void die(const char *format, ...)
{
	SAY("fatal");
	exit(STATUS_POINTLESS);
}

bool message_pass(struct message_limit *limit)
{
	uint64_t n = ++limit->count;

	if (n <= 10)
		return true;
	while (n % 10 == 0)
		n /= 10;
	return n == 1;
}

bool message_hidden(const struct message_limit *limit)
{
	return limit->count > 10;
}
