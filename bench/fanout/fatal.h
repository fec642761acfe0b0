/* End the program with one line that says why. */
#ifndef FATAL_H
#define FATAL_H

#include <stdio.h>
#include <stdlib.h>

#define fatal(...) (fprintf(stderr, "bench: " __VA_ARGS__), fputc('\n', stderr), exit(2))

#endif
