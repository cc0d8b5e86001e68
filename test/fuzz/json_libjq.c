// with: common/utf8.c common/json_want.c common/json_keys.c common/json.c common/json_leaf.c common/json_text.c common/unit.c common/text.c common/memory.c common/message.c
/*
 * json_scan and libjq (test/unit/agree.h): they agree on every text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/unit/agree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct agree agree; /* takes longer to set up than to use */
	const char *difference;

	if (agree.few.slots == 0)
		agree_init(&agree);
	difference = agree_check(&agree, (const char *)data, size, size > 0 ? (char)data[size / 2] : 0);
	if (difference) {
		fprintf(stderr, "%s\n", difference);
		abort();
	}
	return 0;
}
