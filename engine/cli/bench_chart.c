/*
 * The picture as a file, drawn by gnuplot, which reads its script from a pipe: no shell, and no
 * path in the script, because what it draws goes to a descriptor.
 *
 * Bars from zero, for rates: the longer, the better. A whisker reaches from the slowest repetition
 * to the fastest, a dashed line stands at what the sequential executor does.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/cli/bench.h"

extern char **environ;

/* ---- the script ---- */

static unsigned colour_of(const bench_case *one)
{
    return one->is_read                              ? 0xb8bcc4
           : one->baseline == one                    ? 0xc7821e
           : one->executor == SHEAF_EXECUTOR_THREADS ? 0x2f7fb5
                                                     : 0x7a5ea8;
}

/* In single quotes, where gnuplot knows one escape: a quote is doubled. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', out);
        if ((unsigned char)*text >= ' ')
            fputc(*text, out);
    }
    fputc('\'', out);
}

static void put_label(FILE *out, const bench_case *one)
{
    if (one->is_read)
        fprintf(out, "\"%s\"", bench_rate(one->rate).text);
    else
        fprintf(out, "\"%s, %.2fx\"", bench_rate(one->rate).text, one->speedup);
}

static double rate_at(const bench_case *one, double seconds, double unit)
{
    return seconds > 0 ? (double)one->counts.read_bytes / seconds / unit : 0;
}

/* y, median, slowest, fastest, where the label begins, colour, label */
static void put_data(const bench *self, double unit, FILE *out)
{
    fputs("$bars << EOD\n", out);
    for (size_t i = 0; i < self->n_cases; i++) {
        const bench_case *one = &self->cases[i];
        double fastest = rate_at(one, one->wall.min, unit);
        double label = fastest; /* behind the dashed line, too */
        if (one->baseline && one->baseline->rate / unit > label)
            label = one->baseline->rate / unit;
        fprintf(out, "%zu %.6g %.6g %.6g %.6g %u ", i, one->rate / unit,
                rate_at(one, one->wall.max, unit), fastest, label, colour_of(one));
        put_label(out, one);
        fputc('\n', out);
    }
    fputs("EOD\n", out);
}

static void put_names(const bench *self, FILE *out)
{
    fputs("set ytics scale 0 (", out);
    for (size_t i = 0; i < self->n_cases; i++)
        fprintf(out, "%s'%s' %zu", i > 0 ? ", " : "", self->cases[i].name, i);
    fputs(")\n", out);
}

/* At each sequential one's rate, along those that are compared with it. */
static void put_baselines(const bench *self, double unit, FILE *out)
{
    for (size_t i = 0; i < self->n_cases; i++) {
        const bench_case *one = &self->cases[i];
        size_t last = i;
        if (one->baseline != one)
            continue;
        while (last + 1 < self->n_cases && self->cases[last + 1].baseline == one)
            last++;
        fprintf(out,
                "set arrow from %.6g,%.2f to %.6g,%.2f nohead front dashtype 2 lw 1.5 lc rgb "
                "'#c7821e'\n",
                one->rate / unit, (double)i - 0.5, one->rate / unit, (double)last + 0.5);
    }
}

void bench_print_gnuplot(const bench *self, bool is_png, FILE *out)
{
    double end;
    double step;
    char text[640];
    double most = bench_rate_max(self);
    double unit = most >= 2e9 ? 1e9 : most >= 2e6 ? 1e6 : 1e3;
    int height = 190 + 34 * (int)self->n_cases;
    bench_axis(most / unit, &end, &step);
    fputs("set encoding utf8\n", out);
    if (is_png) /* twice as many pixels: for screens that have them, and for print */
        fprintf(out, "set terminal pngcairo size 1800,%d font 'sans,20' linewidth 2\n", 2 * height);
    else
        fprintf(out,
                "set terminal svg size 900,%d dynamic font 'sans-serif,13' "
                "background 'white'\n",
                height);
    bench_describe_data(self, text, sizeof text);
    fputs("set title ", out);
    put_quoted(out, text);
    fputs(" noenhanced\nset xlabel ", out);
    snprintf(text, sizeof text,
             "%s as stored per second: median of %zu, whiskers from slowest to fastest, cache %s",
             unit == 1e9   ? "GB"
             : unit == 1e6 ? "MB"
                           : "kB",
             self->args->bench.repeat, self->args->bench.cold ? "cold" : "warm");
    put_quoted(out, text);
    /* A third of the axis more on the right, for the labels behind the bars. */
    fprintf(out, " noenhanced\nset xrange [0:%.6g]\nset yrange [%.1f:-0.7]\n", end * 1.32,
            (double)self->n_cases - 0.3);
    fprintf(out, "set xtics 0,%.6g,%.6g nomirror\n", step, end);
    put_names(self, out);
    fputs("set bmargin 4.5\nset key off\nset border 3\nset grid xtics lt 1 lw 1 lc rgb '#d4d8dd'\n"
          "set style fill solid noborder\nset errorbars 0.6\n",
          out);
    put_data(self, unit, out);
    put_baselines(self, unit, out);
    fputs("plot $bars using 2:1:(0):2:($1-0.34):($1+0.34):6 with boxxyerror lc rgb variable, \\\n"
          "  $bars using 2:1:3:4 with xerrorbars pt -1 lw 1.5 lc rgb '#303030', \\\n"
          "  $bars using 5:1:7 with labels left offset 1,0 noenhanced\n",
          out);
}

/* ---- gnuplot ---- */

static bool tell_missing(int error)
{
    if (error == ENOENT)
        fputs("error: there is no gnuplot, which draws --chart\n"
              "  help: install it (Debian: gnuplot-nox), or use --html, which needs none\n",
              stderr);
    else
        fprintf(stderr, "error: gnuplot cannot be started: %s\n", strerror(error));
    return false;
}

/* Its standard input, output and error; the exit status by waitpid(), or -1 and errno. */
static pid_t start(char *const *argv, int input, int output, int errors)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    pid_t pid;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE); /* which this program ignores */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    int failure = posix_spawnp(&pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = failure;
    return failure ? -1 : pid;
}

static int wait_for(pid_t pid)
{
    int how = -1;
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        continue;
    return how;
}

bool bench_has_gnuplot(void)
{
    static char *const argv[] = {"gnuplot", "--version", NULL};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid = nothing < 0 ? -1 : start(argv, nothing, nothing, nothing);
    int error = errno;
    if (nothing >= 0)
        close(nothing);
    return pid >= 0 ? wait_for(pid) == 0 || tell_missing(ENOEXEC) : tell_missing(error);
}

/* What it said, made safe to show. */
static void tell_errors(FILE *errors)
{
    char said[2048];
    char shown[4096];
    rewind(errors);
    size_t n = fread(said, 1, sizeof said, errors);
    while (n > 0 && (said[n - 1] == '\n' || said[n - 1] == ' '))
        n--;
    sheaf_text_escape(said, n, shown, sizeof shown);
    fprintf(stderr, "error: gnuplot has not drawn the chart%s%s\n", n > 0 ? ": " : "", shown);
}

static bool draw_into(const bench *self, bool is_png, int output, int errors)
{
    static char *const argv[] = {"gnuplot", "-", NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t pid = start(argv, ends[0], output, errors);
    close(ends[0]);
    FILE *script = fdopen(ends[1], "w");
    if (!script)
        close(ends[1]);
    bool is_sent = script && pid >= 0;
    if (is_sent)
        bench_print_gnuplot(self, is_png, script);
    if (script)
        is_sent = fclose(script) == 0 && is_sent;
    return pid >= 0 && wait_for(pid) == 0 && is_sent;
}

bool bench_draw(const bench *self, bool is_png, FILE *out)
{
    FILE *errors = tmpfile();
    if (!errors) {
        fprintf(stderr, "error: no temporary file can be made: %s\n", strerror(errno));
        return false;
    }
    bool good = draw_into(self, is_png, fileno(out), fileno(errors));
    /* It may fail and leave with 0: then it has drawn nothing. */
    good = good && lseek(fileno(out), 0, SEEK_END) != 0;
    if (!good)
        tell_errors(errors);
    fclose(errors);
    return good;
}
