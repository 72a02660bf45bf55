// A CLIP checkpoint into the other layout, so that what was edited here goes back to Python.
#include <cstdio>
#include <filesystem>

#include "experiments/common/clip_options.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/program.hpp"
#include "experiments/common/run_folder.hpp"
#include "models/clip_convert.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Writes a CLIP checkpoint in the layout of Hugging Face's transformers or of open_clip, with its config. Each "
      "tensor\n"
      "keeps its element type; the file passes through a small buffer.");
  std::filesystem::path checkpoint, out;
  std::string layout;
  ClipOptions options;
  add_clip_options(line, checkpoint, options);
  line.option("--to", layout, "The layout to write: hugging_face or open_clip")
      .among({"hugging_face", "open_clip"})
      .required();
  line.option("--out", out, "The folder to write into, made if absent").required();
  add_overwrite_option(line, "Write into --out though it holds files, over those of the same names; never an input");
  return run_program(line, argc, argv, [&] {
    demand_free(out);
    const models::ClipLayout to =
        layout == "open_clip" ? models::ClipLayout::open_clip : models::ClipLayout::hugging_face;
    models::convert_checkpoint(checkpoint, to, out, options.activation, [] { stop_stage_if_asked("converting"); });
    std::printf("%s\n", out.c_str());
  });
}
