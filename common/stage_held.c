#include "common/stage_held.h"

#include "common/output.h"

struct stage_place stage_here(const struct stage *stage)
{
	if (stage->left)
		return stage_began(stage);
	return (struct stage_place){line_reader_position(&stage->in), stage->in.number, stage->events, stage->bad};
}

bool stage_mark(struct stage *stage, const struct stage_place *from)
{
	struct keeper *keeper = &stage->keeper;
	uint64_t read = stage->in.read;

	if (!keeper->page)
		return true;
	/* From a place before something that was given back there is nothing to read. */
	if (from->in < stage_here(stage).in &&
	    (from->in < keeper->mark.in || keeper_is_waited_for(keeper, read, read - from->in)))
		return false;
	keeper_handled(keeper, from->in, from->lines);
	keeper->next.events = from->events;
	keeper->next.bad = from->bad;
	keeper->next.results = stage->out.lines;
	line_writer_boundary(&stage->out);
	return true;
}

bool stage_ended(const struct stage *stage)
{
	return !stage->keeper.page || (stage->in.ended && !stage->in.stopped);
}

bool stage_crowded(const struct stage *stage)
{
	return stage->keeper.page && stage->held &&
	       keeper_is_waited_for(&stage->keeper, stage->in.read, line_reader_position(&stage->in) - stage->held->in);
}

/* What is gathered can be put at once, and is not put in parts: then marks would have to count lines (keeper.h). */
static bool fits(const struct stage *stage, size_t more)
{
	return !stage->keeper.page || stage->out.length + more <= ring_room(&stage->keeper.out);
}

void stage_will_write(struct stage *stage, size_t length)
{
	if (!fits(stage, length + 1))
		stage_flush(stage);
}

void stage_end_handled(struct stage *stage)
{
	if (stage_say_next(stage))
		stage->keeper.next.results++;
	output_check(line_writer_end_whole(&stage->out));
	if (!fits(stage, 0))
		stage_flush(stage);
}

bool stage_can_write(struct stage *stage, size_t length)
{
	struct keeper *keeper = &stage->keeper;

	if (fits(stage, length))
		return true;
	stage_flush(stage);
	/* Its readers may hold as much. */
	if (length > keeper->out.size / 2)
		return false;
	while (length > ring_room(&keeper->out) && !ring_deserted(&keeper->out))
		if (!keeper_room(keeper, length))
			keeper_wait(keeper, -1);
	/* It may have been rung for the input, too. */
	bell_ring(keeper->page->bell);
	return true;
}

void stage_handled(struct stage *stage)
{
	/* Written anew, the event has become fewer lines than those that are out. */
	stage->keeper.skip = 0;
	stage_set_boundary(stage);
}

bool stage_goes_on(const struct stage *stage)
{
	return stage->keeper.page && stage->keeper.skip > 0;
}
