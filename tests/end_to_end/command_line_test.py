#!/usr/bin/env python3
"""The command line as scripts see it: exit codes, JSON keys, messages, and what is left on the disk.

Usage: command_line_test.py PLIMSOLL SOURCE_DIR NODE_TESTS_DIR
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PLIMSOLL, SOURCE, NODE_TESTS = sys.argv[1:4]
MODEL = os.path.join(SOURCE, "tests/data/models/real/ppocr_v2_cls/model.onnx")
DATA = os.path.join(os.path.dirname(MODEL), "test_data_set_0")
SHAPES = "--shapes=x:1x3x48x192"


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.plan = os.path.join(self.folder, "model.plim")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def call(self, *arguments, expect=0, says=()):
        """Runs plimsoll; checks the exit code and that the message on stderr holds each of `says`."""
        done = subprocess.run([PLIMSOLL, *arguments], capture_output=True, text=True, timeout=280)
        self.assertEqual(done.returncode, expect, f"{arguments}\n{done.stdout}{done.stderr}")
        for text in says:
            self.assertIn(text, done.stderr)
        if expect != 0:
            self.assertTrue(done.stderr.startswith("plimsoll: ") or expect == 6, done.stderr)
        return done.stdout

    def json(self, *arguments, expect=0):
        document = json.loads(self.call(*arguments, "--json", expect=expect))
        self.assertEqual(document["exit_code"], expect)
        return document

    def compile(self, *arguments, expect=0):
        return self.json("compile", MODEL, "-o", self.plan, SHAPES, *arguments, expect=expect)

    def path(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_the_main_job(self):
        compiled = self.compile("--budget=16M")
        self.assertGreater(compiled["memory_bytes"]["weights"], 0)
        self.assertGreater(compiled["memory_bytes"]["activations"], 0)
        self.assertLessEqual(compiled["peak_bytes"], 16 << 20)
        self.assertTrue(self.json("verify", self.plan, "--weights")["valid"])
        out = os.path.join(self.folder, "out")
        self.call("run", self.plan, f"--inputs={DATA}", f"--expect={DATA}", f"--outputs={out}")
        written = os.path.join(out, "test_data_set_0", "output_0.pb")
        self.assertTrue(os.path.exists(written))
        self.call("run", MODEL, f"--inputs={DATA}", f"--expect={out}/test_data_set_0", "--rtol=0", "--atol=0")
        bench = self.json("bench", self.plan, "--iterations=3")
        for key in ("median", "p90", "min"):
            self.assertGreater(bench["latency_seconds"][key], 0)
        self.assertEqual(bench["planned_peak_bytes"], compiled["peak_bytes"])
        self.assertGreater(bench["measured_peak_bytes"], 0)
        page = os.path.join(self.folder, "model.html")
        self.call("inspect", self.plan, f"--html={page}")
        with open(page) as file:
            text = file.read()
        self.assertIn("<svg", text)
        self.assertNotIn("http://", text.replace("http://www.w3.org/", ""))
        self.assertNotIn("https://", text)

    def test_the_problems_that_were_solved(self):
        folder = os.path.join(self.folder, "new", "problems")
        compiled = self.compile(f"--problems={folder}")
        allocation = self.json("solve", "allocation", os.path.join(folder, "allocation.csv"))
        self.assertLessEqual(allocation["lower_bound_bytes"], compiled["peak_bytes"])
        self.assertEqual(allocation["arena_bytes"] + compiled["memory_bytes"]["weights"], compiled["peak_bytes"])
        ordering = self.json("solve", "ordering", os.path.join(folder, "ordering.json"))
        self.assertLessEqual(ordering["peak"], ordering["imported_peak"])
        self.assertLessEqual(ordering["peak"], ordering["greedy_peak"])
        self.assertLessEqual(ordering["lower_bound"], ordering["peak"])
        self.call("compile", MODEL, "-o", self.plan, SHAPES, f"--problems={self.path('file', b'')}", expect=5, says=["file"])

    def test_check(self):
        checked = self.json("check", MODEL)
        self.assertEqual(checked["open_inputs"], ["x"])
        checked = self.json("check", MODEL, SHAPES)
        self.assertGreater(checked["memory_bytes"]["activations"], 0)
        self.assertGreater(checked["flops"], 0)

    def test_gpus(self):
        catalogue = self.json("gpus")["gpus"]
        self.assertGreater(len(catalogue), 8)
        for gpu in catalogue:
            self.assertLess(gpu["budget_bytes"], gpu["figures"]["memory_bytes"]["value"])
            self.assertTrue(all(figure["source"] for figure in gpu["figures"].values()))
        self.assertEqual(self.json("gpus", "H100")["gpus"][0]["architecture"], "sm_90")
        self.call("gpus", "abacus", expect=2, says=["abacus", "h200"])

    def test_kernels(self):
        if not os.path.exists(os.path.join(SOURCE, "third_party/deps/cuda")) and not os.path.exists("/usr/local/cuda/nvvm"):
            self.skipTest("no CUDA toolkit")
        out = os.path.join(self.folder, "out")
        listed = self.json("kernels", MODEL, SHAPES, "--cuda=sm_90", "-o", out)
        self.assertEqual(listed["arch"], "sm_90")
        self.assertGreater(len(listed["kernels"]), 20)
        self.assertEqual({kernel["spill_bytes"] for kernel in listed["kernels"]} - {0}, set())
        with open(os.path.join(out, "kernels.ptx")) as text:
            self.assertIn(".target sm_90", text.read())
        self.assertTrue(os.path.exists(os.path.join(out, "kernels.cubin")))
        given = self.json("kernels", MODEL, f"--inputs={DATA}", "--cuda=sm_70")
        self.assertFalse(given["assembled"])
        self.assertIn("12.9", given["assembler_note"])
        self.call("kernels", MODEL, SHAPES, "--cuda=sm_81", expect=2, says=["sm_80"])
        self.call("kernels", MODEL, expect=2)

    def test_plans_for_gpus(self):
        if not os.path.exists(os.path.join(SOURCE, "third_party/deps/cuda")) and not os.path.exists("/usr/local/cuda/nvvm"):
            self.skipTest("no CUDA toolkit")
        capacity = self.json("gpus", "h200")["gpus"][0]["figures"]
        compiled = self.compile("--gpu=h200")
        self.assertEqual((compiled["device"], compiled["target"], compiled["gpu"]), ("cuda", "sm_90", "h200"))
        self.assertEqual(compiled["budget_bytes"], capacity["memory_bytes"]["value"])
        self.assertEqual(compiled["memory_bytes"]["reserved"], capacity["reserve_bytes"]["value"])
        self.assertGreater(compiled["peak_bytes"], compiled["memory_bytes"]["reserved"] + compiled["memory_bytes"]["weights"])
        self.assertTrue(self.json("verify", self.plan, "--weights")["valid"])
        self.assertEqual(self.json("inspect", self.plan)["host_calls"], [])
        # What driver and libraries take is in the budget.
        refused = self.compile("--target=cuda:sm_90", f"--budget={compiled['memory_bytes']['reserved']}", expect=3)
        self.assertTrue(refused["proven_infeasible"])
        least = refused["smallest_feasible_budget_bytes"]
        self.assertEqual(self.compile("--target=cuda:sm_90", f"--budget={least}")["budget_bytes"], least)
        self.compile("--target=cuda:sm_90", f"--budget={least - 1}", expect=3)
        self.assertEqual(self.compile("--target=cuda")["target"], "sm_80")
        self.assertEqual(self.compile("--target=cuda", "--precision=tf32")["precision"], "tf32")
        self.call("compile", MODEL, "-o", self.plan, SHAPES, "--precision=tf32", expect=2, says=["tf32 on CUDA"])
        self.call("compile", MODEL, "-o", self.plan, SHAPES, "--gpu=h200", "--target=cuda:sm_80", expect=2, says=["contradict"])
        self.call("compile", MODEL, "-o", self.plan, SHAPES, "--target=cuda:sm_81", expect=2, says=["sm_80"])
        if not os.path.exists("/dev/nvidiactl"):
            self.call("run", self.plan, f"--inputs={DATA}", expect=5, says=["libcuda.so.1"])

    def test_low_precision(self):
        full = self.compile()
        low = self.compile("--precision=bf16")
        self.assertEqual((full["precision"], low["precision"]), ("f32", "bf16"))
        result = self.json("run", self.plan, f"--inputs={DATA}", f"--expect={DATA}")
        with open("/proc/cpuinfo") as file:
            has_low = "avx512bw" in file.read()
        if has_low:   # elsewhere the library has no bf16, and all stays in f32
            self.assertLess(low["memory_bytes"]["weights"], 0.7 * full["memory_bytes"]["weights"])
            self.assertGreater(result["sets"][0]["outputs"][0]["rms_relative_difference"], 1e-5)
            self.call("run", self.plan, f"--inputs={DATA}", f"--expect={DATA}", "--rtol=1e-6", "--atol=1e-7", expect=6)
        self.call("compile", MODEL, "-o", self.plan, SHAPES, "--precision=f12", expect=2, says=["f12"])

    def test_smallest_budget_and_one_byte_less(self):
        refused = self.compile("--budget=64K", expect=3)
        self.assertFalse(os.path.exists(self.plan))
        self.assertTrue(refused["proven_infeasible"])
        self.assertTrue(refused["binding_tensor"])
        smallest = refused["smallest_feasible_budget_bytes"]
        self.assertLessEqual(refused["lower_bound_bytes"], smallest)
        again = self.compile(f"--budget={smallest - 1}", expect=3)
        self.assertEqual(again["smallest_feasible_budget_bytes"], smallest)
        self.assertEqual(self.compile(f"--budget={smallest}")["peak_bytes"], smallest)
        self.call("run", self.plan, f"--inputs={DATA}", f"--expect={DATA}")

    def test_usage(self):
        self.call(expect=2)
        self.call("frobnicate", expect=2, says=["frobnicate"])
        self.call("compile", MODEL, expect=2, says=["output"])
        self.call("compile", MODEL, "-o", self.plan, expect=2, says=["'x'", "--shapes"])
        self.call("compile", MODEL, "-o", self.plan, "--shapes=x:1x4x48x192", expect=2, says=["1x4x48x192"])
        self.call("compile", MODEL, "-o", self.plan, "--shapes=x:1x3x99999999999x9999999999", expect=2, says=["larger than any memory"])
        self.call("compile", MODEL, "-o", self.plan, SHAPES, "--budget=12Q", expect=2, says=["12Q"])
        self.call("compile", MODEL, "-o", self.plan, SHAPES, "--target=abacus", expect=2, says=["abacus"])
        self.assertEqual(os.listdir(self.folder), [])

    def test_inputs_that_contradict_the_signature(self):
        self.compile()
        self.call("run", self.plan, expect=2, says=["x"])
        for header, reason in (("'descr': '<f8', 'fortran_order': False, 'shape': (1, 3, 48, 192), ", "f64"),
                               ("'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 48, 191), ", "191")):
            header = "{" + header + "}"
            header += " " * (118 - len(header) - 1) + "\n"
            count = 3 * 48 * (192 * 8 if reason == "f64" else 191 * 4)
            self.path("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(count))
            self.call("run", self.plan, f"--inputs=x={self.folder}/x.npy", expect=2, says=["x", reason])

    def test_unsupported_operators(self):
        model = os.path.join(NODE_TESTS, "test_string_concat", "model.onnx")
        self.call("compile", model, "-o", self.plan, expect=4)
        self.assertFalse(os.path.exists(self.plan))

    def test_files(self):
        self.call("check", os.path.join(self.folder, "nothing.onnx"), expect=5, says=["nothing.onnx"])
        with open(MODEL, "rb") as file:
            model = file.read()
        self.call("check", self.path("cut.onnx", model[:1000]), expect=5, says=["cut.onnx"])
        self.call("compile", MODEL, "-o", os.path.join(self.folder, "no/such/x.plim"), SHAPES, expect=5)
        self.compile()
        with open(self.plan, "rb") as file:
            plan = bytearray(file.read())
        self.call("verify", self.path("cut.plim", plan[:5000]), expect=5, says=["truncated"])
        self.call("inspect", self.path("foreign.plim", b"something else"), expect=5)
        plan[len(plan) // 2] ^= 1
        self.call("run", self.path("flipped.plim", plan), f"--inputs={DATA}", expect=5, says=["[P8]"])

    @unittest.skipUnless(os.path.exists("/dev/shm") and shutil.which("prlimit"), "no way to limit a file's size here")
    def test_a_full_disk_leaves_nothing_behind(self):
        done = subprocess.run(["prlimit", "--fsize=100000", PLIMSOLL, "compile", MODEL, "-o", self.plan, SHAPES],
                              capture_output=True, text=True, timeout=280)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_results_that_differ(self):
        self.compile()
        wrong = os.path.join(self.folder, "wrong", "test_data_set_0")
        os.makedirs(wrong)
        with open(os.path.join(DATA, "output_0.pb"), "rb") as file:
            output = bytearray(file.read())
        output[-2:] = b"\x60\x40"   # the last float's exponent
        with open(os.path.join(wrong, "output_0.pb"), "wb") as file:
            file.write(output)
        self.call("run", self.plan, f"--inputs={DATA}", f"--expect={wrong}", expect=6)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
