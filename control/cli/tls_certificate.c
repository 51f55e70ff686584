#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control/cli/tls.h"

// For machines whose clocks are a little behind.
#define BACKDATED_S 60
#define DAY_S       86400

static int address_bytes(const char *text, unsigned char out[static 16])
{
        if (inet_pton(AF_INET, text, out) == 1)
                return 4;
        return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

bool tls_is_address(const char *text)
{
        unsigned char bytes[16];

        return address_bytes(text, bytes) > 0;
}

static int add_names(gnutls_x509_crt_t crt, const struct tls_wanted *wanted)
{
        int ret = 0;

        for (size_t i = 0; ret >= 0 && i < wanted->dns_name_count; i++)
                ret = gnutls_x509_crt_set_subject_alt_name(
                    crt, GNUTLS_SAN_DNSNAME, wanted->dns_names[i],
                    (unsigned)strlen(wanted->dns_names[i]), GNUTLS_FSAN_APPEND);
        for (size_t i = 0; ret >= 0 && i < wanted->address_count; i++) {
                unsigned char bytes[16];
                int length = address_bytes(wanted->addresses[i], bytes);

                ret = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, bytes,
                                                           (unsigned)length, GNUTLS_FSAN_APPEND);
        }
        return ret;
}

static int constrain(gnutls_x509_crt_t crt, const struct tls_wanted *wanted)
{
        gnutls_x509_name_constraints_t constraints;
        int ret;

        if (wanted->permitted_count == 0)
                return 0;
        ret = gnutls_x509_name_constraints_init(&constraints);
        if (ret < 0)
                return ret;
        for (size_t i = 0; ret >= 0 && i < wanted->permitted_count; i++) {
                gnutls_datum_t name = {(unsigned char *)(uintptr_t)wanted->permitted[i],
                                       (unsigned)strlen(wanted->permitted[i])};

                ret = gnutls_x509_name_constraints_add_permitted(constraints, GNUTLS_SAN_DNSNAME,
                                                                 &name);
        }
        if (ret >= 0)
                ret = gnutls_x509_crt_set_name_constraints(crt, constraints, 1);
        gnutls_x509_name_constraints_deinit(constraints);
        return ret;
}

static int set_purposes(gnutls_x509_crt_t crt, const struct tls_wanted *wanted)
{
        int ret;

        if (wanted->authority) {
                ret = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN |
                                                             GNUTLS_KEY_CRL_SIGN |
                                                             GNUTLS_KEY_DIGITAL_SIGNATURE);
                return ret < 0 ? ret : constrain(crt, wanted);
        }
        ret = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE |
                                                     GNUTLS_KEY_KEY_ENCIPHERMENT);
        if (ret >= 0 && wanted->for_server)
                ret = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
        return ret < 0 ? ret
                       : gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0);
}

static int set_key_ids(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
        unsigned char id[64];
        size_t size = sizeof(id);
        int ret = gnutls_x509_crt_get_key_id(crt, 0, id, &size);

        if (ret >= 0)
                ret = gnutls_x509_crt_set_subject_key_id(crt, id, size);
        size = sizeof(id);
        if (ret >= 0)
                ret = gnutls_x509_crt_get_key_id(issuer, 0, id, &size);
        return ret < 0 ? ret : gnutls_x509_crt_set_authority_key_id(crt, id, size);
}

static int fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const struct tls_wanted *wanted)
{
        unsigned char serial[16];
        time_t now = time(NULL);
        int ret = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

        // A positive number of full length (RFC 5280, 4.1.2.2).
        serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40);
        if (ret >= 0)
                ret = gnutls_x509_crt_set_version(crt, 3);
        if (ret >= 0)
                ret = gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
        if (ret >= 0)
                ret = gnutls_x509_crt_set_key(crt, key);
        if (ret >= 0)
                ret = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
                                                    wanted->common_name,
                                                    (unsigned)strlen(wanted->common_name));
        if (ret >= 0)
                ret = gnutls_x509_crt_set_activation_time(crt, now - BACKDATED_S);
        if (ret >= 0)
                ret = gnutls_x509_crt_set_expiration_time(crt, now + wanted->days * DAY_S);
        if (ret >= 0)
                ret = gnutls_x509_crt_set_basic_constraints(crt, wanted->authority ? 1U : 0U, -1);
        if (ret >= 0)
                ret = set_purposes(crt, wanted);
        return ret < 0 ? ret : add_names(crt, wanted);
}

static int load_issuer(const struct tls_pair *issuer, gnutls_x509_crt_t crt,
                       gnutls_x509_privkey_t key, char *error, size_t error_size)
{
        int ret = gnutls_x509_crt_import(crt, &issuer->certificate, GNUTLS_X509_FMT_PEM);

        if (ret < 0) {
                snprintf(error, error_size, "error parsing CA: %s", gnutls_strerror(ret));
                return ret;
        }
        ret = gnutls_x509_privkey_import2(key, &issuer->key, GNUTLS_X509_FMT_PEM, NULL, 0);
        if (ret < 0)
                snprintf(error, error_size, "error parsing CA key: %s", gnutls_strerror(ret));
        return ret;
}

static int sign_and_export(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key,
                           gnutls_x509_crt_t issuer_crt, gnutls_x509_privkey_t issuer_key,
                           struct tls_pair *out)
{
        int ret = set_key_ids(crt, issuer_crt);

        if (ret >= 0)
                ret = gnutls_x509_crt_sign2(crt, issuer_crt, issuer_key, GNUTLS_DIG_SHA256, 0);
        if (ret >= 0)
                ret = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out->certificate);
        return ret < 0 ? ret : gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out->key);
}

int tls_make(const struct tls_wanted *wanted, const struct tls_pair *issuer, struct tls_pair *out,
             char *error, size_t error_size)
{
        gnutls_x509_crt_t crt = NULL, issuer_crt = NULL;
        gnutls_x509_privkey_t key = NULL, issuer_key = NULL;
        int ret = gnutls_x509_crt_init(&crt);

        *out = (struct tls_pair){0};
        error[0] = '\0';
        if (ret >= 0)
                ret = gnutls_x509_privkey_init(&key);
        if (ret >= 0)
                ret = gnutls_x509_privkey_generate(
                    key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
        if (ret >= 0)
                ret = fill(crt, key, wanted);
        if (ret >= 0 && issuer != NULL) {
                ret = gnutls_x509_crt_init(&issuer_crt);
                if (ret >= 0)
                        ret = gnutls_x509_privkey_init(&issuer_key);
                if (ret >= 0)
                        ret = load_issuer(issuer, issuer_crt, issuer_key, error, error_size);
        }
        if (ret >= 0)
                ret = sign_and_export(crt, key, issuer != NULL ? issuer_crt : crt,
                                      issuer != NULL ? issuer_key : key, out);
        if (ret < 0 && error[0] == '\0')
                snprintf(error, error_size, "%s", gnutls_strerror(ret));
        gnutls_x509_crt_deinit(crt);
        gnutls_x509_crt_deinit(issuer_crt);
        gnutls_x509_privkey_deinit(key);
        gnutls_x509_privkey_deinit(issuer_key);
        return ret < 0 ? -EINVAL : 0;
}
