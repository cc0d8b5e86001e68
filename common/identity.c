#include "common/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"

/* An id in decimal; -1 cast to an id means "none" to the system, and is none. */
static bool parse_number(const char *text, uint32_t *number)
{
	unsigned long long value;
	char *end;

	if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || value >= UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

/* The entry of a user, in *entry, or NULL if there is none. False: there is neither an entry nor a number. */
static bool find_user(struct identity *identity, const char *user, struct passwd **entry)
{
	errno = 0;
	*entry = user ? getpwnam(user) : getpwuid(geteuid());
	if (*entry)
		identity->user = (*entry)->pw_uid;
	else if (!user)
		identity->user = geteuid();
	else if (!parse_number(user, &identity->user))
		return false;
	else
		*entry = getpwuid(identity->user);
	return true;
}

static bool find_group(struct identity *identity, const char *group)
{
	struct group *entry;

	errno = 0;
	entry = getgrnam(group);
	if (entry)
		identity->group = entry->gr_gid;
	return entry || parse_number(group, &identity->group);
}

/* The system's databases say "not found" in many ways; what is left of errno is real trouble. */
static void forget_absence(void)
{
	if (errno != EMFILE && errno != ENFILE && errno != EIO && errno != ENOMEM && errno != EINTR)
		errno = 0;
}

static void find_groups(struct identity *identity, const char *name)
{
	int room = 16;

	for (;;) {
		identity->count = room;
		identity->groups = xreallocarray(identity->groups, (size_t)room, sizeof(*identity->groups));
		if (getgrouplist(name, identity->group, identity->groups, &identity->count) >= 0)
			return;
		room = identity->count > room ? identity->count : 2 * room;
	}
}

bool identity_find(struct identity *identity, const char *user, const char *group, const char **failed)
{
	struct passwd *entry;
	char *name;

	*identity = (struct identity){0};
	*failed = "no such user";
	if (!find_user(identity, user, &entry)) {
		forget_absence();
		return false;
	}
	identity->group = entry ? entry->pw_gid : getegid();
	/* The entry is the library's, until its next call. */
	name = entry ? xstrdup(entry->pw_name) : NULL;
	errno = 0;
	*failed = group ? "no such group" : "the user has no entry that names its group";
	if (group ? !find_group(identity, group) : !name && user) {
		free(name);
		forget_absence();
		*identity = (struct identity){0};
		return false;
	}
	if (name) {
		find_groups(identity, name);
	} else {
		identity->groups = xcalloc(1, sizeof(*identity->groups));
		identity->groups[identity->count++] = identity->group;
	}
	free(name);
	return true;
}

void identity_free(struct identity *identity)
{
	free(identity->groups);
	*identity = (struct identity){0};
}

static bool has_group(const struct identity *identity, gid_t group)
{
	for (int i = 0; i < identity->count; i++)
		if (identity->groups[i] == group)
			return true;
	return false;
}

/* True if this process has no group that it should not have. */
static bool groups_fit(const struct identity *identity)
{
	gid_t groups[1024];
	int count = getgroups(sizeof(groups) / sizeof(groups[0]), groups);

	for (int i = 0; i < count; i++)
		if (!has_group(identity, groups[i]))
			return false;
	return count >= 0;
}

static bool is_already(const struct identity *identity)
{
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;

	return getresuid(&real, &effective, &saved) == 0 &&
	       getresgid(&real_group, &effective_group, &saved_group) == 0 && real == identity->user &&
	       effective == identity->user && saved == identity->user && real_group == identity->group &&
	       effective_group == identity->group && saved_group == identity->group && groups_fit(identity);
}

bool identity_become(const struct identity *identity)
{
	/* The groups first: the new user may not change them. */
	if (setgroups((size_t)identity->count, identity->groups) < 0)
		return errno == EPERM && is_already(identity);
	return setresgid(identity->group, identity->group, identity->group) == 0 &&
	       setresuid(identity->user, identity->user, identity->user) == 0;
}
