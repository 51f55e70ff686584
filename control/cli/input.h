#ifndef LICTOR_CLI_INPUT_H
#define LICTOR_CLI_INPUT_H

#include <stddef.h>

/* What an argument stands for: itself, @FILE's content, or with - standard input. */
struct input {
        char *bytes; /* freed with free(), also after a failure */
        size_t length;
};

/** Read it. returns 0, or a negative errno, told on stderr. */
int input_read(const char *argument, struct input *out);

#endif
