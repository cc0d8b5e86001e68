/*
 * orders: what a running flow is asked and told over its control socket (pype-control(5)).
 */
#ifndef PYPE_FLOW_ORDERS_H
#define PYPE_FLOW_ORDERS_H

#include <stddef.h>

struct control_client;

/* A control_request whose context is the struct run. */
void orders_answer(void *run, struct control_client *client, const char *line, size_t length);

#endif
