#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "control/cli/cli.h"
#include "control/text/base64.h"

#define KEY_BYTES 32

const struct flag_set keygen_flag_set = {
    "Usage: lictor keygen",
    "  Prints a new encryption key for gossip: 32 bytes by chance, in base64. Every agent of a\n"
    "  cluster needs the same one (encrypt in the configuration).\n"
    "\n"
    "      $ lictor keygen",
    NULL,
    0,
};

int command_keygen(int argc, char *const argv[])
{
        char text[(KEY_BYTES + 2) / 3 * 4 + 1] = "";
        uint8_t key[KEY_BYTES];
        int rest = 0;
        enum flags_outcome outcome = flags_parse(&keygen_flag_set, argc, argv, NULL, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (gnutls_rnd(GNUTLS_RND_KEY, key, sizeof(key)) < 0) {
                fputs("Error reading random data\n", stderr);
                return 1;
        }
        base64_encode(key, sizeof(key), text);
        printf("%s\n", text);
        return 0;
}
