/*
 * page: what a stage and its manager tell each other through shared memory (pype-stage(7) documents it for other languages).
 *
 * The manager gives a stage the environment variable PYPE_STAGE=FD:STDIN:STDOUT: a descriptor of its page, and device and
 * inode ("DEV.INO") of the standard input and output it was given. The page is the stage's only if its own are still
 * those: a tool inside "a | b", or behind a redirection, is none.
 *
 * A mark is a pair of positions in bytes since the edge began: the input up to `in` is handled, and all it gave rise
 * to is the output up to `out`. The last four are kept, so that nobody reads one while it is written; `sequence` names the
 * newest. A stage stores a mark before it writes the output that makes it true: it counts once `out` bytes have arrived. A stage
 * that is killed is started again at the newest mark that counts: there is no instant that leaves a doubt.
 *
 * A stage keeps the page in one of two ways, and says so in `keeps` before it reads anything:
 *   PAGE_PIPES  it reads and writes its pipes as any program does, and stores the marks
 *   PAGE_RINGS  it reads and writes the rings (ring.h) that the pipes stand for; the pipes are not used. Ours do that.
 * Stores are of whole aligned words; the sequence is stored last (with release order).
 */
#ifndef PYPE_PAGE_H
#define PYPE_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ring.h"

enum {
	PAGE_LENGTH = 32768,
	PAGE_MARKS = 4,
	PAGE_CURSOR = 3000, /* bytes of a cursor at most */
	PAGE_STATUS = 128, /* bytes of the status line, NUL included */
};

#define PAGE_MAGIC   0x3167617065707970ULL /* the bytes "pypepag1" where the least comes first */
#define PAGE_NOWHERE UINT64_MAX

enum page_keeps { PAGE_NOT, PAGE_PIPES, PAGE_RINGS };

enum page_flags {
	PAGE_SYNC = 1, /* a source waits after each event until `synced` has reached its output */
	PAGE_RESUMED = 2, /* there is a mark to go on from */
	PAGE_ENDED =
		4, /* the end of input is one: the writer has done its work. Without it, go away and finalise nothing */
	PAGE_JOURNAL = 8, /* delivery: durable: `safe` says what is in the journal */
};

enum page_ask {
	PAGE_ASK_NOTHING,
	PAGE_ASK_MARKS, /* each time */
	/*
	 * When the readers are through with all output: else it is for the last of them to ring. To ring each time is right, too. It
	 * is looked up behind the mark and a full memory barrier.
	 */
	PAGE_ASK_IDLE,
};

struct page_mark {
	uint64_t in, out;
	uint64_t
		skip; /* so many lines of output since `in` are before `out` already: an event has more than fits at once */
	uint64_t lines; /* of input before `in` */
	uint64_t events, results, bad; /* read, written, and put into the dead letters, so far */
	uint32_t cursor_length;
	uint32_t unused;
	char cursor[PAGE_CURSOR]; /* the stage's own: a source's place, an output's committed length */
	char padding[8];
};

/* A sequence number and the last marks: number n is in marks[n % PAGE_MARKS]; 0: there is none. */
struct page_marks {
	_Atomic uint64_t sequence;
	uint64_t unused[7];
	struct page_mark marks[PAGE_MARKS];
};

struct page {
	/* the manager's */
	uint64_t magic; /* 0 */
	_Atomic uint32_t flags; /* 8 */
	_Atomic uint32_t ask; /* 12: enum page_ask: when to ring `manager` after a mark */
	int32_t bell; /* 16: descriptor: rung when there is something for the stage to do */
	int32_t manager; /* 20: descriptor: wakes the manager */
	_Atomic uint64_t poison; /* 24: pass over the event that begins here; PAGE_NOWHERE */
	_Atomic uint64_t synced; /* 32: output up to here is handled on every branch */
	int64_t epoch; /* 40: when the flow began, Unix time in nanoseconds */
	_Atomic uint64_t safe; /* 48: with PAGE_JOURNAL: output up to here is in the journal, as its policy wants it */
	uint64_t unused;

	/* the stage's */
	_Atomic uint32_t keeps; /* 64: enum page_keeps */
	_Atomic uint32_t waits; /* 68: `bell` is to be rung, once, when `safe` has grown */
	_Atomic uint64_t handling; /* 72: where the event that is being worked on begins */
	char status[PAGE_STATUS]; /* 80: one line about itself */
	char unused3[48];

	/* 256: the rings; the manager's */
	int32_t in_fd, out_fd; /* -1: none */
	uint64_t in_place, out_place;
	uint32_t in_slot;
	int32_t in_bell; /* of whoever writes the input */
	int32_t out_bells[RING_READERS]; /* of the readers, by slot */

	/* 1024: what the manager notes for its successor and for the flow process */
	_Alignas(1024) _Atomic uint32_t state; /* enum page_state */
	int32_t pid;
	uint64_t starts, failures;
	uint64_t dropped; /* events, on the way in */
	uint64_t poisoned; /* where the last death was */
	uint64_t deaths; /* there, in a row */
	uint32_t ack; /* how it takes part: enum page_part */
	uint32_t kept; /* delivery: durable: the memory is as the journal has it */

	_Alignas(2048) struct page_marks marks; /* 2048: the stage's */
	struct page_marks taken; /* the newest mark that counts, for those that do not use rings; the manager's */
};

/* Life of a stage, for those who look at it. */
enum page_state { PAGE_DOWN, PAGE_UP, PAGE_WAITS, PAGE_STOPS, PAGE_DONE };
enum page_part { PAGE_PART_UNKNOWN, PAGE_PART_PLAIN, PAGE_PART_PAGE, PAGE_PART_LINES, PAGE_PART_EOF, PAGE_PART_FAST };

_Static_assert(sizeof(struct page) <= PAGE_LENGTH, "the page has its length");
_Static_assert(sizeof(struct page_mark) == 3072, "a mark has its length");
_Static_assert(offsetof(struct page, marks.marks) == 2048 + 64, "marks have their place");

/* Copies the newest mark. False: there is none. */
bool page_newest(const struct page_marks *marks, struct page_mark *mark);
/* Copies the newest mark whose output has arrived. False: none of the last four. */
bool page_arrived(const struct page_marks *marks, uint64_t arrived, struct page_mark *mark);
/* Stores a mark as the newest. There is one who stores. */
void page_store(struct page_marks *marks, const struct page_mark *mark);

/*
 * The page of this process: maps it if PYPE_STAGE names one and standard input and output are still those it was made
 * for. NULL: there is none. Its descriptors are kept from programs that this one starts.
 */
struct page *page_attach(void);

#endif
