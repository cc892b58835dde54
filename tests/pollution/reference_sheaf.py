#!/usr/bin/env python3
"""`sheaf ingest` and `sheaf cat` on the reference reader: what score.py would like to see.

    python3 tests/pollution/score.py tests/pollution/reference_sheaf.py --only parameters

It guesses nothing: without parameters it reads a comma separated file in UTF-8.
"""

import json
import pathlib
import sys

import reference
from judge import CLEAN, FAULT, LOADED_IN_PART


def spell(cell):
    if cell is None:
        return ""
    is_special = cell == "" or any(c in cell for c in ',"\r\n')
    return '"' + cell.replace('"', '""') + '"' if is_special else cell


def spell_record(cells):
    """A lone null would be a blank line."""
    return (",".join(map(spell, cells)) or '""') + "\n"


def output_of(reading):
    """The file that is written; None if the input is refused."""
    if reading.refused:
        return None
    records = [*([reading.header] if reading.header is not None else []), *reading.rows]
    return "".join(map(spell_record, records)).encode()


def quarantine_of(reading, name):
    """An object for each fault."""
    if reading.refused:
        return []
    return [{"file": name, "line": fault.line, "record": fault.record, "column": fault.column,
             "offset": fault.offset, "code": fault.code, "message": f"the record is {fault.code}",
             "raw": (fault.raw or b"?").decode("utf-8", "backslashreplace")}
            for fault in reading.faults]


def exit_code_of(reading):
    return FAULT if reading.refused else LOADED_IN_PART if reading.faults else CLEAN


def error_of(reading, name):
    """What is told of a file that is refused."""
    if not reading.refused:
        return ""
    line = reading.faults[0].line
    return f"fault: this is no table\n  --> {name}" + (f":{line}\n" if line else "\n")


def main():
    command, name, *options = sys.argv[1:]
    output = None
    if command == "ingest":
        assert options.pop(0) == "-o"
        output = pathlib.Path(options.pop(0))
    reading = reference.read(pathlib.Path(name).read_bytes(), options)
    data = output_of(reading)
    sys.stderr.write(error_of(reading, name))
    if output and data is not None:
        output.write_bytes(data)
        lines = "".join(json.dumps(fault) + "\n" for fault in quarantine_of(reading, name))
        if lines:
            pathlib.Path(f"{output}.quarantine.jsonl").write_text(lines, "utf-8")
    elif data is not None:
        sys.stdout.buffer.write(data)
    sys.exit(exit_code_of(reading))


if __name__ == "__main__":
    main()
