#include "frames.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "fatal.h"

size_t frame_take(const unsigned char *data, size_t size, Frame *frame)
{
    if (size < 2)
        return 0;
    size_t head = 2, length = data[1] & 0x7f;
    if (data[1] & 0x80)
        fatal("the server masks its frames");
    if (length >= 126) {
        size_t bytes = length == 126 ? 2 : 8;
        if (size < 2 + bytes)
            return 0;
        length = 0;
        for (size_t i = 0; i < bytes; i++)
            length = length << 8 | data[2 + i];
        head += bytes;
    }
    if (size - head < length)
        return 0;
    *frame = (Frame){.opcode = data[0] & 0x0f, .last = data[0] & 0x80, .payload = data + head, .size = length};
    return head + length;
}

size_t frame_head(unsigned char *to, int opcode, size_t payload, bool masked)
{
    size_t size = 2;
    to[0] = (unsigned char)(0x80 | opcode);
    if (payload < 126)
        to[1] = (unsigned char)payload;
    else {
        size_t bytes = payload < 65536 ? 2 : 8;
        to[1] = bytes == 2 ? 126 : 127;
        for (size_t i = 0; i < bytes; i++)
            to[2 + i] = (unsigned char)((uint64_t)payload >> 8 * (bytes - 1 - i));
        size += bytes;
    }
    if (masked) {
        to[1] |= 0x80;
        memset(to + size, 0, 4);
        size += 4;
    }
    return size;
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void raise_file_limit(unsigned long wanted)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct rlimit more = {wanted, wanted};
    if (limit.rlim_max < wanted && setrlimit(RLIMIT_NOFILE, &more) != 0)
        fatal("%lu open files are needed, %lu allowed: raise the limit (ulimit -n)", wanted,
              (unsigned long)limit.rlim_max);
}
