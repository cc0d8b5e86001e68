#include "common/page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy(struct page_mark *to, const struct page_mark *from)
{
	memcpy(to, from, offsetof(struct page_mark, cursor));
	if (to->cursor_length > PAGE_CURSOR)
		to->cursor_length = 0;
	memcpy(to->cursor, from->cursor, to->cursor_length);
}

/* Copies mark number `sequence`; false if it was written over meanwhile. */
static bool take(const struct page_marks *marks, uint64_t sequence, struct page_mark *mark)
{
	copy(mark, &marks->marks[sequence % PAGE_MARKS]);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&marks->sequence, memory_order_relaxed) - sequence < PAGE_MARKS - 1;
}

bool page_newest(const struct page_marks *marks, struct page_mark *mark)
{
	uint64_t sequence;

	do
		sequence = atomic_load_explicit(&marks->sequence, memory_order_acquire);
	while (sequence > 0 && !take(marks, sequence, mark));
	return sequence > 0;
}

bool page_arrived(const struct page_marks *marks, uint64_t arrived, struct page_mark *mark)
{
	uint64_t newest = atomic_load_explicit(&marks->sequence, memory_order_acquire);

	for (uint64_t sequence = newest; sequence > 0 && newest - sequence < PAGE_MARKS - 1; sequence--)
		if (take(marks, sequence, mark) && mark->out <= arrived)
			return true;
	return false;
}

void page_store(struct page_marks *marks, const struct page_mark *mark)
{
	uint64_t sequence = atomic_load_explicit(&marks->sequence, memory_order_relaxed) + 1;

	/* None of it may be seen before the number of the mark before is: see take. */
	atomic_thread_fence(memory_order_release);
	copy(&marks->marks[sequence % PAGE_MARKS], mark);
	atomic_store_explicit(&marks->sequence, sequence, memory_order_release);
}

static bool is_it(int fd, unsigned long long device, unsigned long long inode)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

static void keep_to_ourselves(const struct page *page)
{
	const int fds[] = {page->bell, page->manager, page->in_fd, page->out_fd, page->in_bell};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] > STDERR_FILENO)
			fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < RING_READERS; i++)
		if (page->out_bells[i] > STDERR_FILENO)
			fcntl(page->out_bells[i], F_SETFD, FD_CLOEXEC);
}

struct page *page_attach(void)
{
	const char *variable = getenv("PYPE_STAGE");
	unsigned long long device_in, inode_in, device_out, inode_out;
	struct page *page;
	int fd, length;

	if (!variable ||
	    sscanf(variable, "%d:%llu.%llu:%llu.%llu%n", &fd, &device_in, &inode_in, &device_out, &inode_out,
	           &length) != 5 ||
	    variable[length] != '\0' || !is_it(STDIN_FILENO, device_in, inode_in) ||
	    !is_it(STDOUT_FILENO, device_out, inode_out))
		return NULL;
	page = mmap(NULL, PAGE_LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return NULL;
	if (page->magic != PAGE_MAGIC) {
		munmap(page, PAGE_LENGTH);
		return NULL;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	keep_to_ourselves(page);
	return page;
}
