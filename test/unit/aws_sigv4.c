/*
 * aws_sigv4: the examples of Amazon's own documentation, and how paths, queries and headers become canonical.
 *
 * With folders of the aws-sig-v4-test-suite as arguments (each has a context.json, a request.txt …): those.
 */
#include "common/aws_sigv4.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/unit/tap.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

/*
 * Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header", and the IAM user guide, "Create a signed AWS
 * API request".
 */
static const struct example {
	const char *service, *key, *secret, *method, *url, *headers[3], *body;
	int64_t now;
	const char *signature;
} examples[] = {
	{"s3",
         "AKIAIOSFODNN7EXAMPLE",
         "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
         "GET",
         "https://examplebucket.s3.amazonaws.com/test.txt",
         {"Range: bytes=0-9"},
         "",
         1369353600,
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
	{"s3",
         "AKIAIOSFODNN7EXAMPLE",
         "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
         "PUT",
         "https://examplebucket.s3.amazonaws.com/test$file.text",
         {"Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY"},
         "Welcome to Amazon S3.",
         1369353600,
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
	{"s3",
         "AKIAIOSFODNN7EXAMPLE",
         "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
         "GET",
         "https://examplebucket.s3.amazonaws.com/?lifecycle",
         {NULL},
         "",
         1369353600,
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
	{"s3",
         "AKIAIOSFODNN7EXAMPLE",
         "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
         "GET",
         "https://examplebucket.s3.amazonaws.com?prefix=J&max-keys=2",
         {NULL},
         "",
         1369353600,
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	{"iam",
         "AKIDEXAMPLE",
         SECRET,
         "GET",
         "https://iam.amazonaws.com:443/?Version=2010-05-08&Action=ListUsers",
         {"content-type:  application/x-www-form-urlencoded;  charset=utf-8 "},
         "",
         1440938160,
         "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
};

static void check_examples(struct tap *tap)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		const struct example *example = &examples[i];
		struct aws_sigv4 keys = {.key = example->key, .secret = example->secret};
		char *url = aws_url(example->url);
		struct aws_request request = {example->method, url, example->headers, example->body,
		                              strlen(example->body)};
		struct aws_signature signature;
		const char *got;

		aws_sigv4_service(&keys, "us-east-1", example->service);
		aws_sigv4_sign(&keys, &request, example->now, &signature);
		got = strstr(signature.authorization, "Signature=") + 10;
		tap_is(tap, got, strlen(got), example->signature, 64, example->url);
		aws_signature_free(&signature);
		free(url);
	}
}

/* URL, service, what is sent, the canonical path, the canonical query. */
static const char *const urls[][5] = {
	{"http://h", "x", "http://h/", "/", ""},
	{"http://h/a b/\xc3\xa9", "s3", "http://h/a%20b/%C3%A9", "/a%20b/%C3%A9", ""},
	{"http://h/a%20b/%c3%a9", "x", "http://h/a%20b/%C3%A9", "/a%2520b/%25C3%25A9", ""},
	{"http://h/a/./b//c/../d", "x", "http://h/a/./b//c/../d", "/a/b/d", ""},
	{"http://h/a/./b//c/../d", "s3", "http://h/a/./b//c/../d", "/a/./b//c/../d", ""},
	{"http://h/a/../../..", "x", "http://h/a/../../..", "/", ""},
	{"http://h/a:b=c+d@e", "s3", "http://h/a%3Ab%3Dc%2Bd%40e", "/a%3Ab%3Dc%2Bd%40e", ""},
	{"http://h/%7Euser/%2F", "s3", "http://h/~user/%2F", "/~user/%2F", ""},
	{"http://h/?b=2&a=1", "x", "http://h/?b=2&a=1", "/", "a=1&b=2"},
	{"http://h?acl", "s3", "http://h/?acl", "/", "acl="},
	{"http://h/?&a&&b=&c=1=2", "x", "http://h/?&a&&b=&c=1=2", "/", "a=&b=&c=1%3D2"},
	{"http://h/?a=x:y/z+w%2bv#part", "x", "http://h/?a=x%3Ay%2Fz%2Bw%2Bv", "/", "a=x%3Ay%2Fz%2Bw%2Bv"},
	{"http://h/?a=2&a=10&a=1&A=3&a-=4", "x", "http://h/?a=2&a=10&a=1&A=3&a-=4", "/", "A=3&a=1&a=10&a=2&a-=4"},
	{"http://h/?a=100%&b=%zz", "x", "http://h/?a=100%25&b=%25zz", "/", "a=100%25&b=%25zz"},
};

static void check_urls(struct tap *tap)
{
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct aws_sigv4 keys = {.key = "k", .secret = "s"};
		char *url = aws_url(urls[i][0]), *names, *line;
		struct aws_request request = {.method = "GET", .url = url};
		struct text canonical = {0};

		aws_sigv4_service(&keys, "r", urls[i][1]);
		tap_is(tap, url, strlen(url), urls[i][2], strlen(urls[i][2]), urls[i][0]);
		aws_canonical_request(&keys, &request, "20150830T123600Z", &canonical, &names);
		line = strchr(canonical.data, '\n') + 1;
		tap_is(tap, line, strcspn(line, "\n"), urls[i][3], strlen(urls[i][3]), "its path");
		line = strchr(line, '\n') + 1;
		tap_is(tap, line, strcspn(line, "\n"), urls[i][4], strlen(urls[i][4]), "its query");
		free(url);
		free(names);
		text_free(&canonical);
	}
}

static void check_headers(struct tap *tap)
{
	static const char *const headers[] = {"X-B:  two   words ", "x-a:1",    "X-B: three",
	                                      "Host: other",        "X-Empty;", NULL};
	static const char wanted[] = "GET\n/\n\nhost:other\nx-a:1\nx-amz-date:D\nx-amz-security-token:T\n"
				     "x-b:two words,three\nx-empty:\n\n"
				     "host;x-a;x-amz-date;x-amz-security-token;x-b;x-empty\n"
				     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	struct aws_sigv4 keys = {.key = "k", .secret = "s", .token = "T"};
	struct aws_request request = {.method = "GET", .url = "http://me:pw@h:8080/", .headers = headers};
	struct text canonical = {0};
	char *names;

	aws_sigv4_service(&keys, "r", "x");
	aws_canonical_request(&keys, &request, "D", &canonical, &names);
	tap_is(tap, canonical.data, canonical.length, wanted, strlen(wanted), "headers are sorted, merged and trimmed");
	free(names);
	text_clear(&canonical);
	request.headers = NULL;
	aws_canonical_request(&keys, &request, "D", &canonical, &names);
	tap_ok(tap, strstr(canonical.data, "\nhost:h:8080\n"), "the host is without name and password");
	free(names);
	text_free(&canonical);
}

/* ---- the suite ---- */

static char *content(const char *folder, const char *name)
{
	char *path = text_format("%s/%s", folder, name);
	int fd = open(path, O_RDONLY);
	struct text text = {0};

	text_init(&text);
	if (fd < 0 || text_add_file(&text, fd, 1 << 20) != 0)
		printf("# cannot read %s\n", path);
	free(path);
	close(fd);
	return text_detach(&text);
}

static char *member(const char *json, const char *name)
{
	char *quoted = text_format("\"%s\": \"", name);
	const char *found = strstr(json, quoted);
	char *value = found ? strndup(found + strlen(quoted), strcspn(found + strlen(quoted), "\"")) : NULL;

	free(quoted);
	return value;
}

/* The request line and the headers of request.txt, into strings of their own; a header may go on in the next line. */
static size_t read_request(char *text, char **lines, size_t most, char **body)
{
	size_t count = 0;
	char *line;

	*body = strstr(text, "\n\n");
	if (*body) {
		**body = '\0';
		*body += 2;
	}
	while ((line = strsep(&text, "\n")) && count < most)
		if (*line == ' ' && count > 0) {
			char *whole = text_format("%s%s", lines[count - 1], line);

			free(lines[count - 1]);
			lines[count - 1] = whole;
		} else if (*line) {
			lines[count++] = strdup(line);
		}
	return count;
}

static void check_case(struct tap *tap, const char *folder)
{
	char *context = content(folder, "context.json"), *text = content(folder, "request.txt"), *body, *names, *raw,
	     *url;
	char *wanted = content(folder, "header-canonical-request.txt"), *mark = content(folder, "header-signature.txt");
	char *lines[20] = {NULL}, *space;
	struct aws_sigv4 keys = {.key = member(context, "access_key_id"),
	                         .secret = member(context, "secret_access_key"),
	                         .token = strstr(context, "\"omit_session_token\": true") ? NULL
	                                                                                  : member(context, "token"),
	                         .region = member(context, "region"),
	                         .service = member(context, "service"),
	                         .normalize = strstr(context, "\"normalize\": true"),
	                         .hash_header = strstr(context, "\"sign_body\": true")};
	struct text canonical = {0};
	struct aws_signature signature;
	struct aws_request request;

	read_request(text, lines, 19, &body);
	space = strchr(lines[0], ' ');
	*space++ = '\0';
	*strrchr(space, ' ') = '\0';
	raw = text_format("https://example.amazonaws.com%s", space);
	url = aws_url(raw);
	request = (struct aws_request){lines[0], url, (const char *const *)lines + 1, body ? body : "",
	                               body ? strlen(body) : 0};
	aws_canonical_request(&keys, &request, "20150830T123600Z", &canonical, &names);
	tap_is(tap, canonical.data, canonical.length, wanted, strlen(wanted), folder);
	aws_sigv4_sign(&keys, &request, 1440938160, &signature);
	tap_ok(tap, strstr(signature.authorization, mark) && strlen(mark) == 64, "its signature");
}

int main(int argc, char **argv)
{
	struct tap tap = {0};

	check_examples(&tap);
	check_urls(&tap);
	check_headers(&tap);
	for (int i = 1; i < argc; i++)
		check_case(&tap, argv[i]);
	return tap_end(&tap);
}
