// Devices that are not there, as cuDNN takes them (9.8 on): what it reads of a device, in JSON.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::nvidia {

struct DeviceProperties {
  const char* name;
  int architecture;  // 80: sm_80
  int multiprocessors;
  int clock_mhz, memory_clock_mhz;
  int64_t l2_bytes;
  int shared_bytes_per_block;  // the most that a kernel may ask for
  int blocks_per_multiprocessor, threads_per_multiprocessor;
  int64_t memory_bytes;
};

// Multiprocessors, shared memory and bytes of memory as in passes/cost/hardware; clocks and caches as NVIDIA publishes
// them; blocks and threads by "Technical specifications per compute capability" of the CUDA programming guide.
inline constexpr DeviceProperties kDevices[] = {
    {"Tesla T4", 75, 40, 1590, 5001, int64_t{4} << 20, 65536, 16, 1024, 15633680957},
    {"NVIDIA A100-SXM4-80GB", 80, 108, 1410, 1593, int64_t{40} << 20, 166912, 32, 2048, 84932978278},
    {"NVIDIA GeForce RTX 3060", 86, 28, 1777, 7501, int64_t{9} << 18, 101376, 16, 1536, 12519829667},
    {"NVIDIA GeForce RTX 4090", 89, 128, 2520, 10501, int64_t{72} << 20, 101376, 24, 1536, 25351044464},
    {"NVIDIA L4", 89, 58, 2040, 6251, int64_t{48} << 20, 101376, 24, 1536, 23654532382},
    {"NVIDIA H100 80GB HBM3", 90, 132, 1980, 2619, int64_t{50} << 20, 232448, 32, 2048, 84932978278},
    {"NVIDIA H200", 90, 132, 1980, 3201, int64_t{60} << 20, 232448, 32, 2048, 150001732812},
    {"NVIDIA B200", 100, 148, 1965, 3996, int64_t{126} << 20, 232448, 32, 2048, 191448167219},
};

inline std::string Json(const DeviceProperties& device) {
  return absl::StrCat(
      R"({"maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536,)",
      R"( "maxRegistersPerSM": 65536, "warpSize": 32, "maxThreadsPerBlock": 1024, "maxSharedMemoryPerBlock": 49152,)",
      R"( "isTccDriver": 0, "supportCoopLaunch": 1, "driverVer": 13000, "pciDeviceId": 0, "cudaDeviceId": 0,)",
      R"( "reservedSharedMemoryPerBlock": )", device.architecture >= 80 ? 1024 : 0,  //
      R"(, "maxSharedMemoryPerBlockOptin": )", device.shared_bytes_per_block,        //
      R"(, "multiProcessorCount": )", device.multiprocessors,                        //
      R"(, "smClockRateKHz": )", device.clock_mhz * 1000,                            //
      R"(, "memClockRateKHz": )", device.memory_clock_mhz * 1000,                    //
      R"(, "l2CacheSize": )", device.l2_bytes,                                       //
      R"(, "maxCtasPerSM": )", device.blocks_per_multiprocessor,                     //
      R"(, "maxThreadsPerSM": )", device.threads_per_multiprocessor,                 //
      R"(, "deviceVer": )", device.architecture * 10,                                //
      R"(, "totalGlobalMem": )", device.memory_bytes, R"(, "deviceName": ")", device.name, "\"}");
}

}  // namespace plimsoll::runtime::nvidia
