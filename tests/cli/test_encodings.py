"""Files that are not UTF-8, against Python's decoders."""

import gzip
import json
import random

from harness import FAULT, SKIPPED, USAGE, SheafTest, csv_line

WORDS = {
    "windows-1252": "äöüß€“”–—ŠžŸéñ¿ plain text, \"quoted\"\nlines ",
    "iso-8859-1": "äöüßéñ¿§ plain text",
    "iso-8859-15": "äöü€ŠžŸ plain",
    "koi8-r": "Привет мир plain",
    "shift_jis": "日本語テキスト plain ｱｲｳ",
    "gb18030": "汉字和𠀀 plain",
    "utf-16-le": "äПр日本𝄞 plain, \"q\"\n",
    "utf-16-be": "äПр日本𝄞 plain, \"q\"\n",
}


class Encodings(SheafTest):
    finds_encodings = True

    def table(self, rng, encoding, rows):
        """Some rows of random words, as text."""
        words = WORDS[encoding]
        lines = [csv_line(["number", "näme" if encoding != "shift_jis" and encoding != "koi8-r" else "name", "text"])]
        for number in range(rows):
            text = "".join(rng.choice(words) for _ in range(rng.randrange(40)))
            lines.append(csv_line([str(number), rng.choice(words), text]))
        return "".join(lines)

    def json_of(self, name):
        return json.loads(self.sheaf("count", "--json", name).out)["files"][0]

    def test_every_encoding_that_is_named(self):
        rng = random.Random(1)
        for encoding in WORDS:
            with self.subTest(encoding=encoding):
                text = self.table(rng, encoding, 300)
                self.write("a.csv", text.encode(encoding))
                name = encoding.replace("utf-16-", "utf-16")
                run = self.succeed("cat", "a.csv", "--encoding", name)
                self.write("b.csv", text)
                self.assertEqual(self.succeed("cat", "b.csv").out.decode(), run.out.decode())

    def test_what_is_found_out(self):
        rng = random.Random(2)
        for encoding, mark in (("windows-1252", b""), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"),
                               ("utf-16-le", b""), ("utf-16-be", b"")):
            for rows in (1, 300, 30_000):
                with self.subTest(encoding=encoding, mark=mark, rows=rows):
                    text = self.table(rng, encoding, rows)
                    if encoding.startswith("utf-16") and not mark:
                        text = text.replace("П", "P").replace("р", "r").replace("日", "n").replace("本", "h").replace("𝄞", "g")
                    self.write("plain.csv", text)
                    expected = self.succeed("cat", "plain.csv").out
                    stored = mark + text.encode(encoding)
                    self.write("a.csv", stored)
                    self.write("b.csv.gz", gzip.compress(stored, 1))
                    for name in ("a.csv", "b.csv.gz"):
                        for way in (["-j", "1"], ["-j", "3"], ["-j", "2", "--executor", "processes"]):
                            self.assertTrue(expected == self.succeed("cat", name, *way).out, (name, way))
                    facts = self.json_of("a.csv")
                    self.assertEqual((encoding.replace("utf-16-", "utf-16"), rows, 1 if mark else 0),
                                     (facts["encoding"], facts["records"], facts["boms"]))

    def test_every_byte_of_windows_1252_is_a_character(self):
        """The five that have none become control characters, as browsers have it."""
        stored = bytes(range(0x80, 0x100))
        self.write("a.csv", b"a\n" + stored + b"\n")
        text = "".join(bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte)
                       for byte in stored)
        self.assertEqual(f"a\n{text}\n", self.succeed("cat", "a.csv").out.decode())

    def test_one_bad_byte_makes_no_other_encoding(self):
        for text in ("a\nä\n\xff\nö\n", "a\n\xff\nä\nö\n"):
            with self.subTest(text=text):
                self.write("a.csv", text.encode().replace("\xff".encode(), b"\xff"))
                run = self.expect(SKIPPED, "cat", "a.csv", "--on-error", "quarantine", "--quarantine", "q.jsonl")
                self.assertEqual("a\nä\nö\n", run.out.decode())
                self.assertEqual("encoding", json.loads(self.read("q.jsonl").splitlines()[1])["code"])

    def test_it_is_the_same_wherever_the_bytes_are(self):
        line = b"x" * 99 + b"\n"
        for n_before, n_behind in ((0, 0), (2_000, 0), (5_000, 5_000), (0, 9_000), (20_000, 700)):
            with self.subTest(n_before=n_before, n_behind=n_behind):
                self.write("a.csv", b"a\n" + line * n_before + b"J\xfcrgen\n" + line * n_behind)
                if n_before in (0, 5_000) or n_behind < 650:
                    self.assertEqual("windows-1252", self.json_of("a.csv")["encoding"])
                out = self.sheaf("cat", "a.csv", "--encoding", "windows-1252").out
                self.assertEqual(1, out.count("Jürgen\n".encode()))

    def test_a_compressed_file_is_judged_by_its_beginning(self):
        """Its end cannot be looked at without its text: what comes late costs its record, or is named."""
        for where, found in ((1 << 16) - 10, True), ((1 << 16) + 10, False):
            text = (b"a,b\n" + b"1,x\n" * (1 << 16))[:where // 4 * 4] + b"2,J\xfcrgen\n" + b"3,y\n" * 9
            self.write("a.csv", text)
            self.write_gzip("b.csv.gz", text)
            good = text.decode("latin1").encode()
            self.assertEqual(good, self.succeed("cat", "a.csv").out)
            run = self.expect(0 if found else SKIPPED, "cat", "b.csv.gz", "--on-error", "quarantine")
            self.assertEqual(good if found else text.replace(b"2,J\xfcrgen\n", b""), run.out)
            self.assertEqual(good, self.succeed("cat", "b.csv.gz", "--encoding", "latin1").out)

    def test_what_is_no_text_costs_its_record(self):
        good = "a,b\n1,x\n2,y\n3,z\n".encode("utf-16-le")
        broken = good.replace("y".encode("utf-16-le"), b"\x00\xd8")
        self.write("a.csv", b"\xff\xfe" + broken)
        run = self.expect(SKIPPED, "cat", "a.csv", "--on-error", "quarantine")
        self.assertEqual(b"a,b\n1,x\n3,z\n", run.out)
        self.expect(SKIPPED, "ingest", "a.csv", "-o", "o.csv", "--on-error", "quarantine")
        aside = json.loads(self.read("o.csv.quarantine.jsonl").splitlines()[-1])
        self.assertEqual("2,\udcff00\udcffD8", aside["raw"], "which bytes it was is not lost")
        self.write("b.csv", b"\xff\xfe" + good[:-1])
        run = self.sheaf("cat", "b.csv", "--on-error", "quarantine")
        self.assertEqual(b"a,b\n1,x\n2,y\n", run.out)
        self.expect_fault("cat", "b.csv", source="b.csv", line=4, record=3)

    def test_a_pattern_names_files(self):
        self.write("d/a.csv", "näme\nä\n".encode("iso-8859-1"))
        self.write("d/b.csv", "näme\nЯ\n")
        self.write("d/c.txt", "näme\nЯ\n".replace("ä", "a").encode("koi8-r"))
        run = self.succeed("cat", "d", "--encoding", "*.txt=koi8-r", "--encoding", "*a.csv=latin1")
        self.assertEqual("näme,name\nä,\nЯ,\n,Я\n", run.out.decode())
        run = self.succeed("cat", "d", "--encoding", "*.txt=koi8-r", "--encoding", "*a.csv=latin1", "-j", "2",
                           "--executor", "processes")
        self.assertEqual("näme,name\nä,\nЯ,\n,Я\n", run.out.decode())

    def test_an_encoding_that_nobody_knows(self):
        self.write("a.csv", "a\n1\n")
        for name in ("nonsense", "", "x" * 100, "*=nonsense"):
            with self.subTest(name=name):
                run = self.expect(USAGE, "cat", "a.csv", "--encoding", name)
                self.assertIn("encoding", run.error_text)

    def test_a_name_has_no_suffix(self):
        """iconv would take what stands behind // for orders, such as to leave out what it cannot decode."""
        self.write("a.csv", "a\n1\n")
        for name in ("latin1//IGNORE", "latin1//", 'latin1//,"', "*=utf-8//TRANSLIT"):
            with self.subTest(name=name):
                run = self.expect(USAGE, "cat", "a.csv", "--encoding", name)
                self.assertIn("without //", run.error_text)

    def test_a_name_of_any_spelling_is_text_in_json(self):
        self.write("a.csv", b"a\n\xe9\n")
        for name in ('"latin1', "latin1;", "\x01latin1"):  # iconv overlooks such characters
            self.assertEqual(name, self.succeed("count", "a.csv", "--json", "--encoding", name).json["files"][0]["encoding"])

    def test_that_a_file_is_utf_8_can_be_said(self):
        self.write("a.csv", b"a\nJ\xfcrgen\n1\n")
        self.expect(FAULT, "cat", "a.csv", "--encoding", "utf-8")

    def test_a_database_gets_the_text(self):
        self.write("a.csv", "n,t\n1,J\u00fcrgen\n".encode("cp1252"))
        self.write("b.csv", "n,t\n2,J\u00fcrgen\n".encode("utf-16"))
        self.succeed("ingest", "a.csv", "b.csv", "-o", "x.db")
        self.assertEqual("1|Jürgen\n2|Jürgen\n", self.sql("x.db", "SELECT * FROM x;").decode())
