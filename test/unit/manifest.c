// with: cmd/flow/manifest/manifest.c cmd/flow/manifest/settings.c cmd/flow/manifest/edges.c cmd/flow/manifest/rules.c cmd/flow/manifest/host.c cmd/flow/manifest/schema.c cmd/flow/manifest/document.c cmd/flow/manifest/node.c cmd/flow/manifest/mistakes.c cmd/flow/manifest/shell.c cmd/flow/manifest/program.c cmd/flow/manifest/scanner.c cmd/flow/manager/restart.c
/*
 * manifest: what a text becomes: defaults, inheritance, names, order, places.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/flow/manifest/manifest.h"
#include "common/message.h"
#include "common/text.h"
#include "common/unit.h"
#include "test/unit/tap.h"

/* Reads a text; the mistakes are put into said, as "LINE:COLUMN message;". */
static void load(struct manifest *manifest, const char *text, struct text *said)
{
	struct mistakes mistakes = {0};
	int fd = memfd_create("flow", 0);
	char path[40];

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail("cannot make a file:");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	manifest_load(manifest, path, &mistakes);
	text_clear(said);
	for (size_t i = 0; i < mistakes.count; i++)
		text_addf(said, "%zu:%zu %s;", mistakes.items[i].place.line, mistakes.items[i].place.column,
		          mistakes.items[i].text);
	mistakes_free(&mistakes);
	close(fd);
}

/* The names, reads and texts of a pipeline: "a=cat b(a)(a.x)=sort ". */
static void describe(const struct manifest_pipeline *pipeline, struct text *result)
{
	text_clear(result);
	for (size_t i = 0; i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];

		text_add_string(result, stage->name);
		for (size_t j = 0; j < stage->from_count; j++)
			text_addf(result, "(%s%s%s)", pipeline->stages[stage->from[j].stage].name,
			          stage->from[j].event ? "." : "", stage->from[j].event ? stage->from[j].event : "");
		text_addf(result, "=%s ", stage->run);
	}
}

static const struct {
	const char *text, *wanted;
} shapes[] = {
	{"pipelines: {p: {run: pype-jq .}}", "jq=pype-jq . "},
	{"pipelines: {p: {run: pype-jq . | /usr/bin/pype-jq .a | pype jq .b | jq}}",
         "jq=pype-jq . jq-2(jq)=/usr/bin/pype-jq .a jq-3(jq-2)=pype jq .b jq-4(jq-3)=jq "},
	{"pipelines: {p: {run: A=1 B=2 cat | \"cat\" | (cat) | $X | while read x; do y; done}}",
         "cat=A=1 B=2 cat stage-2(cat)=\"cat\" stage-3(stage-2)=(cat) stage-4(stage-3)=$X stage-5(stage-4)=while "
         "read x; do y; done "},
	{"pipelines: {p: {run: cat-2 | cat | cat | ./a.sh | stage-6 | (x) | pype -h}}",
         "cat-2=cat-2 cat(cat-2)=cat cat-3(cat)=cat a-sh(cat-3)=./a.sh stage-6(a-sh)=stage-6 stage-7(stage-6)=(x) "
         "pype(stage-7)=pype -h "},
	{"pipelines: {p: {run: '012345678901234567890123456789012345678901234567890123456789abcdef | "
         "012345678901234567890123456789012345678901234567890123456789abcdef'}}",
         "012345678901234567890123456789012345678901234567890123456789abcd="
         "012345678901234567890123456789012345678901234567890123456789abcdef "
         "012345678901234567890123456789012345678901234567890123456789ab-2("
         "012345678901234567890123456789012345678901234567890123456789abcd)="
         "012345678901234567890123456789012345678901234567890123456789abcdef "},
	{"pipelines: {p: {stages: {a: x}}}", "a=x "},
	{"pipelines: {p: {stages: {c: {run: z, from: b}, a: x, b: {from: [a], run: 'y | y; y'}}}}",
         "a=x b(a)=y | y; y c(b)=z "},
	{"{\"pipelines\": {\"p\": {\"stages\": {\"a\": \"x\", \"b\": {\"run\": \"y\", \"from\": \"a\"}}}}}",
         "a=x b(a)=y "},
	{"pipelines: {p: {stages: {d: {run: x, from: [c.x, a, c.y z]}, c: {run: x, from: [b.\"q.'r', a.1]}, a: x, "
         "b: {run: y}}}}",
         "a=x b=y c(b.\"q.'r')(a.1)=x d(c.x)(a)(c.y z)=x "},
	{"pipelines: {p: {stages: {a: x, b: {run: x, from: a.}}}}", "a=x b=x 1:50 no event behind the '.' of 'a.';"},
};

/* Where the stages of the pipeline begin. */
static const struct {
	const char *text, *wanted;
} places[] = {
	{"pipelines:\n  p:\n    run: |\n      a |\n\n       é | b\n      | c\n", "4:7 6:8 6:12 7:9 "},
	{"pipelines:\n  p:\n    run: |2 # x\n       a\n      | b\n", "4:8 5:9 "},
	{"pipelines:\n  p:\n    run: >-\n\n      a\n      |  b\n\n      | c\n", "5:7 6:10 8:9 "},
	{"pipelines:\n  p:\n    run: a |\n      b\n      | c\n", "3:10 4:7 5:9 "},
	{"pipelines:\n  p:\n    run: 'a ''|'' | b\n\n      | c'\n", "3:11 3:21 5:9 "},
	{"pipelines:\n  p:\n    run: \"a \\\"|\\\" \\x7c \\\n      b\\n\\t| \\u00e9 | c\"\n", "3:11 4:7 4:14 4:23 "},
	{"pipelines:\r\n  p:\r\n    run: |\r\n      a |\r\n      b\r\n", "4:7 5:7 "},
	{"pipelines: {p: {stages: {a: ' x', b: {run: \"y\", from: a}}}}", "1:31 1:45 "},
	{"\xef\xbb\xbfpipelines: {p: {run: a | b}}", "1:22 1:26 "},
};

static const char settings_text[] = "restart: {limit: 3, max: 2m}\n"
				    "env: {A: 1, B: 2}\n"
				    "pipelines:\n"
				    "  one:\n"
				    "    restart: {min: 1s}\n"
				    "    buffer: 1M\n"
				    "    env: {B: 3}\n"
				    "    stages:\n"
				    "      a: {run: x, env: {C: no}, restart: never, stop_timeout: 0}\n"
				    "      b: {run: y, from: a, restart: {reset: \"5\"}, buffer: 4096}\n"
				    "  two: {run: z, restart: always}\n";

static void check_settings(struct tap *tap, const struct manifest *manifest)
{
	const struct manifest_settings *flow = &manifest->settings;
	const struct manifest_settings *one = &manifest->pipelines[0].settings, *two = &manifest->pipelines[1].settings;
	const struct manifest_settings *a = &manifest->pipelines[0].stages[0].settings;
	const struct manifest_settings *b = &manifest->pipelines[0].stages[1].settings;

	tap_ok(tap, flow->restart.mode == RESTART_LIMITED && flow->restart.limit == 3, "flow: limit");
	tap_ok(tap, flow->restart.within == 5 * UNIT_MINUTE && flow->restart.reset == UNIT_MINUTE, "flow: defaults");
	tap_ok(tap, flow->restart.min == 100 * UNIT_MS && flow->restart.max == 2 * UNIT_MINUTE, "flow: min and max");
	tap_ok(tap, flow->stop_timeout == 10 * UNIT_S && flow->buffer == 256 << 10, "flow: stop_timeout and buffer");
	tap_ok(tap, flow->delivery == DELIVERY_EXACT && flow->protocol == PROTOCOL_ASYNC, "flow: exact and async");
	tap_ok(tap, flow->when_full == WHEN_FULL_BLOCK, "flow: block");
	tap_ok(tap, one->restart.min == UNIT_S && one->restart.max == 2 * UNIT_MINUTE && one->restart.limit == 3,
	       "one: merged with the flow's");
	tap_ok(tap, one->buffer == 1 << 20 && two->buffer == 256 << 10, "buffers");
	tap_ok(tap, a->restart.mode == RESTART_NEVER && a->stop_timeout == 0 && a->buffer == 1 << 20, "stage a");
	tap_ok(tap, b->restart.mode == RESTART_LIMITED && b->restart.reset == 5 * UNIT_S && b->restart.min == UNIT_S,
	       "stage b: merged with the pipeline's");
	tap_ok(tap, b->buffer == 4096, "stage b: buffer");
	tap_ok(tap, two->restart.mode == RESTART_ALWAYS, "two: always");
	tap_ok(tap, flow->env.count == 2 && one->env.count == 3 && a->env.count == 4 && b->env.count == 3,
	       "env: how many");
	tap_ok(tap,
	       a->env.count == 4 && strcmp(a->env.items[0], "A=1") == 0 && strcmp(a->env.items[1], "B=2") == 0 &&
	               strcmp(a->env.items[2], "B=3") == 0 && strcmp(a->env.items[3], "C=no") == 0,
	       "env: outermost first, plain words as they are");
	tap_ok(tap, a->secrets.count == 4 && !*a->secrets.items[0], "env: no secrets");
}

static const char graph_text[] =
	"ack: lines\n"
	"limits: {memory: 1G, core: 0}\n"
	"pipelines:\n"
	"  p:\n"
	"    protocol: sync\n"
	"    user: u:g\n"
	"    stages:\n"
	"      source: {run: pype-cron, limits: {memory: 2M, files: 9, no_new_privs: true}}\n"
	"      tool: {run: pype-jq ., from: source, delivery: durable, fsync: always, quota: 2M}\n"
	"      other: {run: x, from: source, limits: {cpu: 90s, processes: 7, file_size: 4k, core: 1M}, user: v}\n";

/* The settings that came with graphs. */
static void check_graph(struct tap *tap, const struct manifest *manifest)
{
	const struct manifest_pipeline *p = &manifest->pipelines[0];
	const struct manifest_settings *source = &p->stages[0].settings, *tool = &p->stages[1].settings;
	const struct manifest_settings *other = &p->stages[2].settings, *flow = &manifest->settings;

	tap_ok(tap, p->linked && p->count == 3 && source->protocol == PROTOCOL_SYNC, "linked, in lock step");
	tap_ok(tap, flow->ack == ACK_LINES && source->ack == ACK_NONE && tool->ack == ACK_NONE, "ack: who has none");
	tap_ok(tap, other->ack == ACK_LINES && other->origins[SETTING_ACK].level == LEVEL_FLOW, "ack: who has it");
	tap_ok(tap, tool->delivery == DELIVERY_DURABLE && other->delivery == DELIVERY_EXACT, "delivery");
	tap_ok(tap, tool->fsync == FSYNC_ALWAYS && other->fsync == FSYNC_INTERVAL, "fsync");
	tap_ok(tap, tool->quota == 2 << 20 && other->quota == 1 << 30, "quota");
	tap_ok(tap, !flow->user && strcmp(tool->user, "u:g") == 0 && strcmp(other->user, "v") == 0, "user");
	tap_ok(tap, source->limits.memory == 2 << 20 && source->limits.core == 0 && source->limits.files == 9,
	       "limits: merged");
	tap_ok(tap, source->limits.no_new_privs && !other->limits.no_new_privs, "limits: no_new_privs");
	tap_ok(tap, other->limits.memory == 1 << 30 && other->limits.core == 1 << 20 && other->limits.files == 0,
	       "limits: inherited");
	tap_ok(tap, other->limits.cpu == 90 * UNIT_S && other->limits.processes == 7 && other->limits.file_size == 4096,
	       "limits: units");
	tap_ok(tap, tool->origins[SETTING_FSYNC].level == LEVEL_STAGE && tool->origins[SETTING_FSYNC].place.line == 9,
	       "where a setting stands");
	tap_ok(tap, tool->origins[SETTING_BUFFER].level == LEVEL_DEFAULT, "a default stands nowhere");
}

/* A file with this content as the value of a variable: the entry, or what is said. */
static void check_secret(struct tap *tap, const char *content, size_t length, const char *wanted)
{
	struct text text = {0}, said = {0};
	struct manifest manifest;
	int fd = memfd_create("secret", 0);

	if (fd != 3 || write(fd, content, length) != (ssize_t)length)
		fail("cannot make a file:");
	text_add_string(&text, "env: {A: x, T: {file: /proc/self/fd/3}}\npipelines: {p: {run: cat}}");
	load(&manifest, text.data, &said);
	if (manifest.settings.env.count == 2) {
		text_add_string(&said, manifest.pipelines[0].stages[0].settings.env.items[1]);
		tap_ok(tap, strcmp(manifest.settings.secrets.items[1], "/proc/self/fd/3") == 0, "its file");
		tap_ok(tap, strcmp(manifest.settings.secrets.items[0], "") == 0, "no file");
	}
	tap_is(tap, said.data, said.length, wanted, strlen(wanted), "a secret");
	manifest_free(&manifest);
	text_free(&text);
	text_free(&said);
	close(fd);
}

/* As many stages as there may be, and one more. */
static void check_many(struct tap *tap)
{
	struct text text = {0}, said = {0};
	struct manifest manifest;

	text_add_string(&text, "pipelines: {p: {run: \"");
	for (int i = 0; i < 1000; i++)
		text_addf(&text, "%scat", i ? " | " : "");
	text_add_string(&text, "\"}}");
	load(&manifest, text.data, &said);
	tap_ok(tap, !said.length && manifest.pipelines[0].count == 1000, "1000 stages");
	tap_ok(tap, strcmp(manifest.pipelines[0].stages[999].name, "cat-1000") == 0, "the last one's name");
	manifest_free(&manifest);
	text.length -= 3;
	text_add_string(&text, "| cat\"}}");
	load(&manifest, text.data, &said);
	tap_is(tap, said.data, said.length, "1:22 more than 1000 stages;", 27, "1001 stages");
	manifest_free(&manifest);
	text_free(&text);
	text_free(&said);
}

int main(void)
{
	struct tap tap = {0};
	struct text said = {0}, result = {0};
	struct manifest manifest;
	char large[MANIFEST_SECRET + 1];

	closefrom(3);
	memset(large, 'x', sizeof(large));
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		load(&manifest, shapes[i].text, &said);
		describe(&manifest.pipelines[0], &result);
		text_add(&result, said.data, said.length);
		tap_is(&tap, result.data, result.length, shapes[i].wanted, strlen(shapes[i].wanted), shapes[i].text);
		manifest_free(&manifest);
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		load(&manifest, places[i].text, &said);
		text_clear(&result);
		for (size_t j = 0; manifest.count && j < manifest.pipelines[0].count; j++)
			text_addf(&result, "%zu:%zu ", manifest.pipelines[0].stages[j].place.line,
			          manifest.pipelines[0].stages[j].place.column);
		text_add(&result, said.data, said.length);
		tap_is(&tap, result.data, result.length, places[i].wanted, strlen(places[i].wanted), places[i].text);
		manifest_free(&manifest);
	}
	load(&manifest, settings_text, &said);
	tap_is(&tap, said.data, said.length, "", 0, "settings: no mistakes");
	check_settings(&tap, &manifest);
	tap_ok(&tap, manifest.settings.limits.core == MANIFEST_NO_LIMIT && !manifest.settings.limits.memory,
	       "no limits");
	manifest_free(&manifest);
	load(&manifest, graph_text, &said);
	tap_is(&tap, said.data, said.length, "", 0, "a graph: no mistakes");
	check_graph(&tap, &manifest);
	manifest_free(&manifest);
	check_many(&tap);
	check_secret(&tap, "top secret\n", 11, "T=top secret");
	check_secret(&tap, "top secret", 10, "T=top secret");
	check_secret(&tap, "", 0, "T=");
	check_secret(&tap, "top\n\n", 5, "T=top\n");
	check_secret(&tap, "a\0b", 3, "1:23 cannot read the secret '/proc/self/fd/3': a NUL character in it;");
	check_secret(&tap, large, sizeof(large), "1:23 cannot read the secret '/proc/self/fd/3': larger than 64 KiB;");
	text_free(&said);
	text_free(&result);
	return tap_end(&tap);
}
