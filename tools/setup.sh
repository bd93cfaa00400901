#!/usr/bin/env bash
# Installs all that the build needs on Debian 12: packages, and the pinned PyPI archives of third_party/pins.txt.
# Usage: tools/setup.sh [--cuda]   (root, or a user who may sudo; safe to run again: what is there is kept)
# --cuda also gets what code for NVIDIA GPUs is made with, 100 MB of NVIDIA's wheels under NVIDIA's licence: libdevice (bitcode
# of elementary functions, which most kernels need) and ptxas (the assembler, optional). Without it, and without a toolkit in
# /usr/local/cuda, CUDA code generation says what it misses; the CPU target needs neither.
# The archives go to $PLIMSOLL_DEPS, default ~/.cache/plimsoll/deps; third_party/deps becomes a link to it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cuda=0
for argument; do
  case $argument in
    --cuda) cuda=1 ;;
    *) echo "setup: '$argument' is not known; there is --cuda" >&2; exit 2 ;;
  esac
done
deps=${PLIMSOLL_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll/deps}
pins=$root/third_party/pins.txt

packages=(
  build-essential g++-12 clang-19 libclang-rt-19-dev lld-19 liblld-19-dev
  llvm-19 llvm-19-dev llvm-19-tools libmlir-19-dev mlir-19-tools
  cmake ninja-build ccache git ca-certificates
  libprotobuf-dev protobuf-compiler libabsl-dev libgtest-dev libgmock-dev libbenchmark-dev
  nlohmann-json3-dev libcli11-dev zlib1g-dev python3 python3-pip python3-venv unzip
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "setup: installing ${missing[*]}"
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

mkdir -p "$deps"
exec 9>"$deps/.lock"; flock 9   # two clones set up at once: one waits
pin() { awk -v k="$1" -v n="$2" '$1 == k && index($2, n "==") == 1 {print $2, $3}' "$pins"; }

# fetch_wheel NAME FOLDER: downloads the pinned wheel, checks its hash, unpacks it.
fetch_wheel() {
  local spec sha; read -r spec sha < <(pin wheel "$1")
  [ "$(cat "$deps/$2/.pin" 2>/dev/null)" = "$sha" ] && return
  echo "setup: $spec"
  local download; download=$(mktemp -d)
  echo "$spec --hash=sha256:$sha" > "$download/req.txt"
  python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    --python-version 3.11 --implementation cp --abi cp311 --abi none \
    --platform manylinux1_x86_64 --platform manylinux2010_x86_64 --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    -d "$download" -r "$download/req.txt"
  rm -rf "${deps:?}/$2"; mkdir -p "$deps/$2"
  unzip -q "$download"/*.whl -d "$deps/$2"
  echo "$sha" > "$deps/$2/.pin"; rm -rf "$download"
}

# The sdist's build backend must not run (it would build Python bindings): a stub takes its place.
build_onnx() {
  local spec sha; read -r spec sha < <(pin sdist onnx)
  [ "$(cat "$deps/onnx/.pin" 2>/dev/null)" = "$sha" ] && return
  echo "setup: building $spec (about 3 minutes)"
  local work; work=$(mktemp -d)
  mkdir -p "$work/stub/setuptools" "$work/stub/scikit_build_core"
  cat > "$work/backend.py" <<PY
import os
def get_requires_for_build_wheel(config=None): return []
def prepare_metadata_for_build_wheel(directory, config=None):
    name = "onnx-${spec##*==}.dist-info"
    os.makedirs(os.path.join(directory, name))
    open(os.path.join(directory, name, "METADATA"), "w").write(
        "Metadata-Version: 2.1\nName: onnx\nVersion: ${spec##*==}\n")
    open(os.path.join(directory, name, "WHEEL"), "w").write(
        "Wheel-Version: 1.0\nGenerator: stub\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    return name
PY
  for backend in setuptools/build_meta scikit_build_core/build; do
    : > "$work/stub/${backend%/*}/__init__.py"; cp "$work/backend.py" "$work/stub/$backend.py"
  done
  echo "$spec --hash=sha256:$sha" > "$work/req.txt"
  PYTHONPATH="$work/stub" python3 -m pip download -q --disable-pip-version-check --no-deps --no-binary onnx \
    --no-build-isolation --require-hashes -d "$work" -r "$work/req.txt"
  mkdir "$work/src"; tar -xzf "$work"/onnx-*.tar.gz -C "$work/src" --strip-components=1
  sed -i 's/cmake_minimum_required(VERSION 3\.2[6-9][^)]*)/cmake_minimum_required(VERSION 3.25)/' "$work/src/CMakeLists.txt"
  rm -rf "$deps/onnx"
  CCACHE_BASEDIR="$work" cmake -G Ninja -S "$work/src" -B "$work/build" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_INSTALL_PREFIX="$deps/onnx" -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_C_COMPILER=clang-19 \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
    -DCMAKE_CXX_STANDARD=17 -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DONNX_ML=ON -DONNX_BUILD_TESTS=OFF \
    -DONNX_USE_LITE_PROTO=OFF -DONNX_USE_PROTOBUF_SHARED_LIBS=ON -DONNX_BUILD_CUSTOM_PROTOBUF=OFF \
    -DONNX_HARDENING=OFF -DFETCHCONTENT_FULLY_DISCONNECTED=ON > "$work/log" 2>&1 \
    && cmake --build "$work/build" -j"$(nproc)" >> "$work/log" 2>&1 \
    && cmake --install "$work/build" >> "$work/log" 2>&1 || { tail -30 "$work/log"; exit 1; }
  echo "$sha" > "$deps/onnx/.pin"; rm -rf "$work"
}

# Of each wheel one file, laid out as the toolkit is.
fetch_cuda() {
  fetch_wheel nvidia-nvvm cuda-nvvm
  fetch_wheel nvidia-cuda-nvcc cuda-nvcc
  mkdir -p "$deps/cuda/nvvm/libdevice" "$deps/cuda/bin"
  local file found
  for file in nvvm/libdevice/libdevice.10.bc bin/ptxas; do
    found=$(find "$deps/cuda-nvvm" "$deps/cuda-nvcc" -path "*/$file" -type f | head -1)
    [ -z "$found" ] || mv "$found" "$deps/cuda/$file"   # none: moved before
  done
  chmod +x "$deps/cuda/bin/ptxas"
  local folder
  for folder in cuda-nvvm cuda-nvcc; do find "$deps/$folder" -mindepth 1 ! -name .pin ! -ipath '*licen*' -type f -delete; done
}

fetch_wheel onednn-cpu-gomp onednn
fetch_wheel onednn-devel-cpu-gomp onednn-devel
fetch_wheel onnx onnx-wheel      # its backend test data only: node tests and the light models
build_onnx
if ((cuda)); then fetch_cuda; fi
ln -sfn "$deps" "$root/third_party/deps"
echo "setup: done ($deps)"
