/*
 * board: what the flow process knows of a pipeline's stages, for whoever asks (`pype ps`).
 *
 * It is written by the happenings that pass by anyway; nothing is done while nobody asks. What a stage counts lies with the stage:
 * `fill` fetches it when somebody asks.
 */
#ifndef PYPE_FLOW_BOARD_H
#define PYPE_FLOW_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cmd/flow/run/heard.h"
#include "cmd/flow/manifest/manifest.h"
#include "common/text.h"

enum board_state { BOARD_DOWN, BOARD_UP, BOARD_WAITING, BOARD_DONE, BOARD_FAILED };

enum { BOARD_FAILURE = 300 };

struct board_stage {
	const struct manifest_stage *manifest;
	size_t index; /* in its pipeline */
	enum board_state state;
	pid_t pid; /* 0: none */
	uint64_t starts, failures;
	int64_t started; /* monotonic nanoseconds */
	int64_t until; /* WAITING: when it starts again */
	char *failure; /* the last one, or NULL */

	/* from board_fill */
	const char *mode; /* how it takes part: page, plain, lines, eof, fast; NULL: not known */
	bool counted, drops, queues; /* what is known of the following */
	uint64_t in, out, bad; /* events since the pipeline was started */
	uint64_t dropped; /* of those on their way in */
	uint64_t queue; /* bytes that wait in front of it */

	/* private: when the rate was last found out, of which count */
	int64_t sampled;
	uint64_t sample;
	double rate; /* events out in a second; -1: not known */
};

/* Puts down what is known of how the stage takes part, what it counts and what waits for it. */
typedef void board_fill(void *context, struct board_stage *stage);

struct board {
	struct board_stage *stages;
	size_t count;
	board_fill *fill;
	void *context; /* of fill */
};

/* The manifest is borrowed. */
void board_init(struct board *board, const struct manifest_pipeline *manifest, board_fill *fill, void *context);
void board_free(struct board *board);

/* A happening of the stage with this name. */
void board_hear(struct board *board, const char *stage, const struct heard *heard);
/* Fills all of it: what is shown when there is nothing to fill it from any more. */
void board_fill_all(struct board *board);
/* The manager is gone, and its stages with it. */
void board_down(struct board *board);
const struct board_stage *board_find(const struct board *board, const char *stage);

/* Appends a stage as an event "stage" of that pipeline: pype-control(5). */
void board_add_stage(struct board *board, size_t index, const char *pipeline, struct text *text);

#endif
