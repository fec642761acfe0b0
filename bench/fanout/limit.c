/* The limit: how cheap a broadcast to many WebSockets can be on this machine, with plain system calls in C.
 *
 *     limit PORT each|coalescing
 *
 * A connection whose first line is `PUBLISH` sends messages, a line each; every other one is upgraded to a
 * WebSocket and gets them all. `each`: one write for each frame and socket. `coalescing`: what was read at once
 * leaves in one write for each socket. It knows no topics, no users, no past: nothing but the fan-out. What a
 * socket does not take is kept and sent later, so nothing is lost. It answers every upgrade with the accept key
 * of the one that `load` sends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fatal.h"
#include "frames.h"

#define SOCKETS_MAX 65536
#define READ_SIZE 65536
#define EVENTS 512
#define FRAMES_SIZE (READ_SIZE * 3) /* a line of one byte, two with its end, becomes a frame of three */

#define UPGRADE                                                                                                        \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

typedef enum { NEW, SUBSCRIBER, PUBLISHER } Kind;

typedef struct {
    int fd;
    Kind kind;
    char *in; /* of a new one the request so far, of a publisher the line so far */
    size_t in_size;
    unsigned char *out; /* what the socket did not take */
    size_t out_size;
} Client;

static int epoll;
static bool coalescing;
static Client clients[SOCKETS_MAX]; /* by file descriptor */
static int subscribers[SOCKETS_MAX], subscriber_count;

static void watch(int fd, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(epoll, operation, fd, &event);
}

static void drop(Client *client)
{
    for (int i = 0; i < subscriber_count; i++)
        if (subscribers[i] == client->fd)
            subscribers[i] = subscribers[--subscriber_count];
    close(client->fd);
    free(client->in);
    free(client->out);
    memset(client, 0, sizeof *client);
}

static void keep(Client *client, const unsigned char *data, size_t size)
{
    client->out = realloc(client->out, client->out_size + size);
    memcpy(client->out + client->out_size, data, size);
    if (!client->out_size)
        watch(client->fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    client->out_size += size;
}

static void send_bytes(Client *client, const unsigned char *data, size_t size)
{
    ssize_t taken = client->out_size ? 0 : send(client->fd, data, size, MSG_NOSIGNAL);
    if (taken < 0)
        taken = 0; /* full, or gone: then the next read tells */
    if ((size_t)taken < size)
        keep(client, data + taken, size - (size_t)taken);
}

static void drain(Client *client)
{
    ssize_t taken = send(client->fd, client->out, client->out_size, MSG_NOSIGNAL);
    if (taken <= 0)
        return;
    client->out_size -= (size_t)taken;
    memmove(client->out, client->out + taken, client->out_size);
    if (!client->out_size)
        watch(client->fd, EPOLLIN, EPOLL_CTL_MOD);
}

static void send_all(const unsigned char *data, size_t size)
{
    for (int i = 0; i < subscriber_count; i++)
        send_bytes(&clients[subscribers[i]], data, size);
}

/* Make frames of the publisher's lines and send them; keep the beginning of the next line. */
static void publish(Client *publisher, const char *data, size_t size)
{
    static unsigned char frames[FRAMES_SIZE];
    size_t used = 0;
    const char *end;
    for (const char *line = data; (end = memchr(line, '\n', size)); line = end + 1) {
        size_t length = (size_t)(end - line);
        size -= length + 1;
        used += frame_head(frames + used, TEXT, length, false);
        memcpy(frames + used, line, length);
        used += length;
        if (!coalescing) {
            send_all(frames, used);
            used = 0;
        }
        data = end + 1;
    }
    if (used)
        send_all(frames, used);
    memmove(publisher->in, data, size);
    publisher->in_size = size;
}

static void begin(Client *client)
{
    char *end = memmem(client->in, client->in_size, "\r\n\r\n", 4);
    if (client->in_size >= 8 && memcmp(client->in, "PUBLISH\n", 8) == 0) {
        client->kind = PUBLISHER;
        publish(client, client->in + 8, client->in_size - 8);
    } else if (end) {
        client->kind = SUBSCRIBER;
        subscribers[subscriber_count++] = client->fd;
        free(client->in);
        client->in = NULL;
        send_bytes(client, (const unsigned char *)UPGRADE, strlen(UPGRADE));
    }
}

static void readable(Client *client)
{
    static char unread[READ_SIZE];
    bool subscriber = client->kind == SUBSCRIBER; /* what it says is of no interest but that it is there */
    char *to = subscriber ? unread : client->in + client->in_size;
    ssize_t size = recv(client->fd, to, READ_SIZE - (subscriber ? 0 : client->in_size), 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        drop(client);
        return;
    }
    if (subscriber)
        return;
    client->in_size += (size_t)size;
    if (client->kind == NEW)
        begin(client);
    else
        publish(client, client->in, client->in_size);
}

static void take(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
    if (fd < 0)
        return;
    if (fd >= SOCKETS_MAX)
        fatal("more than %d sockets", SOCKETS_MAX);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    clients[fd] = (Client){.fd = fd, .in = malloc(READ_SIZE)};
    watch(fd, EPOLLIN, EPOLL_CTL_ADD);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0)
        fatal("can't listen on port %d: %s", port, strerror(errno));
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 3 || (strcmp(argv[2], "each") != 0 && strcmp(argv[2], "coalescing") != 0))
        fatal("limit PORT each|coalescing");
    coalescing = strcmp(argv[2], "coalescing") == 0;
    raise_file_limit(4096);
    int listener = listen_on(atoi(argv[1]));
    epoll = epoll_create1(0);
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
    printf("limit on %s\n", argv[1]);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            Client *client = &clients[events[i].data.fd];
            if (events[i].data.fd == listener) {
                take(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT)
                drain(client);
            if (client->fd && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
                readable(client);
        }
    }
}
