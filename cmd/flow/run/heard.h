/*
 * heard: a happening (happening.h), read.
 */
#ifndef PYPE_FLOW_HEARD_H
#define PYPE_FLOW_HEARD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json_want.h"
#include "common/text.h"

enum { HEARD_FIELDS = 5 };

/* What is absent is "" or -1. */
struct heard {
	struct text event, source, message;
	double pid;
	double restart_in; /* seconds */

	/* private */
	struct json_want want;
	struct text copy;
};

void heard_init(struct heard *heard);
void heard_free(struct heard *heard);
/* False if it is none: no JSON, or without event, source or message. Lives until the next one is read. */
bool heard_read(struct heard *heard, const char *event, size_t length);

#endif
