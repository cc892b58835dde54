"""There is no memory, once, or from then on: a load is complete all the same, or it ends with an error that says so.

SHEAF_FAULTS says how many allocations fail, of each kind of load (a sample; negative: every single one).
tests/fault_shim.c makes them fail; SHEAF_FAULT_SHIM names it. The same for reads and writes that do only half of
what they are asked to do: nothing of that may be seen.
"""

import os
import unittest

from faulted import ASKED, FAULTS, LOADS, ONE_THREAD, FaultedTest, sample
from harness import FEW_ROUNDS

SHIM = os.environ.get("SHEAF_FAULT_SHIM", "")
EACH = FAULTS if FAULTS > 0 else 6 if FEW_ROUNDS else 20
NO_MEMORY = ["no memory", "out of memory", "Cannot allocate memory", "no worker could be started"]


@unittest.skipUnless(os.path.exists(SHIM), "SHEAF_FAULT_SHIM names no tests/fault_shim.c that was built")
class ShimTest(FaultedTest):
    def setUp(self):
        super().setUp()
        self.write("leaks", "leak:_nl_normalize_codeset\n")  # the C library's, when there is no memory for a locale

    def preloaded(self, **variables):
        options = os.environ.get("ASAN_OPTIONS", "")
        return {"LD_PRELOAD": SHIM, "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0:allocator_may_return_null=1",
                "LSAN_OPTIONS": f"suppressions={self.path('leaks')}:print_suppressions=0", **variables}

    def counts(self):
        """How many allocations, and transfers, an undisturbed run makes."""
        path = self.path("counts")
        folder = self.folder("counted", of=self.path("before"))
        code, _, err = self.run_in(folder, self.command,
                                   env={**os.environ, **self.preloaded(SHEAF_FAULT_COUNT=path)})
        self.assertEqual(self.whole.code, code, err)
        counts = [tuple(map(int, line.split())) for line in self.read("counts").splitlines()]
        os.unlink(path)
        return max(counts)

    def failing(self, what, n, suffix=""):
        for i in sample(n, EACH):
            fault = f"{what}:{i + 1}{suffix}"
            yield fault, (), self.preloaded(SHEAF_FAULT=fault), NO_MEMORY


class Memory(ShimTest):
    def each(self, loads, how, suffix=""):
        for name, load in loads.items():
            self.begin(name, load, how)
            self.disturb(self.failing("memory", self.counts()[0], suffix))

    def test_of_loads_once(self):
        self.each(LOADS, ONE_THREAD)

    def test_of_loads_from_then_on(self):
        self.each(LOADS, ONE_THREAD, "+")

    def test_of_questions_once(self):
        self.each(ASKED, ONE_THREAD)

    def test_of_questions_from_then_on(self):
        self.each(ASKED, ONE_THREAD, "+")

    def test_of_threads(self):
        self.each({name: LOADS[name] for name in ("sqlite", "csv.gz", "parquet, set aside", "stdout")},
                  ["-j", "2", "--executor", "threads"])


class Halves(ShimTest):
    """A short read or write is no fault: who made it goes on behind what was done."""

    def test_of_reads_and_writes(self):
        for name, load in {**LOADS, **ASKED}.items():
            self.begin(name, load, ONE_THREAD)
            self.disturb(self.failing("half", self.counts()[1]))


if __name__ == "__main__":
    unittest.main()
