/*
 * file: one followed file: what it is known by, and how far it was read.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/sources/tail/tail.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/unit.h"

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

uint32_t bytes_hash(const unsigned char *bytes, size_t length)
{
	uint64_t hash = length, word;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = mix(hash, le64toh(word));
	}
	word = 0;
	memcpy(&word, bytes, length);
	hash = mix(hash, le64toh(word));
	return (uint32_t)(hash ^ hash >> 32);
}

uint64_t identity_key(dev_t device, ino_t inode)
{
	return mix(mix(0, device), inode) & 0xffffffffffffULL;
}

static void set_identity(struct identity_of *is, const struct stat *status)
{
	*is = (struct identity_of){
		.device = status->st_dev,
		.inode = status->st_ino,
		.written = (int64_t)status->st_mtim.tv_sec * UNIT_S + status->st_mtim.tv_nsec,
		.size = (uint64_t)status->st_size,
	};
}

/* Only what can be read from any place. */
static bool take_status(int result, struct identity_of *is, const struct stat *status)
{
	if (result < 0)
		return false;
	if (!S_ISREG(status->st_mode)) {
		errno = S_ISDIR(status->st_mode) ? EISDIR : ESPIPE;
		return false;
	}
	set_identity(is, status);
	return true;
}

bool identity_at(const char *path, struct identity_of *is)
{
	struct stat status;

	return take_status(stat(path, &status), is, &status);
}

bool identity_fd(int fd, struct identity_of *is)
{
	struct stat status;

	return take_status(fstat(fd, &status), is, &status);
}

bool is_compressed(const char *path)
{
	size_t length = strlen(path);

	return length > 3 && strcmp(path + length - 3, ".gz") == 0;
}

static struct file **bucket(struct file *const *buckets, dev_t device, ino_t inode)
{
	/* The table is the caller's own, constant or not. */
	return (struct file **)(uintptr_t)&buckets[identity_key(device, inode) % BUCKETS];
}

struct file *file_find(const struct tail *tail, dev_t device, ino_t inode)
{
	struct file *file = *bucket(tail->buckets, device, inode);

	while (file && (file->is.inode != inode || file->is.device != device))
		file = file->same_bucket;
	return file;
}

static void add_members(struct file *file)
{
	text_add_string(&file->members, ",\"file\":");
	json_add_string(&file->members, file->path, strlen(file->path));
}

struct file *file_add(struct tail *tail, const char *path, int fd, const struct identity_of *is)
{
	struct file *file = xcalloc(1, sizeof(*file)), **place = bucket(tail->buckets, is->device, is->inode);

	file->path = xstrdup(path);
	file->fd = fd;
	file->is = *is;
	file->compressed = is_compressed(path);
	file->slot = file->watch = -1;
	file->changed = tail->now;
	add_members(file);
	file->same_bucket = *place;
	*place = file;
	file->previous = tail->last_file;
	*(tail->last_file ? &tail->last_file->next : &tail->files) = file;
	tail->last_file = file;
	tail->file_count++;
	return file;
}

static void unlink_file(struct tail *tail, struct file *file)
{
	struct file **place = bucket(tail->buckets, file->is.device, file->is.inode);

	while (*place != file)
		place = &(*place)->same_bucket;
	*place = file->same_bucket;
	*(file->previous ? &file->previous->next : &tail->files) = file->next;
	*(file->next ? &file->next->previous : &tail->last_file) = file->previous;
	tail->file_count--;
	for (struct file *other = tail->files; other; other = other->next)
		if (other->after == file)
			other->after = file->after;
}

static void leave_queue(struct tail *tail, struct file *file)
{
	struct file **place = &tail->ready;

	if (!file->queued)
		return;
	while (*place != file)
		place = &(*place)->next_ready;
	*place = file->next_ready;
	if (tail->ready_end == &file->next_ready)
		tail->ready_end = place;
}

void file_forget(struct tail *tail, struct file *file)
{
	struct place place = file_place(file);

	place.path = NULL;
	if (place.offset > 0)
		tail->gone[tail->gone_count++ % GONE] = place;
	leave_queue(tail, file);
	unlink_file(tail, file);
	watch_forget(tail, file);
	place_forget(tail, file);
	unpack_close(tail, file);
	if (file->fd >= 0)
		close(file->fd);
	text_free(&file->members);
	free(file->path);
	free(file->moved);
	free(file);
}

void file_ready(struct tail *tail, struct file *file)
{
	file->at_end = false;
	if (file->queued)
		return;
	file->queued = true;
	file->next_ready = NULL;
	*tail->ready_end = file;
	tail->ready_end = &file->next_ready;
}

void file_wait(struct tail *tail, struct file *file, int64_t due)
{
	file->due = due;
	if (due < tail->wake)
		tail->wake = due;
}

void file_advance(struct file *file, const char *bytes, size_t length)
{
	if (file->offset < HEAD) {
		size_t room = HEAD - (size_t)file->offset;

		memcpy(file->head + file->offset, bytes, length < room ? length : room);
		if (length >= room)
			file->head_hash = bytes_hash(file->head, HEAD);
	}
	if (length >= TAIL) {
		memcpy(file->tail, bytes + length - TAIL, TAIL);
	} else {
		memmove(file->tail, file->tail + length, TAIL - length);
		memcpy(file->tail + TAIL - length, bytes, length);
	}
	file->offset += length;
	file->searched = 0;
	file->long_line = false;
}

void file_rewind(struct file *file)
{
	file->offset = file->searched = 0;
	memset(file->tail, 0, sizeof(file->tail));
	file->whole = file->long_line = false;
	file->known = (struct place){0};
	file->due = 0;
}

struct place file_place(const struct file *file)
{
	if (file->whole && file->known.whole)
		return file->known;
	return (struct place){
		.whole = file->whole,
		.key = identity_key(file->is.device, file->is.inode),
		.offset = file->offset,
		.head = file->offset < HEAD ? bytes_hash(file->head, (size_t)file->offset) : file->head_hash,
		.tail = bytes_hash(file->tail, TAIL),
		.path = file->path,
	};
}

static bool read_at(int fd, unsigned char *bytes, size_t length, uint64_t at)
{
	while (length > 0) {
		ssize_t n = pread(fd, bytes, length, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		length -= (size_t)n;
		at += (uint64_t)n;
	}
	return true;
}

static enum same same_plain(int fd, const struct place *place, unsigned char *head, unsigned char *tail)
{
	size_t heads = place->offset < HEAD ? (size_t)place->offset : HEAD;
	size_t tails = place->offset < TAIL ? (size_t)place->offset : TAIL;

	if (!read_at(fd, head, heads, 0) || !read_at(fd, tail + TAIL - tails, tails, place->offset - tails))
		return SAME_SHORT;
	return bytes_hash(head, heads) == place->head && bytes_hash(tail, TAIL) == place->tail ? SAME_YES : SAME_NO;
}

/* Reads through a compressed file up to the place. A file whose beginning differs is left at once. */
static enum same same_compressed(struct gz *gz, const struct place *place, unsigned char *head, unsigned char *tail)
{
	struct file walker = {0};
	struct text text = {0};
	enum same same = SAME_YES;

	while (walker.offset < place->offset && same == SAME_YES) {
		uint64_t left = place->offset - walker.offset, before = walker.offset;
		enum gz_status status = gz_read(gz, &text, left < BLOCK ? (size_t)left : BLOCK);

		file_advance(&walker, text.data, text.length);
		text_clear(&text);
		if (before < HEAD && walker.offset >= HEAD && walker.head_hash != place->head)
			same = SAME_NO;
		else if (status != GZ_MORE && walker.offset < place->offset)
			same = status == GZ_SHORT ? SAME_SHORT : SAME_NO;
	}
	if (same == SAME_YES) {
		struct place end = file_place(&walker);

		same = end.head == place->head && end.tail == place->tail ? SAME_YES : SAME_NO;
	}
	memcpy(head, walker.head, HEAD);
	memcpy(tail, walker.tail, TAIL);
	text_free(&text);
	return same;
}

enum same file_same(int fd, bool compressed, const struct place *place, unsigned char head[HEAD],
                    unsigned char tail[TAIL])
{
	struct gz *gz;
	enum same same;

	memset(head, 0, HEAD);
	memset(tail, 0, TAIL);
	if (!compressed)
		return same_plain(fd, place, head, tail);
	gz = gz_new(fd);
	same = same_compressed(gz, place, head, tail);
	gz_free(gz);
	return same;
}

bool file_everything(const struct file *file, struct place *place)
{
	unsigned char head[HEAD], tail[TAIL];
	struct identity_of is;

	if (file->compressed || file->fd < 0 || !identity_fd(file->fd, &is) || is.size == 0)
		return false;
	*place = (struct place){.offset = is.size};
	if (file_same(file->fd, false, place, head, tail) == SAME_SHORT)
		return false;
	place->head = bytes_hash(head, is.size < HEAD ? (size_t)is.size : HEAD);
	place->tail = bytes_hash(tail, TAIL);
	return true;
}

/* A compressed file that had been read is not read again to see whether it is the same: its beginning has to do. */
static bool resume_whole(struct file *file, const struct place *place)
{
	struct place start = {.offset = place->offset < HEAD ? place->offset : HEAD, .head = place->head};
	struct gz *gz = gz_new(file->fd);
	struct text text = {0};
	bool same;

	gz_read(gz, &text, (size_t)start.offset);
	same = text.length == start.offset && bytes_hash((const unsigned char *)text.data, text.length) == start.head;
	text_free(&text);
	gz_free(gz);
	file->whole = same;
	if (same)
		file->known = *place;
	return same;
}

bool file_resume(struct file *file, const struct place *place)
{
	if (place->whole && file->compressed)
		return resume_whole(file, place);
	if (file_same(file->fd, file->compressed, place, file->head, file->tail) != SAME_YES) {
		file_rewind(file);
		return false;
	}
	file->offset = place->offset;
	if (file->offset >= HEAD)
		file->head_hash = place->head;
	return true;
}

/* Where the last line begins that has no end yet. */
static uint64_t behind_last_line(int fd, uint64_t size)
{
	enum { STEP = 4096 };
	unsigned char block[STEP];

	for (uint64_t at = size; at > 0;) {
		size_t length = at < STEP ? (size_t)at : STEP;
		const unsigned char *newline;

		at -= length;
		if (!read_at(fd, block, length, at))
			return size;
		newline = memrchr(block, '\n', length);
		if (newline)
			return at + (uint64_t)(newline - block) + 1;
	}
	return 0;
}

void file_to_end(struct file *file)
{
	struct place end = {.offset = behind_last_line(file->fd, file->is.size)};

	if (file->compressed) {
		file->whole = true;
		file->known = (struct place){.key = identity_key(file->is.device, file->is.inode), .whole = true};
		file->known.head = bytes_hash(file->head, 0);
		return;
	}
	file_same(file->fd, false, &end, file->head, file->tail);
	file->offset = end.offset;
	if (file->offset >= HEAD)
		file->head_hash = bytes_hash(file->head, HEAD);
}
