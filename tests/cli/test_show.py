"""`sheaf show FILE:LINE`: the record that stands there, its bytes as they are and its fields as they are read."""

import gzip
import os
import random
import subprocess
import time
import unittest

import dirty
import harness
import messy
import oracle
from harness import CLEAN, FAULT, USAGE, SheafTest

TEXT = b'a,b\n1,2\n\n"x\ny","say ""so"""\n3,\n4\n"",\xff\n'


class ShowTest(SheafTest):
    def show(self, *args, code=CLEAN, **options):
        return self.expect(code, "show", *args, "--encoding", "utf-8", **options)

    def object(self, *args, **options):
        found = self.show(*args, "--json", **options).json
        if "raw" in found:
            found["raw"] = found["raw"].encode("utf-8", "surrogateescape")
        return found

    def values(self, found):
        return [each["value"] for each in found["fields"]]


class Text(ShowTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", TEXT)

    def text(self, *args):
        return self.show(*args).out.decode()

    def test_a_record(self):
        self.assertEqual('a.csv:2: record 1, 3 bytes from byte 4, 2 fields\n'
                         '  2 | 1,2\n'
                         'field  bytes  quoted  name  value\n'
                         '    1  0-1    no      a     "1"\n'
                         '    2  2-3    no      b     "2"\n', self.text("a.csv:2"))

    def test_one_of_several_lines(self):
        shown = ('a.csv:4: record 2, 18 bytes from byte 9, 2 fields\n'
                 '  4 | "x\n'
                 '  5 | y","say ""so"""\n'
                 'field  bytes  quoted  name  value\n'
                 '    1  0-5    yes     a     "x\\ny"\n'
                 '    2  6-18   yes     b     "say "so""\n')
        self.assertEqual(shown, self.text("a.csv:4"))
        self.assertEqual(shown, self.text("a.csv:5"))

    def test_a_fault_has_its_caret(self):
        self.assertEqual('a.csv:7: record 4, 1 byte from byte 31, 1 field\n'
                         '  7 | 4\n'
                         '    |  ^ record 4 has 1 field, the header has 2 [short]\n'
                         'field  bytes  quoted  name  value\n'
                         '    1  0-1    no      a     "4"\n', self.text("a.csv:7"))
        self.assertIn('  8 | "",\\xff\n    |    ^ byte 0xFF is not UTF-8 [encoding]\n', self.text("a.csv:8"))

    def test_the_caret_stands_below_what_is_meant(self):
        self.write("w.csv", "a,b\nö\x1b漢,2,3\n")
        self.assertIn("  2 | ö\\x1b漢,2,3\n    |          ^ record 1 has 3", self.text("w.csv:2"))
        self.write("m.csv", 'a,b\n"1\n2",3\n"4\n5",6,7\n')
        self.assertIn('  4 | "4\n  5 | 5",6,7\n    |      ^ record 2 has 3', self.text("m.csv:5"))

    def test_null_and_empty(self):
        self.assertIn('    2  2-2    no      b     null\n', self.text("a.csv:6"))
        self.write("e.csv", 'a,b\n"",\n')
        self.assertIn('    1  0-2    yes     a     ""\n    2  3-3    no      b     null\n', self.text("e.csv:2"))

    def test_the_header_and_blank_lines(self):
        self.assertTrue(self.text("a.csv:1").startswith("a.csv:1: the header, 3 bytes from byte 0, 2 fields\n"))
        self.assertEqual("a.csv:3: no record: a blank line, a comment, or before the table\n", self.text("a.csv:3"))

    def test_several(self):
        self.assertEqual(self.text("a.csv:2") + "\n" + self.text("a.csv:7"), self.text("a.csv:2", "a.csv:7"))

    def test_nothing_reaches_the_terminal_raw(self):
        self.write("\x1b[2J.csv", "a\x1b,b\n\x1b\x07\x00,\r\n")
        for line in "12":
            self.assertFalse(set(self.text(f"\x1b[2J.csv:{line}")) & set("\x1b\x07\x00\r"))

    def test_what_check_prints_can_be_pasted(self):
        line = self.expect(harness.SKIPPED, "check", "a.csv", "--encoding", "utf-8").out.decode().splitlines()[0]
        self.assertEqual(self.text("a.csv:7"), self.text(line.split(": ")[0]))

    def test_names_with_colons(self):
        for name in ("a:2.csv", "a:2", "b:2:3", ":1"):
            self.write(name, "a\nx\ny\n")
            self.assertEqual("y", self.object(f"{name}:3")["fields"][0]["value"], name)
            self.assertEqual("y", self.object(f"{name}:3:1")["fields"][0]["value"], name)
            self.assertEqual("y", self.object(name, "--line", "3")["fields"][0]["value"], name)


class Errors(ShowTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", TEXT)

    def test_no_such_line(self):
        for args, says in ((["a.csv:9"], "no line 9: the file has 8"), (["a.csv", "--record", "6"], "the file has 5"),
                           (["a.csv", "--offset", "38"], "no byte 38: the text has 38"), (["e.csv:1"], "the file has 0"),
                           (["h.csv", "--record", "1"], "the file has 0")):
            self.write("e.csv", "")
            self.write("h.csv", "a,b\n")
            self.expect_fault("show", *args, "--encoding", "utf-8", says=says)

    def test_no_such_file(self):
        self.expect_fault("show", "missing.csv:3", source="missing.csv")
        self.expect_fault("show", "missing.csv", "--line", "3", source="missing.csv")

    def test_no_place(self):
        for args in (["a.csv"], ["a.csv:"], ["a.csv:x"], ["a.csv:-1"], ["a.csv:0"], [":"], [""], ["a.csv:99999999999999999999"],
                     ["a.csv", "--line", "0"], ["a.csv", "--line", "x"], ["a.csv", "--record", "-1"],
                     ["a.csv", "--line", "1", "--offset", "1"], [], ["a.csv:1", "--on-error", "stop"], ["a.csv:1", "-j", "2"]):
            self.expect(USAGE, "show", *args)

    def test_many_files(self):
        self.write("d/1.csv", "a\n")
        self.write("d/2.csv", "a\n")
        self.expect(USAGE, "show", "d:1")

    def test_the_others_are_shown(self):
        run = self.expect(FAULT, "show", "a.csv:99", "a.csv:2", "--encoding", "utf-8")
        self.assertIn(b"record 1", run.out)

    def test_a_damaged_file_is_shown_up_to_there(self):
        data = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(50_000)))
        self.write("cut.csv.gz", data[:-2000])
        self.assertEqual(["9999", str(9999 ** 2)], self.values(self.object("cut.csv.gz:10001")))
        self.expect_fault("show", "cut.csv.gz:50001", source="cut.csv.gz")

    def test_a_header_with_a_fault(self):
        self.write("h.csv", b"a,\xff\n1,2\n")
        self.expect_fault("show", "h.csv:2", "--encoding", "utf-8", source="h.csv", line=1)

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(FAULT, self.sheaf("show", "a.csv:2", stdout=full).code)


class Facts(ShowTest):
    def test_json(self):
        self.write("a.csv", TEXT)
        self.assertEqual({"file": "a.csv", "kind": "record", "line": 4, "record": 2, "byte": 9, "columns": 2,
                          "raw": b'"x\ny","say ""so"""',
                          "fields": [{"begin": 0, "end": 5, "quoted": True, "name": "a", "value": "x\ny"},
                                     {"begin": 6, "end": 18, "quoted": True, "name": "b", "value": 'say "so"'}]},
                         self.object("a.csv:5"))
        self.assertEqual({"file": "a.csv", "kind": "blank", "line": 3}, self.object("a.csv:3"))
        self.assertEqual({"code": "encoding", "at": 3, "line": 8, "column": 4, "field": 2,
                          "message": "byte 0xFF is not UTF-8"}, self.object("a.csv:8")["fault"])
        self.assertEqual(b'"",\xff', self.object("a.csv:8")["raw"])

    def test_names_are_those_of_the_table(self):
        self.write("a.csv", "a,,a\n1,2,3\n4,5,6,7\n")
        names = [each["name"] for each in self.object("a.csv:2")["fields"]]
        self.assertEqual(["a", "column2", "a_2"], names)
        self.assertEqual([*names, None], [each.get("name") for each in self.object("a.csv:3")["fields"]])

    def test_every_way_to_store_a_file(self):
        text = "a,b\nx,ö\n1,\"2\n3\"\n"
        forms = {"p.csv": text.encode(), "b.csv": b"\xef\xbb\xbf" + text.encode(), "g.csv.gz": gzip.compress(text.encode()),
                 "l.csv": text.encode("latin1"), "u.csv": text.encode("utf-16"), "c.csv": text.replace("\n", "\r\n").encode(),
                 "s.csv": text.replace(",", ";").encode(), "t.tsv": text.replace(",", "\t").encode()}
        for name, data in forms.items():
            self.write(name, data)
            args = ["--delim", ";"] if name == "s.csv" else []
            end = "\r\n" if name == "c.csv" else "\n"
            for place, values in (("2", ["x", "ö"]), ("3", ["1", f"2{end}3"]), ("4", ["1", f"2{end}3"]), ("1", ["a", "b"])):
                found = self.expect(CLEAN, "show", f"{name}:{place}", "--json", *args).json
                self.assertEqual(values, self.values(found), (name, place))
        self.assertEqual("gzip", self.object("g.csv.gz:2")["compression"])
        self.assertEqual("windows-1252", self.expect(CLEAN, "show", "l.csv:2", "--json").json["encoding"])
        self.assertIn(b", decompressed from gzip\n", self.show("g.csv.gz:2").out)
        self.assertEqual(3, self.object("b.csv:1")["byte"])

    def test_a_pipe(self):
        text = b"a,b\n" + b"".join(b"%d,x\n" % n for n in range(200_000))
        for input in (text, gzip.compress(text)):
            self.assertEqual(["150000", "x"], self.values(self.object("-", "--line", "150002", input=input)))

    def test_by_number_and_by_byte(self):
        self.write("a.csv", TEXT)
        for number, line in enumerate((1, 2, 4, 6, 7, 8)):
            self.assertEqual(self.object(f"a.csv:{line}"), self.object("a.csv", "--record", str(number)))
        for at in range(len(TEXT)):
            found = self.object("a.csv", "--offset", str(at))
            if found["kind"] == "blank":
                self.assertEqual(b"\n\n", TEXT[at - 1:at + 1])
            else:
                self.assertLessEqual(found["byte"], at)
                self.assertLessEqual(at, found["byte"] + len(found["raw"]))


class EveryRecord(ShowTest):
    def lines_of(self, text):
        return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")

    def test_of_messy_files(self):
        rng = random.Random(21)
        for i in range(25):
            data, header, rows = messy.make_file(rng)
            self.write("a.csv", data)
            names = oracle.column_names(header)
            text = data.removeprefix(oracle.BOM)
            mark = len(data) - len(text)
            line = 1
            end = mark
            for number, row in enumerate([header, *rows]):
                found = self.object("a.csv", "--record", str(number), *rng.choice([[], ["--parser", "libcsv"]]))
                self.assertEqual(number, found["record"])
                self.assertEqual([v or None for v in row] if number == 0 else row, self.values(found), data)
                self.assertEqual(names, [each["name"] for each in found["fields"]])
                self.assertEqual(found["raw"], data[found["byte"]:][:len(found["raw"])])
                self.assertEqual(b"", data[end:found["byte"]].strip(b"\r\n"))
                line = 1 + self.lines_of(data[:found["byte"]])
                end = found["byte"] + len(found["raw"])
                self.assertEqual(line, found["line"], data)
                self.assertEqual(found["raw"], b",".join(found["raw"][f["begin"]:f["end"]] for f in found["fields"]))
                self.assertEqual([found["raw"][f["begin"]:f["begin"] + 1] == b'"' for f in found["fields"]],
                                 [f["quoted"] for f in found["fields"]])
                last = line + self.lines_of(found["raw"])
                for each in {line, last, rng.randrange(line, last + 1)}:
                    self.assertEqual(found, self.object("a.csv", "--line", str(each)), data)

    def test_of_dirty_files(self):
        rng = random.Random(22)
        n = 0
        for i in range(25):
            text = dirty.make_file(rng, faults=0.4)
            self.write("a.csv", text)
            header, rows, rejects = dirty.split(text)
            for number, row in rows.items():
                found = self.object("a.csv", "--record", str(number))
                self.assertEqual((row, None), (self.values(found), found.get("fault")), text)
            for reject in rejects:
                record, code, line, offset, field, fault_line, fault_byte, raw = reject.key()
                found = self.object("a.csv", "--record", str(record))
                fault = found["fault"]
                self.assertEqual((line, offset, raw), (found["line"], found["byte"], found["raw"]), text)
                self.assertEqual((code, fault_line, fault_byte, field),
                                 (fault["code"], fault["line"], fault["column"], fault["field"]), text)
                self.assertEqual(raw, b",".join(raw[f["begin"]:f["end"]] for f in found["fields"]), text)
                n += 1
        self.assertGreater(n, 50)


class Large(ShowTest):
    def setUp(self):
        super().setUp()
        self.write("big.csv", "n,text\n" + "".join(f"{n},{'x' * (n % 90)}\n" for n in range(600_000)))

    def test_far_behind(self):
        for n in (0, 77_777, 599_999):
            found = self.object(f"big.csv:{n + 2}")
            self.assertEqual(([str(n), "x" * (n % 90) or None], n + 1), (self.values(found), found["record"]))
        self.show("big.csv:600002", code=FAULT)

    @unittest.skipIf(harness.is_sanitized(), "it is slow, and its memory says nothing")
    def test_in_time_and_in_little_memory(self):
        begun = time.monotonic()
        run = self.measure("show", "big.csv:600001")
        self.assertEqual(CLEAN, run.code)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertLess(run.peak_bytes, 30 << 20)

    def test_a_long_record(self):
        rows = "".join(f"{n},y\n" for n in range(1000))
        self.write("long.csv", f"a,b\n{rows}\"" + "z\n" * 500_000 + f"\",end\n{rows}")
        found = self.object("long.csv:400000")
        self.assertEqual((1002, 1001, "end"), (found["line"], found["record"], found["fields"][1]["value"]))
        self.assertEqual(["0", "y"], self.values(self.object("long.csv:501003")))

    def test_behind_many_faults(self):
        self.write("bad.csv", "a,b\n" + "1\n" * 100_000 + "2,3\n" + "1\n" * 100_000)
        self.assertEqual(["2", "3"], self.values(self.object("bad.csv:100002")))
        self.assertEqual("short", self.object("bad.csv:150000")["fault"]["code"])


if __name__ == "__main__":
    harness.main()
