#include "cmd/flow/draw/layout.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

enum { SWEEPS = 12 }; /* each of them lessens the crossings; after a few there is no gain */

/* A line between two boxes, with the columns they are in. */
struct link {
	size_t boxes[2], columns[2];
};

/* The two ways through the columns: each end of a link is the near one for one of them. */
enum way { WAY_FORWARDS, WAY_BACKWARDS };

/* A box on its way to its place. */
struct seat {
	size_t box;
	double wish; /* where its neighbours are */
	size_t rank; /* its place so far: of equal wishes */
};

struct work {
	struct layout *layout;
	struct link *links[2]; /* for each way, sorted by the column of the near end */
	size_t link_count;
	struct seat **columns; /* from the top to the bottom */
	size_t *counts;
	double *sums; /* of each box, of its neighbours' rows … */
	size_t *neighbours; /* … and how many these are */
};

/* The column of a stage is behind those of all it reads. Edges come by the stage they lead to, and lead forwards. */
static void set_columns(struct layout *layout, const struct draw_edge *edges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t least = layout->boxes[edges[i].from].column + 1;

		if (layout->boxes[edges[i].to].column < least)
			layout->boxes[edges[i].to].column = least;
	}
	for (size_t i = 0; i < layout->count; i++)
		if (layout->boxes[i].column >= layout->columns)
			layout->columns = layout->boxes[i].column + 1;
}

static void add_bends(struct layout *layout, const struct draw_edge *edges, size_t count)
{
	size_t bends = 0, at = layout->count;

	for (size_t i = 0; i < count; i++)
		bends += layout->boxes[edges[i].to].column - layout->boxes[edges[i].from].column - 1;
	if (bends > LAYOUT_BENDS)
		bends = 0;
	layout->boxes = xreallocarray(layout->boxes, layout->count + bends + 1, sizeof(*layout->boxes));
	layout->first = xcalloc(count + 1, sizeof(*layout->first));
	for (size_t i = 0; i < count; i++) {
		size_t to = layout->boxes[edges[i].to].column;

		layout->first[i] = edges[i].to;
		if (bends == 0 || layout->boxes[edges[i].from].column + 1 == to)
			continue;
		layout->first[i] = at;
		for (size_t column = layout->boxes[edges[i].from].column + 1; column < to; column++, at++)
			layout->boxes[at] = (struct layout_box){
				.column = column,
				.bend = true,
				.next = column + 1 < to ? at + 1 : edges[i].to,
			};
	}
	layout->count += bends;
}

static int compare_from(const void *first, const void *second)
{
	const struct link *a = first, *b = second;

	return (a->columns[0] > b->columns[0]) - (a->columns[0] < b->columns[0]);
}

static int compare_to(const void *first, const void *second)
{
	const struct link *a = first, *b = second;

	return (a->columns[1] < b->columns[1]) - (a->columns[1] > b->columns[1]);
}

static void add_link(struct work *work, size_t from, size_t to)
{
	const struct layout_box *boxes = work->layout->boxes;

	work->links[WAY_FORWARDS][work->link_count++] =
		(struct link){{from, to}, {boxes[from].column, boxes[to].column}};
}

static void add_links(struct work *work, const struct draw_edge *edges, size_t count)
{
	const struct layout *layout = work->layout;
	size_t most = count + layout->count + 1;

	for (size_t i = 0; i < 2; i++)
		work->links[i] = xcalloc(most, sizeof(*work->links[i]));
	for (size_t i = 0; i < count; i++)
		add_link(work, edges[i].from, layout->first[i]);
	for (size_t i = 0; i < layout->count; i++)
		if (layout->boxes[i].bend)
			add_link(work, i, layout->boxes[i].next);
	memcpy(work->links[WAY_BACKWARDS], work->links[WAY_FORWARDS], most * sizeof(**work->links));
	qsort(work->links[WAY_FORWARDS], work->link_count, sizeof(**work->links), compare_from);
	qsort(work->links[WAY_BACKWARDS], work->link_count, sizeof(**work->links), compare_to);
}

static void fill_columns(struct work *work)
{
	const struct layout *layout = work->layout;

	work->columns = xcalloc(layout->columns + 1, sizeof(*work->columns));
	work->counts = xcalloc(layout->columns + 1, sizeof(*work->counts));
	for (size_t i = 0; i < layout->count; i++)
		work->counts[layout->boxes[i].column]++;
	for (size_t i = 0; i < layout->columns; i++) {
		work->columns[i] = xcalloc(work->counts[i] + 1, sizeof(**work->columns));
		work->counts[i] = 0;
	}
	for (size_t i = 0; i < layout->count; i++) {
		struct layout_box *box = &layout->boxes[i];

		box->row = (double)work->counts[box->column];
		work->columns[box->column][work->counts[box->column]++].box = i;
	}
}

static int compare_seats(const void *first, const void *second)
{
	const struct seat *a = first, *b = second;
	int order = (a->wish > b->wish) - (a->wish < b->wish);

	return order ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

/* From the middle of one box to that of the one below it. */
static double distance(const struct layout *layout, size_t above, size_t below)
{
	return (layout->boxes[above].bend ? 0.25 : 0.5) + (layout->boxes[below].bend ? 0.25 : 0.5);
}

/* As near to their wishes as they get without changing the order: half way between pushed down and pushed up. */
static void seat_column(const struct layout *layout, const struct seat *seats, size_t count)
{
	double *down = xcalloc(count + 1, sizeof(*down)), up = 0;

	for (size_t i = 0; i < count; i++) {
		double least = i > 0 ? down[i - 1] + distance(layout, seats[i - 1].box, seats[i].box) : 0;

		down[i] = i > 0 && least > seats[i].wish ? least : seats[i].wish;
	}
	for (size_t i = count; i-- > 0;) {
		double most = i + 1 < count ? up - distance(layout, seats[i].box, seats[i + 1].box) : 0;

		up = i + 1 < count && most < seats[i].wish ? most : seats[i].wish;
		layout->boxes[seats[i].box].row = (down[i] + up) / 2;
	}
	free(down);
}

/* Moves the boxes of a column towards those behind them on the way that are linked with them. */
static void sweep_column(struct work *work, size_t column, bool sort)
{
	const struct layout *layout = work->layout;
	struct seat *seats = work->columns[column];

	for (size_t i = 0; i < work->counts[column]; i++) {
		size_t box = seats[i].box;

		seats[i].rank = i;
		seats[i].wish = work->neighbours[box] > 0 ? work->sums[box] / (double)work->neighbours[box]
		                                          : layout->boxes[box].row;
	}
	if (sort)
		qsort(seats, work->counts[column], sizeof(*seats), compare_seats);
	seat_column(layout, seats, work->counts[column]);
}

/* One way through all columns. */
static void sweep(struct work *work, enum way way, bool sort)
{
	const struct layout *layout = work->layout;
	const struct link *link = work->links[way], *end = link + work->link_count;

	for (size_t i = 0; i < layout->count; i++) {
		work->sums[i] = 0;
		work->neighbours[i] = 0;
	}
	for (size_t i = 0; i < layout->columns; i++) {
		size_t column = way == WAY_FORWARDS ? i : layout->columns - 1 - i;

		sweep_column(work, column, sort);
		for (; link < end && link->columns[way] == column; link++) {
			work->sums[link->boxes[!way]] += layout->boxes[link->boxes[way]].row;
			work->neighbours[link->boxes[!way]]++;
		}
	}
}

/* The uppermost row is 0. */
static void shift_up(struct layout *layout)
{
	double least = 0;

	for (size_t i = 0; i < layout->count; i++)
		if (i == 0 || layout->boxes[i].row < least)
			least = layout->boxes[i].row;
	for (size_t i = 0; i < layout->count; i++) {
		layout->boxes[i].row -= least;
		if (layout->boxes[i].row + 1 > layout->rows)
			layout->rows = layout->boxes[i].row + 1;
	}
}

void layout_make(struct layout *layout, size_t stages, const struct draw_edge *edges, size_t edge_count)
{
	struct work work = {.layout = layout};

	*layout = (struct layout){.boxes = xcalloc(stages + 1, sizeof(*layout->boxes)), .count = stages};
	set_columns(layout, edges, edge_count);
	add_bends(layout, edges, edge_count);
	add_links(&work, edges, edge_count);
	fill_columns(&work);
	work.sums = xcalloc(layout->count + 1, sizeof(*work.sums));
	work.neighbours = xcalloc(layout->count + 1, sizeof(*work.neighbours));
	/* In the second half the order stays: it is only for the distances. */
	for (int i = 0; i < SWEEPS; i++) {
		sweep(&work, WAY_FORWARDS, i < SWEEPS / 2);
		if (i + 1 < SWEEPS)
			sweep(&work, WAY_BACKWARDS, i < SWEEPS / 2);
	}
	shift_up(layout);
	for (size_t i = 0; i < layout->columns; i++)
		free(work.columns[i]);
	free(work.columns);
	free(work.counts);
	free(work.sums);
	free(work.neighbours);
	free(work.links[WAY_FORWARDS]);
	free(work.links[WAY_BACKWARDS]);
}

void layout_free(struct layout *layout)
{
	free(layout->boxes);
	free(layout->first);
}
