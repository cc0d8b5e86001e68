#include "cmd/flow/run/counts.h"

#include <unistd.h>

#include "common/page.h"
#include "common/ring.h"

/* So often a page is read again that has changed meanwhile. */
enum { TRIES = 4 };

/* A copy of the page in which the newest mark is whole. */
static bool read_page(int memory, struct page *page)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t sequence;

		if (pread(memory, page, sizeof(*page), 0) != (ssize_t)sizeof(*page) ||
		    pread(memory, &sequence, sizeof(sequence), offsetof(struct page, marks.sequence)) !=
		            (ssize_t)sizeof(sequence))
			return false;
		if (sequence - page->marks.sequence < PAGE_MARKS - 1)
			return true;
	}
	return false;
}

/* A stage that keeps the rings does so without its manager, who may not have seen it yet. */
static enum page_part part_of(const struct page *page)
{
	return page->keeps == PAGE_RINGS ? PAGE_PART_PAGE : (enum page_part)page->ack;
}

/* The mark that counts is the stage's own, or the one that its manager makes for it. */
static bool find_mark(const struct page *page, struct page_mark *mark)
{
	enum page_part part = part_of(page);
	bool managed = part == PAGE_PART_LINES || part == PAGE_PART_EOF;

	return page_newest(managed ? &page->taken : &page->marks, mark) ||
	       page_newest(managed ? &page->marks : &page->taken, mark);
}

static void count(const struct page *page, struct board_stage *stage)
{
	static const char *const names[] = {
		[PAGE_PART_UNKNOWN] = NULL,  [PAGE_PART_PLAIN] = "plain", [PAGE_PART_PAGE] = "page",
		[PAGE_PART_LINES] = "lines", [PAGE_PART_EOF] = "eof",     [PAGE_PART_FAST] = "fast",
	};
	enum page_part part = part_of(page);
	struct page_mark mark = {0};

	stage->mode = part < sizeof(names) / sizeof(names[0]) ? names[part] : NULL;
	stage->counted = part == PAGE_PART_PAGE || part == PAGE_PART_LINES || part == PAGE_PART_EOF;
	if (!find_mark(page, &mark))
		mark = (struct page_mark){0};
	stage->in = mark.events;
	stage->out = mark.results;
	stage->bad = mark.bad;
	stage->drops = true;
	stage->dropped = page->dropped;
}

/* What lies in the ring that the stage reads. */
static void measure(const struct plumbing *plumbing, struct board_stage *stage)
{
	const struct plan_stage *plan = &plumbing->plan.stages[stage->index];
	bool own = plan->in == IN_OWN;
	struct ring_shared ring;
	uint64_t tail;

	stage->queues = (own || plan->in == IN_SHARED) &&
	                pread(plumbing->memories[own ? stage->index : plan->from], &ring, sizeof(ring),
	                      own ? PLUMBING_IN : PLUMBING_OUT) == (ssize_t)sizeof(ring);
	if (!stage->queues)
		return;
	/* The head was read first: the stage may be beyond it by now. */
	tail = ring.slots[plan->slot].tail;
	stage->queue = ring.head > tail ? ring.head - tail : 0;
}

void counts_read(const struct plumbing *plumbing, struct board_stage *stage)
{
	int memory = plumbing->memories[stage->index];
	struct page page;

	if (memory < 0)
		stage->mode = "fast";
	else if (read_page(memory, &page))
		count(&page, stage);
	measure(plumbing, stage);
}
