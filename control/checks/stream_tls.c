#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "control/checks/stream_internal.h"

static const char *server_name(const struct stream *stream)
{
        return stream->target.tls_server_name[0] != '\0' ? stream->target.tls_server_name
                                                         : stream->host;
}

static bool is_address(const char *name)
{
        uint8_t bytes[16];

        return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

int stream_tls_begin(struct stream *stream)
{
        const char *name = server_name(stream);

        if (gnutls_certificate_allocate_credentials(&stream->credentials) < 0)
                return -ENOMEM;
        // Without the system's certificates every peer is unknown, which the handshake says.
        if (!stream->target.tls_skip_verify)
                gnutls_certificate_set_x509_system_trust(stream->credentials);
        if (gnutls_init(&stream->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
                stream->session = NULL;
                return -ENOMEM;
        }
        if (gnutls_set_default_priority(stream->session) < 0 ||
            gnutls_credentials_set(stream->session, GNUTLS_CRD_CERTIFICATE, stream->credentials) <
                0)
                return -ENOMEM;
        if (!is_address(name) &&
            gnutls_server_name_set(stream->session, GNUTLS_NAME_DNS, name, strlen(name)) < 0)
                return -ENOMEM;
        if (!stream->target.tls_skip_verify)
                gnutls_session_set_verify_cert(stream->session, name, 0);
        if (stream->target.tls_protocol != NULL) {
                const char *protocol = stream->target.tls_protocol;
                const gnutls_datum_t offered = {(unsigned char *)(uintptr_t)protocol,
                                                (unsigned)strlen(protocol)};

                if (gnutls_alpn_set_protocols(stream->session, &offered, 1, 0) < 0)
                        return -ENOMEM;
        }
        gnutls_transport_set_int(stream->session, stream->fd);
        return 0;
}

static void note_error(struct stream *stream, int error)
{
        gnutls_datum_t text;
        unsigned status;

        if (error != GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
                snprintf(stream->error, sizeof(stream->error), "tls: %s", gnutls_strerror(error));
                return;
        }
        status = gnutls_session_get_verify_cert_status(stream->session);
        if (status & GNUTLS_CERT_SIGNER_NOT_FOUND) {
                snprintf(stream->error, sizeof(stream->error),
                         "x509: certificate signed by unknown authority");
        } else if (status & GNUTLS_CERT_UNEXPECTED_OWNER) {
                snprintf(stream->error, sizeof(stream->error),
                         "x509: certificate is not valid for %.200s", server_name(stream));
        } else if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text,
                                                                0) == 0) {
                snprintf(stream->error, sizeof(stream->error), "x509: %.*s", (int)text.size,
                         (const char *)text.data);
                gnutls_free(text.data);
        } else {
                snprintf(stream->error, sizeof(stream->error), "x509: %s", gnutls_strerror(error));
        }
}

int stream_tls_shake(struct stream *stream, int *events)
{
        int ret;

        do {
                ret = gnutls_handshake(stream->session);
        } while (ret < 0 && ret != GNUTLS_E_AGAIN && gnutls_error_is_fatal(ret) == 0);
        if (ret == 0)
                return 1;
        if (ret == GNUTLS_E_AGAIN) {
                *events = gnutls_record_get_direction(stream->session) ? UV_WRITABLE : UV_READABLE;
                return 0;
        }
        note_error(stream, ret);
        return -EPROTO;
}

void stream_tls_end(struct stream *stream)
{
        if (stream->session != NULL)
                gnutls_deinit(stream->session);
        if (stream->credentials != NULL)
                gnutls_certificate_free_credentials(stream->credentials);
        stream->session = NULL;
        stream->credentials = NULL;
}
