#include "control/api/api_internal.h"

// What every endpoint about tokens, and the profiles that need one, answer while ACLs are off,
// which an agent that would be asked to enforce them refuses to start without.
void api_acl_disabled(struct http_request *request, void *app)
{
        (void)app;
        http_reply_text(request, 401, "ACL support disabled");
}
