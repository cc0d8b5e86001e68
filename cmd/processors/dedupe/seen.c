#include "cmd/processors/dedupe/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"

enum { HEAD = 4096, COPIES = 2 };

/* The beginning of the file; numbers as the machine has them. */
struct seen_head {
	char magic[8];
	uint64_t places; /* records that there is room for */
	uint64_t count; /* what was remembered when this many had been written is what counts */
	struct fingerprint_seed seed;
	struct fingerprint rules;
};

struct known {
	struct seen_record record;
	uint64_t place; /* of its newest copy in the log */
};

static const char magic[8] = {'p', 'y', 'p', 'e', 's', 'e', 'e', '1'};

void seen_init(struct seen *seen, size_t most)
{
	*seen = (struct seen){.seed = {moment_random(), moment_random()}, .most = most};
	key_map_init(&seen->map, sizeof(struct known));
}

static size_t file_length(uint64_t places)
{
	return HEAD + places * sizeof(struct seen_record);
}

void seen_free(struct seen *seen)
{
	if (seen->head) {
		munmap(seen->head, file_length(seen->places));
		state_file_close(&seen->file);
	}
	key_map_free(&seen->map);
}

const struct seen_record *seen_find(const struct seen *seen, const struct fingerprint *key)
{
	const struct known *known = key_map_find(&seen->map, key);

	return known ? &known->record : NULL;
}

static void append(struct seen *seen, struct known *known)
{
	known->place = seen->count;
	if (seen->head)
		seen->records[seen->count % seen->places] = known->record;
	seen->count++;
}

/* Takes the oldest records off the log, copying what still counts to its end. */
static void move_tail(struct seen *seen)
{
	for (int i = 0; i < COPIES && seen->count - seen->tail >= 2 * seen->most; i++) {
		const struct seen_record *record = &seen->records[seen->tail % seen->places];
		struct known *known = record->order ? key_map_find(&seen->map, &record->key) : NULL;

		if (known && known->place == seen->tail)
			append(seen, known);
		seen->tail++;
	}
}

static struct known *remember(struct seen *seen, const struct seen_record *record)
{
	struct known *known = key_map_find(&seen->map, &record->key);

	if (known) {
		key_map_touch(&seen->map, known);
	} else {
		if (seen->map.count == seen->most) {
			key_map_drop(&seen->map, key_map_oldest(&seen->map));
			seen->forgotten++;
		}
		known = key_map_add(&seen->map, &record->key);
	}
	known->record = *record;
	return known;
}

void seen_put(struct seen *seen, const struct fingerprint *key, const struct fingerprint *value, int64_t time)
{
	struct seen_record record = {*key, *value, time, ++seen->order};

	append(seen, remember(seen, &record));
	if (seen->head)
		move_tail(seen);
}

bool seen_is_full(const struct seen *seen)
{
	return seen->head && seen->count - seen->kept >= SEEN_SLACK - 1 - COPIES;
}

uint64_t seen_count(const struct seen *seen)
{
	return seen->count;
}

void seen_kept(struct seen *seen)
{
	seen->kept = seen->count;
	if (seen->head)
		seen->head->count = seen->count;
}

/* ---- the file ---- */

static int by_order(const void *left, const void *right)
{
	const struct seen_record *a = left, *b = right;

	return a->order < b->order ? -1 : a->order > b->order;
}

/* Remembers what counts of the records before seen->count. */
static void read_records(struct seen *seen, const char *content, uint64_t places)
{
	uint64_t room = places - SEEN_SLACK, first = seen->count > room ? seen->count - room : 0, found = 0;
	struct seen_record *all = xcalloc(seen->count - first + 1, sizeof(*all));

	for (uint64_t i = first; i < seen->count; i++) {
		memcpy(&all[found], content + file_length(i % places), sizeof(*all));
		found += all[found].order != 0;
	}
	qsort(all, found, sizeof(*all), by_order);
	for (uint64_t i = 0; i < found; i++)
		remember(seen, &all[i]);
	if (found > 0)
		seen->order = all[found - 1].order;
	seen->forgotten = 0;
	free(all);
}

static void read_file(struct seen *seen, const char *path, const struct text *content, const char *rules,
                      const uint64_t *count)
{
	struct seen_head head = {0};
	struct fingerprint ours;

	if (content->length >= HEAD)
		memcpy(&head, content->data, sizeof(head));
	if (content->length < HEAD || memcmp(head.magic, magic, sizeof(magic)) != 0 || head.places <= SEEN_SLACK ||
	    head.places > STATE_FILE_MAX || content->length != file_length(head.places))
		die("'%s' is not a state file of pype-dedupe", path);
	ours = fingerprint_of(&head.seed, rules, strlen(rules));
	if (!fingerprint_same(&ours, &head.rules))
		die("'%s' was made with other keys: take another file, or remove it", path);
	seen->seed = head.seed;
	seen->count = count ? *count : head.count;
	read_records(seen, content->data, head.places);
}

/* A new file, which holds just what counts, in records that end at the same number. */
static void write_file(struct seen *seen, const char *path, const char *rules)
{
	struct seen_head head = {.places = seen->places, .count = seen->count, .seed = seen->seed};
	struct text text = {0};

	memcpy(head.magic, magic, sizeof(magic));
	head.rules = fingerprint_of(&seen->seed, rules, strlen(rules));
	seen->tail = seen->count - seen->map.count;
	text_reserve(&text, file_length(seen->places));
	text.length = file_length(seen->places);
	memset(text.data, 0, text.length);
	memcpy(text.data, &head, sizeof(head));
	seen->count = seen->tail;
	for (struct known *known = key_map_oldest(&seen->map); known; known = key_map_newer(known)) {
		memcpy(text.data + file_length(seen->count % seen->places), &known->record, sizeof(known->record));
		known->place = seen->count++;
	}
	if (state_file_replace(&seen->file, text.data, text.length) < 0)
		fail("cannot write the state file '%s':", path);
	text_free(&text);
}

static void map_file(struct seen *seen, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *memory;

	if (fd < 0)
		fail("cannot open the state file '%s':", path);
	memory = mmap(NULL, file_length(seen->places), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		fail("cannot map the state file '%s':", path);
	close(fd);
	seen->head = memory;
	seen->records = (struct seen_record *)((char *)memory + HEAD);
}

void seen_open(struct seen *seen, const char *path, const char *rules, const uint64_t *count)
{
	struct text content = {0};

	if (state_file_open(&seen->file, path, &content) < 0) {
		if (errno == EWOULDBLOCK)
			fail("the state file '%s' is another process's", path);
		fail("cannot open the state file '%s':", path);
	}
	/* See move_tail: with two records looked at for each one that is added, those that count are never more than this apart. */
	seen->places = 3 * seen->most + SEEN_SLACK;
	if (content.length > 0)
		read_file(seen, path, &content, rules, count);
	else if (count && *count > 0)
		message_warning("the state file '%s' has gone: what was seen is forgotten", path);
	if (count)
		seen->count = *count > seen->map.count ? *count : seen->map.count;
	text_free(&content);
	write_file(seen, path, rules);
	map_file(seen, path);
	seen->kept = seen->count;
}
