#define _GNU_SOURCE
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fatal.h"

static char **lines;
static int line_count;

/* Replace \xNN and its like by the bytes, in place; returns the size. */
static size_t unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        if (*at != '\\') {
            *to++ = *at;
            continue;
        }
        unsigned byte;
        at++;
        if (*at == 'x' && sscanf(at + 1, "%2x", &byte) == 1) {
            *to++ = (char)byte;
            at += 2;
        } else if (*at == 'r' || *at == 'n')
            *to++ = *at == 'r' ? '\r' : '\n';
        else if (*at == '\\')
            *to++ = '\\';
        else { /* JSON's own: \" stays as it is */
            *to++ = '\\';
            *to++ = *at;
        }
    }
    return (size_t)(to - text);
}

static FILE *open_text(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        fatal("can't read %s", path);
    return file;
}

static char *next_line(FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size = getline(&line, &room, file);
    if (size < 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\n")] = 0;
    return line;
}

void script_read(Script *script, const char *path)
{
    static const struct {
        const char *word;
        StepKind kind;
    } words[] = {{"text ", SEND_TEXT}, {"binary ", SEND_BINARY}, {"wait ", WAIT}};
    FILE *file = open_text(path);
    for (char *line; (line = next_line(file));) {
        if (!*line)
            continue;
        const char *rest = NULL;
        if (script->count == STEPS_MAX)
            fatal("%s has more than %d steps", path, STEPS_MAX);
        Step *step = &script->steps[script->count++];
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strncmp(line, words[i].word, strlen(words[i].word)) == 0) {
                step->kind = words[i].kind;
                rest = line + strlen(words[i].word);
            }
        if (!rest)
            fatal("%s: a line begins with text, binary or wait, not: %s", path, line);
        step->text = strdup(rest);
        char *either = step->kind == WAIT ? strstr(step->text, " || ") : NULL;
        if (either) {
            *either = 0;
            step->other = either + 4;
            step->other_size = unescape(step->other);
        }
        step->size = unescape(step->text);
        free(line);
    }
    fclose(file);
}

void lines_read(const char *path)
{
    FILE *file = open_text(path);
    for (char *line; (line = next_line(file));) {
        lines = realloc(lines, sizeof *lines * (size_t)(line_count + 1));
        lines[line_count++] = line;
    }
    fclose(file);
}

/* Write what the placeholder at `at` stands for; returns its own length, or 0 when it is none. */
static size_t placeholder(const char *at, size_t left, int connection, const char *cursor, char *to, size_t *written)
{
    const char *close = memchr(at, '}', left);
    if (!close)
        return 0;
    char text[24];
    size_t size = (size_t)(close - at) + 1;
    if (size >= sizeof text)
        return 0;
    memcpy(text, at, size);
    text[size] = 0;
    if (strcmp(text, "{line}") == 0) {
        if (connection >= line_count)
            fatal("--lines gives %d lines, connection %d has none", line_count, connection);
        *written = strlen(lines[connection]);
        memcpy(to, lines[connection], *written);
        return size;
    }
    if (strcmp(text, "{cursor}") == 0) {
        *written = strlen(cursor);
        memcpy(to, cursor, *written);
        return size;
    }
    if (text[1] != 'i')
        return 0;
    char *rest = text + 2;
    int value = connection, width = 0;
    if (*rest == '%' || *rest == '/') {
        char operation = *rest;
        int by = (int)strtol(rest + 1, &rest, 10);
        if (by < 1)
            return 0;
        value = operation == '%' ? connection % by : connection / by;
    }
    if (*rest == ':')
        width = (int)strtol(rest + 1, &rest, 10);
    if (*rest != '}')
        return 0;
    *written = (size_t)sprintf(to, "%0*d", width, value);
    return size;
}

size_t fill_in(const char *template, size_t size, int connection, const char *cursor, char *to)
{
    size_t used = 0;
    for (size_t at = 0; at < size && used < TEXT_MAX - 4096;) {
        size_t written = 0, taken = 0;
        if (template[at] == '{')
            taken = placeholder(template + at, size - at, connection, cursor, to + used, &written);
        if (taken) {
            at += taken;
            used += written;
        } else
            to[used++] = template[at++];
    }
    return used;
}
