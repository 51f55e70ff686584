#include <nghttp2/nghttp2.h>

#include "control/late/late.h"

static struct late_library lib = {LATE_NGHTTP2, "libnghttp2-14", NULL, false};

#define SET(name, type)                                                                            \
        LATE_VOID(lib, nghttp2_session_callbacks_set_##name##_callback,                            \
                  (nghttp2_session_callbacks * callbacks, type fn), (callbacks, fn))

LATE(lib, int, nghttp2_session_callbacks_new, (nghttp2_session_callbacks * *out), (out),
     NGHTTP2_ERR_NOMEM)
LATE_VOID(lib, nghttp2_session_callbacks_del, (nghttp2_session_callbacks * callbacks), (callbacks))
SET(on_begin_headers, nghttp2_on_begin_headers_callback)
SET(on_header, nghttp2_on_header_callback)
SET(on_frame_recv, nghttp2_on_frame_recv_callback)
SET(on_data_chunk_recv, nghttp2_on_data_chunk_recv_callback)
SET(on_stream_close, nghttp2_on_stream_close_callback)

LATE(lib, int, nghttp2_option_new, (nghttp2_option * *out), (out), NGHTTP2_ERR_NOMEM)
LATE_VOID(lib, nghttp2_option_del, (nghttp2_option * option), (option))
LATE_VOID(lib, nghttp2_option_set_no_closed_streams, (nghttp2_option * option, int value),
          (option, value))

LATE(lib, int, nghttp2_session_server_new2,
     (nghttp2_session * *out, const nghttp2_session_callbacks *callbacks, void *arg,
      const nghttp2_option *option),
     (out, callbacks, arg, option), NGHTTP2_ERR_NOMEM)
LATE_VOID(lib, nghttp2_session_del, (nghttp2_session * session), (session))
LATE(lib, ssize_t, nghttp2_session_mem_recv,
     (nghttp2_session * session, const uint8_t *bytes, size_t len), (session, bytes, len),
     NGHTTP2_ERR_NOMEM)
LATE(lib, ssize_t, nghttp2_session_mem_send, (nghttp2_session * session, const uint8_t **bytes),
     (session, bytes), NGHTTP2_ERR_NOMEM)
LATE(lib, int, nghttp2_session_want_read, (nghttp2_session * session), (session), 0)
LATE(lib, int, nghttp2_session_want_write, (nghttp2_session * session), (session), 0)
LATE(lib, int, nghttp2_session_terminate_session, (nghttp2_session * session, uint32_t code),
     (session, code), NGHTTP2_ERR_NOMEM)
LATE(lib, int, nghttp2_session_resume_data, (nghttp2_session * session, int32_t stream),
     (session, stream), NGHTTP2_ERR_NOMEM)
LATE(lib, void *, nghttp2_session_get_stream_user_data, (nghttp2_session * session, int32_t stream),
     (session, stream), NULL)
LATE(lib, int, nghttp2_session_set_stream_user_data,
     (nghttp2_session * session, int32_t stream, void *data), (session, stream, data),
     NGHTTP2_ERR_NOMEM)

LATE(lib, int, nghttp2_submit_settings,
     (nghttp2_session * session, uint8_t flags, const nghttp2_settings_entry *entries,
      size_t count),
     (session, flags, entries, count), NGHTTP2_ERR_NOMEM)
LATE(lib, int, nghttp2_submit_response,
     (nghttp2_session * session, int32_t stream, const nghttp2_nv *headers, size_t count,
      const nghttp2_data_provider *provider),
     (session, stream, headers, count, provider), NGHTTP2_ERR_NOMEM)
LATE(lib, int, nghttp2_submit_trailer,
     (nghttp2_session * session, int32_t stream, const nghttp2_nv *headers, size_t count),
     (session, stream, headers, count), NGHTTP2_ERR_NOMEM)
LATE(lib, int, nghttp2_submit_rst_stream,
     (nghttp2_session * session, uint8_t flags, int32_t stream, uint32_t code),
     (session, flags, stream, code), NGHTTP2_ERR_NOMEM)
