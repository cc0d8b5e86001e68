/*
 * signature: whether the body of a request was signed by somebody who knows the secret (HMAC, RFC 2104). Pure.
 *
 *   plain      HEADER: PREFIX and the HMAC of the body; GitHub's, Shopify's and most others'
 *   stripe     Stripe-Signature: t=SECONDS,v1=HEX of "SECONDS.BODY"
 *   slack      X-Slack-Signature: v0=HEX of "v0:SECONDS:BODY", SECONDS in X-Slack-Request-Timestamp
 *   standard   Webhook-Signature: v1,BASE64 (several, with blanks between) of "ID.SECONDS.BODY", ID and SECONDS in Webhook-Id and
 *              Webhook-Timestamp (www.standardwebhooks.com); the secret is in base64, "whsec_" may be in front of it
 */
#ifndef PYPE_LISTEN_SIGNATURE_H
#define PYPE_LISTEN_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/option.h"

enum signature_style { SIGNATURE_PLAIN, SIGNATURE_STRIPE, SIGNATURE_SLACK, SIGNATURE_STANDARD };
enum signature_algorithm { SIGNATURE_SHA256, SIGNATURE_SHA1, SIGNATURE_SHA512 };
enum signature_encoding { SIGNATURE_HEX, SIGNATURE_BASE64 };

struct signature {
	struct option_list secrets; /* any of them will do; none: nothing is asked for */
	int style, algorithm, encoding;
	char *header, *prefix; /* NULL: as the style has it */
	int64_t age; /* of what has a time: how far that may be from now; nanoseconds */

	/* private */
	const char *where, *before;
};

/* The headers that matter, of a request; NULL: it has no such header. */
typedef const char *signature_lookup(void *context, const char *header);

/* Fills in what depends on the style. NULL, or what does not go together. */
const char *signature_check(struct signature *signature);

/* NULL, or why it is not good, for the sender. now is Unix time in nanoseconds. */
const char *signature_verify(const struct signature *signature, signature_lookup *lookup, void *context,
                             const char *body, size_t length, int64_t now);

#endif
