#include "cmd/flow/commands/letters.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json_text.h"
#include "common/locked_file.h"
#include "common/memory.h"

static void start_reader(struct letters *letters)
{
	line_reader_init(&letters->reader, letters->fd, SIZE_MAX);
}

void letters_rewind(struct letters *letters)
{
	line_reader_free(&letters->reader);
	lseek(letters->fd, 0, SEEK_SET);
	start_reader(letters);
}

static int measure(struct letters *letters)
{
	struct stat status;

	if (fstat(letters->fd, &status) < 0)
		return -1;
	letters->size = status.st_size;
	return 0;
}

int letters_open(struct letters *letters, const struct letter_parser *parser, const char *path)
{
	char last = '\n';

	*letters = (struct letters){.path = xstrdup(path), .parser = parser};
	letters->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (letters->fd < 0 || locked_file_read(letters->fd) < 0 || measure(letters) < 0)
		return -1;
	start_reader(letters);
	if (letters->size > 0 && pread(letters->fd, &last, 1, letters->size - 1) < 0)
		return -1;
	if (last == '\n')
		return 0;
	/* Somebody writes this, or was killed when he did. */
	letters->writing = flock(letters->fd, LOCK_SH | LOCK_NB) < 0;
	if (letters->writing)
		return 0;
	if (measure(letters) < 0)
		return -1;
	locked_file_unlock(letters->fd);
	return 0;
}

void letters_close(struct letters *letters)
{
	if (letters->fd >= 0)
		close(letters->fd);
	line_reader_free(&letters->reader);
	free(letters->path);
}

int letters_next(struct letters *letters, struct letters_record *record)
{
	for (;;) {
		switch (line_reader_next(&letters->reader, &record->line, &record->length)) {
		case LINE_WHOLE:
			break;
		case LINE_ERROR:
			return -1;
		default:
			return 0;
		}
		if (letters->reader.offset >= (uint64_t)letters->size ||
		    (letters->writing && letters->reader.offset + record->length >= (uint64_t)letters->size))
			return 0;
		if (record->length == 0)
			continue;
		record->whole = letter_parse(letters->parser, record->line, record->length, &record->letter);
		return 1;
	}
}

/* Goes on in the snapshot until behind this record. 1; 0: it is not in the rest; -1: errno. */
static int find(struct letters *letters, const struct letters_record *wanted)
{
	struct letters_record record;
	int result;

	while ((result = letters_next(letters, &record)) > 0)
		if (record.length == wanted->length && memcmp(record.line, wanted->line, record.length) == 0)
			return 1;
	return result;
}

/* Copies what is to stay from the file as it is now. */
static int sift(struct letters *letters, struct letters *now, struct line_writer *out,
                bool (*selected)(void *context, const struct letters_record *), void *context, uint64_t *removed)
{
	struct letters_record record;
	int result, known = 1;

	while ((result = letters_next(now, &record)) > 0) {
		/* What is left of the snapshot stands in its order, in front of what came later. */
		if (known > 0)
			known = find(letters, &record);
		if (known < 0)
			return -1;
		if (known > 0 && selected(context, &record)) {
			++*removed;
			continue;
		}
		line_writer_add(out, record.line, record.length);
		if (line_writer_end(out) < 0)
			return -1;
	}
	return result < 0 ? -1 : line_writer_flush(out);
}

/* now->fd has the lock. */
static int replace(struct letters *letters, struct letters *now,
                   bool (*selected)(void *context, const struct letters_record *), void *context, uint64_t *removed)
{
	struct line_writer out;
	int fresh, result, saved;

	if (measure(now) < 0)
		return -1;
	fresh = locked_file_begin(now->fd, now->path);
	if (fresh < 0)
		return -1;
	line_writer_init(&out, fresh);
	start_reader(now);
	letters_rewind(letters);
	result = sift(letters, now, &out, selected, context, removed);
	line_writer_free(&out);
	if (result == 0 && *removed > 0)
		return locked_file_replace(fresh, now->path);
	saved = errno;
	locked_file_abandon(fresh, now->path);
	errno = saved;
	return result;
}

int letters_remove(struct letters *letters, bool (*selected)(void *context, const struct letters_record *),
                   void *context, uint64_t *removed)
{
	struct letters now = {.path = letters->path, .parser = letters->parser};
	int result, saved;

	*removed = 0;
	now.fd = locked_file_lock(-1, now.path, O_RDONLY);
	if (now.fd < 0)
		return errno == ENOENT ? 0 : -1;
	result = replace(letters, &now, selected, context, removed);
	saved = errno;
	line_reader_free(&now.reader);
	close(now.fd);
	errno = saved;
	return result;
}

bool letters_pass(struct letters_filter *filter, const struct letters_record *record)
{
	const struct letter *letter = &record->letter;

	if (!record->whole)
		return filter->since == INT64_MIN && !filter->error;
	if (filter->since != INT64_MIN && (letter->time == LETTER_NO_TIME || letter->time < filter->since))
		return false;
	if (!filter->error)
		return true;
	text_clear(&filter->text);
	if (letter->error.kind == JSON_STRING)
		json_add_unescaped(&filter->text, letter->error.at, letter->error.length);
	return memmem(filter->text.data, filter->text.length, filter->error, strlen(filter->error));
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int letters_stages(const char *directory, struct option_list *stages)
{
	static const char suffix[] = ".ndjson";
	DIR *stream = opendir(directory);
	struct dirent *entry;

	if (!stream)
		return errno == ENOENT ? 0 : -1;
	while ((entry = readdir(stream))) {
		size_t length = strlen(entry->d_name), end = strlen(suffix);

		if (entry->d_name[0] != '.' && length > end && strcmp(entry->d_name + length - end, suffix) == 0)
			option_list_add(stages, xstrndup(entry->d_name, length - end));
	}
	closedir(stream);
	if (stages->count > 0)
		qsort(stages->items, stages->count, sizeof(*stages->items), compare);
	return 0;
}

void letters_stages_free(struct option_list *stages)
{
	for (size_t i = 0; i < stages->count; i++)
		free(stages->items[i]);
	free(stages->items);
	*stages = (struct option_list){0};
}
