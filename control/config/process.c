#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/internal.h"

#define NS_PER_S INT64_C(1000000000)

static int set_string(char **out, const char *value)
{
        *out = strdup(value);
        return *out != NULL ? 0 : -ENOMEM;
}

static int set_log(struct build *build)
{
        struct config *config = build->config;
        const json_t *merged = build->merged;
        bool syslog = setting_bool(merged, "enable_syslog", false);
        int64_t bytes = setting_int(merged, "log_rotate_bytes", 0);
        int64_t files = setting_int(merged, "log_rotate_max_files", 0);
        int64_t age_ns = setting_duration_ns(merged, "log_rotate_duration", 24 * 3600 * NS_PER_S);
        int ret;

        config->log_rotate_bytes = bytes > 0 ? (uint64_t)bytes : 0;
        config->log_rotate_ns = age_ns > 0 ? (uint64_t)age_ns : 0;
        config->log_rotate_files = files < 0 ? -1 : files > 1000000 ? 1000000 : (int)files;
        ret = set_string(&config->log_file, setting_string(merged, "log_file", ""));
        if (ret < 0)
                return ret;
        return set_string(&config->syslog_facility,
                          syslog ? setting_string(merged, "syslog_facility", "LOCAL0") : "");
}

static bool read_number(const char *text, int base, uint32_t *out)
{
        char *end;
        unsigned long value = strtoul(text, &end, base);

        if (*text < '0' || *text > '9' || *end != '\0' || value >= CONFIG_UNIX_KEEP)
                return false;
        *out = (uint32_t)value;
        return true;
}

const char *unix_owner_resolve(const json_t *merged, struct unix_owner *out)
{
        const char *user = setting_string(merged, "unix_sockets.user", "");
        const char *group = setting_string(merged, "unix_sockets.group", "");
        const char *mode = setting_string(merged, "unix_sockets.mode", "");
        const struct passwd *found_user = NULL;
        const struct group *found_group = NULL;
        const char *fault = NULL;

        *out = (struct unix_owner){CONFIG_UNIX_KEEP, CONFIG_UNIX_KEEP, CONFIG_UNIX_KEEP};
        if (*user != '\0' && !read_number(user, 10, &out->user)) {
                found_user = getpwnam(user);
                if (found_user != NULL)
                        out->user = found_user->pw_uid;
                else
                        fault = "unix_sockets.user: there is no such user";
        }
        if (*group != '\0' && !read_number(group, 10, &out->group)) {
                found_group = getgrnam(group);
                if (found_group != NULL)
                        out->group = found_group->gr_gid;
                else
                        fault = "unix_sockets.group: there is no such group";
        }
        if (*mode != '\0' && (!read_number(mode, 8, &out->mode) || out->mode > 07777))
                fault = "unix_sockets.mode: invalid file mode; write it as \"0770\"";
        return fault;
}

// What cannot be resolved is told once the agent starts and has a socket to give away.
static int set_sockets(struct build *build)
{
        struct unix_owner owner;

        (void)unix_owner_resolve(build->merged, &owner);
        build->config->unix_user = owner.user;
        build->config->unix_group = owner.group;
        build->config->unix_mode = owner.mode;
        return 0;
}

static int set_ui(struct build *build)
{
        const json_t *merged = build->merged;
        bool enabled = setting_bool(merged, "ui_config.enabled",
                                    setting_bool(merged, "ui", build->config->dev_mode));
        const char *path = setting_string(merged, "ui_config.content_path",
                                          setting_string(merged, "ui_content_path", "ui"));
        size_t length;

        for (const char *c = path; *c != '\0'; c++) {
                if (!isalnum((unsigned char)*c) && strchr("-_/", *c) == NULL)
                        return lines_add(&build->errors,
                                         "ui-content-path can only contain alphanumeric, -, _, "
                                         "or /. received: \"%s\"",
                                         path);
        }
        path += strspn(path, "/");
        length = strlen(path);
        while (length > 0 && path[length - 1] == '/')
                length--;
        // The root is the redirect to this path and cannot be it.
        if (length == 0 && enabled)
                return lines_add(&build->errors, "ui-content-path must name a path other than /");
        if (!enabled)
                return set_string(&build->config->ui_path, "");
        if (asprintf(&build->config->ui_path, "/%.*s/", (int)length, path) < 0) {
                build->config->ui_path = NULL;
                return -ENOMEM;
        }
        return 0;
}

int build_process(struct build *build)
{
        int ret = set_log(build);

        if (ret == 0)
                ret = set_sockets(build);
        return ret < 0 ? ret : set_ui(build);
}
