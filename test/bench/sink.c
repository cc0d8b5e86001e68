/*
 * sink: an output that throws away what it reads.
 */
#include "common/option.h"
#include "common/stage.h"

static const struct option_program program = {
	.name = "sink",
	.summary = "read events and throw them away",
	.operands = "",
};

int main(int argc, char **argv)
{
	struct stage stage = {0};
	const struct option options[] = {OPTION_END};

	(void)argc;
	option_parse_both(&program, options, stage_options(&stage), argv);
	stage_open(&stage);
	while (stage_next_line(&stage))
		;
	return stage_close(&stage);
}
