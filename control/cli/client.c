#include "control/cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static size_t collect(char *data, size_t size, size_t count, void *arg)
{
        struct client_reply *reply = arg;
        char *body = realloc(reply->body, reply->length + size * count + 1);

        if (body == NULL)
                return 0;
        memcpy(body + reply->length, data, size * count);
        reply->body = body;
        reply->length += size * count;
        body[reply->length] = '\0';
        return size * count;
}

static int set_target(CURL *curl, const char *address, const char *path)
{
        char *url = NULL;
        int ret;

        if (strncmp(address, "unix://", 7) == 0) {
                curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, address + 7);
                ret = asprintf(&url, "http://localhost%s", path);
        } else {
                ret = asprintf(&url, "%s%s%s", strstr(address, "://") != NULL ? "" : "http://",
                               address, path);
        }
        if (ret < 0)
                return -ENOMEM;
        ret = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK ? 0 : -EINVAL;
        free(url);
        return ret;
}

static struct curl_slist *make_headers(const struct client_options *options)
{
        const char *token = first_set(options->token, "CONSUL_HTTP_TOKEN", NULL);
        struct curl_slist *headers = NULL;
        char line[512];

        if (token == NULL)
                return NULL;
        snprintf(line, sizeof(line), "X-Consul-Token: %s", token);
        headers = curl_slist_append(headers, line);
        return headers;
}

int client_request(const struct client_options *options, const char *method, const char *path,
                   struct client_reply *reply, char *error, size_t error_size)
{
        CURL *curl = curl_easy_init();
        struct curl_slist *headers = make_headers(options);
        char reason[CURL_ERROR_SIZE] = "";
        CURLcode code = CURLE_OUT_OF_MEMORY;
        int ret = -ENOMEM;

        *reply = (struct client_reply){.body = calloc(1, 1)};
        if (curl == NULL || reply->body == NULL)
                goto out;
        ret = set_target(curl, agent_address(options), path);
        if (ret < 0)
                goto out;
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        code = curl_easy_perform(curl);
        ret = code == CURLE_OK ? 0 : -ECOMM;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
out:
        if (ret < 0) {
                snprintf(error, error_size, "%s \"%s%s\": %s", method, agent_address(options), path,
                         reason[0] != '\0' ? reason : curl_easy_strerror(code));
                free(reply->body);
                reply->body = NULL;
        }
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        return ret;
}
