/* WebSocket frames (RFC 6455, section 5.2), and what both sides need of sockets. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

typedef struct {
    int opcode;
    bool last; /* false: the message goes on in a continuation frame, opcode 0 */
    const unsigned char *payload;
    size_t size;
} Frame;

#define FRAME_HEAD_MAX 14

/* Take an unmasked frame from [data, data + size): its whole length, or 0 while it is incomplete. */
size_t frame_take(const unsigned char *data, size_t size, Frame *frame);

/* Write a frame's head; with `masked` the mask is zeros, so that the payload follows as it is. Returns its size. */
size_t frame_head(unsigned char *to, int opcode, size_t payload, bool masked);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_ns(void);

/* Allow as many open files as the system lets us; end the program when fewer than `wanted` can be had. */
void raise_file_limit(unsigned long wanted);

#endif
