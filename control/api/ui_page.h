#ifndef CONTROL_API_UI_PAGE_H
#define CONTROL_API_UI_PAGE_H

#include <stddef.h>

/* ui/index.html, made a C array by the build; no NUL behind it. */
extern const char api_ui_page[];
extern const size_t api_ui_page_size;

#endif
