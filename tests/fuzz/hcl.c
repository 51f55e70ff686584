// HCL text of any kind, and that what it becomes can be written as JSON.
#include <stdint.h>
#include <stdlib.h>

#include "control/config/hcl/hcl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct hcl_error error;
        json_t *value = hcl_read((const char *)data, size, &error);
        char *text;

        if (value == NULL) {
                // A refusal says where and why.
                if (error.line == 0 || error.column == 0 || error.text[0] == '\0')
                        abort();
                return 0;
        }
        text = json_dumps(value, JSON_COMPACT);
        if (text == NULL)
                abort();
        free(text);
        json_decref(value);
        return 0;
}
