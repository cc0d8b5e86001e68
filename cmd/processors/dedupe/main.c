/*
 * pype-dedupe: an event passes once, or when something about it has changed.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/dedupe/seen.h"
#include "common/json_text.h"
#include "common/key_paths.h"
#include "common/moment.h"
#include "common/option.h"
#include "common/stage.h"
#include "common/stage_held.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-dedupe",
	.summary = "pass events on that are new",
	.operands = "",
};

struct dedupe {
	struct key_paths key, by;
	int64_t ttl, most;
	bool changes, event_time;
	char *path;

	struct stage stage;
	struct seen seen;
	int time_slot;
	uint64_t passed;
	struct text text; /* what a fingerprint is taken of */
};

static void check_options(struct dedupe *dedupe)
{
	int64_t most = dedupe->path ? SEEN_FILE_MOST : SEEN_MOST;
	const char *mistake;

	key_paths_compile(&dedupe->key, &dedupe->stage.want, "key");
	key_paths_compile(&dedupe->by, &dedupe->stage.want, "by");
	dedupe->time_slot = json_want_path(&dedupe->stage.want, ".time", &mistake);
	if (dedupe->by.names.count > 0 && !dedupe->changes)
		die("--by needs --changes; what makes events the same is --key");
	if (dedupe->event_time && dedupe->ttl == 0)
		die("--event-time needs --ttl");
	if (dedupe->most < 1 || dedupe->most > most)
		die("--max-keys: from 1 to %lld%s", (long long)most, dedupe->path ? " with --state" : "");
}

/* The options that say which events are the same. */
static char *rules(const struct dedupe *dedupe)
{
	struct text text = {0};

	text_addf(&text, "changes %d event-time %d\n", dedupe->changes, dedupe->event_time);
	for (size_t i = 0; i < dedupe->key.names.count; i++)
		text_addf(&text, "key %s\n", dedupe->key.names.items[i]);
	for (size_t i = 0; i < dedupe->by.names.count; i++)
		text_addf(&text, "by %s\n", dedupe->by.names.items[i]);
	return text_detach(&text);
}

static struct fingerprint take_fingerprint(struct dedupe *dedupe)
{
	struct fingerprint result = fingerprint_of(&dedupe->seen.seed, dedupe->text.data, dedupe->text.length);

	text_clear(&dedupe->text);
	return result;
}

/* What --key names; without it the whole event but for its time. */
static struct fingerprint key_of(struct dedupe *dedupe)
{
	const struct event *event = &dedupe->stage.event;

	if (dedupe->key.names.count > 0)
		key_paths_add(&dedupe->key, event->spans, &dedupe->text);
	else
		fingerprint_add_members(&dedupe->text, event->line + event->json.start, "time");
	return take_fingerprint(dedupe);
}

/* False: it has none, and was put away. */
static bool time_of(struct dedupe *dedupe, int64_t *time)
{
	*time = 0;
	if (dedupe->ttl == 0)
		return true;
	*time = moment_unix();
	if (!dedupe->event_time || json_time(&dedupe->stage.event.spans[dedupe->time_slot], time))
		return true;
	stage_bad(&dedupe->stage, "no time that --event-time could go by");
	return false;
}

static bool is_new(const struct dedupe *dedupe, const struct seen_record *record, const struct fingerprint *value,
                   int64_t time)
{
	return !record || (dedupe->ttl > 0 && time - record->time >= dedupe->ttl) ||
	       (dedupe->changes && !fingerprint_same(&record->value, value));
}

/* All that was handled is out: what is remembered up to here is what a successor goes on with. */
static void keep(struct dedupe *dedupe)
{
	stage_flush(&dedupe->stage);
	seen_kept(&dedupe->seen);
}

static void before_wait(struct stage *stage)
{
	keep(stage->context);
}

static void remember(struct dedupe *dedupe, const struct fingerprint *key, const struct fingerprint *value,
                     int64_t time)
{
	uint64_t count;

	if (seen_is_full(&dedupe->seen))
		keep(dedupe);
	seen_put(&dedupe->seen, key, value, time);
	if (!dedupe->path)
		return;
	count = seen_count(&dedupe->seen);
	stage_cursor(&dedupe->stage, &count, sizeof(count));
}

static void handle(struct dedupe *dedupe)
{
	const struct event *event = &dedupe->stage.event;
	struct fingerprint key, value;
	int64_t time;

	if (!time_of(dedupe, &time))
		return;
	key = value = key_of(dedupe);
	if (dedupe->changes) {
		key_paths_add(&dedupe->by, event->spans, &dedupe->text);
		key = take_fingerprint(dedupe);
	}
	if (!is_new(dedupe, seen_find(&dedupe->seen, &key), &value, time))
		return;
	stage_will_write(&dedupe->stage, event->length);
	remember(dedupe, &key, &value, time);
	line_writer_add(&dedupe->stage.out, event->line, event->length);
	stage_end_handled(&dedupe->stage);
	dedupe->passed++;
}

static void open_state(struct dedupe *dedupe)
{
	char *text = rules(dedupe);
	size_t length;
	const void *cursor = stage_resumed(&dedupe->stage, &length);
	uint64_t count;

	if (cursor && length == sizeof(count))
		memcpy(&count, cursor, sizeof(count));
	else
		cursor = NULL;
	seen_open(&dedupe->seen, dedupe->path, text, cursor ? &count : NULL);
	free(text);
	/* A successor goes back to this, even if there is no other mark. */
	count = seen_count(&dedupe->seen);
	stage_cursor(&dedupe->stage, &count, sizeof(count));
	stage_flush(&dedupe->stage);
}

static int run(struct dedupe *dedupe)
{
	uint64_t before, bad;

	dedupe->stage.context = dedupe;
	dedupe->stage.before_wait = before_wait;
	stage_open(&dedupe->stage);
	seen_init(&dedupe->seen, (size_t)dedupe->most);
	if (dedupe->path)
		open_state(dedupe);
	before = dedupe->stage.events;
	bad = dedupe->stage.bad;
	while (stage_next(&dedupe->stage))
		handle(dedupe);
	keep(dedupe);
	message_info("%llu events, %llu passed on, %llu seen before; %llu keys forgotten (--max-keys)",
	             (unsigned long long)(dedupe->stage.events - before), (unsigned long long)dedupe->passed,
	             (unsigned long long)(dedupe->stage.events - before - dedupe->passed - (dedupe->stage.bad - bad)),
	             (unsigned long long)dedupe->seen.forgotten);
	seen_free(&dedupe->seen);
	text_free(&dedupe->text);
	return stage_close(&dedupe->stage);
}

int main(int argc, char **argv)
{
	struct dedupe dedupe = {.most = 100000};
	const struct option options[] = {
		OPTION_LIST('k', "key", "PATH", &dedupe.key.names,
	                    "events are the same if this is; may be repeated (all but .time)"),
		OPTION_FLAG('c', "changes", &dedupe.changes, "pass an event when its key differs from the last one's"),
		OPTION_LIST('b', "by", "PATH", &dedupe.by.names,
	                    "with --changes: for each value of this; may be repeated"),
		OPTION_DURATION(0, "ttl", "TIME", &dedupe.ttl, "forget a key this long after it passed (never)"),
		OPTION_FLAG(0, "event-time", &dedupe.event_time, "--ttl goes by the time of events, not by the clock"),
		OPTION_NUMBER(0, "max-keys", "N", &dedupe.most, "keys to remember; the oldest go first (100000)"),
		OPTION_STRING(0, "state", "FILE", &dedupe.path, "keep what was seen there, for the next run"),
		OPTION_END,
	};
	int status;

	(void)argc;
	option_parse_both(&program, options, stage_options(&dedupe.stage), argv);
	check_options(&dedupe);
	status = option_checking() ? STATUS_OK : run(&dedupe);
	key_paths_free(&dedupe.key);
	key_paths_free(&dedupe.by);
	json_want_free(&dedupe.stage.want);
	return status;
}
