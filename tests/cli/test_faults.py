"""Faults in the data: found in every place, shown with their coordinates, first things first."""

import gzip
import os
import zlib

import harness
import oracle
from harness import CLEAN, FAULT, SKIPPED, WORKERS, SheafTest

GOOD = "a,b\n1,2\n"


class FaultTest(SheafTest):
    def assert_fault(self, data, name="a.csv", **shown):
        """`data` as a file is refused, at any worker count, by all commands, with these coordinates."""
        self.write(name, data)
        for args in (["ingest", name, "-o", "x.csv"], ["cat", name], ["count", name, "-j", "1"]):
            with self.subTest(args=args):
                run = self.expect_fault(*args, source=name, **shown)
                self.assertNotIn("x.csv", self.names())
        return run


class Ragged(FaultTest):
    """A record has as many fields as the header."""

    def assert_ragged(self, before, bad, name="a.csv", **shown):
        """The place is in the bad line: where a field is missing, or the first that is too many."""
        error = self.assert_fault(before + bad, name, **shown).error
        self.assertEqual(len(before.encode()) + error.column_number - 1, error.byte)
        self.assertTrue(1 <= error.column_number <= len(bad.encode()), error.text)

    def test_too_few_fields(self):
        self.assert_ragged("a,b,c\n1,2,3\n", "4,5\n", line=3, record=2, says=r"2 fields.*3")

    def test_too_many_fields(self):
        self.assert_ragged("a,b\n1,2\n", "3,4,5\n", line=3, record=2, says=r"3 fields.*2")

    def test_a_separator_too_much(self):
        self.assert_fault("a,b\n1,2,\n", line=2, record=1, says=r"3 fields.*2")

    def test_a_record_cut_off_at_the_end_of_the_file(self):
        self.assert_fault("a,b,c\n1,2,3\n4,", line=3, record=2)

    def test_a_line_of_blanks_is_a_record_of_one_field(self):
        self.assert_fault("a,b\n \n", line=2, record=1, says=r"1 field\b.*2")

    def test_lines_are_counted_as_an_editor_does(self):
        """Quoted line ends, blank lines, and every kind of line end count; so does the byte order mark."""
        lines = ["\ufeffa,b\r\n", "\r\n", '"1\n', "\r\n", '\r2",x\r', "\n" "3,4\n", "bad\n"]
        data = "".join(lines)
        self.assertEqual(8, len((data + ".").replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1)
        self.assert_ragged("".join(lines[:-1]), lines[-1], line=8, record=3)

    def test_the_message_says_how_to_go_on(self):
        run = self.assert_fault("a,b\n1\n")
        self.assertIn("--on-error quarantine sets such records aside", run.error.help or "")

    def test_the_message_shows_the_line(self):
        self.assertIn("here it is", self.assert_fault("a,b\nhere it is\n").error_text)

    def test_the_message_is_safe_to_print(self):
        run = self.assert_fault("a,b\n\x1b[31mred\x07\x9b\u202e\n")
        for character in "\x1b\x07\x9b\u202e":
            self.assertNotIn(character, run.error_text)

    def test_a_very_long_line_is_shown_in_part(self):
        run = self.assert_fault("a,b\n" + "x" * 1_000_000 + "\n", line=2)
        self.assertLess(len(run.err), 2000)


class Unclosed(FaultTest):
    """A quote that is never closed is shown where it was opened."""

    def test_at_the_end_of_a_small_file(self):
        self.assert_fault('a,b\n1,2\n3,"4\n5,6\n', line=3, byte=10, record=2, says="quote")

    def test_many_lines_before_the_end(self):
        start = "a,b\n" + "1,2\n" * 1000
        self.assert_fault(start + '3,"4\n' + "5,6\n" * 500_000, line=1002, byte=len(start) + 2, record=1001,
                          says="quote")

    def test_a_quote_that_is_the_last_byte(self):
        self.assert_fault('a,b\n1,"', line=2, byte=6, says="quote")

    def test_a_doubled_quote_does_not_close(self):
        self.assert_fault('a,b\n1,"x""', line=2, byte=6, says="quote")

    def test_the_latest_field_is_meant_not_an_earlier_one(self):
        self.assert_fault('a,b\n"1\n","2\n\n', line=3, byte=9, says="quote")

    def test_in_the_header(self):
        self.assert_fault('a,"b\n1,2\n', line=1, byte=2, says="quote")

    def test_after_a_byte_order_mark(self):
        self.assert_fault('\ufeff"a\n', line=1, byte=3, says="quote")


class Encoding(FaultTest):
    """Text that is called UTF-8 is that, to the byte."""

    INVALID = [b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xc3", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80",
               b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xe6\xbc", b"\xf0\x9f\x98",
               b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
               b"\xf8\x88\x80\x80\x80"]

    def test_invalid_bytes_in_every_place(self):
        for bytes in self.INVALID:
            for before, after in ((b"a,b\n1,", b"\n"), (b"a,b\n1,", b""), (b"a,b\n1,x", b"x\n"),
                                  (b"a,b\n", b",2\n"),
                                  (b'a,b\n1,"', b'"\n'), (b"a,b\n1,\xc3\xa9", b"\xc3\xa9\n")):
                with self.subTest(bytes=bytes, before=before, after=after):
                    self.write("a.csv", before + bytes + after)
                    self.expect_fault("cat", "a.csv", source="a.csv", line=2, byte=len(before), record=1,
                                      says="utf-8")

    def test_all_of_them_by_all_commands(self):
        self.assert_fault(b"a,b\n1,2\n3,caf\xe9\n", line=3, byte=13, record=2, says="utf-8")

    def test_in_a_header(self):
        self.assert_fault(b"a,caf\xe9\n1,2\n", line=1, byte=5, says="utf-8")

    def test_far_into_a_file(self):
        good = b"a,b\n" + b"\xc3\xa9,2\n" * 500_000
        self.assert_fault(good + b"3,\xff\n", line=500_002, byte=len(good) + 2, record=500_001, says="utf-8")

    def test_across_the_edge_of_a_buffer(self):
        """A lead byte at the end of one buffer, and no continuation at the start of the next."""
        for size in (65536, 1 << 20):
            for at in range(size - 4, size + 2):
                with self.subTest(at=at):
                    data = b"a\n" + b"x" * (at - 2) + b"\xf0\x9f\x98\nb\n"
                    self.write("a.csv", data)
                    self.expect_fault("cat", "a.csv", line=2, byte=at, says="utf-8")


class TooLong(FaultTest):
    """A record has a limit, and what exceeds it is shown where it began."""

    def test_a_record_above_the_given_limit(self):
        data = "a,b\n" + "1,2\n" * 10 + "x" * 1500 + ",3\n" + "4,5\n"
        self.write("a.csv", data)
        self.expect_fault("cat", "a.csv", "--max-record", "1K", source="a.csv", line=12, record=11,
                          says="--max-record")
        self.assertEqual(data.encode(), self.succeed("cat", "a.csv", "--max-record", "2K").out)

    def test_sizes_may_be_given_in_all_units(self):
        self.write("a.csv", "a,b\n" + "x" * 3000 + ",1\n")
        for size in ("3100", "4k", "4K", "1M", "1m", "1G"):
            self.succeed("count", "a.csv", "--max-record", size)
        for size in ("2900", "2K"):
            self.expect_fault("count", "a.csv", "--max-record", size, line=2)

    def test_the_limit_is_for_a_record_not_for_a_file(self):
        self.write_rows("a.csv", 100_000)
        self.succeed("count", "a.csv", "--max-record", "1K")

    def test_the_limit_is_for_all_fields_together(self):
        self.write("a.csv", "a,b\n" + "x" * 600 + "," + "y" * 600 + "\n")
        self.expect_fault("count", "a.csv", "--max-record", "1K", line=2)

    def test_a_stray_quote_is_found_by_the_limit(self):
        self.write("a.csv", 'a,b\n1,2\n3,"4\n' + "5,6\n" * 1_000_000)
        self.expect_fault("cat", "a.csv", "--max-record", "1M", source="a.csv", line=3, record=2,
                          says="quote|--max-record")

    def test_a_comment_has_no_limit(self):
        """However much of it is read at once."""
        for size in (10, 1_000, 2_000, 100_000, 3_000_000):
            for end in ("\n", "\r\n", "\r"):
                comment = "#" + "x" * size + end
                self.write("c.csv", comment + f"a,b{end}" + comment + f"1,2{end}" + comment * 2 + f"3,4{end}" + comment[:-1])
                facts = self.totals("c.csv", "-o", "null:", "--comment", "#", "--max-record", "1k")
                self.assertEqual((2, 5), (facts["loaded"], facts["comment_lines"]), (size, end))

    def test_a_header_has_the_limit_too(self):
        self.write("a.csv", ",".join(f"column {i}" for i in range(1000)) + "\n")
        self.expect_fault("cat", "a.csv", "--max-record", "1K", line=1)

    def test_64_mebibytes_are_the_limit_unless_another_is_given(self):
        if harness.is_sanitized():
            self.skipTest("libcsv's field grows in small steps, and a sanitizer copies it at each: minutes")
        self.write("below.csv", b"a\n" + b"x" * (60 << 20) + b"\n")
        self.succeed("ingest", "below.csv", "-o", "null:")
        self.write("above.csv", b"a\nb\n\n" + b"x" * (70 << 20) + b"\n")
        self.expect_fault("ingest", "above.csv", "-o", "x.csv", source="above.csv", line=4, record=2,
                          says="--max-record")
        self.succeed("ingest", "above.csv", "-o", "null:", "--max-record", "100M")

    def test_an_endless_line_ends(self):
        with open("/dev/zero", "rb") as zeros:
            self.expect_fault("cat", "-", stdin=zeros, line=1)


class TooManyFields(FaultTest):
    """A record has at most 1,048,576 fields: what a column costs is not up to a file."""

    LIMIT = 1_048_576
    SAYS = r"more than 1,?048,?576 fields"

    def header(self, count):
        return ",".join(f"{n:x}" for n in range(count)) + "\n"

    def test_as_many_as_the_limit_are_fine(self):
        header = self.header(self.LIMIT)
        data = header + "," * (self.LIMIT - 1) + "\n" + header
        self.write("a.csv", data)
        self.assertTrue(self.succeed("cat", "a.csv").out == data.encode(), "the rows differ")

    def test_one_more_in_a_header(self):
        self.assert_fault(self.header(self.LIMIT + 1), line=1, says=self.SAYS)

    def test_one_more_in_a_record(self):
        """Told by the limit, not by the header, and before what else is wrong with the record."""
        self.assert_fault("a\n1\n" + "," * self.LIMIT + "\n", line=3, record=2, says=self.SAYS)
        self.assert_fault(self.header(self.LIMIT) + "," * self.LIMIT + ',"\n', line=2, record=1, says=self.SAYS)

    def test_a_file_that_has_them_can_be_left_out(self):
        self.write("1.csv", GOOD)
        self.write("2.csv", self.header(self.LIMIT + 1))
        run = self.expect(SKIPPED, "cat", "1.csv", "2.csv", "--on-error", "skip-file")
        self.assertEqual(GOOD.encode(), run.out)


class Gzip(FaultTest):
    """Compressed data is whole, or it is a fault; never a short table."""

    TEXT = "a,b\n" + "".join(f"{n},{n * n}\n" for n in range(40))

    def setUp(self):
        super().setUp()
        self.data = gzip.compress(self.TEXT.encode(), mtime=0)

    def assert_all_are_left_out(self, damaged):
        """
        Each of the damaged streams, in a file of its own, is left out, and only they are. (Columns of a header
        that was read before the damage was met may stay.)
        """
        self.write("d/good.csv", GOOD)
        for number, data in enumerate(damaged):
            self.write(f"d/{number:04d}.csv.gz", data)
        facts = self.totals("d", "-o", "x.csv", "--on-error", "skip-file", code=SKIPPED)
        self.assertEqual((len(damaged), 1), (facts["files_skipped"], facts["loaded"]), facts)
        header, *rows = harness.parse_csv(self.read("x.csv"))
        self.assertEqual((["a", "b"], [["1", "2"]]), (header[:2], [row[:2] for row in rows]))

    def test_cut_off_anywhere(self):
        self.assert_all_are_left_out([self.data[:size] for size in range(1, len(self.data))])

    def test_cut_off_in_the_second_member(self):
        size = len(self.data)
        both = self.data + gzip.compress(b"9,9\n")
        self.assert_all_are_left_out([both[:cut] for cut in range(size + 1, len(both))])

    def test_a_cut_at_the_end_of_a_member_leaves_a_whole_file(self):
        self.write("a.csv.gz", self.data)
        self.assertEqual(self.TEXT.encode(), self.succeed("cat", "a.csv.gz").out)

    def test_a_bit_flipped_anywhere_in_data_or_checksum(self):
        flipped = [self.data[:at] + bytes([self.data[at] ^ 1 << bit]) + self.data[at + 1:]
                   for at in range(10, len(self.data)) for bit in (0, 3, 7)]
        damaged = [data for data in flipped if self.is_damaged(data)]
        self.assertLess(len(flipped) - 8, len(damaged))
        self.assert_all_are_left_out(damaged)

    @staticmethod
    def is_damaged(data):
        """A few bits mean nothing: those between the end of the deflate stream and the next byte."""
        try:
            gzip.decompress(data)
            return False
        except (OSError, EOFError, zlib.error):
            return True

    def test_a_cut_is_told_with_the_compressed_offset(self):
        for size in (5, 11, len(self.data) // 2, len(self.data) - 1):
            with self.subTest(size=size):
                self.assert_fault(self.data[:size], "a.csv.gz", byte=size,
                                  says="truncated|cut|ends|incomplete|end of")

    def test_a_wrong_checksum_is_told(self):
        wrong = bytearray(self.data)
        wrong[-8] ^= 1
        self.assert_fault(bytes(wrong), "a.csv.gz", says="crc|checksum|damaged|corrupt")

    def test_a_wrong_length_is_told(self):
        wrong = bytearray(self.data)
        wrong[-1] ^= 1
        self.assert_fault(bytes(wrong), "a.csv.gz", says="length|size|damaged|corrupt")

    def test_bytes_after_the_end_are_told_with_the_compressed_offset(self):
        for tail in (b"x", b"a,b\n", b"\x1f\x8c" + bytes(20)):
            with self.subTest(tail=tail):
                self.assert_fault(self.data + tail, "a.csv.gz", byte=len(self.data))

    def test_a_file_that_is_only_called_gz(self):
        self.assert_fault(GOOD, "a.csv.gz", byte=0, says="gzip")

    def test_other_compressions_called_gz(self):
        self.assert_fault(zlib.compress(GOOD.encode()), "a.csv.gz", says="gzip")

    def test_a_gzip_of_an_unknown_kind(self):
        self.assert_fault(self.data[:2] + b"\x07" + self.data[3:], "a.csv.gz")
        self.assert_fault(self.data[:3] + b"\xe0" + self.data[4:], "a.csv.gz")

    def test_a_cut_in_a_big_file_leaves_no_short_table(self):
        self.write_big("big.csv", 8)
        data = gzip.compress(self.read("big.csv"), 1, mtime=0)
        self.assert_fault(data[:-1], "a.csv.gz", byte=len(data) - 1)

    def test_a_cut_on_stdin(self):
        self.expect_fault("cat", "-", input=self.data[:-3], source="-")

    def test_faults_in_the_text_count_inflated_bytes(self):
        text = b"a,b\n" + b"1,2\n" * 1000 + b"\xc3\xa9,\xff\n"
        self.assert_fault(gzip.compress(text), "a.csv.gz", line=1002, record=1001, byte=4007)


class Files(FaultTest):
    """Files that cannot be read."""

    def test_a_file_that_cannot_be_read(self):
        os.symlink("/proc/self/mem", self.path("unreadable.csv"))
        for command in (["cat"], ["count"], ["ingest", "-o", "x.db"]):
            run = self.expect(FAULT, *command, "unreadable.csv")
            self.assertIn("unreadable.csv", run.error_text)

    def test_a_file_that_may_not_be_opened(self):
        self.write("a.csv", GOOD)
        os.chmod(self.path("a.csv"), 0)
        run = self.expect(FAULT, "cat", "a.csv", **self.unprivileged())
        self.assertRegex(run.error_text, r"a\.csv(.|\n)*[Pp]ermission|[Pp]ermission(.|\n)*a\.csv")

    def test_an_unreadable_file_can_be_left_out(self):
        os.symlink("/proc/self/mem", self.path("b.csv"))
        self.write("a.csv", GOOD)
        self.write("c.csv", GOOD)
        run = self.expect(SKIPPED, "cat", "a.csv", "b.csv", "c.csv", "--on-error", "skip-file")
        self.assertEqual(b"a,b\n1,2\n1,2\n", run.out)
        self.assertIn(b"b.csv", run.err)

    def test_a_missing_file_is_named(self):
        self.write("a.csv", GOOD)
        for args in (["cat", "missing.csv"], ["count", "a.csv", "missing.csv"],
                     ["ingest", "a.csv", "missing.csv", "-o", "x.db"]):
            with self.subTest(args=args), self.assert_directory_unchanged():
                self.assertIn("missing.csv", self.expect(FAULT, *args).error_text)

    def test_a_file_that_changes_meanwhile_is_never_read_half_and_half(self):
        """Its header is read early and its rows late; the first file, a FIFO, stands between the two."""
        fifo = self.make_fifo("fifo")
        self.write("b.csv", "x,y\n" + "X,Y\n" * 1000)
        os.utime(self.path("b.csv"), (1, 1))
        process = self.start("ingest", fifo, *["b.csv"] * 30, "-o", "x.csv", "-j", "2")
        with open(self.path(fifo), "wb", buffering=0) as pipe:
            pipe.write(b"x,y\n")
            harness.fill_pipe(pipe.fileno(), b"X,Y\n" * 10_000, 1 << 20)
            self.write("b.csv", "y,x\n" + "Y,X\n" * 1000)
        run = self.finish(process)
        self.assertIn(run.code, (CLEAN, FAULT))
        if run.code == CLEAN:
            self.assertEqual({b"X,Y"}, set(self.read("x.csv").split()[1:]))
        else:
            self.assert_shows_error(run, source="b.csv", says="changed")
            self.assertNotIn("x.csv", self.names())


class FirstFault(FaultTest):
    """The fault that is shown is the first in the order of files and lines, whoever finds one sooner."""

    SLOW = "a,b\n" + "1,2\n" * 1_000_000

    def assert_first(self, files, **shown):
        """These files, in this order: the same fault, and the same rows before it, at any worker count."""
        for name, data in files.items():
            self.write(name, data)
        outs = set()
        for j in WORKERS:
            with self.subTest(j=j):
                outs.add(self.expect_fault("cat", "-j", j, *files, **shown).out)
                self.expect_fault("ingest", "-j", j, *files, "-o", "x.db", **shown)
                self.expect_fault("count", "-j", j, *files, **shown)
                self.assertNotIn("x.db", self.names())
        self.assertEqual(1, len(outs), "the rows before the fault differ")
        return outs.pop()

    def test_of_many_faulty_files(self):
        files = {f"{i:03d}.csv": "a,b\n1,2\n3\n" for i in range(100)}
        self.assert_first(files, source="000.csv", line=3)

    def test_of_a_late_fault_before_an_early_one(self):
        out = self.assert_first({"1.csv": GOOD, "2.csv": self.SLOW + "bad\n", "3.csv": "a,b\nbad\n"},
                                source="2.csv", line=1_000_002)
        self.assertTrue(out.startswith(b"a,b\n1,2\n"), "the rows of the files before are missing")

    def test_of_a_fault_in_rows_before_one_in_a_header(self):
        self.assert_first({"1.csv": self.SLOW + "bad\n", "2.csv": 'a,"b\n'}, source="1.csv", line=1_000_002)

    def test_of_a_fault_in_rows_before_a_file_that_cannot_be_read(self):
        os.symlink("/proc/self/mem", self.path("mem"))
        self.write("1.csv", self.SLOW + "bad\n")
        for j in WORKERS:
            self.expect_fault("ingest", "-j", j, "1.csv", "mem", "-o", "null:", source="1.csv",
                              line=1_000_002)

    def test_of_kinds_within_one_file(self):
        for data, line in ((b"a,b\n1,\xff\n1\n", 2), (b"a,b\n1\n1,\xff\n", 2), (b'a,b\n1,2\n3\n4,"5\n', 3),
                           (b"a\xff,b\n1\n", 1), (b"a,b\n1\n" + b"x" * 4000 + b"\n", 2)):
            with self.subTest(data=data[:40]):
                self.write("a.csv", data)
                self.expect_fault("cat", "a.csv", "--max-record", "2K", line=line)

    def test_of_a_fault_in_the_text_before_one_in_the_compression(self):
        text = b"a,b\nbad\n" + os.urandom(400_000).hex().encode() + b",1\n"
        self.assert_first({"a.csv.gz": gzip.compress(text)[:-5]}, source="a.csv.gz", line=2)

    def test_of_a_late_fault_in_one_of_many_pieces(self):
        self.assert_first({"1.csv": self.SLOW + "bad\n" + self.SLOW + "3,\xff\n"}, line=1_000_002)

    def test_of_a_missing_file_before_everything_is_read(self):
        """Discovery comes first: a source that does not exist is told before any reading."""
        self.write("1.csv", "a,b\nbad\n")
        for j in WORKERS:
            self.assertIn("missing.csv",
                          self.expect(FAULT, "cat", "-j", j, "1.csv", "missing.csv").error_text)


class SkipFile(FaultTest):
    """--on-error skip-file leaves a faulty file out whole, and nothing else."""

    LATE = "a,b\n" + "1,2\n" * 2_000_000 + "bad\n"

    def skip(self, *args, **options):
        return self.expect(SKIPPED, *args, "--on-error", "skip-file", **options)

    def test_each_kind_of_fault_costs_its_file_only(self):
        faulty = {"ragged": b"a,b\n1\n", "quote": b'a,b\n1,"2\n', "text": b"a,b\n1,\xff\n",
                  "utf16": b"\xff\xfea\0,\0b\0",
                  "header": b'"a\n', "long": b"a,b\n" + b"x" * 5000 + b",1\n"}
        for name, data in faulty.items():
            self.write(f"d/{name}.csv", data)
        self.write("d/gzip.csv.gz", gzip.compress(b"a,b\n5,6\n")[:-1])
        self.write("d/a.csv", GOOD)
        self.write("d/z.csv", "b,a\n4,3\n")
        for j in WORKERS:
            run = self.skip("cat", "d", "--max-record", "4K", "-j", j)
            self.assertEqual(b"a,b\n1,2\n3,4\n", run.out)
            for name in [*faulty, "gzip"]:
                self.assertIn(f"d/{name}.csv", run.error_text)

    def test_columns_of_a_file_that_is_left_out_are_not_in_the_way(self):
        """Its header was good, so its columns may stay; but the rows of the others must be right."""
        self.write("1.csv", "a,b\n1,2\n")
        self.write("2.csv", "a,c\n3\n")
        self.write("3.csv", "b,a\n5,4\n")
        header, *rows = self.skip("cat", "1.csv", "2.csv", "3.csv").csv()
        self.assertEqual(["a", "b"], header[:2])
        self.assertEqual([["1", "2"], ["4", "5"]], [row[:2] for row in rows])

    def test_a_fault_after_many_megabytes_costs_all_rows_of_the_file(self):
        self.write("1.csv", GOOD)
        self.write("2.csv", self.LATE)
        self.write("3.csv", "a,b\n3,4\n")
        for j in WORKERS:
            for name in ("x.csv", "x.jsonl", "x.db"):
                with self.subTest(j=j, name=name):
                    facts = self.totals("1.csv", "2.csv", "3.csv", "-o", name, "-j", j, "--on-error",
                                        "skip-file",
                                        "--if-exists", "replace", code=SKIPPED)
                    self.assertEqual((1, 2), (facts["files_skipped"], facts["loaded"]))
            self.assertEqual(b"a,b\n1,2\n3,4\n", self.read("x.csv"))
            self.assertEqual(2, self.read("x.jsonl").count(b"\n"))
            self.assertEqual([["1", "2"], ["3", "4"]], self.sql_rows("x.db", "x"))

    def test_a_late_fault_leaves_no_rows_on_stdout(self):
        self.write("1.csv", GOOD)
        self.write("2.csv", self.LATE)
        self.write("3.csv.gz", gzip.compress(self.LATE.encode(), 1)[:-2])
        for j in WORKERS:
            self.assertEqual(b"a,b\n1,2\n1,2\n",
                             self.skip("cat", "1.csv", "2.csv", "3.csv.gz", "1.csv", "-j", j).out)

    def test_a_late_fault_on_stdin_leaves_no_rows_in_the_destination(self):
        self.write("1.csv", GOOD)
        for name in ("x.csv", "x.db"):
            self.skip("ingest", "1.csv", "-", "1.csv", "-o", name, input=self.LATE.encode())
        self.assertEqual(b"a,b\n1,2\n1,2\n", self.read("x.csv"))
        self.assertEqual([["1", "2"], ["1", "2"]], self.sql_rows("x.db", "x"))

    def test_all_files_left_out_leave_an_empty_result(self):
        self.write("1.csv", "a,b\n1\n")
        self.write("2.csv", "a,b\n1\n")
        facts = self.totals("1.csv", "2.csv", "-o", "null:", "--on-error", "skip-file", code=SKIPPED)
        self.assertEqual((2, 0), (facts["files_skipped"], facts["loaded"]))

    def test_a_clean_load_is_clean(self):
        self.write("1.csv", GOOD)
        self.assertEqual(GOOD.encode(), self.succeed("cat", "1.csv", "--on-error", "skip-file").out)

    def test_a_missing_source_is_no_faulty_file(self):
        """A name that leads nowhere is a mistake in the command, not in the data."""
        self.write("1.csv", GOOD)
        self.expect(FAULT, "cat", "1.csv", "missing.csv", "--on-error", "skip-file")

    def test_stop_is_what_happens_without_a_word(self):
        self.write("1.csv", "a,b\n1\n")
        self.expect_fault("cat", "1.csv", line=2)
        self.expect_fault("cat", "1.csv", "--on-error", "stop", line=2)

    def test_thousands_of_good_files_do_not_fail_because_of_one(self):
        for i in range(2077):
            self.write(f"d/{i:04d}.csv", f"a\n{i}\n")
        self.write("d/1000x.csv", b"a\n\xff\n")
        facts = self.totals("d", "-o", "x.db", "--on-error", "skip-file", code=SKIPPED)
        self.assertEqual((2078, 1, 2077), (facts["files"], facts["files_skipped"], facts["loaded"]))
        self.assertEqual(b"2077", self.sql("x.db", "SELECT count(*) FROM x;").strip())


class OracleAgrees(FaultTest):
    """The test oracle knows the same faults; else it could not tell which files of a corpus are good."""

    def test_on_the_kind_of_each_fault(self):
        for kind, data in {"ESHAPE": b"a,b\n1\n", "EQUOTE": b'a,b\n1,"2\n', "EENCODING": b"a,b\n1,\xff\n",
                           "ECOMPRESSED": gzip.compress(b"a\n1\n")[:-1]}.items():
            with self.subTest(kind=kind):
                self.write("a.csv", data)
                with self.assertRaises(oracle.Fault) as raised:
                    oracle.read(self.path("a.csv"))
                self.assertEqual(kind, raised.exception.kind)
                self.expect(FAULT, "cat", "a.csv")


if __name__ == "__main__":
    harness.main()
