// with: cmd/flow/journal/journal.c cmd/flow/journal/journal_open.c cmd/flow/journal/journal_reader.c cmd/flow/journal/journal_segment.c cmd/flow/journal/crc32c.c
/*
 * journal: what is appended is read, in order, while there is room and when there is none; what was released is gone.
 * journal_damage.c is about what happens to it when processes, disks and machines fail.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "common/moment.h"
#include "common/unit.h"
#include "test/unit/journal_kit.h"

static void test_checksum(struct tap *tap)
{
	struct crc32c hardware, tables;
	unsigned char bytes[300];
	uint64_t state = 1;
	bool same = true;

	crc32c_init(&hardware);
	tables = hardware;
	tables.hardware = false;
	tap_ok(tap, crc32c_add(&hardware, 0, "123456789", 9) == 0xe3069283, "the check value");
	tap_ok(tap, crc32c_add(&tables, 0, "123456789", 9) == 0xe3069283, "… by tables");
	tap_ok(tap, crc32c_add(&tables, crc32c_add(&tables, 0, "1234", 4), "56789", 5) == 0xe3069283, "… in two parts");
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)kit_random(&state);
	for (size_t from = 0; from < 16; from++) {
		for (size_t to = from; to < sizeof(bytes); to++)
			same = same && crc32c_add(&hardware, 7, bytes + from, to - from) ==
			                       crc32c_add(&tables, 7, bytes + from, to - from);
	}
	tap_ok(tap, same, "hardware and tables agree");
}

/* Records of exactly this length, of which the longest ones need a segment of their own. */
static void test_sizes(struct tap *tap, const char *directory)
{
	static const size_t sizes[] = {0, 1, 7, 8, 9, 4079, 4080, 4081, 65536, 262127, 262128, 262144, 16 << 20, 3, 0};
	enum { COUNT = sizeof(sizes) / sizeof(*sizes) };
	struct journal_place places[COUNT], at;
	char *bytes = xmalloc(16 << 20);
	struct journal_reader reader;
	struct journal_record record;
	bool right = true;
	struct kit kit;

	kit_init(&kit, directory, 0);
	kit.settings.segment_size = 300000;
	kit.settings.begun = NULL;
	kit.settings.found = NULL;
	tap_ok(tap, kit_open(&kit) == 0, "opened");
	for (size_t i = 0; i < COUNT; i++) {
		struct iovec part = {memset(bytes, (int)i + 1, sizes[i]), sizes[i]};

		right = right && journal_append(&kit.journal, (uint16_t)i, (uint16_t)~i, &part, 1, &places[i]) == 0;
	}
	tap_ok(tap, right, "appended records of 0 bytes to 16 MiB");
	for (int again = 0; again < 2; again++) {
		journal_reader_init(&reader, &kit.journal, journal_first(&kit.journal));
		for (size_t i = 0; i < COUNT; i++) {
			right = right && journal_reader_next(&reader, &record) == 1 && record.kind == i &&
			        record.who == (uint16_t)~i && record.length == sizes[i] &&
			        journal_compare(record.place, places[i]) == 0 &&
			        journal_compare(record.next, reader.place) == 0;
			memset(bytes, (int)i + 1, sizes[i]);
			right = right && memcmp(bytes, record.bytes, sizes[i]) == 0;
		}
		tap_ok(tap, right, "they are read, with their places");
		tap_ok(tap, journal_reader_next(&reader, &record) == 0, "then comes the end");
		at = reader.place;
		reader.place = places[9];
		tap_ok(tap, journal_reader_next(&reader, &record) == 1 && record.length == sizes[9],
		       "any place can be gone to");
		journal_reader_free(&reader);
		journal_close(&kit.journal);
		tap_ok(tap, kit_open(&kit) == 0 && journal_compare(journal_end(&kit.journal), at) > 0, "opened again");
	}
	right = journal_append(&kit.journal, 0, 0, &(struct iovec){bytes, (size_t)JOURNAL_LENGTH + 1}, 1, NULL) < 0;
	tap_ok(tap, right && errno == EMSGSIZE, "no record is longer than it may");
	journal_close(&kit.journal);
	kit_free(&kit);
	free(bytes);
}

static void test_segments(struct tap *tap, const char *directory)
{
	struct journal_reader slow, quick;
	struct journal_record record;
	struct journal_place place;
	struct stat status;
	char name[PATH_MAX + 30];
	bool right = true;
	uint64_t behind;
	struct kit kit;

	kit_init(&kit, directory, 1000);
	kit.settings.segment_size = 10000;
	kit.settings.policy = JOURNAL_ALWAYS;
	tap_ok(tap, kit_open(&kit) == 0 && kit.begun == 1, "the first segment is begun at once");
	tap_ok(tap, stat(kit.directory, &status) == 0 && (status.st_mode & 0777) == 0700, "its directory is private");
	journal_reader_init(&slow, &kit.journal, (struct journal_place){0, 0});
	journal_reader_init(&quick, &kit.journal, journal_end(&kit.journal));
	tap_ok(tap, journal_reader_next(&slow, &record) == 1 && record.kind == KIT_CHECKPOINT,
	       "the checkpoint is there");
	for (int i = 0; i < 200; i++) {
		right = right && journal_reader_next(&quick, &record) == 0;
		right = right && kit_append(&kit, &place) == 0 && journal_reader_next(&quick, &record) == 1;
		if (record.kind == KIT_CHECKPOINT)
			right = right && journal_reader_next(&quick, &record) == 1;
		right = right && kit_same(&kit, &record, (uint64_t)i);
	}
	tap_ok(tap, right, "a reader follows what is appended");
	tap_ok(tap, kit.begun > 9 && kit.begun < 15 && place.segment == kit.begun, "%d segments", (int)kit.begun);
	tap_ok(tap, kit_all(&kit, 0), "another one reads all");
	tap_ok(tap, journal_reader_next(&slow, &record) == 1 && kit_same(&kit, &record, 0),
	       "a slow one is where it was");
	snprintf(name, sizeof(name), "%s/0000000005.journal", kit.directory);
	tap_ok(tap, journal_size(&kit.journal) > 90000 && stat(name, &status) == 0, "the fifth segment");
	tap_ok(tap, journal_release(&kit.journal, 6) == 0 && stat(name, &status) < 0, "… can be released");
	behind = journal_size(&kit.journal);
	tap_ok(tap, behind < 90000 && journal_first(&kit.journal).segment == 6, "… and takes no room then");
	tap_ok(tap, journal_reader_next(&slow, &record) == 1 && record.place.segment == 6,
	       "a reader goes on with what there is");
	tap_ok(tap, slow.damage.count == 0, "… which is no damage");
	tap_ok(tap,
	       journal_release(&kit.journal, UINT64_MAX) == 0 && journal_first(&kit.journal).segment == place.segment,
	       "the newest one is never released");
	journal_reader_free(&slow);
	journal_reader_free(&quick);
	journal_close(&kit.journal);
	tap_ok(tap, kit_open(&kit) == 0 && !kit.wrong && kit.expected == 200, "the rest is found");
	tap_ok(tap, kit_append(&kit, &place) == 0 && place.segment == journal_end(&kit.journal).segment, "and goes on");
	journal_close(&kit.journal);
	kit_free(&kit);
}

static void test_owner(struct tap *tap, const char *directory)
{
	struct kit kit, other;

	kit_init(&kit, directory, 100);
	other = kit;
	tap_ok(tap, kit_open(&kit) == 0, "one owner");
	other.settings.context = &other;
	tap_ok(tap, kit_open(&other) < 0 && errno == EWOULDBLOCK && other.begun == 0, "no second one");
	journal_close(&kit.journal);
	tap_ok(tap, kit_open(&other) == 0, "but one after the other");
	journal_close(&other.journal);
	snprintf(other.directory, sizeof(other.directory), "%s/no/such", directory);
	other.settings.directory = other.directory;
	tap_ok(tap, kit_open(&other) < 0 && errno == ENOENT, "not without a parent");
	kit_free(&kit);
}

static void test_sync(struct tap *tap, const char *directory)
{
	struct journal_place first, place, last = {0, 0};
	struct kit kit;
	int64_t now;
	int null;

	kit_init(&kit, directory, 1000);
	kit.settings.policy = JOURNAL_INTERVAL;
	kit.settings.interval = UNIT_MINUTE;
	kit.settings.segment_size = 20000;
	tap_ok(tap, kit_open(&kit) == 0 && journal_sync(&kit.journal) == 0, "opened and synced");
	now = moment_now();
	tap_ok(tap, journal_due(&kit.journal, now + UNIT_HOUR) == -1, "then nothing is due");
	tap_ok(tap, kit_append(&kit, &first) == 0 && !journal_synced(&kit.journal, first), "a record is not on disk");
	tap_ok(tap, journal_due(&kit.journal, now) >= UNIT_MINUTE, "in a minute it should be");
	tap_ok(tap, journal_due(&kit.journal, moment_now() + UNIT_MINUTE) == 0, "now it should be");
	tap_ok(tap, journal_sync(&kit.journal) == 0 && journal_synced(&kit.journal, first), "now it is");
	for (place = first; place.segment == first.segment; kit_append(&kit, &place))
		last = place;
	tap_ok(tap, !journal_synced(&kit.journal, place), "the first of a segment is not on disk");
	tap_ok(tap, last.offset > first.offset && journal_synced(&kit.journal, last), "but all of the one left behind");
	/* fdatasync says EINVAL of this one: an error as any other. */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	kit_append(&kit, &place);
	dup2(null, kit.journal.fd);
	close(null);
	tap_ok(tap, journal_sync(&kit.journal) < 0 && errno == EINVAL, "a sync fails");
	tap_ok(tap, journal_sync(&kit.journal) < 0 && !journal_synced(&kit.journal, place), "… for good");
	tap_ok(tap, kit_append(&kit, NULL) < 0 && errno == EINVAL && journal_turn(&kit.journal) < 0, "… and for all");
	tap_ok(tap, journal_release(&kit.journal, UINT64_MAX) < 0, "… so that nothing is released");
	journal_close(&kit.journal);
	kit.settings.policy = JOURNAL_ALWAYS;
	tap_ok(tap, kit_open(&kit) == 0 && kit.expected == kit.appended && kit.missing == 0, "opened again");
	tap_ok(tap, kit_append(&kit, &place) == 0 && journal_due(&kit.journal, 0) == 0, "always is at once");
	journal_close(&kit.journal);
	kit.settings.policy = JOURNAL_NEVER;
	tap_ok(tap,
	       kit_open(&kit) == 0 && kit_append(&kit, &place) == 0 && journal_due(&kit.journal, 0) == -1 &&
	               journal_synced(&kit.journal, place),
	       "never is never");
	journal_close(&kit.journal);
	kit_free(&kit);
}

/* Appends until there is no room: whether it ends with ENOSPC, and behind it a whole number of records. */
static bool fill_up(struct kit *kit)
{
	struct journal_place end = journal_end(&kit->journal);
	uint64_t size = journal_size(&kit->journal);

	while (kit_append(kit, NULL) == 0) {
		end = journal_end(&kit->journal);
		size = journal_size(&kit->journal);
	}
	return errno == ENOSPC && journal_compare(end, journal_end(&kit->journal)) == 0 &&
	       size == journal_size(&kit->journal);
}

/* The journal is full; then all of it is released. */
static void check_full(struct tap *tap, struct kit *kit, const char *what)
{
	uint64_t first;
	bool right = true;

	tap_ok(tap, fill_up(kit), "%s: full", what);
	tap_ok(tap, kit_all(kit, 0), "%s: all of it is there", what);
	for (int i = 0; i < 10; i++)
		right = right && kit_append(kit, NULL) < 0 && errno == ENOSPC;
	tap_ok(tap, right, "%s: and it stays full", what);
	first = kit->appended;
	tap_ok(tap, journal_turn(&kit->journal) == 0, "%s: a checkpoint has room", what);
	tap_ok(tap, journal_release(&kit->journal, UINT64_MAX) == 0, "%s: the rest is released", what);
	tap_ok(tap, kit_append(kit, NULL) == 0, "%s: now there is room", what);
	tap_ok(tap, fill_up(kit) && kit_all(kit, first), "%s: and it is filled again", what);
	journal_close(&kit->journal);
	tap_ok(tap, kit_open(kit) == 0 && kit->expected == kit->appended && !kit->wrong && kit->missing == 0,
	       "%s: and found whole", what);
	tap_ok(tap, kit->journal.damage.count == 0 && kit->journal.torn == 0, "%s: with nothing torn", what);
}

static void test_quota(struct tap *tap, const char *directory)
{
	struct kit kit;

	kit_init(&kit, directory, 1000);
	kit.settings.segment_size = 10000;
	kit.settings.quota = 100000;
	kit_open(&kit);
	check_full(tap, &kit, "quota");
	tap_ok(tap, journal_size(&kit.journal) <= 100000, "no more than allowed");
	kit.settings.quota = journal_size(&kit.journal);
	journal_close(&kit.journal);
	tap_ok(tap, kit_open(&kit) == 0 && kit.begun == 0, "opened when there is not even room for a checkpoint");
	tap_ok(tap, kit_append(&kit, NULL) < 0 && errno == ENOSPC, "nor for anything else");
	tap_ok(tap, journal_turn(&kit.journal) == 0 && kit.begun == 1, "but for that there is");
	journal_close(&kit.journal);
	kit_free(&kit);
}

/* No file may be longer than this: a short write first, then EFBIG. */
static void test_file_limit(struct tap *tap, const char *directory)
{
	struct rlimit before, limit;
	struct kit kit;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 100001;
	setrlimit(RLIMIT_FSIZE, &limit);
	kit_init(&kit, directory, 3000);
	kit_open(&kit);
	check_full(tap, &kit, "file limit");
	journal_close(&kit.journal);
	kit_free(&kit);
	setrlimit(RLIMIT_FSIZE, &before);
}

/* A descriptor that cannot be written to, nor be cut: the segment is left behind as it is. */
static void test_abandoned(struct tap *tap, const char *directory)
{
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);
	uint64_t segment;
	struct kit kit;

	kit_init(&kit, directory, 100);
	kit_open(&kit);
	for (int i = 0; i < 10; i++)
		kit_append(&kit, NULL);
	segment = journal_end(&kit.journal).segment;
	dup2(full, kit.journal.fd);
	close(full);
	tap_ok(tap, kit_append(&kit, NULL) < 0 && errno == ENOSPC, "an append fails, and so does cutting it off");
	tap_ok(tap, kit_append(&kit, NULL) == 0 && journal_end(&kit.journal).segment == segment + 1,
	       "the next one is in a new segment");
	tap_ok(tap, kit_all(&kit, 0), "all are there");
	kit.refuse = ECANCELED;
	tap_ok(tap, journal_turn(&kit.journal) < 0 && errno == ECANCELED, "no segment without a checkpoint");
	tap_ok(tap, kit_append(&kit, NULL) == 0 && journal_end(&kit.journal).segment == segment + 1, "as before it");
	kit.refuse = 0;
	tap_ok(tap, journal_turn(&kit.journal) == 0 && journal_end(&kit.journal).segment == segment + 3,
	       "no ordinal comes twice");
	tap_ok(tap, kit_append(&kit, NULL) == 0 && kit_all(&kit, 0), "all are there");
	journal_close(&kit.journal);
	tap_ok(tap, kit_open(&kit) == 0 && kit.expected == 13 && kit.missing == 0 && kit.journal.damage.count == 0,
	       "and are found");
	journal_close(&kit.journal);
	kit_free(&kit);
}

/* Takes all the room that is left. */
static void fill_disk(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char block[512] = "";

	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

static bool mount_small(const char *directory)
{
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", directory, "tmpfs", 0, "size=1m") == 0;
}

/* One segment fills a small disk alone, so it can be got rid of by the reserve only. */
static void test_disk_full(struct tap *tap, const char *directory)
{
	char filler[PATH_MAX];
	struct kit kit;
	bool right;

	if (!mount_small(directory)) {
		tap_ok(tap, true, "a full disk: skipped, as a small one cannot be mounted");
		return;
	}
	snprintf(filler, sizeof(filler), "%s/filler", directory);
	kit_init(&kit, directory, 10000);
	kit.settings.policy = JOURNAL_ALWAYS;
	kit_open(&kit);
	check_full(tap, &kit, "disk");
	journal_turn(&kit.journal);
	journal_release(&kit.journal, UINT64_MAX);
	kit_append(&kit, NULL);
	fill_disk(filler);
	journal_close(&kit.journal);
	tap_ok(tap, kit_open(&kit) == 0 && kit.expected == kit.appended && kit.missing == 0, "opened on a full disk");
	right = kit_append(&kit, NULL) < 0 && errno == ENOSPC;
	tap_ok(tap, right, "which it cannot be appended to");
	unlink(filler);
	tap_ok(tap, kit_append(&kit, NULL) == 0, "until there is room");
	journal_close(&kit.journal);
	tap_ok(tap, kit_open(&kit) == 0 && kit.expected == kit.appended && kit.missing == 0 && kit.journal.torn == 0,
	       "then it goes on");
	journal_close(&kit.journal);
	kit_free(&kit);
	umount(directory);
}

/* How fast it is, for the reader of the test's output. */
static void measure(const char *directory, size_t length, const char *unit)
{
	struct journal_reader reader;
	struct journal_record record;
	char *bytes = xcalloc(1, length);
	struct iovec part = {bytes, length};
	uint64_t total = 128 << 20, read = 0;
	int64_t start, middle, end;
	struct kit kit;

	kit_init(&kit, directory, 100);
	kit_open(&kit);
	start = moment_now();
	for (uint64_t done = 0; done < total; done += length)
		journal_append(&kit.journal, KIT_EVENT, 0, &part, 1, NULL);
	middle = moment_now();
	journal_reader_init(&reader, &kit.journal, journal_first(&kit.journal));
	while (journal_reader_next(&reader, &record) > 0)
		read += record.length;
	end = moment_now();
	journal_reader_free(&reader);
	journal_close(&kit.journal);
	kit_free(&kit);
	free(bytes);
	printf("# records of %s: append %.0f MB/s, read %.0f MB/s\n", unit,
	       (double)total * 1e3 / (double)(middle - start), (double)read * 1e3 / (double)(end - middle));
}

static void measure_checksum(void)
{
	char *bytes = xcalloc(1, 64 << 20);
	uint32_t sum = 0;
	struct crc32c crc32c;
	int64_t start, middle;

	crc32c_init(&crc32c);
	start = moment_now();
	sum = crc32c_add(&crc32c, sum, bytes, 64 << 20);
	middle = moment_now();
	crc32c.hardware = false;
	sum = crc32c_add(&crc32c, sum, bytes, 64 << 20);
	printf("# checksum %08x: %.0f MB/s, by tables %.0f MB/s\n", sum, 67108864e3 / (double)(middle - start),
	       67108864e3 / (double)(moment_now() - middle));
	free(bytes);
}

int main(void)
{
	char directory[] = "/tmp/journal.XXXXXX";
	struct tap tap = {0};

	if (!mkdtemp(directory))
		fail("cannot make a directory:");
	test_checksum(&tap);
	test_sizes(&tap, directory);
	test_segments(&tap, directory);
	test_owner(&tap, directory);
	test_sync(&tap, directory);
	test_quota(&tap, directory);
	test_file_limit(&tap, directory);
	test_abandoned(&tap, directory);
	measure(directory, 100, "100 bytes");
	measure(directory, 64 << 10, "64 KiB");
	measure_checksum();
	test_disk_full(&tap, directory);
	rmdir(directory);
	return tap_end(&tap);
}
