/*
 * http_headers: the headers of an answer as a text, a line "Name: value" for each, in their order; each line ends in '\n'.
 */
#ifndef PYPE_HTTP_HEADERS_H
#define PYPE_HTTP_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

struct http_header {
	const char *name, *value; /* within the text; the value is without white space around it */
	size_t name_length, value_length;
};

/* Goes on to the next header: *at is the text's beginning at first. False behind the last one. Lines that are none are skipped. */
bool http_headers_next(const char **at, struct http_header *header);

/* The next header of that name, in any case, from *at on. */
bool http_headers_find(const char **at, const char *name, struct http_header *header);

#endif
