#include <stdlib.h>
#include <string.h>

#include "cmd/sources/cron/cron.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/option.h"
#include "common/unit.h"
#include "common/zone.h"

static const struct option_program program = {
	.name = "pype-cron",
	.summary = "emit events on a schedule, or the slots of a span of time",
	.operands = "[SPEC]",
	.least = 0,
	.most = 1,
};

enum { EXPLAINED = 3 }; /* so many ticks, unless --list says otherwise */

static int64_t time_option(const struct cron *cron, const char *option, const char *text)
{
	int64_t time;

	if (!zone_parse(text, clock_now(&cron->clock), &time))
		die("--%s: '%s' is not a time, such as 1795392000, 2026-11-23, 2026-11-23T10:00:00Z or now-2h", option,
		    text);
	return time;
}

static void set_clock(struct cron *cron)
{
	double speed = 1;

	clock_init(&cron->clock);
	if (!cron->now && !cron->speed)
		return;
	if (cron->speed && !clock_speed(cron->speed, &speed))
		die("--speed: '%s' is neither a number from 0.000001 to 1000000 nor 'max'", cron->speed);
	clock_make_up(&cron->clock, cron->now ? time_option(cron, "now", cron->now) : clock_now(&cron->clock), speed);
}

static void set_data(struct cron *cron)
{
	size_t length = strlen(cron->data_text);
	char *copy = xcalloc(length + JSON_PADDING, 1);
	struct json_result result;

	memcpy(copy, cron->data_text, length);
	if (!json_scan(copy, length, NULL, NULL, 0, &result))
		die("--data: not a JSON text: %s at byte %zu", result.error, result.at);
	json_add_compact(&cron->data, copy + result.start, result.end - result.start);
	free(copy);
}

/* The name goes into the events as it is. */
static void check_name(const char *name)
{
	struct text quoted = {0};
	size_t length = strlen(name);

	json_add_string(&quoted, name, length);
	if (!length || quoted.length != length + 2 || memcmp(quoted.data + 1, name, length) != 0)
		die("--name: '%s' is empty or has characters that JSON would have to escape", name);
	text_free(&quoted);
}

static void set_ticks(struct cron *cron)
{
	const char *mistake;

	if (cron->spec && cron->every != CRON_UNSET)
		die("there can be only one of --every and a schedule");
	if (!cron_is_scheduled(cron) && (!cron->once || cron->list != CRON_UNSET || cron->explain))
		die("nothing to do: give a schedule such as '*/5 * * * *', --every, --interval or --once");
	if (cron->every == 0 || cron->interval == 0)
		die("--%s must be more than 0", cron->every == 0 ? "every" : "interval");
	if (cron->spec) {
		if (!schedule_parse(&cron->ticks, cron->spec, &mistake))
			die("schedule '%s': %s", cron->spec, mistake);
	} else if (cron->every != CRON_UNSET || cron->interval != CRON_UNSET) {
		schedule_every(&cron->ticks, cron->every != CRON_UNSET ? cron->every : cron->interval);
	}
	cron->ticks.dst = cron->dst;
	if (cron->interval != CRON_UNSET) {
		schedule_every(&cron->intervals.schedule, cron->interval);
		cron->intervals.schedule.dst = cron->dst;
		cron->intervals.end = CRON_NEVER;
	}
}

/* What is given with --from and --to; the zone must be set. */
static void set_range(struct cron *cron)
{
	cron->start_now |= cron->once;
	if (cron->start_now && cron->from_text)
		die("--%s and --from exclude each other", cron->once ? "once" : "start-now");
	cron->from = cron->from_text ? time_option(cron, "from", cron->from_text) : INT64_MIN;
	cron->to = cron->to_text ? time_option(cron, "to", cron->to_text) : CRON_NEVER;
	if (cron->explain && cron->list == CRON_UNSET)
		cron->list = EXPLAINED;
	cron->place.left = CRON_NEVER;
	if (cron->once)
		cron->place.left = 1;
	else if (cron->list != CRON_UNSET)
		cron->place.left = cron->list;
	else if (cron->count != CRON_UNSET)
		cron->place.left = cron->count;
	cron->place.caught_up = !cron->from_text;
	if (!cron->from_text)
		return;
	if (cron->ticks.period)
		schedule_from(&cron->ticks, cron->from);
	if (cron->interval != CRON_UNSET)
		schedule_from(&cron->intervals.schedule, cron->from);
}

static void compile(struct cron *cron)
{
	if (cron->zone && !zone_set(cron->zone))
		die("--tz: there is no time zone '%s'", cron->zone);
	if (cron->once && cron->state_path)
		die("--once and --state exclude each other");
	if (cron->stable && cron->jitter == 0)
		die("--stable-jitter needs --jitter, which says how much it may be");
	if (cron->data_text)
		set_data(cron);
	if (cron->name)
		check_name(cron->name);
	set_ticks(cron);
	set_clock(cron);
	set_range(cron);
}

static int run(struct cron *cron)
{
	source_open(&cron->source);
	if (cron->list != CRON_UNSET)
		list_ticks(cron);
	else
		run_cron(cron);
	place_file_close(&cron->file);
	clock_free(&cron->clock);
	return source_close(&cron->source);
}

int main(int argc, char **argv)
{
	struct cron cron = {
		.every = CRON_UNSET,
		.interval = CRON_UNSET,
		.count = CRON_UNSET,
		.list = CRON_UNSET,
		.missed = MISSED_ONCE,
	};
	/* clang-format off */
	const struct option options[] = {
		OPTION_DURATION('e', "every", "TIME", &cron.every, "emit at every multiple of TIME"),
		OPTION_DURATION(0, "interval", "TIME", &cron.interval, "the event's time is the start of the last whole interval of TIME"),
		OPTION_DURATION(0, "offset", "TIME", &cron.offset, "take TIME away from the event's time"),
		OPTION_STRING(0, "tz", "ZONE", &cron.zone, "time zone of the schedule and of local times ($TZ)"),
		OPTION_CHOICE(0, "dst", "shift|skip|both", &cron.dst, "local times that the clock jumps over, or shows twice (shift)"),
		OPTION_STRING(0, "from", "TIME", &cron.from_text, "begin with the slots of the past since TIME"),
		OPTION_STRING(0, "to", "TIME", &cron.to_text, "end before the slot at TIME"),
		OPTION_FLAG(0, "once", &cron.once, "one event, now"),
		OPTION_FLAG(0, "start-now", &cron.start_now, "one event now, then those of the schedule"),
		OPTION_NUMBER('n', "count", "N", &cron.count, "end after N events"),
		OPTION_CHOICE(0, "missed", "skip|once|all", &cron.missed, "what to do with slots that were slept through (once)"),
		OPTION_DURATION(0, "jitter", "TIME", &cron.jitter, "emit up to TIME later, by chance"),
		OPTION_STRING(0, "stable-jitter", "KEY", &cron.stable, "always the same --jitter, which depends on KEY"),
		OPTION_STRING(0, "data", "JSON", &cron.data_text, "what the events carry"),
		OPTION_STRING(0, "name", "NAME", &cron.name, "name of the events (cron)"),
		OPTION_FLAG(0, "meta", &cron.meta, "carry when it was due and fired, a number, and how many slots were missed"),
		OPTION_STRING(0, "state", "FILE", &cron.state_path, "keep the place in FILE, and go on there the next time"),
		OPTION_FLAG(0, "explain", &cron.explain, "say the schedule in words and when the next 3 are, and end"),
		OPTION_NUMBER(0, "list", "N", &cron.list, "print when the next N are, and end"),
		OPTION_STRING(0, "now", "TIME", &cron.now, "a made-up clock that shows TIME at first"),
		OPTION_STRING(0, "speed", "N|max", &cron.speed, "a made-up clock that runs N times as fast, or does not wait"),
		OPTION_END,
	};
	/* clang-format on */
	int status;

	(void)argc;
	cron.spec = option_parse_both(&program, options, source_options(&cron.source), argv)[0];
	compile(&cron);
	status = option_checking() ? STATUS_OK : run(&cron);
	text_free(&cron.data);
	text_free(&cron.described);
	return status;
}
