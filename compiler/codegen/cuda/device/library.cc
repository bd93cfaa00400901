// The device library: what the compiler links into a module of kernels and specializes. Each function is called by one
// entry with the description and the operands' addresses.
#include "compiler/codegen/cuda/device/product.h"

namespace plimsoll::device {

#define PLIMSOLL_PRODUCT(name, Sum, Index, rows, columns, depth, thread_rows, thread_columns)                      \
  extern "C" __attribute__((always_inline)) void plimsoll_device_##name(const Product* product, const Pointer* operands) { \
    TiledProduct<Sum, Index, rows, columns, depth, thread_rows, thread_columns>(*product, operands);                \
  }
#define PLIMSOLL_PRODUCTS(type, Sum)                                                     \
  PLIMSOLL_PRODUCT(product64_##type##_i32, Sum, int, 64, 64, 16, 4, 4)                   \
  PLIMSOLL_PRODUCT(product64_##type##_i64, Sum, int64_t, 64, 64, 16, 4, 4)               \
  PLIMSOLL_PRODUCT(product32_##type##_i32, Sum, int, 32, 32, 32, 4, 4)                   \
  PLIMSOLL_PRODUCT(product32_##type##_i64, Sum, int64_t, 32, 32, 32, 4, 4)

PLIMSOLL_PRODUCTS(f32, float)
PLIMSOLL_PRODUCTS(f64, double)
PLIMSOLL_PRODUCTS(u32, uint32_t)
PLIMSOLL_PRODUCTS(u64, uint64_t)
PLIMSOLL_PRODUCT(product128_f32_i32, float, int, 128, 128, 8, 8, 8)
PLIMSOLL_PRODUCT(product128_f32_i64, float, int64_t, 128, 128, 8, 8, 8)
PLIMSOLL_PRODUCT(product128_u32_i32, uint32_t, int, 128, 128, 8, 8, 8)
PLIMSOLL_PRODUCT(product128_u32_i64, uint32_t, int64_t, 128, 128, 8, 8, 8)

}  // namespace plimsoll::device
