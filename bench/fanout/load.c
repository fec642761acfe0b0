/* Very many WebSocket subscribers in one thread, cheap enough not to be what is measured.
 *
 *     load --port P --connections N [--host 127.0.0.1] [--path /ws/] [--subprotocol NAME] [--header "Name: value"]…
 *          [--script FILE] [--lines FILE] [--at-once 200] [--patience 30] [--start seen|snapshot|NUMBER] [--stream]
 *          [--reply "2=3"] [--count TEXT]… [--record FILE]
 *
 * Each connection sends what the script says (script.h) and then counts deliveries: every `"n":<number>` in its text
 * frames is one, numbers of one connection must be contiguous (tally.h). `--start` says before which number they
 * begin: 0 at the start of a log, `snapshot` for the highest number that came while the script ran, `seen` for
 * whatever comes first. `--stream` looks for numbers in binary frames too, and across the bounds of frames.
 * One whose script has not ended after `--patience` seconds has failed, as has one that is refused.
 * `--reply` answers a text frame that is exactly the left side by the right side; pings are answered always.
 * `--record` writes each delivery as three 64-bit integers: connection, number, CLOCK_MONOTONIC nanoseconds.
 * `--count` counts frames that contain a text. The handshake's accept key and UTF-8 are not checked.
 *
 * It obeys lines on standard input, and answers in JSON lines on standard output:
 *
 *     connect [FROM TO]   open connections (all; TO is not included) → {"event":"open",…} when every script has ended
 *     measure             report (as below), then forget what was counted: one window ends and the next begins
 *     stall FROM TO       stop reading these, and count them apart from now on → {"event":"stall"}, and so for these:
 *     resume FROM TO      read them again
 *     close [FROM TO]     drop connections without a goodbye
 *     report [NUMBER]     → {"event":"report",…} since `measure`; with NUMBER, `missing` counts what has not arrived
 *                         up to that number
 *     quit                (or the end of the input)
 *
 * and by itself `reached NUMBER` whenever the lowest number that all connections (but those apart) have reached
 * advances, and {"event":"closed",…} when the server closes a connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fatal.h"
#include "frames.h"
#include "script.h"
#include "tally.h"

#define READ_SIZE (1 << 20)
#define EVENTS 512
#define PORTS_PER_ADDRESS 20000 /* one source address has about 28,000 ports */
#define RING (1u << 20)         /* how far apart two connections may be while progress is followed */
#define LISTED_MAX 16
#define TURN_MS 250 /* how long the loop may wait while connections are opened */
#define CURSOR_WITHIN 512 /* a frame's head is shorter */

typedef enum { IDLE, CONNECTING, UPGRADING, OPENING, LIVE, GONE } State;

typedef struct {
    int fd, number;
    State state;
    int step; /* of the script, while OPENING */
    bool apart, stalled;
    uint64_t began;
    Track track;
    char *rest; /* an incomplete frame */
    size_t rest_size;
    char *epoch; /* of the last snapshot, and the position that has been reached since */
    uint64_t position;
    char *carry; /* with --stream: the end of the payload so far, up to MESSAGE_TOKEN_MAX bytes */
    size_t carry_size;
} Connection;

static struct {
    const char *host, *path, *subprotocol, *headers[LISTED_MAX], *counted[LISTED_MAX], *ask, *answer;
    int port, connections, at_once, patience, header_count, counted_count;
    uint64_t start;
    bool start_from_snapshot, stream, cursors;
    Script script;
} options = {.host = "127.0.0.1", .path = "/ws/", .at_once = 200, .patience = 30, .start = UNSET};

static Connection *connections;
static FILE *record;
static int epoll;
static Tally together, apart; /* the stalled ones are counted apart */
static uint64_t window_began, pings, counts[LISTED_MAX], closes[5000];

/* ── Progress: the lowest number that all have reached ──────────────────────────────────────────────────────────── */

static struct {
    bool known; /* every member has a number, and they are counted */
    bool stale; /* to be counted anew when the turn of the loop ends: who is a member has changed */
    uint64_t low, told;
    int members;
    uint32_t arrived[RING]; /* how many members have reached a number above `low` */
} progress = {.told = UNSET};

static bool member(const Connection *connection)
{
    return connection->state == LIVE && !connection->apart;
}

static void progress_advance(void)
{
    while (progress.members && progress.arrived[(progress.low + 1) % RING] == (uint32_t)progress.members)
        progress.arrived[++progress.low % RING] = 0;
    if (progress.low != progress.told)
        printf("reached %lu\n", progress.told = progress.low);
}

static void progress_forget(void)
{
    progress.known = false;
    progress.stale = true;
}

static void progress_recount(void)
{
    uint64_t high = 0;
    memset(progress.arrived, 0, sizeof progress.arrived);
    progress.members = 0;
    progress.low = UINT64_MAX;
    progress.known = true;
    progress.stale = false;
    for (int i = 0; i < options.connections; i++) {
        Connection *each = &connections[i];
        if (!member(each))
            continue;
        progress.members++;
        progress.known = progress.known && each->track.last != UNSET;
        if (each->track.last < progress.low)
            progress.low = each->track.last;
        if (each->track.last > high)
            high = each->track.last;
    }
    progress.known = progress.known && progress.members;
    if (!progress.known)
        return;
    if (high - progress.low >= RING)
        fatal("connections are %lu numbers apart", high - progress.low);
    for (int i = 0; i < options.connections; i++)
        if (member(&connections[i]))
            for (uint64_t n = progress.low + 1; n <= connections[i].track.last; n++)
                progress.arrived[n % RING]++;
}

static void progress_note(uint64_t from, uint64_t to)
{
    if (to - progress.low >= RING)
        fatal("a number jumps from %lu to %lu", from, to);
    for (uint64_t n = from + 1; n <= to; n++)
        progress.arrived[n % RING]++;
}

/* ── Opening ────────────────────────────────────────────────────────────────────────────────────────────────────── */

static struct {
    bool running;
    int next, end, under_way, live, failed;
    uint64_t began, looked;
    Histogram upgraded, opened;
    char failure[200];
} opening;

static void watch(Connection *connection, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll, operation, connection->fd, &event) != 0)
        fatal("epoll: %s", strerror(errno));
}

static void send_bytes(Connection *connection, const void *data, size_t size);

static void drop(Connection *connection, const char *why)
{
    State state = connection->state;
    close(connection->fd);
    connection->state = GONE;
    free(connection->rest);
    free(connection->carry);
    connection->rest = connection->carry = NULL;
    connection->rest_size = connection->carry_size = 0;
    if (state == LIVE) {
        progress_forget();
        return;
    }
    opening.under_way--;
    opening.failed++;
    if (!*opening.failure)
        snprintf(opening.failure, sizeof opening.failure, "connection %d: %s", connection->number, why);
}

static void send_bytes(Connection *connection, const void *data, size_t size)
{
    /* What a client says is small: a socket that does not take it is of no use. */
    if (send(connection->fd, data, size, MSG_NOSIGNAL) != (ssize_t)size)
        drop(connection, "the socket takes nothing");
}

static void send_frame(Connection *connection, int opcode, const void *payload, size_t size)
{
    static unsigned char frame[FRAME_HEAD_MAX + TEXT_MAX];
    size_t head = frame_head(frame, opcode, size, true);
    memcpy(frame + head, payload, size);
    send_bytes(connection, frame, head + size);
}

static void connect_one(Connection *connection)
{
    struct sockaddr_in source = {.sin_family = AF_INET}, target = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0)
        fatal("no socket: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connection->number >= PORTS_PER_ADDRESS) { /* loopback has many addresses */
        source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(connection->number / PORTS_PER_ADDRESS));
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
            fatal("no source address for connection %d: %s", connection->number, strerror(errno));
    }
    target.sin_port = htons((uint16_t)options.port);
    inet_pton(AF_INET, options.host, &target.sin_addr);
    connection->fd = fd;
    connection->state = CONNECTING;
    connection->step = 0;
    connection->apart = connection->stalled = false;
    connection->began = now_ns();
    track_start(&connection->track, options.start);
    opening.under_way++;
    if (connect(fd, (struct sockaddr *)&target, sizeof target) != 0 && errno != EINPROGRESS)
        drop(connection, strerror(errno));
    else
        watch(connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

static void ask_for_upgrade(Connection *connection)
{
    char template[TEXT_MAX], request[TEXT_MAX];
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        drop(connection, strerror(error));
        return;
    }
    int used = snprintf(template, sizeof template,
                        "GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                        options.path, options.host, options.port);
    if (options.subprotocol)
        used += sprintf(template + used, "Sec-WebSocket-Protocol: %s\r\n", options.subprotocol);
    for (int i = 0; i < options.header_count; i++)
        used += sprintf(template + used, "%s\r\n", options.headers[i]);
    used += sprintf(template + used, "\r\n");
    connection->state = UPGRADING;
    watch(connection, EPOLLIN, EPOLL_CTL_MOD);
    send_bytes(connection, request, fill_in(template, (size_t)used, connection->number, "", request));
}

/* Go on with the script until it waits or ends. */
static void proceed(Connection *connection)
{
    static char text[TEXT_MAX], cursor[TEXT_MAX];
    *cursor = 0;
    if (connection->epoch)
        snprintf(cursor, sizeof cursor, ",\"cursor\":{\"epoch\":\"%s\",\"position\":%lu}", connection->epoch,
                 connection->position);
    while (connection->state == OPENING && connection->step < options.script.count) {
        const Step *step = &options.script.steps[connection->step];
        if (step->kind == WAIT)
            return;
        connection->step++;
        send_frame(connection, step->kind == SEND_TEXT ? TEXT : BINARY, text,
                   fill_in(step->text, step->size, connection->number, cursor, text));
    }
    if (connection->state != OPENING)
        return;
    connection->state = LIVE;
    opening.under_way--;
    opening.live++;
    histogram_add(&opening.opened, now_ns() - connection->began);
}

/* Take the answer to the upgrade; returns its size, or 0 while it is incomplete. */
static size_t upgraded(Connection *connection, const char *data, size_t size)
{
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (size < 12 || memcmp(data + 8, " 101", 4) != 0) {
        char status[100];
        snprintf(status, sizeof status, "%.*s", (int)strcspn(data, "\r"), data);
        drop(connection, status);
        return 0;
    }
    histogram_add(&opening.upgraded, now_ns() - connection->began);
    connection->state = OPENING;
    if (options.start_from_snapshot)
        track_start(&connection->track, 0);
    proceed(connection);
    return (size_t)(end - data) + 4;
}

static void open_print(void)
{
    double seconds = (double)(now_ns() - opening.began) / 1e9;
    printf("{\"event\":\"open\",\"connections\":%d,\"failed\":%d,\"seconds\":%.3f,\"connects_per_second\":%.1f,",
           opening.live, opening.failed, seconds, opening.live / seconds);
    histogram_print(stdout, &opening.upgraded, "upgraded_ms");
    putchar(',');
    histogram_print(stdout, &opening.opened, "ms");
    printf(",\"failure\":\"");
    for (const char *at = opening.failure; *at; at++)
        if (*at != '"' && *at != '\\' && *at >= ' ')
            putchar(*at);
    printf("\"}\n");
}

/* Give up those that take too long; looked for a few times a second. */
static void open_patiently(void)
{
    uint64_t now = now_ns();
    if (now - opening.looked < TURN_MS * 1000000u)
        return;
    opening.looked = now;
    for (int i = 0; i < opening.next; i++) {
        Connection *each = &connections[i];
        if (each->state >= CONNECTING && each->state <= OPENING
            && now - each->began > (uint64_t)options.patience * 1000000000u)
            drop(each, "it takes too long");
    }
}

static void open_more(void)
{
    open_patiently();
    while (opening.next < opening.end && opening.under_way < options.at_once) {
        Connection *next = &connections[opening.next++];
        if (next->state == IDLE || next->state == GONE)
            connect_one(next);
    }
    if (opening.next == opening.end && !opening.under_way) {
        opening.running = false;
        progress_forget();
        open_print();
    }
}

/* ── Receiving ──────────────────────────────────────────────────────────────────────────────────────────────────── */

static void take_message(Connection *connection, const Message *message, uint64_t now)
{
    Track *track = &connection->track;
    if (connection->state == OPENING) { /* a snapshot: where to begin */
        if (options.start_from_snapshot && message->number > track->last)
            track_start(track, message->number);
        return;
    }
    Tally *tally = connection->apart ? &apart : &together;
    uint64_t before = track->last, deliveries = tally->deliveries;
    track_take(track, tally, message->number);
    if (member(connection)) {
        if (progress.known && track->last > before)
            progress_note(before, track->last);
        else if (before == UNSET)
            progress_forget();
    }
    if (tally->deliveries == deliveries)
        return;
    if (record)
        fwrite((uint64_t[]){(uint64_t)connection->number, message->number, now}, sizeof now, 3, record);
    if (message->time)
        histogram_add(&tally->delays, now > message->time ? now - message->time : 0);
    else
        tally->untimed++;
}

static void scan_text(Connection *connection, const Frame *frame, uint64_t now)
{
    const char *at = (const char *)frame->payload, *end = at + frame->size;
    Message message;
    if (!frame->last)
        fatal("the server sends messages in fragments: use --stream");
    while ((at = message_next(at, end, true, &message)))
        take_message(connection, &message, now);
}

static void scan_stream(Connection *connection, const Frame *frame, uint64_t now)
{
    static char bytes[READ_SIZE + MESSAGE_TOKEN_MAX];
    Message message;
    size_t size = connection->carry_size + frame->size;
    if (size > sizeof bytes)
        fatal("a frame of %zu bytes", frame->size);
    memcpy(bytes, connection->carry, connection->carry_size);
    memcpy(bytes + connection->carry_size, frame->payload, frame->size);
    const char *at = bytes, *end = bytes + size;
    for (const char *next; (next = message_next(at, end, false, &message)); at = next)
        take_message(connection, &message, now);
    connection->carry_size = end - at < MESSAGE_TOKEN_MAX ? (size_t)(end - at) : MESSAGE_TOKEN_MAX;
    if (!connection->carry)
        connection->carry = malloc(MESSAGE_TOKEN_MAX);
    memcpy(connection->carry, end - connection->carry_size, connection->carry_size);
}

/* Keep what a client keeps to resume; both stand before the rows. */
static void keep_cursor(Connection *connection, const Frame *frame)
{
    const char *payload = (const char *)frame->payload;
    size_t size = frame->size < CURSOR_WITHIN ? frame->size : CURSOR_WITHIN;
    const char *epoch = memmem(payload, size, "\"epoch\":\"", 9), *position = memmem(payload, size, "\"position\":", 11);
    if (epoch) {
        const char *end = memchr(epoch + 9, '"', size - (size_t)(epoch + 9 - payload));
        free(connection->epoch);
        connection->epoch = end ? strndup(epoch + 9, (size_t)(end - epoch - 9)) : NULL;
    }
    if (position)
        connection->position = strtoul(position + 11, NULL, 10);
}

static void take_data(Connection *connection, const Frame *frame, uint64_t now)
{
    if (options.ask && frame->opcode == TEXT && frame->size == strlen(options.ask)
        && memcmp(frame->payload, options.ask, frame->size) == 0) {
        send_frame(connection, TEXT, options.answer, strlen(options.answer));
        return;
    }
    if (options.cursors)
        keep_cursor(connection, frame);
    for (int i = 0; i < options.counted_count; i++)
        if (memmem(frame->payload, frame->size, options.counted[i], strlen(options.counted[i])))
            counts[i]++;
    if (connection->state == LIVE)
        (connection->apart ? &apart : &together)->frames++;
    if (options.stream)
        scan_stream(connection, frame, now);
    else if (frame->opcode != BINARY)
        scan_text(connection, frame, now);
    if (connection->state == OPENING) {
        const Step *step = &options.script.steps[connection->step];
        if (memmem(frame->payload, frame->size, step->text, step->size)
            || (step->other && memmem(frame->payload, frame->size, step->other, step->other_size))) {
            connection->step++;
            proceed(connection);
        }
    }
}

static void take_close(Connection *connection, const Frame *frame)
{
    unsigned code = frame->size >= 2 ? (unsigned)frame->payload[0] << 8 | frame->payload[1] : 1005;
    char why[40];
    closes[code < 5000 ? code : 0]++;
    if (connection->state == LIVE)
        printf("{\"event\":\"closed\",\"connection\":%d,\"code\":%u}\n", connection->number, code);
    send_frame(connection, CLOSE, frame->payload, frame->size);
    snprintf(why, sizeof why, "closed with %u", code);
    if (connection->state != GONE)
        drop(connection, why);
}

static void take_frame(Connection *connection, const Frame *frame, uint64_t now)
{
    if (frame->opcode == PING) {
        pings++;
        send_frame(connection, PONG, frame->payload, frame->size);
    } else if (frame->opcode == CLOSE)
        take_close(connection, frame);
    else if (frame->opcode <= BINARY)
        take_data(connection, frame, now);
}

static void take_bytes(Connection *connection, const unsigned char *data, size_t size, uint64_t now)
{
    size_t at = 0, taken;
    Frame frame;
    if (connection->state == UPGRADING)
        at = upgraded(connection, (const char *)data, size);
    while (connection->state >= OPENING && connection->state <= LIVE
           && (taken = frame_take(data + at, size - at, &frame))) {
        take_frame(connection, &frame, now);
        at += taken;
    }
    if (connection->state == GONE)
        return;
    free(connection->rest);
    connection->rest = NULL;
    connection->rest_size = size - at;
    if (connection->rest_size) {
        connection->rest = malloc(connection->rest_size);
        memcpy(connection->rest, data + at, connection->rest_size);
    }
}

static void readable(Connection *connection)
{
    static unsigned char data[READ_SIZE];
    if (connection->rest_size >= sizeof data / 2)
        fatal("a frame of more than %zu bytes", connection->rest_size);
    memcpy(data, connection->rest, connection->rest_size);
    ssize_t size = recv(connection->fd, data + connection->rest_size, sizeof data - connection->rest_size, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        const char *why = size ? strerror(errno) : "the server closed the connection";
        closes[1006]++;
        if (connection->state == LIVE)
            printf("{\"event\":\"closed\",\"connection\":%d,\"code\":1006}\n", connection->number);
        drop(connection, why);
        return;
    }
    Tally *tally = connection->apart ? &apart : &together;
    tally->reads++;
    tally->bytes += (uint64_t)size;
    take_bytes(connection, data, connection->rest_size + (size_t)size, now_ns());
}

/* ── Commands ───────────────────────────────────────────────────────────────────────────────────────────────────── */

/* What is said of those together, or of those apart. */
static void tally_print(const Tally *tally, bool of_apart, uint64_t number)
{
    uint64_t lowest = UINT64_MAX, highest = 0, missing = 0;
    int members = 0;
    for (int i = 0; i < options.connections; i++) {
        const Connection *each = &connections[i];
        if (each->state != LIVE || each->apart != of_apart)
            continue;
        uint64_t last = each->track.last == UNSET ? 0 : each->track.last;
        members++;
        missing += last < number ? number - last : 0;
        lowest = last < lowest ? last : lowest;
        highest = last > highest ? last : highest;
    }
    printf("\"connections\":%d,\"deliveries\":%lu,\"frames\":%lu,\"bytes\":%lu,\"reads\":%lu,\"lost\":%lu,"
           "\"missing\":%lu,\"doubled\":%lu,\"reordered\":%lu,\"untimed\":%lu,\"lowest\":%lu,\"highest\":%lu,",
           members, tally->deliveries, tally->frames, tally->bytes, tally->reads, tally->lost, missing, tally->doubled,
           tally->reordered, tally->untimed, members ? lowest : 0, highest);
    histogram_print(stdout, &tally->delays, "ms");
}

static void report(uint64_t number)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"event\":\"report\",\"seconds\":%.6f,", (double)(now_ns() - window_began) / 1e9);
    tally_print(&together, false, number);
    printf(",\"apart\":{");
    tally_print(&apart, true, number);
    printf("},\"pings\":%lu,\"closes\":{", pings);
    const char *comma = "";
    for (int code = 0; code < 5000; code++)
        if (closes[code]) {
            printf("%s\"%d\":%lu", comma, code, closes[code]);
            comma = ",";
        }
    printf("},\"counts\":[");
    for (int i = 0; i < options.counted_count; i++)
        printf("%s%lu", i ? "," : "", counts[i]);
    printf("],\"load_cpu_seconds\":%.3f}\n",
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
               + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

static void measure(void)
{
    memset(&together, 0, sizeof together);
    memset(&apart, 0, sizeof apart);
    memset(counts, 0, sizeof counts);
    memset(closes, 0, sizeof closes);
    pings = 0;
    window_began = now_ns();
}

static void stall(int from, int to, bool stalled)
{
    for (int i = from; i < to; i++) {
        Connection *each = &connections[i];
        if (each->state != LIVE || each->stalled == stalled)
            continue;
        each->apart = true;
        each->stalled = stalled;
        watch(each, stalled ? 0 : EPOLLIN, EPOLL_CTL_MOD);
    }
    progress_forget();
}

static void begin_opening(int from, int to)
{
    if (opening.running)
        fatal("connect: the last one is not done");
    memset(&opening, 0, sizeof opening);
    opening.running = true;
    opening.next = from;
    opening.end = to;
    opening.began = now_ns();
    open_more();
}

/* Commands that are answered by their own name. */
static bool obeyed(const char *word, int from, int to)
{
    if (strcmp(word, "stall") == 0 || strcmp(word, "resume") == 0)
        stall(from, to, *word == 's');
    else if (strcmp(word, "close") == 0) {
        for (int i = from; i < to; i++)
            if (connections[i].state == LIVE)
                drop(&connections[i], "");
    } else
        return false;
    return true;
}

static void obey(const char *line)
{
    int from = 0, to = options.connections;
    unsigned long number = 0;
    char word[16] = "";
    sscanf(line, "%15s", word);
    sscanf(line, "%*s %d %d", &from, &to);
    if (from < 0 || to > options.connections)
        fatal("there are %d connections: %s", options.connections, line);
    if (strcmp(word, "connect") == 0)
        begin_opening(from, to);
    else if (strcmp(word, "report") == 0) {
        if (record)
            fflush(record);
        sscanf(line, "%*s %lu", &number);
        report(number);
    } else if (strcmp(word, "measure") == 0) {
        report(0);
        measure();
    } else if (strcmp(word, "quit") == 0)
        exit(0);
    else if (obeyed(word, from, to))
        printf("{\"event\":\"%s\"}\n", word);
    else
        fatal("no such command: %s", line);
}

static void commands(void)
{
    static char text[65536];
    static size_t used;
    ssize_t size = read(STDIN_FILENO, text + used, sizeof text - 1 - used);
    if (size <= 0)
        exit(0);
    used += (size_t)size;
    text[used] = 0;
    char *line = text;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        obey(line);
    }
    used = strlen(line);
    memmove(text, line, used + 1);
}

static void handle(const struct epoll_event *event)
{
    Connection *connection = event->data.ptr;
    if (connection->state == GONE || connection->state == IDLE)
        return; /* an event of the same turn has ended it */
    if (connection->stalled) { /* a hang-up is told also of a socket that is not read */
        closes[1006]++;
        printf("{\"event\":\"closed\",\"connection\":%d,\"code\":1006}\n", connection->number);
        drop(connection, "");
    } else if (connection->state == CONNECTING)
        ask_for_upgrade(connection);
    else
        readable(connection);
}

static void parse(int argc, char **argv)
{
    static const struct option known[] = {
        {"host", 1, 0, 'h'},   {"port", 1, 0, 'p'},  {"path", 1, 0, 'P'},  {"connections", 1, 0, 'n'},
        {"at-once", 1, 0, 'k'}, {"header", 1, 0, 'H'}, {"script", 1, 0, 's'}, {"subprotocol", 1, 0, 'S'},
        {"lines", 1, 0, 'l'},  {"start", 1, 0, 'b'}, {"stream", 0, 0, 'B'}, {"reply", 1, 0, 'r'},
        {"count", 1, 0, 'c'},  {"patience", 1, 0, 't'}, {"record", 1, 0, 'R'}, {0, 0, 0, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if ((option == 'H' && options.header_count == LISTED_MAX)
            || (option == 'c' && options.counted_count == LISTED_MAX))
            fatal("--header and --count can be given %d times", LISTED_MAX);
        switch (option) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = atoi(optarg); break;
        case 'P': options.path = optarg; break;
        case 'n': options.connections = atoi(optarg); break;
        case 'k': options.at_once = atoi(optarg); break;
        case 't': options.patience = atoi(optarg); break;
        case 'S': options.subprotocol = optarg; break;
        case 'H': options.headers[options.header_count++] = optarg; break;
        case 'c': options.counted[options.counted_count++] = optarg; break;
        case 's':
            script_read(&options.script, optarg);
            for (int i = 0; i < options.script.count; i++)
                options.cursors = options.cursors || strstr(options.script.steps[i].text, "{cursor}");
            break;
        case 'l': lines_read(optarg); break;
        case 'B': options.stream = true; break;
        case 'R':
            record = fopen(optarg, "wb");
            if (!record)
                fatal("can't write %s: %s", optarg, strerror(errno));
            break;
        case 'b':
            options.start_from_snapshot = strcmp(optarg, "snapshot") == 0;
            options.start = *optarg >= '0' && *optarg <= '9' ? strtoul(optarg, NULL, 10) : UNSET;
            break;
        case 'r':
            options.ask = strdup(optarg);
            options.answer = strchr(options.ask, '=');
            if (!options.answer)
                fatal("--reply is ASK=ANSWER");
            *(char *)options.answer++ = 0;
            break;
        default: exit(2);
        }
    }
    if (!options.port || options.connections < 1 || options.at_once < 1)
        fatal("--port and --connections are needed");
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    raise_file_limit((unsigned long)options.connections + 64);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    connections = calloc((size_t)options.connections, sizeof *connections);
    for (int i = 0; i < options.connections; i++)
        connections[i].number = i;
    epoll = epoll_create1(0);
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0)
        fatal("commands come through a pipe: %s", strerror(errno));
    measure();
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, opening.running ? TURN_MS : -1);
        bool told = false;
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr)
                handle(&events[i]);
            else
                told = true;
        if (told) /* after the others: it may open connections anew of which this turn has events */
            commands();
        if (opening.running)
            open_more();
        if (progress.stale && !opening.running)
            progress_recount();
        if (progress.known)
            progress_advance();
        fflush(stdout);
    }
}
