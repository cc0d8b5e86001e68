#include "cmd/flow/manifest/settings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/text.h"
#include "common/unit.h"

/* restart */

static const struct schema_key restart_keys[] = {
	{"limit", SCHEMA_NUMBER, offsetof(struct restart_policy, limit), 1, RESTART_LIMIT_MAX, NULL, NULL},
	{"within", SCHEMA_DURATION, offsetof(struct restart_policy, within), UNIT_MS, 365 * UNIT_DAY, NULL, NULL},
	{"min", SCHEMA_DURATION, offsetof(struct restart_policy, min), UNIT_MS, UNIT_DAY, NULL, NULL},
	{"max", SCHEMA_DURATION, offsetof(struct restart_policy, max), UNIT_MS, UNIT_DAY, NULL, NULL},
	{"reset", SCHEMA_DURATION, offsetof(struct restart_policy, reset), UNIT_MS, 365 * UNIT_DAY, NULL, NULL},
	{0},
};

static void read_restart_word(const struct schema *schema, const struct schema_pair *pair,
                              struct restart_policy *policy)
{
	static const char *const words[] = {"never", "always", NULL};
	char hint[OPTION_HINT];

	if (!schema_scalar(schema, pair->key, pair->value, "never, always or a mapping"))
		return;
	if (strcmp(pair->value->text, "never") == 0) {
		policy->mode = RESTART_NEVER;
	} else if (strcmp(pair->value->text, "always") == 0) {
		policy->mode = RESTART_ALWAYS;
	} else {
		mistakes_add(schema->mistakes, pair->value->place,
		             "'restart' takes never, always or a mapping, not '%s'%s", pair->value->text,
		             option_hint(hint, pair->value->text, words));
	}
}

static void read_restart(const struct schema *schema, const struct schema_pair *pair, void *target)
{
	struct restart_policy *policy = target;
	struct schema_part part = {restart_keys, policy};
	char min[UNIT_TEXT_MAX], max[UNIT_TEXT_MAX];
	size_t before = schema->mistakes->fatal;

	if (pair->value->kind != NODE_MAP) {
		read_restart_word(schema, pair, policy);
		return;
	}
	policy->mode = RESTART_LIMITED;
	schema_read(schema, pair->value, "'restart'", &part, 1);
	if (policy->min > policy->max && schema->mistakes->fatal == before)
		mistakes_add(schema->mistakes, pair->value->place, "'restart': min is %s, more than max, which is %s",
		             unit_duration_text(min, policy->min), unit_duration_text(max, policy->max));
}

/* env */

static bool is_variable(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	while (isalnum((unsigned char)*name) || *name == '_')
		name++;
	return !*name;
}

/* What the runner tells a stage by its environment. */
static bool is_reserved(const char *name)
{
	static const char *const names[] = {"PYPE_NAME", "PYPE_CHECK", "PYPE_DEAD_LETTER", "PYPE_STAGE",
	                                    "PYPE_RESTART"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* The content of a file without its last newline, or NULL, and why. */
static char *read_secret(const char *directory, const char *path, const char **why)
{
	struct text name = {0}, content = {0};
	struct stat status;
	int fd, result;

	text_addf(&name, "%s%s%s", path[0] == '/' ? "" : directory, path[0] == '/' ? "" : "/", path);
	/* Not blocking: a FIFO must not hold us up. It is no regular file anyway. */
	fd = open(name.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	text_free(&name);
	*why = "not a regular file";
	if (fd < 0 || fstat(fd, &status) < 0) {
		*why = strerror(errno);
	} else if (S_ISREG(status.st_mode)) {
		result = text_add_file(&content, fd, MANIFEST_SECRET);
		*why = NULL;
		if (result < 0)
			*why = strerror(errno);
		else if (result > 0)
			*why = "larger than 64 KiB";
		else if (memchr(content.data, '\0', content.length))
			*why = "a NUL character in it";
	}
	if (fd >= 0)
		close(fd);
	if (*why) {
		text_free(&content);
		return NULL;
	}
	if (content.length > 0 && content.data[content.length - 1] == '\n')
		content.data[--content.length] = '\0';
	return text_detach(&content);
}

static void add_variable(struct manifest_settings *settings, const char *name, const char *value, const char *file)
{
	option_list_add(&settings->env, text_format("%s=%s", name, value));
	option_list_add(&settings->secrets, xstrdup(file));
}

static void add_secret(const struct schema *schema, const struct schema_pair *pair, struct manifest_settings *settings)
{
	static const struct schema_key keys[] = {{"file", SCHEMA_PAIR, 0, 0, 0, NULL, NULL}, {0}};
	struct schema_pair file = {0};
	struct schema_part part = {keys, &file};
	size_t before = schema->mistakes->fatal;
	const char *why;
	char *content;

	schema_read(schema, pair->value, "a secret", &part, 1);
	if (!file.key) {
		if (!pair->value->open && schema->mistakes->fatal == before)
			mistakes_add(schema->mistakes, pair->key->place, "'%s' has no 'file'", pair->key->text);
		return;
	}
	if (!schema_scalar(schema, file.key, file.value, "the path of a file"))
		return;
	content = read_secret(schema->directory, file.value->text, &why);
	if (!content)
		mistakes_add(schema->mistakes, file.value->place, "cannot read the secret '%s': %s", file.value->text,
		             why);
	else
		add_variable(settings, pair->key->text, content, file.value->text);
	free(content);
}

static void read_variable(const struct schema *schema, const struct schema_pair *pair,
                          struct manifest_settings *settings)
{
	const char *name = pair->key->text;

	if (!is_variable(name))
		mistakes_add(schema->mistakes, pair->key->place, "'%s' cannot be the name of an environment variable",
		             name);
	else if (is_reserved(name))
		mistakes_add(schema->mistakes, pair->key->place, "'%s' is set by pype run itself", name);
	else if (pair->value->kind == NODE_MAP)
		add_secret(schema, pair, settings);
	else if (schema_scalar(schema, pair->key, pair->value, "a text ('' for an empty one) or {file: PATH}"))
		add_variable(settings, name, pair->value->text, "");
}

static void read_env(const struct schema *schema, const struct schema_pair *pair, void *target)
{
	const struct node *map = pair->value;

	if (map->kind != NODE_MAP) {
		mistakes_add(schema->mistakes, map->place, "'env' is a mapping of names to values");
		return;
	}
	for (size_t i = 0; i < map->count; i += 2) {
		struct schema_pair variable = {.key = map->items[i], .value = map->items[i + 1]};

		if (variable.key->kind == NODE_SCALAR)
			read_variable(schema, &variable, target);
	}
}

/* limits and user */

enum { TERA = 40 }; /* 1 << TERA */

static const struct schema_key limits_keys[] = {
	{"memory", SCHEMA_SIZE, offsetof(struct manifest_limits, memory), 1 << 20, 64LL << TERA, NULL, NULL},
	{"cpu", SCHEMA_DURATION, offsetof(struct manifest_limits, cpu), UNIT_S, 365 * UNIT_DAY, NULL, NULL},
	{"files", SCHEMA_NUMBER, offsetof(struct manifest_limits, files), 8, 1 << 20, NULL, NULL},
	{"processes", SCHEMA_NUMBER, offsetof(struct manifest_limits, processes), 1, 1 << 22, NULL, NULL},
	{"file_size", SCHEMA_SIZE, offsetof(struct manifest_limits, file_size), 4 << 10, 64LL << TERA, NULL, NULL},
	{"core", SCHEMA_SIZE, offsetof(struct manifest_limits, core), 0, 64LL << TERA, NULL, NULL},
	{"no_new_privs", SCHEMA_FLAG, offsetof(struct manifest_limits, no_new_privs), 0, 0, NULL, NULL},
	{0},
};

static void read_limits(const struct schema *schema, const struct schema_pair *pair, void *target)
{
	struct schema_part part = {limits_keys, target};

	schema_read(schema, pair->value, "'limits'", &part, 1);
}

static void read_user(const struct schema *schema, const struct schema_pair *pair, void *target)
{
	char **user = target;
	const char *value = pair->value->text;

	if (!schema_scalar(schema, pair->key, pair->value, "NAME or NAME:GROUP"))
		return;
	if (!*value || *value == ':' || value[strlen(value) - 1] == ':') {
		mistakes_add(schema->mistakes, pair->value->place, "'user' takes NAME or NAME:GROUP, not '%s'", value);
		return;
	}
	free(*user);
	*user = xstrdup(value);
}

/* All of them. */

static const struct schema_key settings_keys[] = {
	{"delivery", SCHEMA_CHOICE, offsetof(struct manifest_settings, delivery), 0, 0, "exact|fast|durable", NULL},
	{"protocol", SCHEMA_CHOICE, offsetof(struct manifest_settings, protocol), 0, 0, "async|sync", NULL},
	{"when_full", SCHEMA_CHOICE, offsetof(struct manifest_settings, when_full), 0, 0,
         "block|drop-oldest|drop-newest|spill", NULL},
	{"ack", SCHEMA_CHOICE, offsetof(struct manifest_settings, ack), 0, 0, "none|page|lines|eof", NULL},
	{"fsync", SCHEMA_CHOICE, offsetof(struct manifest_settings, fsync), 0, 0, "interval|always|never", NULL},
	{"restart", SCHEMA_CALL, offsetof(struct manifest_settings, restart), 0, 0, NULL, read_restart},
	{"stop_timeout", SCHEMA_DURATION, offsetof(struct manifest_settings, stop_timeout), 0, UNIT_DAY, NULL, NULL},
	{"buffer", SCHEMA_SIZE, offsetof(struct manifest_settings, buffer), 4 << 10, 1 << 30, NULL, NULL},
	{"quota", SCHEMA_SIZE, offsetof(struct manifest_settings, quota), 1 << 20, 1LL << TERA, NULL, NULL},
	{"user", SCHEMA_CALL, offsetof(struct manifest_settings, user), 0, 0, NULL, read_user},
	{"limits", SCHEMA_CALL, offsetof(struct manifest_settings, limits), 0, 0, NULL, read_limits},
	{"env", SCHEMA_CALL, 0, 0, 0, NULL, read_env},
	{0},
};

const char *settings_word(const struct manifest_settings *settings, enum manifest_setting setting)
{
	static const char *const deliveries[] = {
		[DELIVERY_EXACT] = "exact", [DELIVERY_FAST] = "fast", [DELIVERY_DURABLE] = "durable"};
	static const char *const protocols[] = {[PROTOCOL_ASYNC] = "async", [PROTOCOL_SYNC] = "sync"};
	static const char *const when_fulls[] = {
		[WHEN_FULL_BLOCK] = "block",
		[WHEN_FULL_DROP_OLDEST] = "drop-oldest",
		[WHEN_FULL_DROP_NEWEST] = "drop-newest",
		[WHEN_FULL_SPILL] = "spill",
	};
	static const char *const acks[] = {
		[ACK_NONE] = "none", [ACK_PAGE] = "page", [ACK_LINES] = "lines", [ACK_EOF] = "eof"};
	static const char *const fsyncs[] = {
		[FSYNC_INTERVAL] = "interval", [FSYNC_ALWAYS] = "always", [FSYNC_NEVER] = "never"};

	switch (setting) {
	case SETTING_DELIVERY:
		return deliveries[settings->delivery];
	case SETTING_PROTOCOL:
		return protocols[settings->protocol];
	case SETTING_WHEN_FULL:
		return when_fulls[settings->when_full];
	case SETTING_ACK:
		return acks[settings->ack];
	case SETTING_FSYNC:
		return fsyncs[settings->fsync];
	default:
		return NULL;
	}
}

static void note_origin(struct manifest_settings *settings, const struct node *key)
{
	static const char *const names[] = {
		[SETTING_DELIVERY] = "delivery", [SETTING_PROTOCOL] = "protocol", [SETTING_WHEN_FULL] = "when_full",
		[SETTING_BUFFER] = "buffer",     [SETTING_ACK] = "ack",           [SETTING_FSYNC] = "fsync",
		[SETTING_QUOTA] = "quota",       [SETTING_USER] = "user",         [SETTING_LIMITS] = "limits",
	};

	for (size_t i = 0; i < SETTINGS; i++)
		if (key->kind == NODE_SCALAR && strcmp(key->text, names[i]) == 0)
			settings->origins[i] = (struct manifest_origin){settings->level, key->place};
}

void settings_read(const struct schema *schema, const struct node *node, const char *what,
                   const struct schema_part *own, struct manifest_settings *settings)
{
	const struct schema_part parts[] = {*own, {settings_keys, settings}};

	schema_read(schema, node, what, parts, sizeof(parts) / sizeof(parts[0]));
	for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i += 2)
		note_origin(settings, node->items[i]);
}

static bool same_list(const struct option_list *a, const struct option_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

bool settings_same_command(const struct manifest_settings *a, const struct manifest_settings *b)
{
	/* A secret's value stands in env. */
	return a->restart.mode == b->restart.mode && schema_same(restart_keys, &a->restart, &b->restart) &&
	       a->stop_timeout == b->stop_timeout && same_list(&a->env, &b->env);
}

bool settings_same(const struct manifest_settings *a, const struct manifest_settings *b)
{
	return schema_same(settings_keys, a, b) && schema_same(limits_keys, &a->limits, &b->limits) &&
	       (a->user && b->user ? strcmp(a->user, b->user) == 0 : a->user == b->user) && settings_same_command(a, b);
}

void settings_init(struct manifest_settings *settings)
{
	*settings = (struct manifest_settings){
		.restart = restart_default,
		.stop_timeout = 10 * UNIT_S,
		.buffer = 256 << 10,
		.quota = 1 << 30,
		.limits = {.core = MANIFEST_NO_LIMIT},
		.level = LEVEL_FLOW,
	};
}

static void copy_list(struct option_list *copy, const struct option_list *list)
{
	*copy = (struct option_list){0};
	for (size_t i = 0; i < list->count; i++)
		option_list_add(copy, xstrdup(list->items[i]));
}

void settings_inherit(struct manifest_settings *settings, const struct manifest_settings *outer)
{
	*settings = *outer;
	settings->level++;
	settings->user = outer->user ? xstrdup(outer->user) : NULL;
	copy_list(&settings->env, &outer->env);
	copy_list(&settings->secrets, &outer->secrets);
}

static void free_list(struct option_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

void settings_free(struct manifest_settings *settings)
{
	free_list(&settings->env);
	free_list(&settings->secrets);
	free(settings->user);
}
