/*
 * pype dead-letter list, show.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/flow/commands/dead_letter_command.h"
#include "cmd/flow/run/happening.h"
#include "common/json_text.h"
#include "common/message.h"
#include "common/output.h"
#include "common/unit.h"
#include "common/utf8.h"
#include "common/zone.h"

enum { SHOWN = 2000 }; /* bytes of a line, for people */

static void write_out(struct line_writer *out, const struct text *line)
{
	line_writer_add(out, line->data, line->length);
	output_check(line_writer_end(out));
}

/* One line: control characters as \xNN, as messages have them, and whatever is not UTF-8. */
static void add_masked(struct text *line, const char *bytes, size_t length)
{
	size_t shown = length;
	bool utf8;

	/* Not in the middle of a character. */
	if (shown > SHOWN)
		for (shown = SHOWN; shown > SHOWN - 4 && ((unsigned char)bytes[shown] & 0xc0) == 0x80; shown--)
			;
	utf8 = utf8_valid(bytes, shown);
	for (size_t i = 0; i < shown; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		if ((byte < 0x20 && byte != '\t') || byte == 0x7f || (byte >= 0x80 && !utf8))
			text_addf(line, "\\x%02x", byte);
		else
			text_add_char(line, bytes[i]);
	}
	if (shown < length)
		text_addf(line, "... (%zu bytes)", length);
}

static void add_string(struct text *line, const struct json_span *string)
{
	struct text plain = {0};

	text_init(&plain);
	if (string->kind == JSON_STRING)
		json_add_unescaped(&plain, string->at, string->length);
	add_masked(line, plain.data, plain.length);
	text_free(&plain);
}

/* list */

struct summary {
	const char *stage;
	uint64_t letters, torn, bytes;
	int64_t oldest, newest; /* LETTER_NO_TIME: unknown */
	struct text error; /* of the last one, as a JSON string; or "" */
};

static void sum_up(struct dead_letter_job *job, const char *stage, struct summary *summary)
{
	struct letters_record record;
	struct letters letters;

	*summary = (struct summary){.stage = stage, .oldest = LETTER_NO_TIME, .newest = LETTER_NO_TIME};
	text_init(&summary->error);
	dead_letter_open(job, stage, &letters);
	while (dead_letter_next(job, &letters, &record)) {
		const struct letter *letter = &record.letter;

		summary->bytes += record.length + 1;
		if (!record.whole) {
			summary->torn++;
			continue;
		}
		summary->letters++;
		text_clear(&summary->error);
		text_add(&summary->error, letter->error.at, letter->error.length);
		if (letter->time == LETTER_NO_TIME)
			continue;
		if (summary->oldest == LETTER_NO_TIME || letter->time < summary->oldest)
			summary->oldest = letter->time;
		if (summary->newest == LETTER_NO_TIME || letter->time > summary->newest)
			summary->newest = letter->time;
	}
	letters_close(&letters);
}

static void add_time_member(struct text *line, const char *name, int64_t time)
{
	char seconds[UNIT_TEXT_MAX];

	if (time == LETTER_NO_TIME)
		return;
	unit_time_text(seconds, time);
	text_addf(line, ",\"%s\":%s", name, seconds);
}

static void add_event(struct text *line, const struct summary *summary)
{
	happening_begin(line, "dead_letters", summary->stage);
	text_addf(line, "\"letters\":%llu,\"torn\":%llu,\"bytes\":%llu", (unsigned long long)summary->letters,
	          (unsigned long long)summary->torn, (unsigned long long)summary->bytes);
	add_time_member(line, "oldest", summary->oldest);
	add_time_member(line, "newest", summary->newest);
	if (summary->error.length > 0)
		text_addf(line, ",\"error\":%s", summary->error.data);
	text_add_string(line, "}}");
}

static char *whole_seconds(char *buffer, int64_t time)
{
	if (time == LETTER_NO_TIME)
		return strcpy(buffer, "-");
	return zone_text(buffer, time - zone_rest(time, UNIT_S));
}

static void add_row(struct text *line, const struct summary *summary, int width)
{
	char size[UNIT_TEXT_MAX], oldest[ZONE_TEXT_MAX], newest[ZONE_TEXT_MAX];
	struct json_span error = {.at = summary->error.data, .length = summary->error.length, .kind = JSON_STRING};

	snprintf(size, sizeof(size), "%llu", (unsigned long long)summary->bytes);
	text_addf(line, "%-*s  %7llu  %4llu  %9s  %-25s  %-25s  ", width, summary->stage,
	          (unsigned long long)summary->letters, (unsigned long long)summary->torn, size,
	          whole_seconds(oldest, summary->oldest), whole_seconds(newest, summary->newest));
	if (error.length > 0)
		add_string(line, &error);
}

int dead_letter_list(struct dead_letter_job *job)
{
	struct line_writer out;
	struct text line = {0};
	size_t width = strlen("STAGE");
	bool begun = false;

	line_writer_init(&out, STDOUT_FILENO);
	for (size_t i = 0; i < job->stages.count; i++)
		if (strlen(job->stages.items[i]) > width)
			width = strlen(job->stages.items[i]);
	for (size_t i = 0; i < job->stages.count; i++) {
		struct summary summary;

		sum_up(job, job->stages.items[i], &summary);
		if (summary.letters > 0 || summary.torn > 0) {
			text_clear(&line);
			if (job->json)
				add_event(&line, &summary);
			else if (!begun)
				text_addf(&line, "%-*s  LETTERS  TORN      BYTES  %-25s  %-25s  LAST ERROR\n",
				          (int)width, "STAGE", "OLDEST", "NEWEST");
			begun = true;
			if (!job->json)
				add_row(&line, &summary, (int)width);
			write_out(&out, &line);
		}
		text_free(&summary.error);
	}
	output_check(line_writer_flush(&out));
	line_writer_free(&out);
	text_free(&line);
	return STATUS_OK;
}

/* show */

static void add_head(struct text *line, const char *stage, const struct letter *letter)
{
	char time[ZONE_TEXT_MAX] = "-";

	if (letter->time != LETTER_NO_TIME)
		zone_text(time, letter->time);
	text_addf(line, "%s %s: ", time, stage);
	if (letter->line > 0)
		text_addf(line, "line %llu: ", (unsigned long long)letter->line);
	if (letter->at != LETTER_NOWHERE)
		text_addf(line, "byte %llu: ", (unsigned long long)letter->at);
	if (letter->signal >= 0)
		text_addf(line, "signal %lld: ", (long long)letter->signal);
	if (letter->exit >= 0)
		text_addf(line, "exit %lld: ", (long long)letter->exit);
	add_string(line, &letter->error);
}

static void add_letter(struct text *line, const char *stage, const struct letters_record *record)
{
	struct text body = {0};

	text_init(&body);
	if (!record->whole) {
		text_addf(line, "- %s: half a record, of a writer that was killed:\n  ", stage);
		add_masked(line, record->line, record->length);
	} else {
		add_head(line, stage, &record->letter);
		text_add_string(line, "\n  ");
		if (letter_add_line(&body, &record->letter))
			add_masked(line, body.data, body.length);
	}
	text_free(&body);
}

/* How many come before the newest ones. */
static uint64_t count_older(struct dead_letter_job *job, struct letters *letters)
{
	struct letters_record record;
	uint64_t count = 0;

	if (job->limit < 0)
		return 0;
	while (dead_letter_next(job, letters, &record))
		count++;
	letters_rewind(letters);
	return count > (uint64_t)job->limit ? count - (uint64_t)job->limit : 0;
}

static void show_stage(struct dead_letter_job *job, const char *stage, struct line_writer *out)
{
	struct letters_record record;
	struct letters letters;
	struct text line = {0};
	uint64_t older, torn = 0;

	dead_letter_open(job, stage, &letters);
	older = count_older(job, &letters);
	while (dead_letter_next(job, &letters, &record)) {
		if (older > 0) {
			older--;
			continue;
		}
		text_clear(&line);
		if (!job->json)
			add_letter(&line, stage, &record);
		else if (record.whole)
			text_add(&line, record.line, record.length);
		torn += !record.whole;
		if (line.length > 0)
			write_out(out, &line);
	}
	if (job->json && torn > 0)
		message_warning("%s: %llu half records, of writers that were killed, are left out", stage,
		                (unsigned long long)torn);
	letters_close(&letters);
	text_free(&line);
}

int dead_letter_show(struct dead_letter_job *job)
{
	struct line_writer out;

	line_writer_init(&out, STDOUT_FILENO);
	for (size_t i = 0; i < job->stages.count; i++)
		show_stage(job, job->stages.items[i], &out);
	output_check(line_writer_flush(&out));
	line_writer_free(&out);
	return STATUS_OK;
}
