#include "common/origin.h"

#include <curl/curl.h>
#include <stddef.h>
#include <strings.h>

#include "common/message.h"

static CURLU *parts_of(const char *url)
{
	CURLU *parts = curl_url();

	if (!parts)
		fail("out of memory");
	if (curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
		return parts;
	curl_url_cleanup(parts);
	return NULL;
}

static bool same_part(CURLU *ours, CURLU *theirs, CURLUPart which)
{
	char *one = NULL, *other = NULL;
	bool same = curl_url_get(ours, which, &one, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	            curl_url_get(theirs, which, &other, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(one, other) == 0;

	curl_free(one);
	curl_free(other);
	return same;
}

bool origin_same(const char *url, const char *other)
{
	CURLU *ours = parts_of(url), *theirs = parts_of(other);
	bool same = ours && theirs && same_part(ours, theirs, CURLUPART_SCHEME) &&
	            same_part(ours, theirs, CURLUPART_HOST) && same_part(ours, theirs, CURLUPART_PORT);

	curl_url_cleanup(ours);
	curl_url_cleanup(theirs);
	return same;
}
