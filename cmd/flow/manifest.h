/*
 * manifest: the flow as written (pype-flow(5)), read from YAML into plain data.
 *
 * manifest_read reads a file, checks it against one schema table and reports every mistake, all in one
 * go, as "FILE:LINE:COLUMN: message" on stderr (with a suggestion for a misspelt word). What it returns
 * is complete: defaults are filled in, and settings are inherited flow > pipeline > stage, the nearest wins.
 */
#ifndef PYPE_FLOW_MANIFEST_H
#define PYPE_FLOW_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/mistakes.h"
#include "cmd/flow/restart.h"
#include "common/option.h"

enum {
	MANIFEST_NAME = 64, /* bytes in the name of a flow, a pipeline or a stage */
	MANIFEST_MOST = 1000, /* pipelines in a flow, stages in a pipeline */
	MANIFEST_SECRET = 65536, /* bytes in a secret's file */
};

enum manifest_delivery { DELIVERY_FAST, DELIVERY_EXACT, DELIVERY_DURABLE };
enum manifest_protocol { PROTOCOL_ASYNC, PROTOCOL_SYNC };
enum manifest_when_full { WHEN_FULL_BLOCK, WHEN_FULL_DROP_OLDEST, WHEN_FULL_DROP_NEWEST, WHEN_FULL_SPILL };

/* The settings that a flow, a pipeline or a stage may have. */
struct manifest_settings {
	enum manifest_delivery delivery;
	enum manifest_protocol protocol;
	enum manifest_when_full when_full;
	struct restart_policy restart;
	int64_t stop_timeout; /* nanoseconds; default 10s */
	uint64_t buffer; /* bytes of the edge into the stage; default 256k */
	struct option_list env; /* "NAME=VALUE", outermost first, so that the last of a name wins */
	struct option_list secrets; /* beside env, one for one: the file a value comes from, as written; "": none */
};

struct manifest_stage {
	char *name; /* unique in its pipeline: "jq", "jq-2" in the short form */
	char *run; /* text for sh -c */
	size_t *from; /* indexes of the stages it reads; none: a source */
	size_t from_count;
	struct manifest_settings settings;
	struct place place; /* where run's text begins */
};

struct manifest_pipeline {
	char *name;
	struct manifest_stage *stages; /* in the order of the data: a stage stands behind those it reads */
	size_t count;
	struct manifest_settings settings; /* settings.restart is also the policy for the pipeline as a whole */
	struct place place;
};

struct manifest {
	char *path; /* as given */
	char *directory; /* where it lies, absolute: stages run there, STATE is beside it */
	char *name; /* of the flow */
	char *report; /* command for failure events, or NULL */
	struct place report_place;
	struct manifest_settings settings;
	struct manifest_pipeline *pipelines;
	size_t count;
};

/* False after mistakes, all of them said; *manifest is then empty. An unreadable file is a mistake too. */
bool manifest_read(struct manifest *manifest, const char *path);

/*
 * The same without a word: the mistakes are added to a list. *manifest then holds what could be read: its strings
 * are all there (a stage that has no text has an empty one), but pipelines or stages may be missing, and the stages
 * are not in order.
 */
void manifest_load(struct manifest *manifest, const char *path, struct mistakes *mistakes);

/* As if every pipeline and every stage had `restart: never`. The report command keeps what the flow has. */
void manifest_restart_never(struct manifest *manifest);

void manifest_free(struct manifest *manifest);

#endif
