// with: cmd/flow/journal/journal.c cmd/flow/journal/journal_open.c cmd/flow/journal/journal_reader.c cmd/flow/journal/journal_segment.c cmd/flow/journal/crc32c.c
/*
 * journal: what is found after a cut at any byte, after a flipped bit, after a kill -9 of who writes it: whole
 * records, in order, all but those that are damaged, and how many bytes those were.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cmd/flow/journal/journal_segment.h"
#include "common/text.h"
#include "test/unit/journal_kit.h"

enum { FILES = 16 };

/* The files of a journal, in memory, to be put back after they were damaged. */
struct image {
	size_t count;
	struct {
		char name[64];
		uint64_t ordinal; /* 0: not a segment */
		char *bytes;
		size_t length;
	} files[FILES];
};

static void write_file(const struct kit *kit, const char *name, const char *bytes, size_t length)
{
	char path[PATH_MAX + 70];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", kit->directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length || close(fd) < 0)
		fail("cannot write '%s':", path);
}

/* All files but the reserve. */
static void image_take(struct image *image, const struct kit *kit)
{
	DIR *directory = opendir(kit->directory);
	const struct dirent *entry;

	*image = (struct image){0};
	while ((entry = readdir(directory))) {
		struct text text = {0};
		int fd;

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "reserve") == 0)
			continue;
		fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || image->count == FILES || text_add_file(&text, fd, 1 << 20) != 0)
			fail("cannot read '%s':", entry->d_name);
		close(fd);
		snprintf(image->files[image->count].name, sizeof(image->files[0].name), "%.60s", entry->d_name);
		if (!journal_name_read(entry->d_name, &image->files[image->count].ordinal))
			image->files[image->count].ordinal = 0;
		image->files[image->count].length = text.length;
		image->files[image->count++].bytes = text_detach(&text);
	}
	closedir(directory);
}

static void image_put(const struct image *image, const struct kit *kit)
{
	kit_empty(kit->directory);
	for (size_t i = 0; i < image->count; i++)
		write_file(kit, image->files[i].name, image->files[i].bytes, image->files[i].length);
}

static void image_free(struct image *image)
{
	for (size_t i = 0; i < image->count; i++)
		free(image->files[i].bytes);
}

/* Makes a journal of some events; places holds where each one is, and behind them where the last one ends. */
static void make(struct kit *kit, const char *directory, size_t longest, uint64_t segment_size, size_t count,
                 struct journal_place *places)
{
	kit_init(kit, directory, longest);
	kit->settings.segment_size = segment_size;
	if (kit_open(kit) < 0)
		fail("cannot open a journal:");
	for (size_t i = 0; i < count; i++)
		kit_append(kit, &places[i]);
	places[count] = journal_end(&kit->journal);
	journal_close(&kit->journal);
}

/* One segment is cut at each byte; the events in front of the cut are found, and appending goes on behind them. */
static void test_cuts(struct tap *tap, const char *directory)
{
	enum { COUNT = 20 };
	struct journal_place places[COUNT + 1], place;
	size_t clean = 0, again = 0, behind = 0, length;
	struct image image;
	struct kit kit;

	make(&kit, directory, 100, 0, COUNT, places);
	image_take(&image, &kit);
	length = places[COUNT].offset;
	for (size_t cut = 0; cut <= length; cut++) {
		size_t whole = 0;

		image_put(&image, &kit);
		for (size_t i = 0; i < image.count; i++) {
			if (image.files[i].ordinal == 1)
				write_file(&kit, image.files[i].name, image.files[i].bytes, cut);
		}
		while (whole < COUNT && places[whole + 1].offset <= cut)
			whole++;
		kit.appended = whole;
		clean += kit_open(&kit) == 0 && kit.events == whole && kit.missing == 0 && !kit.wrong &&
		         kit.journal.damage.count == 0;
		behind += kit_append(&kit, &place) == 0 && place.segment == 2;
		journal_close(&kit.journal);
		/* The cut is behind us: it is known to be no damage. */
		again += kit_open(&kit) == 0 && kit.events == whole + 1 && kit.missing == 0 && !kit.wrong &&
		         kit.journal.damage.count == 0 && kit.journal.torn == 0 && kit_all(&kit, 0);
		journal_close(&kit.journal);
	}
	tap_ok(tap, clean == length + 1, "cut at %zu of %zu bytes: what is in front of it is found", clean, length + 1);
	tap_ok(tap, behind == length + 1, "… and appending goes on in a new segment");
	tap_ok(tap, again == length + 1, "… and so does recovery");
	image_free(&image);
	kit_free(&kit);
}

/* Flips a bit of a file, and looks at what is found then: no event but the one that it is in is missing. */
static bool flip(struct kit *kit, const struct image *image, const struct journal_place *places, size_t count,
                 uint64_t random)
{
	size_t file = random % image->count, at = (random >> 8) % image->files[file].length, hit = count;
	struct journal_place place = {image->files[file].ordinal, at};
	char *byte = image->files[file].bytes + at;
	bool right, reported;

	*byte ^= (char)(1 << (random >> 60) % 8);
	image_put(image, kit);
	*byte ^= (char)(1 << (random >> 60) % 8);
	for (size_t i = 0; i < count; i++) {
		struct journal_place end = {places[i].segment, places[i].offset + sizeof(struct journal_frame) +
		                                                       kit_fill(kit, i, kit->bytes)};

		if (journal_compare(places[i], place) <= 0 && journal_compare(place, end) < 0)
			hit = i;
	}
	kit->appended = 0;
	right = kit_open(kit) == 0 && !kit->wrong && kit->events == count - (hit < count);
	reported = kit->journal.damage.count > 0 || kit->journal.torn > 0;
	if (hit < count)
		right = right && reported && kit->journal.damage.bytes + kit->journal.torn < 1000 &&
		        (kit->journal.torn > 0 || journal_compare(kit->journal.damage.first, places[hit]) == 0);
	if (place.segment == 0)
		right = right && !reported;
	kit->expected = 0;
	journal_close(&kit->journal);
	return right;
}

static void test_flips(struct tap *tap, const char *directory)
{
	enum { COUNT = 100, FLIPS = 1000 };
	struct journal_place places[COUNT + 1];
	uint64_t state = 42;
	size_t right = 0;
	struct image image;
	struct kit kit;

	make(&kit, directory, 300, 4000, COUNT, places);
	image_take(&image, &kit);
	for (int i = 0; i < FLIPS; i++)
		right += flip(&kit, &image, places, COUNT, kit_random(&state));
	tap_ok(tap, right == FLIPS, "%zu of %d bits flipped: one event is missing, and it is said where", right, FLIPS);
	image_free(&image);
	kit_free(&kit);
}

/* Damages length bytes at a place. */
static void scribble(const struct kit *kit, struct journal_place place, const char *bytes, size_t length)
{
	char name[JOURNAL_NAME], path[PATH_MAX + 70];
	int fd;

	journal_name(name, place.segment);
	snprintf(path, sizeof(path), "%s/%s", kit->directory, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, bytes, length, (off_t)place.offset) != (ssize_t)length || close(fd) < 0)
		fail("cannot write '%s':", path);
}

static void test_damage(struct tap *tap, const char *directory)
{
	enum { COUNT = 100 };
	struct journal_place places[COUNT + 1], last = {0, 0};
	struct journal_reader reader;
	struct journal_record record;
	char zeros[700] = "", path[PATH_MAX + 70];
	uint64_t events = 0, bytes, checkpoints;
	struct kit kit;

	make(&kit, directory, 300, 4000, COUNT, places);
	bytes = places[13].offset - places[10].offset;
	tap_ok(tap, places[10].segment == places[13].segment, "three events in one segment");
	scribble(&kit, places[10], zeros, bytes);
	tap_ok(tap, kit_open(&kit) == 0 && kit.events == COUNT - 3 && kit.missing == 3 && !kit.wrong,
	       "without them, the others are found");
	tap_ok(tap,
	       kit.journal.damage.count == 1 && kit.journal.damage.bytes == bytes &&
	               journal_compare(kit.journal.damage.first, places[10]) == 0,
	       "and it is said what is missing");
	/* Behind the journal's back, where a reader has not been yet. */
	scribble(&kit, places[50], zeros, 5);
	journal_reader_init(&reader, &kit.journal, places[13]);
	while (journal_reader_next(&reader, &record) > 0)
		events += record.kind == KIT_EVENT;
	tap_ok(tap,
	       events == COUNT - 14 && reader.damage.count == 1 &&
	               journal_compare(reader.damage.first, places[50]) == 0,
	       "a reader says it of what happens later");
	journal_reader_free(&reader);
	journal_close(&kit.journal);
	/* The last event of a segment that was left in order. */
	for (size_t i = 0; places[i].segment <= 2; i++)
		last = places[i];
	scribble(&kit, (struct journal_place){last.segment, last.offset + 4}, "XY", 2);
	checkpoints = kit.checkpoints;
	tap_ok(tap, kit_open(&kit) == 0 && kit.events == COUNT - 5 && kit.missing == 5 && !kit.wrong,
	       "the last one of a segment is missing");
	tap_ok(tap, kit.journal.damage.count == 3 && kit.checkpoints == checkpoints + 1 && kit.journal.torn == 0,
	       "which is damage too");
	journal_close(&kit.journal);
	snprintf(path, sizeof(path), "%s/0000000003.journal", kit.directory);
	unlink(path);
	/* With it went one that was there already. */
	tap_ok(tap, kit_open(&kit) == 0 && kit.journal.damage.count == 3 && !kit.wrong, "so is a missing segment");
	journal_close(&kit.journal);
	kit_free(&kit);
}

/* A record that holds whole records of the same journal, and of another one; then its frame is damaged. */
static void test_inside(struct tap *tap, const char *directory)
{
	enum { COUNT = 10 };
	struct journal_place places[COUNT + 1], place;
	struct image image, other;
	struct iovec parts[2];
	struct kit kit;

	make(&kit, directory, 100, 0, COUNT, places);
	image_take(&other, &kit);
	kit_free(&kit);
	make(&kit, directory, 100, 0, COUNT, places);
	image_take(&image, &kit);
	kit_open(&kit);
	for (size_t i = 0; i < image.count; i++) {
		if (image.files[i].ordinal == 1)
			parts[0] = (struct iovec){image.files[i].bytes, image.files[i].length};
		if (other.files[i].ordinal == 1)
			parts[1] = (struct iovec){other.files[i].bytes, other.files[i].length};
	}
	tap_ok(tap, journal_append(&kit.journal, KIT_EVENT, 0, parts, 2, &place) == 0, "records in a record");
	kit_append(&kit, NULL);
	journal_close(&kit.journal);
	scribble(&kit, place, "\xff\xff", 2);
	tap_ok(tap, kit_open(&kit) == 0 && kit.events == COUNT + 1 && !kit.wrong && kit.journal.damage.count == 1,
	       "are not found when it is damaged");
	journal_close(&kit.journal);
	/* The same file in the place of another one, or of another journal. */
	write_file(&kit, "0000000009.journal", parts[0].iov_base, parts[0].iov_len);
	write_file(&kit, "0000000010.journal", parts[1].iov_base, parts[1].iov_len);
	tap_ok(tap, kit_open(&kit) == 0 && kit.events == COUNT + 1 && !kit.wrong, "nor in a copy of a segment");
	tap_ok(tap, journal_end(&kit.journal).segment == 11, "whose ordinal is taken all the same");
	journal_close(&kit.journal);
	write_file(&kit, "0000000001.journal", parts[1].iov_base, parts[1].iov_len);
	tap_ok(tap, kit_open(&kit) == 0 && kit.events == 1 && kit.journal.damage.count > 1,
	       "nor in a segment of another journal with the same name");
	journal_close(&kit.journal);
	image_free(&image);
	image_free(&other);
	kit_free(&kit);
}

static void test_others(struct tap *tap, const char *directory)
{
	struct journal_head head = {.ordinal = 1, .identity = 1};
	struct journal_place places[11];
	struct crc32c crc32c;
	struct image image;
	char zeros[10000] = "";
	struct kit kit;

	make(&kit, directory, 100, 0, 10, places);
	image_take(&image, &kit);
	/* After a power cut a file may have grown, but not have got its bytes. */
	scribble(&kit, places[10], zeros, sizeof(zeros));
	tap_ok(tap,
	       kit_open(&kit) == 0 && kit.events == 10 && kit.journal.damage.count == 0 &&
	               kit.journal.torn == sizeof(zeros),
	       "zeros at the end are nothing");
	journal_close(&kit.journal);
	image_put(&image, &kit);
	write_file(&kit, "0000000002.journal", zeros, sizeof(zeros));
	for (int i = 0; i < 2; i++) {
		tap_ok(tap, kit_open(&kit) == 0 && kit.events == 10 && kit.journal.damage.count == 0,
		       "nor is a segment of zeros");
		tap_ok(tap, (kit.journal.torn > 0) == (i == 0), "which is the newest one only once");
		journal_close(&kit.journal);
	}
	image_put(&image, &kit);
	scribble(&kit, (struct journal_place){1, 0}, "\xff\xff", 2);
	tap_ok(tap, kit_open(&kit) == 0 && kit.events == 10 && kit.journal.damage.count == 1,
	       "nor is a damaged head the end of its segment");
	journal_close(&kit.journal);
	image_put(&image, &kit);
	write_file(&kit, "lock", "", 0);
	write_file(&kit, "7.journal", "x", 1);
	write_file(&kit, "0000000000.journal", "x", 1);
	tap_ok(tap, kit_open(&kit) == 0 && kit.events == 10 && kit.journal.damage.count == 0,
	       "an empty lock does no harm");
	journal_close(&kit.journal);
	crc32c_init(&crc32c);
	journal_head_seal(&crc32c, &head);
	head.version++;
	head.checksum = 0;
	head.checksum = crc32c_add(&crc32c, 0, &head, sizeof(head));
	write_file(&kit, "0000000003.journal", (const char *)&head, sizeof(head));
	tap_ok(tap, kit_open(&kit) < 0 && errno == ENOTSUP, "another version is not read");
	image_free(&image);
	kit_free(&kit);
}

/* Appends for ever, and says how many are in the journal; from time to time what is old is released. */
_Noreturn static void writer(struct kit *kit, _Atomic uint64_t *appended)
{
	if (kit_open(kit) < 0)
		_exit(1);
	for (;;) {
		if (kit_append(kit, NULL) < 0 || kit->appended > 1000000)
			_exit(1);
		*appended = kit->appended;
		if (kit->appended % 500 == 0)
			journal_release(&kit->journal, journal_end(&kit->journal).segment);
	}
}

static void test_kills(struct tap *tap, const char *directory)
{
	enum { KILLS = 200 };
	_Atomic uint64_t *appended =
		mmap(NULL, sizeof(*appended), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size_t right = 0, alive = 0;
	uint64_t state = 4711;
	struct kit kit;

	fflush(stdout);
	kit_init(&kit, directory, 4000);
	kit.settings.segment_size = 100000;
	for (int i = 0; i < KILLS; i++) {
		uint64_t goal = *appended + kit_random(&state) % 200;
		pid_t pid = fork();
		int status = 0;

		if (pid == 0)
			writer(&kit, appended);
		while (*appended < goal && waitpid(pid, &status, WNOHANG) == 0)
			sched_yield();
		kill(pid, SIGKILL);
		alive += waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
		/* It may have written one more than it could say. */
		right += kit_open(&kit) == 0 && !kit.wrong && kit.missing == 0 && kit.journal.damage.count == 0 &&
		         (kit.expected == *appended || kit.expected == *appended + 1);
		*appended = kit.appended;
		journal_close(&kit.journal);
	}
	tap_ok(tap, alive == KILLS, "%zu of %d times a writer was killed", alive, KILLS);
	tap_ok(tap, right == KILLS, "%zu of %d times all is there that was appended: %d events", right, KILLS,
	       (int)kit.appended);
	munmap(appended, sizeof(*appended));
	kit_free(&kit);
}

int main(void)
{
	char directory[] = "/tmp/journal.XXXXXX";
	struct tap tap = {0};

	if (!mkdtemp(directory))
		fail("cannot make a directory:");
	test_cuts(&tap, directory);
	test_flips(&tap, directory);
	test_damage(&tap, directory);
	test_inside(&tap, directory);
	test_others(&tap, directory);
	test_kills(&tap, directory);
	rmdir(directory);
	return tap_end(&tap);
}
