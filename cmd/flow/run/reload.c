#include "cmd/flow/run/reload.h"

#include <string.h>

#include "cmd/flow/run/happening.h"
#include "cmd/flow/run/run.h"
#include "cmd/flow/manifest/same.h"
#include "cmd/flow/manifest/select.h"
#include "common/json_text.h"
#include "common/message.h"

/* What becomes of the pipelines: the names, as a JSON array without its brackets, and how many. */
struct names {
	struct text list;
	size_t count;
};

struct change {
	struct names changed, added, removed;
	size_t unchanged;
};

static void note(struct names *names, const char *name)
{
	if (names->count++ > 0)
		text_add_char(&names->list, ',');
	json_add_string(&names->list, name, strlen(name));
}

/* What is to become of it is what it is, or will be when it has drained. */
static bool is_same(const struct pipeline *pipeline, const struct version *version,
                    const struct manifest_pipeline *manifest)
{
	const struct version *now = pipeline->next ? pipeline->next : pipeline->version;

	/* The directory may be another one of the same name: a link that leads elsewhere now. */
	return !pipeline->leaving && strcmp(now->manifest.directory, version->manifest.directory) == 0 &&
	       manifest_same_pipeline(version_find(now, manifest->name), manifest);
}

static void change_pipelines(struct run *run, struct change *change)
{
	const struct manifest *manifest = &run->version->manifest;
	size_t before = run->count;

	for (size_t i = 0; i < before; i++) {
		struct pipeline *pipeline = run->pipelines[i];
		const struct manifest_pipeline *now = version_find(run->version, pipeline->manifest->name);

		if (!now && !pipeline->leaving) {
			note(&change->removed, pipeline->manifest->name);
			pipeline_replace(pipeline, NULL);
		} else if (now && is_same(pipeline, run->version, now)) {
			change->unchanged++;
		} else if (now) {
			note(&change->changed, now->name);
			pipeline_replace(pipeline, run->version);
		}
	}
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_pipeline *added = &manifest->pipelines[i];

		if (!select_has(run->only, added->name) || run_find(run, added->name))
			continue;
		note(&change->added, added->name);
		run_add(run, run->version, added);
	}
	for (size_t i = before; i < run->count; i++)
		pipeline_handle(run->pipelines[i], PIPELINE_TIMER);
}

/* Those that have ended meanwhile are not needed any more. */
static void clean_reports(struct run *run)
{
	struct report **at = &run->reports, *report;

	while ((report = *at)) {
		if (report_is_over(report)) {
			*at = report->next;
			report_free(report);
		} else {
			at = &report->next;
		}
	}
}

static void change_report(struct run *run)
{
	clean_reports(run);
	if (manifest_same_report(run->report->manifest, &run->version->manifest))
		return;
	report_end(run->report);
	run->report->next = run->reports;
	run->reports = run->report;
	run->report = report_new(run->version, run->files);
}

static void tell(struct run *run, struct change *change, struct text *message)
{
	struct text text = {0};

	text_addf(message, "reloaded: %zu changed, %zu added, %zu removed, %zu unchanged", change->changed.count,
	          change->added.count, change->removed.count, change->unchanged);
	happening_begin(&text, "reloaded", run->version->manifest.name);
	happening_message(&text, "%s", message->data);
	text_addf(&text, ",\"changed\":[%s],\"added\":[%s],\"removed\":[%s],\"unchanged\":%zu",
	          change->changed.list.data, change->added.list.data, change->removed.list.data, change->unchanged);
	happening_end(&text);
	run_hear(run, NULL, text.data, text.length);
	text_free(&text);
}

static void take(struct run *run, struct version *version, struct text *message)
{
	struct change change = {0};

	text_init(&change.changed.list);
	text_init(&change.added.list);
	text_init(&change.removed.list);
	service_take(&run->service, &version->manifest, run->only);
	version_drop(run->version);
	run->version = version;
	change_report(run);
	change_pipelines(run, &change);
	tell(run, &change, message);
	text_free(&change.changed.list);
	text_free(&change.added.list);
	text_free(&change.removed.list);
}

int reload_run(struct reload *reload, struct run *run)
{
	const char *path = run->version->manifest.path;
	struct version *version;

	text_init(&reload->message);
	if (run->stops > 0 || run->ending) {
		text_add_string(&reload->message, "cannot reload: the flow is ending");
		return STATUS_FAILED;
	}
	if (strcmp(path, "-") == 0) {
		text_add_string(&reload->message, "cannot reload: the manifest came from standard input");
		return STATUS_FAILED;
	}
	service_reload(&run->service);
	version = run_read(run, path, &reload->mistakes);
	mistakes_say(&reload->mistakes, path);
	if (version)
		take(run, version, &reload->message);
	else
		message_error("the manifest has mistakes: the flow runs on as it is");
	service_reloaded(&run->service);
	return version ? STATUS_OK : STATUS_POINTLESS;
}

void reload_free(struct reload *reload)
{
	mistakes_free(&reload->mistakes);
	text_free(&reload->message);
}
