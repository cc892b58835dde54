"""`sheaf cat`: the merged rows, cell by cell, in order, the same on every machine."""

import gzip
import json
import os
import random

import harness
import messy
import oracle
from harness import USAGE, SheafTest, null_as_empty

BUFFER = 65536  # a size that readers like to read by; line ends and quotes are laid across its edges


class Values(SheafTest):
    """What is in a field comes out of it."""

    def assert_cat(self, data, expected, name="a.csv"):
        self.write(name, data)
        self.assertEqual(expected, self.succeed("cat", name).out.decode())

    def test_plain_files_come_out_as_they_are(self):
        self.assert_cat("a,b\n1,2\n3,4\n", "a,b\n1,2\n3,4\n")

    def test_fields_are_quoted_only_where_needed(self):
        self.assert_cat('"a","b c","d\'e"\n"1"," 2 ","3;"\n', "a,b c,d'e\n1, 2 ,3;\n")

    def test_separators_quotes_and_line_ends_stay_quoted(self):
        data = 'a,b\n"x,y","say ""so"""\n"two\nlines","cr\rhere"\n"crlf\r\nhere",z\n'
        self.assert_cat(data, data)

    def test_a_quote_inside_an_unquoted_field_is_a_quote(self):
        self.assert_cat('a,b\n5" disk,x"y"z\n', 'a,b\n"5"" disk","x""y""z"\n')

    def test_text_after_a_closing_quote_belongs_to_the_field(self):
        self.assert_cat('a,b\n"x"y,z",1\n', 'a,b\n"x""y,z",1\n')

    def test_null_and_empty_text_stay_apart(self):
        self.assert_cat('a,b,c\n,"",\n"",,""\n', 'a,b,c\n,"",\n"",,""\n')

    def test_a_lone_null_is_written_so_that_its_row_is_not_lost(self):
        self.write("a.csv", "a\n1\n")
        self.write("b.csv", "b\n2\n")
        self.assert_cat('a\n""\n1\n', 'a\n""\n1\n')

    def test_blanks_around_fields_are_kept(self):
        self.assert_cat("a , b\n  1\t,   \n", "a , b\n  1\t,   \n")

    def test_a_row_of_nulls_is_a_row(self):
        self.assert_cat("a,b,c\n,,\n,,\n", "a,b,c\n,,\n,,\n")

    def test_nul_bytes_are_data(self):
        self.assert_cat("a,b\n\0,x\0y\n\0\0\0,\n", "a,b\n\0,x\0y\n\0\0\0,\n")

    def test_all_of_unicode_comes_through(self):
        edges = [0x1, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF,
                 0x2028]
        data = "a,b\n" + "".join(f"{chr(c)},x{chr(c)}y\n" for c in edges)
        self.assert_cat(data, data)

    def test_a_byte_order_mark_is_dropped_once_and_only_at_the_start(self):
        mark = "\ufeff"
        self.assert_cat(f"{mark}a,b\n{mark}1,2\n", f"a,b\n{mark}1,2\n")
        self.assert_cat(f'{mark}"a,b",c\n1,2\n', '"a,b",c\n1,2\n')

    def test_a_name_that_begins_with_a_mark_keeps_it_when_read_again(self):
        """Quotes around it tell it from a byte order mark."""
        self.write("a.csv", "\ufeff\ufeffa,b\n1,2\n")
        out = self.succeed("cat", "a.csv").out
        self.assertEqual([["\ufeffa", "b"], ["1", "2"]], harness.parse_csv(out))
        self.assertEqual(out, self.succeed("cat", "-", input=out).out)

    def test_header_names_are_quoted_where_needed(self):
        self.assert_cat('"a,b","say ""so""","two\nlines"\n1,2,3\n',
                        '"a,b","say ""so""","two\nlines"\n1,2,3\n')


class Lines(SheafTest):
    """Where a record ends."""

    EXPECTED = [["a", "b"], ["1", "2"], ["3", "4"]]

    def assert_records(self, data, expected=None):
        self.write("a.csv", data)
        self.assertEqual(expected or self.EXPECTED, self.succeed("cat", "a.csv").csv())

    def test_every_kind_of_line_end_ends_a_record(self):
        for end in ("\n", "\r\n", "\r"):
            with self.subTest(end=end):
                self.assert_records(f"a,b{end}1,2{end}3,4{end}")

    def test_kinds_of_line_ends_may_be_mixed(self):
        self.assert_records("a,b\r1,2\r\n3,4\n")
        self.assert_records("a,b\n1,2\r3,4\r")

    def test_the_last_line_needs_no_end(self):
        for last in ("3,4", '3,"4"', '"3","4"'):
            with self.subTest(last=last):
                self.assert_records(f"a,b\n1,2\n{last}")

    def test_a_last_line_without_end_may_end_with_a_null(self):
        self.assert_records("a,b\n1,2\n3,", [["a", "b"], ["1", "2"], ["3", ""]])

    def test_blank_lines_are_no_records(self):
        self.assert_records("\n\r\n\ra,b\n\n1,2\r\n\r\n\r\n3,4\n\n\n")

    def test_blank_lines_inside_quotes_are_data(self):
        self.assert_records('a,b\n"\n\n",2\n', [["a", "b"], ["\n\n", "2"]])

    def test_lines_that_were_translated_twice_are_read(self):
        self.assert_records("a,b\r\r\n1,2\r\r\n3,4\r\r\n")

    def test_a_quoted_empty_text_alone_on_its_line_is_a_record(self):
        self.assert_records('a\n""\n\n""\n', [["a"], [""], [""]])

    def test_a_line_of_blanks_is_a_record(self):
        self.assert_records("a\n  \n", [["a"], ["  "]])


class Edges(SheafTest):
    """Nothing depends on where a buffer ends."""

    def many_files(self, tail, compressed):
        """
        Files whose `tail` (records) is moved across the edge of a buffer a byte at a time. All in one run: a file
        for each place. Returns the rows that they have to give.
        """
        rows = []
        for shift in range(len(tail.encode()) + 2):
            filler = "x" * (BUFFER - len("a,b\n,\n") - shift)
            data = f"a,b\n{filler},\n{tail}\nlast,row\n"
            name = f"d/{shift:03d}.csv" + (".gz" if compressed else "")
            (self.write_gzip if compressed else self.write)(name, data)
            rows += oracle.read(self.path(name)).rows
        return rows

    def assert_tail_survives(self, tail):
        for compressed in (False, True):
            with self.subTest(compressed=compressed):
                rows = self.many_files(tail, compressed)
                self.assertEqual([["a", "b"]] + rows, self.succeed("cat", "d").csv())
                self.remove_files()

    def remove_files(self):
        for name in self.names("d"):
            os.unlink(self.path(f"d/{name}"))

    def test_line_ends_may_lie_across_a_buffers_edge(self):
        self.assert_tail_survives("1,2\r\n\r\n3,4\r5,6")

    def test_quotes_may_lie_across_a_buffers_edge(self):
        self.assert_tail_survives('"""""","a""b""\r\n"""\r\n"",""')

    def test_characters_may_lie_across_a_buffers_edge(self):
        self.assert_tail_survives("é漢😀,\U0010ffff")

    def test_records_may_be_longer_than_any_buffer(self):
        sizes = [BUFFER - 1, BUFFER, BUFFER + 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000]
        data = "a,b\n" + "".join(f'{n},"{"y," * (n // 2)}"\n' for n in sizes)
        self.write("a.csv", data)
        self.assertEqual(data.encode(), self.succeed("cat", "a.csv").out)

    def test_a_quoted_field_may_hold_a_whole_csv_file(self):
        inner = "".join(f"{n},{n}\n" for n in range(300_000))
        data = f'a,b\n"{inner}",1\n2,3\n'
        self.write("a.csv", data)
        self.assertEqual(data.encode(), self.succeed("cat", "a.csv").out)

    def test_every_size_of_a_small_file_is_read_whole(self):
        for size in range(1, 140):
            self.write(f"d/{size:03d}.csv", "a\n" + "x" * size)
        expected = "a\n" + "".join("x" * size + "\n" for size in range(1, 140))
        self.assertEqual(expected.encode(), self.succeed("cat", "d").out)


class Columns(SheafTest):
    """Columns are united by name, in the order of the files."""

    def test_columns_are_matched_by_name(self):
        self.write("1.csv", "a,b\n1,2\n")
        self.write("2.csv", "b,a\n4,3\n")
        self.assertEqual(b"a,b\n1,2\n3,4\n", self.succeed("cat", "1.csv", "2.csv").out)

    def test_a_column_that_a_file_lacks_is_null_there(self):
        self.write("1.csv", "a,b\n1,2\n")
        self.write("2.csv", 'c,a\n"",3\n')
        self.assertEqual(b'a,b,c\n1,2,\n3,,""\n', self.succeed("cat", "1.csv", "2.csv").out)

    def test_a_header_alone_gives_its_columns(self):
        self.write("1.csv", "a,b\n1,2\n")
        self.write("2.csv", "c\n")
        self.assertEqual(b"a,b,c\n1,2,\n", self.succeed("cat", "1.csv", "2.csv").out)

    def test_names_that_differ_in_anything_are_different(self):
        self.write("1.csv", "a,A,a ,á\n1,2,3,4\n")
        self.write("2.csv", "á\n5\n")
        self.assertEqual("a,A,a ,á\n1,2,3,4\n,,,5\n", self.succeed("cat", "1.csv", "2.csv").out.decode())

    def test_empty_and_repeated_names_get_documented_ones(self):
        headers = {
            ",b,": "column1,b,column3",
            '"",x': "column1,x",
            "a,a,a": "a,a_2,a_3",
            "a,a_2,a": "a,a_2,a_3",
            "a,a,a_2": "a,a_3,a_2",
            "column2,": "column2,column2_2",
            ",column1": "column1_2,column1",
            ",,column2": "column1,column2_2,column2",
            "a,a_2,a_2,a": "a,a_2,a_2_2,a_3",
        }
        for header, expected in headers.items():
            with self.subTest(header=header):
                self.assertEqual(expected.split(","),
                                 oracle.column_names(header.replace('""', "").split(",")))
                self.write("a.csv", header + "\n")
                self.assertEqual(expected + "\n", self.succeed("cat", "a.csv").out.decode())

    def test_repeated_names_meet_their_namesakes_in_other_files(self):
        self.write("1.csv", "a,a\n1,2\n")
        self.write("2.csv", "a_2,a\n4,3\n")
        self.assertEqual(b"a,a_2\n1,2\n3,4\n", self.succeed("cat", "1.csv", "2.csv").out)

    def test_empty_files_are_no_trouble(self):
        self.write("1.csv", "")
        self.write("2.csv", "\n\r\n\n")
        self.write("3.csv", "a\n1\n")
        self.write("4.csv", "\ufeff")
        self.assertEqual(b"a\n1\n", self.succeed("cat", "1.csv", "2.csv", "3.csv", "4.csv").out)

    def test_nothing_but_empty_files_gives_nothing(self):
        self.write("1.csv", "")
        self.assertEqual(b"", self.succeed("cat", "1.csv").out.strip())

    def test_headers_alone_give_a_header(self):
        self.write("1.csv", "a,b\n")
        self.assertEqual(b"a,b\n", self.succeed("cat", "1.csv").out)

    def test_each_file_may_have_columns_of_its_own(self):
        for i in range(400):
            self.write(f"d/{i:03d}.csv", f"id,c{i}\n{i},v{i}\n")
        header, *rows = self.succeed("cat", "d").csv()
        self.assertEqual(["id"] + [f"c{i}" for i in range(400)], header)
        for i, row in enumerate(rows):
            self.assertEqual([str(i)] + ["v" + str(i) if c == i else "" for c in range(400)], row)


class Wide(SheafTest):
    """Columns without number."""

    def test_100_000_columns(self):
        self.assert_width(100_000)

    def test_a_million_columns(self):
        self.assert_width(1_000_000)

    def assert_width(self, width):
        data = "".join(",".join(f"{name}{i}" for i in range(width)) + "\n" for name in "cxy")
        self.write("1.csv", data)
        self.write("2.csv", data)
        rows = data.split("\n", 1)[1]
        self.assertTrue(self.succeed("cat", "1.csv", "2.csv").out == (data + rows).encode(), "other bytes")

    def test_100_000_columns_of_one_name(self):
        self.assert_names("x," * 99_999 + "x", oracle.column_names(["x"] * 100_000))

    def test_100_000_columns_without_a_name(self):
        self.assert_names("," * 99_999, oracle.column_names([""] * 100_000))

    def test_names_made_to_collide_cost_no_more(self):
        header = ["x"] * 30_000 + [f"x_{i}" for i in range(2, 30_000)] + [f"x_{i}" for i in range(2, 30_000)]
        self.assert_names(",".join(header), oracle.column_names(header))

    def assert_names(self, header, expected):
        self.write("a.csv", header + "\n")
        self.assertTrue(self.succeed("cat", "a.csv").out.decode() == ",".join(expected) + "\n", "other names")


class Formats(SheafTest):
    DATA = 'a,"b\tc","d""e"\n1,"x\ty",\n"",\\,"two\nlines"\n'

    def test_tsv_has_tabs_for_commas(self):
        self.write("a.csv", self.DATA)
        self.assertEqual('a\t"b\tc"\t"d""e"\n1\t"x\ty"\t\n""\t\\\t"two\nlines"\n',
                         self.succeed("cat", "a.csv", "--format", "tsv").out.decode())

    def test_tsv_does_not_quote_commas(self):
        self.write("a.csv", '"a,b"\n"1,2"\n')
        self.assertEqual("a,b\n1,2\n", self.succeed("cat", "a.csv", "--format", "tsv").out.decode())

    def test_jsonl_has_an_object_with_all_columns_in_order_for_each_row(self):
        self.write("a.csv", self.DATA)
        self.write("b.csv", "d\nD\n")
        objects = [json.loads(line, object_pairs_hook=list)
                   for line in self.succeed("cat", "a.csv", "b.csv", "--format", "jsonl").out.splitlines()]
        names = ["a", "b\tc", 'd"e', "d"]
        self.assertEqual([list(zip(names, row)) for row in (["1", "x\ty", None, None],
                                                            ["", "\\", "two\nlines", None],
                                                            [None, None, None, "D"])], objects)

    def test_jsonl_carries_every_character(self):
        text = "".join(map(chr, [*range(1, 10), 11, 12, *range(14, 34),
                                 *range(35, 128)])) + "\0é漢😀\u2028\u2029\x85"
        self.write("a.csv", f'"{text[::-1]}"\n"{text}"\n')
        out = self.succeed("cat", "a.csv", "--format", "jsonl").out
        self.assertEqual(1, out.count(b"\n"))
        self.assertEqual({text[::-1]: text}, json.loads(out.decode("utf-8")))

    def test_jsonl_of_no_rows_is_nothing(self):
        self.write("a.csv", "a,b\n")
        self.assertEqual(b"", self.succeed("cat", "a.csv", "--format", "jsonl").out)

    def test_an_unknown_format_is_a_usage_error(self):
        self.write("a.csv", "a\n")
        self.assertIn(b"xml", self.expect(USAGE, "cat", "a.csv", "--format", "xml").err)


class Separators(SheafTest):
    def test_files_called_tsv_have_tabs(self):
        self.write("a.tsv", "a,x\tb\n1,5\t2\n")
        self.write_gzip("b.tsv.gz", "a,x\tb\n3\t4\n")
        self.write("c.csv", '"a,x",b\n5,6\n')
        self.assertEqual(b'"a,x",b\n"1,5",2\n3,4\n5,6\n',
                         self.succeed("cat", "a.tsv", "b.tsv.gz", "c.csv").out)

    def test_txt_files_have_commas(self):
        self.write("a.txt", "a,b\n1,2\n")
        self.assertEqual(b"a,b\n1,2\n", self.succeed("cat", "a.txt").out)

    def test_a_separator_can_be_given(self):
        self.write("a.csv", "a;b\n1,5;2\n")
        self.assertEqual(b'a,b\n"1,5",2\n', self.succeed("cat", "--delim", ";", "a.csv").out)

    def test_a_given_separator_is_meant_for_tsv_files_too(self):
        self.write("a.tsv", "a|b\n1|2\n")
        self.assertEqual(b"a,b\n1,2\n", self.succeed("cat", "--delim", "|", "a.tsv").out)

    def test_a_tab_can_be_given(self):
        self.write("a.csv", "a\tb\n1\t2\n")
        self.assertEqual(b"a,b\n1,2\n", self.succeed("cat", "--delim", "\t", "a.csv").out)

    def test_what_cannot_be_a_separator_is_refused(self):
        self.write("a.csv", "a\n")
        for separator in ('"', "\n", "\r", ",,", "", "é"):
            with self.subTest(separator=separator):
                self.assertIn(b"delim", self.expect(USAGE, "cat", "a.csv", "--delim", separator).err.lower())


class Gzip(SheafTest):
    def test_compressed_files_are_inflated(self):
        self.write_gzip("a.csv.gz", "a\n1\n")
        self.assertEqual(b"a\n1\n", self.succeed("cat", "a.csv.gz").out)

    def test_compressed_files_are_known_by_their_content_too(self):
        self.write_gzip("a.csv", "a\n1\n")
        self.assertEqual(b"a\n1\n", self.succeed("cat", "a.csv").out)

    def test_members_are_concatenated_wherever_they_were_cut(self):
        data = '\ufeffa,b\r\n"x\r\ny",é\r\n'.encode()
        for cut in range(len(data) + 1):
            self.write(f"d/{cut:02d}.csv.gz", gzip.compress(data[:cut]) + gzip.compress(data[cut:]))
        expected = b"a,b\n" + '"x\r\ny",é\n'.encode() * (len(data) + 1)
        self.assertEqual(expected, self.succeed("cat", "d").out)

    def test_a_thousand_members_are_one_file(self):
        self.write("a.csv.gz", b"".join(gzip.compress(f"{n}\n".encode()) for n in range(1000)))
        self.assertEqual("".join(f"{n}\n" for n in range(1000)).encode(), self.succeed("cat", "a.csv.gz").out)

    def test_a_header_with_every_field_is_understood(self):
        plain = gzip.compress(b"a\n1\n", mtime=0)
        extra, name, comment = b"\x05\x00hello", b"a name.csv\0", b"a comment\0"
        data = plain[:3] + bytes([4 | 8 | 16]) + plain[4:10] + extra + name + comment + plain[10:]
        self.write("a.csv.gz", data)
        self.assertEqual(b"a\n1\n", self.succeed("cat", "a.csv.gz").out)

    def test_an_empty_text_compressed_is_an_empty_file(self):
        self.write_gzip("a.csv.gz", "")
        self.write("b.csv", "b\n1\n")
        self.assertEqual(b"b\n1\n", self.succeed("cat", "a.csv.gz", "b.csv").out)


class SameAnswerEverywhere(SheafTest):
    """The answer never depends on the number of workers, and it is right."""

    ALL_WORKERS = ("1", "2", "3", "8", "64")

    def assert_same_at_any_worker_count(self, *args):
        first, *others = [self.succeed("cat", "-j", j, *args).out for j in self.ALL_WORKERS]
        for j, out in zip(self.ALL_WORKERS[1:], others):
            self.assertTrue(first == out, f"-j {j} gives other bytes than -j 1")
        return first

    def test_many_small_files_and_a_few_big_ones(self):
        rng = random.Random(8)
        start = 0
        for i in range(300):
            count = 40_000 if i in (0, 7, 150) else rng.randrange(200)
            self.write_rows(f"d/{i:03d}.csv", count, start)
            start += count
        out = self.assert_same_at_any_worker_count("d")
        expected = [["n", "text"]] + [[str(n), f"some text {n}"] for n in range(start)]
        self.assertTrue(expected == harness.parse_csv(out), "other rows")

    def test_big_files_and_compressed_ones_come_in_order(self):
        big = self.write_big("d/2.csv", 6)
        self.write_gzip("d/1.csv.gz", self.read(big), level=1)
        self.write("d/3.csv", "n,text\nlast,row\n")
        out = self.assert_same_at_any_worker_count("d")
        rows = self.read(big).split(b"\n", 1)[1]
        self.assertTrue(out == b"n,text\n" + rows + rows + b"last,row\n")

    def test_what_a_run_printed_it_prints_again(self):
        self.write_messy_files(random.Random(5), 60)
        outs = {self.succeed("cat", "-j", "8", "d").out for _ in range(10)}
        self.assertEqual(1, len(outs))

    def test_random_tables_come_out_cell_by_cell(self):
        for seed in range(12):
            with self.subTest(seed=seed):
                rng = random.Random(seed)
                expected = self.write_messy_files(rng, rng.randrange(1, 30))
                out = self.assert_same_at_any_worker_count("d")
                self.assert_table(expected, out)
                self.remove_messy_files()

    def test_random_tables_keep_null_apart_from_empty_text(self):
        for seed in range(100, 106):
            with self.subTest(seed=seed):
                expected = self.write_messy_files(random.Random(seed), 10)
                lines = self.succeed("cat", "d", "--format", "jsonl").out.decode().split("\n")
                objects = [json.loads(line, object_pairs_hook=list) for line in lines[:-1]]
                self.assertEqual([list(zip(expected.columns, row)) for row in expected.rows], objects)
                self.remove_messy_files()

    def write_messy_files(self, rng, count):
        """Files of random tables, plain and compressed; returns the table that they make, null as None."""
        tables = []
        for i in range(count):
            data, header, rows = messy.make_file(rng)
            name = f"d/{i:03d}.csv"
            if rng.random() < 0.3:
                name, data = name + ".gz", messy.compress_in_members(rng, data)
            self.write(name, data)
            tables.append(oracle.Table(oracle.column_names(header), rows))
            self.assert_oracle_agrees(name, tables[-1])
        return oracle.unite(tables)

    def assert_oracle_agrees(self, name, table):
        read = oracle.read(self.path(name))
        self.assertEqual((table.columns, null_as_empty(table.rows)), (read.columns, read.rows), name)

    def remove_messy_files(self):
        for name in self.names("d"):
            os.unlink(self.path(f"d/{name}"))

    def assert_table(self, expected, out):
        header, *rows = harness.parse_csv(out)
        self.assertEqual(expected.columns, header)
        self.assertEqual(null_as_empty(expected.rows), rows)


if __name__ == "__main__":
    harness.main()
