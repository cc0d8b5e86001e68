/*
 * service: the flow as a service: what its service manager is told (notify.h), and when.
 *
 *   READY=1      once every stage has been started, each by its pipeline's manager; not while one of them has
 *                never been
 *   STATUS=…     how many stages run, how many pipelines have ended and how many failures there were, a short
 *                while after it changes
 *   WATCHDOG=1   as often as is asked for: the event loop goes round
 *   RELOADING=1  when the manifest is read again, and READY=1 when that is over
 *   STOPPING=1   at the first order to stop, and when all pipelines have ended
 *
 * It learns of all that from the happenings (happening.h). Without a service manager it does nothing. None of its
 * timers keeps the event loop alive.
 */
#ifndef PYPE_FLOW_SERVICE_H
#define PYPE_FLOW_SERVICE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/manifest/manifest.h"
#include "common/option.h"

struct service_pipeline {
	const struct manifest_pipeline *manifest;
	bool *started, *running; /* of each stage */
	bool ended;
};

struct service {
	struct service_pipeline *pipelines;
	size_t count;
	size_t stages, awaited; /* those that have not been started yet */
	size_t running, ended;
	uint64_t failures;
	bool ready, stopping; /* said */
	bool again; /* READY=1 is to be said once more, after a reload */
	struct ev_timer later; /* what has changed is said */
	struct ev_timer watchdog;
};

/* Of the flow's pipelines, those that `only` names (select.h). The default event loop is there already. */
void service_init(struct service *service, const struct manifest *manifest, const struct option_list *only);
/* A happening: its name, and "pipeline.stage" or "pipeline". */
void service_hear(struct service *service, const char *happening, const char *source);
/* The manifest is about to be read again … */
void service_reload(struct service *service);
/* … it is this one now: the pipelines and stages that were there before are so still. The one before is needed for that. */
void service_take(struct service *service, const struct manifest *manifest, const struct option_list *only);
/* … that is over, whatever has become of it. */
void service_reloaded(struct service *service);
/* The flow ends. May be called more than once. */
void service_stop(struct service *service);
void service_free(struct service *service);

#endif
