/*
 * records: JSON texts in an endless body: one a line (NDJSON), or each behind a record separator (RFC 7464, application/json-seq), however the
 * bytes are cut into pieces.
 *
 * A text of a sequence is handed over at the line feed that ends it, which RFC 7464 has writers add, and not only when the
 * next one begins. Whether it is JSON is the caller's to find out.
 */
#ifndef PYPE_SSE_RECORDS_H
#define PYPE_SSE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

struct record {
	const char *bytes; /* JSON_PADDING readable bytes behind it; NULL: it is too long */
	size_t length;
	uint64_t over; /* it has so many bytes, more than the limit, and was not kept; 0: it is not too long */
	const char *mistake; /* why it is none though it may be JSON, or NULL */
};

struct records {
	/* private */
	bool sequence;
	uint64_t limit;
	bool (*found)(void *context, const struct record *record);
	void *context;
	struct text text;
	uint64_t whole; /* the length of what is, or would be, in text */
	enum { RECORDS_OUTSIDE, RECORDS_WITHIN, RECORDS_BEHIND } state; /* of a sequence */
	bool quoted, escaped, begun;
	int64_t depth;
};

/* Begins with the first byte of a body. sequence: that of RFC 7464. found returns false to hear no more. */
void records_init(struct records *records, bool sequence, uint64_t limit,
                  bool (*found)(void *context, const struct record *record), void *context);
void records_free(struct records *records);

/* The next bytes. False: found has said so. */
bool records_add(struct records *records, const char *bytes, size_t length);
/* The body has ended, or, not whole, been cut off. */
void records_end(struct records *records, bool whole);

#endif
