// A configuration file's way from bytes to checked settings.
#include <stdlib.h>
#include <string.h>

#include "control/config/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct lines errors = {0}, later = {0};
        char *error = NULL;
        json_t *merged = json_object(), *settings = NULL, *raw;
        char *text = malloc(size + 1);

        memcpy(text, data, size);
        text[size] = '\0';
        json_text_blank_comments(text, size);
        raw = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        free(text);
        if (json_is_object(raw))
                settings = schema_apply(config_schema, raw, size % 2 == 1, &later, &error);
        free(error);
        if (settings != NULL) {
                schema_check_durations(config_schema, settings, &errors);
                settings_merge(merged, settings);
                // Merging what is already there must leave it well formed, too.
                settings_merge(merged, settings);
        }
        lines_fini(&errors);
        lines_fini(&later);
        json_decref(settings);
        json_decref(merged);
        json_decref(raw);
        return 0;
}
