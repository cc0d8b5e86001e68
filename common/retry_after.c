#include "common/retry_after.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <time.h>

#include "common/unit.h"

int64_t retry_after(const char *value, int64_t date)
{
	int64_t until;
	char *end;

	if (!value)
		return -1;
	if (*value >= '0' && *value <= '9') {
		unsigned long long seconds = strtoull(value, &end, 10);

		return *end ? -1 : (int64_t)(seconds < INT64_MAX / UNIT_S ? seconds : INT64_MAX / UNIT_S) * UNIT_S;
	}
	until = curl_getdate(value, NULL);
	if (until < 0)
		return -1;
	until = until * UNIT_S - (date >= 0 ? date : time(NULL) * UNIT_S);
	return until > 0 ? until : 0;
}
