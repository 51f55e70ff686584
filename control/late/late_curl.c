/* The checks of arguments' types are macros in the way of a definition. */
#define CURL_DISABLE_TYPECHECK

#include <curl/curl.h>
#include <stdarg.h>

#include "control/late/late.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

static struct late_library lib = {LATE_CURL, "libcurl3-gnutls", NULL, false};

LATE(lib, CURLcode, curl_global_init, (long flags), (flags), CURLE_FAILED_INIT)
LATE_VOID(lib, curl_global_cleanup, (void), ())
LATE_VOID(lib, curl_free, (void *memory), (memory))

LATE(lib, CURL *, curl_easy_init, (void), (), NULL)
LATE_VOID(lib, curl_easy_cleanup, (CURL * easy), (easy))
LATE_VOID(lib, curl_easy_reset, (CURL * easy), (easy))
LATE(lib, CURLcode, curl_easy_perform, (CURL * easy), (easy), CURLE_FAILED_INIT)
LATE(lib, char *, curl_easy_escape, (CURL * easy, const char *text, int len), (easy, text, len),
     NULL)
LATE(lib, const char *, curl_easy_strerror, (CURLcode code), (code), "the library is not installed")

LATE(lib, CURLM *, curl_multi_init, (void), (), NULL)
LATE(lib, CURLMcode, curl_multi_cleanup, (CURLM * multi), (multi), CURLM_INTERNAL_ERROR)
LATE(lib, CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL *easy), (multi, easy),
     CURLM_INTERNAL_ERROR)
LATE(lib, CURLMcode, curl_multi_remove_handle, (CURLM * multi, CURL *easy), (multi, easy),
     CURLM_INTERNAL_ERROR)
LATE(lib, CURLMcode, curl_multi_assign, (CURLM * multi, curl_socket_t socket, void *data),
     (multi, socket, data), CURLM_INTERNAL_ERROR)
LATE(lib, CURLMcode, curl_multi_perform, (CURLM * multi, int *running), (multi, running),
     CURLM_INTERNAL_ERROR)
LATE(lib, CURLMcode, curl_multi_poll,
     (CURLM * multi, struct curl_waitfd fds[], unsigned count, int timeout_ms, int *ready),
     (multi, fds, count, timeout_ms, ready), CURLM_INTERNAL_ERROR)
LATE(lib, CURLMcode, curl_multi_socket_action,
     (CURLM * multi, curl_socket_t socket, int events, int *running),
     (multi, socket, events, running), CURLM_INTERNAL_ERROR)
LATE(lib, CURLMsg *, curl_multi_info_read, (CURLM * multi, int *left), (multi, left), NULL)

LATE(lib, struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text),
     (list, text), NULL)
LATE_VOID(lib, curl_slist_free_all, (struct curl_slist * list), (list))

LATE(lib, CURLU *, curl_url, (void), (), NULL)
LATE_VOID(lib, curl_url_cleanup, (CURLU * url), (url))
LATE(lib, CURLUcode, curl_url_get, (CURLU * url, CURLUPart what, char **part, unsigned flags),
     (url, what, part, flags), CURLUE_OUT_OF_MEMORY)
LATE(lib, CURLUcode, curl_url_set, (CURLU * url, CURLUPart what, const char *part, unsigned flags),
     (url, what, part, flags), CURLUE_OUT_OF_MEMORY)

static void *find_variadic(void **found, const char *name)
{
        void *address = __atomic_load_n(found, __ATOMIC_ACQUIRE);

        if (address == NULL) {
                address = late_find(&lib, name);
                __atomic_store_n(found, address, __ATOMIC_RELEASE);
        }
        return address;
}

// An option's number tells the type of its value: tens of thousands are a class each.
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
        static void *found;
        CURLcode (*set)(CURL *, CURLoption, ...) =
            (CURLcode(*)(CURL *, CURLoption, ...))find_variadic(&found, "curl_easy_setopt");
        CURLcode ret = CURLE_FAILED_INIT;
        va_list value;

        va_start(value, option);
        if (set != NULL && (int)option < CURLOPTTYPE_OBJECTPOINT)
                ret = set(easy, option, va_arg(value, long));
        else if (set != NULL && (int)option >= CURLOPTTYPE_OFF_T && (int)option < CURLOPTTYPE_BLOB)
                ret = set(easy, option, va_arg(value, curl_off_t));
        else if (set != NULL)
                ret = set(easy, option, va_arg(value, void *));
        va_end(value);
        return ret;
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
        static void *found;
        CURLMcode (*set)(CURLM *, CURLMoption, ...) =
            (CURLMcode(*)(CURLM *, CURLMoption, ...))find_variadic(&found, "curl_multi_setopt");
        CURLMcode ret = CURLM_INTERNAL_ERROR;
        va_list value;

        va_start(value, option);
        if (set != NULL && (int)option < CURLOPTTYPE_OBJECTPOINT)
                ret = set(multi, option, va_arg(value, long));
        else if (set != NULL && (int)option >= CURLOPTTYPE_OFF_T)
                ret = set(multi, option, va_arg(value, curl_off_t));
        else if (set != NULL)
                ret = set(multi, option, va_arg(value, void *));
        va_end(value);
        return ret;
}

// Whatever is asked for, its place is a pointer.
CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
        static void *found;
        CURLcode (*get)(CURL *, CURLINFO, ...) =
            (CURLcode(*)(CURL *, CURLINFO, ...))find_variadic(&found, "curl_easy_getinfo");
        CURLcode ret = CURLE_FAILED_INIT;
        va_list to;

        va_start(to, info);
        if (get != NULL)
                ret = get(easy, info, va_arg(to, void *));
        va_end(to);
        return ret;
}
