/*
 * text: a string that grows, with NUL bytes in it and one behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/text.h"
#include "test/unit/tap.h"

static void test_growth(struct tap *tap)
{
	struct text text = {0};
	char expected[4000];
	char *detached;

	text_add(&text, NULL, 0);
	tap_is(tap, text.data, text.length, "", 0, "a zeroed text is empty");
	for (size_t i = 0; i < sizeof(expected); i++) {
		expected[i] = (char)i;
		if (i % 7)
			text_add_char(&text, (char)i);
		else
			text_add(&text, expected + i, 1);
		if (text.data[text.length] != '\0' || text.capacity <= text.length)
			tap_ok(tap, false, "a NUL behind byte %zu", i);
	}
	tap_ok(tap, text.length == sizeof(expected) && memcmp(text.data, expected, text.length) == 0, "%zu bytes",
	       text.length);
	text_clear(&text);
	tap_is(tap, text.data, text.length, "", 0, "cleared");
	tap_ok(tap, text.capacity > sizeof(expected), "and the memory kept");
	text_addf(&text, "%s %d %%", "a", 42);
	text_add_string(&text, " b");
	text_addf(&text, "%s", "");
	tap_is(tap, text.data, text.length, "a 42 % b", 8, "formatted");
	text_addf(&text, "%*d", 10000, 7);
	tap_ok(tap, text.length == 10008 && text.data[10007] == '7' && text.data[10008] == '\0', "formatted, long");
	text_reserve(&text, 1 << 20);
	tap_ok(tap, text.capacity > text.length + (1 << 20) && text.length == 10008, "reserved");
	detached = text_detach(&text);
	tap_ok(tap, strlen(detached) == 10008 && !text.data && text.length == 0, "detached");
	free(detached);
	detached = text_detach(&text);
	tap_is(tap, detached, strlen(detached), "", 0, "detached from an empty text");
	free(detached);
	text_init(&text);
	tap_is(tap, text.data, text.length, "", 0, "initialised");
	text_free(&text);
	tap_ok(tap, !text.data && text.capacity == 0, "freed");
}

static void test_strings(struct tap *tap)
{
	char *string = text_format("%s.%d", "stage", 7);
	struct text text = {0};

	tap_ok(tap, strcmp(string, "stage.7") == 0, "a formatted string");
	free(string);
	text_add_string(&text, "one two");
	text_drop(&text, 0);
	text_drop(&text, 4);
	tap_ok(tap, text.length == 3 && strcmp(text.data, "two") == 0, "the first bytes are dropped");
	text_drop(&text, 3);
	tap_ok(tap, text.length == 0 && *text.data == '\0', "all are");
	text_free(&text);
}

static void test_file(struct tap *tap)
{
	enum { SIZE = 100000 };
	char *bytes = malloc(SIZE);
	struct text text = {0};
	int fd = memfd_create("text", MFD_CLOEXEC);

	for (int i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 7);
	if (fd < 0 || write(fd, bytes, SIZE) != SIZE) {
		perror("memfd");
		exit(1);
	}
	text_add_string(&text, "before");
	lseek(fd, 0, SEEK_SET);
	tap_ok(tap, text_add_file(&text, fd, SIZE) == 0, "as long as the limit");
	tap_ok(tap, text.length == SIZE + 6 && memcmp(text.data + 6, bytes, SIZE) == 0,
	       "all of it, behind what was there");
	text_clear(&text);
	lseek(fd, 0, SEEK_SET);
	tap_ok(tap, text_add_file(&text, fd, SIZE - 1) == 1, "longer than the limit");
	text_clear(&text);
	tap_ok(tap, text_add_file(&text, fd, SIZE) == 0 && text.length == 0 && *text.data == '\0', "nothing more");
	close(fd);
	tap_ok(tap, text_add_file(&text, fd, SIZE) == -1 && errno == EBADF, "a closed descriptor");
	text_free(&text);
	free(bytes);
}

int main(void)
{
	struct tap tap = {0};

	test_growth(&tap);
	test_strings(&tap);
	test_file(&tap);
	return tap_end(&tap);
}
