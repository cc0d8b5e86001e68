/*
 * scan: the scanner of common/json.h by itself: reads lines from standard input, validates each, finds the members named
 * as operands, and counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/json.h"
#include "common/line.h"

int main(int argc, char **argv)
{
	struct line_reader reader = {0};
	struct json_want want = {0};
	struct json_span *spans;
	struct json_result result;
	enum line_status status;
	const char *line, *mistake;
	size_t length, lines = 0, bad = 0, found = 0;

	for (int i = 1; i < argc; i++)
		if (json_want_path(&want, argv[i], &mistake) < 0) {
			fprintf(stderr, "scan: '%s': %s\n", argv[i], mistake);
			return 2;
		}
	spans = calloc(want.slots + 1, sizeof(*spans));
	if (!spans)
		return 1;
	line_reader_init(&reader, STDIN_FILENO, LINE_LIMIT);
	reader.stop_fd = -1;
	while ((status = line_reader_next(&reader, &line, &length)) == LINE_WHOLE) {
		lines++;
		if (!json_scan(line, length, want.slots > 0 ? &want : NULL, spans, 0, &result)) {
			bad++;
			continue;
		}
		for (size_t i = 0; i < want.slots; i++)
			found += spans[i].kind != JSON_NONE;
	}
	line_reader_free(&reader);
	json_want_free(&want);
	free(spans);
	printf("%zu lines, %zu bad, %zu found\n", lines, bad, found);
	return bad > 0 || status != LINE_END || fflush(stdout) != 0;
}
