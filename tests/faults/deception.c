/* Preloaded into the processes of the stage: lies to them about the wall clock and about the space on the disk.
 *
 * TIDELINE_DECEPTION names a file of two numbers (64 bits each), which the harness changes while they run:
 *
 *     how many nanoseconds the wall clock is wrong, and whether the disk is full.
 *
 * The monotonic clocks stay true. Waits until a time of the wall clock are handed on in true time. On a full disk
 * files can be written where they have bytes already and can't grow, as on a real one; standard output and error
 * may grow, so that what a process says is kept.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct deception {
    int64_t clock_nanoseconds;
    int64_t disk_full;
};

static const struct deception honest;
static const volatile struct deception *told = &honest;

#define TRUE_ONE(name) \
    static __typeof__(name) *true_one; \
    if (!true_one) true_one = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void listen_to_the_harness(void)
{
    const char *path = getenv("TIDELINE_DECEPTION");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *found = mmap(NULL, sizeof(struct deception), PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) told = found;
    close(file);
}

/* The wall clock. */

static struct timespec shifted(struct timespec time, int64_t nanoseconds)
{
    int64_t sum = (int64_t)time.tv_nsec + nanoseconds % 1000000000;
    time.tv_sec += nanoseconds / 1000000000;
    if (sum < 0) {
        sum += 1000000000;
        time.tv_sec -= 1;
    } else if (sum >= 1000000000) {
        sum -= 1000000000;
        time.tv_sec += 1;
    }
    time.tv_nsec = sum;
    return time;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    TRUE_ONE(clock_gettime);
    int failed = true_one(clock, time);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        *time = shifted(*time, told->clock_nanoseconds);
    return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    TRUE_ONE(gettimeofday);
    int failed = true_one(time, zone);
    if (!failed && time) {
        struct timespec now = {time->tv_sec, time->tv_usec * 1000};
        now = shifted(now, told->clock_nanoseconds);
        time->tv_sec = now.tv_sec;
        time->tv_usec = now.tv_nsec / 1000;
    }
    return failed;
}

time_t time(time_t *place)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    TRUE_ONE(sem_timedwait);
    struct timespec truly = shifted(*until, -told->clock_nanoseconds);
    return true_one(semaphore, &truly);
}

/* The disk. */

static int would_grow(int file, off_t end)
{
    struct stat found;
    if (!told->disk_full || file <= STDERR_FILENO || fstat(file, &found) || !S_ISREG(found.st_mode)) return 0;
    return end > found.st_size;
}

static int refuse(void)
{
    errno = ENOSPC;
    return -1;
}

static off_t bytes_of(const struct iovec *parts, int count)
{
    off_t bytes = 0;
    for (int each = 0; each < count; each++) bytes += (off_t)parts[each].iov_len;
    return bytes;
}

ssize_t write(int file, const void *bytes, size_t size)
{
    TRUE_ONE(write);
    if (told->disk_full && would_grow(file, lseek(file, 0, SEEK_CUR) + (off_t)size)) return refuse();
    return true_one(file, bytes, size);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at)
{
    TRUE_ONE(pwrite);
    return would_grow(file, at + (off_t)size) ? refuse() : true_one(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at)
{
    TRUE_ONE(pwrite64);
    return would_grow(file, at + (off_t)size) ? refuse() : true_one(file, bytes, size, at);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at)
{
    TRUE_ONE(pwritev);
    return would_grow(file, at + bytes_of(parts, count)) ? refuse() : true_one(file, parts, count, at);
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at)
{
    TRUE_ONE(pwritev64);
    return would_grow(file, at + bytes_of(parts, count)) ? refuse() : true_one(file, parts, count, at);
}

int posix_fallocate(int file, off_t at, off_t size)
{
    TRUE_ONE(posix_fallocate);
    return would_grow(file, at + size) ? ENOSPC : true_one(file, at, size);
}

int posix_fallocate64(int file, off64_t at, off64_t size)
{
    TRUE_ONE(posix_fallocate64);
    return would_grow(file, at + size) ? ENOSPC : true_one(file, at, size);
}
