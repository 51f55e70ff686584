#include "control/cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_ADDRESS "127.0.0.1:8500"
#define TIMEOUT_S       60L

static const char *first_set(const char *given, const char *variable, const char *fallback)
{
        const char *value = given != NULL ? given : getenv(variable);

        return value != NULL && *value != '\0' ? value : fallback;
}

static const char *agent_address(const struct client_options *options)
{
        if (options->http_addr != NULL)
                return options->http_addr;
        return first_set(getenv("LICTOR_HTTP_ADDR"), "CONSUL_HTTP_ADDR", DEFAULT_ADDRESS);
}

/* A request under way. */
struct exchange {
        CURL *curl;
        const struct client_call *call;
        struct client_reply *reply;
};

static size_t collect(char *data, size_t size, size_t count, void *arg)
{
        const struct exchange *x = arg;
        struct client_reply *reply = x->reply;
        long status = 0;
        char *body;

        curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
        if (x->call->on_body != NULL && status == 200)
                return x->call->on_body(x->call->on_body_arg, data, size * count) ? size * count
                                                                                  : 0;
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
        static const char name[] = "X-Consul-Index:";
        const struct exchange *x = arg;
        char line[64];

        if (size * count < sizeof(line) && strncasecmp(data, name, sizeof(name) - 1) == 0) {
                snprintf(line, sizeof(line), "%.*s", (int)(size * count), data);
                x->reply->index = strtoull(line + sizeof(name) - 1, NULL, 10);
        }
        return size * count;
}

static const char *scheme_of(const char *address)
{
        const char *tls = getenv("CONSUL_HTTP_SSL");

        if (strstr(address, "://") != NULL)
                return "";
        return tls != NULL && (strcmp(tls, "true") == 0 || strcmp(tls, "1") == 0) ? "https://"
                                                                                  : "http://";
}

// The path with what the options ask for added to its query.
static char *full_path(CURL *curl, const struct client_options *options, const char *path)
{
        char mark = strchr(path, '?') != NULL ? '&' : '?', *datacenter = NULL, *full = NULL;
        const char *stale = options->stale ? "stale=" : "";

        if (options->datacenter == NULL || *options->datacenter == '\0') {
                if (asprintf(&full, options->stale ? "%s%c%s" : "%s", path, mark, stale) < 0)
                        return NULL;
                return full;
        }
        datacenter = curl_easy_escape(curl, options->datacenter, 0);
        if (datacenter == NULL || asprintf(&full, "%s%cdc=%s%s%s", path, mark, datacenter,
                                           options->stale ? "&" : "", stale) < 0)
                full = NULL;
        curl_free(datacenter);
        return full;
}

static int set_target(CURL *curl, const struct client_options *options, const char *path)
{
        const char *address = agent_address(options);
        char *full = full_path(curl, options, path), *url = NULL;
        int ret = -ENOMEM;

        if (full == NULL)
                return ret;
        if (strncmp(address, "unix://", 7) == 0) {
                curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, address + 7);
                ret = asprintf(&url, "http://localhost%s", full);
        } else {
                ret = asprintf(&url, "%s%s%s", scheme_of(address), address, full);
        }
        free(full);
        if (ret < 0)
                return -ENOMEM;
        ret = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK ? 0 : -EINVAL;
        free(url);
        return ret;
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

static const char *why_unread(int error)
{
        return error == -ENOENT ? "no such file or directory" : strerror(-error);
}

static int make_headers(const struct client_options *options, struct curl_slist **out, char *error,
                        size_t error_size)
{
        const char *path = first_set(options->token_file, "CONSUL_HTTP_TOKEN_FILE", NULL);
        const char *token = first_set(options->token, "CONSUL_HTTP_TOKEN", NULL);
        char line[512], text[256];
        int ret;

        // A file given as a flag beats the environment's token, and a token given as one beats all.
        if (path != NULL && options->token == NULL) {
                ret = read_token(path, text);
                if (ret < 0) {
                        snprintf(error, error_size, "open %s: %s", path, why_unread(ret));
                        return -EINVAL;
                }
                token = text;
        }
        if (token != NULL) {
                snprintf(line, sizeof(line), "X-Consul-Token: %s", token);
                *out = curl_slist_append(*out, line);
        }
        // Large bodies go without asking first, as Go's client sends them.
        *out = curl_slist_append(*out, "Expect:");
        return *out != NULL ? 0 : -ENOMEM;
}

static int set_tls(CURL *curl, const struct client_options *options, char *error, size_t error_size)
{
        const struct {
                CURLoption option;
                const char *value;
        } rows[] = {{CURLOPT_CAINFO, first_set(options->ca_file, "CONSUL_CACERT", NULL)},
                    {CURLOPT_CAPATH, first_set(options->ca_path, "CONSUL_CAPATH", NULL)},
                    {CURLOPT_SSLCERT, first_set(options->cert_file, "CONSUL_CLIENT_CERT", NULL)},
                    {CURLOPT_SSLKEY, first_set(options->key_file, "CONSUL_CLIENT_KEY", NULL)}};

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (rows[i].value == NULL)
                        continue;
                if (access(rows[i].value, R_OK) != 0) {
                        snprintf(error, error_size, "open %s: %s", rows[i].value,
                                 why_unread(-errno));
                        return -EINVAL;
                }
                curl_easy_setopt(curl, rows[i].option, rows[i].value);
        }
        return 0;
}

static void set_request(struct exchange *x, char *reason)
{
        const struct client_call *call = x->call;
        CURL *curl = x->curl;

        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
        if (call->body != NULL) {
                curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length);
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
        }
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, call->timeout_s > 0 ? call->timeout_s : TIMEOUT_S);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

// Go words it in lower case; scripts look for "connection refused".
static void describe_failure(CURL *curl, CURLcode code, char *reason)
{
        long os_error = 0;

        curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
        if (code == CURLE_COULDNT_CONNECT && os_error == ECONNREFUSED)
                snprintf(reason, CURL_ERROR_SIZE, "connect: connection refused");
        else if (code == CURLE_COULDNT_CONNECT && os_error != 0)
                snprintf(reason, CURL_ERROR_SIZE, "connect: %s",
                         os_error == ENOENT ? "no such file or directory"
                                            : strerror((int)os_error));
        else if (reason[0] == '\0')
                snprintf(reason, CURL_ERROR_SIZE, "%s", curl_easy_strerror(code));
}

int client_send(const struct client_options *options, const struct client_call *call,
                struct client_reply *reply, char *error, size_t error_size)
{
        CURL *curl = curl_easy_init();
        struct curl_slist *headers = NULL;
        char reason[CURL_ERROR_SIZE] = "";
        struct exchange x = {curl, call, reply};
        CURLcode code;
        int ret = -ENOMEM;

        snprintf(error, error_size, "out of memory");
        *reply = (struct client_reply){.body = calloc(1, 1)};
        if (curl == NULL || reply->body == NULL)
                goto out;
        ret = make_headers(options, &headers, error, error_size);
        if (ret == 0)
                ret = set_target(curl, options, call->path);
        if (ret < 0)
                goto out;
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        ret = set_tls(curl, options, error, error_size);
        if (ret < 0)
                goto out;
        set_request(&x, reason);
        code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
        if (code != CURLE_OK) {
                ret = -ECOMM;
                describe_failure(curl, code, reason);
                snprintf(error, error_size, "%s \"%s%s\": %s", call->method, agent_address(options),
                         call->path, reason);
        }
out:
        if (ret < 0) {
                free(reply->body);
                reply->body = NULL;
        }
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        return ret;
}

int client_request(const struct client_options *options, const char *method, const char *path,
                   struct client_reply *reply, char *error, size_t error_size)
{
        const struct client_call call = {.method = method, .path = path};

        return client_send(options, &call, reply, error, error_size);
}
