/*
 * tap: what the unit programs share: they print their results in TAP, which test/run reads.
 *
 *     struct tap tap = {0};
 *     tap_ok(&tap, unit_size("64k", &size) && size == 65536, "%s", "64k");
 *     return tap_end(&tap);
 */
#ifndef PYPE_TEST_TAP_H
#define PYPE_TEST_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct tap {
	int done, failed;
};

/* Bytes that would confuse a reader of TAP are shown as \xNN. */
static inline void tap_print(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c >= 0x7f || c == '#')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

/* One result and what it is about; returns passed. */
__attribute__((format(printf, 3, 4))) static inline bool tap_ok(struct tap *tap, bool passed, const char *format, ...)
{
	char name[200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	tap->failed += !passed;
	printf("%sok %d - ", passed ? "" : "not ", ++tap->done);
	tap_print(name, strlen(name));
	putchar('\n');
	return passed;
}

/* As tap_ok, for two strings of bytes, which are shown if they differ. */
static inline bool tap_is(struct tap *tap, const char *got, size_t length, const char *wanted, size_t count,
                          const char *name)
{
	bool same = length == count && (length == 0 || memcmp(got, wanted, length) == 0);

	if (!tap_ok(tap, same, "%s", name)) {
		printf("#    got: ");
		tap_print(got, length);
		printf("\n# wanted: ");
		tap_print(wanted, count);
		putchar('\n');
	}
	return same;
}

/* Prints the plan; returns the exit status. */
static inline int tap_end(const struct tap *tap)
{
	printf("1..%d\n", tap->done);
	return tap->failed > 0;
}

#endif
