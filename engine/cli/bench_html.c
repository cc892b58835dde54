/*
 * The result as a page: one file, no script, nothing fetched from anywhere. Light or dark as the
 * reader's screen is, on a telephone as on a wide one.
 *
 * Everything that comes from outside (paths, the command line, the processor's name) passes
 * sheaf_text_escape() and put_text().
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/cli/bench.h"

/* ---- text ---- */

/* As text or in an attribute. It is UTF-8 and has no control characters. */
static void put_text(const char *text, FILE *out)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static void put_outside(const char *bytes, FILE *out)
{
    size_t n = sheaf_text_escape(bytes, strlen(bytes), NULL, 0);
    char *text = malloc(n + 1);
    if (!text)
        return;
    sheaf_text_escape(bytes, strlen(bytes), text, n + 1);
    put_text(text, out);
    free(text);
}

static void put_count(uint64_t count, FILE *out)
{
    char text[32];
    fputs(format_count(count, text, sizeof text), out);
}

/* ---- style ---- */

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1d2126;--soft:#5d6570;--paper:#fff;--line:#dfe3e8;"
    "--read:#aab2bd;--sequential:#c9811a;--threads:#2878b5;--processes:#7856a8;"
    "--whisker:#111;--shade:#0004;--warn:#fff4dc;--warnline:#d99a1c}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa3ae;--paper:#15181c;"
    "--line:#31363d;--read:#5d6672;--sequential:#d9942f;--threads:#3f94d6;"
    "--processes:#9a78cf;--whisker:#f4f6f8;--shade:#fff5;--warn:#2f2714;--warnline:#b9831f}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;padding:1.5rem 1rem 3rem;max-width:72rem;background:var(--paper);"
    "color:var(--ink);font:16px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.6rem;line-height:1.2;margin:0 0 .3rem}\n"
    "h2{font-size:1.1rem;margin:2.2rem 0 .6rem}\n"
    "p{margin:.2rem 0}\n"
    ".soft,caption{color:var(--soft)}\n"
    "svg{display:block;overflow:visible;margin-top:.8rem}\n"
    "svg text{fill:var(--ink);font-size:14px;paint-order:stroke;stroke:var(--paper);"
    "stroke-width:3px}\n"
    "svg .value{text-anchor:end;font-variant-numeric:tabular-nums}\n"
    "svg .mark{fill:var(--soft);font-size:12px;text-anchor:middle}\n"
    "svg .mark.first{text-anchor:start}\n"
    "svg .mark.last{text-anchor:end}\n"
    ".grid{stroke:var(--line)}\n"
    ".read{fill:var(--read)}\n"
    ".sequential{fill:var(--sequential)}\n"
    ".threads{fill:var(--threads)}\n"
    ".processes{fill:var(--processes)}\n"
    ".whisker{stroke:var(--whisker);stroke-width:1.5}\n"
    ".baseline{stroke:var(--sequential);stroke-width:2;stroke-dasharray:4 3}\n"
    /* The shade on the right lies below a cover that moves with the table, up to its end. */
    ".wide{overflow-x:auto;border:1px solid var(--line);border-radius:6px;"
    "background:linear-gradient(to left,var(--paper) 1rem,transparent) right/2rem 100% no-repeat "
    "local,linear-gradient(to left,var(--shade),transparent) right/1rem 100% no-repeat scroll}\n"
    "table{border-collapse:collapse;width:100%;font-size:.88rem;"
    "font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.35rem .55rem;text-align:right;white-space:nowrap}\n"
    "th:first-child{text-align:left;position:sticky;left:0;background:var(--paper)}\n"
    "thead th{border-bottom:2px solid var(--line)}\n"
    "tbody th{font-weight:600}\n"
    "tbody tr+tr>*{border-top:1px solid var(--line)}\n"
    "tr.alone>*{color:var(--soft);font-weight:400}\n"
    "ul.warnings{list-style:none;margin:1.2rem 0 0;padding:0}\n"
    "ul.warnings li{background:var(--warn);border-left:4px solid var(--warnline);"
    "padding:.45rem .8rem;margin:.4rem 0}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:0}\n"
    "dt{color:var(--soft)}\n"
    "dd{margin:0;overflow-wrap:anywhere}\n"
    "code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}\n"
    "@media(max-width:34rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}\n";

/* ---- parts ---- */

static void put_head(FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"generator\" content=\"sheaf bench\">\n<title>sheaf bench</title>\n"
          "<style>\n",
          out);
    fputs(style, out);
    fputs("</style>\n</head>\n<body>\n", out);
}

static void put_summary(const bench *self, FILE *out)
{
    char text[640];
    const bench_case *best = NULL;
    for (size_t i = 0; i < self->n_cases; i++)
        if (!self->cases[i].is_read && (!best || self->cases[i].rate > best->rate))
            best = &self->cases[i];
    fprintf(out, "<header>\n<h1>%s: %s", best->name, bench_rate(best->rate).text);
    if (best->baseline != best)
        fprintf(out, ", %.2f\xc3\x97 %s", best->speedup, best->baseline->name);
    fputs("</h1>\n<p>", out);
    bench_describe_data(self, text, sizeof text);
    put_text(text, out);
    fputs("</p>\n<p class=\"soft\">", out);
    bench_describe_run(self, text, sizeof text);
    put_text(text, out);
    fputs("</p>\n</header>\n", out);
}

static void put_warnings(const bench *self, FILE *out)
{
    if (self->n_warnings == 0)
        return;
    fputs("<ul class=\"warnings\">\n", out);
    for (size_t i = 0; i < self->n_warnings; i++) {
        fprintf(out, "<li data-code=\"%s\">", self->warnings[i].code);
        put_text(self->warnings[i].text, out);
        fputs("</li>\n", out);
    }
    fputs("</ul>\n", out);
}

static void put_chart(const bench *self, FILE *out)
{
    fputs("<section>\n<h2>How fast</h2>\n"
          "<p class=\"soft\">Bytes as stored per second, from zero; the longer, the better. Bars: "
          "the median. Whiskers: from the slowest repetition to the fastest. Dashed: the "
          "sequential executor. Grey: the same bytes by read alone, with nothing done to "
          "them.</p>\n",
          out);
    bench_print_svg(self, out);
    fputs("</section>\n", out);
}

static void put_case(const bench_case *one, FILE *out)
{
    char memory[32];
    fprintf(out, "<tr%s><th scope=\"row\">%s</th>", one->is_read ? " class=\"alone\"" : "",
            one->name);
    fprintf(out, "<td>%s</td>", bench_rate(one->rate).text);
    if (one->is_read)
        fputs("<td></td><td></td>", out);
    else
        fprintf(out, "<td>%.2f</td><td>%s</td>", one->speedup, bench_percent(one->efficiency).text);
    fprintf(out, "<td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td>",
            bench_seconds(one->wall.median).text, bench_seconds(one->wall.min).text,
            bench_seconds(one->wall.max).text, bench_percent(one->spread).text,
            bench_seconds(one->cpu.median).text,
            one->is_read ? "" : bench_percent(one->share).text);
    fprintf(out, "<td>%s</td><td>", format_bytes(one->peak_bytes, memory, sizeof memory));
    put_count(one->minor_faults + one->major_faults, out);
    fputs("</td></tr>\n", out);
}

static void put_table(const bench *self, FILE *out)
{
    static const char *const heads[] = {"rate",          "speed-up", "efficiency", "wall s",
                                        "fastest",       "slowest",  "spread",     "CPU s",
                                        "of read alone", "memory",   "page faults"};
    fputs("<section>\n<h2>In figures</h2>\n<div class=\"wide\" tabindex=\"0\">\n<table>\n"
          "<thead><tr><th scope=\"col\"></th>",
          out);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        fprintf(out, "<th scope=\"col\">%s</th>", heads[i]);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < self->n_cases; i++)
        put_case(&self->cases[i], out);
    fputs("</tbody>\n</table>\n</div>\n</section>\n", out);
}

static void begin_term(const char *term, FILE *out)
{
    fprintf(out, "<dt>%s</dt><dd>", term);
}

static void put_machine(const bench *self, FILE *out)
{
    const bench_machine *machine = &self->machine;
    char text[64];
    time_t now = time(NULL);
    struct tm parts;
    fputs("<section>\n<h2>Where and how</h2>\n<dl>\n", out);
    begin_term("command", out);
    fputs("<code>", out);
    put_outside(self->args->bench.command, out);
    fputs("</code></dd>\n", out);
    begin_term("all the same", out);
    fprintf(out, "digest <code>%016" PRIx64 "</code> in every configuration</dd>\n",
            bench_counts_of(self)->digest);
    begin_term("processor", out);
    put_outside(machine->cpu, out);
    fprintf(out, ", %d %s</dd>\n", machine->processors,
            plural(machine->processors, "processor may be used", "processors may be used"));
    begin_term("memory", out);
    fprintf(out, "%s</dd>\n", format_bytes(machine->memory_bytes, text, sizeof text));
    begin_term("system", out);
    put_outside(machine->system, out);
    fputs("</dd>\n", out);
    begin_term("sheaf", out);
    fprintf(out, "%s; ", sheaf_version());
    put_outside(machine->build, out);
    fputs("</dd>\n", out);
    if (gmtime_r(&now, &parts) && strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts) > 0) {
        begin_term("time", out);
        fprintf(out, "%s</dd>\n", text);
    }
    fputs("</dl>\n</section>\n", out);
}

void bench_print_html(const bench *self, FILE *out)
{
    put_head(out);
    put_summary(self, out);
    put_warnings(self, out);
    put_chart(self, out);
    put_table(self, out);
    put_machine(self, out);
    fputs("</body>\n</html>\n", out);
}
