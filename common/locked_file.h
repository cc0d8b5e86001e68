/*
 * locked_file: a file of lines that several processes append to and take from, each under a lock on it (flock).
 *
 * Who takes something away puts a new file in its place (rename) and never writes into the old one, so that readers go on
 * with what they have opened. The lock counts only on the file that has the name: who gets it on another one takes that one
 * up. The end alone may be cut off in place, but not while somebody reads.
 */
#ifndef PYPE_LOCKED_FILE_H
#define PYPE_LOCKED_FILE_H

#include <sys/types.h>

/*
 * Locks the file that has the name, waiting for others. fd is open on it, or on one that had the name before, or -1; the
 * file is opened with flags as needed, made with mode 0600. Returns the descriptor, which may be another one; or -1: errno, and
 * fd is closed.
 */
int locked_file_lock(int fd, const char *path, int flags);
/* errno stays. */
void locked_file_unlock(int fd);

/* As long as fd is open, the file is not cut. Does not wait for the lock, nor keep others from it. 0, or -1: errno. */
int locked_file_read(int fd);

/* Writes all of it. 0, or -1: errno. */
int locked_file_write(int fd, const char *bytes, size_t length);

/*
 * A new file, empty, of the same owner and mode as the locked one; one that a killed process left is taken away. Its
 * descriptor, or -1: errno.
 */
int locked_file_begin(int fd, const char *path);
/* Puts it, synced, in the place of the locked one; or takes it away again. 0, or -1: errno; the new one is closed. */
int locked_file_replace(int fresh, const char *path);
void locked_file_abandon(int fresh, const char *path);

/* Shortens a locked file, open for reading and writing: in place, or to a copy if somebody reads. 0, or -1: errno. */
int locked_file_cut(int fd, const char *path, off_t size);

#endif
