#include <string.h>

#include "cmd/sources/cron/cron.h"
#include "common/signals.h"
#include "common/unit.h"

static void write_line(struct cron *cron, const char *line, size_t length)
{
	struct line_writer *out = &cron->source.out;

	line_writer_add(out, line, length);
	if (line_writer_end_raw(out) < 0)
		source_flush(&cron->source); /* meets the same error, and says it */
}

static void write_ticks(struct cron *cron, const char *head)
{
	static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
	                                       "Thursday", "Friday", "Saturday"};
	char time[ZONE_TEXT_MAX];
	struct zone_span span = {0};
	struct text line = {0};
	int64_t second;

	for (ticks_start(cron); ticks_wanted(cron) && !signals_stop(); ticks_advance(cron)) {
		cron->place.left--;
		text_clear(&line);
		text_addf(&line, "%s%s", head, zone_text(time, cron->tick));
		if (cron->explain) {
			second = zone_floor(cron->tick, UNIT_S);
			zone_span_find(&span, second);
			text_addf(&line, " %s", weekdays[zone_weekday(zone_floor(second + span.offset, 86400))]);
		}
		text_add_char(&line, '\n');
		write_line(cron, line.data, line.length);
	}
	text_free(&line);
}

static void explain(struct cron *cron)
{
	struct text text = {0};
	char period[UNIT_TEXT_MAX];

	schedule_explain(&cron->ticks, &text);
	if (cron->interval != CRON_UNSET)
		text_addf(&text, "time of an event: the start of the last %s that are over\n",
		          unit_duration_text(period, cron->interval));
	write_line(cron, text.data, text.length);
	text_free(&text);
}

void list_ticks(struct cron *cron)
{
	if (cron->explain)
		explain(cron);
	write_ticks(cron, cron->explain ? "next: " : "");
}
