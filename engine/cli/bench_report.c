/*
 * The result on the terminal: what was read, a table, bars, and what not to believe.
 *
 * Colour and the terminal's width are for a terminal only. Where it is narrow, columns are left
 * out, the dearest to miss last; elsewhere (a file, a pipe) all of them are there.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/cli/bench.h"

/* ---- numbers ---- */

bench_text bench_rate(double rate)
{
    static const char *const units[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s"};
    bench_text made;
    size_t unit = 0;
    while (rate >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        rate /= 1000;
        unit++;
    }
    int digits = rate < 9.995 ? 2 : rate < 99.95 ? 1 : 0;
    snprintf(made.text, sizeof made.text, "%.*f %s", unit > 0 ? digits : 0, rate, units[unit]);
    return made;
}

bench_text bench_seconds(double seconds)
{
    bench_text made;
    int digits = seconds < 0.0995 ? 4 : seconds < 9.995 ? 3 : seconds < 99.95 ? 2 : 1;
    snprintf(made.text, sizeof made.text, "%.*f", digits, seconds);
    return made;
}

bench_text bench_percent(double share)
{
    bench_text made;
    snprintf(made.text, sizeof made.text, "%.*f %%", share < 0.0995 ? 1 : 0, share * 100);
    return made;
}

static bench_text bytes_of(uint64_t bytes)
{
    bench_text made;
    format_bytes(bytes, made.text, sizeof made.text);
    return made;
}

const bench_counts *bench_counts_of(const bench *self)
{
    size_t i = 0;
    while (self->cases[i].is_read) /* there is one that is not */
        i++;
    return &self->cases[i].counts;
}

void bench_describe_data(const bench *self, char *text, size_t size)
{
    const bench_counts *counts = bench_counts_of(self);
    size_t n_files = sheaf_files_count(self->files);
    int n = snprintf(text, size, "%s %s, %s: %s %s, %s %s, %s fields", count_of(n_files).text,
                     plural(n_files, "file", "files"), bytes_of(self->size_bytes).text,
                     count_of(counts->records).text, plural(counts->records, "record", "records"),
                     count_of(counts->columns).text, plural(counts->columns, "column", "columns"),
                     count_of(counts->fields).text);
    if (counts->rejected > 0 && n < (int)size)
        n += snprintf(text + n, size - (size_t)n, ", %s set aside",
                      count_of(counts->rejected).text);
    if (counts->files_skipped > 0 && n < (int)size)
        snprintf(text + n, size - (size_t)n, ", %s %s skipped",
                 count_of(counts->files_skipped).text,
                 plural(counts->files_skipped, "file", "files"));
}

void bench_describe_run(const bench *self, char *text, size_t size)
{
    const arguments *args = self->args;
    char destination[256];
    sheaf_text_escape(args->ingest.destination, strlen(args->ingest.destination), destination,
                      sizeof destination);
    bool is_null = strcmp(args->ingest.destination, "null:") == 0;
    snprintf(text, size, "cache %s, %zu %s, %s%s", args->bench.cold ? "cold" : "warm",
             args->bench.repeat, plural(args->bench.repeat, "repetition", "repetitions in turns"),
             !is_null                                   ? "loaded into "
             : args->ingest.typing == SHEAF_TYPING_TEXT ? "every field found"
                                                        : "every field found and converted",
             is_null ? "" : destination);
}

/* ---- the terminal ---- */

typedef struct screen {
    FILE *out;
    int width;
    bool is_terminal;
    bool has_colour;
    bool has_blocks; /* characters for eighths of a bar */
} screen;

static bool is_utf8(void)
{
    static const char *const known[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *value = getenv(known[i]);
        if (value && *value)
            return strcasestr(value, "UTF-8") || strcasestr(value, "utf8");
    }
    return false;
}

static screen screen_of(FILE *out)
{
    struct winsize size;
    const char *terminal = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    screen made = {.out = out, .width = 80, .has_blocks = is_utf8()};
    made.is_terminal = isatty(fileno(out));
    if (made.is_terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        made.width = size.ws_col < 24 ? 24 : size.ws_col;
    made.has_colour = made.is_terminal && !(no_colour && *no_colour) && terminal &&
                      strcmp(terminal, "dumb") != 0;
    return made;
}

static void colour(const screen *to, const char *code)
{
    if (to->has_colour)
        fprintf(to->out, "\x1b[%sm", code);
}

/* How many columns a text takes that is UTF-8 and has no control characters. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

/* Broken between words where the terminal ends, behind what is used of the first line; the other
   lines begin with so many blanks. */
static void put_wrapped(const screen *to, const char *text, int used, int indent)
{
    while (*text) {
        char word[512];
        size_t n = strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, text);
        int width = width_of(word);
        if (to->is_terminal && used > indent && used + 1 + width > to->width - 1) {
            fprintf(to->out, "\n%*s", indent, "");
            used = indent;
        } else if (used > 0) {
            fputc(' ', to->out);
            used++;
        }
        fputs(word, to->out);
        used += width;
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', to->out);
}

/* ---- the table ---- */

enum { N_COLUMNS = 11 };

typedef struct table_row {
    bench_text cells[N_COLUMNS];
} table_row;

static const char *const heads[N_COLUMNS] = {"",        "wall s", "fastest",    "spread",
                                             "CPU s",   "rate",   "speed-up",   "efficiency",
                                             "of read", "memory", "page faults"};

/* Which are left out first where there is no room. */
static const int dispensable[] = {10, 9, 2, 7, 4, 3, 8, 1};

static table_row row_of(const bench_case *one)
{
    table_row row = {0};
    snprintf(row.cells[0].text, sizeof row.cells[0].text, "%.47s", one->name);
    row.cells[1] = bench_seconds(one->wall.median);
    row.cells[2] = bench_seconds(one->wall.min);
    row.cells[3] = bench_percent(one->spread);
    row.cells[4] = bench_seconds(one->cpu.median);
    row.cells[5] = bench_rate(one->rate);
    row.cells[9] = bytes_of(one->peak_bytes);
    format_count(one->minor_faults + one->major_faults, row.cells[10].text,
                 sizeof row.cells[10].text);
    if (one->is_read)
        return row;
    snprintf(row.cells[6].text, sizeof row.cells[6].text, "%.2f", one->speedup);
    row.cells[7] = bench_percent(one->efficiency);
    row.cells[8] = bench_percent(one->share);
    return row;
}

/* The width of each column; 0: it is left out. */
static void fit_columns(const screen *to, const table_row *rows, size_t n_rows, int *widths)
{
    int all = -2;
    for (int c = 0; c < N_COLUMNS; c++) {
        widths[c] = width_of(heads[c]);
        for (size_t i = 0; i < n_rows; i++) {
            int width = width_of(rows[i].cells[c].text);
            widths[c] = width > widths[c] ? width : widths[c];
        }
        all += widths[c] + 2;
    }
    for (size_t i = 0; i < sizeof dispensable / sizeof dispensable[0]; i++) {
        if (!to->is_terminal || all < to->width)
            return;
        all -= widths[dispensable[i]] + 2;
        widths[dispensable[i]] = 0;
    }
}

static void put_cell(const screen *to, const char *text, int width, bool is_first)
{
    int pad = width - width_of(text);
    if (is_first)
        fprintf(to->out, "%s%*s", text, pad, "");
    else
        fprintf(to->out, "  %*s%s", pad, "", text);
}

static void put_table(const screen *to, const bench *self)
{
    int widths[N_COLUMNS];
    table_row *rows = calloc(self->n_cases, sizeof *rows);
    if (!rows)
        return;
    for (size_t i = 0; i < self->n_cases; i++)
        rows[i] = row_of(&self->cases[i]);
    fit_columns(to, rows, self->n_cases, widths);
    colour(to, "1");
    for (int c = 0; c < N_COLUMNS; c++)
        if (c == 0 || widths[c] > 0)
            put_cell(to, heads[c], widths[c], c == 0);
    colour(to, "0");
    fputc('\n', to->out);
    for (size_t i = 0; i < self->n_cases; i++) {
        if (self->cases[i].is_read)
            colour(to, "2");
        for (int c = 0; c < N_COLUMNS; c++)
            if (widths[c] > 0)
                put_cell(to, rows[i].cells[c].text, widths[c], c == 0);
        if (self->cases[i].is_read)
            colour(to, "0");
        fputc('\n', to->out);
    }
    free(rows);
}

/* ---- bars ---- */

static const char *colour_of(const bench_case *one)
{
    return one->is_read                              ? "2"
           : one->baseline == one                    ? "33"
           : one->executor == SHEAF_EXECUTOR_THREADS ? "36"
                                                     : "35";
}

static void put_bar(const screen *to, double share, int width, const char *code)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int filled = (int)(share * width * 8 + 0.5);
    if (!to->has_blocks)
        filled = (filled + 4) / 8 * 8;
    colour(to, code);
    for (int i = 0; i < filled / 8; i++)
        fputs(to->has_blocks ? "█" : "#", to->out);
    fputs(eighths[filled % 8], to->out);
    colour(to, "0");
    fprintf(to->out, "%*s", width - (filled + 7) / 8, "");
}

static void put_bars(const screen *to, const bench *self)
{
    double most = 0;
    int name_width = 0;
    int room = to->width - 1 < 100 ? to->width - 1 : 100;
    for (size_t i = 0; i < self->n_cases; i++) {
        int width = width_of(self->cases[i].name);
        name_width = width > name_width ? width : name_width;
        most = self->cases[i].rate > most ? self->cases[i].rate : most;
    }
    int width = room - name_width - 2 - 11;
    if (width < 4 || most <= 0)
        return;
    fputc('\n', to->out);
    for (size_t i = 0; i < self->n_cases; i++) {
        const bench_case *one = &self->cases[i];
        fprintf(to->out, "%-*s  ", name_width, one->name);
        put_bar(to, one->rate / most, width, colour_of(one));
        fprintf(to->out, " %10s\n", bench_rate(one->rate).text);
    }
}

/* ---- all of it ---- */

static void put_warnings(const screen *to, const bench *self)
{
    if (self->n_warnings > 0)
        fputc('\n', to->out);
    for (size_t i = 0; i < self->n_warnings; i++) {
        colour(to, "33");
        fputs("caution", to->out);
        colour(to, "0");
        put_wrapped(to, self->warnings[i].text, 7, 8);
    }
}

void bench_report(const bench *self, FILE *out)
{
    char text[640];
    screen to = screen_of(out);
    bench_describe_data(self, text, sizeof text);
    put_wrapped(&to, text, 0, 2);
    bench_describe_run(self, text, sizeof text);
    put_wrapped(&to, text, 0, 2);
    snprintf(text, sizeof text, "%s, %d %s, %s", self->machine.cpu, self->machine.processors,
             plural(self->machine.processors, "processor", "processors"), self->machine.system);
    put_wrapped(&to, text, 0, 2);
    fputc('\n', out);
    put_table(&to, self);
    put_bars(&to, self);
    fprintf(out, "\nall the same: digest %016llx\n",
            (unsigned long long)bench_counts_of(self)->digest);
    put_warnings(&to, self);
}
