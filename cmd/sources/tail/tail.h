/*
 * tail: what the files of pype-tail share.
 *
 * main.c reads the options; follow.c is the loop: it waits, and lets files be read. walk.c finds the paths that a pattern matches,
 * scan.c makes files of them and sees what became of those it knew, moved.c, with beside.c, finds files that were renamed, copied or
 * compressed while nobody looked, and chain.c has those of a path read in their order. watch.c hears from inotify. file.c is one
 * followed file, read.c reads it, or unpack.c and gz.c if it is compressed; record.c cuts records out of what was read, emit.c
 * makes events of them. place.c keeps where all files have been read to: in the page of a runner and in a state file.
 *
 * A file's place is where the next record begins. Nothing is kept of what lies behind it: a record that is not whole yet is read
 * again when there is more. So the place is all the state there is, and memory does not grow with the number of files.
 */
#ifndef PYPE_TAIL_H
#define PYPE_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/message.h"
#include "common/regex.h"
#include "common/source.h"
#include "common/state_file.h"
#include "common/text.h"

enum {
	HEAD = 256, /* bytes at the beginning of a file that tell it from another one of the same inode */
	GONE = 32,
	TAIL = 32, /* bytes before the place that tell whether it has been rewritten */
	BLOCK = 256 * 1024, /* read at once */
	BUCKETS = 4096,
	FILES = 10000, /* followed at most */
	RESERVE = 16, /* … beside those that were renamed */
	WATCH_ROOM = 64 * 1024,
};

enum same { SAME_NO, SAME_YES, SAME_SHORT };
enum from { FROM_END, FROM_START };
enum refuse { REFUSE_BAD, REFUSE_PASS, REFUSE_DROP };
enum invalid { INVALID_BAD, INVALID_REPLACE, INVALID_BASE64 };

/* A file that has been opened, and what it is known by. */
struct identity_of {
	dev_t device;
	ino_t inode;
	int64_t written; /* nanoseconds: when it was written last */
	uint64_t size;
};

/* How far a file was read: the offset (of a compressed file, in what it holds), and what the bytes before it look like. */
struct place {
	uint64_t key; /* 48 bits of a hash of device and inode */
	uint64_t offset;
	uint32_t head, tail; /* hashes of the first HEAD bytes before the offset, and of the last TAIL */
	char *path; /* as it was followed, or NULL: not known */
	bool whole; /* compressed, and there is nothing more in it */
	bool found;
	int slot; /* in the cursor, or -1 */
};

struct gz;

struct file {
	char *path; /* as it was found first */
	char *moved; /* the name it was found under if it had been renamed or copied before, or later; or NULL */
	struct text members; /* of its events */
	int fd; /* -1: closed until it is read (--once) */
	struct identity_of is;
	uint64_t offset; /* the next record begins here */
	unsigned char head[HEAD], tail[TAIL]; /* the bytes before the offset: the first, the last */
	uint32_t head_hash; /* of head, once it is full */
	uint64_t searched; /* so many bytes behind the offset hold no end of a line */
	struct gz *gz; /* while it is being decompressed */
	bool compressed;
	bool whole; /* compressed: everything in it has been read */
	struct place known; /* … by a predecessor; offset 0: this one knows itself */
	bool queued; /* is in the ready queue */
	bool at_end; /* all that was there when it was looked at last has been read */
	bool lost; /* no operand leads to it any more */
	bool warned; /* of what it is, once */
	bool partial; /* what is waited for is the rest of a line, not of a record */
	bool long_line; /* the line at the offset is over the limit, and that was said */
	uint64_t seen; /* in this scan */
	int64_t emptied; /* nothing was in it at that time (Unix), and nothing has been read yet; 0: that is dealt with */
	int64_t changed; /* when it was seen to change last (monotonic) */
	int64_t due; /* when what is there is to be taken as it is, or 0 (monotonic) */
	struct file *after; /* is read to its end first, or NULL */
	int slot; /* in the cursor, or -1 */
	int watch; /* inotify, or -1 */
	struct file *next, *previous; /* all */
	struct file *next_ready;
	struct file *same_bucket;
};

/* A path that a scan came upon. */
struct match {
	char *path;
	struct identity_of is;
};

struct matches {
	struct match *items;
	size_t count, room;
};

/* An operand, cut at its slashes. */
struct pattern {
	char *text;
	char **parts; /* NULL behind the last */
	size_t count;
	bool wild, absolute;
};

struct watch {
	int descriptor;
	struct file *file; /* or NULL: a folder, in which these names matter */
	char **names;
	size_t count;
	uint64_t seen;
	struct watch *next;
};

/* Messages about one path, so that each is said once until it changes. */
struct refused {
	char *path;
	int error;
	uint64_t seen;
};

struct tail {
	/* as asked for */
	struct source source;
	struct pattern *patterns;
	size_t pattern_count;
	struct option_list excludes;
	int from, no_match, invalid;
	bool once, json, offsets;
	char *name, *from_text, *regex_text, *start_text, *continue_text, *state_path;
	int64_t poll, rotate_wait, line_timeout, multiline_timeout, multiline_lines;
	uint64_t multiline_size;
	struct regex *regex, *start, *more;

	/* files */
	struct file *files, *last_file;
	size_t file_count, file_limit;
	size_t open_limit; /* --once: so many are open at the same time */
	struct file *buckets[BUCKETS];
	struct file *ready, **ready_end;
	struct matches matches; /* of this scan */
	struct option_list folders; /* that may hold what the operands match */
	struct refused *refused;
	size_t refused_count;
	struct message_limit crowded;

	/* what happens */
	int64_t now; /* monotonic, of this round */
	int64_t time; /* Unix, of what is read now */
	uint64_t scans;
	int64_t wake; /* the earliest time at which a file is due, or earlier */
	int64_t scan_due, scan_earliest, state_due, poll_due;
	bool scan_failed; /* not all could be looked at */
	bool links; /* a path is a symbolic link, or leads over one */
	bool slow; /* a file system does not tell of changes */

	/* inotify */
	int inotify; /* -1: none */
	struct watch *watches[BUCKETS];
	char *watch_buffer;

	/* reading */
	struct text block;
	bool read_failed; /* at the last try */
	struct text value; /* a record as JSON */
	struct text members;
	struct text scratch;
	uint64_t dropped;
	struct file *decoding; /* the only file that is being decompressed, or NULL */
	struct text decoded; /* what came of it and has not been taken yet */

	/* places */
	struct place *places; /* that a predecessor left */
	size_t place_count;
	bool resumed;
	int64_t left; /* when the predecessor looked last (Unix) */
	int64_t looked; /* … and this one, a little before it */
	struct state_file state;
	bool state_open, dirty, state_failed;
	struct message_limit state_limit;
	char *cursor;
	size_t entries;
	bool relative; /* the cursor holds only what has changed since the state file was written */
	int **owners; /* of the cursor's entries: who remembers the slot */
	bool keep_places; /* places that were not found stay: not all could be looked at */
	struct place gone[GONE]; /* of files that were let go last: a compressed copy of one may come yet */
	size_t gone_count;
};

/* ---- walk.c: patterns and paths ---- */

void pattern_init(struct pattern *pattern, const char *text);
void pattern_free(struct pattern *pattern);
/* The last part of a pattern fits a name. */
bool pattern_fits(const struct pattern *pattern, const char *name);
/* Puts what all patterns match into tail->matches, in the order of the operands, what a glob matches by age. Watches the folders. */
void walk_all(struct tail *tail);
void matches_add(struct matches *matches, const char *path, const struct identity_of *is);
void matches_clear(struct matches *matches);
void matches_sort(struct match *items, size_t count);
bool is_excluded(const struct tail *tail, const char *path);

/* ---- scan.c: from paths to files ---- */

void scan(struct tail *tail);
/* A file that was renamed or removed is let go when it has been read and has been quiet long enough. True: it is no more. */
bool scan_let_go(struct tail *tail, struct file *file);
/* True if that was not said of the path already. */
bool scan_refuse(struct tail *tail, const char *path, int error);
/* A path cannot be followed: said once, unless a glob led there and it is no file. */
void scan_cannot(struct tail *tail, bool wild, const char *path, int error);
struct file *scan_by_path(const struct tail *tail, const char *path);

/* ---- beside.c: the files of a folder, by whose old ones they are ---- */

/* What may be a file that was followed. */
struct candidate {
	char *path, *base; /* base: the path that it had, or NULL: its name does not look like that */
	struct identity_of is;
	bool renamed; /* … since it was listed */
};

struct candidates {
	struct candidate *items;
	size_t count;
};

/* Adds the files of the folder that are not followed. Waits, for a moment, while names are being changed in it. */
void beside_list(const struct tail *tail, struct candidates *list, const char *folder);
void beside_free(struct candidates *list);

/* ---- chain.c ---- */

/* Sees when it was written, and what it is called if it has lost its name since it was opened. */
void chain_look(struct file *file);
/* From the oldest to the newest. */
void chain_sort(struct file **files, size_t count);
/* Those of the same path are read by age: also the one that has the path, or had it when it was opened. */
void chain_all(struct file **files, size_t count);
/* The file that comes after it, or NULL; the last that does. */
struct file *chain_follower(const struct tail *tail, const struct file *file);
struct file *chain_last(const struct tail *tail, struct file *file);

/* ---- moved.c ---- */

/*
 * Finds the files of the places that no path led to, and files that came and went meanwhile: they are followed as lost ones, in the
 * order of their age, and what has their name now is read after them.
 */
void moved_resume(struct tail *tail);
/* A file that was new took the path of `old`: between them may have been others. */
void moved_between(struct tail *tail, struct file *old, struct file *new);
/* A file was cut: what was not read of it may be in a copy. The place is that before the cut. */
void moved_copy(struct tail *tail, struct file *file, const struct place *place);
/*
 * Before a file is read that begins with this block: since it was empty it may have been written, copied and cut. True: the
 * copies are to be read before.
 */
bool moved_unread(struct tail *tail, struct file *file, const struct text *block);
/*
 * A new compressed file may hold what was read from another one: it is gone on with behind that. SAME_SHORT: that cannot be
 * told yet.
 */
enum same moved_known(const struct tail *tail, struct file *file);

/* ---- watch.c ---- */

void watch_open(struct tail *tail);
void watch_folder(struct tail *tail, const char *path, const char *name);
void watch_file(struct tail *tail, struct file *file);
void watch_forget(struct tail *tail, struct file *file);
/* Reads what has happened, without waiting: files become ready, a scan due. */
void watch_read(struct tail *tail);
/* Folders that the last scan did not come upon are let go. */
void watch_clean(struct tail *tail);
void watch_close(struct tail *tail);

/* ---- file.c ---- */

/* False: errno. */
bool identity_at(const char *path, struct identity_of *is);
bool identity_fd(int fd, struct identity_of *is);
uint64_t identity_key(dev_t device, ino_t inode);
bool is_compressed(const char *path);

struct file *file_find(const struct tail *tail, dev_t device, ino_t inode);
struct file *file_add(struct tail *tail, const char *path, int fd, const struct identity_of *is);
void file_forget(struct tail *tail, struct file *file);
/* It may have something to read. */
void file_ready(struct tail *tail, struct file *file);
/* Something is to be done with it at that time (monotonic). */
void file_wait(struct tail *tail, struct file *file, int64_t due);
/* These bytes of it have been dealt with. */
void file_advance(struct file *file, const char *bytes, size_t length);
void file_rewind(struct file *file);
struct place file_place(const struct file *file);
/* The place behind all that is in a file that is not compressed. False: it is empty, or cannot be read. */
bool file_everything(const struct file *file, struct place *place);
/* What was read so far, as the place has it, is at the beginning of the file behind fd. */
enum same file_same(int fd, bool compressed, const struct place *place, unsigned char head[HEAD],
                    unsigned char tail[TAIL]);
/* Sets the place if the file is as the place says. */
bool file_resume(struct file *file, const struct place *place);
/* Sets the place behind the last whole line. */
void file_to_end(struct file *file);
uint32_t bytes_hash(const unsigned char *bytes, size_t length);

/* ---- read.c ---- */

/* Reads a part, and makes events of it. True: there is more. */
bool read_some(struct tail *tail, struct file *file);
/* What has been waited for long enough is taken as it is; last: nothing will come behind it. */
void read_due(struct tail *tail, struct file *file, bool last);
/* The same for a compressed file (unpack.c). */
bool unpack_some(struct tail *tail, struct file *file);
void unpack_close(struct tail *tail, struct file *file);

/* ---- gz.c ---- */

enum gz_status { GZ_MORE, GZ_END, GZ_SHORT, GZ_BAD };
struct gz *gz_new(int fd);
void gz_free(struct gz *gz);
/* Appends what comes next to the text, up to room bytes. GZ_SHORT: the file ends within a member. */
enum gz_status gz_read(struct gz *gz, struct text *text, size_t room);
const char *gz_error(const struct gz *gz);
/* Bytes behind the last member that are no other one. */
bool gz_trailing(const struct gz *gz);

/* ---- record.c ---- */

enum ending {
	ENDING_NOT, /* more may come */
	ENDING_RECORD, /* a record of whole lines is complete */
	ENDING_ALL, /* what is there is all: a last line without newline counts */
};
/* Makes events of the records in these bytes, which begin at the file's place. Returns how many bytes that were. */
size_t record_take(struct tail *tail, struct file *file, const char *bytes, size_t length, enum ending ending);
bool record_multiline(const struct tail *tail);

/* ---- emit.c ---- */

/* The bytes, JSON_PADDING more readable behind them, are a record; `all` of them, with its line end, lie at the file's place. */
void emit(struct tail *tail, struct file *file, const char *bytes, size_t length, size_t all);
/* What becomes bad is marked at once, so that a kill does not make it bad twice. */
void emit_bad_begins(struct tail *tail, struct file *file);
void emit_bad_ends(struct tail *tail, struct file *file);

/* ---- place.c ---- */

/* Takes what a predecessor has left, in the page or the state file. */
void place_open(struct tail *tail);
/* How many files' places can be kept. */
size_t place_most(const struct tail *tail);
/*
 * Before an event of this file: what has to be done to note its place behind it. Between the event and its place nothing may go out.
 */
void place_prepare(struct tail *tail, struct file *file);
/* The place of this file has changed. */
void place_note(struct tail *tail, struct file *file);
void place_forget(struct tail *tail, struct file *file);
/* A place that a predecessor left is a file's now, or nobody's. */
void place_found(struct tail *tail, struct place *place);
struct place *place_find(const struct tail *tail, uint64_t key);
/* All places as they are now, after the first scan. */
void place_begin(struct tail *tail);
/* Writes the state file if it is time to. */
void place_save(struct tail *tail, bool now);
void place_close(struct tail *tail);
void places_free(struct tail *tail);

/* ---- follow.c ---- */

void follow(struct tail *tail);

#endif
