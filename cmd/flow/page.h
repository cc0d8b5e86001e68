/*
 * page: what the manual page of a tool says of it: what it is for, and its group, by the name of its source file.
 */
#ifndef PYPE_FLOW_PAGE_H
#define PYPE_FLOW_PAGE_H

#include <stdbool.h>

enum page_group { PAGE_SOURCE, PAGE_PROCESSOR, PAGE_OUTPUT, PAGE_OTHER, PAGE_GROUPS };

/* page_free gives its summary back. */
struct page {
	char *summary; /* or NULL */
	enum page_group group;
};

/*
 * The path of the page of pype-NAME, of section 1, 5 or 7, if it lies where an installed pype or the source tree has it;
 * else NULL. The caller's.
 */
char *page_find(const char *name);
/* False: there is none, the group is PAGE_OTHER. */
bool page_read(struct page *page, const char *name);
void page_free(struct page *page);

#endif
