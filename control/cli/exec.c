#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/cli/client_flags.h"
#include "control/text/base64.h"
#include "control/text/duration.h"
#include "lictor/bytes.h"

// Agents take part when disable_remote_exec is false: they find the job by an event, acknowledge it
// and leave output and exit status below the session's key.
#define NODE_MAX    4096
#define POLL_US     100000
#define NSEC_PER_MS INT64_C(1000000)

struct options {
        struct client_options client;
        const char *prefix, *node, *service, *tag;
        bool shell, verbose;
        int64_t wait_ns;
};

// What was seen of one node.
struct progress {
        char *node;
        unsigned chunks; // of its output printed
        bool acknowledged, completed;
};

struct job {
        const struct options *options;
        char *session;
        struct progress nodes[NODE_MAX];
        unsigned node_count;
        unsigned acknowledged, completed;
        bool failed, news;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        const char *name = flag->target;

        if (strcmp(name, "wait") == 0) {
                *why = "invalid duration";
                return duration_parse(value, &options->wait_ns);
        }
        if (strcmp(name, "shell") == 0)
                options->shell = strcmp(value, "true") == 0;
        else if (strcmp(name, "verbose") == 0)
                options->verbose = strcmp(value, "true") == 0;
        else if (strcmp(name, "prefix") == 0)
                options->prefix = value;
        else if (strcmp(name, "node") == 0)
                options->node = value;
        else if (strcmp(name, "service") == 0)
                options->service = value;
        else
                options->tag = value;
        return 0;
}

static const struct flag flags[] = {
    {"node", FLAG_STRING, "<regexp>", "Run on nodes whose name matches.", set_option, "node"},
    {"prefix", FLAG_STRING, "<key>", "Where in the KV store the job is kept.", set_option,
     "prefix"},
    {"service", FLAG_STRING, "<regexp>", "Run on nodes with a service that matches.", set_option,
     "service"},
    {"shell", FLAG_BOOL, "", "Run the command by a shell; the default.", set_option, "shell"},
    {"tag", FLAG_STRING, "<regexp>", "With -service: its tags have to match, too.", set_option,
     "tag"},
    {"verbose", FLAG_BOOL, "", "Say what happens.", set_option, "verbose"},
    {"wait", FLAG_STRING, "<duration>", "End when nothing was heard for this long; 2s.", set_option,
     "wait"},
    CLIENT_FLAGS,
};

static const struct flag_set flag_set = {
    "Usage: lictor exec [options] command...",
    "  Runs a command on the nodes whose agents allow it (disable_remote_exec: false), and prints "
    "what\n"
    "  they print. The job travels by an event and through the KV store.",
    flags,
    ARRAY_LEN(flags),
};

static int ask(const struct job *job, const char *method, const char *path, const char *body,
               const char *what, struct client_reply *reply)
{
        const struct client_call call = {
            .method = method,
            .path = path,
            .body = body,
            .body_length = body != NULL ? strlen(body) : 0,
        };

        return client_ask(&job->options->client, &call, what, true, reply);
}

static int put(const struct job *job, const char *path, json_t *take_body, const char *what)
{
        char *body = take_body != NULL ? json_dumps(take_body, JSON_COMPACT) : NULL;
        struct client_reply reply;
        int status = ask(job, "PUT", path, body, what, &reply);

        json_decref(take_body);
        free(body);
        if (status == 0)
                free(reply.body);
        return status;
}

static int create_session(struct job *job)
{
        json_t *wanted =
            json_pack("{s:s, s:s, s:s}", "Name", "Remote Exec", "TTL", "15s", "Behavior", "delete");
        char *body = json_dumps(wanted, JSON_COMPACT);
        struct client_reply reply;
        int status =
            ask(job, "PUT", "/v1/session/create", body, "Failed to create session", &reply);
        json_t *answer;

        free(body);
        json_decref(wanted);
        if (status != 0)
                return status;
        answer = json_loadb(reply.body, reply.length, 0, NULL);
        if (json_is_string(json_object_get(answer, "ID")))
                job->session = strdup(json_string_value(json_object_get(answer, "ID")));
        json_decref(answer);
        free(reply.body);
        return job->session != NULL ? 0 : 1;
}

static char *join_words(int count, char *const words[])
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
                return NULL;
        for (int i = 0; i < count; i++)
                fprintf(out, "%s%s", i > 0 ? " " : "", words[i]);
        fclose(out);
        return text;
}

static int upload(const struct job *job, int count, char *const words[])
{
        json_t *arguments = json_array();
        char path[512], *command = join_words(count, words);
        int status;

        for (int i = 0; i < count && !job->options->shell; i++)
                json_array_append_new(arguments, json_string(words[i]));
        snprintf(path, sizeof(path), "/v1/kv/%s/%s/job?acquire=%s", job->options->prefix,
                 job->session, job->session);
        status = put(job, path,
                     json_pack("{s:s?, s:o, s:I}", "Command", job->options->shell ? command : NULL,
                               "Args", arguments, "Wait", (json_int_t)job->options->wait_ns),
                     "Failed to create job file");
        free(command);
        return status;
}

static int fire(const struct job *job)
{
        const struct options *o = job->options;
        const char *const values[] = {o->node, o->service, o->tag};
        static const char *const names[] = {"node", "service", "tag"};
        char path[2048];
        size_t used = (size_t)snprintf(path, sizeof(path), "/v1/event/fire/_rexec?");

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                char *value = values[i] != NULL ? client_escape(values[i]) : NULL;

                if (value != NULL && used + strlen(value) + 16 < sizeof(path))
                        used += (size_t)snprintf(path + used, sizeof(path) - used, "%s=%s&",
                                                 names[i], value);
                free(value);
        }
        return put(job, path, json_pack("{s:s, s:s}", "Prefix", o->prefix, "Session", job->session),
                   "Failed to fire event");
}

static struct progress *find_node(struct job *job, const char *name, size_t length)
{
        for (unsigned i = 0; i < job->node_count; i++)
                if (strncmp(job->nodes[i].node, name, length) == 0 &&
                    job->nodes[i].node[length] == '\0')
                        return &job->nodes[i];
        if (job->node_count == NODE_MAX)
                return NULL;
        job->nodes[job->node_count].node = strndup(name, length);
        return job->nodes[job->node_count].node != NULL ? &job->nodes[job->node_count++] : NULL;
}

static void print_output(const struct progress *node, const char *text, size_t length)
{
        for (const char *end = text + length; text < end;) {
                const char *line_end = memchr(text, '\n', (size_t)(end - text));
                size_t line = line_end != NULL ? (size_t)(line_end - text) : (size_t)(end - text);

                printf("    %s: %.*s\n", node->node, (int)line, text);
                text += line + 1;
        }
}

static void take_value(struct job *job, struct progress *node, const char *what, const char *value,
                       size_t length)
{
        char chunk[32];

        if (strcmp(what, "ack") == 0 && !node->acknowledged) {
                node->acknowledged = job->news = true;
                job->acknowledged++;
                if (job->options->verbose)
                        printf("==> %s: acknowledged event\n", node->node);
        } else if (strcmp(what, "exit") == 0 && !node->completed) {
                node->completed = job->news = true;
                job->completed++;
                job->failed |= strncmp(value, "0", length) != 0;
                printf("==> %s: finished with exit code %.*s\n", node->node, (int)length, value);
        } else {
                snprintf(chunk, sizeof(chunk), "out/%05x", node->chunks);
                if (strcmp(what, chunk) != 0)
                        return;
                node->chunks++;
                job->news = true;
                print_output(node, value, length);
        }
}

// One key below the session: NODE/ack, NODE/out/00000 or NODE/exit.
static void take_pair(struct job *job, const json_t *pair, size_t skip)
{
        const char *key = json_string_value(json_object_get(pair, "Key"));
        const char *text = json_string_value(json_object_get(pair, "Value"));
        const char *slash = key != NULL && strlen(key) > skip ? strchr(key + skip, '/') : NULL;
        size_t length = text != NULL ? strlen(text) : 0, bad_at;
        struct progress *node;
        uint8_t *value;
        long size;

        if (slash == NULL)
                return;
        node = find_node(job, key + skip, (size_t)(slash - key - (long)skip));
        value = malloc(length + 1);
        size = value != NULL ? base64_decode(text != NULL ? text : "", length, value, &bad_at) : -1;
        if (node != NULL && size >= 0)
                take_value(job, node, slash + 1, (const char *)value, (size_t)size);
        free(value);
}

static int poll_answers(struct job *job)
{
        char path[512];
        struct client_reply reply;
        const json_t *pair;
        json_t *pairs;
        size_t i, skip = strlen(job->options->prefix) + strlen(job->session) + 2;
        int status;

        snprintf(path, sizeof(path), "/v1/kv/%s/%s/?recurse", job->options->prefix, job->session);
        status = ask(job, "GET", path, NULL, "Failed to read answers", &reply);
        if (status != 0)
                return status;
        pairs = json_loadb(reply.body, reply.length, JSON_ALLOW_NUL, NULL);
        json_array_foreach(pairs, i, pair) take_pair(job, pair, skip);
        json_decref(pairs);
        free(reply.body);
        return 0;
}

static int64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int collect(struct job *job)
{
        int64_t heard_ns = now_ns(), renewed_ns = heard_ns;
        char path[128];

        while (now_ns() - heard_ns < job->options->wait_ns) {
                job->news = false;
                if (poll_answers(job) != 0)
                        return 1;
                if (job->news)
                        heard_ns = now_ns();
                if (now_ns() - renewed_ns > 5000 * NSEC_PER_MS) {
                        renewed_ns = now_ns();
                        snprintf(path, sizeof(path), "/v1/session/renew/%s", job->session);
                        if (put(job, path, NULL, "Failed to renew session") != 0)
                                return 1;
                }
                usleep(POLL_US);
        }
        printf("%u / %u node(s) completed / acknowledged\n", job->completed, job->acknowledged);
        return job->failed ? 2 : 0;
}

static void clean_up(const struct job *job)
{
        char path[512];
        struct client_reply reply;

        snprintf(path, sizeof(path), "/v1/session/destroy/%s", job->session);
        (void)put(job, path, NULL, "Failed to destroy session");
        snprintf(path, sizeof(path), "/v1/kv/%s/%s?recurse", job->options->prefix, job->session);
        if (ask(job, "DELETE", path, NULL, "Failed to clean up", &reply) == 0)
                free(reply.body);
}

static int run(const struct options *options, int count, char *const words[])
{
        struct job *job = calloc(1, sizeof(*job));
        int status = 1;

        if (job == NULL)
                return 1;
        job->options = options;
        if (create_session(job) == 0) {
                if (upload(job, count, words) == 0 && fire(job) == 0)
                        status = collect(job);
                clean_up(job);
        }
        for (unsigned i = 0; i < job->node_count; i++)
                free(job->nodes[i].node);
        free(job->session);
        free(job);
        return status;
}

int command_exec(int argc, char *const argv[])
{
        struct options options = {.prefix = "_rexec", .shell = true, .wait_ns = 2000 * NSEC_PER_MS};
        int rest = 0;
        enum flags_outcome outcome = flags_parse(&flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (rest == argc) {
                fputs("Must specify a command to execute\n\n", stderr);
                flags_print_help(&flag_set, stderr);
                return 1;
        }
        return run(&options, argc - rest, argv + rest);
}
