/*
 * dead_letter: records that give back what was refused, from several writers at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/dead_letter.h"
#include "common/json_text.h"
#include "common/letter.h"
#include "common/locked_file.h"
#include "common/message.h"
#include "test/unit/tap.h"

enum { WRITERS = 4, RECORDS = 300, PIECES = 3 };

/* The members of a record. */
enum { EVENT, TIME, SOURCE, ERROR, LINE, TEXT, BASE64, MEMBERS };

struct test {
	struct tap tap;
	struct json_want want;
	char path[64];
	struct text file; /* what it holds, with padding behind it */
};

static void init(struct test *test)
{
	static const char *const paths[MEMBERS] = {".event",     ".time",      ".source",     ".data.error",
	                                           ".data.line", ".data.text", ".data.base64"};
	const char *mistake;

	for (int i = 0; i < MEMBERS; i++)
		json_want_path(&test->want, paths[i], &mistake);
	strcpy(test->path, "/tmp/dead_letter.XXXXXX");
	if (mkdtemp(test->path) == NULL) {
		perror("mkdtemp");
		exit(1);
	}
	strcat(test->path, "/f");
}

static void end(struct test *test)
{
	unlink(test->path);
	*strrchr(test->path, '/') = '\0';
	rmdir(test->path);
	json_want_free(&test->want);
	text_free(&test->file);
}

/* Reads the file; returns its first line, or NULL if there is none. */
static const char *read_file(struct test *test)
{
	int fd = open(test->path, O_RDONLY | O_CLOEXEC);

	text_clear(&test->file);
	if (fd >= 0) {
		text_add_file(&test->file, fd, 1 << 28);
		close(fd);
	}
	text_reserve(&test->file, JSON_PADDING);
	return test->file.length ? test->file.data : NULL;
}

/* Takes the record at *line apart and goes to the next. False: it is none. */
static bool record(struct test *test, const char **line, struct json_span *spans)
{
	const char *newline = strchr(*line, '\n'), *at = *line;
	struct json_result result;

	if (!newline)
		return false;
	*line = newline + 1;
	return json_scan(at, (size_t)(newline - at), &test->want, spans, JSON_FACTS, &result) &&
	       !(result.flags & ~(unsigned)(JSON_ESCAPED | JSON_RESTRING));
}

static bool span_is(const struct json_span *span, const char *text)
{
	return span->kind != JSON_NONE && span->length == strlen(text) && memcmp(span->at, text, span->length) == 0;
}

static void test_records(struct test *test)
{
	struct dead_letters letters;
	struct json_span spans[MEMBERS];
	struct stat status;
	const char *line;
	double now = (double)time(NULL);

	dead_letters_init(&letters, test->path);
	tap_ok(&test->tap, access(test->path, F_OK) < 0, "no file before the first record");
	tap_ok(&test->tap, dead_letters_add(&letters, "not \"JSON\"", 7, UINT64_MAX, "a\tb\"\0\xc3\xa9", 7) == 0,
	       "text");
	tap_ok(&test->tap, dead_letters_add(&letters, "no UTF-8", 0, UINT64_MAX, "a\xff\xfe", 3) == 0, "base64");
	tap_ok(&test->tap, dead_letters_add(&letters, "empty", 1, UINT64_MAX, "", 0) == 0, "empty");
	dead_letters_free(&letters);
	tap_ok(&test->tap, stat(test->path, &status) == 0 && (status.st_mode & 0777) == 0600, "mode 0600");

	line = read_file(test);
	tap_ok(&test->tap, line && record(test, &line, spans), "the first is an event");
	tap_ok(&test->tap, span_is(&spans[EVENT], "\"dead_letter\""), "its name");
	tap_ok(&test->tap,
	       spans[TIME].kind == JSON_NUMBER && json_number(&spans[TIME]) - now < 60 &&
	               now - json_number(&spans[TIME]) < 60,
	       "its time");
	tap_ok(&test->tap, span_is(&spans[SOURCE], "\"flow.stage\""), "its source");
	tap_ok(&test->tap, span_is(&spans[ERROR], "\"not \\\"JSON\\\"\""), "its error");
	tap_ok(&test->tap, span_is(&spans[LINE], "7"), "its line number");
	tap_ok(&test->tap, json_string_is(spans[TEXT].at, spans[TEXT].length, "a\tb\"\0\xc3\xa9", 7), "its text");
	tap_ok(&test->tap, spans[BASE64].kind == JSON_NONE, "no base64");
	tap_ok(&test->tap, record(test, &line, spans), "the second is an event");
	tap_ok(&test->tap, span_is(&spans[BASE64], "\"Yf/+\""), "its base64");
	tap_ok(&test->tap, spans[LINE].kind == JSON_NONE && spans[TEXT].kind == JSON_NONE, "no number, no text");
	tap_ok(&test->tap, record(test, &line, spans) && span_is(&spans[TEXT], "\"\""), "the third is empty");
	tap_ok(&test->tap, *line == '\0', "and that is all");
	unlink(test->path);
}

static void test_none(struct test *test)
{
	struct dead_letters letters;

	for (int i = 0; i < 2; i++) {
		dead_letters_init(&letters, i ? "" : NULL);
		tap_ok(&test->tap,
		       dead_letters_add(&letters, "e", 1, UINT64_MAX, "x", 1) == 0 &&
		               dead_letters_begin(&letters, "e", 1, UINT64_MAX) == 0 &&
		               dead_letters_piece(&letters, "x", 1) == 0 && dead_letters_end(&letters) == 0,
		       "no file: nothing happens");
		dead_letters_free(&letters);
	}
	dead_letters_init(&letters, "/nonexistent/file");
	tap_ok(&test->tap, dead_letters_add(&letters, "e", 1, UINT64_MAX, "x", 1) == -1 && errno == ENOENT,
	       "cannot be opened");
	dead_letters_free(&letters);
}

/* Pieces of all sizes come out as one base64 string. */
static void test_pieces(struct test *test)
{
	size_t wrong = 0;

	for (size_t piece = 1; piece < 12; piece++) {
		for (size_t length = 0; length < 25; length++) {
			struct dead_letters letters;
			struct json_span spans[MEMBERS];
			struct text expected = {0};
			const char *line, *bytes = "\xff\0 bytes of all \xc0 sorts \xfe";

			dead_letters_init(&letters, test->path);
			wrong += dead_letters_begin(&letters, "long", 1, UINT64_MAX) != 0;
			for (size_t at = 0; at < length; at += piece)
				wrong += dead_letters_piece(&letters, bytes + at,
				                            length - at < piece ? length - at : piece) != 0;
			wrong += dead_letters_end(&letters) != 0;
			dead_letters_free(&letters);
			text_add_char(&expected, '"');
			json_add_base64(&expected, bytes, length);
			text_add_char(&expected, '"');
			line = read_file(test);
			wrong += !line || !record(test, &line, spans) || !span_is(&spans[BASE64], expected.data);
			text_free(&expected);
			unlink(test->path);
		}
	}
	tap_ok(&test->tap, wrong == 0, "a line in pieces of every size");
}

/* What one of the writers writes: lines of its own letter, as text, as base64, and in pieces. */
static int write_letters(const char *path, int writer)
{
	struct dead_letters letters;
	char line[3000];
	int wrong = 0;

	dead_letters_init(&letters, path);
	memset(line, 'a' + writer, sizeof(line));
	for (int i = 0; i < RECORDS; i++) {
		size_t length = (size_t)(i * 10);

		if (i % 3 == 0) {
			wrong += dead_letters_add(&letters, "e", (uint64_t)i + 1, UINT64_MAX, line, length) != 0;
			continue;
		}
		wrong += dead_letters_begin(&letters, "e", (uint64_t)i + 1, UINT64_MAX) != 0;
		for (int p = 0; p < PIECES; p++)
			wrong += dead_letters_piece(&letters, line, length / PIECES) != 0;
		wrong += dead_letters_end(&letters) != 0;
	}
	dead_letters_free(&letters);
	return wrong;
}

static void test_writers(struct test *test)
{
	struct json_span spans[MEMBERS];
	pid_t children[WRITERS];
	int failed = 0, records = 0, torn = 0, wrong = 0;
	const char *line;

	for (int w = 0; w < WRITERS; w++) {
		children[w] = fork();
		if (children[w] == 0)
			_exit(write_letters(test->path, w));
	}
	for (int w = 0; w < WRITERS; w++) {
		int status = 1;

		waitpid(children[w], &status, 0);
		failed += status != 0;
	}
	tap_ok(&test->tap, failed == 0, "%d writers at a time", WRITERS);
	line = read_file(test);
	while (line && *line) {
		const struct json_span *body = &spans[TEXT];

		if (!record(test, &line, spans)) {
			torn++;
			continue;
		}
		records++;
		if (spans[TEXT].kind == JSON_NONE)
			body = &spans[BASE64];
		/* Base64 of one letter over and over repeats every four characters. */
		for (size_t i = 6; i + 4 < body->length; i++)
			wrong += body->at[i] != body->at[i - 4];
		if (spans[TEXT].kind != JSON_NONE)
			wrong += body->length - 2 != (size_t)(json_number(&spans[LINE]) - 1) * 10;
	}
	tap_ok(&test->tap, records == WRITERS * RECORDS && torn == 0 && wrong == 0,
	       "%d records, %d torn, %d of mixed content", records, torn, wrong);
	unlink(test->path);
}

/* Half a record, of a writer that was killed or had no more room, does not spoil the next. */
static void test_torn(struct test *test)
{
	struct dead_letters letters;
	struct json_span spans[MEMBERS];
	struct rlimit full = {200, RLIM_INFINITY}, unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	char bytes[500];
	const char *line;
	pid_t child = fork();

	if (child == 0) {
		dead_letters_init(&letters, test->path);
		dead_letters_begin(&letters, "e", 1, UINT64_MAX);
		dead_letters_piece(&letters, "half", 4);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	dead_letters_init(&letters, test->path);
	tap_ok(&test->tap, dead_letters_add(&letters, "e", 2, UINT64_MAX, "whole", 5) == 0, "after a kill");
	line = read_file(test);
	tap_ok(&test->tap, line && !record(test, &line, spans), "half a record");
	tap_ok(&test->tap, record(test, &line, spans) && span_is(&spans[TEXT], "\"whole\""), "then a whole one");
	unlink(test->path);
	dead_letters_free(&letters);

	signal(SIGXFSZ, SIG_IGN);
	memset(bytes, 'x', sizeof(bytes));
	dead_letters_init(&letters, test->path);
	setrlimit(RLIMIT_FSIZE, &full);
	tap_ok(&test->tap, dead_letters_add(&letters, "e", 1, UINT64_MAX, bytes, sizeof(bytes)) == -1 && errno == EFBIG,
	       "no room");
	setrlimit(RLIMIT_FSIZE, &unlimited);
	child = fork();
	if (child == 0) {
		struct dead_letters other;

		alarm(10);
		dead_letters_init(&other, test->path);
		_exit(dead_letters_add(&other, "e", 2, UINT64_MAX, "whole", 5) != 0);
	} else {
		int status = 1;

		waitpid(child, &status, 0);
		tap_ok(&test->tap, status == 0, "and the lock is free");
	}
	line = read_file(test);
	tap_ok(&test->tap, line && !record(test, &line, spans), "half a record");
	tap_ok(&test->tap, record(test, &line, spans) && span_is(&spans[TEXT], "\"whole\""), "then a whole one");
	dead_letters_free(&letters);
	unlink(test->path);
}

/* A line of 100 MB, in pieces: memory is that of a piece. */
static void test_long(struct test *test)
{
	enum { PIECE = 1 << 18, TIMES = 400 };
	struct dead_letters letters;
	char *piece = malloc(PIECE);
	struct stat status;
	int wrong = 0;

	memset(piece, 'x', PIECE);
	dead_letters_init(&letters, test->path);
	wrong += dead_letters_begin(&letters, "long", 1, UINT64_MAX) != 0;
	for (int i = 0; i < TIMES; i++)
		wrong += dead_letters_piece(&letters, piece, PIECE) != 0;
	wrong += dead_letters_end(&letters) != 0;
	tap_ok(&test->tap, wrong == 0, "a line of 100 MiB");
	tap_ok(&test->tap, letters.record.capacity < 4 * PIECE, "and %zu bytes of memory", letters.record.capacity);
	tap_ok(&test->tap, stat(test->path, &status) == 0 && status.st_size > (off_t)PIECE / 3 * 4 * TIMES, "whole");
	dead_letters_free(&letters);
	unlink(test->path);
	free(piece);
}

/* A record at a position, of a time and a length; at LETTER_NOWHERE: it has none. */
static void add_record(struct text *file, uint64_t at, int64_t time, size_t length)
{
	text_addf(file,
	          "{\"event\":\"dead_letter\",\"time\":%lld.5,\"source\":\"a.b\",\"data\":{\"error\":\",\\\"text\\\":"
	          "\\\"\"",
	          (long long)time);
	if (at != LETTER_NOWHERE)
		text_addf(file, ",\"at\":%llu", (unsigned long long)at);
	text_add_string(file, ",\"text\":\"");
	for (; length > 0; length--)
		text_add_char(file, 'x');
	text_add_string(file, "\"}}\n");
}

static void write_file(const struct test *test, const char *bytes, size_t length)
{
	int fd = open(test->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || locked_file_write(fd, bytes, length) < 0)
		perror(test->path);
	close(fd);
}

/* Cuts a file; the first `wanted` bytes are to be left. */
static void is_cut(struct test *test, const struct text *file, size_t wanted, uint64_t at, int64_t since,
                   const char *name)
{
	struct dead_letters letters;
	int result;

	write_file(test, file->data, file->length);
	dead_letters_init(&letters, test->path);
	result = dead_letters_cut(&letters, at, since);
	dead_letters_free(&letters);
	read_file(test);
	tap_ok(&test->tap,
	       result == 0 && test->file.length == wanted && memcmp(test->file.data, file->data, wanted) == 0,
	       "cut: %s, %zu of %zu bytes left", name, test->file.length, file->length);
}

static void test_cut(struct test *test)
{
	enum { S = 1000000000, RECORDS_CUT = 9 };
	static const size_t lengths[RECORDS_CUT] = {0, 10, 4096, 1, 70000, 3990, 4000, 200000, 5};
	struct text file = {0}, strange = {0};
	size_t ends[RECORDS_CUT + 1] = {0}, wrong = 0;
	struct dead_letters letters;
	const char *half;

	for (size_t i = 0; i < RECORDS_CUT; i++) {
		add_record(&file, (i + 1) * 100, 1000 + (int64_t)i, lengths[i]);
		ends[i + 1] = file.length;
	}
	for (size_t i = 0; i <= RECORDS_CUT; i++) {
		is_cut(test, &file, ends[i], (i + 1) * 100, 0, "from a position on");
		is_cut(test, &file, ends[i], 0, (1000 + (int64_t)i) * S + S / 2, "since a time");
	}
	is_cut(test, &file, ends[6], 301, 1005 * (int64_t)S + S / 2 + 1 + 999999, "the later of both");
	is_cut(test, &file, ends[8], 0, 1008 * (int64_t)S + S / 2 + 999, "nanoseconds do not count");
	is_cut(test, &file, ends[9], 0, 1008 * (int64_t)S + S / 2 + 1000, "microseconds do");
	is_cut(test, &file, ends[9], UINT64_MAX - 1, 0, "a position beyond all");

	/* What stops it: a record without a position, a line that is no record, another position in front. */
	add_record(&strange, 500, 2000, 10);
	add_record(&strange, 100, 2000, 10);
	ends[0] = strange.length;
	add_record(&strange, 500, 2000, 10);
	is_cut(test, &strange, ends[0], 200, 0, "not beyond a record that stays");
	add_record(&strange, LETTER_NOWHERE, 2000, 10);
	ends[1] = strange.length;
	add_record(&strange, 18446744073709551614U, 2000, 10);
	is_cut(test, &strange, ends[1], 18446744073709551614U, 0, "not beyond one without a position; 64 bits");
	is_cut(test, &strange, strange.length, 18446744073709551615U, 0, "64 bits");
	text_add_string(&strange, "half a record\n");
	ends[2] = strange.length;
	add_record(&strange, 500, 2000, 10);
	is_cut(test, &strange, ends[2], 0, 0, "not beyond a line that is none");

	/* Half a record at the end, of every length. */
	for (size_t length = ends[2] + 1; length < strange.length - 1; length++) {
		size_t wanted;

		write_file(test, strange.data, length);
		half = memmem(strange.data + ends[2], length - ends[2], ",\"text\":\"", 9);
		wanted = half ? length : ends[2];
		dead_letters_init(&letters, test->path);
		wrong += dead_letters_cut(&letters, 501, 0) != 0;
		read_file(test);
		wrong += test->file.length != wanted;
		wrong += dead_letters_cut(&letters, 500, 0) != 0;
		read_file(test);
		wrong += test->file.length != ends[2];
		dead_letters_free(&letters);
	}
	tap_ok(&test->tap, wrong == 0, "cut: half a record, judged by its head");

	text_clear(&strange);
	is_cut(test, &strange, 0, 0, 0, "an empty file");
	unlink(test->path);
	dead_letters_init(&letters, test->path);
	tap_ok(&test->tap, dead_letters_cut(&letters, 0, 0) == 0 && access(test->path, F_OK) < 0, "cut: no file");
	tap_ok(&test->tap,
	       dead_letters_add(&letters, "e", 1, 5, "x", 1) == 0 &&
	               dead_letters_add(&letters, "e", 2, 7, "\xff", 1) == 0 &&
	               dead_letters_cut(&letters, 7, time(NULL) * (int64_t)S - S) == 0 &&
	               dead_letters_add(&letters, "e", 2, 7, "y", 1) == 0,
	       "cut: and go on");
	dead_letters_free(&letters);
	half = read_file(test);
	tap_ok(&test->tap,
	       half && strstr(half, ",\"line\":1,\"at\":5,\"text\":\"x\"}}\n{") &&
	               strstr(half, ",\"line\":2,\"at\":7,\"text\":\"y\"}}\n") && !strstr(half, "base64"),
	       "cut: what is left");
	unlink(test->path);
	text_free(&file);
	text_free(&strange);
}

/* While somebody reads, the file is not cut but replaced; a writer that has the old one open takes up the new one. */
static void test_replaced(struct test *test)
{
	struct dead_letters cutter, writer;
	struct stat before, after;
	int reader;
	char byte;

	dead_letters_init(&cutter, test->path);
	dead_letters_init(&writer, test->path);
	dead_letters_add(&writer, "e", 1, 1, "a", 1);
	dead_letters_add(&cutter, "e", 2, 2, "b", 1);
	reader = open(test->path, O_RDONLY | O_CLOEXEC);
	fstat(reader, &before);
	tap_ok(&test->tap, locked_file_read(reader) == 0, "read");
	tap_ok(&test->tap, dead_letters_cut(&cutter, 2, 0) == 0, "cut while somebody reads");
	fstat(reader, &after);
	tap_ok(&test->tap,
	       before.st_size == after.st_size && pread(reader, &byte, 1, before.st_size - 1) == 1 && byte == '\n',
	       "what he reads stays");
	tap_ok(&test->tap,
	       stat(test->path, &after) == 0 && after.st_ino != before.st_ino && (after.st_mode & 0777) == 0600,
	       "a new file");
	close(reader);
	tap_ok(&test->tap,
	       dead_letters_add(&writer, "e", 3, 3, "c", 1) == 0 && dead_letters_add(&cutter, "e", 4, 4, "d", 1) == 0,
	       "both go on");
	read_file(test);
	tap_ok(&test->tap,
	       strstr(test->file.data, "\"a\"}}\n{") && strstr(test->file.data, "\"c\"}}\n{") &&
	               strstr(test->file.data, "\"d\"}}\n") && !strstr(test->file.data, "\"b\""),
	       "in the new one");
	unlink(test->path);
	tap_ok(&test->tap, dead_letters_add(&writer, "e", 5, 5, "e", 1) == 0 && read_file(test),
	       "a file that was removed comes again");
	dead_letters_free(&cutter);
	dead_letters_free(&writer);
	unlink(test->path);
}

int main(void)
{
	struct test test = {0};

	setenv("PYPE_NAME", "flow.stage", 1);
	init(&test);
	test_records(&test);
	test_none(&test);
	test_pieces(&test);
	test_writers(&test);
	test_torn(&test);
	test_long(&test);
	test_cut(&test);
	test_replaced(&test);
	end(&test);
	return tap_end(&test.tap);
}
