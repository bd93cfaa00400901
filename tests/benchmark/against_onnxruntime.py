#!/usr/bin/env python3
"""Latency and memory of compiled plans against ONNX Runtime on the CPU, side by side in one run.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install onnxruntime==1.31.1 numpy
    /tmp/venv/bin/python tests/benchmark/against_onnxruntime.py --plimsoll=build/dev/bin/plimsoll MODEL_DIR...
        [--threads=1,2] [--rounds=4] [--seconds=0.5] [--json=F] [--markdown=docs/performance.md]

MODEL_DIR holds model.onnx and test_data_set_0. Each engine runs in a process of its own, in turn, `--rounds` times for
`--seconds` each; the least median of the rounds counts, and `noise` is how far the median round lies above the least, the
larger of both engines': what other load on the machine adds. `least` is the speed by each engine's single fastest run. Memory is the process's peak resident set less its own base:
for ONNX Runtime after its import, for Plimsoll before loading the plan. Compile time is that of the whole process.
`--markdown` keeps the section "Notes" of the file that it replaces.
"""
import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ORT = r"""
import json, sys, time
import numpy as np, onnxruntime as ort
def field(name):
    return next(int(l.split()[1]) * 1024 for l in open("/proc/self/status") if l.startswith(name))
model, inputs, threads, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
feed = dict(np.load(inputs))
base = field("VmRSS")
options = ort.SessionOptions()
options.intra_op_num_threads = threads
options.inter_op_num_threads = 1
options.log_severity_level = 4
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
for _ in range(3): session.run(None, feed)
times, start = [], time.perf_counter()
while len(times) < 5 or time.perf_counter() - start < seconds:
    t = time.perf_counter(); session.run(None, feed); times.append(time.perf_counter() - t)
print(json.dumps({"median": sorted(times)[len(times) // 2], "min": min(times), "peak": field("VmHWM") - base}))
"""


def read_tensor(path):
    """A TensorProto file as (name, array), by a minimal reader of the wire format."""
    import numpy as np
    types = {1: "f4", 2: "u1", 3: "i1", 4: "u2", 5: "i2", 6: "i4", 7: "i8", 9: "?", 10: "f2", 11: "f8", 12: "u4", 13: "u8"}
    data, at = pathlib.Path(path).read_bytes(), 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    dims, kind, name, raw, typed = [], 1, "", None, {}
    while at < len(data):
        tag = varint()
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value = varint()
            if number == 1: dims.append(value)
            elif number == 2: kind = value
            else: typed.setdefault(number, []).append(value)
            continue
        if wire == 5:
            typed.setdefault(number, []).append(np.frombuffer(data, "f4", 1, at)[0])
            at += 4
            continue
        size = varint()
        body = data[at:at + size]
        at += size
        if number == 1:
            end, save = at, at - size
            at = save
            while at < end:
                dims.append(varint())
        elif number == 8: name = body.decode()
        elif number == 9: raw = body
        elif number == 4: typed[4] = list(np.frombuffer(body, "f4"))
        elif number in (5, 7):
            end = at
            at -= size
            while at < end:
                value = varint()
                typed.setdefault(number, []).append(value - (1 << 64) if value >= 1 << 63 else value)
    dtype = np.dtype(types[kind])
    array = np.frombuffer(raw, dtype) if raw is not None else np.array(next(iter(typed.values()), []), dtype)
    return name, array.reshape(dims)


def run(command, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def compile_model(args, folder, plan, shapes, threads, feed, work):
    """The compiler's report, and the seconds that its process took. Inputs that decide shapes are fixed to their values."""
    import numpy as np
    command = [args.plimsoll, "compile", folder / "model.onnx", "-o", plan, f"--shapes={shapes}", f"--threads={threads}", "--json"]
    for _ in range(len(feed) + 1):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return json.loads(done.stdout), time.perf_counter() - start
        needed = set(re.findall(r"--values=([^=\s]+)=", done.stderr)) & set(feed)
        if not needed or any(str(part).startswith("--values") for part in command):
            break
        for name in sorted(needed):
            path = work / f"value{len(command)}.npy"
            np.save(path, feed[name])
            command.append(f"--values={name}={path}")
    raise RuntimeError(f"compile: exit {done.returncode}\n{done.stderr[-2000:]}")


def mean(rows, key):
    return math.exp(sum(math.log(row[key]) for row in rows) / len(rows))


def cpu_model():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    found = re.search(r"model name\s*:\s*(.*)", text)
    vendor = "AVX-512" if "avx512f" in text else "AVX2" if "avx2" in text else "no AVX2"
    return f"{found.group(1) if found else 'unknown'}, {os.cpu_count()} cores, {vendor}"


def write_markdown(path, rows, args):
    """docs/performance.md: generated but for its section "Notes", which is kept."""
    notes = "\n## Notes\n"
    if path.exists() and "\n## Notes\n" in path.read_text():
        notes = path.read_text()[path.read_text().index("\n## Notes\n"):]
    lines = ["# Performance on the CPU", "",
             "Written by `tests/benchmark/against_onnxruntime.py --markdown` from one run; its head says how to run it again.", "",
             f"Machine: {cpu_model()}. Compared with onnxruntime 1.31.1, CPU provider, default optimizations, the same number of",
             f"threads. Latency: the least of {args.rounds} medians, each over {args.seconds:g} s in a process of its own, engines in turn. Noise: how far the",
             "median of these rounds lies above the least, the larger of both engines'. Least: the speed by each engine's fastest run. Memory: peak resident set less the process's own base;",
             "plan: the planned peak. Arena: over the lower bound of the chosen order. Compile: the whole process.", ""]
    for threads in sorted({row["threads"] for row in rows}):
        here = [row for row in rows if row["threads"] == threads]
        lines += [f"## {threads} thread{'s' if threads > 1 else ''}", "",
                  f"Geometric mean over {len(here)} models: speed (onnxruntime's time over ours) {mean(here, 'speed'):.2f}, memory (ours over onnxruntime's) "
                  f"{mean(here, 'memory'):.2f}; by the fastest runs {mean(here, 'speed_of_least_runs'):.2f}. Least speed {min(r['speed'] for r in here):.2f}, most memory {max(r['memory'] for r in here):.2f}.", "",
                  "| model | ours ms | onnxruntime ms | speed | noise | least | ours MiB | onnxruntime MiB | memory | plan MiB | arena | compile s |",
                  "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
        for row in here:
            mib = 1 << 20
            lines.append(f"| {row['model']} | {row['ours_seconds'] * 1e3:.3f} | {row['onnxruntime_seconds'] * 1e3:.3f} | {row['speed']:.2f} | {row['noise']:.0%} | "
                         f"{row['speed_of_least_runs']:.2f} | "
                         f"{row['ours_peak_bytes'] / mib:.1f} | {row['onnxruntime_peak_bytes'] / mib:.1f} | {row['memory']:.2f} | {row['planned_bytes'] / mib:.2f} | "
                         f"{row['arena_ratio']:.4f}{' optimal' if row['proven_optimal'] else ''} | {row['compile_seconds']:.2f} |")
        lines.append("")
    path.write_text("\n".join(lines) + notes)


def compare(args, folder, threads, work):
    import numpy as np
    data = folder / "test_data_set_0"
    feed = dict(read_tensor(path) for path in sorted(data.glob("input_*.pb"), key=lambda p: int(re.findall(r"\d+", p.stem)[-1])))
    np.savez(work / "inputs.npz", **feed)
    shapes = ",".join(f"{name}:{'x'.join(map(str, array.shape))}" for name, array in feed.items())
    plan = work / "model.plim"
    compiled, compile_seconds = compile_model(args, folder, plan, shapes, threads, feed, work)
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(run([args.plimsoll, "bench", plan, f"--inputs={data}", f"--seconds={args.seconds}", "--json"]))
        theirs.append(run([sys.executable, "-c", ORT, folder / "model.onnx", work / "inputs.npz", str(threads), str(args.seconds)]))
    ours_medians = sorted(r["latency_seconds"]["median"] for r in ours)
    theirs_medians = sorted(r["median"] for r in theirs)
    ours_s, theirs_s = ours_medians[0], theirs_medians[0]
    noise = max(medians[len(medians) // 2] / medians[0] - 1 for medians in (ours_medians, theirs_medians))
    least = min(r["min"] for r in theirs) / min(r["latency_seconds"]["min"] for r in ours)
    memory, peer = min(r["measured_peak_bytes"] for r in ours), min(r["peak"] for r in theirs)
    return {"model": folder.name, "threads": threads, "ours_seconds": ours_s, "onnxruntime_seconds": theirs_s, "speed": theirs_s / ours_s,
            "ours_peak_bytes": memory, "onnxruntime_peak_bytes": peer, "memory": memory / max(peer, 1), "planned_bytes": compiled["peak_bytes"],
            "arena_ratio": compiled["arena_ratio"], "proven_optimal": compiled["proven_optimal"], "compile_seconds": compile_seconds, "noise": noise, "speed_of_least_runs": least}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--plimsoll", default="build/dev/bin/plimsoll")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json")
    parser.add_argument("--markdown", type=pathlib.Path)
    args = parser.parse_args()
    rows = []
    print(f"{'model':18} threads  ours ms   ort ms  speed  noise  least   ours MiB  ort MiB  memory  planned MiB  arena/bound  compile s")
    for threads in map(int, args.threads.split(",")):
        for folder in args.models:
            with tempfile.TemporaryDirectory() as work:
                try:
                    row = compare(args, folder, threads, pathlib.Path(work))
                except RuntimeError as error:
                    print(f"{folder.name:18} {threads:7}  failed: {str(error).splitlines()[-1] if str(error) else ''}")
                    continue
            rows.append(row)
            mib = 1 << 20
            print(f"{row['model']:18} {threads:7} {row['ours_seconds'] * 1e3:8.3f} {row['onnxruntime_seconds'] * 1e3:8.3f} {row['speed']:6.2f} {row['noise']:6.0%} {row['speed_of_least_runs']:6.2f} "
                  f"{row['ours_peak_bytes'] / mib:10.1f} {row['onnxruntime_peak_bytes'] / mib:8.1f} {row['memory']:7.2f} {row['planned_bytes'] / mib:12.2f} "
                  f"{row['arena_ratio']:12.4f} {row['compile_seconds']:10.2f}", flush=True)
        here = [row for row in rows if row["threads"] == threads]
        if here:
            print(f"geometric mean at {threads} threads over {len(here)} models: speed {mean(here, 'speed'):.3f}, memory {mean(here, 'memory'):.3f}; "
                  f"least speed {min(r['speed'] for r in here):.2f}, most memory {max(r['memory'] for r in here):.2f}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")
    if args.markdown:
        write_markdown(args.markdown, rows, args)


if __name__ == "__main__":
    main()
