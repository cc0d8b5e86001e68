/*
 * state_file: read, replaced as a whole, kept by one process at a time.
 */
#include "common/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/unit/tap.h"

static bool holds(const char *path, const char *wanted)
{
	char bytes[100] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes) - 1);

	close(fd);
	return n == (ssize_t)strlen(wanted) && strcmp(bytes, wanted) == 0;
}

/* What another process gets: errno, or 0. */
static int opened_by_another(const char *path)
{
	struct state_file file;
	struct text content = {0};
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(state_file_open(&file, path, &content) == 0 ? 0 : errno);
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

/* Writers that are killed at any moment leave the one content or the other. */
static bool survives_kills(const char *path)
{
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct state_file file;
			struct text content = {0};

			if (state_file_open(&file, path, &content) < 0)
				_exit(1);
			for (;;) {
				state_file_replace(&file, "one", 3);
				state_file_replace(&file, "another", 7);
			}
		}
		usleep(500 + (useconds_t)i * 37);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (!holds(path, "one") && !holds(path, "another"))
			return false;
	}
	return true;
}

int main(void)
{
	struct tap tap = {0};
	char folder[] = "/tmp/pype-state.XXXXXX", *path, *fresh, *lock;
	struct state_file file, missing;
	struct text content = {0};
	struct stat status;

	if (!mkdtemp(folder))
		return 1;
	path = text_format("%s/state", folder);
	fresh = text_format("%s.new", path);
	lock = text_format("%s.lock", path);
	tap_ok(&tap, state_file_open(&file, path, &content) == 0 && content.length == 0, "no file: empty");
	tap_ok(&tap, state_file_replace(&file, "one", 3) == 0 && holds(path, "one"), "replaced");
	tap_ok(&tap, stat(path, &status) == 0 && (status.st_mode & 0777) == 0600, "nobody else may read it");
	tap_ok(&tap, opened_by_another(path) == EWOULDBLOCK, "another process does not get it");
	state_file_close(&file);
	tap_ok(&tap, opened_by_another(path) == 0, "… before it is closed");
	tap_ok(&tap, survives_kills(path), "a killed writer leaves the old content or the new one");
	tap_ok(&tap, state_file_open(&file, path, &content) == 0 && content.length > 0, "it is there the next time");
	tap_ok(&tap, unlink(fresh) < 2 && mkdir(fresh, 0700) == 0 && state_file_replace(&file, "x", 1) < 0,
	       "a replacement that cannot be written is said");
	state_file_close(&file);
	tap_ok(&tap, state_file_open(&missing, "/nonexistent/state", &content) < 0 && errno == ENOENT,
	       "no such folder");
	text_free(&content);
	rmdir(fresh);
	unlink(lock);
	unlink(path);
	rmdir(folder);
	free(fresh);
	free(lock);
	free(path);
	return tap_end(&tap);
}
