#include "cmd/flow/manager/plan.h"

#include <stdlib.h>

#include "common/memory.h"

enum { LEAST_RING = 64 << 10, DURABLE_RING = 256 << 10, DURABLE_QUOTA = 64 << 20, ANSWERED_RING = 256 << 10 };

static size_t count_readers(const struct manifest_pipeline *pipeline, size_t stage)
{
	size_t readers = 0;

	for (size_t i = 0; i < pipeline->count; i++)
		for (size_t j = 0; j < pipeline->stages[i].from_count; j++)
			readers += pipeline->stages[i].from[j].stage == stage;
	return readers;
}

/* A stage that answers some time later needs its input kept for so long: programs write in blocks, and answer after the next line. */
static uint64_t buffer_of(const struct manifest_stage *stage)
{
	uint64_t least = stage->settings.ack == ACK_LINES || stage->settings.ack == ACK_EOF ? ANSWERED_RING : 0;

	return stage->settings.buffer > least ? stage->settings.buffer : least;
}

static void choose_in(struct plan *plan, const struct manifest_pipeline *pipeline, size_t number)
{
	const struct manifest_stage *stage = &pipeline->stages[number];
	const struct manifest_settings *settings = &stage->settings;
	struct plan_stage *planned = &plan->stages[number];
	bool all_of_one = stage->from_count == 1 && !stage->from[0].event;

	planned->from = stage->from_count > 0 ? stage->from[0].stage : 0;
	planned->in_size = buffer_of(stage);
	if (stage->from_count == 0)
		planned->in = IN_NONE;
	else if (plan->durable)
		planned->in = IN_OWN;
	else if (all_of_one && settings->delivery == DELIVERY_FAST && count_readers(pipeline, planned->from) == 1)
		planned->in = IN_PIPE;
	else if (all_of_one && settings->when_full == WHEN_FULL_BLOCK)
		planned->in = IN_SHARED;
	else
		planned->in = IN_OWN;
	/* What is dropped first is what waits in the writer's ring: little shall wait behind it. */
	if (settings->when_full == WHEN_FULL_DROP_OLDEST && planned->in_size > LEAST_RING)
		planned->in_size = LEAST_RING;
}

static void choose_out(struct plan *plan, const struct manifest_pipeline *pipeline, size_t number)
{
	const struct manifest_settings *settings = &pipeline->stages[number].settings;
	struct plan_stage *planned = &plan->stages[number];
	size_t readers = count_readers(pipeline, number);

	planned->out = OUT_RING;
	planned->out_size = LEAST_RING;
	if (plan->durable && settings->quota >= DURABLE_QUOTA)
		planned->out_size = DURABLE_RING;
	if (readers == 0 && settings->delivery == DELIVERY_FAST && !plan->durable)
		planned->out = OUT_INHERITED;
	if (readers == 0) {
		planned->drained = planned->out == OUT_RING;
		planned->slots = 1;
		planned->out_size = settings->buffer;
	}
}

/* Those to a stage are side by side, and the newest are its. */
static bool has_link(const struct plan *plan, size_t from, size_t to)
{
	for (size_t i = plan->link_count; i-- > 0 && plan->links[i].to == to;)
		if (plan->links[i].from == from)
			return true;
	return false;
}

/* Gives the readers their slots. */
static void join(struct plan *plan, const struct manifest_pipeline *pipeline, size_t number)
{
	const struct manifest_stage *stage = &pipeline->stages[number];
	struct plan_stage *planned = &plan->stages[number];

	for (size_t j = 0; j < stage->from_count; j++) {
		struct plan_stage *writer = &plan->stages[stage->from[j].stage];
		bool here = planned->in == IN_SHARED || stage->settings.when_full == WHEN_FULL_DROP_OLDEST;

		if (planned->in == IN_PIPE) {
			writer->out = OUT_PIPE;
			return;
		}
		if (has_link(plan, stage->from[j].stage, number))
			continue;
		if (here && buffer_of(stage) > writer->out_size)
			writer->out_size = buffer_of(stage);
		if (planned->in == IN_SHARED) {
			planned->slot = writer->slots++;
			return;
		}
		plan->links[plan->link_count++] = (struct plan_link){
			.from = stage->from[j].stage,
			.to = number,
			.slot = writer->slots++,
			.all = !stage->from[j].event,
		};
	}
}

void plan_make(struct plan *plan, const struct manifest_pipeline *pipeline)
{
	size_t edges = 0;

	for (size_t i = 0; i < pipeline->count; i++)
		edges += pipeline->stages[i].from_count;
	*plan = (struct plan){
		.stages = xcalloc(pipeline->count, sizeof(*plan->stages)),
		.count = pipeline->count,
		.links = xcalloc(edges + 1, sizeof(*plan->links)),
	};
	for (size_t i = 0; i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];

		plan->sync |= stage->from_count == 0 && stage->settings.protocol == PROTOCOL_SYNC;
		plan->durable |= stage->settings.delivery == DELIVERY_DURABLE;
	}
	for (size_t i = 0; i < pipeline->count; i++) {
		choose_in(plan, pipeline, i);
		choose_out(plan, pipeline, i);
	}
	for (size_t i = 0; i < pipeline->count; i++)
		join(plan, pipeline, i);
	for (size_t i = 0; i < pipeline->count && plan->durable; i++)
		if (!plan->stages[i].drained)
			plan->stages[i].journal_slot = plan->stages[i].slots++;
	for (size_t i = 0; i < pipeline->count; i++)
		plan->stages[i].paged = plan->stages[i].in != IN_PIPE && plan->stages[i].out == OUT_RING;
}

void plan_free(struct plan *plan)
{
	free(plan->stages);
	free(plan->links);
	*plan = (struct plan){0};
}
