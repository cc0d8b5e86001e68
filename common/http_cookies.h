/*
 * http_cookies: the cookies that came, and are sent back (RFC 6265), for all handles of libcurl that use it; in memory, or in a
 * file as well, in the format of Netscape, which curl, wget and browsers' exporters have.
 *
 * The file is replaced as a whole (state_file.h), so that it is never half a file, whoever is killed when. One process at a time
 * keeps it.
 */
#ifndef PYPE_HTTP_COOKIES_H
#define PYPE_HTTP_COOKIES_H

#include <curl/curl.h>

struct http_cookies;

/*
 * path, which is borrowed, may be NULL: in memory only; a file that is not there yet is made. Ends the program (1) if the file
 * cannot be used.
 */
struct http_cookies *http_cookies_open(const char *path);

/* Makes the handle use them; it must be gone before http_cookies_close. */
void http_cookies_apply(struct http_cookies *cookies, CURL *easy);

/* After a transfer: writes the file if a cookie has changed. What goes wrong is said. */
void http_cookies_save(struct http_cookies *cookies);

void http_cookies_close(struct http_cookies *cookies);

#endif
