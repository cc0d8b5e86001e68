#include "cmd/processors/jq/library.h"

#include <dlfcn.h>

#include "common/message.h"

static void *find(void *handle, const char *name)
{
	void *function = dlsym(handle, name);

	if (!function)
		die("libjq has no %s: %s", name, dlerror());
	return function;
}

void library_load(struct library *library)
{
	void *handle = dlopen("libjq.so.1", RTLD_LAZY | RTLD_GLOBAL);

	if (!handle)
		die("the program, or an event, needs libjq (Debian: libjq1): %s", dlerror());
#define LOAD(function) *(void **)&library->function = find(handle, #function);
	LIBRARY_FUNCTIONS(LOAD)
#undef LOAD
	*(void **)&library->jq_set_stderr_cb = dlsym(handle, "jq_set_stderr_cb");
}
