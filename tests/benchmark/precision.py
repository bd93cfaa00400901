#!/usr/bin/env python3
"""Error, speed and memory of low precision, as a table: python3 precision.py --plimsoll=PATH MODEL_FOLDER...

A folder holds model.onnx and test_data_set_K with the outputs that onnxruntime computed in f32. Error: root mean square of
the difference over that of the expected outputs, the largest of all outputs and sets. Speed: f32's median time over the low
precision's, one thread, engines in turn. Memory: the planned peak over f32's."""
import argparse
import json
import pathlib
import subprocess

PRECISIONS = ("f32", "bf16", "f16")


def plimsoll(binary, *arguments):
    run = subprocess.run([binary, *arguments, "--json"], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 6):
        raise SystemExit(f"{' '.join(arguments)}: exit {run.returncode}: {run.stderr.strip()}")
    return json.loads(run.stdout)


def measure(binary, folder, rounds, seconds):
    model, row = str(folder / "model.onnx"), {}
    for precision in PRECISIONS:
        result = plimsoll(binary, "run", model, f"--precision={precision}", f"--inputs={folder}", f"--expect={folder}")
        row[precision] = {"error": max(o.get("rms_relative_difference", 0) for s in result["sets"] for o in s["outputs"]),
                          "seconds": float("inf")}
    for _ in range(rounds):
        for precision in PRECISIONS:
            result = plimsoll(binary, "bench", model, f"--precision={precision}", f"--inputs={folder}", "--threads=1",
                              f"--seconds={seconds}")
            row[precision]["seconds"] = min(row[precision]["seconds"], result["latency_seconds"]["median"])
            row[precision]["peak"] = result["planned_peak_bytes"]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plimsoll", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    flags = parser.parse_args()
    print("| model | f32 error | bf16 error | f16 error | bf16 speed | f16 speed | bf16 memory | f16 memory |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for folder in flags.folders:
        row = measure(flags.plimsoll, folder, flags.rounds, flags.seconds)
        errors = [f"{row[p]['error']:.2g}" for p in PRECISIONS]
        speeds = [f"{row['f32']['seconds'] / row[p]['seconds']:.2f}" for p in PRECISIONS[1:]]
        peaks = [f"{row[p]['peak'] / row['f32']['peak']:.2f}" for p in PRECISIONS[1:]]
        print(f"| {folder.name} | {' | '.join(errors + speeds + peaks)} |", flush=True)


if __name__ == "__main__":
    main()
