#include "control/member/keyring_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/text/base64.h"

#define FILE_BYTES_MAX 4096u
#define KEY_TEXT_MAX   44u

int keyring_key_from_text(const char *text, size_t length, struct keyring_key *out)
{
        uint8_t bytes[KEY_TEXT_MAX];
        size_t bad_at;
        long count;

        if (length > KEY_TEXT_MAX)
                return -EINVAL;
        count = base64_decode(text, length, bytes, &bad_at);
        return count < 0 ? -EINVAL : keyring_key_make(bytes, (size_t)count, out);
}

int keyring_from_json(const char *text, size_t length, struct keyring *out, char *error,
                      size_t error_size)
{
        json_t *list = json_loadb(text, length, 0, NULL), *value;
        struct keyring_key key;
        int ret = -EINVAL;
        size_t i;

        *out = (struct keyring){0};
        snprintf(error, error_size, "it holds no list of keys");
        if (!json_is_array(list) || json_array_size(list) == 0)
                goto out;
        json_array_foreach(list, i, value)
        {
                snprintf(error, error_size, "key %zu is not the base64 text of 16, 24 or 32 bytes",
                         i + 1);
                if (!json_is_string(value) ||
                    keyring_key_from_text(json_string_value(value), json_string_length(value),
                                          &key) < 0)
                        goto out;
                snprintf(error, error_size, "it holds more than %u keys", KEYRING_KEY_MAX);
                if (keyring_install(out, &key) < 0)
                        goto out;
        }
        ret = 0;
out:
        json_decref(list);
        return ret;
}

int keyring_file_read(const char *path, struct keyring *out, char *error, size_t error_size)
{
        char text[FILE_BYTES_MAX], why[128];
        FILE *file = fopen(path, "re");
        size_t length;
        int ret;

        if (file == NULL) {
                ret = -errno;
                snprintf(error, error_size, "cannot read the keyring %s: %s", path, strerror(-ret));
                return ret;
        }
        length = fread(text, 1, sizeof(text), file);
        fclose(file);
        ret = keyring_from_json(text, length, out, why, sizeof(why));
        if (ret < 0)
                snprintf(error, error_size, "cannot use the keyring %s: %s", path, why);
        return ret;
}

static char *to_json(const struct keyring *ring)
{
        json_t *list = json_array();
        char text[KEY_TEXT_MAX + 1];
        char *out;

        for (unsigned i = 0; i < ring->key_count; i++) {
                size_t length = base64_text_len(ring->keys[i].length);

                base64_encode(ring->keys[i].bytes, ring->keys[i].length, text);
                json_array_append_new(list, json_stringn(text, length));
        }
        out = json_dumps(list, JSON_INDENT(2));
        json_decref(list);
        return out;
}

int keyring_file_write(const char *path, const struct keyring *ring)
{
        char aside[PATH_MAX], *text = to_json(ring);
        int ret = 0, file = -1;
        size_t length;

        if (text == NULL)
                return -ENOMEM;
        length = strlen(text);
        if ((size_t)snprintf(aside, sizeof(aside), "%s.new", path) >= sizeof(aside)) {
                free(text);
                return -ENAMETOOLONG;
        }
        file = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (file < 0 || write(file, text, length) != (ssize_t)length || fsync(file) < 0)
                ret = errno != 0 ? -errno : -EIO;
        if (file >= 0 && close(file) < 0 && ret == 0)
                ret = -errno;
        if (ret == 0 && rename(aside, path) < 0)
                ret = -errno;
        free(text);
        return ret;
}
