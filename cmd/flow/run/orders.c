#include "cmd/flow/run/orders.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/flow/run/happening.h"
#include "cmd/flow/run/reload.h"
#include "cmd/flow/run/run.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"

/* A request, read: {"do":"restart","name":"quotes.csv"}. */
struct order {
	struct text what, name;
	bool now;
};

enum { FIELD_DO, FIELD_NAME, FIELD_NOW, FIELDS };

static bool read_text(struct text *text, const struct json_span *span)
{
	text_init(text);
	if (span->kind != JSON_STRING)
		return false;
	json_add_unescaped(text, span->at, span->length);
	return strlen(text->data) == text->length;
}

/* False: it is none. order_free in either case. */
static bool order_read(struct order *order, const char *line, size_t length)
{
	static const char *const members[FIELDS] = {[FIELD_DO] = "do", [FIELD_NAME] = "name", [FIELD_NOW] = "now"};
	struct json_span spans[FIELDS];
	struct json_want want = {0};
	struct json_result result;
	struct text copy = {0};
	bool good;

	for (size_t i = 0; i < FIELDS; i++)
		json_want_member(&want, members[i], strlen(members[i]));
	text_add(&copy, line, length);
	json_pad(&copy);
	good = json_scan(copy.data, length, &want, spans, 0, &result) && result.kind == JSON_OBJECT;
	good = good && read_text(&order->what, &spans[FIELD_DO]);
	if (good) {
		read_text(&order->name, &spans[FIELD_NAME]);
		order->now = spans[FIELD_NOW].kind == JSON_TRUE;
	}
	json_want_free(&want);
	text_free(&copy);
	return good;
}

static void order_free(struct order *order)
{
	text_free(&order->what);
	text_free(&order->name);
}

static void say(struct control_client *client, const char *event, const char *source, const char *message)
{
	struct text text = {0};

	happening_say(&text, event, source, message);
	control_say(client, text.data, text.length);
	text_free(&text);
}

/* ps */

/* place: the pipeline, and how many of its rows are said. */
static bool add_rows(void *context, struct control_client *client, size_t place[2])
{
	const struct run *run = context;
	struct pipeline *pipeline;
	struct text text = {0};

	if (place[0] >= run->count) {
		control_end(client, STATUS_OK);
		return false;
	}
	pipeline = run->pipelines[place[0]];
	if (place[1] == 0)
		pipeline_add(pipeline, &text);
	else if (place[1] <= pipeline->board.count)
		board_add_stage(&pipeline->board, place[1] - 1, pipeline->manifest->name, &text);
	if (++place[1] > pipeline->board.count) {
		place[0]++;
		place[1] = 0;
	}
	control_say(client, text.data, text.length);
	text_free(&text);
	return true;
}

static void ps(struct run *run, struct control_client *client, const struct order *order)
{
	(void)run;
	(void)order;
	control_long(client, add_rows);
}

/* events: where the files end that what follows continues. */
static void events(struct run *run, struct control_client *client, const struct order *order)
{
	struct text text = {0};
	struct stat status;

	(void)order;
	if ((run->events.fd < 0 && log_file_open(&run->events) < 0) || fstat(run->events.fd, &status) < 0) {
		control_fail(client, STATUS_FAILED, "cannot open '%s'", run->events.path);
		return;
	}
	happening_begin(&text, "position", "");
	text_addf(&text, "\"inode\":%ju,\"offset\":%ju", (uintmax_t)status.st_ino, (uintmax_t)status.st_size);
	happening_end(&text);
	control_say(client, text.data, text.length);
	text_free(&text);
	control_follow(client);
}

/* restart */

static void refuse_name(const struct run *run, struct control_client *client, const char *name)
{
	struct option_list names = {0};
	char hint[OPTION_HINT];

	for (size_t i = 0; i < run->count; i++) {
		const struct pipeline *pipeline = run->pipelines[i];

		option_list_add(&names, xstrdup(pipeline->manifest->name));
		for (size_t j = 0; j < pipeline->board.count; j++)
			option_list_add(&names, text_format("%s.%s", pipeline->manifest->name,
			                                    pipeline->manifest->stages[j].name));
	}
	control_fail(client, STATUS_POINTLESS, "the flow has neither a pipeline nor a stage '%s'%s", name,
	             option_hint(hint, name, (const char *const *)names.items));
	for (size_t i = 0; i < names.count; i++)
		free(names.items[i]);
	free(names.items);
}

static void restart_stage(struct pipeline *pipeline, struct control_client *client, const char *name)
{
	const struct board_stage *stage = board_find(&pipeline->board, name);

	if (pipeline->state == PIPELINE_UP && (stage->state == BOARD_DONE || stage->state == BOARD_FAILED))
		control_fail(client, STATUS_FAILED, "'%s.%s' has ended: restart its pipeline", pipeline->manifest->name,
		             name);
	else if (!pipeline_restart_stage(pipeline, name))
		control_fail(client, STATUS_FAILED, "'%s' does not run: restart it as a whole",
		             pipeline->manifest->name);
	else
		control_end(client, STATUS_OK);
}

static void restart(struct run *run, struct control_client *client, const struct order *order)
{
	const char *name = order->name.data ? order->name.data : "", *dot = strchr(name, '.');
	char *of = xstrndup(name, dot ? (size_t)(dot - name) : strlen(name));
	struct pipeline *pipeline = run_find(run, of);

	free(of);
	if (!pipeline || (dot && !board_find(&pipeline->board, dot + 1))) {
		refuse_name(run, client, name);
	} else if (run->stops > 0 || run->ending || pipeline->leaving) {
		control_fail(client, STATUS_FAILED, "'%s' is ending",
		             run->stops > 0 || run->ending ? "the flow" : name);
	} else if (dot) {
		restart_stage(pipeline, client, dot + 1);
	} else {
		/* One that is to become another version becomes that. */
		pipeline_replace(pipeline, pipeline->next ? pipeline->next : pipeline->version);
		control_end(client, STATUS_OK);
	}
}

/* stop, reload */

static void stop(struct run *run, struct control_client *client, const struct order *order)
{
	if (!run->ending && run->stops == 0)
		run_stop(run);
	if (!run->ending && order->now)
		run_stop(run);
	control_end(client, STATUS_OK);
}

static void reload(struct run *run, struct control_client *client, const struct order *order)
{
	struct reload result = {0};
	int status = reload_run(&result, run);

	(void)order;
	for (size_t i = 0; i < result.mistakes.count; i++) {
		struct text line = {0};

		mistakes_add_line(&line, &result.mistakes.items[i], run->version->manifest.path);
		say(client, "mistake", run->version->manifest.name, line.data);
		text_free(&line);
	}
	if (status == STATUS_OK) {
		say(client, "reloaded", run->version->manifest.name, result.message.data);
		control_end(client, status);
	} else if (result.mistakes.fatal == 0) {
		control_fail(client, status, "%s", result.message.data);
	} else {
		control_end(client, status);
	}
	reload_free(&result);
}

void orders_answer(void *context, struct control_client *client, const char *line, size_t length)
{
	static const struct {
		const char *name;
		void (*obey)(struct run *run, struct control_client *client, const struct order *order);
	} orders[] = {{"ps", ps}, {"events", events}, {"restart", restart}, {"stop", stop}, {"reload", reload}};
	struct order order = {0};

	if (!order_read(&order, line, length)) {
		control_fail(client, STATUS_POINTLESS, "a request is a JSON object with a member \"do\"");
		order_free(&order);
		return;
	}
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(orders[i].name, order.what.data) != 0)
			continue;
		orders[i].obey(context, client, &order);
		order_free(&order);
		return;
	}
	control_fail(client, STATUS_POINTLESS, "there is no request '%s'", order.what.data);
	order_free(&order);
}
