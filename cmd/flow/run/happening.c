#include "cmd/flow/run/happening.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"

void happening_begin(struct text *text, const char *name, const char *source)
{
	char seconds[UNIT_TEXT_MAX];
	int64_t now = moment_unix();

	unit_time_text(seconds, now - now % UNIT_US);
	text_clear(text);
	text_addf(text, "{\"event\":\"%s\",\"time\":%s,\"source\":", name, seconds);
	json_add_string(text, source, strlen(source));
	text_add_string(text, ",\"data\":{");
}

void happening_message(struct text *text, const char *format, ...)
{
	struct text message = {0};
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(&message, format, arguments);
	va_end(arguments);
	text_add_string(text, "\"message\":");
	json_add_string(text, message.data, message.length);
	text_free(&message);
}

void happening_end(struct text *text)
{
	text_add_string(text, "}}\n");
}

void happening_say(struct text *text, const char *name, const char *source, const char *message)
{
	happening_begin(text, name, source);
	happening_message(text, "%s", message);
	happening_end(text);
}

void happening_add_signal(struct text *text, int number)
{
	const char *name = sigabbrev_np(number);

	text_addf(text, "signal %d (SIG%s)", number, name ? name : "?");
}

void happening_add_seconds(struct text *text, const char *name, int64_t nanoseconds)
{
	char seconds[UNIT_TEXT_MAX];

	unit_time_text(seconds, nanoseconds / UNIT_MS * UNIT_MS);
	text_addf(text, ",\"%s\":%s", name, seconds);
}

void happening_add_death(struct text *text, const struct happening_death *death, const struct restart_policy *policy)
{
	struct text message = {0};
	char duration[UNIT_TEXT_MAX];
	bool killed = WIFSIGNALED(death->status);

	if (killed) {
		text_add_string(&message, "killed by ");
		happening_add_signal(&message, WTERMSIG(death->status));
	} else if (death->how) {
		text_add_string(&message, death->how);
	} else {
		text_addf(&message, "exited with %d", WEXITSTATUS(death->status));
	}
	text_addf(&message, " after %s", unit_duration_text(duration, death->uptime / UNIT_MS * UNIT_MS));
	if (death->delay >= 0) {
		text_addf(&message, ", failure %" PRIu64, death->attempt);
		if (policy->mode == RESTART_LIMITED)
			text_addf(&message, " (limit %" PRId64 " within %s)", policy->limit,
			          unit_duration_text(duration, policy->within));
		if (death->delay == 0)
			text_add_string(&message, ", starts again at once");
		else
			text_addf(&message, ", starts again in %s",
			          unit_duration_text(duration, death->delay / UNIT_MS * UNIT_MS));
	} else if (death->why) {
		text_addf(&message, ", %s", death->why);
	}
	happening_message(text, "%s", message.data);
	text_addf(text, ",\"pid\":%d,\"%s\":%d,\"attempt\":%" PRIu64, death->pid, killed ? "signal" : "exit",
	          killed ? WTERMSIG(death->status) : WEXITSTATUS(death->status), death->attempt);
	happening_add_seconds(text, "uptime", death->uptime);
	if (death->delay >= 0)
		happening_add_seconds(text, "restart_in", death->delay);
	text_free(&message);
}
