// Address templates of any kind over a small host.
#include <stdlib.h>
#include <string.h>

#include "control/config/sockaddr/sockaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct sockaddr_entry host[] = {
            {"lo", {127, 0, 0, 1}, 4, 8, SOCKADDR_UP | SOCKADDR_LOOPBACK, false},
            {"eth0", {192, 168, 0, 9}, 4, 16, SOCKADDR_UP, true},
            {"eth0", {0x20, 0x01, [15] = 9}, 16, 64, SOCKADDR_UP, true},
        };
        char *text = malloc(size + 1), error[128] = "", *out;

        memcpy(text, data, size);
        text[size] = '\0';
        out = sockaddr_template_expand(text, host, 3, error, sizeof(error));
        // A refusal says why.
        if (out == NULL && error[0] == '\0')
                abort();
        free(out);
        free(text);
        return 0;
}
