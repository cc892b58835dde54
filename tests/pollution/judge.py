"""Whether a program made of a polluted file what stands in it: cell by cell, fault by fault."""

import dataclasses
import difflib
import re

from case import Reading

CLEAN, FAULT, LOADED_IN_PART = 0, 2, 3

FIELD = re.compile(r'"((?:[^"]|"")*)"|([^",\r\n]*)')


@dataclasses.dataclass
class Outcome:
    """What a run of the program gave."""
    code: int                 # of `ingest`; negative: a signal
    output: bytes = None      # the file that it wrote; None: no such file
    faults: list = dataclasses.field(default_factory=list)  # of the quarantine file, a dict each
    err: str = ""
    differences: list = dataclasses.field(default_factory=list)  # between `cat` and `ingest`


@dataclasses.dataclass
class Verdict:
    right: bool
    cells: int = 0
    cells_right: int = 0
    faults: int = 0
    faults_right: int = 0
    silent: bool = False      # wrong, and nothing was said
    crashed: bool = False
    notes: list = dataclasses.field(default_factory=list)


# ---------------------------------------------------------------- the program's output

def parse_output(data):
    """
    Records as sheaf writes them: an empty field is null, `""` an empty text, lines end with LF.
    Raises ValueError where it is not CSV.
    """
    text = data.decode("utf-8")
    records, record, at = [], [], 0
    while at < len(text):
        field = FIELD.match(text, at)
        record.append(field[2] or None if field[1] is None else field[1].replace('""', '"'))
        at = field.end()
        mark = text[at:at + 1]
        if mark not in (",", "\n"):
            raise ValueError(f"the output is not CSV at character {at}: {text[at:at + 20]!r}")
        at += 1
        if mark == "\n":
            records.append(record)
            record = []
    if record:
        raise ValueError("the output's last line does not end")
    return records


def side_by_side(wanted, got):
    """Pairs of records that may be the same; by place alone where matching would take long."""
    if len(wanted) > 1000:
        return zip(wanted, got)
    matcher = difflib.SequenceMatcher(None, wanted, got, False)
    return [pair for change, a, a_end, b, b_end in matcher.get_opcodes()
            if change in ("equal", "replace")
            for pair in zip(wanted[a:a_end], got[b:b_end])]


def count_equal_cells(wanted, got):
    """In records side by side; after missing or surplus records, the next ones are found again."""
    wanted, got = [tuple(r) for r in wanted], [tuple(r) for r in got]
    equal = 0
    while wanted and got and wanted[-1] == got[-1]:
        equal += len(wanted.pop())
        got.pop()
    same = next((i for i, (left, right) in enumerate(zip(wanted, got)) if left != right),
                min(len(wanted), len(got)))
    equal += sum(map(len, wanted[:same]))
    for left, right in side_by_side(wanted[same:], got[same:]):
        equal += sum(x == y for x, y in zip(left, right))
    return equal


def first_difference(wanted, got):
    for number, (left, right) in enumerate(zip(wanted, got), 1):
        if left != right:
            return f"output record {number}: {right!r}, should be {left!r}"
    return f"{len(got)} output records, should be {len(wanted)}"


# ---------------------------------------------------------------- faults

def is_same_column(column, got, header):
    """A column may be told by number or by name, or not at all."""
    if column is None or got is None:
        return True
    name = header[column - 1] if header else f"column{column}"
    return got in (column, name)


def is_same_raw(raw, got):
    """How bytes are escaped is the program's matter; plain text stands for itself."""
    if raw is None:
        return True
    if not isinstance(got, str) or not got:
        return False
    is_plain = all(32 <= byte < 127 and byte != ord("\\") for byte in raw)
    return not is_plain or got.rstrip("\r\n") == raw.decode()


def is_same_fault(fault, got, header, name):
    return (got.get("code") == fault.code and got.get("line") == fault.line
            and (fault.record is None or got.get("record") == fault.record)
            and (fault.offset is None or got.get("offset") == fault.offset)
            and str(got.get("file", "")).rpartition("/")[2] == name
            and bool(got.get("message"))
            and is_same_column(fault.column, got.get("column"), header)
            and is_same_raw(fault.raw, got.get("raw")))


def match_faults(faults, got, header, name):
    """Those that are missing, and those that should not be there."""
    missing, left = [], list(got)
    for fault in faults:
        found = next((g for g in left if is_same_fault(fault, g, header, name)), None)
        if found is None:
            missing.append(fault)
        else:
            left.remove(found)
    return missing, left


# ---------------------------------------------------------------- verdicts

def judge_refused(case, reading, outcome):
    """Nothing is loaded, and a fault is shown."""
    shown = reading.faults[0]
    try:
        records = parse_output(outcome.output or b"")
    except ValueError:
        records = []
    lines = [fault.get("line") for fault in outcome.faults]
    place = re.search(re.escape(case.name) + r"(?::(\d+))?", outcome.err)
    if place and place[1]:
        lines.append(int(place[1]))
    is_shown = (place or lines) and shown.line in [None, *lines]
    verdict = Verdict(True, faults=1, faults_right=int(bool(is_shown)))
    if outcome.code not in (FAULT, LOADED_IN_PART):
        verdict.notes.append(f"exit {outcome.code} for a file that is not to be loaded")
    if len(records) > 1:
        verdict.notes.append(f"{len(records)} output records, should be none")
    if not is_shown:
        verdict.notes.append(f"no fault is shown in line {shown.line or 'N'}")
    return verdict


def judge_loaded(case, reading, outcome):
    wanted = [*([reading.header] if reading.header is not None else []), *reading.rows]
    verdict = Verdict(True, sum(map(len, wanted)), 0, len(reading.faults))
    code = LOADED_IN_PART if reading.faults else CLEAN
    if outcome.code != code:
        verdict.notes.append(f"exit {outcome.code}, should be {code}")
    got = []
    if outcome.output is None:
        verdict.notes.append("nothing was written")
    else:
        try:
            got = parse_output(outcome.output)
        except ValueError as error:
            verdict.notes.append(str(error))
    if got != wanted:
        verdict.notes.append(first_difference(wanted, got))
    verdict.cells_right = count_equal_cells(wanted, got)
    missing, surplus = match_faults(reading.faults, outcome.faults, reading.header, case.name)
    verdict.faults_right = len(reading.faults) - len(missing)
    verdict.notes += [f"missing: {fault}" for fault in missing[:3]]
    verdict.notes += [f"surplus: {fault}" for fault in surplus[:3]]
    return verdict


def judge_by(case, reading: Reading, outcome):
    verdict = (judge_refused if reading.refused else judge_loaded)(case, reading, outcome)
    verdict.notes += outcome.differences
    verdict.crashed = outcome.code < 0
    verdict.right = not verdict.notes and not verdict.crashed
    verdict.silent = not verdict.right and outcome.code == CLEAN
    return verdict


def judge(case, outcome):
    """By the reading that suits it best, the first one if none does."""
    verdicts = [judge_by(case, reading, outcome) for reading in case.readings]
    return next((verdict for verdict in verdicts if verdict.right), verdicts[0])
