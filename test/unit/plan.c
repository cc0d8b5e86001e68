// with: cmd/flow/manager/plan.c
/*
 * plan: how stages are joined.
 */
#include "cmd/flow/manager/plan.h"
#include "test/unit/tap.h"

static void test_chain(struct tap *tap)
{
	struct manifest_edge from_first = {.stage = 0}, from_second = {.stage = 1};
	struct manifest_stage stages[3] = {
		{.name = (char[]){"a"}},
		{.name = (char[]){"b"}, .from = &from_first, .from_count = 1},
		{.name = (char[]){"c"}, .from = &from_second, .from_count = 1},
	};
	struct manifest_pipeline pipeline = {.stages = stages, .count = 3};
	struct plan plan;

	for (int i = 0; i < 3; i++) {
		stages[i].settings.buffer = 256 << 10;
		stages[i].settings.delivery = DELIVERY_EXACT;
		stages[i].settings.when_full = WHEN_FULL_BLOCK;
	}
	plan_make(&plan, &pipeline);
	tap_ok(tap, plan.stages[0].in == IN_NONE && plan.stages[1].in == IN_SHARED && plan.stages[2].in == IN_SHARED,
	       "a chain shares its rings");
	tap_ok(tap, plan.stages[0].out_size == 256 << 10 && plan.stages[0].slots == 1 && plan.link_count == 0,
	       "a ring is as large as its reader's buffer");
	tap_ok(tap, plan.stages[2].drained && plan.stages[2].slots == 1 && plan.stages[2].paged,
	       "what nobody reads is drained");
	plan_free(&plan);

	for (int i = 0; i < 3; i++)
		stages[i].settings.delivery = DELIVERY_FAST;
	plan_make(&plan, &pipeline);
	tap_ok(tap,
	       plan.stages[0].out == OUT_PIPE && plan.stages[1].in == IN_PIPE && plan.stages[2].out == OUT_INHERITED,
	       "a fast chain is the kernel's");
	tap_ok(tap, !plan_has_memory(&plan.stages[0]) && !plan_has_memory(&plan.stages[2]), "and has no memory");
	plan_free(&plan);
}

static void test_graph(struct tap *tap)
{
	struct manifest_edge b_from = {.stage = 0}, c_from = {.stage = 0, .event = (char[]){"gap"}},
			     d_from[2] = {{.stage = 1}, {.stage = 2}};
	struct manifest_stage stages[4] = {
		{.name = (char[]){"a"}},
		{.name = (char[]){"b"}, .from = &b_from, .from_count = 1},
		{.name = (char[]){"c"}, .from = &c_from, .from_count = 1},
		{.name = (char[]){"d"}, .from = d_from, .from_count = 2},
	};
	struct manifest_pipeline pipeline = {.stages = stages, .count = 4};
	struct plan plan;

	for (int i = 0; i < 4; i++) {
		stages[i].settings.buffer = 1 << 20;
		stages[i].settings.delivery = DELIVERY_FAST;
		stages[i].settings.when_full = WHEN_FULL_BLOCK;
	}
	plan_make(&plan, &pipeline);
	tap_ok(tap, plan.stages[1].in == IN_SHARED, "one of two readers shares the ring, fast or not");
	tap_ok(tap, plan.stages[2].in == IN_OWN && plan.stages[3].in == IN_OWN,
	       "a choice, and a merge, have rings of their own");
	tap_ok(tap, plan.stages[0].slots == 2 && plan.stages[1].slots == 1 && plan.stages[2].slots == 1,
	       "each reader has a slot");
	tap_ok(tap,
	       plan.link_count == 3 && plan.links[0].to == 2 && plan.links[0].from == 0 &&
	               plan.links[0].slot != plan.stages[1].slot && !plan.links[0].all && plan.links[1].from == 1 &&
	               plan.links[2].from == 2 && plan.links[2].to == 3,
	       "links side by side, in the order of from");
	plan_free(&plan);
}

int main(void)
{
	struct tap tap = {0};

	test_chain(&tap);
	test_graph(&tap);
	return tap_end(&tap);
}
