/*
 * pass: a processor that hands each event on as it is; and, when asked to, slowly, or without some of them, or several
 * times; and that dies of one of them.
 *
 * What it does to an event depends on the event's number alone ("time", as numbers writes it), not on those before, so that
 * it is known beforehand whatever happens to its process.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "common/json_text.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/option.h"
#include "common/stage.h"
#include "common/unit.h"
#include "test/torture/log.h"

static const struct option_program program = {
	.name = "pass",
	.summary = "hand numbered events on",
	.operands = "",
};

struct pass {
	int64_t delay, drop, multiply;
	char *as, *log_path, *die_text;
	bool busy;

	struct stage stage;
	struct log log;
	bool numbered; /* the events' numbers are needed */
	bool dies;
	uint64_t die_at;
	int die_by;
};

static void set_death(struct pass *pass)
{
	char *name = strchr(pass->die_text, ',');
	int64_t number;

	if (name)
		*name++ = '\0';
	if (!name || !unit_number(pass->die_text, &number) || number < 0)
		die("--die-at takes a number and a signal, such as 17,KILL");
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i) && strcmp(sigabbrev_np(i), name) == 0)
			pass->die_by = i;
	if (!pass->die_by)
		die("--die-at: there is no signal '%s'", name);
	pass->die_at = (uint64_t)number;
	pass->dies = true;
}

static void wait_a_while(const struct pass *pass)
{
	struct timespec pause = {.tv_sec = pass->delay / UNIT_S, .tv_nsec = pass->delay % UNIT_S};
	int64_t end = moment_now() + pass->delay;

	if (!pass->busy)
		nanosleep(&pause, NULL);
	while (pass->busy && moment_now() < end)
		;
}

static void write_copies(struct pass *pass)
{
	struct stage *stage = &pass->stage;
	const struct event *event = &stage->event;
	char member[UNIT_TEXT_MAX];

	for (int64_t i = 0; i < pass->multiply; i++) {
		snprintf(member, sizeof(member), "\":%" PRId64 ",", i);
		line_writer_add(&stage->out, "{\"", 2);
		line_writer_add(&stage->out, pass->as, strlen(pass->as));
		line_writer_add(&stage->out, member, strlen(member));
		line_writer_add(&stage->out, event->line + 1, event->length - 1);
		stage_end_line(stage);
	}
}

static void handle(struct pass *pass)
{
	struct stage *stage = &pass->stage;
	uint64_t number = pass->numbered ? (uint64_t)json_number(&stage->event.spans[0]) : 0;

	log_begin(&pass->log);
	if (pass->dies && number == pass->die_at)
		raise(pass->die_by);
	if (pass->delay)
		wait_a_while(pass);
	/* Before the next stage can see it, so that what is written down lies within what was. */
	log_end(&pass->log, number);
	if (pass->drop && number % (uint64_t)pass->drop == (uint64_t)pass->drop - 1)
		return;
	if (pass->multiply)
		write_copies(pass);
	else
		stage_write(stage, stage->event.line, stage->event.length);
}

int main(int argc, char **argv)
{
	static char copy[] = "copy";
	struct pass pass = {.as = copy};
	const struct option options[] = {
		OPTION_DURATION('d', "delay", "TIME", &pass.delay, "take so long for each event"),
		OPTION_FLAG('b', "busy", &pass.busy, "… and do not sleep"),
		OPTION_NUMBER(0, "drop", "N", &pass.drop, "drop one event in N"),
		OPTION_NUMBER(0, "multiply", "N", &pass.multiply, "write each N times, with a member 0, 1, … in front"),
		OPTION_STRING(0, "as", "NAME", &pass.as, "name of that member (copy)"),
		OPTION_STRING(0, "die-at", "NUMBER,SIGNAL", &pass.die_text, "die of the event with this number"),
		OPTION_STRING(0, "log", "FILE", &pass.log_path, "append when each event began and ended"),
		OPTION_END,
	};
	const char *mistake;

	(void)argc;
	option_parse_both(&program, options, stage_options(&pass.stage), argv);
	if (pass.die_text)
		set_death(&pass);
	if (option_checking())
		return STATUS_OK;
	pass.numbered = pass.dies || pass.drop || pass.multiply || pass.log_path;
	if (pass.numbered)
		json_want_path(&pass.stage.want, ".time", &mistake);
	log_open(&pass.log, pass.log_path);
	stage_open(&pass.stage);
	while (pass.numbered ? stage_next(&pass.stage) : stage_next_line(&pass.stage))
		handle(&pass);
	return stage_close(&pass.stage);
}
