/*
 * numbers: a source of events whose content is known beforehand, and which knows its place.
 *
 *     {"event":"n","time":I,"source":…,"data":"I.I.I.I"}     for I = 0, 1, 2, …
 *
 * data is "I." again and again, as long as --pad and --seed say of I (checker.py says the same): so a line that was
 * torn, or put together from two, or altered, is found out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/message.h"
#include "common/option.h"
#include "common/signals.h"
#include "common/source.h"
#include "common/text.h"
#include "common/unit.h"
#include "test/torture/log.h"

static const struct option_program program = {
	.name = "numbers",
	.summary = "write numbered events",
	.operands = "",
};

struct numbers {
	int64_t to, every, seed;
	uint64_t pad;
	char *names_text, *log_path;

	struct option_list names;
	struct source source;
	struct clock clock;
	struct text data; /* with its quotes */
	struct log log;
	uint64_t next; /* number */
	uint64_t first; /* of this process */
	int64_t begin; /* when that was due */
};

static uint64_t splitmix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* What data is for this number. */
static void set_data(struct numbers *numbers)
{
	uint64_t mixed = splitmix(((uint64_t)numbers->seed << 40) ^ numbers->next);
	size_t length = (size_t)(mixed % (2 * numbers->pad + 1)), have;
	struct text *data = &numbers->data;
	char word[UNIT_TEXT_MAX];

	snprintf(word, sizeof(word), "\"%" PRIu64 ".", numbers->next);
	text_clear(data);
	text_reserve(data, length + sizeof(word));
	text_add_string(data, word);
	while ((have = data->length - 1) < length)
		text_add(data, data->data + 1, have < length - have ? have : length - have);
	data->length = length + 1;
	text_add_char(data, '"');
}

static void set_names(struct numbers *numbers)
{
	for (char *rest = numbers->names_text, *name; (name = strsep(&rest, ","));)
		option_list_add(&numbers->names, name);
}

static void resume(struct numbers *numbers)
{
	size_t length;
	const void *cursor = source_resumed(&numbers->source, &length);

	/* Killed in the middle of its first block, it has a mark, but no place yet. */
	if (!cursor || length == 0)
		return;
	if (length != sizeof(numbers->next))
		die("the cursor has %zu bytes", length);
	memcpy(&numbers->next, cursor, length);
}

/* Until the next event is due. False: told to stop, or nobody reads any more. */
static bool keep_pace(struct numbers *numbers)
{
	int64_t due = numbers->begin + (int64_t)(numbers->next - numbers->first) * numbers->every;

	if (due > clock_now(&numbers->clock)) {
		source_flush(&numbers->source);
		return clock_wait(&numbers->clock, due, STDOUT_FILENO) < CLOCK_STOP;
	}
	return true;
}

static void write_event(struct numbers *numbers)
{
	const char *name = numbers->names.items[numbers->next % numbers->names.count];
	uint64_t number = numbers->next++;
	const struct text *data = &numbers->data;

	log_begin(&numbers->log);
	if (!source_event(&numbers->source, name, (int64_t)number * UNIT_S, data->data, data->length))
		die("event %" PRIu64 " is longer than a line may be", number);
	source_cursor(&numbers->source, &numbers->next, sizeof(numbers->next));
	/* In lock step this waits until the event is handled to its end. */
	if (numbers->log.path)
		source_flush(&numbers->source);
	log_end(&numbers->log, number);
}

int main(int argc, char **argv)
{
	static char usual[] = "n";
	struct numbers numbers = {.names_text = usual};
	const struct option options[] = {
		OPTION_NUMBER('n', "to", "N", &numbers.to, "stop before this number (0: never)"),
		OPTION_DURATION('e', "every", "TIME", &numbers.every, "pause between two events, on average"),
		OPTION_STRING(0, "names", "NAME,...", &numbers.names_text, "names of the events, in turn (n)"),
		OPTION_SIZE('p', "pad", "BYTES", &numbers.pad, "length of data, on average (0)"),
		OPTION_NUMBER('s', "seed", "N", &numbers.seed, "how the lengths vary (0)"),
		OPTION_STRING(0, "log", "FILE", &numbers.log_path, "append when each event began and was through"),
		OPTION_END,
	};

	(void)argc;
	option_parse_both(&program, options, source_options(&numbers.source), argv);
	if (option_checking())
		return STATUS_OK;
	set_names(&numbers);
	clock_init(&numbers.clock);
	log_open(&numbers.log, numbers.log_path);
	source_open(&numbers.source);
	resume(&numbers);
	numbers.begin = clock_now(&numbers.clock);
	numbers.first = numbers.next;
	while (!signals_stop() && (!numbers.to || numbers.next < (uint64_t)numbers.to)) {
		if (!keep_pace(&numbers))
			break;
		set_data(&numbers);
		write_event(&numbers);
	}
	source_flush(&numbers.source);
	message_info("stopped before %" PRIu64, numbers.next);
	clock_free(&numbers.clock);
	text_free(&numbers.data);
	free(numbers.names.items);
	return source_close(&numbers.source);
}
