"""What is written: tables, JSON and a chart, which agree."""

import math
import os
import statistics
import xml.etree.ElementTree
from xml.sax.saxutils import escape

from .inits import Mode, rows, versions


class Results:
    """All figures by init and row, and what was seen of each init besides."""

    def __init__(self, inits):
        self.samples = {init.name: {} for init in inits}
        self.server_ends = {init.name: True for init in inits}

    def add(self, init, **figures):
        for key, figure in figures.items():
            self.samples[init.name].setdefault(key, []).append(figure)

    def as_json(self, mode, inits):
        def figures(row, samples):
            low, median, high = quartiles(samples)
            return {"title": row.title, "unit": row.unit, "shown": shown(row, samples),
                    "median": median / row.scale, "low": low / row.scale, "high": high / row.scale,
                    "samples": [round(sample / row.scale, row.digits + 1) for sample in samples]}
        result = {
            "mode": mode.name, "rounds": mode.rounds, "kernel": ".".join(os.uname().release.split(".")[:2]), "processor": processor(),
            "processors": os.cpu_count(), "inits": []}
        known = versions()
        for init in inits:
            samples = self.samples[init.name]
            result["inits"].append({
                "name": init.name, "version": known.get(init.name, ""), "remarks": init.remarks,
                "server_ends_by_itself": self.server_ends[init.name],
                "figures": {row.key: figures(row, samples[row.key])
                            for table in rows(mode).values() for row in table if row.key in samples}})
        return result


def quartiles(samples):
    if len(samples) == 1:
        return samples * 3
    return statistics.quantiles(samples, n=4, method="inclusive")


def shown(row, samples):
    """The median as the table and the chart write it, and the quartiles where they look different."""
    low, median, high = [f"{figure / row.scale:,.{row.digits}f}" for figure in quartiles(samples)]
    return median if low == high else f"{median} ({low} to {high})"


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.partition(": ")[2].strip() for line in file if line.startswith("model name")), "")


def markdown(result, mode):
    """A table for each group of rows, with a line for each init, and how they were measured."""
    text = [HEAD.format(**result)]
    for title, table in rows(mode).items():
        text.append(tabular(result, title, table, lambda figure: figure["shown"]))
    text.append("| | what it does not do, or does otherwise |\n|---|---|")
    text += [f"| {init['name']} | {init['remarks']} |" for init in result["inits"]]
    return "\n".join([*text, HOW])


def summary(result, mode):
    """The table of the README: some rows, and medians only."""
    table = [row for group in rows(mode).values() for row in group if row.key in SUMMARY]
    return tabular(result, f"medians of {result['rounds']} rounds", table, lambda figure: figure["shown"].split(" (")[0])


def tabular(result, title, table, show):
    text = [f"| {title} | " + " | ".join(f"{row.title}{row.unit and ', ' + row.unit}" for row in table) + " |",
            "|---" * (len(table) + 1) + "|"]
    for init in result["inits"]:
        cells = [show(init["figures"][row.key]) if row.key in init["figures"] else NONE for row in table]
        text.append(f"| {init['name']} {init['version']} | " + " | ".join(cells) + " |")
    return "\n".join(text) + "\n"


SUMMARY = ("files", "libraries", "proportional", "anonymous", "wakeups", "start", "stop", "ended", "mounting", "mounts2000")
# What is in the table where an init cannot do it.
NONE = "-"
HEAD = """# zinit-pid1 and other inits

`scripts/bench` has measured all of this in {rounds} rounds, in each of which every init had its turn, on Linux {kernel}
with {processors} processors ({processor}). Times depend on what else the computer does, counted instructions do not.
Figures are medians, with the quartiles in brackets where they differ; `-` is what an init does not do.

![The same figures as bars](bench.svg)
"""
HOW = """
Dinit is in no suite of Debian; the others are its packages, which `scripts/setup inits` unpacks and does not install.

- Each init is PID 1 of namespaces with a read-only root, and has one service: a static server, which is started without
  a shell by all of them. `runsvdir` and `s6-svscan` have one more process for each service, which is counted with them.
- Memory is the sum of `/proc/PID/smaps_rollup` and wake-ups are the context switches of all processes but the server. Of
  what is proportional, the C library is shared with every other program on the computer.
- The start is the time from the exec of the init to the server's `main`; the stop that from TERM until PID 1 and all others
  are gone. The server exits at once when it is asked to. On a busy computer a process that is woken or forked waits some
  milliseconds for a processor, and zinit-pid1 forks twice: a client of the server, and who sends TERM to what is left.
- Orphans share their memory, so that the kernel has little work with each of them. They exit together, in batches of 20,000
  at most, since the kernel has 32,768 pids; the time ends when PID 1 has reaped the last one. The CPU time is that of
  PID 1 in `/proc/PID/schedstat`. Who reaps while others still exit needs more CPU time, since wait4(2) looks at the
  living children that precede the first ended one in its list; so one row has 5,000 exit while PID 1 is stopped. The kernel
  charges work such as RCU and interrupts to the process that runs, which makes most of the differences there. By QEMU's
  count of instructions, an orphan that has exited costs zinit-pid1 3,800, of which 340 are its own and all others those of
  one wait4(2); it costs tini, dumb-init, catatonit and s6-svscan 3,500 to 3,600.
- A machine is emulated by QEMU, which counts its instructions: the clock advances by a nanosecond with each, so that a second
  is a thousand million of them, and somebody who sleeps costs time too. All machines are copies of one whose kernel has
  started. With all mounted, `zinit-pid1ctl` still brings the loopback interface up and prepares links in `/dev`, the host
  name and limits of open files, which the others leave to scripts that were not measured: a fifth of that figure. Two
  thirds of the mounts at the end are tmpfs, a third are bind mounts.
"""
COLUMNS, WIDTH, NAME, BAR, LINE = 3, 400, 96, 190, 18


def chart(result, mode):
    """A panel of bars for each row, with the figures of the table."""
    panels = [row for table in rows(mode).values() for row in table]
    height = LINE * (len(result["inits"]) + 3)
    total = height * math.ceil(len(panels) / COLUMNS) + LINE
    text = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMNS * WIDTH} {total}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{COLUMNS * WIDTH}" height="{total}" fill="#fff"/>']
    for index, row in enumerate(panels):
        left, top = index % COLUMNS * WIDTH + 12, index // COLUMNS * height + LINE
        figures = {init["name"]: init["figures"].get(row.key) for init in result["inits"]}
        known = [figure["median"] for figure in figures.values() if figure]
        logarithmic = is_logarithmic(known)
        scale = (row.unit and row.unit + ", ") + ("less" if row.lower else "more") + " is better"
        scale += ", logarithmic" if logarithmic else ""
        text.append(f'<text x="{left}" y="{top}" font-weight="bold">{escape(row.title)}</text>')
        text.append(f'<text x="{left}" y="{top + 14}" fill="#666" font-size="10">{scale}</text>')
        for line, (name, figure) in enumerate(figures.items(), 1):
            y = top + LINE * line + 12
            text.append(f'<text x="{left}" y="{y}">{name}</text>')
            width = length(figure["median"], known) if figure else 0
            color = "#c2410c" if name == "zinit-pid1" else "#64748b"
            label = figure["shown"] if figure else NONE
            if figure:
                low, high = (left + NAME + length(figure[end], known) for end in ("low", "high"))
                text.append(f'<rect x="{left + NAME}" y="{y - 11}" width="{width:.1f}" height="13" fill="{color}"/>')
                text.append(f'<path d="M{low:.1f} {y - 4.5}H{high:.1f}" stroke="#000"/>')
                width = max(width, high - left - NAME)
            text.append(f'<text x="{left + NAME + width + 4:.1f}" y="{y}" font-size="10" data-row="{row.key}" '
                        f'data-init="{name}">{label.split(" (")[0]}</text>')
    return "\n".join([*text, "</svg>"]) + "\n"


def is_logarithmic(known):
    return min(known) > 0 and max(known) > 50 * min(known)


def length(figure, known):
    """The length of a bar."""
    if is_logarithmic(known):
        low = math.log10(min(known)) - 0.2
        return BAR * max(0, math.log10(figure) - low) / (math.log10(max(known)) - low)
    return BAR * figure / max(known) if max(known) else 0


def compare(table, picture, result=None):
    """What differs between a text with tables, the chart and, if given, the JSON; with it, all figures must be there."""
    drawn = {}
    for element in xml.etree.ElementTree.fromstring(picture).iter():
        if "data-row" in element.attrib:
            drawn[element.get("data-init"), element.get("data-row")] = element.text
    titles = {f"{row.title}{row.unit and ', ' + row.unit}": row.key for group in rows(Mode(False)).values() for row in group}
    written, heads = {}, []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")] if line.startswith("| ") else []
        if any(cell in titles for cell in cells):
            heads = cells
        elif not cells:
            heads = heads if line.startswith("|---") else []
        else:
            for head, cell in zip(heads, cells):
                if head in titles:
                    written[cells[0].split(" ")[0], titles[head]] = cell
    differences = [f"{key}: the chart has {drawn.get(key)}, the table {written.get(key)}"
                   for key in sorted(drawn.keys() | written.keys() if result else written.keys())
                   if drawn.get(key) != (written.get(key) or "").split(" (")[0]]
    for init in result["inits"] if result else []:
        for key, cell in written.items():
            figure = init["figures"].get(key[1], {"shown": NONE})
            if key[0] == init["name"] and figure["shown"] != cell:
                differences.append(f"{key}: JSON has {figure['shown']}, the table {cell}")
    if not written:
        differences.append("there is no table")
    return differences
