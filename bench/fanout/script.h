/* What each connection says and waits for before it counts: a few lines of text.
 *
 *     text {"type":"subscribe","id":1,"topic":"tick/{i%100}"}
 *     binary \x10\x16\x00\x04MQTT\x04\x02\x00\x00\x00\x0aload{i:06}
 *     wait "last":true
 *
 * `wait` ends with the first data frame that contains the bytes; `wait A || B` with the first that contains either.
 * In every line, and in paths and headers, these stand for something else on each connection:
 *
 *     {i}        the connection's number, from 0         {i%M}  its remainder by M       {i/M}  its quotient
 *     {i:06}     with zeros to at least six digits       {line} its line of the file given with --lines
 *     {cursor}   ,"cursor":{"epoch":"…","position":…} of what it had when it was last connected; nothing at first
 *
 * and \xNN, \r, \n, \\ for bytes.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stddef.h>

#define STEPS_MAX 32
#define TEXT_MAX 16384

typedef enum { SEND_TEXT, SEND_BINARY, WAIT } StepKind;

typedef struct {
    StepKind kind;
    char *text;
    size_t size;
    char *other; /* what a WAIT may end with instead, or NULL */
    size_t other_size;
} Step;

typedef struct {
    Step steps[STEPS_MAX];
    int count;
} Script;

/* Read a script; end the program with a line of explanation when it can't be read. */
void script_read(Script *script, const char *path);

/* Read the lines that {line} stands for. */
void lines_read(const char *path);

/* Fill in a template for a connection with its cursor; returns the size, at most TEXT_MAX. `to` need not end in 0. */
size_t fill_in(const char *template, size_t size, int connection, const char *cursor, char *to);

#endif
