#ifndef CONTROL_SNAPSHOT_SUMS_H
#define CONTROL_SNAPSHOT_SUMS_H

/** The SHA-256 sums of an archive's files, and the list of them (as sha256sum writes it). */

#include <gnutls/crypto.h>
#include <stddef.h>
#include <stdint.h>

#define SUM_LEN 32

enum sum_file { SUM_META, SUM_STATE, SUM_FILE_COUNT };

extern const char *const sum_file_names[SUM_FILE_COUNT];

struct sums {
        gnutls_hash_hd_t hash[SUM_FILE_COUNT];
        uint8_t sum[SUM_FILE_COUNT][SUM_LEN]; /* once finished */
};

/** returns 0 or -ENOMEM. */
int sums_init(struct sums *s);
void sums_add(struct sums *s, enum sum_file file, const void *bytes, size_t len);
/** No bytes are added any more; frees what sums_init took. */
void sums_finish(struct sums *s);

#define SUMS_LIST_MAX 256
/** The finished sums as a list. returns its length. */
size_t sums_write(const struct sums *s, char out[SUMS_LIST_MAX]);

/**
 * Compare the finished sums with a list.
 * @list    NUL-terminated; changed.
 * @error   on failure what is wrong.
 * returns  0 or -EBADMSG.
 */
int sums_verify(const struct sums *s, char *list, char *error, size_t error_size);

#endif
