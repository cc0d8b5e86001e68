#include "cmd/flow/run/service.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/flow/run/notify.h"
#include "cmd/flow/manifest/select.h"
#include "common/memory.h"
#include "common/text.h"
#include "common/unit.h"

/* So long after a change the status is said, with what else has changed by then. */
static const double moment = 0.05;

static void start_timer(struct ev_timer *timer)
{
	if (ev_is_active(timer))
		return;
	ev_timer_again(EV_DEFAULT_ timer);
	if (ev_is_active(timer))
		ev_unref(EV_DEFAULT);
}

static void stop_timer(struct ev_timer *timer)
{
	if (!ev_is_active(timer))
		return;
	ev_ref(EV_DEFAULT);
	ev_timer_stop(EV_DEFAULT_ timer);
}

/* False: it must be tried again. */
static bool say(struct service *service)
{
	struct text text = {0};
	bool ready = service->ready || (service->awaited == 0 && !service->stopping), said;

	if (ready && (!service->ready || service->again))
		text_add_string(&text, "READY=1\n");
	text_addf(&text, "STATUS=%zu of %zu stages run, %zu of %zu pipelines have ended, %llu failures",
	          service->running, service->stages, service->ended, service->count,
	          (unsigned long long)service->failures);
	said = notify_say(text.data);
	if (said) {
		service->ready = ready;
		service->again = false;
	}
	text_free(&text);
	return said;
}

static void on_later(EV_P_ ev_timer *watcher, int events)
{
	(void)EV_A;
	(void)events;
	if (say(watcher->data))
		stop_timer(watcher);
}

static void on_watchdog(EV_P_ ev_timer *watcher, int events)
{
	(void)EV_A;
	(void)watcher;
	(void)events;
	notify_say("WATCHDOG=1");
}

static void make_pipelines(struct service *service, const struct manifest *manifest, const struct option_list *only)
{
	service->pipelines = xcalloc(manifest->count, sizeof(*service->pipelines));
	service->count = service->stages = 0;
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_pipeline *pipeline = &manifest->pipelines[i];

		if (!select_has(only, pipeline->name))
			continue;
		service->pipelines[service->count++] = (struct service_pipeline){
			.manifest = pipeline,
			.started = xcalloc(pipeline->count, sizeof(bool)),
			.running = xcalloc(pipeline->count, sizeof(bool)),
		};
		service->stages += pipeline->count;
	}
	service->awaited = service->stages;
}

static void free_pipelines(struct service_pipeline *pipelines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(pipelines[i].started);
		free(pipelines[i].running);
	}
	free(pipelines);
}

void service_init(struct service *service, const struct manifest *manifest, const struct option_list *only)
{
	int64_t watchdog = notify_watchdog();

	*service = (struct service){0};
	make_pipelines(service, manifest, only);
	ev_init(&service->later, on_later);
	service->later.repeat = moment;
	service->later.data = service;
	ev_init(&service->watchdog, on_watchdog);
	service->watchdog.repeat = (double)watchdog / (double)UNIT_S;
	if (watchdog > 0)
		start_timer(&service->watchdog);
}

static void set_running(struct service *service, bool *running, bool now)
{
	service->running += (size_t)now - (size_t)*running;
	*running = now;
}

static void hear_stage(struct service *service, struct service_pipeline *pipeline, size_t stage, bool started)
{
	set_running(service, &pipeline->running[stage], started);
	/* It was restarted, or reloaded. */
	service->ended -= started && pipeline->ended;
	pipeline->ended &= !started;
	if (!started || pipeline->started[stage])
		return;
	pipeline->started[stage] = true;
	service->awaited--;
}

/* Nothing of it runs any more. */
static void hear_pipeline(struct service *service, struct service_pipeline *pipeline, bool again)
{
	for (size_t i = 0; i < pipeline->manifest->count; i++)
		set_running(service, &pipeline->running[i], false);
	service->ended += !again && !pipeline->ended;
	pipeline->ended |= !again;
}

static void hear(struct service *service, struct service_pipeline *pipeline, const char *happening, const char *stage)
{
	bool started = strcmp(happening, "started") == 0, failed = strcmp(happening, "failed") == 0;

	if (!stage && !started)
		hear_pipeline(service, pipeline, failed);
	for (size_t i = 0; stage && i < pipeline->manifest->count; i++)
		if (strcmp(pipeline->manifest->stages[i].name, stage) == 0)
			hear_stage(service, pipeline, i, started);
	service->failures += failed || strcmp(happening, "given_up") == 0;
	if (service->awaited == 0 && !service->ready)
		say(service);
	start_timer(&service->later);
}

void service_hear(struct service *service, const char *happening, const char *source)
{
	static const char *const known[] = {"started", "finished", "failed", "given_up"};
	size_t length = strcspn(source, "."), i = 0;
	const char *stage = source[length] ? source + length + 1 : NULL;

	while (i < sizeof(known) / sizeof(known[0]) && strcmp(happening, known[i]) != 0)
		i++;
	if (i == sizeof(known) / sizeof(known[0]) || !getenv("NOTIFY_SOCKET"))
		return;
	for (i = 0; i < service->count; i++) {
		const char *name = service->pipelines[i].manifest->name;

		if (strlen(name) == length && strncmp(name, source, length) == 0)
			hear(service, &service->pipelines[i], happening, stage);
	}
}

void service_reload(struct service *service)
{
	/* Until it is ready, its manager waits for that. */
	if (service->ready && !service->stopping)
		notify_reloading();
}

/* The stage goes on as what it was in a pipeline of the same name. */
static void carry_over(struct service *service, struct service_pipeline *pipeline,
                       const struct service_pipeline *before)
{
	for (size_t i = 0; i < pipeline->manifest->count; i++)
		for (size_t j = 0; j < before->manifest->count; j++)
			if (strcmp(pipeline->manifest->stages[i].name, before->manifest->stages[j].name) == 0) {
				pipeline->started[i] = before->started[j];
				service->awaited -= pipeline->started[i];
				set_running(service, &pipeline->running[i], before->running[j]);
			}
	pipeline->ended = before->ended;
	service->ended += pipeline->ended;
}

void service_take(struct service *service, const struct manifest *manifest, const struct option_list *only)
{
	struct service_pipeline *before = service->pipelines;
	size_t count = service->count;

	service->running = service->ended = 0;
	make_pipelines(service, manifest, only);
	for (size_t i = 0; i < service->count; i++)
		for (size_t j = 0; j < count; j++)
			if (strcmp(service->pipelines[i].manifest->name, before[j].manifest->name) == 0)
				carry_over(service, &service->pipelines[i], &before[j]);
	free_pipelines(before, count);
}

void service_reloaded(struct service *service)
{
	if (service->stopping)
		return;
	service->again = service->ready;
	say(service);
	start_timer(&service->later);
}

void service_stop(struct service *service)
{
	if (service->stopping)
		return;
	service->stopping = true;
	notify_say("STOPPING=1");
}

void service_free(struct service *service)
{
	stop_timer(&service->later);
	stop_timer(&service->watchdog);
	free_pipelines(service->pipelines, service->count);
}
