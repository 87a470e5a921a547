#define _POSIX_C_SOURCE 200809L

#include "bench/load/report.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>

static const double percentiles[] = {50, 90, 99, 99.9};
static const char *const percentile_names[] = {"p50", "p90", "p99", "p99.9"};
enum { PERCENTILES = sizeof(percentiles) / sizeof(percentiles[0]) };

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

// What the load itself used of the processor, which the server on the same machine did not get.
static double cpu_seconds(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

static double window_seconds(const struct run *run) {
    return (double)(run->end_ns - run->measure_ns) / 1e9;
}

static double units_per_second(const struct run *run) {
    double seconds = window_seconds(run);
    return seconds > 0 ? (double)run->units_measured / seconds : 0;
}

static double microseconds(const struct histogram *histogram, double percent) {
    return (double)histogram_percentile(histogram, percent) / 1e3;
}

static void print_text(const struct run *run) {
    const struct options *options = run->options;
    const struct ledger *ledger = &run->ledger;
    printf("%s%s%s: %llu %s in %.2f s = %.0f a second\n", options->label,
           options->label[0] != '\0' ? ": " : "", run->workload->name,
           (unsigned long long)run->units_measured, run->workload->unit, window_seconds(run),
           units_per_second(run));
    printf("%12s", "us");
    for (size_t i = 0; i < PERCENTILES; i++)
        printf("%12s", percentile_names[i]);
    printf("%12s%12s\n", "max", "count");
    for (size_t i = 0; i < run->series_len; i++) {
        const struct histogram *histogram = &run->series[i].histogram;
        printf("%12s", run->series[i].name);
        for (size_t j = 0; j < PERCENTILES; j++)
            printf("%12.1f", microseconds(histogram, percentiles[j]));
        printf("%12.1f%12llu\n", (double)histogram->max_ns / 1e3,
               (unsigned long long)histogram->total);
    }
    if (run->behind > 0)
        printf("%llu requests were due and not sent: the server does not keep up with --rate\n",
               (unsigned long long)run->behind);
    if (ledger->delivered > 0)
        printf("jobs: %llu accepted, %llu delivered, %llu done, %llu lost, %llu repeated\n",
               (unsigned long long)ledger->accepted, (unsigned long long)ledger->delivered,
               (unsigned long long)ledger->done, (unsigned long long)ledger_lost(ledger),
               (unsigned long long)ledger->repeated);
    printf("load: %.2f s of processor time in all\n", cpu_seconds());
}

static void print_json_string(const char *text) {
    putchar('"');
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < ' ' || c > '~')
            printf("\\u%04x", c);
        else if (c == '"' || c == '\\')
            printf("\\%c", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_json_series(const struct series *series) {
    const struct histogram *histogram = &series->histogram;
    print_json_string(series->name);
    printf(":{\"count\":%llu", (unsigned long long)histogram->total);
    for (size_t i = 0; i < PERCENTILES; i++)
        printf(",\"%s_us\":%.1f", percentile_names[i], microseconds(histogram, percentiles[i]));
    printf(",\"max_us\":%.1f}", (double)histogram->max_ns / 1e3);
}

static void print_json(const struct run *run) {
    const struct ledger *ledger = &run->ledger;
    printf("{\"workload\":");
    print_json_string(run->workload->name);
    printf(",\"label\":");
    print_json_string(run->options->label);
    printf(",\"unit\":");
    print_json_string(run->workload->unit);
    printf(",\"units\":%llu,\"seconds\":%.6f,\"per_second\":%.1f,\"behind\":%llu,\"latency\":{",
           (unsigned long long)run->units_measured, window_seconds(run), units_per_second(run),
           (unsigned long long)run->behind);
    for (size_t i = 0; i < run->series_len; i++) {
        if (i > 0) putchar(',');
        print_json_series(&run->series[i]);
    }
    printf("},\"jobs\":{\"accepted\":%llu,\"delivered\":%llu,\"done\":%llu,\"repeated\":%llu,"
           "\"unexpected\":%llu,\"foreign\":%llu,\"damaged\":%llu,\"unremoved\":%llu}",
           (unsigned long long)ledger->accepted, (unsigned long long)ledger->delivered,
           (unsigned long long)ledger->done, (unsigned long long)ledger->repeated,
           (unsigned long long)ledger->unexpected, (unsigned long long)ledger->foreign,
           (unsigned long long)ledger->damaged, (unsigned long long)ledger->unremoved);
    printf(",\"errors\":%llu,\"error\":", (unsigned long long)run->errors);
    print_json_string(run->error);
    printf(",\"cpu_seconds\":%.3f,\"good\":%s}\n", cpu_seconds(),
           run_is_faulty(run) ? "false" : "true");
}

void report_print(const struct run *run) {
    if (run->options->json)
        print_json(run);
    else
        print_text(run);
}
