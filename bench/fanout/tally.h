/* What a connection has received: which numbers, in which order, how late.
 *
 * Every message carries `"n":<number>` and, right after it, `"t":<CLOCK_MONOTONIC nanoseconds of the write>`.
 * Numbers of one connection are contiguous; a `Track` follows them, a `Tally` counts what was wrong.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Delays in nanoseconds; 64 buckets for each power of two, so a value is off by at most 1.6 %. */
#define HISTOGRAM_BUCKETS (64 * 60)

typedef struct {
    uint64_t count, largest, buckets[HISTOGRAM_BUCKETS];
} Histogram;

void histogram_add(Histogram *histogram, uint64_t value);

/* The value below which `share` (0 to 1) of the values lie. */
uint64_t histogram_at(const Histogram *histogram, double share);

/* Print p50, p90, p99 and max in milliseconds as fields of a JSON object, names ending in `suffix`. */
void histogram_print(FILE *out, const Histogram *histogram, const char *suffix);

typedef struct {
    uint64_t deliveries; /* numbers that arrived and had not arrived before */
    uint64_t lost;       /* numbers that were passed over, and did not come later */
    uint64_t doubled;    /* numbers that had arrived before */
    uint64_t reordered;  /* numbers that came after a higher one */
    uint64_t untimed;    /* deliveries that carried no time */
    uint64_t frames, bytes, reads;
    Histogram delays;
} Tally;

#define UNSET UINT64_MAX

typedef struct {
    uint64_t last; /* the highest number so far, or UNSET: the first to come is taken as it is */
    uint64_t seen; /* of the 64 numbers up to `last`, which have arrived: bit 0 is `last` */
} Track;

void track_start(Track *track, uint64_t last);

/* Note that `number` has arrived. Numbers that are more than 64 behind count as doubled. */
void track_take(Track *track, Tally *tally, uint64_t number);

typedef struct {
    uint64_t number, time; /* `time` is 0 where none stands after the number */
} Message;

/* Find the next message in [at, end). Return where to go on, or NULL when there is none.
 *
 * With `whole` the bytes are complete; else a token that touches the end is not taken, for more may follow.
 */
const char *message_next(const char *at, const char *end, bool whole, Message *found);

/* Messages are shorter than this from the first byte of `"n":` to the last digit of the time. */
#define MESSAGE_TOKEN_MAX 96

#endif
