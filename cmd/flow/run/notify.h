/*
 * notify: what a service manager (systemd) is told, by the protocol of sd_notify(3): datagrams to $NOTIFY_SOCKET.
 *
 * Stages do not inherit NOTIFY_SOCKET (tools_environment removes it): it is the flow that is ready, not they. Nothing else
 * of the environment is touched.
 */
#ifndef PYPE_FLOW_NOTIFY_H
#define PYPE_FLOW_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sends assignments, separated by newlines: "READY=1", "STOPPING=1", "STATUS=…", "WATCHDOG=1". Without NOTIFY_SOCKET
 * it does nothing. Never waits. False: the socket is full, so it was not sent. Other trouble (there is no such socket) is
 * none of the flow's, and worth a debug message.
 */
bool notify_say(const char *state);

/* The manifest is being read again; "READY=1" ends that. */
bool notify_reloading(void);

/* How often "WATCHDOG=1" is due, in nanoseconds: half of $WATCHDOG_USEC; 0: never, or it is for another process. */
int64_t notify_watchdog(void);

#endif
