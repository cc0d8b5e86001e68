#include "cmd/flow/run/board.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/run/happening.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

/* A rate over less time than this says little. */
static const int64_t least_span = UNIT_S / 2;

void board_init(struct board *board, const struct manifest_pipeline *manifest, board_fill *fill, void *context)
{
	*board = (struct board){.count = manifest->count, .fill = fill, .context = context};
	board->stages = xcalloc(board->count, sizeof(*board->stages));
	for (size_t i = 0; i < board->count; i++) {
		struct board_stage *stage = &board->stages[i];

		stage->manifest = &manifest->stages[i];
		stage->index = i;
		stage->rate = -1;
	}
}

void board_free(struct board *board)
{
	for (size_t i = 0; i < board->count; i++)
		free(board->stages[i].failure);
	free(board->stages);
	*board = (struct board){0};
}

static struct board_stage *find(const struct board *board, const char *name)
{
	for (size_t i = 0; i < board->count; i++)
		if (strcmp(board->stages[i].manifest->name, name) == 0)
			return &board->stages[i];
	return NULL;
}

const struct board_stage *board_find(const struct board *board, const char *stage)
{
	return find(board, stage);
}

/* What becomes of a stage, by the name of the happening. */

static void started(struct board_stage *stage, const struct heard *heard)
{
	stage->state = BOARD_UP;
	stage->pid = heard->pid > 0 ? (pid_t)heard->pid : 0;
	stage->starts++;
	stage->started = moment_now();
}

static void finished(struct board_stage *stage, const struct heard *heard)
{
	(void)heard;
	stage->state = BOARD_DONE;
	stage->pid = 0;
}

static void note_failure(struct board_stage *stage, const struct heard *heard)
{
	stage->pid = 0;
	stage->failures++;
	free(stage->failure);
	stage->failure = xstrndup(heard->message.data, BOARD_FAILURE);
}

static void failed(struct board_stage *stage, const struct heard *heard)
{
	note_failure(stage, heard);
	stage->state = BOARD_WAITING;
	stage->until = moment_now() + (int64_t)(heard->restart_in > 0 ? heard->restart_in * (double)UNIT_S : 0);
}

static void given_up(struct board_stage *stage, const struct heard *heard)
{
	note_failure(stage, heard);
	stage->state = BOARD_FAILED;
}

void board_hear(struct board *board, const char *name, const struct heard *heard)
{
	static const struct {
		const char *name;
		void (*put)(struct board_stage *stage, const struct heard *heard);
	} rules[] = {
		{"started", started},
		{"finished", finished},
		{"failed", failed},
		{"given_up", given_up},
	};
	struct board_stage *stage = find(board, name);

	for (size_t i = 0; stage && i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].name, heard->event.data) == 0)
			rules[i].put(stage, heard);
}

void board_fill_all(struct board *board)
{
	for (size_t i = 0; i < board->count; i++)
		board->fill(board->context, &board->stages[i]);
}

void board_down(struct board *board)
{
	for (size_t i = 0; i < board->count; i++) {
		struct board_stage *stage = &board->stages[i];

		if (stage->state == BOARD_UP || stage->state == BOARD_WAITING)
			stage->state = BOARD_DOWN;
		stage->pid = 0;
	}
}

/* Over the time since somebody asked, or since the start. */
static void find_rate(struct board_stage *stage, int64_t now)
{
	int64_t since = stage->sampled > stage->started ? stage->sampled : stage->started;

	if (stage->sampled && now - stage->sampled < least_span)
		return;
	if (stage->out >= stage->sample && now > since)
		stage->rate = (double)(stage->out - stage->sample) * (double)UNIT_S / (double)(now - since);
	stage->sampled = now;
	stage->sample = stage->out;
}

static void add_counts(struct board_stage *stage, int64_t now, struct text *text)
{
	if (stage->mode)
		text_addf(text, ",\"mode\":\"%s\"", stage->mode);
	if (stage->counted) {
		find_rate(stage, now);
		text_addf(text, ",\"in\":%" PRIu64 ",\"out\":%" PRIu64 ",\"bad\":%" PRIu64, stage->in, stage->out,
		          stage->bad);
	}
	if (stage->counted && stage->rate >= 0)
		text_addf(text, ",\"rate\":%.1f", stage->rate);
	if (stage->drops)
		text_addf(text, ",\"dropped\":%" PRIu64, stage->dropped);
	if (stage->queues)
		text_addf(text, ",\"queue\":%" PRIu64, stage->queue);
}

void board_add_stage(struct board *board, size_t index, const char *pipeline, struct text *text)
{
	static const char *const states[] = {
		[BOARD_DOWN] = "down", [BOARD_UP] = "up",         [BOARD_WAITING] = "waiting",
		[BOARD_DONE] = "done", [BOARD_FAILED] = "failed",
	};
	struct board_stage *stage = &board->stages[index];
	struct text event = {0}, name = {0};
	int64_t now = moment_now();

	text_addf(&name, "%s.%s", pipeline, stage->manifest->name);
	happening_begin(&event, "stage", name.data);
	text_addf(&event, "\"state\":\"%s\",\"starts\":%" PRIu64 ",\"failures\":%" PRIu64, states[stage->state],
	          stage->starts, stage->failures);
	if (stage->pid > 0)
		text_addf(&event, ",\"pid\":%d", (int)stage->pid);
	if (stage->state == BOARD_UP)
		happening_add_seconds(&event, "uptime", now - stage->started);
	if (stage->state == BOARD_WAITING)
		happening_add_seconds(&event, "restart_in", stage->until > now ? stage->until - now : 0);
	board->fill(board->context, stage);
	add_counts(stage, now, &event);
	if (stage->failure) {
		text_add_string(&event, ",\"failure\":");
		json_add_string(&event, stage->failure, strlen(stage->failure));
	}
	happening_end(&event);
	text_add(text, event.data, event.length);
	text_free(&event);
	text_free(&name);
}
