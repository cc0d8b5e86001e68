#include "cmd/flow/manager/plumbing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/moment.h"

/* The areas of the two rings, each with as much room as a ring may need: the file has holes. */
enum { AREAS = 4 };
#define AREA   ((uint64_t)RING_MOST)
#define LENGTH ((AREAS + 1) * AREA)

static int lay_out(int memory, const struct plan_stage *stage)
{
	const struct ring_area out[2] = {{AREA, stage->out_size}, {2 * AREA, 0}},
			       in[2] = {{3 * AREA, stage->in_size}, {4 * AREA, 0}};
	struct page *page;

	if (ftruncate(memory, (off_t)LENGTH) < 0 || ring_make(memory, PLUMBING_OUT, out) < 0 ||
	    ring_make(memory, PLUMBING_IN, in) < 0)
		return -1;
	page = mmap(NULL, PAGE_LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (page == MAP_FAILED)
		return -1;
	page->magic = PAGE_MAGIC;
	page->epoch = moment_unix();
	page->poison = page->poisoned = page->handling = PAGE_NOWHERE;
	munmap(page, PAGE_LENGTH);
	return 0;
}

static int make_bell(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int plumbing_make(struct plumbing *plumbing, const struct manifest_pipeline *pipeline)
{
	*plumbing = (struct plumbing){.bell = -1};
	plan_make(&plumbing->plan, pipeline);
	plumbing->memories = xcalloc(pipeline->count, sizeof(int));
	plumbing->bells = xcalloc(pipeline->count, sizeof(int));
	for (size_t i = 0; i < pipeline->count; i++)
		plumbing->memories[i] = plumbing->bells[i] = -1;
	for (size_t i = 0; i < pipeline->count; i++) {
		const struct plan_stage *stage = &plumbing->plan.stages[i];

		if (!plan_has_memory(stage))
			continue;
		if (plumbing->bell < 0 && (plumbing->bell = make_bell()) < 0)
			return -1;
		plumbing->memories[i] = memfd_create(pipeline->stages[i].name, MFD_CLOEXEC);
		plumbing->bells[i] = make_bell();
		if (plumbing->memories[i] < 0 || plumbing->bells[i] < 0 || lay_out(plumbing->memories[i], stage) < 0)
			return -1;
	}
	return 0;
}

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

void plumbing_free(struct plumbing *plumbing)
{
	for (size_t i = 0; i < plumbing->plan.count; i++) {
		close_one(plumbing->memories[i]);
		close_one(plumbing->bells[i]);
	}
	close_one(plumbing->bell);
	free(plumbing->memories);
	free(plumbing->bells);
	plan_free(&plumbing->plan);
	*plumbing = (struct plumbing){.bell = -1};
}
