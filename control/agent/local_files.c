#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "control/agent/local_internal.h"

// DATA_DIR/services/HASH, checks/HASH and checks/state/HASH, one JSON object each, written aside,
// renamed, and synced off the loop (local_durable.c).
#define SERVICES "services"
#define CHECKS   "checks"
#define STATES   "checks/state"
#define EXPIRIES "checks/state/expiries"

static bool is_kept(const struct local_state *local)
{
        return local->data_dir[0] != '\0';
}

// What is being read from its file need not be written to it.
static bool is_to_be_saved(const struct local_state *local)
{
        return is_kept(local) && !local->loading;
}

static int make_folder(const struct local_state *local, const char *folder, char *error,
                       size_t error_size)
{
        char *path;
        int ret = 0;

        if (asprintf(&path, "%s/%s", local->data_dir, folder) < 0)
                return -ENOMEM;
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
                ret = -errno;
                snprintf(error, error_size, "cannot create %s: %s", path, strerror(-ret));
        }
        free(path);
        return ret;
}

static void load_expiries(struct local_state *local)
{
        char *path;

        if (asprintf(&path, "%s/%s", local->data_dir, EXPIRIES) < 0)
                return;
        local->expiries = json_load_file(path, 0, NULL);
        free(path);
}

int local_files_open(struct local_state *local, char *error, size_t error_size)
{
        int ret;

        if (!is_kept(local))
                return 0;
        snprintf(error, error_size, "out of memory");
        ret = make_folder(local, SERVICES, error, error_size);
        if (ret == 0)
                ret = make_folder(local, CHECKS, error, error_size);
        if (ret == 0)
                ret = make_folder(local, STATES, error, error_size);
        if (ret == 0)
                load_expiries(local);
        return ret;
}

// Ids may hold any character, so files are named for their hash.
static char *path_of(const struct local_state *local, const char *folder, const char *id)
{
        XXH128_hash_t hash = XXH3_128bits(id, strlen(id));
        char *path;

        if (asprintf(&path, "%s/%s/%016llx%016llx", local->data_dir, folder,
                     (unsigned long long)hash.high64, (unsigned long long)hash.low64) < 0)
                return NULL;
        return path;
}

static int write_file(const char *path, const char *text)
{
        char *aside;
        FILE *file;
        int fd, ret = -ENOMEM;

        if (asprintf(&aside, "%s.tmp", path) < 0)
                return ret;
        fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0) {
                ret = -errno;
                goto free_aside;
        }
        file = fdopen(fd, "w");
        if (file == NULL) {
                ret = -errno;
                close(fd);
                goto free_aside;
        }
        ret = fputs(text, file) < 0 ? -EIO : 0;
        if (fclose(file) != 0 && ret == 0)
                ret = -errno;
        if (ret == 0 && rename(aside, path) < 0)
                ret = -errno;
        if (ret < 0)
                unlink(aside);
free_aside:
        free(aside);
        return ret;
}

static void save(const struct local_state *local, const char *folder, const char *id,
                 json_t *take_content)
{
        char *path = path_of(local, folder, id);
        char *text = take_content != NULL ? json_dumps(take_content, JSON_COMPACT) : NULL;
        int ret = path == NULL || text == NULL ? -ENOMEM : write_file(path, text);

        if (ret == 0)
                local_durable_add(local, path);

        if (ret < 0)
                log_error(local->options.log, "agent", "cannot save %s of \"%s\": %s", folder, id,
                          strerror(-ret));
        json_decref(take_content);
        free(text);
        free(path);
}

void local_files_save_service(const struct local_state *local,
                              const struct local_service_entry *entry)
{
        if (is_to_be_saved(local))
                save(local, SERVICES, entry->record->service.id,
                     json_pack("{s:O}", "Service", entry->definition));
}

void local_files_save_check(const struct local_state *local, const struct local_check_entry *entry)
{
        if (is_to_be_saved(local))
                save(local, CHECKS, entry->record->check.id,
                     json_pack("{s:O}", "Check", entry->definition));
}

// While the agent runs a state has no end: after a crash its TTL starts afresh.
void local_files_save_state(const struct local_state *local, const struct local_check_entry *entry)
{
        const struct catalog_check *check = &entry->record->check;

        if (!is_to_be_saved(local) || entry->view.ttl_ns <= 0)
                return;
        save(local, STATES, check->id,
             json_pack("{s:s, s:s, s:s}", "CheckID", check->id, "Status", check->status, "Output",
                       check->output));
}

// Stopping in order writes down when TTLs would have run out, in one file for all of them.
void local_files_save_expiries(const struct local_state *local)
{
        json_t *expiries = json_object();
        char *path = NULL, *text = NULL;
        int ret = -ENOMEM;

        if (!is_to_be_saved(local))
                goto free_all;
        for (size_t i = 0; i < local->check_count; i++) {
                const struct local_check_entry *entry = local->checks[i];
                int64_t left_ms = (int64_t)(entry->ttl.at_ms - local->now_ms);

                if (entry->ttl.slot != 0)
                        json_object_set_new(expiries, entry->record->check.id,
                                            json_integer(time(NULL) + left_ms / 1000));
        }
        text = json_dumps(expiries, JSON_COMPACT);
        if (text != NULL && asprintf(&path, "%s/%s", local->data_dir, EXPIRIES) >= 0)
                ret = write_file(path, text);
        if (ret == 0)
                local_durable_add(local, path);
        else
                log_error(local->options.log, "agent", "cannot save when TTLs run out: %s",
                          strerror(-ret));
free_all:
        json_decref(expiries);
        free(path);
        free(text);
}

// They hold for one start: after a crash of the next run TTLs start afresh again.
void local_files_drop_expiries(struct local_state *local)
{
        char *path;

        if (local->expiries == NULL)
                return;
        json_decref(local->expiries);
        local->expiries = NULL;
        if (asprintf(&path, "%s/%s", local->data_dir, EXPIRIES) < 0)
                return;
        if (unlink(path) < 0 && errno != ENOENT)
                log_error(local->options.log, "agent", "cannot remove %s: %s", path,
                          strerror(errno));
        free(path);
}

static void remove_file(const struct local_state *local, const char *folder, const char *id)
{
        char *path = is_kept(local) ? path_of(local, folder, id) : NULL;

        if (path != NULL && unlink(path) < 0 && errno != ENOENT)
                log_error(local->options.log, "agent", "cannot remove %s: %s", path,
                          strerror(errno));
        free(path);
}

void local_files_remove_service(const struct local_state *local, const char *id)
{
        remove_file(local, SERVICES, id);
}

void local_files_remove_check_definition(const struct local_state *local, const char *id)
{
        remove_file(local, CHECKS, id);
}

void local_files_remove_check(const struct local_state *local, const char *id)
{
        local_files_remove_check_definition(local, id);
        remove_file(local, STATES, id);
}

bool local_files_load_state(const struct local_state *local, const char *id, char **status,
                            char **output)
{
        char *path = is_kept(local) ? path_of(local, STATES, id) : NULL;
        json_t *state = path != NULL ? json_load_file(path, 0, NULL) : NULL;
        json_int_t expires_s = json_schema_int(local->expiries, id);
        bool usable = state != NULL && strcmp(json_schema_string(state, "CheckID"), id) == 0 &&
                      (expires_s == 0 || expires_s > time(NULL));

        if (usable) {
                *status = strdup(json_schema_string(state, "Status"));
                *output = strdup(json_schema_string(state, "Output"));
                usable = *status != NULL && *output != NULL;
                if (!usable) {
                        free(*status);
                        free(*output);
                        *status = *output = NULL;
                }
        }
        json_decref(state);
        free(path);
        return usable;
}

static void load_service(struct local_state *local, const json_t *definition)
{
        // A definition in the configuration beats what is remembered.
        if (local_find_service(local, definition_service_id(definition)) == NULL)
                local_put_service(local, definition, false, false);
}

static void load_check(struct local_state *local, const json_t *definition)
{
        const char *id = definition_check_id(definition);
        const char *service_id = json_schema_string(definition, "ServiceID");
        const char *reason = json_schema_string(definition, "Notes");

        if (local_find_check(local, id) != NULL)
                return;
        if (service_id[0] != '\0' && local_find_service(local, service_id) == NULL)
                local_files_remove_check(local, id);
        else if (definition_upkeep(definition) != DEFINITION_NONE)
                local_put_check(local, definition, false);
        else
                local_put_maintenance(local, id, service_id, reason);
}

static void load_folder(struct local_state *local, const char *folder, const char *member,
                        const struct json_schema *schema,
                        void (*load)(struct local_state *local, const json_t *definition))
{
        char error[JSON_SCHEMA_ERROR_MAX], *path;
        struct dirent *entry;
        DIR *dir;

        if (asprintf(&path, "%s/%s", local->data_dir, folder) < 0)
                return;
        dir = opendir(path);
        while (dir != NULL && (entry = readdir(dir)) != NULL) {
                char *file = NULL;
                json_t *content = NULL, *definition = NULL;

                // The files are named by 32 digits; folders and what a crash left aside are not.
                if (strlen(entry->d_name) != 32 ||
                    asprintf(&file, "%s/%s", path, entry->d_name) < 0)
                        continue;
                content = json_load_file(file, 0, NULL);
                if (content != NULL &&
                    json_schema_apply(schema, JSON_SCHEMA_IGNORE_UNKNOWN,
                                      json_object_get(content, member), &definition, error) == 0) {
                        load(local, definition);
                        json_decref(definition);
                } else {
                        log_warn(local->options.log, "agent", "ignored damaged file: path=%s",
                                 file);
                }
                json_decref(content);
                free(file);
        }
        if (dir != NULL)
                closedir(dir);
        free(path);
}

void local_files_load(struct local_state *local)
{
        if (!is_kept(local))
                return;
        local->loading = true;
        load_folder(local, SERVICES, "Service", &local_service_schema, load_service);
        load_folder(local, CHECKS, "Check", &definition_kept_check, load_check);
        local->loading = false;
}
