#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/api/ui_page.h"

// Without a web interface the root says what listens here.
void api_root(struct http_request *request, void *app)
{
        const struct api *api = app;

        if (*api->agent->config->ui_path == '\0') {
                http_reply_text(request, 200, "Consul Agent");
                return;
        }
        http_reply_header(request, "Location", api->agent->config->ui_path);
        http_reply_empty(request, 301);
}

// Every path below the interface's is the one page, which reads the rest from the address bar.
void api_ui(struct http_request *request, void *app)
{
        char *copy = malloc(api_ui_page_size);

        (void)app;
        if (copy == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        memcpy(copy, api_ui_page, api_ui_page_size);
        http_reply_bytes(request, 200, "text/html; charset=utf-8", copy, api_ui_page_size);
}
