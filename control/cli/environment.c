#include "control/cli/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lictor/bytes.h"

const char *environment_get(const char *name)
{
        static const char *const prefixes[] = {"LICTOR_", "CONSUL_"};
        char full[64];

        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
                const char *value;

                snprintf(full, sizeof(full), "%s%s", prefixes[i], name);
                value = getenv(full);
                if (value != NULL && *value != '\0')
                        return value;
        }
        return NULL;
}

bool environment_flag(const char *name, bool fallback)
{
        const char *value = environment_get(name);

        if (value == NULL)
                return fallback;
        if (strcmp(value, "1") == 0 || strcasecmp(value, "t") == 0 ||
            strcasecmp(value, "true") == 0)
                return true;
        if (strcmp(value, "0") == 0 || strcasecmp(value, "f") == 0 ||
            strcasecmp(value, "false") == 0)
                return false;
        return fallback;
}
