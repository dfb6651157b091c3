#include "assay/report/table.hpp"

#include <limits>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace assay;

namespace {

Table example() {
  return {
      .columns = {{"name", "name", Style::text},
                  {"latency_ms", "latency (ms)", Style::fixed},
                  {"peak_memory_bytes", "memory", Style::bytes},
                  {"hidden", "", Style::text},
                  {"note", "note", Style::text}},
      .rows = {{std::string("a,b"), 1.0 / 3, std::int64_t{1310720}, true, std::string("größer als gedacht")},
               {std::string("c"), std::numeric_limits<double>::quiet_NaN(), {}, false, std::string("x")}}};
}

}  // namespace

TEST_CASE("CSV holds exact values, nothing where there is no value") {
  CHECK(example().to_csv() ==
        "name,latency_ms,peak_memory_bytes,hidden,note\n"
        "\"a,b\",0.3333333333333333,1310720,true,größer als gedacht\n"
        "c,,,false,x\n");
}

TEST_CASE("JSON holds exact values, null where there is no value") {
  const auto json = nlohmann::json::parse(example().to_json());
  CHECK(json[0]["latency_ms"] == 1.0 / 3);
  CHECK(json[0]["hidden"] == true);
  CHECK(json[1]["latency_ms"].is_null());
  CHECK(json[1]["peak_memory_bytes"].is_null());
}

TEST_CASE("text is aligned, readable and cut to the width") {
  CHECK(example().to_text() ==
        "name  latency (ms)    memory  note\n"
        "a,b          0.333  1.25 MiB  größer als gedacht\n"
        "c                -         -  x\n");
  CHECK(example().to_text(42).find("größer als …\n") != std::string::npos);
}

TEST_CASE("six significant digits") {
  CHECK(significant(0.28880249999999653) == 0.288802);
  CHECK(significant(123456789.0) == 123457000.0);
  CHECK(significant(-1.0000004) == -1.0);
  CHECK(significant(0.0) == 0.0);
}

TEST_CASE("styles") {
  CHECK(readable(2.5e6, Style::count) == "2.50M");
  CHECK(readable(0.000123456, Style::fixed) == "0.000");
  CHECK(readable(0.000123456, Style::latency) == "0.000123");
  CHECK(readable(12.345, Style::percent) == "12.3 %");
  CHECK(readable(0.000123456, Style::number) == "0.0001235");
  CHECK(readable(std::int64_t{7}, Style::number) == "7");
  CHECK(readable(75.0, Style::duration) == "1 min 15 s");
}
