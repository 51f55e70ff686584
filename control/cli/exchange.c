#include "control/cli/exchange.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/environment.h"
#include "lictor/bytes.h"

#define DEFAULT_ADDRESS "127.0.0.1:8500"
#define TIMEOUT_S       60L

static const char *setting(const char *given, const char *variable)
{
        return given != NULL && *given != '\0' ? given : environment_get(variable);
}

static size_t collect(char *data, size_t size, size_t count, void *arg)
{
        const struct exchange *x = arg;
        struct client_reply *reply = x->reply;
        long status = 0;
        char *body;

        curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
        if (x->call.on_body != NULL && status == 200)
                return x->call.on_body(x->call.on_body_arg, data, size * count) ? size * count : 0;
        body = realloc(reply->body, reply->length + size * count + 1);
        if (body == NULL)
                return 0;
        memcpy(body + reply->length, data, size * count);
        reply->body = body;
        reply->length += size * count;
        body[reply->length] = '\0';
        return size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
        const struct exchange *x = arg;
        const struct {
                const char *name;
                uint64_t *to;
        } rows[] = {{"X-Consul-Index:", &x->reply->index},
                    {"X-Lictor-Snapshot-Bytes:", &x->reply->expected}};
        char line[64];

        for (size_t i = 0; i < ARRAY_LEN(rows) && size * count < sizeof(line); i++) {
                size_t length = strlen(rows[i].name);

                if (size * count < length || strncasecmp(data, rows[i].name, length) != 0)
                        continue;
                snprintf(line, sizeof(line), "%.*s", (int)(size * count), data);
                *rows[i].to = strtoull(line + length, NULL, 10);
        }
        return size * count;
}

// "&name=value" with the value escaped, or "" for none. returns  NULL without memory.
static char *parameter(CURL *curl, const char *name, const char *value)
{
        char *escaped = NULL, *text = NULL;

        if (value == NULL || *value == '\0')
                return strdup("");
        escaped = curl_easy_escape(curl, value, 0);
        if (escaped != NULL && asprintf(&text, "&%s=%s", name, escaped) < 0)
                text = NULL;
        curl_free(escaped);
        return text;
}

// The path with what the options ask for added to its query.
static char *full_path(CURL *curl, const struct client_options *options, const char *path)
{
        char *datacenter = parameter(curl, "dc", options->datacenter);
        char *namespace = parameter(curl, "ns", setting(options->namespace, "NAMESPACE"));
        const char *stale = options->stale ? "&stale=" : "";
        char *full = NULL, *first;

        if (datacenter != NULL && namespace != NULL &&
            asprintf(&full, "%s%s%s%s", path, datacenter, namespace, stale) < 0)
                full = NULL;
        // The first parameter of all begins the query.
        if (full != NULL && strchr(path, '?') == NULL) {
                first = full + strlen(path);
                if (*first == '&')
                        *first = '?';
        }
        free(datacenter);
        free(namespace);
        return full;
}

// The certificate is to bear another name than the address: ask for that name, at that address.
static int rename_host(struct exchange *x, const char *name, const char *path)
{
        const char *host = x->target + strlen("tcp ");
        char *route = NULL, *url = NULL;
        int ret = -ENOMEM;

        if (asprintf(&url, "https://%s%s", name, path) >= 0 &&
            asprintf(&route, "%s:443:%s%s", name, host, strchr(host, ':') != NULL ? "" : ":443") >=
                0) {
                x->connect_to = curl_slist_append(NULL, route);
                ret = x->connect_to != NULL ? 0 : -ENOMEM;
                curl_easy_setopt(x->curl, CURLOPT_CONNECT_TO, x->connect_to);
        }
        free(route);
        if (ret == 0) {
                free(x->url);
                x->url = url;
        }
        return ret;
}

static int set_target(struct exchange *x, const struct client_options *options, const char *path)
{
        const char *address = setting(options->http_addr, "HTTP_ADDR"), *scheme = "http";
        const char *name = setting(options->tls_server_name, "TLS_SERVER_NAME");
        char *full = full_path(x->curl, options, path);
        const char *host;
        int ret;

        if (full == NULL)
                return -ENOMEM;
        if (address == NULL)
                address = DEFAULT_ADDRESS;
        if (strncmp(address, "unix://", 7) == 0) {
                snprintf(x->target, sizeof(x->target), "unix %s", address + 7);
                curl_easy_setopt(x->curl, CURLOPT_UNIX_SOCKET_PATH, address + 7);
                ret = asprintf(&x->url, "http://localhost%s", full);
                name = NULL;
        } else {
                host = strstr(address, "://");
                if (strncmp(address, "https://", 8) == 0 ||
                    (host == NULL && environment_flag("HTTP_SSL", false)))
                        scheme = "https";
                host = host != NULL ? host + 3 : address;
                snprintf(x->target, sizeof(x->target), "tcp %.*s", (int)strcspn(host, "/"), host);
                ret = asprintf(&x->url, "%s://%s%s", scheme, x->target + strlen("tcp "), full);
        }
        if (ret < 0) {
                x->url = NULL;
                ret = -ENOMEM;
        } else {
                ret = name != NULL && *scheme != '\0' && scheme[4] == 's'
                          ? rename_host(x, name, full)
                          : 0;
        }
        free(full);
        if (ret == 0 && curl_easy_setopt(x->curl, CURLOPT_URL, x->url) != CURLE_OK)
                ret = -EINVAL;
        return ret;
}

static const char *why_unread(int error)
{
        return error == -ENOENT ? "no such file or directory" : strerror(-error);
}

// The first word of a file. returns  0 or a negative errno.
static int read_token(const char *path, char out[static 256])
{
        FILE *file = fopen(path, "re");
        int ret = file != NULL ? 0 : -errno;

        if (file != NULL && fscanf(file, "%255s", out) != 1)
                out[0] = '\0';
        if (file != NULL)
                fclose(file);
        return ret;
}

static int make_headers(struct exchange *x, const struct client_options *options, char *error,
                        size_t error_size)
{
        const char *path = setting(options->token_file, "HTTP_TOKEN_FILE");
        const char *token = setting(options->token, "HTTP_TOKEN");
        char line[512], text[256];
        int ret;

        // A file given as a flag beats the environment's token, and a token given as one beats all.
        if (path != NULL && options->token == NULL) {
                ret = read_token(path, text);
                if (ret < 0) {
                        snprintf(error, error_size, "Error loading token file: open %s: %s", path,
                                 why_unread(ret));
                        return -EINVAL;
                }
                token = text;
        }
        if (token != NULL) {
                snprintf(line, sizeof(line), "X-Consul-Token: %s", token);
                x->headers = curl_slist_append(x->headers, line);
        }
        // Large bodies go without asking first, as Go's client sends them.
        x->headers = curl_slist_append(x->headers, "Expect:");
        if (x->headers == NULL)
                return -ENOMEM;
        curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers);
        return 0;
}

static int set_tls(CURL *curl, const struct client_options *options, char *error, size_t error_size)
{
        const struct {
                CURLoption option;
                const char *value, *failed;
        } rows[] = {
            {CURLOPT_CAINFO, setting(options->ca_file, "CACERT"), "Error loading CA File: open"},
            {CURLOPT_CAPATH, setting(options->ca_path, "CAPATH"), "lstat"},
            {CURLOPT_SSLCERT, setting(options->cert_file, "CLIENT_CERT"), "open"},
            {CURLOPT_SSLKEY, setting(options->key_file, "CLIENT_KEY"), "open"}};

        if ((rows[2].value == NULL) != (rows[3].value == NULL)) {
                snprintf(error, error_size, "both client cert and client key must be provided");
                return -EINVAL;
        }
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (rows[i].value == NULL)
                        continue;
                if (access(rows[i].value, R_OK) != 0) {
                        snprintf(error, error_size, "%s %s: %s", rows[i].failed, rows[i].value,
                                 why_unread(-errno));
                        return -EINVAL;
                }
                curl_easy_setopt(curl, rows[i].option, rows[i].value);
        }
        if (!environment_flag("HTTP_SSL_VERIFY", true)) {
                curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
                curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
        }
        return 0;
}

static int tell_progress(void *arg, curl_off_t to_receive, curl_off_t received, curl_off_t to_send,
                         curl_off_t sent)
{
        const struct exchange *x = arg;

        x->call.on_progress(x->call.on_progress_arg, (uint64_t)sent, (uint64_t)to_send,
                            (uint64_t)received,
                            to_receive > 0 ? (uint64_t)to_receive : x->reply->expected);
        return 0;
}

static void set_request(struct exchange *x)
{
        const struct client_call *call = &x->call;
        const char *login = environment_get("HTTP_AUTH");
        CURL *curl = x->curl;

        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
        if (call->body != NULL) {
                curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length);
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
        }
        if (call->on_progress != NULL) {
                curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, tell_progress);
                curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
                curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        }
        if (login != NULL)
                curl_easy_setopt(curl, CURLOPT_USERPWD, login);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->reason);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, call->timeout_s > 0 ? call->timeout_s : TIMEOUT_S);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_PRIVATE, x);
}

int exchange_open(struct exchange *x, const struct client_options *options,
                  const struct client_call *call, struct client_reply *reply, char *error,
                  size_t error_size)
{
        int ret;

        *x = (struct exchange){.curl = curl_easy_init(), .call = *call, .reply = reply};
        *reply = (struct client_reply){.body = calloc(1, 1)};
        snprintf(error, error_size, "out of memory");
        if (x->curl == NULL || reply->body == NULL)
                return -ENOMEM;
        ret = make_headers(x, options, error, error_size);
        if (ret == 0)
                ret = set_target(x, options, call->path);
        if (ret == 0)
                ret = set_tls(x->curl, options, error, error_size);
        if (ret == 0)
                set_request(x);
        return ret;
}

// Go words it in lower case; scripts look for "connection refused".
static void describe_failure(const struct exchange *x, CURLcode code, char *out, size_t size)
{
        long os_error = 0;

        curl_easy_getinfo(x->curl, CURLINFO_OS_ERRNO, &os_error);
        if (code == CURLE_COULDNT_CONNECT && os_error == ECONNREFUSED)
                snprintf(out, size, "dial %s: connect: connection refused", x->target);
        else if (code == CURLE_COULDNT_CONNECT && os_error != 0)
                snprintf(out, size, "dial %s: connect: %s", x->target, why_unread((int)-os_error));
        else
                snprintf(out, size, "%s",
                         x->reason[0] != '\0' ? x->reason : curl_easy_strerror(code));
}

int exchange_result(struct exchange *x, CURLcode code, char *error, size_t error_size)
{
        char reason[CURL_ERROR_SIZE + sizeof(x->target)], method[16];

        curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->reply->status);
        if (code == CURLE_OK)
                return 0;
        describe_failure(x, code, reason, sizeof(reason));
        snprintf(method, sizeof(method), "%s", x->call.method);
        for (char *c = method + 1; method[0] != '\0' && *c != '\0'; c++)
                *c = (char)tolower((unsigned char)*c);
        snprintf(error, error_size, "%s \"%s\": %s", method, x->url, reason);
        return -ECOMM;
}

void exchange_close(struct exchange *x)
{
        curl_slist_free_all(x->headers);
        curl_easy_cleanup(x->curl);
        curl_slist_free_all(x->connect_to);
        free(x->url);
        *x = (struct exchange){0};
}
