"""torch's own times on this GPU, as JSON. Usage: torch_peer.py SECONDS

copy_bytes_per_second: of a copy within the device, read and written; gemm_flops: of a product of 8192 x 8192 matrices;
models: seconds of one run at batch 1, "WAY PRECISION": eager or compile (max-autotune), weights random.
"""
import json
import sys
import time

import torch

START, LIMIT = time.monotonic(), float(sys.argv[1])


def left():
    return LIMIT - (time.monotonic() - START)


def seconds_of(run, iterations=30):
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    times = []
    for _ in range(iterations):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1e3)
    return sorted(times)[len(times) // 2]


def wall_of(run, iterations=50):
    """With the host's part: from call to result."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    times = []
    for _ in range(iterations):
        began = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]


def rates(result):
    a = torch.empty(1 << 30, dtype=torch.float32, device="cuda")
    b = torch.empty_like(a)
    result["copy_bytes_per_second"] = 2 * a.numel() * 4 / seconds_of(lambda: b.copy_(a))
    del a, b
    n = 8192
    for name, dtype in (("bf16", torch.bfloat16), ("f32", torch.float32)):
        torch.backends.cuda.matmul.allow_tf32 = False
        x, y = (torch.randn(n, n, dtype=dtype, device="cuda") for _ in range(2))
        result["gemm_flops"][name] = 2 * n**3 / seconds_of(lambda: x @ y, 10)


def models():
    """(name, module, inputs): the graphs of the bundle, as torch has them."""
    import torchvision
    import transformers
    yield "resnet50", torchvision.models.resnet50(), [torch.randn(1, 3, 224, 224)]
    bert = transformers.BertModel(transformers.BertConfig(), add_pooling_layer=False)
    yield "bert_base", bert, [torch.ones(1, 512, dtype=torch.long)]
    gpt2 = transformers.GPT2LMHeadModel(transformers.GPT2Config(use_cache=False))
    yield "gpt2_124m", gpt2, [torch.ones(1, 1024, dtype=torch.long)]


def main():
    result = {"torch": torch.__version__, "gemm_flops": {}, "models": {}, "errors": []}
    rates(result)
    torch.set_grad_enabled(False)
    try:
        for name, module, inputs in models():
            result["models"][name] = {}
            for precision in ("f32", "tf32", "bf16"):
                torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
                dtype = torch.bfloat16 if precision == "bf16" else torch.float32
                placed = module.eval().to("cuda", dtype)
                given = [x.cuda().to(dtype) if x.is_floating_point() else x.cuda() for x in inputs]
                result["models"][name][f"eager {precision}"] = wall_of(lambda: placed(*given))
                if left() < 60:
                    continue
                compiled = torch.compile(placed, mode="max-autotune")
                result["models"][name][f"compile {precision}"] = wall_of(lambda: compiled(*given))
    except Exception as error:  # what a package lacks is said, the rest stands
        result["errors"].append(repr(error)[:500])
    print(json.dumps(result))


main()
