/*
 * script: the parts of a shell script that does what a flow does (pype print).
 */
#ifndef PYPE_FLOW_SCRIPT_H
#define PYPE_FLOW_SCRIPT_H

#include "cmd/flow/manifest/manifest.h"
#include "common/text.h"

void script_add_quoted(struct text *script, const char *word);
void script_add_tabs(struct text *script, size_t count);
/* A comment is one line. */
void script_add_comment(struct text *script, const char *words, const char *subject);
/* The variables that the level sets itself: those behind the first `inherited`. */
void script_add_env(struct text *script, const struct manifest_settings *settings, size_t inherited, size_t tabs);

/*
 * A stage as it may stand between two |; where its text or its env need it, in a subshell. What it reads and writes
 * (redirections, "<a >b"; NULL: as it is) comes first, so that redirections of its own win.
 */
void script_add_stage(struct text *script, const struct manifest_stage *stage, size_t inherited, size_t tabs,
                      const char *ends);
/* The command that lets pass what the stage wants of the events of the stage number `from`. */
void script_add_filter(struct text *script, const struct manifest_stage *stage, size_t from);

/* A pipeline that is no line: its stages in the background, joined by named pipes, and a wait for all of them. */
void script_add_graph(struct text *script, const struct manifest_pipeline *pipeline, size_t tabs);

#endif
