/*
 * follow: the loop. It hears what has changed, reads a block of each file that may have more, and waits when none has.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/sources/tail/tail.h"
#include "common/moment.h"
#include "common/signals.h"
#include "common/unit.h"

enum { OTHER_DESCRIPTORS = 64 };
#define SLOW_POLL UNIT_S
#define SLACK     UNIT_S /* of clocks of file systems; files that were let go are known for longer */
#define SOON      (10 * UNIT_MS)

/* As many descriptors as this process may have. */
static size_t descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FILES;
	if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < FILES + OTHER_DESCRIPTORS + RESERVE) {
		limit.rlim_cur = limit.rlim_max < FILES + OTHER_DESCRIPTORS + RESERVE
		                         ? limit.rlim_max
		                         : FILES + OTHER_DESCRIPTORS + RESERVE;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < OTHER_DESCRIPTORS + RESERVE + 1)
		return 1;
	return limit.rlim_cur - OTHER_DESCRIPTORS - RESERVE;
}

static void set_limit(struct tail *tail)
{
	size_t most = place_most(tail);

	tail->open_limit = descriptors();
	tail->file_limit = most == SIZE_MAX ? most - RESERVE : most > 2 * RESERVE ? most - RESERVE : most;
	if (tail->once)
		return;
	if (tail->file_limit > FILES)
		tail->file_limit = FILES;
	if (tail->file_limit > tail->open_limit)
		tail->file_limit = tail->open_limit;
}

/* ---- reading ---- */

/* With --once a file may be closed until it is read. */
static bool open_again(struct tail *tail, struct file *file)
{
	struct identity_of is;

	if (file->fd >= 0)
		return true;
	file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd >= 0 && identity_fd(file->fd, &is) && is.inode == file->is.inode && is.device == file->is.device)
		return true;
	source_bad(&tail->source, NULL, 0, "cannot read '%s': %s", file->path,
	           file->fd < 0 ? strerror(errno) : "it is another file now");
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	file->at_end = true;
	return false;
}

/* Another one is to be read before. */
static bool must_wait(const struct file *file)
{
	return file->after && !file->after->at_end;
}

/* True: there is more to read. */
static bool read_file(struct tail *tail, struct file *file)
{
	bool more;

	if (!open_again(tail, file))
		return false;
	do {
		more = read_some(tail, file);
		place_save(tail, false);
	} while (more && tail->once && !must_wait(file) && !signals_stop());
	if (!more && tail->once && !file->lost && file->at_end) {
		close(file->fd);
		file->fd = -1;
	}
	return more;
}

/* Each file that may have more, once. True: something was read. */
static bool read_ready(struct tail *tail)
{
	struct file *file = tail->ready, *next;
	bool progress = false;

	tail->ready = NULL;
	tail->ready_end = &tail->ready;
	for (; file; file = next) {
		next = file->next_ready;
		file->queued = false;
		if (signals_stop() || must_wait(file)) {
			file_ready(tail, file);
			continue;
		}
		progress = true;
		if (read_file(tail, file))
			file_ready(tail, file);
	}
	return progress;
}

/* ---- what is due ---- */

static void earlier(int64_t *time, int64_t other)
{
	if (other < *time)
		*time = other;
}

/* When something is to be done with the file, if nothing happens before. */
static int64_t wake_of(const struct tail *tail, const struct file *file)
{
	int64_t wake = file->due > 0 ? file->due : INT64_MAX;

	if (file->lost)
		earlier(&wake, file->changed + tail->rotate_wait);
	return wake <= tail->now ? tail->now + SOON : wake;
}

/* Files whose time has come. */
static bool run_timers(struct tail *tail)
{
	struct file *next;
	bool progress = false;

	if (tail->now < tail->wake)
		return false;
	tail->wake = INT64_MAX;
	for (struct file *file = tail->files; file && !signals_stop(); file = next) {
		next = file->next;
		if (file->due > 0 && file->due <= tail->now && !file->queued) {
			read_due(tail, file, false);
			progress = true;
		}
		if (!scan_let_go(tail, file))
			earlier(&tail->wake, wake_of(tail, file));
	}
	return progress;
}

static int64_t poll_interval(const struct tail *tail)
{
	return tail->poll > 0 ? tail->poll : tail->slow ? SLOW_POLL : 0;
}

/* Files that no scan comes upon any more are looked at here. */
static void look(struct tail *tail)
{
	struct identity_of is;

	if (poll_interval(tail) == 0 || tail->now < tail->poll_due)
		return;
	tail->poll_due = tail->now + poll_interval(tail);
	tail->scan_due = 0;
	for (struct file *file = tail->files; file; file = file->next)
		if (file->lost && identity_fd(file->fd, &is) && is.size != file->is.size)
			file_ready(tail, file);
}

static int64_t next_time(const struct tail *tail)
{
	int64_t next = tail->wake;

	if (tail->scan_due != INT64_MAX)
		earlier(&next, tail->scan_due > tail->scan_earliest ? tail->scan_due : tail->scan_earliest);
	if (poll_interval(tail) > 0)
		earlier(&next, tail->poll_due);
	if (tail->state_open && tail->dirty)
		earlier(&next, tail->state_due);
	return next;
}

static bool is_pipe(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

/* False: nobody reads standard output any more. */
static bool wait_for_something(struct tail *tail)
{
	struct pollfd fds[] = {
		{.fd = signals_fd(), .events = POLLIN},
		{.fd = tail->inotify, .events = POLLIN},
		{.fd = is_pipe(STDOUT_FILENO) ? STDOUT_FILENO : -1},
	};
	int64_t next = next_time(tail), pause = next - moment_now();
	struct timespec timeout = {.tv_sec = pause / UNIT_S, .tv_nsec = pause % UNIT_S};

	if (pause <= 0)
		return true;
	if (ppoll(fds, 3, next == INT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
		fail("cannot wait:");
	return !(fds[2].revents & (POLLERR | POLLHUP));
}

void follow(struct tail *tail)
{
	bool reader = true;

	tail->ready_end = &tail->ready;
	tail->wake = INT64_MAX;
	place_open(tail);
	set_limit(tail);
	watch_open(tail);
	while (reader && !signals_stop()) {
		bool progress;

		/* With --once each file is looked at only once. */
		if (!tail->once || tail->scans == 0)
			tail->looked = moment_unix() - (tail->rotate_wait < SLACK ? tail->rotate_wait : SLACK);
		watch_read(tail);
		tail->now = moment_now();
		look(tail);
		if (tail->now >= tail->scan_due && tail->now >= tail->scan_earliest)
			scan(tail);
		progress = read_ready(tail);
		tail->now = moment_now();
		progress |= run_timers(tail);
		place_save(tail, false);
		if (progress)
			continue;
		if (tail->once && !tail->ready)
			break;
		source_flush(&tail->source);
		reader = wait_for_something(tail);
	}
	if (reader)
		place_close(tail);
}
