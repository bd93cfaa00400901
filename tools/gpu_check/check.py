"""Runs on the GPU's machine. Usage: check.py BUNDLE_FOLDER OUT.json|FOLDER

Writes one JSON document; prints a line a part; exit 1 where anything is wrong. Parts that time does not allow are named.
"""
import datetime
import glob
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import sysconfig
import time

LIMIT_SECONDS = float(os.environ.get("GPU_CHECK_SECONDS", 460))
START = time.monotonic()


def left():
    return LIMIT_SECONDS - (time.monotonic() - START)


def environment(folder):
    """Where the bundle's own libraries are, and NVIDIA's of Python packages."""
    places = [str(folder / "lib")]
    for base in {sysconfig.get_paths()["purelib"], *sys.path}:
        places += sorted({os.path.dirname(p) for p in glob.glob(f"{base}/nvidia/**/lib*.so*", recursive=True)})
    places += ["/usr/local/nvidia/lib64", "/usr/local/cuda/lib64", os.environ.get("LD_LIBRARY_PATH", "")]
    return dict(os.environ, LD_LIBRARY_PATH=":".join(p for p in dict.fromkeys(places) if p))


def gpu():
    fields = "name,driver_version,memory.total,compute_cap"
    out = subprocess.run(["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"nvidia-smi: {out.stderr or out.stdout}")
    values = [v.strip() for v in out.stdout.splitlines()[0].split(",")]
    return dict(zip(["name", "driver", "memory_mib", "compute_capability"], values))


class Check:
    def __init__(self, folder):
        self.folder = folder
        self.environment = environment(folder)
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.failures, self.skipped = [], []

    def call(self, *words, timeout=120):
        """Exit code, the JSON document on stdout if there is one, and stderr."""
        try:
            done = subprocess.run([str(w) for w in words], capture_output=True, text=True, env=self.environment,
                                  timeout=max(5, min(timeout, left())))
        except subprocess.TimeoutExpired:
            return 124, None, "took too long"
        try:
            document = json.loads(done.stdout)
        except ValueError:
            document = None
        return done.returncode, document, done.stderr.strip()[-2000:]

    def plimsoll(self, *words, **options):
        return self.call(self.folder / "bin/plimsoll", *words, "--json", **options)

    def fail(self, what):
        self.failures.append(what)
        print("FAILED", what, flush=True)

    def conformance(self):
        out = self.folder / "conformance.json"
        code, _, error = self.call(self.folder / "bin/device_conformance_test", f"--gtest_output=json:{out}", timeout=100)
        result = json.loads(out.read_text()) if out.exists() else {}
        failed = [f"{suite['name']}.{test['name']}" for suite in result.get("testsuites", []) for test in suite["testsuite"] if test.get("failures")]
        for name in failed:
            self.fail(f"conformance: {name}")
        if code != 0 and not failed:
            self.fail(f"conformance: exit {code}: {error}")
        return {"tests": result.get("tests", 0), "failures": failed,
                "on_gpu": sum(test.get("result") == "COMPLETED" for suite in result.get("testsuites", []) for test in suite["testsuite"]
                              if "Gpu" in suite["name"] + test["name"])}

    def models(self):
        rows = []
        for entry in self.manifest["models"]:
            if left() < 200:
                self.skipped.append(f"model {entry['plan']}")
                continue
            data = self.folder / "data" / entry["name"]
            code, document, error = self.plimsoll("run", self.folder / "plans" / entry["plan"], f"--inputs={data}", f"--expect={data}")
            rows.append({"name": entry["name"], "precision": entry["precision"], "exit_code": code,
                         "result": (document or {}).get("sets", document)})
            if code != 0:
                self.fail(f"model {entry['plan']}: exit {code}: {error}")
        return rows

    def sweep(self):
        rows, above = [], 0
        for entry in self.manifest["sweep"]:
            if left() < 150:
                self.skipped.append(f"budget {entry['plan']}")
                continue
            code, document, error = self.plimsoll("bench", self.folder / "plans" / entry["plan"], "--iterations=3", "--warmup=1")
            if code != 0:
                self.fail(f"budget {entry['plan']}: exit {code}: {error}")
                continue
            memory = document["device_memory"]
            over = memory["process_bytes"] > entry["budget_bytes"]
            above += over
            rows.append(dict(entry, **memory))
            if over:
                self.fail(f"budget {entry['plan']}: {memory['process_bytes']} bytes of a budget of {entry['budget_bytes']}")
        differences = [abs(r["process_bytes"] - r["planned_peak_bytes"]) for r in rows]
        return {"pairs": len(rows), "above_budget": above, "largest_difference_bytes": max(differences, default=None), "rows": rows}

    def timing(self):
        rows = []
        for entry in self.manifest["timed"]:
            if left() < 60:
                self.skipped.append(f"timing {entry['plan']}")
                continue
            flags = ["--random-weights", "--seconds=2"] + (["--profile"] if entry.get("profile") else [])
            started = time.monotonic()
            code, document, error = self.plimsoll("bench", self.folder / "plans" / entry["plan"], *flags)
            if code != 0:
                self.fail(f"timing {entry['plan']}: exit {code}: {error}")
                continue
            row = {k: document.get(k) for k in ("latency_seconds", "load_seconds", "device_memory", "fallbacks", "profile")}
            rows.append(dict(entry, process_seconds=time.monotonic() - started, **row))
            print(f"{entry['name']} {entry['precision']}: {1e3 * document['latency_seconds']['median']:.3f} ms", flush=True)
        return rows

    def torch(self):
        code, document, error = self.call(sys.executable, self.folder / "torch_peer.py", str(int(max(30, left() - 20))), timeout=left() - 10)
        if document is None:
            self.skipped.append(f"torch: exit {code}: {error[-300:]}")
        return document


def compare(result):
    """The figures that matter, from the rows."""
    figures = {}
    timed = {(r["name"], r["precision"]): r["latency_seconds"]["median"] for r in result["timing"]}
    peer = result.get("torch") or {}
    for name, by_way in peer.get("models", {}).items():
        for way, seconds in by_way.items():
            precision = way.split()[1]
            if (name, precision) in timed:
                figures[f"{name} {precision}: latency over torch {way.split()[0]}"] = timed[name, precision] / seconds
    copy = peer.get("copy_bytes_per_second")
    for row in result["timing"]:
        for command in row.get("profile") or []:
            if row["name"].startswith("memory") and copy and command.get("bytes") and command["seconds"] > 1e-4:
                figures[f"{row['name']} {command['node']}: share of the copy bandwidth"] = command["bytes"] / command["seconds"] / copy
            rate = peer.get("gemm_flops", {}).get(row["precision"])
            if row["name"].startswith("gemm") and rate and command.get("flops", 0) > 1e11:
                figures[f"{row['name']} {command['node']}: share of torch's matmul rate"] = command["flops"] / command["seconds"] / rate
    return figures


def main():
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    check = Check(folder)
    result = {"date": datetime.date.today().isoformat(), "gpu": gpu(), "architecture": check.manifest["architecture"]}
    print(result["gpu"], flush=True)
    for part in ("conformance", "models", "sweep", "timing", "torch"):
        began = time.monotonic()
        result[part] = getattr(check, part)()
        print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)
    result["figures"] = compare(result)
    result["failures"], result["skipped"] = check.failures, check.skipped
    result["seconds"] = round(time.monotonic() - START)
    if out.suffix != ".json":
        out = out / (re.sub(r"[^a-z0-9]+", "-", result["gpu"]["name"].lower()).strip("-") + ".json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    for name, value in result["figures"].items():
        print(f"{value:8.3f}  {name}")
    print(f"{out}: {len(check.failures)} failures, {len(check.skipped)} skipped, {result['seconds']} s")
    sys.exit(1 if check.failures else 0)


main()
