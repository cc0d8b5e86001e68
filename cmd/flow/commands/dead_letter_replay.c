/*
 * pype dead-letter replay: the lines as they were, to standard output or (--run) into the stage's own command and what
 * follows it in the pipeline.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/flow/commands/chain.h"
#include "cmd/flow/commands/dead_letter_command.h"
#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/run/state.h"
#include "common/message.h"

static bool is_replayed(void *context, const struct letters_record *record)
{
	struct dead_letter_job *job = context;
	struct text line = {0};
	bool has_line;

	if (!record->whole || !letters_pass(&job->filter, record))
		return false;
	has_line = letter_add_line(&line, &record->letter);
	text_free(&line);
	return has_line;
}

/*
 * True when the reader of a pipe has taken all that was written; false if it has gone before that. What is no pipe has
 * been written when it was written.
 */
static bool taken(int fd)
{
	enum { PAUSE_MS = 5 };
	int waiting;

	while (ioctl(fd, FIONREAD, &waiting) == 0 && fcntl(fd, F_GETPIPE_SZ) > 0 && waiting > 0) {
		struct pollfd end = {.fd = fd};

		/* There is no event for an empty pipe; POLLERR comes when the reader goes. */
		if (poll(&end, 1, PAUSE_MS) > 0) {
			errno = EPIPE;
			return false;
		}
	}
	return true;
}

/* Writes the lines; returns how many, or -1: errno. */
static int64_t write_lines(struct dead_letter_job *job, struct letters *letters, int fd)
{
	struct line_writer out;
	struct letters_record record;
	struct text line = {0};
	uint64_t left = 0;
	int64_t count = 0;
	int result = 0;

	line_writer_init(&out, fd);
	while (result == 0 && dead_letter_next(job, letters, &record)) {
		text_clear(&line);
		if (!record.whole || !letter_add_line(&line, &record.letter)) {
			left++;
			continue;
		}
		line_writer_add(&out, line.data, line.length);
		result = line_writer_end(&out);
		count++;
	}
	if (result == 0)
		result = line_writer_flush(&out);
	/* A file must have it for good before it is gone from the letters; a pipe cannot be synced. */
	if (result == 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		result = -1;
	if (result == 0 && !taken(fd))
		result = -1;
	if (left > 0)
		message_warning("%llu records hold no whole line: they are not replayed, and stay",
		                (unsigned long long)left);
	line_writer_free(&out);
	text_free(&line);
	return result < 0 ? -1 : count;
}

static int64_t to_output(struct dead_letter_job *job, struct letters *letters)
{
	int64_t count = write_lines(job, letters, STDOUT_FILENO);

	if (count < 0)
		fail("cannot write to standard output, all letters stay:");
	return count;
}

static bool has_letters(struct dead_letter_job *job, struct letters *letters)
{
	struct letters_record record;
	bool result = dead_letter_next(job, letters, &record);

	letters_rewind(letters);
	return result;
}

/* Returns how many; ends the program unless everything went well. */
static int64_t run_chain(struct dead_letter_job *job, struct letters *letters, struct chain *chain, const char *stage)
{
	int input = chain_start(chain, job->directory), failed;
	int64_t count = write_lines(job, letters, input);

	if (count < 0)
		message_error("cannot write to '%s':", stage);
	close(input);
	failed = chain_wait(chain);
	if (count < 0 || failed > 0)
		fail("the letters were not handled to the end: all of them stay");
	return count;
}

static int64_t into_stages(struct dead_letter_job *job, struct letters *letters, const char *stage)
{
	struct manifest manifest;
	struct chain chain;
	int64_t count = 0;
	int lock;

	if (!manifest_read(&manifest, job->flow))
		exit(STATUS_POINTLESS);
	chain_find(&chain, &manifest, stage);
	lock = state_lock(job->state);
	if (has_letters(job, letters))
		count = run_chain(job, letters, &chain, stage);
	close(lock);
	chain_free(&chain);
	manifest_free(&manifest);
	return count;
}

int dead_letter_replay(struct dead_letter_job *job)
{
	const char *stage = job->stages.items[0];
	struct letters letters;
	uint64_t removed = 0;
	int64_t count;

	if (job->stages.count > 1)
		die("replay takes one stage, but there are letters of several, '%s' and '%s'", stage,
		    job->stages.items[1]);
	signal(SIGPIPE, SIG_IGN);
	dead_letter_open(job, stage, &letters);
	count = job->run ? into_stages(job, &letters, stage) : to_output(job, &letters);
	if (!job->keep && count > 0 && letters_remove(&letters, is_replayed, job, &removed) < 0)
		fail("the letters of '%s' were replayed, but cannot be removed:", letters.path);
	message_info("%s: %lld replayed, %llu removed", stage, (long long)count, (unsigned long long)removed);
	letters_close(&letters);
	return STATUS_OK;
}
