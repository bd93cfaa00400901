// Arenas of the host: what they hold counts for nothing, and only copies touch it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/plan/testing/broken_plan.h"

namespace plimsoll::plan {
namespace {

using namespace plimsoll::plan::testing;  // NOLINT: the sample's names

enum { kHostSession = 2 };                           // an arena
enum { kAside = 5, kFetched = 8 };                   // buffers of run
enum { kPutAside = 4, kBringBack = 5, kFetch = 6 };  // commands of run

TEST(HostArenasTest, TheSampleHolds) { EXPECT_EQ(All(FindViolations(SampleOffloadPlan(), SampleMembers())), ""); }

TEST(HostArenasTest, CountForNothingInThePeak) {
  const Certificate certificate = SampleOffloadPlan().certificate();
  EXPECT_EQ(certificate.host_bytes(), 128 + 32);
  EXPECT_EQ(certificate.peak_bytes(), 128 + 1536 + (1 << 20));
  EXPECT_EQ(certificate.resident_weight_bytes(), 128);
  EXPECT_EQ(certificate.session_lower_bound_bytes(), 32 + 32 + 64 + 256 + 32 + 128);
}

TEST(HostArenasTest, P6OnlyCopiesTouchThem) {
  Expect(
      {
          {6, "unknown space 2", [](Plan& p) { p.mutable_arenas(2)->set_space(static_cast<Arena::Space>(2)); }},
          {6, "which only copies touch",
           [](Plan& p) { *RunCommandOf(p, kBringBack)->mutable_launch() = RunCommandOf(p, 0)->launch(); }},
          {6, "which only copies touch", [](Plan& p) { RunCommandOf(p, kFetch)->mutable_host_call(); }},
          {6, "in run one side is on the device",
           [](Plan& p) {
             OperandOf(p, kFetch, 0)->set_length(32);
             OperandOf(p, kFetch, 1)->set_length(32);
             OperandOf(p, kFetch, 1)->set_buffer(kAside);
           }},
          {6, "in an arena of the host",
           [](Plan& p) {
             RunBufferOf(p, 2)->set_arena(kHostSession);
             *p.mutable_signature()->mutable_inputs(0)->mutable_type() = Float({8});
             p.mutable_signature()->mutable_inputs(0)->set_buffer(2);
           }},
      },
      SampleOffloadPlan);
}

TEST(HostArenasTest, OtherConstraintsHoldThereToo) {
  Expect(
      {
          {1, "which has 16",
           [](Plan& p) {
             p.mutable_arenas(kHostSession)->set_size_bytes(16);
             Restate(p);
           }},
          {2, "hidden aside", [](Plan& p) { RunBufferOf(p, kAside)->set_last(5); }},
          {3, "no event orders them",
           [](Plan& p) {
             RunCommandOf(p, kPutAside)->set_stream(0);
             RunCommandOf(p, kBringBack)->set_stream(1);
           }},
          {3, "of the PARAMETERS arena",
           [](Plan& p) {
             OperandOf(p, kFetch, 0)->set_buffer(kFetched);
             OperandOf(p, kFetch, 1)->set_buffer(7);
           }},
          {7, "host_bytes", [](Plan& p) { p.mutable_certificate()->set_host_bytes(32); }},
      },
      SampleOffloadPlan);
}

}  // namespace
}  // namespace plimsoll::plan
