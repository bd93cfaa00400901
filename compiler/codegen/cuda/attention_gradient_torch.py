"""Writes attention_gradient_torch.h: gradients of attention as PyTorch computes them, for the test of generated kernels.

    cd compiler/codegen/cuda
    python attention_gradient_torch.py | clang-format-19 --assume-filename=torch.h > attention_gradient_torch.h

The operands are a fixed formula (Element, the test has the same), exact in every type that the kernels take; the loss is
sum(dst_gradient * scaled_dot_product_attention(q, k, v)), in f64, differentiated by autograd. Of each gradient some
elements are stored, drawn by the same formula.
"""

import torch

# batch, heads, groups, queries, keys, elements of a head, causal
CASES = [
    (1, 4, 2, 128, 128, 64, True),
    (2, 2, 2, 100, 150, 128, False),
    (1, 2, 1, 64, 80, 256, False),
]
SAMPLES = 64
SCALE = 0.5


def hash32(number: torch.Tensor) -> torch.Tensor:
    mask = 0xFFFFFFFF
    x = number & mask
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & mask
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & mask
    return x ^ (x >> 16)


def element(operand: int, dims: tuple[int, ...]) -> torch.Tensor:
    """Multiples of 1/128 in [-1, 1), row-major."""
    count = 1
    for dim in dims:
        count *= dim
    number = torch.arange(count, dtype=torch.int64) + (operand << 24)
    return ((hash32(number) >> 24).to(torch.float64) / 128 - 1).reshape(dims)


def main() -> None:
    print("// Made by attention_gradient_torch.py with PyTorch " + torch.__version__.split("+")[0] + ".")
    print("#pragma once\n")
    print("#include <cstdint>\n")
    print("namespace plimsoll::codegen {\n")
    print("// Gradients of attention by q, k and v: some elements, at row-major places, and the largest of all.")
    print("struct TorchCase {")
    print("  int64_t batch, heads, groups, queries, keys, size;\n  bool causal;\n  double scale;")
    print(f"  double largest[3];\n  int64_t places[3][{SAMPLES}];\n  double values[3][{SAMPLES}];\n}};\n")
    print("inline constexpr TorchCase kTorchCases[] = {")
    for batch, heads, groups, queries, keys, size, causal in CASES:
        q = element(0, (batch, heads, queries, size)).requires_grad_()
        k = element(1, (batch, groups, keys, size)).requires_grad_()
        v = element(2, (batch, groups, keys, size)).requires_grad_()
        given = element(3, (batch, heads, queries, size))
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            dst = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=SCALE, enable_gqa=True)
        dst.backward(given)
        gradients = [tensor.grad.flatten() for tensor in (q, k, v)]
        places = [
            hash32(torch.arange(SAMPLES, dtype=torch.int64) + ((4 + number) << 24)) % gradient.numel()
            for number, gradient in enumerate(gradients)
        ]
        largest = ", ".join(f"{gradient.abs().max().item():.9g}" for gradient in gradients)
        print(f"{{{batch}, {heads}, {groups}, {queries}, {keys}, {size}, {str(causal).lower()}, {SCALE}, {{{largest}}},")
        print("{" + ", ".join("{" + ", ".join(map(str, at.tolist())) + "}" for at in places) + "},")
        values = (gradient[at].tolist() for gradient, at in zip(gradients, places))
        print("{" + ", ".join("{" + ", ".join(f"{value:.9g}" for value in each) + "}" for each in values) + "}},")
    print("};\n\n}  // namespace plimsoll::codegen")


if __name__ == "__main__":
    main()
