/*
 * pype-throttle: fewer events, or slower ones.
 */
#include "cmd/processors/throttle/throttle.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/option.h"
#include "common/signals.h"
#include "common/stage_loop.h"

static const struct option_program program = {
	.name = "pype-throttle",
	.summary = "slow events down, or let only some pass",
	.operands = "",
};

static void check_options(struct throttle *throttle)
{
	static const int64_t most_keys = 100000000, most_burst = 1000000000;
	const char *mistake;

	throttle->rule = rule_of(throttle);
	if (throttle->rate_text && !token_bucket_rate(throttle->rate_text, &throttle->interval, &mistake))
		die("--rate '%s': %s", throttle->rate_text, mistake);
	if (!throttle->rate_text && (throttle->burst != 0 || throttle->excess != EXCESS_WAIT))
		die("--burst and --excess need --rate");
	if (throttle->burst > most_burst)
		die("--burst: from 1 to %lld", (long long)most_burst);
	if (throttle->burst == 0)
		throttle->burst = 1;
	if (throttle->keep != KEEP_FIRST && throttle->every == 0)
		die("--keep needs --every");
	if (throttle->event_time && throttle->rate_text && throttle->excess == EXCESS_WAIT)
		die("--event-time with --rate needs --excess drop: the time of events does not pass by waiting");
	if (throttle->event_time && throttle->sample > 0)
		die("--event-time: --sample does not go by time");
	if (throttle->most < 1 || throttle->most > most_keys)
		die("--max-keys: from 1 to %lld", (long long)most_keys);
	key_paths_compile(&throttle->by, &throttle->stage.want, "by");
	throttle->time_slot = json_want_path(&throttle->stage.want, ".time", &mistake);
}

/* What time it is for the current event. False: it has none, and was put away. */
static bool look_at_time(struct throttle *throttle)
{
	int64_t time;

	if (!throttle->event_time) {
		throttle->now = moment_now();
		return true;
	}
	if (!json_time(&throttle->stage.event.spans[throttle->time_slot], &time)) {
		stage_bad(&throttle->stage, "no time that --event-time could go by");
		return false;
	}
	if (time > throttle->now)
		throttle->now = time;
	return true;
}

static void handle(struct throttle *throttle)
{
	if (!look_at_time(throttle))
		return;
	throttle->rule->expire(throttle, true);
	text_clear(&throttle->text);
	key_paths_add(&throttle->by, throttle->stage.event.spans, &throttle->text);
	throttle->key = fingerprint_of(&throttle->handled.seed, throttle->text.data, throttle->text.length);
	if (!throttle->rule->holds || !handled_before(&throttle->handled, &throttle->stage, &throttle->key))
		throttle->rule->handle(throttle);
	waiting_settle(throttle);
}

static void handle_all(struct throttle *throttle)
{
	do {
		while (stage_take(&throttle->stage))
			handle(throttle);
	} while (waiting_relieve(throttle));
}

/* By the clock events pass without others that come. */
static void look_at_clock(struct throttle *throttle)
{
	if (throttle->event_time)
		return;
	throttle->now = moment_now();
	throttle->rule->expire(throttle, false);
}

static void read_all(struct throttle *throttle)
{
	bool more = true;

	while (more && !signals_stop()) {
		look_at_clock(throttle);
		handle_all(throttle);
		if (stage_wait(&throttle->stage, true,
		               throttle->event_time ? INT64_MAX : throttle->rule->due(throttle)))
			more = stage_fill(&throttle->stage);
	}
	handle_all(throttle);
	while (key_map_oldest(&throttle->waits))
		waiting_pass(throttle, key_map_oldest(&throttle->waits), false);
}

static int run(struct throttle *throttle)
{
	struct stage *stage = &throttle->stage;
	uint64_t before, bad;

	stage_open(stage);
	key_map_init(&throttle->gates, sizeof(struct gate));
	key_map_init(&throttle->waits, sizeof(struct waiting));
	throttle->handled.seed = (struct fingerprint_seed){moment_random(), moment_random()};
	throttle->now = INT64_MIN;
	if (throttle->rule->holds)
		handled_init(&throttle->handled, stage);
	else
		rules_open(throttle);
	before = stage->events;
	bad = stage->bad;
	read_all(throttle);
	stage_flush(stage);
	message_info("%llu events, %llu passed on, %llu dropped",
	             (unsigned long long)(stage->events - before - (stage->bad - bad)),
	             (unsigned long long)throttle->passed, (unsigned long long)throttle->dropped);
	key_map_free(&throttle->gates);
	key_map_free(&throttle->waits);
	text_free(&throttle->text);
	return stage_close(stage);
}

int main(int argc, char **argv)
{
	struct throttle throttle = {.most = 100000};
	const struct option options[] = {
		OPTION_STRING('r', "rate", "N/TIME", &throttle.rate_text, "let N events pass in TIME, such as 10/s"),
		OPTION_NUMBER(0, "burst", "N", &throttle.burst, "with --rate: so many may pass at once (1)"),
		OPTION_CHOICE(0, "excess", "wait|drop", &throttle.excess,
	                      "with --rate: what becomes of the others (wait)"),
		OPTION_NUMBER(0, "sample", "N", &throttle.sample, "let the first of each N events pass"),
		OPTION_DURATION('e', "every", "TIME", &throttle.every, "let one event pass in TIME"),
		OPTION_CHOICE(0, "keep", "first|last", &throttle.keep, "with --every: which one (first)"),
		OPTION_DURATION(0, "debounce", "TIME", &throttle.debounce,
	                        "let an event pass when none has come for TIME"),
		OPTION_LIST('b', "by", "PATH", &throttle.by.names, "all that for each value of this; may be repeated"),
		OPTION_FLAG(0, "event-time", &throttle.event_time, "go by the time of events, not by the clock"),
		OPTION_NUMBER(0, "max-keys", "N", &throttle.most, "values of --by to know at a time (100000)"),
		OPTION_END,
	};
	int status;

	(void)argc;
	option_parse_both(&program, options, stage_options(&throttle.stage), argv);
	check_options(&throttle);
	status = option_checking() ? STATUS_OK : run(&throttle);
	key_paths_free(&throttle.by);
	json_want_free(&throttle.stage.want);
	return status;
}
