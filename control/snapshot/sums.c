#include "control/snapshot/sums.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *const sum_file_names[SUM_FILE_COUNT] = {"meta.json", "state.bin"};

int sums_init(struct sums *s)
{
        memset(s, 0, sizeof(*s));
        for (int i = 0; i < SUM_FILE_COUNT; i++) {
                if (gnutls_hash_init(&s->hash[i], GNUTLS_DIG_SHA256) < 0) {
                        sums_finish(s);
                        return -ENOMEM;
                }
        }
        return 0;
}

void sums_add(struct sums *s, enum sum_file file, const void *bytes, size_t len)
{
        if (len > 0)
                gnutls_hash(s->hash[file], bytes, len);
}

void sums_finish(struct sums *s)
{
        for (int i = 0; i < SUM_FILE_COUNT; i++) {
                if (s->hash[i] != NULL)
                        gnutls_hash_deinit(s->hash[i], s->sum[i]);
                s->hash[i] = NULL;
        }
}

static void to_hex(const uint8_t sum[SUM_LEN], char out[2 * SUM_LEN + 1])
{
        for (int i = 0; i < SUM_LEN; i++)
                snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

size_t sums_write(const struct sums *s, char out[SUMS_LIST_MAX])
{
        char hex[2 * SUM_LEN + 1];
        size_t len = 0;

        for (int i = 0; i < SUM_FILE_COUNT; i++) {
                to_hex(s->sum[i], hex);
                len += (size_t)snprintf(out + len, SUMS_LIST_MAX - len, "%s  %s\n", hex,
                                        sum_file_names[i]);
        }
        return len;
}

static int verify_line(const struct sums *s, const char *line, bool seen[SUM_FILE_COUNT],
                       char *error, size_t error_size)
{
        char hex[2 * SUM_LEN + 1], want[2 * SUM_LEN + 1], name[64];

        if (sscanf(line, "%64[0-9a-f]  %63s", hex, name) != 2 || strlen(hex) != 2 * SUM_LEN) {
                snprintf(error, error_size, "unexpected newline");
                return -EBADMSG;
        }
        for (int i = 0; i < SUM_FILE_COUNT; i++) {
                if (strcmp(name, sum_file_names[i]) != 0)
                        continue;
                to_hex(s->sum[i], want);
                seen[i] = true;
                if (strcmp(hex, want) == 0)
                        return 0;
                snprintf(error, error_size, "hash check failed for \"%s\"", name);
                return -EBADMSG;
        }
        snprintf(error, error_size, "list missing hash for \"%s\"", name);
        return -EBADMSG;
}

int sums_verify(const struct sums *s, char *list, char *error, size_t error_size)
{
        bool seen[SUM_FILE_COUNT] = {false};
        char *rest = NULL;

        for (char *line = strtok_r(list, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
                if (verify_line(s, line, seen, error, error_size) < 0)
                        return -EBADMSG;
        }
        for (int i = 0; i < SUM_FILE_COUNT; i++) {
                if (!seen[i]) {
                        snprintf(error, error_size, "file missing for \"%s\"", sum_file_names[i]);
                        return -EBADMSG;
                }
        }
        return 0;
}
