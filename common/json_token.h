/*
 * json_token: strings, numbers and words of JSON, checked to the letter (RFC 8259, as json.h) while they arrive in pieces.
 *
 * Nothing is kept, nothing allocated; pieces may be cut anywhere.
 */
#ifndef PYPE_JSON_TOKEN_H
#define PYPE_JSON_TOKEN_H

#include <stdbool.h>

struct json_token;
typedef const char *json_token_check(struct json_token *token, const char *at, const char *end);

struct json_token {
	const char *error; /* what is wrong, or NULL */
	bool done; /* it is complete */

	/* private */
	json_token_check *check;
	int state;
	unsigned char low, high, more; /* UTF-8: range of the next byte, how many are to come */
	unsigned hex, digits; /* of \uXXXX */
	const char *word; /* the rest of it */
};

/* A token begins with first: a quote, '-', a digit, 't', 'f' or 'n'. */
void json_token_begin(struct json_token *token, char first);

/*
 * Checks the next bytes, the first one included. Returns end, or, if the token is done, where it ends, or where the error
 * is. A number is done only when something follows it.
 */
const char *json_token_add(struct json_token *token, const char *at, const char *end);

/* Nothing follows: true if the token is complete, which a number may be now. */
bool json_token_end(struct json_token *token);

/* The first quote or backslash, or end. */
const char *json_token_stop(const char *at, const char *end);

#endif
