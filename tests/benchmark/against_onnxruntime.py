#!/usr/bin/env python3
"""Latency and memory of compiled plans against ONNX Runtime on the CPU, side by side in one run.

    python3 tests/benchmark/against_onnxruntime.py --plimsoll=build/dev/bin/plimsoll MODEL_DIR... [--threads=1,2] [--json=F]

MODEL_DIR holds model.onnx and test_data_set_0. Needs onnxruntime and numpy (pip install onnxruntime==1.31.1 numpy).
Each engine runs in a process of its own, in turn, `--rounds` times; the least median of the rounds counts. Memory is
the process's peak resident set less its own base: for ONNX Runtime after its import, for Plimsoll before loading the plan.
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
print(json.dumps({"median": sorted(times)[len(times) // 2], "peak": field("VmHWM") - base}))
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


def compare(args, folder, threads, work):
    import numpy as np
    data = folder / "test_data_set_0"
    feed = dict(read_tensor(path) for path in sorted(data.glob("input_*.pb"), key=lambda p: int(re.findall(r"\d+", p.stem)[-1])))
    np.savez(work / "inputs.npz", **feed)
    shapes = ",".join(f"{name}:{'x'.join(map(str, array.shape))}" for name, array in feed.items())
    plan = work / "model.plim"
    compiled = run([args.plimsoll, "compile", folder / "model.onnx", "-o", plan, f"--shapes={shapes}", f"--threads={threads}", "--json"])
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(run([args.plimsoll, "bench", plan, f"--inputs={data}", f"--seconds={args.seconds}", "--json"]))
        theirs.append(run([sys.executable, "-c", ORT, folder / "model.onnx", work / "inputs.npz", str(threads), str(args.seconds)]))
    ours_s = min(r["latency_seconds"]["median"] for r in ours)
    theirs_s = min(r["median"] for r in theirs)
    memory, peer = min(r["measured_peak_bytes"] for r in ours), min(r["peak"] for r in theirs)
    return {"model": folder.name, "threads": threads, "ours_seconds": ours_s, "onnxruntime_seconds": theirs_s, "speed": theirs_s / ours_s,
            "ours_peak_bytes": memory, "onnxruntime_peak_bytes": peer, "memory": memory / max(peer, 1), "planned_bytes": compiled["peak_bytes"],
            "arena_ratio": compiled["arena_ratio"], "proven_optimal": compiled["proven_optimal"], "compile_seconds": compiled["compile_seconds"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--plimsoll", default="build/dev/bin/plimsoll")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json")
    args = parser.parse_args()
    rows = []
    print(f"{'model':18} threads  ours ms   ort ms  speed   ours MiB  ort MiB  memory  planned MiB  arena/bound  compile s")
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
            print(f"{row['model']:18} {threads:7} {row['ours_seconds'] * 1e3:8.3f} {row['onnxruntime_seconds'] * 1e3:8.3f} {row['speed']:6.2f} "
                  f"{row['ours_peak_bytes'] / mib:10.1f} {row['onnxruntime_peak_bytes'] / mib:8.1f} {row['memory']:7.2f} {row['planned_bytes'] / mib:12.2f} "
                  f"{row['arena_ratio']:12.4f} {row['compile_seconds']:10.2f}", flush=True)
        here = [row for row in rows if row["threads"] == threads]
        if here:
            mean = lambda key: math.exp(sum(math.log(row[key]) for row in here) / len(here))
            print(f"geometric mean at {threads} threads over {len(here)} models: speed {mean('speed'):.3f}, memory {mean('memory'):.3f}; "
                  f"least speed {min(r['speed'] for r in here):.2f}, most memory {max(r['memory'] for r in here):.2f}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
