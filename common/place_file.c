#include "common/place_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/json_text.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"

/* The number of that name in the object. */
static bool find_number(const struct text *content, const char *name, int64_t *number)
{
	const char *at = content->data + strspn(content->data, " \t\r\n");
	struct json_span key, value;
	char copy[24];
	bool found = false;

	while (json_next_member(&at, &key, &value)) {
		if (!json_string_is(key.at, key.length, name, strlen(name)))
			continue;
		if (value.kind != JSON_NUMBER || value.length >= sizeof(copy))
			return false;
		memcpy(copy, value.at, value.length);
		copy[value.length] = '\0';
		found = unit_number(copy, number);
	}
	return found;
}

static bool parse(const struct place_file *place, struct text *content, int64_t *numbers)
{
	struct json_result result;

	json_pad(content);
	if (!json_scan(content->data, content->length, NULL, NULL, 0, &result) || result.kind != JSON_OBJECT)
		return false;
	for (size_t i = 0; i < place->count; i++)
		if (!find_number(content, place->names[i], &numbers[i]))
			return false;
	return true;
}

bool place_file_open(struct place_file *place, const char *path, const char *const *names, int64_t *numbers,
                     size_t count)
{
	struct text content = {0};
	bool held;

	*place = (struct place_file){.names = names, .count = count, .open = path != NULL};
	if (!path)
		return false;
	if (state_file_open(&place->file, path, &content) < 0) {
		if (errno == EWOULDBLOCK)
			fail("the state file '%s' is in use by another process", path);
		fail("cannot open the state file '%s':", path);
	}
	held = content.length > 0;
	if (held && !parse(place, &content, numbers))
		die("the state file '%s' does not hold a place of this program; to begin anew, remove it", path);
	text_free(&content);
	/* Who begins is to have a place as soon as there is one: before the first save there is nothing to go on from. */
	place->saved = moment_now() - (held ? 0 : 2 * UNIT_S);
	return held;
}

bool place_file_due(const struct place_file *place, int64_t pause)
{
	return place->open && (pause > 100 * UNIT_MS || moment_now() - place->saved > UNIT_S);
}

void place_file_save(struct place_file *place, const int64_t *numbers)
{
	struct text content = {0};

	if (!place->open)
		return;
	for (size_t i = 0; i < place->count; i++)
		text_addf(&content, "%c\"%s\":%" PRId64, i ? ',' : '{', place->names[i], numbers[i]);
	text_add_string(&content, "}\n");
	if (state_file_replace(&place->file, content.data, content.length) < 0)
		fail("cannot write the state file '%s':", place->file.path);
	text_free(&content);
	place->saved = moment_now();
}

void place_file_close(struct place_file *place)
{
	if (place->open)
		state_file_close(&place->file);
	place->open = false;
}
