/*
 * edge_kit: rings, pages and bells for tests of what stages share, without a runner.
 *
 * Rings lie in one memfd, each with its two areas; a stage is a forked process with a page of its own.
 */
#ifndef PYPE_TEST_EDGE_KIT_H
#define PYPE_TEST_EDGE_KIT_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/page.h"
#include "common/ring.h"

enum { KIT_RINGS = 2, KIT_AREA = 1 << 24 };

static inline void kit_must(bool right, const char *what)
{
	if (!right) {
		perror(what);
		_exit(1);
	}
}

/* A file with KIT_RINGS rings of that size; ring i is at i * RING_SHARED. */
static inline int kit_rings(size_t size)
{
	int fd = memfd_create("rings", MFD_CLOEXEC);

	kit_must(fd >= 0 && ftruncate(fd, (off_t)(2 * KIT_RINGS + 1) * KIT_AREA) == 0, "memfd");
	for (unsigned i = 0; i < KIT_RINGS; i++) {
		const struct ring_area areas[2] = {{(2ULL * i + 1) * KIT_AREA, size}, {(2ULL * i + 2) * KIT_AREA, 0}};

		kit_must(ring_make(fd, (off_t)i * RING_SHARED, areas) == 0, "ring_make");
	}
	return fd;
}

static inline int kit_bell(void)
{
	int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	kit_must(bell >= 0, "eventfd");
	return bell;
}

struct kit_stage {
	struct page *page;
	int memory, in[2], out[2]; /* of the page; the pipes it is given, which nobody uses */
};

/* The page, with no rings yet. */
static inline void kit_stage_init(struct kit_stage *stage, int bell, int manager)
{
	stage->memory = memfd_create("page", MFD_CLOEXEC);
	kit_must(stage->memory >= 0 && ftruncate(stage->memory, PAGE_LENGTH) == 0, "memfd");
	stage->page = mmap(NULL, PAGE_LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, stage->memory, 0);
	kit_must(stage->page != MAP_FAILED && pipe(stage->in) == 0 && pipe(stage->out) == 0, "page");
	stage->page->magic = PAGE_MAGIC;
	stage->page->bell = bell;
	stage->page->manager = manager;
	stage->page->in_fd = stage->page->out_fd = -1;
	stage->page->in_bell = manager;
	stage->page->poison = stage->page->handling = PAGE_NOWHERE;
	for (unsigned i = 0; i < RING_READERS; i++)
		stage->page->out_bells[i] = -1;
}

/* In the process that is to be the stage. */
static inline void kit_become(const struct kit_stage *stage)
{
	struct stat in, out;
	char variable[128];

	kit_must(fstat(stage->in[0], &in) == 0 && fstat(stage->out[1], &out) == 0, "fstat");
	kit_must(dup2(stage->in[0], STDIN_FILENO) >= 0 && dup2(stage->out[1], STDOUT_FILENO) >= 0, "dup2");
	snprintf(variable, sizeof(variable), "%d:%llu.%llu:%llu.%llu", stage->memory, (unsigned long long)in.st_dev,
	         (unsigned long long)in.st_ino, (unsigned long long)out.st_dev, (unsigned long long)out.st_ino);
	setenv("PYPE_STAGE", variable, 1);
}

static inline bool kit_rings_now(int bell, int milliseconds)
{
	struct pollfd fd = {.fd = bell, .events = POLLIN};

	return poll(&fd, 1, milliseconds) == 1;
}

#endif
