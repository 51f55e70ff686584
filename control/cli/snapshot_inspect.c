#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/cli/kv.h"
#include "control/cli/snapshot_file.h"
#include "control/snapshot/state.h"
#include "control/store/store.h"
#include "lictor/bytes.h"

struct options {
        const char *format, *filter;
        uint64_t depth;
        bool details;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;

        switch (flag->target[0]) {
        case 'f':
                options->format = value;
                break;
        case 'p':
                options->filter = value;
                break;
        case 'd':
                return kv_set_number(value, &options->depth, why);
        default:
                options->details = strcmp(value, "true") == 0;
                break;
        }
        return 0;
}

static const struct flag flags[] = {
    {"format", FLAG_STRING, "<pretty|json>", "Output format. The default is pretty.", set_option,
     "format"},
    {"kvdepth", FLAG_STRING, "<number>",
     "With -kvdetails: count by so many parts of the key. The default is 2.", set_option, "depth"},
    {"kvdetails", FLAG_BOOL, "", "Count keys by what they begin with, too.", set_option, "kv"},
    {"kvfilter", FLAG_STRING, "<prefix>", "With -kvdetails: keys that begin with this only.",
     set_option, "prefix"},
};

const struct flag_set snapshot_inspect_flag_set = {
    "Usage: lictor snapshot inspect [options] FILE",
    "  Verifies a snapshot and prints what it is of and what takes how much room in it. No agent "
    "is\n"
    "  asked.\n"
    "\n"
    "      $ lictor snapshot inspect -kvdetails backup.snap",
    flags,
    ARRAY_LEN(flags),
};

/* Rows of one type, or keys that begin alike. */
struct tally {
        char *name; // owned
        uint64_t count, size;
};

struct tallies {
        const struct options *options;
        struct tally types[STORE_TABLE_COUNT];
        struct tally *keys; // owned; in order of the keys
        size_t key_count, capacity;
        bool failed;
};

// Named as Consul names what writes them.
static const char *type_name(enum store_table table)
{
        static const char *const names[] = {
            [STORE_NODES] = "Register",       [STORE_SERVICES] = "Register",
            [STORE_CHECKS] = "Register",      [STORE_QUERIES] = "PreparedQuery",
            [STORE_SESSIONS] = "Session",     [STORE_KV] = "KVS",
            [STORE_TOMBSTONES] = "Tombstone", [STORE_COORDINATES] = "CoordinateBatchUpdate",
            [STORE_SETTINGS] = "Autopilot"};

        return names[table];
}

static size_t prefix_length(const char *key, uint64_t depth)
{
        size_t length = 0;

        for (uint64_t i = 0; i < depth && key[length] != '\0'; i++) {
                if (i > 0)
                        length++;
                length += strcspn(key + length, "/");
        }
        return length;
}

static void count_key(struct tallies *t, const char *key, size_t size)
{
        size_t length = prefix_length(key, t->options->depth);
        struct tally *last = t->key_count > 0 ? &t->keys[t->key_count - 1] : NULL;

        if (t->options->filter != NULL &&
            strncmp(key, t->options->filter, strlen(t->options->filter)) != 0)
                return;
        // Keys come in order, so that those that begin alike are neighbours.
        if (last == NULL || strlen(last->name) != length || strncmp(last->name, key, length) != 0) {
                if (t->key_count == t->capacity) {
                        size_t capacity = t->capacity > 0 ? 2 * t->capacity : 64;
                        struct tally *grown = realloc(t->keys, capacity * sizeof(*grown));

                        if (grown == NULL) {
                                t->failed = true;
                                return;
                        }
                        t->keys = grown;
                        t->capacity = capacity;
                }
                last = &t->keys[t->key_count];
                *last = (struct tally){.name = strndup(key, length)};
                if (last->name == NULL) {
                        t->failed = true;
                        return;
                }
                t->key_count++;
        }
        last->count++;
        last->size += size;
}

static void count(void *arg, enum store_table table, size_t len, const char *key)
{
        struct tallies *t = arg;
        // What is one type to people is counted in the first of its tables.
        enum store_table at = strcmp(type_name(table), "Register") == 0 ? STORE_NODES : table;

        t->types[at].count++;
        t->types[at].size += len;
        if (table == STORE_KV && t->options->details && !t->failed)
                count_key(t, key, len);
}

static int by_size(const void *a, const void *b)
{
        const struct tally *left = a, *right = b;

        if (left->size != right->size)
                return left->size > right->size ? -1 : 1;
        return strcmp(left->name != NULL ? left->name : "", right->name != NULL ? right->name : "");
}

static const char *size_text(uint64_t size, char out[static 32])
{
        static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
        double scaled = (double)size;
        size_t unit = 0;

        for (; scaled >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
                scaled /= 1024;
        snprintf(out, 32, "%.*f%s", unit > 0 && scaled - (double)(uint64_t)scaled >= 0.05 ? 1 : 0,
                 scaled, units[unit]);
        return out;
}

static uint64_t print_table(const char *title, const struct tally *rows, size_t row_count)
{
        uint64_t total = 0;
        char text[32];
        int width = (int)strlen(title);

        for (size_t i = 0; i < row_count; i++) {
                if (rows[i].count > 0 && (int)strlen(rows[i].name) > width)
                        width = (int)strlen(rows[i].name);
        }
        printf("\n %-*s     %-8s  %s\n", width, title, "Count", "Size");
        printf(" %-*s     %-8s  %s\n", width, "----", "----", "----");
        for (size_t i = 0; i < row_count; i++) {
                if (rows[i].count == 0)
                        continue;
                printf(" %-*s     %-8llu  %s\n", width, rows[i].name,
                       (unsigned long long)rows[i].count, size_text(rows[i].size, text));
                total += rows[i].size;
        }
        printf(" %-*s     %-8s  %s\n", width, "----", "----", "----");
        printf(" %-*s     %-8s  %s\n", width, "Total", "", size_text(total, text));
        return total;
}

static void print_pretty(const struct snapshot_meta *meta, const struct tallies *t)
{
        printf(" ID           %s\n Size         %llu\n Index        %llu\n Term         %llu\n"
               " Version      %llu\n",
               meta->id, (unsigned long long)meta->size, (unsigned long long)meta->index,
               (unsigned long long)meta->term, (unsigned long long)meta->version);
        print_table("Type", t->types, STORE_TABLE_COUNT);
        if (t->options->details)
                print_table("Key Name", t->keys, t->key_count);
}

static json_t *list_json(const struct tally *rows, size_t row_count, uint64_t *size,
                         uint64_t *total)
{
        json_t *list = json_array();

        *size = *total = 0;
        for (size_t i = 0; i < row_count; i++) {
                if (rows[i].count == 0)
                        continue;
                json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "Name", rows[i].name,
                                                      "Sum", (json_int_t)rows[i].size, "Count",
                                                      (json_int_t)rows[i].count));
                *size += rows[i].size;
                *total += rows[i].count;
        }
        return list;
}

static int print_json(const struct snapshot_meta *meta, const struct tallies *t)
{
        uint64_t size, total, key_size, key_total;
        json_t *stats = list_json(t->types, STORE_TABLE_COUNT, &size, &total);
        json_t *keys = list_json(t->keys, t->key_count, &key_size, &key_total);
        json_t *all =
            json_pack("{s:{s:s, s:I, s:I, s:I, s:I}, s:o, s:o, s:I, s:I, s:I}", "Meta", "ID",
                      meta->id, "Size", (json_int_t)meta->size, "Index", (json_int_t)meta->index,
                      "Term", (json_int_t)meta->term, "Version", (json_int_t)meta->version, "Stats",
                      stats, "StatsKV", keys, "TotalSize", (json_int_t)size, "TotalCountKV",
                      (json_int_t)key_total, "TotalSizeKV", (json_int_t)key_size);
        int ret = json_dumpf(all, stdout, JSON_INDENT(3));

        puts("");
        json_decref(all);
        return ret < 0 ? 1 : 0;
}

static int inspect(const struct options *options, const struct input *file)
{
        struct tallies t = {.options = options};
        atomic_bool cancelled = false;
        char error[SNAPSHOT_ERROR_MAX];
        struct snapshot_state state;
        int status = 1;

        if (snapshot_state_open(&state, (const uint8_t *)file->bytes, file->length, "", "dc1",
                                &cancelled, error) < 0) {
                fprintf(stderr, "Error reading snapshot: %s\n", error);
                return 1;
        }
        for (int i = 0; i < STORE_TABLE_COUNT; i++) {
                t.types[i].name = strdup(type_name((enum store_table)i));
                t.failed = t.failed || t.types[i].name == NULL;
        }
        if (t.failed || store_snapshot_visit(state.bytes, state.file.len, count, &t) < 0 ||
            t.failed) {
                fputs("Error extracting snapshot data: out of memory\n", stderr);
        } else {
                qsort(t.types, STORE_TABLE_COUNT, sizeof(t.types[0]), by_size);
                if (t.key_count > 0)
                        qsort(t.keys, t.key_count, sizeof(t.keys[0]), by_size);
                status = 0;
                if (strcmp(options->format, "json") == 0)
                        status = print_json(&state.meta, &t);
                else
                        print_pretty(&state.meta, &t);
                if (state.left_out[0] != '\0')
                        fprintf(stderr, "Not counted, as it has no place here: %s\n",
                                state.left_out);
        }
        for (int i = 0; i < STORE_TABLE_COUNT; i++)
                free(t.types[i].name);
        for (size_t i = 0; i < t.key_count; i++)
                free(t.keys[i].name);
        free(t.keys);
        snapshot_state_close(&state);
        return status;
}

int command_snapshot_inspect(int argc, char *const argv[])
{
        struct options options = {.format = "pretty", .depth = 2};
        struct input file = {0};
        const char *path = NULL;
        int rest = 0, status;
        enum flags_outcome outcome =
            flags_parse(&snapshot_inspect_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status = snapshot_file_argument(argc, argv, rest, &path);
        if (status == 0 && strcmp(options.format, "pretty") != 0 &&
            strcmp(options.format, "json") != 0) {
                fprintf(stderr, "Error outputting enhanced snapshot data: Unknown format: %s\n",
                        options.format);
                status = 1;
        }
        if (status == 0)
                status = snapshot_file_read(path, &file);
        if (status == 0)
                status = inspect(&options, &file);
        free(file.bytes);
        return status;
}
