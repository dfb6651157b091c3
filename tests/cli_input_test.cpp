// Invalid input: exit code 2 and one message that names file, place, cause and remedy.
#include "cli_process.hpp"

#include <doctest/doctest.h>

using namespace cli_test;

namespace {

// A space of eight small networks; `stage` replaces the searched stage.
std::string tiny_space(
    const std::string& stage = "block = \"conv\"\nkernel = [1, 3]\nchannels = [4, 8]\nstride = [1, 2]\n") {
  return "name = \"tiny\"\nclasses = 10\n[input]\nchannels = 3\nheight = 8\nwidth = 8\n[[stage]]\nname = "
         "\"a\"\n" +
         stage + "[[stage]]\nname = \"head\"\nblock = \"classifier\"\n";
}

void refuses(const Folder& folder, const std::string& command, std::initializer_list<std::string> parts) {
  const Outcome outcome = shell(folder, command);
  INFO(command);
  INFO(outcome.err);
  CHECK(outcome.exit_code == 2);
  for (const std::string& part : parts) {
    INFO(part);
    CHECK(mentions(outcome.err, part));
  }
}

void refuses_space(const std::string& text, std::initializer_list<std::string> parts) {
  const Folder folder;
  folder.write("space.toml", text);
  refuses(folder, "assay score space.toml --sample 3 --scores params", parts);
}

const std::string npu = accelerator_file("edge_npu_16.toml");

}  // namespace

TEST_CASE("a space file: unknown key, wrong type, empty options") {
  refuses_space(tiny_space("block = \"conv\"\nkernal = 3\nchannels = 4\n"),
                {"space.toml:10:", "kernal", "kernel"});
  refuses_space(tiny_space("block = \"conv\"\nkernel = 3\nchannels = true\n"),
                {"space.toml:11:", "channels"});
  refuses_space(tiny_space("block = \"conv\"\nkernel = []\nchannels = 4\n"), {"space.toml:10:", "kernel"});
  refuses_space(tiny_space("block = \"conw\"\nchannels = 4\n"), {"space.toml:9:", "conv"});
  refuses_space(tiny_space("block = \"conv\"\nkernel = [3, 3]\nchannels = 4\n"),
                {"space.toml:10:", "kernel"});
  refuses_space("name = ", {"space.toml:1:"});
  refuses_space("", {"space.toml"});
  refuses_space(std::string("\0\1\2\xff", 4), {"space.toml"});
}

TEST_CASE("a space file: options that cannot be built") {
  refuses_space(tiny_space("block = \"conv\"\nchannels = 0\n"), {"space.toml:10:", "channels"});
  refuses_space(tiny_space("block = \"conv\"\nchannels = 4\nkernel = 17\npadding = 0\n"), {"kernel"});
  refuses_space(tiny_space("block = \"conv\"\nchannels = 4\ngroups = 3\nkernel = 3\nstride = 1\n"),
                {"groups"});
  refuses_space(
      tiny_space("block = \"c\"\n") +
          "[block.c]\nnodes = 3\nedge_0_1 = \"conv_s2\"\nedge_0_2 = \"conv_s1\"\nedge_1_2 = \"skip\"\n"
          "[block.conv_s2]\ntype = \"conv\"\nstride = 2\n[block.conv_s1]\ntype = "
          "\"conv\"\n[block.skip]\ntype = \"identity\"\n",
      {"add"});
}

TEST_CASE("a candidate file: unknown decisions and options, short rows, no rows") {
  const Folder folder;
  folder.write("space.toml", tiny_space());
  const auto with = [&](const std::string& csv, std::initializer_list<std::string> parts) {
    folder.write("c.csv", csv);
    refuses(folder, "assay score space.toml --candidates c.csv --scores params", parts);
  };
  with("a.kernel,a.channels,a.strid\n3,4,1\n", {"c.csv", "a.stride"});
  with("a.kernel,a.channels,a.stride\n3,4,1\n5,4,1\n", {"c.csv:3", "a.kernel", "5"});
  with("a.kernel,a.channels,a.stride\n3,4,1\n3,4\n", {"c.csv:3", "2 fields"});
  with("a.kernel,a.channels,a.stride\n", {"c.csv", "no candidate"});
  with("", {"c.csv"});
  with("{\"a.kernel\": 3, \"a.channels\": 4}\n", {"c.csv:1", "a.stride"});
  with("{\"a.kernel\": 3, \"a.channels\": 4, \"a.stride\": \n", {"c.csv:1"});
  refuses(folder, "assay score space.toml --candidate 'a.kernel=3 a.channels=4' --scores params",
          {"a.stride"});
  refuses(folder, "assay score space.toml --candidate 'a.kernel=3 a.channels=5 a.stride=1' --scores params",
          {"a.channels"});
}

TEST_CASE("extra columns pass through, and a column that a result would hide is renamed") {
  const Folder folder;
  folder.write("space.toml", tiny_space());
  folder.write("c.csv", "note,a.stride,a.kernel,params,a.channels\n\"x, y\",1,3,known,4\n");
  const Outcome outcome = shell(folder, "assay score space.toml --candidates c.csv --scores params --quiet");
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.err.empty());
  CHECK(mentions(outcome.out,
                 "note,a.stride,a.kernel,input.params,a.channels,params,rank_score,status\n\"x, "
                 "y\",1,3,known,4,166,0,ok\n"));
  // JSON lines in, JSON out, keys as they came.
  folder.write(
      "c.jsonl",
      "{\"id\": 7.50, \"tags\": [1, \"x\"], \"a.stride\": 1, \"a.kernel\": \"3\", \"a.channels\": 4}\n");
  const Outcome json = shell(folder, "assay estimate space.toml --candidates c.jsonl --accelerator '" + npu +
                                         "' --format json --quiet");
  CHECK(json.exit_code == 0);
  CHECK(mentions(json.out, "{\"id\":7.50,\"tags\":[1, \"x\"],\"a.stride\":1,\"a.kernel\":\"3\","));
  // What score and estimate write, they read.
  folder.write("again.json", json.out);
  const Outcome again =
      shell(folder, "assay score space.toml --candidates again.json --scores params --format json --quiet");
  INFO(again.err);
  CHECK(again.exit_code == 0);
  CHECK(mentions(again.out, "\"id\":7.50"));
  CHECK(mentions(json.out, "\"peak_memory_bytes\":"));
}

TEST_CASE(
    "a budget that no candidate meets says which limit rejected how many, and the smallest value seen") {
  const Folder folder;
  folder.write("space.toml", tiny_space());
  refuses(folder,
          "assay search space.toml --accelerator '" + npu +
              "' --latency-ms 0.000001 --run r.journal --evaluations 8",
          {"latency", "8", "smallest"});
  refuses(folder, "assay search space.toml --params 10 --run p.journal --evaluations 8",
          {"params", "smallest"});
}

TEST_CASE(
    "a search judges what is executed: a twin with dead branches over budget does not hide one within it") {
  const Folder folder;
  folder.write("space.toml",
               tiny_space("block = \"cell\"\nchannels = 16\n") +
                   "[block.skip]\ntype = \"identity\"\n[block.cell]\nnodes = 4\nedge_0_1 = \"none\"\n"
                   "edge_0_2 = \"conv\"\nedge_0_3 = \"skip\"\nedge_1_2 = [\"none\", \"conv\"]\n"
                   "edge_1_3 = [\"none\", \"conv\"]\nedge_2_3 = \"conv\"\n");
  // Node 1 is always zero, so all four candidates compute one function, with 3,498 parameters that take part
  // in it.
  const Outcome outcome = shell(
      folder, "assay search space.toml --params 4000 --scores synflow --run r.journal --format csv --seed 1");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(mentions(outcome.err, "1 evaluated"));
}

TEST_CASE("candidates that cannot be built are rejected and counted, the others go on") {
  const Folder folder;
  folder.write(
      "space.toml",
      "name = \"ub\"\nclasses = 10\n[input]\nchannels = 3\nresolution = [8, 32]\n[[stage]]\nname = \"s\"\n"
      "block = \"conv\"\nkernel = [3, 11]\npadding = \"valid\"\nchannels = [8, 16]\n[[stage]]\n"
      "name = \"head\"\nblock = \"classifier\"\n");
  const Outcome scored = shell(folder, "assay score space.toml --all --scores params --quiet");
  CHECK(scored.exit_code == 0);
  CHECK(mentions(scored.out, "not_buildable"));
  const Outcome estimated = shell(folder, "assay estimate space.toml --all --accelerator '" + npu + "'");
  INFO(estimated.err);
  CHECK(estimated.exit_code == 0);
  CHECK(mentions(estimated.err, "2 candidates cannot be built"));
  const Outcome searched =
      shell(folder, "assay search space.toml --accelerator '" + npu + "' --scores params --run r.journal");
  INFO(searched.err);
  CHECK(searched.exit_code == 0);
  CHECK(mentions(searched.err, "6 evaluated"));
  CHECK(mentions(searched.err, "cannot be built"));
}

TEST_CASE("a network that needs more memory than allowed is a status, not a crash") {
  const Folder folder;
  folder.write("space.toml", tiny_space("block = \"conv\"\nchannels = 1024\n"));
  const Outcome outcome =
      shell(folder, "assay score space.toml --sample 1 --scores zen,params --max-memory 4 --quiet");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(mentions(outcome.out, "not_executable"));
  CHECK(mentions(outcome.out, "MiB"));
}

TEST_CASE("what cannot work is said before the work") {
  const Folder folder;
  folder.write("space.toml", tiny_space());
  refuses(folder, "assay train space.toml --sample 1 --data no_such --out no/folder/x.csv",
          {"no/folder/x.csv"});
  refuses(folder, "assay score space.toml --candidates . --scores params", {"directory"});
  refuses(folder, "assay score space.toml --all --sample 2", {"exclude each other"});
  refuses(folder, "assay score '" + space_file("mnasnet_accel.toml") + "' --all", {"--sample N"});
  folder.write("old.checkpoint", "x");
  refuses(folder, "assay train space.toml --sample 1 --data no_such --checkpoint old.checkpoint",
          {"old.checkpoint", "--resume"});
}

TEST_CASE("a finished run goes on with more evaluations, as if it had been asked for them at once") {
  const Folder folder;
  folder.write(
      "space.toml",
      tiny_space("block = \"conv\"\nkernel = [1, 3, 5, 7]\nchannels = [4, 8, 12, 16, 20, 24, 28, 32]\n"
                 "stride = [1, 2]\n"));
  const std::string search = "assay search space.toml --scores synflow,params --format csv --quiet ";
  CHECK(shell(folder, search + "--run r.journal --evaluations 20").exit_code == 0);
  const Outcome continued = shell(folder, search + "--run r.journal --evaluations 50 --resume");
  INFO(continued.err);
  CHECK(continued.exit_code == 0);
  CHECK(continued.out == shell(folder, search + "--run s.journal --evaluations 50").out);
}

TEST_CASE("journals: another space, another seed, a foreign file, one that exists, one that does not") {
  const Folder folder;
  folder.write("space.toml", tiny_space());
  folder.write("other.toml",
               tiny_space("block = \"conv\"\nkernel = [1, 3]\nchannels = [4, 8, 12]\nstride = 1\n"));
  const std::string options = " --scores params --evaluations 8 --run r.journal --quiet";
  CHECK(shell(folder, "assay search space.toml" + options).exit_code == 0);
  refuses(folder, "assay search space.toml" + options, {"r.journal", "--resume"});
  refuses(folder, "assay search other.toml --resume" + options, {"r.journal", "space"});
  refuses(folder, "assay search space.toml --resume --seed 2" + options, {"r.journal", "seed"});
  refuses(folder, "assay search space.toml --resume --run none.journal", {"none.journal"});
  folder.write("foreign.journal",
               "this is no database, but a text of some length, so that it is not taken for an empty one");
  refuses(folder, "assay search space.toml --resume --run foreign.journal", {"foreign.journal"});
  refuses(folder, "assay search space.toml --run no/such/folder/r.journal", {"no/such/folder/r.journal"});
}

TEST_CASE("data sets: truncated, foreign, missing") {
  const Folder folder;
  folder.write("space.toml", tiny_space());
  fs::create_directory(folder / "data");
  const std::string train = "assay train space.toml --sample 1 --data data";
  refuses(folder, train, {"data"});
  const std::string images("\0\0\x08\x03\0\0\0\x02\0\0\0\x08\0\0\0\x08", 16);
  folder.write("data/train-images-idx3-ubyte", images + std::string(100, 'x'));  // 128 bytes belong there
  folder.write("data/train-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x02\0\1", 10));
  folder.write("data/t10k-images-idx3-ubyte", images + std::string(128, 'x'));
  folder.write("data/t10k-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x02\0\1", 10));
  refuses(folder, train, {"train-images-idx3-ubyte"});
  folder.write("data/train-images-idx3-ubyte", "\x89PNG and so on, which is no IDX file at all");
  refuses(folder, train, {"train-images-idx3-ubyte"});
}

TEST_CASE("accelerator and network files") {
  const Folder folder;
  folder.write("space.toml", tiny_space());
  folder.write("npu.toml", "name = \"x\"\nclock_mhz = 100\nclok = 3\n");
  refuses(folder, "assay estimate space.toml --sample 1 --accelerator npu.toml", {"npu.toml:3:", "clok"});
  folder.write("net.json", "{\"format\": \"assay-network\", \"version\": 9}");
  refuses(folder, "assay score net.json", {"net.json", "version"});
  folder.write("estimator.json", "{}");
  refuses(folder, "assay estimate space.toml --sample 1 --estimator estimator.json", {"estimator.json"});
}

TEST_CASE("a network whose forward pass overflows is a status, not a crash") {
  const Folder folder;
  // Each layer without batch norm multiplies the signal: 30 layers leave the range of float32.
  folder.write("space.toml", tiny_space("block = \"deep\"\n") +
                                 "[block.deep]\nnodes = 2\nedge = \"wide\"\n[block.wide]\ntype = "
                                 "\"conv\"\norder = \"conv\"\nkernel = 3\n");
  const Outcome fine = shell(folder, "assay score space.toml --sample 1 --scores naswot,snip,params --quiet");
  INFO(fine.err);
  CHECK(fine.exit_code == 0);
  std::string json =
      "{\"format\": \"assay-network\", \"version\": 1, \"input\": {\"channels\": 3, \"height\": 8, "
      "\"width\": 8}, \"operators\": [";
  std::string last = "input";
  for (int i = 0; i < 60; ++i) {
    const std::string name = "l" + std::to_string(i);
    json += "{\"name\": \"" + name + "\", \"kind\": \"add\", \"inputs\": [" + [&] {
      std::string inputs;
      for (int k = 0; k < 12; ++k) inputs += std::string(k != 0 ? ", " : "") + "\"" + last + "\"";
      return inputs;
    }() + "]},";
    last = name;
  }
  json += "{\"name\": \"pool\", \"kind\": \"global_average_pool\", \"inputs\": [\"" + last + "\"]},";
  last = "pool";
  json += "{\"name\": \"fc\", \"kind\": \"linear\", \"channels\": 4, \"inputs\": [\"" + last +
          "\"]}], \"output\": \"fc\"}";
  folder.write("net.json", json);
  const Outcome outcome = shell(folder, "assay score net.json --scores grad_norm,params --quiet");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(mentions(outcome.out, "not_finite"));
  CHECK_FALSE(mentions(outcome.out, "nan"));
  CHECK_FALSE(mentions(outcome.out, "inf"));
}

TEST_CASE("a full disk ends the run with a message, and the journal can be continued") {
  const Folder folder;
  folder.write("space.toml", tiny_space("block = \"conv\"\nkernel = [1, 3, 5]\nchannels = [4, 8, 12, 16, 20, "
                                        "24, 28, 32]\nstride = [1, 2]\n"));
  // A file system of a few pages, where this user may make one.
  const std::string mount = "mkdir small && mount -t tmpfs -o size=64k tmpfs small";
  if (shell(folder, mount).exit_code != 0) {
    MESSAGE("skipped: no permission to mount a small file system");
    return;
  }
  const std::string search = "assay search space.toml --scores params --evaluations 48 --quiet";
  const Outcome full =
      shell(folder, "head -c 40000 /dev/zero > small/filler; " + search + " --run small/r.journal");
  INFO(full.err);
  CHECK(full.exit_code == 2);
  CHECK(mentions(full.err, "small/r.journal"));
  shell(folder, "umount small");
}
