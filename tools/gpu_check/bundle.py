"""Packs what gpu_check needs on the GPU's machine. Usage: bundle.py ROOT BUNDLE.tar.xz

In the bundle: bin/ (plimsoll, the device conformance suite), lib/ (what they link to, but for the C library), plans/, data/ (inputs
and expected outputs), manifest.json, check.py, torch_peer.py.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

# Every GPU from the A100 on runs text of sm_80; the binary is for Hopper.
ARCHITECTURE = os.environ.get("GPU_CHECK_ARCH", "sm_90")
BUILD = os.environ.get("GPU_CHECK_BUILD", "build/dev")
MOST_BYTES = 50 << 20
MOST_MODEL_BYTES = 5 << 20   # larger models stay out
SYSTEM = re.compile(r"lib(c|m|dl|rt|pthread|util|resolv)\.so|ld-linux|linux-vdso")
# Of each model: budgets between the least that was found and its plain peak.
# GPU_CHECK_ONLY=gpt2,bert: of these models alone, to try the check itself.
ONLY = [name for name in os.environ.get("GPU_CHECK_ONLY", "").split(",") if name]
SWEPT = ["gpt2", "bert", "unet", "vit", "whisper_encoder", "llama", "t5_encoder", "resnet", "ppocr_v2_cls", "basic_pitch"]
BUDGETS = 10
GRAPHS = ["resnet50", "bert_base", "gpt2_124m"]
SYNTHETIC = ["gemm_bf16", "gemm_f32", "memory_f32", "memory_bf16"]


class Bundle:
    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        self.plimsoll = root / BUILD / "bin/plimsoll"
        self.manifest = {"architecture": ARCHITECTURE, "models": [], "sweep": [], "timed": []}
        for name in ("bin", "lib", "plans", "data"):
            (folder / name).mkdir()

    def compile(self, model, plan, *flags):
        """The compiler's report, or None where the budget is too small."""
        command = [self.plimsoll, "compile", model, "-o", self.folder / "plans" / plan, f"--target=cuda:{ARCHITECTURE}", "--json", *flags]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode == 3:
            return None
        if done.returncode != 0:
            sys.exit(f"{model}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def programs(self):
        for name in ("plimsoll", "device_conformance_test"):
            source = self.root / BUILD / "bin" / name
            if not source.exists():
                sys.exit(f"{source} is missing: build it first")
            shutil.copy(source, self.folder / "bin")
            listed = subprocess.run(["ldd", source], capture_output=True, text=True, check=True).stdout
            for soname, path in re.findall(r"(\S+) => (/\S+)", listed):
                if not SYSTEM.match(soname):
                    shutil.copy(path, self.folder / "lib" / soname)

    def models(self):
        shared = self.root.parent / "shared/models"
        seen = set()
        for folder in [*sorted(self.root.glob("tests/data/models/*/*")), *sorted(shared.glob("real/*"))]:
            if not (folder / "model.onnx").exists() or folder.name in seen or (ONLY and folder.name not in ONLY):
                continue
            if (folder / "model.onnx").stat().st_size > MOST_MODEL_BYTES:
                continue
            seen.add(folder.name)
            sets = sorted(folder.glob("test_data_set_*"))[:1]
            for one in sets:
                shutil.copytree(one, self.folder / "data" / folder.name / one.name)
            for precision in ("f32", "bf16", "f16", "tf32"):
                if precision != "f32" and "int8" in folder.name:
                    continue
                plan = f"{folder.name}.{precision}.plim"
                self.compile(folder / "model.onnx", plan, f"--inputs={sets[0]}", f"--precision={precision}")
                self.manifest["models"].append({"name": folder.name, "precision": precision, "plan": plan})
            if folder.name in SWEPT:
                self.sweep(folder, sets[0])

    def sweep(self, folder, data):
        name = folder.name
        plain = json.loads(subprocess.run([self.plimsoll, "inspect", self.folder / "plans" / f"{name}.f32.plim", "--json"],
                                          capture_output=True, text=True, check=True).stdout)
        refused = subprocess.run([self.plimsoll, "compile", folder / "model.onnx", "-o", self.folder / "plans/none.plim",
                                  f"--target=cuda:{ARCHITECTURE}", "--json", f"--inputs={data}", "--budget=1"],
                                 capture_output=True, text=True)
        least, most = json.loads(refused.stdout)["smallest_feasible_budget_bytes"], plain["peak_bytes"]
        for i in range(BUDGETS):
            budget = least + (most - least) * i // (BUDGETS - 1)
            plan = f"{name}.budget{i}.plim"
            if self.compile(folder / "model.onnx", plan, f"--inputs={data}", f"--budget={budget}"):
                self.manifest["sweep"].append({"name": name, "plan": plan, "budget_bytes": budget})

    def timed(self):
        graphs = self.root.parent / "shared/models/graphs"
        for name in GRAPHS:
            model = graphs / f"{name}.onnx"
            if not model.exists() or ONLY:
                continue
            for precision in ("f32", "tf32", "bf16"):
                plan = f"{name}.{precision}.timed.plim"
                self.compile(model, plan, f"--precision={precision}")
                self.manifest["timed"].append({"name": name, "precision": precision, "plan": plan})
        for name in SYNTHETIC:
            plan = f"{name}.plim"
            self.compile(self.root / f"tests/benchmark/models/{name}.onnx", plan)
            self.manifest["timed"].append({"name": name, "precision": name.split("_")[1], "plan": plan, "profile": True})


def main():
    root, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        bundle = Bundle(root, folder)
        bundle.programs()
        bundle.models()
        bundle.timed()
        (folder / "manifest.json").write_text(json.dumps(bundle.manifest, indent=1))
        for name in ("check.py", "torch_peer.py"):
            shutil.copy(root / "tools/gpu_check" / name, folder)
        out.parent.mkdir(parents=True, exist_ok=True)
        # The largest dictionary: all plans of a model hold the same weights.
        with tarfile.open(out, "w:xz", preset=9) as archive:
            archive.add(folder, arcname=".")
    size = out.stat().st_size
    print(f"{out}: {size / 2**20:.1f} MiB, {len(bundle.manifest['models'])} model plans, {len(bundle.manifest['sweep'])} of the "
          f"budget sweep, {len(bundle.manifest['timed'])} timed")
    if size > MOST_BYTES:
        sys.exit(f"the bundle is above {MOST_BYTES >> 20} MiB")


main()
