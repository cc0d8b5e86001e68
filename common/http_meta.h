/*
 * http_meta: what is said about an HTTP answer in an event (--meta): members of a JSON object, each with a comma behind it.
 */
#ifndef PYPE_HTTP_META_H
#define PYPE_HTTP_META_H

#include <stddef.h>

#include "common/option.h"
#include "common/text.h"

/* "name":"value", */
void http_meta_member(struct text *line, const char *name, const char *value, size_t length);

/* "url":…, an absolute URL, without the name and password in it. */
void http_meta_url(struct text *line, const char *url);

/*
 * "headers":{…}, those of the answer (http_headers.h) that are wanted by name in any case, or all if "*" is; with names in lower
 * case, as HTTP/2 has them.
 */
void http_meta_headers(struct text *line, const struct option_list *wanted, const char *headers);

#endif
