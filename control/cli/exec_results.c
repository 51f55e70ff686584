#include "control/cli/exec.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/base64.h"
#include "control/text/json_text.h"

int exec_results_init(struct exec_results *results, size_t prefix_length, bool verbose)
{
        *results = (struct exec_results){
            .seen = json_object(), .prefix_length = prefix_length, .verbose = verbose};
        return results->seen != NULL ? 0 : -ENOMEM;
}

void exec_results_fini(struct exec_results *results)
{
        json_decref(results->seen);
}

// A key's value, NUL-terminated. returns  freed with free(); NULL for no value.
static char *decode(const json_t *pair)
{
        const char *text = json_text(pair, "Value");
        size_t length = strlen(text), bad_at;
        char *bytes = malloc(length + 1);
        long size = bytes != NULL ? base64_decode(text, length, (uint8_t *)bytes, &bad_at) : -1;

        if (size < 0) {
                free(bytes);
                return NULL;
        }
        bytes[size] = '\0';
        return bytes;
}

static void print_output(int node_length, const char *node, const char *output)
{
        while (*output != '\0') {
                size_t length = strcspn(output, "\n");

                printf("    %.*s: %.*s\n", node_length, node, (int)length, output);
                output += length;
                if (*output == '\n')
                        output++;
        }
}

// A key is NODE/ack, NODE/out/00000 and on, where an empty piece is a sign of life, or NODE/exit.
static void take_one(struct exec_results *results, const json_t *pair, const char *node)
{
        const char *what = strchr(node, '/');
        int length = what != NULL ? (int)(what - node) : 0;
        char *value = decode(pair);

        if (what == NULL || value == NULL) {
                free(value);
                return;
        }
        if (strcmp(what, "/ack") == 0) {
                results->acknowledged++;
                if (results->verbose)
                        printf("==> %.*s: acknowledged event\n", length, node);
        } else if (strcmp(what, "/exit") == 0) {
                results->finished++;
                results->failed += strcmp(value, "0") != 0;
                printf("==> %.*s: finished with exit code %s\n", length, node, value);
        } else if (strncmp(what, "/out/", 5) == 0 && *value != '\0') {
                print_output(length, node, value);
        } else if (strncmp(what, "/out/", 5) == 0 && results->verbose) {
                printf("==> %.*s: heartbeat received\n", length, node);
        }
        free(value);
}

bool exec_results_take(struct exec_results *results, const json_t *pairs)
{
        const json_t *pair;
        bool any = false;
        size_t i;

        json_array_foreach(pairs, i, pair)
        {
                const char *key = json_text(pair, "Key");

                if (strlen(key) <= results->prefix_length ||
                    json_object_get(results->seen, key) != NULL ||
                    strcmp(key + results->prefix_length, "job") == 0)
                        continue;
                json_object_set_new(results->seen, key, json_true());
                take_one(results, pair, key + results->prefix_length);
                any = true;
        }
        fflush(stdout);
        return any;
}
