/*
 * The result as one JSON object, and each repetition as a row of CSV. Their members are described
 * in the manual page, under bench. What is not known is null, in CSV empty.
 */
#include <inttypes.h>
#include <string.h>

#include "engine/cli/bench.h"

static const char *executor_of(const bench_case *one)
{
    return one->is_read                                 ? "read"
           : one->executor == SHEAF_EXECUTOR_SEQUENTIAL ? "sequential"
           : one->executor == SHEAF_EXECUTOR_THREADS    ? "threads"
                                                        : "processes";
}

static const char *parser_of(const bench_case *one)
{
    return one->is_read ? "" : one->parser == SHEAF_PARSER_SCAN ? "scan" : "libcsv";
}

/* ---- JSON ---- */

static void put_count(FILE *out, const char *name, uint64_t count)
{
    if (count == SHEAF_UNKNOWN)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%" PRIu64, name, count);
}

static void put_range(FILE *out, const char *name, const bench_range *range)
{
    fprintf(out, ",\"%s\":{\"min\":%.9f,\"median\":%.9f,\"max\":%.9f}", name, range->min,
            range->median, range->max);
}

static void put_sample(FILE *out, const bench_sample *sample)
{
    fprintf(out, "{\"wall_seconds\":%.9f,\"user_seconds\":%.6f,\"system_seconds\":%.6f",
            sample->wall_s, sample->user_s, sample->system_s);
    put_count(out, "peak_bytes", sample->peak_bytes);
    put_count(out, "minor_faults", sample->minor_faults);
    put_count(out, "major_faults", sample->major_faults);
    put_count(out, "storage_bytes", sample->storage_bytes);
    fputc('}', out);
}

static void put_case(FILE *out, const bench_case *one)
{
    fputs("{", out);
    print_json_text(out, "name", one->name);
    fprintf(out, ",\"executor\":\"%s\",\"workers\":%d", executor_of(one), one->workers);
    if (!one->is_read)
        fprintf(out, ",\"parser\":\"%s\",\"baseline\":\"%s\"", parser_of(one), one->baseline->name);
    put_count(out, "read_bytes", one->counts.read_bytes);
    put_range(out, "wall_seconds", &one->wall);
    put_range(out, "cpu_seconds", &one->cpu);
    fprintf(out, ",\"spread\":%.4f,\"bytes_per_second\":%.0f", one->spread, one->rate);
    if (!one->is_read)
        fprintf(out,
                ",\"speedup\":%.4f,\"efficiency\":%.4f,\"read_limit_share\":%.4f,"
                "\"digest\":\"%016" PRIx64 "\"",
                one->speedup, one->efficiency, one->share, one->counts.digest);
    put_count(out, "peak_bytes", one->peak_bytes);
    put_count(out, "minor_faults", one->minor_faults);
    put_count(out, "major_faults", one->major_faults);
    put_count(out, "storage_bytes", one->storage_bytes);
    fputs(",\n \"repetitions\":[", out);
    for (size_t i = 0; i < one->n_samples; i++) {
        fputs(i > 0 ? ",\n  " : "\n  ", out);
        put_sample(out, &one->samples[i]);
    }
    fputs("]}", out);
}

static void put_cases(FILE *out, const bench *self, const char *name, bool is_read)
{
    bool any = false;
    fprintf(out, ",\n\"%s\":[", name);
    for (size_t i = 0; i < self->n_cases; i++) {
        if (self->cases[i].is_read != is_read)
            continue;
        fputs(any ? ",\n" : "\n", out);
        put_case(out, &self->cases[i]);
        any = true;
    }
    fputs("]", out);
}

static void put_machine(FILE *out, const bench_machine *machine)
{
    fputs("\"machine\":{", out);
    print_json_text(out, "cpu", machine->cpu);
    fprintf(out, ",\"processors\":%d", machine->processors);
    put_count(out, "memory_bytes", machine->memory_bytes);
    fputc(',', out);
    print_json_text(out, "system", machine->system);
    fputs("}", out);
}

static void put_data(FILE *out, const bench *self)
{
    const bench_counts *counts = bench_counts_of(self);
    fprintf(out, "\"data\":{\"files\":%zu", sheaf_files_count(self->files));
    put_count(out, "size_bytes", self->size_bytes);
    put_count(out, "read_bytes", counts->read_bytes);
    put_count(out, "text_bytes", counts->text_bytes);
    put_count(out, "files_skipped", counts->files_skipped);
    put_count(out, "records", counts->records);
    put_count(out, "loaded", counts->loaded);
    put_count(out, "rejected", counts->rejected);
    put_count(out, "skipped", counts->skipped);
    put_count(out, "columns", counts->columns);
    put_count(out, "fields", counts->fields);
    fprintf(out, ",\"digest\":\"%016" PRIx64 "\"}", counts->digest);
}

void bench_print_json(const bench *self, FILE *out)
{
    const arguments *args = self->args;
    fprintf(out, "{\"sheaf\":\"%s\",", sheaf_version());
    print_json_text(out, "build", self->machine.build);
    fputs(",\n", out);
    print_json_text(out, "command", args->bench.command);
    fputs(",\n", out);
    put_machine(out, &self->machine);
    fputs(",\n", out);
    put_data(out, self);
    fprintf(out, ",\n\"cache\":\"%s\",\"repeat\":%zu,", args->bench.cold ? "cold" : "warm",
            args->bench.repeat);
    print_json_text(out, "destination", args->ingest.destination);
    put_cases(out, self, "read_limits", true);
    put_cases(out, self, "configurations", false);
    fputs(",\n\"warnings\":[", out);
    for (size_t i = 0; i < self->n_warnings; i++) {
        fprintf(out, "%s\n{\"code\":\"%s\",", i > 0 ? "," : "", self->warnings[i].code);
        print_json_text(out, "message", self->warnings[i].text);
        fputc('}', out);
    }
    fputs("]}\n", out);
}

/* ---- CSV ---- */

static void put_row(FILE *out, const bench *self, const bench_case *one, size_t round)
{
    const bench_sample *sample = &one->samples[round];
    fprintf(out, "%zu,\"%s\",%s,%d,%s,%s", round + 1, one->name, executor_of(one), one->workers,
            parser_of(one), self->args->bench.cold ? "cold" : "warm");
    fprintf(out, ",%.9f,%.6f,%.6f,%" PRIu64, sample->wall_s, sample->user_s, sample->system_s,
            one->counts.read_bytes);
    if (one->is_read)
        fputs(",,", out);
    else
        fprintf(out, ",%" PRIu64 ",%" PRIu64, one->counts.records, one->counts.fields);
    fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", sample->peak_bytes, sample->minor_faults,
            sample->major_faults);
    if (sample->storage_bytes != SHEAF_UNKNOWN)
        fprintf(out, "%" PRIu64, sample->storage_bytes);
    if (one->is_read)
        fputs(",\n", out);
    else
        fprintf(out, ",%016" PRIx64 "\n", one->counts.digest);
}

void bench_print_csv(const bench *self, FILE *out)
{
    fputs("round,name,executor,workers,parser,cache,wall_seconds,user_seconds,system_seconds,"
          "read_bytes,records,fields,peak_bytes,minor_faults,major_faults,storage_bytes,digest\n",
          out);
    for (size_t round = 0; round < self->args->bench.repeat; round++)
        for (size_t i = 0; i < self->n_cases; i++)
            put_row(out, self, &self->cases[i], round);
}
