#ifndef CONTROL_CHECKS_NAMED_URL_H
#define CONTROL_CHECKS_NAMED_URL_H

#include <curl/curl.h>

// A URL under the name its server's certificate has, and the way to where it really is.
struct named_url {
        char *url;
        struct curl_slist *connect_to; // for CURLOPT_CONNECT_TO; NULL when not needed
        char *host;                    // HOST:PORT of the URL as given; NULL when not needed
};

/**
 * Put a TLS server name into a URL.
 * @server_name  "" leaves the URL as it is, as does a URL that cannot be read.
 * returns  0 or -ENOMEM. @out is given back by named_url_fini() in any case.
 */
int named_url_init(struct named_url *out, const char *url, const char *server_name);
void named_url_fini(struct named_url *url);

#endif
