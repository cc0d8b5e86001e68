/*
 * client: whoever reads the stream, by whichever protocol: a place in the history, and what got lost on the way.
 */
#include <stdlib.h>

#include "cmd/outputs/serve/serve.h"

void client_init(struct client *client, struct serve *serve, struct MHD_Connection *connection)
{
	const char *id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");

	client->serve = serve;
	client->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	address_peer_text(client->peer, client->fd);
	history_enter(&serve->history, &client->place);
	if (id)
		history_resume(&serve->history, &client->place, id);
	else
		history_back(&serve->history, &client->place, (uint64_t)serve->back);
	serve->clients++;
	message_info("%s reads the stream", client->peer);
}

bool client_lost(struct client *client, struct text *json)
{
	struct history_place *place = &client->place;
	bool told = (place->lost > 0 || place->astray) && !place->torn;

	if (place->lost > 0 && message_pass(&client->serve->slow))
		message_warning("%s lost %llu events%s: it reads too slowly, or came back too late", client->peer,
		                (unsigned long long)place->lost, place->torn ? " and is cut off" : "");
	if (json && told && place->lost > 0)
		text_addf(json, "{\"event\":\"lost\",\"data\":{\"events\":%llu}}", (unsigned long long)place->lost);
	else if (json && told) /* how many were lost between two runs is not known */
		text_add_string(json, "{\"event\":\"lost\",\"data\":{\"events\":null}}");
	place->lost = 0;
	place->astray = false;
	return told;
}

void client_clear(struct client *client, const char *why)
{
	client_lost(client, NULL);
	if (why)
		message_warning("%s %s", client->peer, why);
	else
		message_info("%s has gone", client->peer);
	client->serve->clients--;
	history_leave(&client->place);
}
