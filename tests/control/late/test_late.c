#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <curl/curl.h>
#include <string.h>

#include "control/late/late.h"

Test(late, a_function_of_a_library_is_found)
{
        struct late_library library = {"libm.so.6", "libc6", NULL, false};
        void *found = late_find(&library, "cos");

        cr_assert_not_null(found);
        cr_expect_eq(late_find(&library, "cos"), found);
}

Test(late, a_missing_library_or_function_is_told_and_gives_nothing, .init = cr_redirect_stderr)
{
        struct late_library none = {"libnone-such.so.1", "none-such", NULL, false};
        struct late_library known = {"libm.so.6", "libc6", NULL, false};
        char told[1024] = "";
        FILE *file;

        cr_expect_null(late_find(&none, "anything"));
        cr_expect_null(late_find(&known, "no_such_function"));
        file = cr_get_redirected_stderr();
        cr_assert_gt(fread(told, 1, sizeof(told) - 1, file), 0);
        cr_expect_not_null(strstr(told, "cannot load libnone-such.so.1; install none-such"));
        cr_expect_not_null(strstr(told, "no_such_function"));
}

Test(late, what_is_missing_is_told_once, .init = cr_redirect_stderr)
{
        struct late_library none = {"libnone-such.so.1", "none-such", NULL, false};
        char told[1024] = "";
        const char *line;
        FILE *file;

        for (int i = 0; i < 3; i++)
                cr_expect_null(late_find(&none, "anything"));
        file = cr_get_redirected_stderr();
        cr_assert_gt(fread(told, 1, sizeof(told) - 1, file), 0);
        line = strstr(told, "lictor: cannot load");
        cr_assert_not_null(line);
        cr_expect_null(strstr(line + 1, "lictor: cannot load"));
}

Test(late, values_of_every_type_reach_libcurl)
{
        CURL *easy = curl_easy_init();
        char *private = NULL;
        curl_off_t size = -1;
        long code = -1;
        int mark;

        cr_assert_not_null(easy);
        cr_expect_eq(curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 5L), CURLE_OK);
        cr_expect_eq(curl_easy_setopt(easy, CURLOPT_URL, "file:///none/such"), CURLE_OK);
        cr_expect_eq(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-2),
                     CURLE_BAD_FUNCTION_ARGUMENT);
        cr_expect_eq(curl_easy_setopt(easy, CURLOPT_PRIVATE, &mark), CURLE_OK);
        cr_expect_eq(curl_easy_perform(easy), CURLE_FILE_COULDNT_READ_FILE);
        cr_expect_eq(curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private), CURLE_OK);
        cr_expect_eq(private, (char *)&mark);
        cr_expect_eq(curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code), CURLE_OK);
        cr_expect_eq(code, 0);
        cr_expect_eq(curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &size), CURLE_OK);
        cr_expect_eq(size, 0);
        curl_easy_cleanup(easy);
}
