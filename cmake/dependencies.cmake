# Every third-party package, found once. tools/setup.sh installs them; third_party/deps is the link it makes.
set(PLIMSOLL_DEPS ${CMAKE_SOURCE_DIR}/third_party/deps CACHE PATH "Folder made by tools/setup.sh")
get_filename_component(PLIMSOLL_DEPS_REAL ${PLIMSOLL_DEPS} REALPATH)
if(NOT EXISTS ${PLIMSOLL_DEPS}/onnx/.pin)
  message(FATAL_ERROR "Dependencies are missing: run tools/setup.sh first.")
endif()

find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)  # module mode, before ONNX: its config expects protobuf::libprotobuf
list(APPEND CMAKE_PREFIX_PATH /usr/lib/llvm-19)
find_package(MLIR REQUIRED CONFIG)
find_package(LLD REQUIRED CONFIG)
find_package(ONNX REQUIRED CONFIG PATHS ${PLIMSOLL_DEPS}/onnx NO_DEFAULT_PATH)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
if(PLIMSOLL_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()

list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# MLIR and LLVM: headers are system headers (their warnings are not ours); linked as the two shared libraries.
add_library(plimsoll_mlir INTERFACE)
target_include_directories(plimsoll_mlir SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS} ${LLD_INCLUDE_DIRS})
target_link_libraries(plimsoll_mlir INTERFACE MLIR LLVM)

# oneDNN, from two wheels: libraries in one, headers in the other. It brings the OpenMP runtime libgomp,
# which the runtime's own parallel loop uses too: one pool of threads.
set(onednn_lib ${PLIMSOLL_DEPS_REAL}/onednn/onednn_cpu_gomp-2023.2.0.data/data/lib)
add_library(plimsoll_onednn SHARED IMPORTED)
set_target_properties(plimsoll_onednn PROPERTIES
  IMPORTED_LOCATION ${onednn_lib}/libdnnl.so.3
  INTERFACE_INCLUDE_DIRECTORIES ${PLIMSOLL_DEPS_REAL}/onednn-devel/onednn_devel_cpu_gomp-2023.2.0.data/data/include)
find_library(PLIMSOLL_GOMP NAMES libgomp.so.1 gomp PATHS /usr/lib/x86_64-linux-gnu /usr/lib/gcc/x86_64-linux-gnu/12 REQUIRED)
list(APPEND CMAKE_BUILD_RPATH ${onednn_lib})

add_library(plimsoll_absl INTERFACE)
target_link_libraries(plimsoll_absl INTERFACE absl::status absl::statusor absl::strings absl::str_format
  absl::flat_hash_map absl::flat_hash_set absl::inlined_vector absl::span absl::synchronization absl::time absl::cord)
