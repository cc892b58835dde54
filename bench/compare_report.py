"""What bench/compare tells: tables in Markdown, and a chart as SVG, of the figures of a run."""

import html
import statistics
import textwrap

BEGIN, END = "<!-- bench/compare --readme writes from here", "<!-- to here -->"


class Figure:
    """What one tool needed for one work."""

    def __init__(self, comparison, repetitions):
        self.once = len(repetitions) == 1
        self.walls = [one["wall"] for one in repetitions]
        self.cpus = [one["cpu"] for one in repetitions]
        self.wall, self.cpu = statistics.median(self.walls), statistics.median(self.cpus)
        self.peak = max(one["peak"] for one in repetitions)
        self.megabytes = comparison["bytes"] / 1e6

    def per_cpu(self):
        return self.megabytes / self.cpu

    def per_second(self):
        return self.megabytes / self.wall


def figures(report, workers):
    """Work -> tool -> its figure, of those with so many workers; and what each work is called."""
    found, names = {}, {}
    for comparison in report["comparisons"]:
        if comparison["workers"] == workers:
            names[comparison["work"]] = comparison["what"]
            found[comparison["work"]] = {tool: Figure(comparison, repetitions)
                                         for tool, repetitions in comparison["results"].items()}
    return found, names


def number(value):
    """Three digits that say something, and no more than those before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def workers_of(report):
    return sorted({comparison["workers"] for comparison in report["comparisons"]})


def ordered(report, found):
    """The tools that have a figure, in the order of the report."""
    return [tool for tool in report["tools"] if any(tool in by_tool for by_tool in found.values())]


# ---- tables ----

def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head),
                      *("| " + " | ".join(row) + " |" for row in rows)])


def rates(report, workers, rate):
    """A line for each work, a column for each tool."""
    found, names = figures(report, workers)
    tools = ordered(report, found)
    many = report["repeat"] > 1

    def cell(one):
        return number(rate(one)) + " ¹" * (one.once and many)

    rows = [[names[work], *(cell(by_tool[tool]) if tool in by_tool else "" for tool in tools)]
            for work, by_tool in found.items()]
    return table(["", *tools], rows)


def seconds(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def own_times(report):
    """What sheaf took, by the clock and of the processors."""
    rows = []
    for comparison in report["comparisons"]:
        repetitions = comparison["results"].get("sheaf")
        if repetitions:
            one = Figure(comparison, repetitions)
            rows.append([comparison["what"], f"{one.megabytes:,.0f}", str(comparison["workers"]), seconds(one.walls),
                         seconds(one.cpus), f"{one.peak / 1e6:,.0f}"])
    return table(["", "MB", "workers", "wall s", "CPU s", "peak MB"], rows)


# ---- words ----

def about(report):
    tools = ", ".join(f"{name} {version}" for name, version in report["tools"].items()
                      if name != "sheaf" and "," not in name)
    text = (f"Measured on {report['date']} on {report['processors']} processors ({report['processor']}, Linux "
            f"{report['system']}) at {report['commit']} (sheaf {report['tools']['sheaf']}), files in the page cache, by "
            f"`bench/compare --size {report['size_mb']} --repeat {report['repeat']}`: medians of {report['repeat']} runs in turns")
    return textwrap.fill(text + (f", beside {tools}" if tools else "") + ".", 124, break_on_hyphens=False)


def warnings(report):
    lines = []
    if report["quick"] or report["size_mb"] < 100:
        lines.append("The files are small: what is measured is mostly how long programs take to start.")
    if report["others_percent"] > 5:
        lines.append(f"Meanwhile other processes used {report['others_percent']:.0f} % of the machine's processors: "
                     "measure again.")
    if any(Figure(comparison, repetitions).once for comparison in report["comparisons"]
           for repetitions in comparison["results"].values()) and report["repeat"] > 1:
        lines.append("¹ once: it took too long to be asked again.")
    lines += [f"{comparison['what']}, {comparison['workers']} workers: {tool} has no figure: {why.splitlines()[0]}"
              for comparison in report["comparisons"] for tool, why in comparison["failed"].items()]
    return lines


def summary(report):
    """For the README: the chart, what it costs with the fewest workers, and how long it takes with the most."""
    first, last = workers_of(report)[0], workers_of(report)[-1]
    return "\n\n".join([about(report), "![MB per CPU-second of each tool](bench/compare.svg)",
                        f"MB per CPU-second, {first} worker{'s' * (first > 1)}; more is better:",
                        rates(report, first, Figure.per_cpu),
                        f"MB per second by the clock, {last} worker{'s' * (last > 1)}:",
                        rates(report, last, Figure.per_second), *warnings(report)])


def everything(report):
    parts = [about(report)]
    for workers in workers_of(report):
        said = f"{workers} worker{'s' * (workers > 1)}"
        parts += [f"MB per CPU-second, {said}:", rates(report, workers, Figure.per_cpu),
                  f"MB per second by the clock, {said}:", rates(report, workers, Figure.per_second)]
    largest = workers_of(report)[-1]
    parts += [f"Peak memory in MB, {largest} worker{'s' * (largest > 1)}:",
              rates(report, largest, lambda one: one.peak / 1e6), "sheaf in seconds, the least and the most in brackets:",
              own_times(report), *warnings(report)]
    return "\n\n".join(parts)


def put(path, text):
    """Between the two marks of a file."""
    whole = path.read_text(encoding="utf-8")
    before, mark, rest = whole.partition(BEGIN)
    rest_of_line, _, rest = rest.partition("\n")
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"{path} has no line that begins with {BEGIN}, or none {END}")
    path.write_text(f"{before}{mark}{rest_of_line}\n\n{text}\n\n{end}{after}", encoding="utf-8")


# ---- the chart ----

WIDTH, COLUMNS, GAP, MARGIN = 960, 2, 32, 16
ROW, BAR, NAME, HEAD, VALUE = 20, 13, 128, 26, 78

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 13px } .quiet { fill: #57606a }
.bar { fill: #b8bcc4 } .own { fill: #2f7fb5 } .whisker { stroke: #24292f } .zero { stroke: #8c959f }
.page { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #9198a1 } .bar { fill: #545d68 } .own { fill: #4aa3df }
  .whisker { stroke: #e6edf3 } .zero { stroke: #6e7681 } .page { fill: #0d1117 }
}"""


def bar(tool, one, y, scale, left):
    """A name, a bar from zero, a whisker from the slowest repetition to the fastest, and the rate."""
    length, slowest, fastest = (one.megabytes / seconds * scale for seconds in (one.cpu, max(one.cpus), min(one.cpus)))
    middle = y + BAR / 2
    return [f'<text x="{left - 8}" y="{y + BAR - 2}" text-anchor="end">{html.escape(tool)}</text>',
            f'<rect class="{"own" if tool == "sheaf" else "bar"}" x="{left}" y="{y}" width="{length:.1f}" height="{BAR}"/>',
            f'<line class="whisker" x1="{left + slowest:.1f}" y1="{middle}" x2="{left + fastest:.1f}" y2="{middle}"/>',
            f'<text x="{left + max(length, fastest) + 6:.1f}" y="{y + BAR - 2}">{number(one.per_cpu())}</text>']


def panel(name, by_tool, x, y, width):
    """The bars of one work. The longest takes all the room there is."""
    left = x + NAME
    fastest = max(one.megabytes / min(one.cpus) for one in by_tool.values())
    scale = (width - NAME - VALUE) / fastest
    lines = [f'<text class="title" x="{x}" y="{y + 14}">{html.escape(name)}</text>']
    for row, (tool, one) in enumerate(sorted(by_tool.items(), key=lambda item: -item[1].per_cpu())):
        lines += bar(tool, one, y + HEAD + row * ROW, scale, left)
    bottom = y + HEAD + len(by_tool) * ROW - (ROW - BAR) + 3
    return [*lines, f'<line class="zero" x1="{left}" y1="{y + HEAD - 3}" x2="{left}" y2="{bottom}"/>']


def chart(report):
    """MB per CPU-second of one worker, a panel for each work, each on a scale of its own from zero."""
    first = workers_of(report)[0]
    found, names = figures(report, first)
    found = {work: by_tool for work, by_tool in found.items() if by_tool}
    width = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
    lines, y, tallest = [], MARGIN + 44, 0
    for index, (work, by_tool) in enumerate(found.items()):
        column = index % COLUMNS
        if column == 0 and index > 0:
            y, tallest = y + tallest, 0
        tallest = max(tallest, HEAD + len(by_tool) * ROW + 20)
        lines += panel(names[work], by_tool, MARGIN + column * (width + GAP), y, width)
    height = y + tallest
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
            f'height="{height:.0f}" role="img" aria-label="MB per CPU-second of each tool">', f"<style>{STYLE}</style>",
            '<rect class="page" width="100%" height="100%"/>',
            f'<text class="title" x="{MARGIN}" y="{MARGIN + 12}">MB per CPU-second, {first} worker{"s" * (first > 1)}: '
            "more is better</text>",
            f'<text class="quiet" x="{MARGIN}" y="{MARGIN + 30}">Each panel has its own scale, from zero. A line reaches '
            "from the slowest run to the fastest.</text>"]
    return "\n".join([*head, *lines, "</svg>"]) + "\n"
