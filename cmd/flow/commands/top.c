/*
 * pype top: pype ps each second, on a terminal.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/flow/command.h"
#include "cmd/flow/commands/ps.h"
#include "cmd/flow/run/state.h"
#include "common/message.h"
#include "common/option.h"
#include "common/output.h"
#include "common/signals.h"
#include "common/line.h"

enum { PAUSE = 1000 /* milliseconds */, CONTROL_C = 3 };

static int write_out(const struct text *text)
{
	struct line_writer writer;
	int result;

	line_writer_init(&writer, STDOUT_FILENO);
	line_writer_add(&writer, text->data, text->length);
	result = line_writer_end_raw(&writer);
	if (result == 0)
		result = line_writer_flush(&writer);
	line_writer_free(&writer);
	return result;
}

/* As much of the table as the terminal has room for; the heading stands out. */
static void add_screen(struct text *screen, const struct text *table)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	const char *at = table->data;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	text_add_string(screen, "\033[H");
	for (unsigned row = 0; *at && row < size.ws_row; row++) {
		text_add_string(screen, row == 0 ? "\033[7m" : "\r\n");
		for (unsigned column = 0; *at && *at != '\n'; at++) {
			column += (*at & 0xc0) != 0x80;
			if (column <= size.ws_col)
				text_add_char(screen, *at);
		}
		text_add_string(screen, row == 0 ? "\033[m\033[K" : "\033[K");
		at += *at == '\n';
	}
	text_add_string(screen, "\033[J");
}

/* Waits for the next turn. False: the user, or a signal, wants the end. */
static bool wait_turn(void)
{
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals_fd(), .events = POLLIN}};
	char key;

	if (poll(fds, 2, PAUSE) <= 0)
		return !signals_stop();
	if (fds[1].revents || read(STDIN_FILENO, &key, 1) != 1)
		return false;
	return key != 'q' && key != CONTROL_C;
}

static void show(struct ask *ask)
{
	struct text table = {0}, screen = {0};
	int result;

	text_add_string(&screen, "\033[?1049h\033[?25l");
	do {
		text_clear(&table);
		ps_table(ask, &table);
		add_screen(&screen, &table);
		result = write_out(&screen);
		text_clear(&screen);
	} while (ask->status == STATUS_OK && result == 0 && wait_turn());
	text_add_string(&screen, "\033[?25h\033[?1049l");
	write_out(&screen);
	text_free(&screen);
	text_free(&table);
	/* That it ends is one of the things one watches for. */
	if (ask->gone) {
		ask->gone = false;
		ask->status = STATUS_OK;
		message_info("the flow has ended");
	}
}

static void show_once(struct ask *ask)
{
	struct text table = {0};

	ps_table(ask, &table);
	if (ask->status == STATUS_OK)
		output_check(write_out(&table));
	text_free(&table);
}

/* Keys come at once and unseen. */
static void show_on_terminal(struct ask *ask)
{
	struct termios before, raw;
	bool keys = tcgetattr(STDIN_FILENO, &before) == 0;

	if (keys) {
		raw = before;
		raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO | ISIG);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	show(ask);
	if (keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

int top_command(char **argv)
{
	static const struct option_program program = {
		.name = "pype top",
		.summary = "watch the pipelines and stages of a running flow",
		.operands = "[FLOW]",
		.most = 1,
	};
	char *state = NULL;
	struct option options[] = {
		OPTION_STRING('d', "state", "DIR", &state, "the flow's state directory (.pype beside FLOW)"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);
	struct ask ask;

	if (option_checking())
		return STATUS_OK;
	signals_init();
	ask_open(&ask, state_path(state, operands[0]));
	if (isatty(STDOUT_FILENO))
		show_on_terminal(&ask);
	else
		show_once(&ask);
	return ask_close(&ask);
}
