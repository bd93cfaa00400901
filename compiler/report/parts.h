// The parts of the page, and what they share.
#pragma once

#include <cstdint>
#include <string>

#include "ir/plan/plan.pb.h"

namespace plimsoll::report {

std::string Escape(const std::string& text);         // for HTML text and attributes
std::string Bytes(int64_t bytes);                     // "1.5 MiB"
const char* ClassLabel(plan::MemoryClass memory_class);
const char* ClassColor(plan::MemoryClass memory_class);
const char* CommandKind(const plan::Command& command);

std::string TimelinePicture(const plan::Plan& plan);  // SVG
std::string ArenaPicture(const plan::Plan& plan);     // SVG
std::string BiggestTensors(const plan::Plan& plan);   // table
std::string Ranks(const plan::Plan& plan);            // tables: groups, collectives
std::string Commands(const plan::Plan& plan);         // table

// A y axis of bytes from 0 to `top` at the left of a picture of this geometry, with a grid.
std::string ByteAxis(int64_t top, double left, double right, double bottom, double height);

}  // namespace plimsoll::report
