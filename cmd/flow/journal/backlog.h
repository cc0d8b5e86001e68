/*
 * backlog: the lines of one writer that lie on disk, read back in order from any position on.
 *
 * Records of data begin with the position of their first byte (a uint64_t) and the length of what stands between that and the
 * lines (another); positions are those of the writer's ring.
 */
#ifndef PYPE_FLOW_BACKLOG_H
#define PYPE_FLOW_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/journal/journal.h"
#include "common/text.h"

struct backlog_head {
	uint64_t from, between;
};

struct backlog {
	struct journal_reader reader;
	uint16_t kind, who; /* of the records that hold its lines */
	struct text bytes; /* of the current record, with padding behind them for the scanner */
	uint64_t from; /* the position of its first byte */
};

/* Begins at a place that is not behind the record that holds the first position it is asked for. */
void backlog_init(struct backlog *backlog, struct journal *journal, uint16_t kind, uint16_t who,
                  struct journal_place place);
void backlog_free(struct backlog *backlog);

/* What is there from a position on, of one record; positions grow. 1; 0: nothing; -1: errno, EBADMSG: it is not there any more. */
int backlog_look(struct backlog *backlog, uint64_t position, const char **bytes, size_t *length);

#endif
