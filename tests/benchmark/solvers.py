#!/usr/bin/env python3
"""Prints the tables of docs/solvers.md: the bare solvers on public files and on generated problems.

Usage: tests/benchmark/solvers.py [--build=build/dev] [--data=../shared/data] [--models=../shared/models]
                                  [--runs=5] [--seeds=20]
                                  [--only=allocation|ordering|rematerialization]

Times of `plimsoll solve` are of the whole process: the median of `runs`, each checked by the command's own validator.
Public files that are absent are skipped, and said so.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

CAPACITY = 1048576
# Milliseconds of MiniMalloc (ASPLOS 2023) on a 2-core EPYC, median of 3.
MINIMALLOC_MS = {"A": 4661, "B": 3556, "C": 664, "D": 2589, "E": 3464, "F": 4887}


def solve(plimsoll, runs, *arguments):
    """The answer of `plimsoll solve` and the median wall time of its process, in seconds."""
    times = []
    for _ in range(runs):
        start = time.monotonic()
        done = subprocess.run([plimsoll, "solve", *map(str, arguments), "--json"], capture_output=True, text=True)
        times.append(time.monotonic() - start)
        if done.returncode not in (0, 3):
            sys.exit(f"{arguments}: {done.stderr}")
    return json.loads(done.stdout), statistics.median(times)


def within_capacity(plimsoll, folder, runs):
    print(f"minimalloc, capacity {CAPACITY}: seconds of the whole process\n"
          f"{'file':6}{'MiniMalloc':>12}{'plimsoll':>12}{'times faster':>14}")
    product, count = 1.0, 0
    for name, published in MINIMALLOC_MS.items():
        path = folder / f"{name}.csv"
        if not path.exists():
            print(f"{name:6}skipped: {path} is absent")
            continue
        answer, seconds = solve(plimsoll, runs, "allocation", path, f"--capacity={CAPACITY}")
        if "arena_bytes" not in answer:
            sys.exit(f"{name}: {answer}")
        ratio = published / 1000 / seconds
        product, count = product * ratio, count + 1
        print(f"{name:6}{published / 1000:12.3f}{seconds:12.4f}{ratio:14.1f}")
    if count:
        print(f"geometric mean: {product ** (1 / count):.1f} times faster\n")


def lowered(plimsoll, folder):
    print("minimalloc, the capacity lowered from above the bound by steps of 1024, at most 5 s each")
    for name in MINIMALLOC_MS:
        path = folder / f"{name}.csv"
        if not path.exists():
            continue
        bound = solve(plimsoll, 1, "allocation", path, "--steps=1")[0]["lower_bound_bytes"]
        least, worst, open_, proven = None, 0.0, None, None
        capacity = CAPACITY
        while capacity >= bound - 1024:
            answer, seconds = solve(plimsoll, 1, "allocation", path, f"--capacity={capacity}", "--seconds=5")
            if "arena_bytes" in answer:
                least, worst = answer["arena_bytes"], max(worst, seconds)
                capacity = least - 1024
                continue
            if answer["proven_infeasible"]:
                proven = capacity
            else:
                open_ = capacity
            break
        end = f"infeasible at {proven}, by proof" if proven else f"out of time at {open_}"
        print(f"{name:6}bound {bound:9} least found {least:9} worst time {worst:8.4f} s; {end}", flush=True)
    print()


def minimized(plimsoll, data, runs):
    print(f"minimized\n{'file':28}{'bytes':>14}{'bound':>14}{'ratio':>10}{'seconds':>10}")
    files = [f"minimalloc/{name}.csv" for name in MINIMALLOC_MS] + ["idealloc/resnet50.csv", "idealloc/pangu_2.6B.csv.gz"]
    for name in files:
        path = data / "allocation" / name
        if not path.exists():
            print(f"{name:28}skipped: {path} is absent")
            continue
        answer, seconds = solve(plimsoll, runs, "allocation", path)
        print(f"{name:28}{answer['arena_bytes']:14}{answer['lower_bound_bytes']:14}{1 + answer['gap']:10.5f}{seconds:10.3f}"
              f"{'  optimal' if answer['proven_optimal'] else ''}", flush=True)
    print(flush=True)


# Shapes of inputs with open dimensions, for models without reference data.
GRAPH_SHAPES = {"llama3_8b_dynamic": "input_ids:1x2048", "llama3_8b_decode": "input_ids:1x1,past.0.key:1x8x2047x128"}

# Inputs that decide what runs, by model: their names and files.
VALUES = {"silero_vad": ("sr", "input_2.pb")}


def shapes_of(model):
    """--shapes (and --values) for a model, from its first data set or the tables above; [] where nothing is open."""
    if model.stem in GRAPH_SHAPES:
        return [f"--shapes={GRAPH_SHAPES[model.stem]}"]
    data = model.parent / "test_data_set_0"
    if not data.exists():
        return []
    import onnx  # reads the names and shapes of the reference inputs
    shapes = []
    for k in range(len(list(data.glob("input_*.pb")))):
        tensor = onnx.load_tensor(data / f"input_{k}.pb")
        shapes.append(f"{tensor.name}:{'x'.join(map(str, tensor.dims))}")
    options = [f"--shapes={','.join(shapes)}"]
    if model.parent.name in VALUES:
        name, file = VALUES[model.parent.name]
        options.append(f"--values={name}={data / file}")
    return options


def orderings(plimsoll, models):
    """The problems that `compile` gives to the ordering solver, for every model there is."""
    print(f"\nordering on the models' graphs: peaks in KiB, without weights\n{'model':28}{'nodes':>7}{'imported':>11}{'greedy':>11}"
          f"{'ours':>11}{'bound':>11}{'less':>9}{'gap':>8}{'seconds':>9}", flush=True)
    files = sorted(models.glob("graphs/*.onnx")) + sorted(models.glob("real/*/model.onnx")) + sorted(models.glob("tiny/*/model.onnx"))
    for model in files:
        name = f"{model.parent.parent.name}/{model.parent.name}" if model.stem == "model" else f"graphs/{model.stem}"
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([plimsoll, "compile", model, "-o", f"{folder}/model.plim", f"--problems={folder}", *shapes_of(model)],
                                  capture_output=True, text=True)
            path = pathlib.Path(folder) / "ordering.json"
            if not path.exists():
                print(f"{name:28}no plan: exit {done.returncode}, {done.stderr.strip().splitlines()[-1][:90]}", flush=True)
                continue
            answer, _ = solve(plimsoll, 1, "ordering", path)
        kib = [answer[key] / 1024 for key in ("imported_peak", "greedy_peak", "peak", "lower_bound")]
        print(f"{name:28}{answer['nodes']:7}{kib[0]:11.0f}{kib[1]:11.0f}{kib[2]:11.0f}{kib[3]:11.0f}"
              f"{100 * (1 - kib[2] / kib[0]) if kib[0] else 0:8.1f}%{100 * answer['gap']:7.1f}%{answer['seconds']:9.2f}"
              f"{'  optimal' if answer['proven_optimal'] else ''}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--build", type=pathlib.Path, default=root / "build/dev")
    parser.add_argument("--data", type=pathlib.Path, default=root.parent / "shared/data")
    parser.add_argument("--models", type=pathlib.Path, default=root.parent / "shared/models")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", choices=["allocation", "ordering", "rematerialization"])
    flags = parser.parse_args()
    bin_folder = flags.build / "bin"
    if flags.only in (None, "allocation"):
        folder = flags.data / "allocation/minimalloc"
        within_capacity(bin_folder / "plimsoll", folder, flags.runs)
        lowered(bin_folder / "plimsoll", folder)
        minimized(bin_folder / "plimsoll", flags.data, flags.runs)
        subprocess.run([bin_folder / "memory_solver_benchmark", str(flags.seeds)], check=True)
    if flags.only in (None, "ordering"):
        print("\nordering: peaks in KiB", flush=True)
        subprocess.run([bin_folder / "schedule_benchmark"], check=True)
        orderings(bin_folder / "plimsoll", flags.models)
    if flags.only in (None, "rematerialization"):
        print("\nrematerialization", flush=True)
        subprocess.run([bin_folder / "checkpoint_benchmark"], check=True)


if __name__ == "__main__":
    main()
