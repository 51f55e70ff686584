#include "tests/control/http/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct job {
        uint16_t port;
        const char *bytes;
        size_t len;
        char *answer;
        size_t answer_len;
        uv_async_t done;
        bool is_done;
};

static bool is_complete(const char *answer, size_t len)
{
        const char *end = len > 0 ? strstr(answer, "\r\n\r\n") : NULL;
        const char *length = end != NULL ? strcasestr(answer, "Content-Length:") : NULL;

        return length != NULL && length < end &&
               len >= (size_t)(end + 4 - answer) + strtoull(length + 15, NULL, 10);
}

static void *run_client(void *arg)
{
        struct job *job = arg;
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(job->port)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        size_t sent = 0, capacity = 1 << 20;
        ssize_t n;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        job->answer = calloc(1, capacity);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
                while (sent < job->len) {
                        n = send(fd, job->bytes + sent, job->len - sent, MSG_NOSIGNAL);
                        if (n <= 0)
                                break;
                        sent += (size_t)n;
                }
                while (job->answer_len < capacity - 1 &&
                       !is_complete(job->answer, job->answer_len)) {
                        n = recv(fd, job->answer + job->answer_len, capacity - 1 - job->answer_len,
                                 0);
                        if (n <= 0)
                                break;
                        job->answer_len += (size_t)n;
                }
        }
        close(fd);
        uv_async_send(&job->done);
        return NULL;
}

static void on_done(uv_async_t *async)
{
        struct job *job = async->data;

        job->is_done = true;
        uv_close((uv_handle_t *)async, NULL);
}

void exchange_bytes(uv_loop_t *loop, uint16_t port, const char *bytes, size_t len,
                    struct exchange *out)
{
        struct job job = {.port = port, .bytes = bytes, .len = len};
        pthread_t thread;
        char *end;

        memset(out, 0, sizeof(*out));
        uv_async_init(loop, &job.done, on_done);
        job.done.data = &job;
        pthread_create(&thread, NULL, run_client, &job);
        while (!job.is_done)
                uv_run(loop, UV_RUN_ONCE);
        // The handle leaves the loop in its next turn.
        uv_run(loop, UV_RUN_NOWAIT);
        pthread_join(thread, NULL);
        out->head = job.answer;
        end = strstr(job.answer, "\r\n\r\n");
        if (end == NULL) {
                out->body = strdup("");
                return;
        }
        sscanf(job.answer, "HTTP/1.%*d %u", &out->status);
        out->body_len = job.answer_len - (size_t)(end + 4 - job.answer);
        out->body = calloc(1, out->body_len + 1);
        memcpy(out->body, end + 4, out->body_len);
        end[2] = '\0';
}

void exchange_request(uv_loop_t *loop, uint16_t port, const char *method, const char *target,
                      const char *headers, const char *body, struct exchange *out)
{
        size_t body_len = body != NULL ? strlen(body) : 0;
        char *bytes;
        int len = asprintf(&bytes,
                           "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s"
                           "Content-Length: %zu\r\n\r\n%s",
                           method, target, headers, body_len, body != NULL ? body : "");

        exchange_bytes(loop, port, bytes, (size_t)len, out);
        free(bytes);
}

void exchange_fini(struct exchange *out)
{
        free(out->head);
        free(out->body);
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
        static char value[512];
        const char *line = exchange->head;
        size_t name_len = strlen(name);

        while (line != NULL && (line = strstr(line, "\r\n")) != NULL) {
                line += 2;
                if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':') {
                        sscanf(line + name_len + 1, " %511[^\r]", value);
                        return value;
                }
        }
        return NULL;
}
