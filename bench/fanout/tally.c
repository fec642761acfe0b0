#define _GNU_SOURCE
#include "tally.h"

#include <ctype.h>
#include <string.h>

static unsigned bucket_of(uint64_t value)
{
    if (value < 64)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value); /* 6 or more */
    unsigned bucket = 64 * (power - 5) + (unsigned)((value >> (power - 6)) & 63);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t middle_of(unsigned bucket)
{
    if (bucket < 64)
        return bucket;
    unsigned shift = bucket / 64 - 1;
    return ((uint64_t)(64 + bucket % 64) << shift) + ((uint64_t)1 << shift) / 2;
}

void histogram_add(Histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->buckets[bucket_of(value)]++;
    if (value > histogram->largest)
        histogram->largest = value;
}

uint64_t histogram_at(const Histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->count), before = 0;
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        before += histogram->buckets[bucket];
        if (before > wanted) {
            uint64_t middle = middle_of(bucket);
            return middle < histogram->largest ? middle : histogram->largest;
        }
    }
    return histogram->largest;
}

void histogram_print(FILE *out, const Histogram *histogram, const char *suffix)
{
    if (!histogram->count) {
        fprintf(out, "\"p50_%s\":null,\"p90_%s\":null,\"p99_%s\":null,\"max_%s\":null", suffix, suffix, suffix, suffix);
        return;
    }
    fprintf(out, "\"p50_%s\":%.3f,\"p90_%s\":%.3f,\"p99_%s\":%.3f,\"max_%s\":%.3f",
            suffix, histogram_at(histogram, 0.50) / 1e6, suffix, histogram_at(histogram, 0.90) / 1e6,
            suffix, histogram_at(histogram, 0.99) / 1e6, suffix, histogram->largest / 1e6);
}

void track_start(Track *track, uint64_t last)
{
    track->last = last;
    track->seen = UINT64_MAX; /* what came before the start is not missed */
}

void track_take(Track *track, Tally *tally, uint64_t number)
{
    if (track->last == UNSET)
        track_start(track, number - 1);
    if (number == track->last + 1) { /* as it should be */
        track->last = number;
        track->seen = track->seen << 1 | 1;
        tally->deliveries++;
        return;
    }
    if (number > track->last) {
        uint64_t step = number - track->last;
        tally->lost += step - 1;
        tally->deliveries++;
        track->last = number;
        track->seen = (step < 64 ? track->seen << step : 0) | 1;
        return;
    }
    uint64_t back = track->last - number, bit = (uint64_t)1 << (back & 63);
    if (back < 64 && !(track->seen & bit)) {
        track->seen |= bit;
        tally->deliveries++;
        tally->reordered++;
        if (tally->lost) /* it was counted when it was passed over, maybe before the tally was last cleared */
            tally->lost--;
        return;
    }
    tally->doubled++;
}

static const char *digits(const char *at, const char *end, uint64_t *value)
{
    const char *start = at;
    for (*value = 0; at < end && isdigit((unsigned char)*at); at++)
        *value = *value * 10 + (uint64_t)(*at - '0');
    return at == start ? NULL : at;
}

/* Between the number and the time: `,"t":`, with a space after the comma or the colon in some encoders. */
static const char *to_time(const char *at, const char *end)
{
    if (at < end && *at == ',')
        at++;
    if (at < end && *at == ' ')
        at++;
    if (end - at < 4 || memcmp(at, "\"t\":", 4) != 0)
        return NULL;
    at += 4;
    return at < end && *at == ' ' ? at + 1 : at;
}

const char *message_next(const char *at, const char *end, bool whole, Message *found)
{
    while (at < end) {
        const char *token = memmem(at, (size_t)(end - at), "\"n\":", 4);
        if (!token || (!whole && end - token < MESSAGE_TOKEN_MAX))
            return NULL;
        at = token + 4;
        if (at < end && *at == ' ')
            at++;
        const char *after = digits(at, end, &found->number);
        if (!after)
            continue;
        const char *time = to_time(after, end), *past = time ? digits(time, end, &found->time) : NULL;
        if (!past)
            found->time = 0;
        return past ? past : after;
    }
    return NULL;
}
