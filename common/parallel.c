#include "common/parallel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/signals.h"
#include "common/stage_ahead.h"

enum {
	FLIGHT = 1024 * 1024, /* of input for each task that has been given out, or a single line */
	PORTION_MOST = 128 * 1024,
	PORTION_TIME = 10 * 1000 * 1000, /* nanoseconds of work at most */
	PORTION_LEAST = 100 * 1000, /* … and so much that handing it over is nothing to it */
	GROWTH = 4, /* of a portion over the one before */
};

/* In front of each answer. Of a PARALLEL_LINE, `length` is where it begins in the task, and no bytes follow. */
struct head {
	uint32_t kind, length;
};

/* ---- in a worker ---- */

/* Room for a head and that many bytes, if need be after the answers so far are handed over. False: there is never so much. */
static bool make_room(struct parallel *parallel, size_t length)
{
	if (parallel->answered + sizeof(struct head) + length > CREW_ANSWERS) {
		crew_full(&parallel->crew, parallel->task, parallel->answered);
		parallel->answered = 0;
	}
	return sizeof(struct head) + length <= CREW_ANSWERS;
}

static void put(struct parallel *parallel, uint32_t kind, uint32_t length, const void *bytes, size_t size)
{
	const struct head head = {kind, length};
	char *at = parallel->task->answers + parallel->answered;

	memcpy(at, &head, sizeof(head));
	if (size > 0)
		memcpy(at + sizeof(head), bytes, size);
	parallel->answered += sizeof(head) + size;
}

void parallel_answer(struct parallel *parallel, unsigned kind, const void *bytes, size_t length)
{
	const size_t most = CREW_ANSWERS - sizeof(struct head);
	const char *rest = bytes;

	while (!make_room(parallel, length)) {
		put(parallel, kind | PARALLEL_PART, (uint32_t)most, rest, most);
		rest += most;
		length -= most;
	}
	put(parallel, kind, (uint32_t)length, rest, length);
}

static void next_task(struct parallel *parallel)
{
	struct crew_task *task;
	uint64_t progress;

	if (parallel->task)
		crew_done(&parallel->crew, parallel->task, parallel->answered);
	parallel->task = task = crew_next(&parallel->crew);
	progress = atomic_load_explicit(&task->progress, memory_order_acquire);
	parallel->next = (size_t)(progress >> 32);
	parallel->answered = (size_t)(progress & UINT32_MAX);
	parallel->end = task->length;
	parallel->next_number = task->number + ring_lines(task->input, parallel->next);
	parallel->name = task->mark;
}

void parallel_line(struct parallel *parallel, const char **line, size_t *length)
{
	const struct stage *stage = parallel->stage;

	for (;;) {
		const char *newline;
		size_t place, size;

		while (!parallel->task || parallel->next == parallel->end)
			next_task(parallel);
		place = parallel->next;
		*line = parallel->task->input + place;
		newline = memchr(*line, '\n', parallel->end - place);
		size = newline ? (size_t)(newline - *line) : parallel->end - place;
		parallel->next += size + (newline != NULL);
		parallel->number = parallel->next_number++;
		*length = size;
		crew_item(parallel->task, place, parallel->answered);
		if (size > stage_max_line(stage) ||
		    !stage_is_event(stage, parallel->task->place + place, parallel->number, line, length))
			continue;
		make_room(parallel, 0);
		put(parallel, PARALLEL_LINE, (uint32_t)place, NULL, 0);
		if (atomic_load_explicit(&parallel->task->poison, memory_order_relaxed) != place)
			return;
		parallel_answer(parallel, PARALLEL_KILLED, NULL, 0);
	}
}

static void work(void *context, struct crew *crew)
{
	struct parallel *parallel = context;

	(void)crew;
	parallel->work->handle(parallel->work->context, parallel);
}

/* ---- what comes back ---- */

static void killed(void *context, int number, const struct crew_task *task)
{
	struct parallel *parallel = context;
	uint64_t line;

	if (!message_pass(&parallel->killed))
		return;
	if (!task) {
		message_warning("a worker was killed by signal %d: %s", number, strsignal(number));
		return;
	}
	line = task->number + ring_lines(task->input, (size_t)(atomic_load(&task->progress) >> 32));
	message_warning("a worker was killed by signal %d at line %llu: %s", number, (unsigned long long)line,
	                strsignal(number));
}

/* Bytes of input that are given out, and not answered. */
static size_t in_flight(struct parallel *parallel)
{
	const struct crew_task *oldest = crew_oldest(&parallel->crew);

	return oldest ? (size_t)(parallel->given - oldest->place) : 0;
}

/* Goes on to the line that the next answers are to. */
static void begin_line(struct parallel *parallel, const struct crew_task *task, uint32_t place)
{
	struct stage *stage = parallel->stage;

	text_clear(&parallel->parts);
	if (parallel->open && parallel->at == place) {
		parallel->again = parallel->answers;
		return;
	}
	if (!stage_take_line(stage) || stage_began(stage).in != task->place + place)
		fail("a worker has answered to another line than %llu", (unsigned long long)stage->event.number);
	parallel->open = true;
	parallel->at = place;
	parallel->answers = parallel->again = 0;
	if (parallel->work->begin)
		parallel->work->begin(parallel->work->context);
}

static void take_answer(struct parallel *parallel, uint32_t kind, const char *bytes, size_t length)
{
	const struct parallel_work *program = parallel->work;
	struct text *parts = &parallel->parts;

	if (kind & PARALLEL_PART) {
		text_add(parts, bytes, length);
		return;
	}
	if (parallel->again > 0) {
		parallel->again--;
	} else {
		parallel->answers++;
		if (kind == PARALLEL_KILLED) {
			stage_bad(parallel->stage, "it has killed %d workers", CREW_DEATHS);
		} else if (parts->length > 0) {
			text_add(parts, bytes, length);
			program->answer(program->context, kind, parts->data, parts->length);
		} else {
			program->answer(program->context, kind, bytes, length);
		}
	}
	text_clear(parts);
}

static void take_answers(struct parallel *parallel, const struct crew_task *task, size_t length)
{
	const char *at = task->answers, *end = at + length;

	while (at < end) {
		struct head head;

		memcpy(&head, at, sizeof(head));
		at += sizeof(head);
		if (head.kind == PARALLEL_LINE) {
			begin_line(parallel, task, head.length);
		} else {
			take_answer(parallel, head.kind, at, head.length);
			at += head.length;
		}
	}
}

/* How long the next portions may be. */
static void learn(struct parallel *parallel, const struct crew_task *task)
{
	double pace = (double)task->cost / task->length;

	if (parallel->pace > 0 && pace > parallel->pace)
		pace = (pace + parallel->pace) / 2;
	parallel->pace = pace > 0 ? pace : 1;
}

static void end_task(struct parallel *parallel, struct crew_task *task)
{
	struct stage *stage = parallel->stage;

	parallel->open = false;
	text_clear(&parallel->parts);
	/* What is left of it are empty lines, and such. */
	if (stage_take_line(stage))
		fail("a worker has not answered to line %llu", (unsigned long long)stage->event.number);
	crew_take_back(&parallel->crew, task);
}

_Noreturn static void end_program(struct parallel *parallel, const struct crew_task *task)
{
	size_t answered = (size_t)(atomic_load(&task->progress) & UINT32_MAX);
	int status = task->status;

	take_answers(parallel, task, answered);
	parallel->stage->left = true;
	stage_flush(parallel->stage);
	exit(status);
}

/* What there is of answers, in order. False: nothing. */
static bool take(struct parallel *parallel)
{
	struct crew_task *task = crew_oldest(&parallel->crew);
	enum crew_state state = task ? crew_state(task) : CREW_FREE;

	if (state != CREW_DONE && state != CREW_FULL && state != CREW_LOST)
		return false;
	stage_hold_back(parallel->stage, task->place + task->length);
	if (state == CREW_LOST)
		end_program(parallel, task);
	take_answers(parallel, task, task->answered);
	if (state == CREW_FULL) {
		crew_go_on(&parallel->crew, task);
		return true;
	}
	learn(parallel, task);
	end_task(parallel, task);
	return true;
}

/* ---- what is given out ---- */

/* How much to give out at once, of `ahead` bytes: the work of some milliseconds, and so that all workers have something. */
static size_t portion(struct parallel *parallel, size_t ahead)
{
	double most, least, even;

	if (parallel->pace == 0)
		return 1;
	most = PORTION_TIME / parallel->pace;
	least = PORTION_LEAST / parallel->pace;
	even = (double)(in_flight(parallel) + ahead) / parallel->crew.task_count;
	if (most > (double)parallel->portion * GROWTH)
		most = (double)parallel->portion * GROWTH;
	if (most > PORTION_MOST)
		most = PORTION_MOST;
	if (even < least)
		even = least;
	return even < most ? (size_t)even + 1 : (size_t)most + 1;
}

/* How much is whole lines, not more than `wanted` bytes if there are several. 0: there is no end of a line. */
static size_t cut(struct parallel *parallel, const char *bytes, size_t ahead, size_t wanted)
{
	const char *newline = NULL;
	size_t from = (size_t)(parallel->searched - parallel->given);

	if (wanted > ahead)
		wanted = ahead;
	if (wanted > from)
		newline = memrchr(bytes + from, '\n', wanted - from);
	else
		wanted = from;
	if (!newline)
		newline = memchr(bytes + wanted, '\n', ahead - wanted);
	if (newline)
		return (size_t)(newline - bytes) + 1;
	parallel->searched = parallel->given + ahead;
	return stage_has_all(parallel->stage) ? ahead : 0;
}

static void give(struct parallel *parallel, struct crew_task *task, const char *bytes, size_t length)
{
	memcpy(task->input, bytes, length);
	task->place = parallel->given;
	task->number = parallel->lines + 1;
	task->mark = parallel->stage->name;
	parallel->lines += ring_lines(bytes, length);
	parallel->given += length;
	parallel->searched = parallel->given;
	parallel->portion = length;
	crew_give(&parallel->crew, task, length);
}

/* A line over the limit is for the stage alone, once all before it is done. False: it is not. */
static bool pass_long_line(struct parallel *parallel)
{
	struct stage *stage = parallel->stage;

	if (crew_oldest(&parallel->crew))
		return false;
	stage_hold_back(stage, parallel->given + 1);
	if (stage_take_line(stage))
		fail("line %llu is no long line", (unsigned long long)stage->event.number);
	parallel->given = parallel->searched = stage_position(stage, &parallel->lines);
	return true;
}

/* These bytes are one line that is too long, or, with no length, the beginning of one. */
static bool is_long_line(const struct stage *stage, const char *bytes, size_t length, size_t ahead)
{
	size_t most = (size_t)stage_max_line(stage);

	if (length == 0)
		return ahead > most;
	return length > most && !memchr(bytes, '\n', most + 1);
}

/* Gives out what there is. True: more input is wanted. */
static bool give_out(struct parallel *parallel)
{
	struct stage *stage = parallel->stage;
	struct crew_task *task;
	const char *bytes = NULL;
	size_t ahead, length;

	/* The line that is being answered lies where more would be put. */
	if (parallel->open)
		return false;
	while ((task = crew_room(&parallel->crew))) {
		ahead = stage_ahead(stage, parallel->given, &bytes);
		length = ahead > 0 ? cut(parallel, bytes, ahead, portion(parallel, ahead)) : 0;
		if (stage_in_long_line(stage) || is_long_line(stage, bytes, length, ahead)) {
			if (!pass_long_line(parallel))
				return false;
			if (stage_in_long_line(stage))
				return true;
			continue;
		}
		if (length == 0)
			return true;
		if (in_flight(parallel) > 0 && in_flight(parallel) + length > FLIGHT * parallel->crew.task_count)
			return false;
		give(parallel, task, bytes, length);
	}
	return stage_ahead(stage, parallel->given, &bytes) < 2 * PORTION_MOST;
}

/* ---- the whole ---- */

void parallel_open(struct parallel *parallel, struct stage *stage, const struct parallel_work *program, unsigned jobs)
{
	size_t room = (size_t)stage_max_line(stage) + 1;

	*parallel = (struct parallel){.stage = stage, .work = program};
	crew_open(&parallel->crew, jobs, room > 2 * PORTION_MOST ? room : 2 * PORTION_MOST, work, parallel);
	parallel->crew.killed = killed;
}

void parallel_run(struct parallel *parallel)
{
	struct stage *stage = parallel->stage;

	parallel->given = parallel->searched = stage_position(stage, &parallel->lines);
	for (;;) {
		bool wants = give_out(parallel);

		if (take(parallel))
			continue;
		wants &= !stage_has_all(stage) && !signals_stop() && !parallel->error;
		if (!wants && !crew_oldest(&parallel->crew))
			break;
		if (stage_wait_beside(stage, wants, crew_descriptor(&parallel->crew)) && !stage_more(stage))
			parallel->error = errno;
		crew_look(&parallel->crew);
	}
	if (parallel->error) {
		errno = parallel->error;
		stage_cannot_read(stage);
	}
}

void parallel_close(struct parallel *parallel)
{
	crew_close(&parallel->crew);
	text_free(&parallel->parts);
}
