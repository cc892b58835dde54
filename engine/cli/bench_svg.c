/*
 * The picture in the page: bars for rates, from zero.
 *
 * Everything across is a share of the width, everything down is in pixels: so letters keep their
 * size on a telephone, where a picture that is scaled as a whole cannot be read. Each bar has its
 * name and its value above it, where there is room however short the bar is. Colours are the
 * page's, by classes.
 */
#include "engine/cli/bench.h"

enum { ROW = 46, BAR_TOP = 22, BAR_HEIGHT = 16, AXIS = 44 };

static const char *class_of(const bench_case *one)
{
    return one->is_read                              ? "read"
           : one->baseline == one                    ? "sequential"
           : one->executor == SHEAF_EXECUTOR_THREADS ? "threads"
                                                     : "processes";
}

static double rate_at(const bench_case *one, double seconds)
{
    return seconds > 0 ? (double)one->counts.read_bytes / seconds : 0;
}

static void put_row(const bench_case *one, int top, double end, FILE *out)
{
    double slowest = 100 * rate_at(one, one->wall.max) / end;
    double fastest = 100 * rate_at(one, one->wall.min) / end;
    int middle = top + BAR_TOP + BAR_HEIGHT / 2;
    fprintf(out, "<g><text class=\"name\" x=\"0\" y=\"%d\">%s</text>", top + 16, one->name);
    fprintf(out, "<text class=\"value\" x=\"100%%\" y=\"%d\">%s", top + 16,
            bench_rate(one->rate).text);
    if (!one->is_read)
        fprintf(out, ", %.2f\xc3\x97", one->speedup);
    fprintf(out, "</text><rect class=\"%s\" x=\"0\" y=\"%d\" width=\"%.3f%%\" height=\"%d\"/>",
            class_of(one), top + BAR_TOP, 100 * one->rate / end, BAR_HEIGHT);
    fprintf(out,
            "<line class=\"whisker\" x1=\"%.3f%%\" y1=\"%d\" x2=\"%.3f%%\" y2=\"%d\"/>"
            "<line class=\"whisker\" x1=\"%.3f%%\" y1=\"%d\" x2=\"%.3f%%\" y2=\"%d\"/>"
            "<line class=\"whisker\" x1=\"%.3f%%\" y1=\"%d\" x2=\"%.3f%%\" y2=\"%d\"/></g>\n",
            slowest, middle, fastest, middle, slowest, middle - 4, slowest, middle + 4, fastest,
            middle - 4, fastest, middle + 4);
}

/* Along the bars of those that are compared with it, and no further. */
static void put_baseline(const bench *self, size_t index, double end, FILE *out)
{
    const bench_case *one = &self->cases[index];
    double x = 100 * one->rate / end;
    for (size_t i = index + 1; i < self->n_cases && self->cases[i].baseline == one; i++)
        fprintf(out, "<line class=\"baseline\" x1=\"%.3f%%\" y1=\"%d\" x2=\"%.3f%%\" y2=\"%d\"/>\n",
                x, (int)i * ROW + BAR_TOP - 3, x, (int)i * ROW + BAR_TOP + BAR_HEIGHT + 3);
}

static void put_axis(double unit, double end, double step, int bottom, FILE *out)
{
    int n = (int)(end / step + 0.5);
    for (int i = 0; i <= n; i++) {
        double x = 100.0 * i / n;
        fprintf(out, "<line class=\"grid\" x1=\"%.3f%%\" y1=\"0\" x2=\"%.3f%%\" y2=\"%d\"/>", x, x,
                bottom + 5);
        fprintf(out, "<text class=\"mark%s\" x=\"%.3f%%\" y=\"%d\">%.6g</text>\n",
                i == 0   ? " first"
                : i == n ? " last"
                         : "",
                x, bottom + 20, i * step);
    }
    fprintf(out, "<text class=\"mark\" x=\"50%%\" y=\"%d\">%s per second</text>\n", bottom + 38,
            unit == 1e9   ? "GB"
            : unit == 1e6 ? "MB"
                          : "kB");
}

void bench_print_svg(const bench *self, FILE *out)
{
    double end;
    double step;
    double most = bench_rate_max(self);
    double unit = most >= 2e9 ? 1e9 : most >= 2e6 ? 1e6 : 1e3;
    int bottom = (int)self->n_cases * ROW;
    bench_axis(most / unit, &end, &step);
    fprintf(out,
            "<svg role=\"img\" aria-label=\"Rates as bars; the table below has the same figures\" "
            "width=\"100%%\" height=\"%d\">\n",
            bottom + AXIS);
    put_axis(unit, end, step, bottom, out);
    for (size_t i = 0; i < self->n_cases; i++)
        put_row(&self->cases[i], (int)i * ROW, end * unit, out);
    for (size_t i = 0; i < self->n_cases; i++)
        if (self->cases[i].baseline == &self->cases[i])
            put_baseline(self, i, end * unit, out);
    fputs("</svg>\n", out);
}
