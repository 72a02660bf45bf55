#include "experiments/report/catalogue.hpp"

#include <nlohmann/json.hpp>

#include "experiments/arithmetic/addition.hpp"
#include "experiments/arithmetic/disentanglement.hpp"
#include "experiments/arithmetic/kernel_regression.hpp"
#include "experiments/arithmetic/linearization_error.hpp"
#include "experiments/arithmetic/negation.hpp"
#include "experiments/arithmetic/ntk_localization.hpp"
#include "experiments/arithmetic/random_init.hpp"
#include "experiments/arithmetic/single_task.hpp"
#include "experiments/arithmetic/sweep.hpp"
#include "experiments/common/text_table.hpp"
#include "experiments/report/figures.hpp"

namespace experiments {
namespace {

std::string pretraining_table(const Json& results) {
  TextTable table;
  table.row("", {"weights", "captions", "loss", "scale"});
  table.row("image encoder", {std::to_string(results.at("parameters").get<std::int64_t>()),
                              std::to_string(results.at("captions").get<std::int64_t>()),
                              decimals(results.at("final_loss").get<double>(), 3),
                              decimals(results.at("logit_scale").get<double>(), 1)});
  return table.text() + "loss: at the end; scale: what multiplies cosines to make logits\n";
}

std::string finetuning_table(const Json& results) {
  TextTable table({0, 2});
  table.row("", {"standard", "", "linear", ""});
  table.row("task", {"loss", "|tau|", "loss", "|tau|"});
  for (const auto& [task, standard] : results.at("standard").items()) {
    std::vector<std::string> cells;
    for (const Json& of : {standard, results.at("linear").at(task)}) {
      cells.push_back(decimals(of.at("final_loss").get<double>(), 3));
      cells.push_back(decimals(of.at("task_vector_norm").get<double>(), 2));
    }
    table.row(task, cells);
  }
  return table.text() + "loss: of the last batch; |tau|: norm of the task vector, beside |theta0| = " +
         decimals(results.at("pretrained_norm").get<double>(), 2) + "\n";
}

std::string without_two_tasks(std::size_t tasks, const std::string& /*control*/) {
  return tasks < 2 ? "it needs two tasks" : "";
}

std::vector<Experiment> all_experiments() {
  std::vector<Experiment> list;
  list.push_back({.name = "pretrain",
                  .title = "Pre-training",
                  .question = "Where every task vector starts: a small CLIP, trained on images and noisy captions of "
                              "all tasks.",
                  .run = nullptr,
                  .table = pretraining_table,
                  .figures = pretraining_figures});
  list.push_back({.name = "finetune",
                  .title = "Fine-tuning",
                  .question = "One task vector per task and mode: in weight space (standard) and in the tangent space "
                              "at the pre-trained weights (linear).",
                  .run = nullptr,
                  .table = finetuning_table});
  list.push_back({.name = "single_task",
                  .title = "Single tasks: the non-linear advantage",
                  .question = "Does fine-tuning stay in the linear regime? The same weights in the network (standard) "
                              "and in its tangent model (posthoc), and weights trained for the tangent model (linear).",
                  .run = [](const Chain& chain,
                            const RunFolder& folder) { return single_task(chain.context, chain.inputs, folder); },
                  .table = single_task_table,
                  .figures = single_task_figures});
  list.push_back(
      {.name = "task_addition",
       .title = "Task addition",
       .question = "How good is one model on all tasks if their task vectors are added?",
       .run =
           [](const Chain& chain, const RunFolder& folder) {
             return task_addition(chain.context, chain.inputs, folder, addition_options(chain.preset));
           },
       .table = [](const Json& results) { return addition_table(results) + "\n" + addition_details(results); },
       .figures = addition_figures});
  list.push_back({.name = "task_negation",
                  .title = "Task negation",
                  .question = "Can the model be made to forget one task, and nothing else, by subtracting its vector?",
                  .run = [](const Chain& chain,
                            const RunFolder& folder) { return task_negation(chain.context, chain.inputs, folder); },
                  .table = negation_table,
                  .figures = negation_figures,
                  .impossible =
                      [](std::size_t /*tasks*/, const std::string& control) {
                        return control == "none" ? "it needs a control task" : std::string();
                      }});
  list.push_back({.name = "disentanglement",
                  .title = "Disentanglement",
                  .question = "How far do two task vectors disturb each other, over a grid of their coefficients?",
                  .run =
                      [](const Chain& chain, const RunFolder& folder) {
                        return disentanglement(chain.context, chain.inputs,
                                               default_pairs(without_control(chain.inputs).sources),
                                               disentanglement_grid(chain.preset), folder);
                      },
                  .table = disentanglement_table,
                  .figures = disentanglement_figures,
                  .impossible = without_two_tasks});
  list.push_back({.name = "linearization_error",
                  .title = "Linearisation error",
                  .question = "How fast does the network leave its tangent along a task vector, and in which layers?",
                  .run =
                      [](const Chain& chain, const RunFolder& folder) {
                        return linearization_error(chain.context, chain.inputs,
                                                   linearization_error_images(chain.preset), folder);
                      },
                  .table = linearization_error_table,
                  .figures = linearization_error_figures});
  list.push_back({.name = "ntk_localization",
                  .title = "Localisation of the tangent kernel",
                  .question = "Does the kernel of the network keep the images of different tasks apart, and does it "
                              "because of pre-training?",
                  .run =
                      [](const Chain& chain, const RunFolder& folder) {
                        return ntk_localization(chain.context, chain.inputs,
                                                default_pairs(without_control(chain.inputs).sources),
                                                localization_settings(chain.preset), folder);
                      },
                  .table = ntk_localization_table,
                  .figures = ntk_localization_figures,
                  .impossible = without_two_tasks});
  list.push_back(
      {.name = "random_init",
       .title = "From random weights",
       .question = "Is task arithmetic a property of pre-trained weights? The same tasks fine-tuned from the "
                   "weights that pre-training began with.",
       .run =
           [](const Chain& chain, const RunFolder& folder) {
             return random_init(chain.context, chain.inputs, disentanglement_grid(chain.preset).images, folder);
           },
       .table = random_init_table,
       .figures = random_init_figures,
       .by_default = false});
  list.push_back({.name = "kernel_regression",
                  .title = "Linear fine-tuning, solved",
                  .question = "How much of the network's advantage over its tangent model is only optimisation? "
                              "Linear fine-tuning solved to convergence, beside AdamW's few steps.",
                  .run =
                      [](const Chain& chain, const RunFolder& folder) {
                        return kernel_regression(chain.context, chain.inputs,
                                                 {.iterations = kernel_regression_iterations(chain.preset)}, folder);
                      },
                  .table = kernel_regression_table,
                  .figures = kernel_regression_figures,
                  .by_default = false});
  list.push_back({.name = "pretraining_length",
                  .title = "Against the length of pre-training",
                  .question = "From how much pre-training does task arithmetic come? The whole chain after all steps, "
                              "after fewer and after none.",
                  .run =
                      [](const Chain& chain, const RunFolder& folder) {
                        const Context& context = chain.context;
                        const TaskVectorInputs& inputs = chain.inputs;
                        return sweep(context, inputs.sources, inputs.control,
                                     {.values = default_lengths(context.recipe.pretrain.steps),
                                      .seeds = {context.seed},
                                      .grid_images = disentanglement_grid(chain.preset).images,
                                      .cut = inputs.pretrained.cut,
                                      .same_run = folder.path().parent_path()},
                                     folder);
                      },
                  .table = sweep_table,
                  .figures = sweep_figures,
                  .by_default = false});
  list.push_back({.name = "sweep",
                  .title = "Against one number of the recipe",
                  .question = "Where do the effects appear, where do they vanish, and how much of them is chance?",
                  .run = nullptr,
                  .table = sweep_table,
                  .figures = sweep_figures,
                  .in_chain = false});
  return list;
}

}  // namespace

std::span<const Experiment> catalogue() {
  static const std::vector<Experiment> list = all_experiments();
  return list;
}

std::vector<std::string> experiment_names() {
  std::vector<std::string> names;
  for (const Experiment& experiment : catalogue()) {
    if (experiment.in_chain) names.push_back(experiment.name);
  }
  return names;
}

}  // namespace experiments
