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

#include "cmd/flow/manifest/mistakes.h"
#include "cmd/flow/manager/restart.h"
#include "common/option.h"

enum {
	MANIFEST_NAME = 64, /* bytes in the name of a flow, a pipeline or a stage */
	MANIFEST_MOST = 1000, /* pipelines in a flow, stages in a pipeline */
	MANIFEST_SECRET = 65536, /* bytes in a secret's file */
	MANIFEST_EDGES = 60, /* that a stage reads, and that read a stage */
};

enum manifest_delivery { DELIVERY_EXACT, DELIVERY_FAST, DELIVERY_DURABLE };
enum manifest_protocol { PROTOCOL_ASYNC, PROTOCOL_SYNC };
enum manifest_when_full { WHEN_FULL_BLOCK, WHEN_FULL_DROP_OLDEST, WHEN_FULL_DROP_NEWEST, WHEN_FULL_SPILL };
enum manifest_ack {
	ACK_NONE, /* one of our programs says in the stage page what it has handled; any other says nothing */
	ACK_PAGE, /* it is not ours, and keeps the stage page itself */
	ACK_LINES, /* one line out for each line in, in order */
	ACK_EOF, /* fed in batches: its exit status 0 answers for the batch */
};
enum manifest_fsync { FSYNC_INTERVAL, FSYNC_ALWAYS, FSYNC_NEVER };

/* What setrlimit(2) and prctl(2) are to make of a stage. 0: as the runner's own; core alone can be 0. */
struct manifest_limits {
	uint64_t memory, file_size; /* bytes: of address space, of any file it writes */
	uint64_t core; /* bytes of a core dump; MANIFEST_NO_LIMIT: as the runner's own */
	int64_t cpu; /* nanoseconds, rounded up to whole seconds by who sets it */
	int64_t files, processes; /* open at a time; of the user, root having no such limit */
	bool no_new_privs; /* no program that it runs gains anything by set-user-ID */
};

#define MANIFEST_NO_LIMIT UINT64_MAX

/* The settings whose place is kept, for mistakes that come of several together. */
enum manifest_setting {
	SETTING_DELIVERY,
	SETTING_PROTOCOL,
	SETTING_WHEN_FULL,
	SETTING_BUFFER,
	SETTING_ACK,
	SETTING_FSYNC,
	SETTING_QUOTA,
	SETTING_USER,
	SETTING_LIMITS,
	SETTINGS, /* how many there are */
};

enum manifest_level { LEVEL_DEFAULT, LEVEL_FLOW, LEVEL_PIPELINE, LEVEL_STAGE };

/* Where a setting has its value from. */
struct manifest_origin {
	enum manifest_level level;
	struct place place; /* of the key; of defaults none */
};

/*
 * The settings that a flow, a pipeline or a stage may have. Those of the way between two stages (delivery, when_full,
 * buffer, quota, fsync) are those of the edges into the stage; protocol is that of a source.
 */
struct manifest_settings {
	enum manifest_delivery delivery; /* default exact */
	enum manifest_protocol protocol; /* default async */
	enum manifest_when_full when_full; /* default block */
	enum manifest_ack ack; /* default none; a source and a program of ours have no ACK_LINES and ACK_EOF */
	enum manifest_fsync fsync; /* default interval */
	struct restart_policy restart;
	int64_t stop_timeout; /* nanoseconds; default 10s */
	uint64_t buffer; /* bytes of the edge into the stage; default 256k */
	uint64_t quota; /* bytes of the edge into the stage on disk: of durable, and of spill; default 1G */
	char *user; /* NAME or NAME:GROUP, or NULL: that of the runner */
	struct manifest_limits limits;
	struct option_list env; /* "NAME=VALUE", outermost first, so that the last of a name wins */
	struct option_list secrets; /* beside env, one for one: the file a value comes from, as written; "": none */
	struct manifest_origin origins[SETTINGS];
	enum manifest_level level; /* whose these are */
};

/* What a stage reads of another one. */
struct manifest_edge {
	size_t stage; /* its index */
	char *event; /* the event member of what is read; NULL: all, with or without a name */
};

struct manifest_stage {
	char *name; /* unique in its pipeline: "jq", "jq-2" in the short form */
	char *run; /* text for sh -c */
	struct manifest_edge *from; /* none: a source */
	size_t from_count;
	struct manifest_settings settings;
	struct place place; /* where run's text begins */
};

struct manifest_pipeline {
	char *name;
	struct manifest_stage *stages; /* in the order of the data: a stage stands behind those it reads */
	size_t count;
	bool linked; /* the stages' from are set; false only after mistakes in them */
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

/*
 * False after mistakes, all of them said; *manifest is then empty. An unreadable file is a mistake too, and so is what
 * this machine or this user cannot do (host.h).
 */
bool manifest_read(struct manifest *manifest, const char *path);
/* The same for who only looks at the manifest: without regard to the machine. */
bool manifest_study(struct manifest *manifest, const char *path);

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
