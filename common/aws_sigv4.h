/*
 * aws_sigv4: signs HTTP requests as Amazon's services ask for, "AWS Signature Version 4" in the header Authorization
 * (IAM user guide, "Create a signed AWS API request").
 *
 * Services differ in two points, which are known by name: those of S3 take a path as it is, with each byte encoded once, and want
 * the hash of the body in a header of its own; all others take the path without "." and "..", encoded twice.
 *
 * Pure: the time is given.
 */
#ifndef PYPE_AWS_SIGV4_H
#define PYPE_AWS_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

struct aws_sigv4 {
	const char *region, *service; /* "eu-central-1", "execute-api" */
	const char *key, *secret; /* the id of the access key, and what is secret */
	const char *token; /* of temporary credentials; or NULL */
	/* How the path is read; aws_sigv4_service sets them. */
	bool normalize, twice, hash_header;
};

struct aws_request {
	const char *method;
	const char *url; /* absolute; aws_url has made it */
	const char *const *
		headers; /* "Name: value" that are signed too, ended by NULL; or NULL. Host counts instead of the URL's */
	const void *body;
	size_t length;
};

/* What is to be sent with the request, each "Name: value"; token and hash may be NULL. The caller's to free. */
struct aws_signature {
	char *authorization, *date, *token, *hash;
};

/* Sets region and service, and what goes with the service; both are borrowed. */
void aws_sigv4_service(struct aws_sigv4 *keys, const char *region, const char *service);

/*
 * The URL in the form in which it has to be sent so that the server cannot read it otherwise: in path and query, every byte that is
 * neither unreserved nor part of a "%XX" is encoded ("+" stands for itself, not for a space). The caller's.
 */
char *aws_url(const char *url);

/* Signs for a moment of Unix time, in seconds. */
void aws_sigv4_sign(const struct aws_sigv4 *keys, const struct aws_request *request, int64_t now,
                    struct aws_signature *signature);
void aws_signature_free(struct aws_signature *signature);

/* The middle steps, for tests: the canonical request, appended; *signed_headers is the caller's. */
void aws_canonical_request(const struct aws_sigv4 *keys, const struct aws_request *request, const char *date,
                           struct text *canonical, char **signed_headers);

#endif
