/*
 * identity: whose rights a process has: its user, its group and its supplementary groups.
 *
 * Names are looked up beforehand (NSS, memory, files); to become an identity is three system calls, which are safe
 * after a fork.
 */
#ifndef PYPE_IDENTITY_H
#define PYPE_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
	uid_t user;
	gid_t group;
	gid_t *groups; /* supplementary, as of a login; group is among them */
	int count;
};

/*
 * Looks up a user and a group, by name or else by number. No user (NULL): this process's. No group (NULL): that of
 * the user's entry in the password file. The supplementary groups are those of the user's name, if it has one.
 * False: *failed, a literal, says what is wrong, and errno is 0, or what kept the look-up from being done; *identity is
 * then empty.
 */
bool identity_find(struct identity *identity, const char *user, const char *group, const char **failed);
void identity_free(struct identity *identity);

/*
 * This process becomes it, for good. False: errno. A process without privileges can only become what it is already.
 * The kernel forgets PR_SET_PDEATHSIG at this.
 */
bool identity_become(const struct identity *identity);

#endif
