// The answer: one sentence, figures, the shortlist.

const trained = (network) => network.training && isNumber(network.training.test_accuracy);

// "15.6 % less time than the baseline"
function againstBaseline(network, metric) {
  const part = change(network.candidate[metric], baseline?.candidate[metric]);
  if (part === null) return null;
  if (Math.abs(part) < 0.0005)
    return `as ${metric === "latency_ms" ? "much time" : "many MACs"} as the baseline`;
  return `${changeText(part)} ${part < 0 ? metrics[metric].less : metrics[metric].more} than the baseline`;
}

const cost = (network) => network.candidate[report.cost];
const costText = (network) => metrics[report.cost].text(cost(network));
const within = budget_text === "" ? "" : " " + budget_text;

function pointsText(network) {
  if (!trained(network) || !baseline || !trained(baseline)) return null;
  const points = 100 * (network.training.test_accuracy - baseline.training.test_accuracy);
  if (Math.abs(points) < 0.05) return "as accurate as the baseline";
  return `${fixed(Math.abs(points), 1)} points ${points > 0 ? "more" : "less"} accurate than the baseline`;
}

function headline() {
  if (report.evaluated === 0) return "No network has been evaluated yet.";
  if (shortlist.length === 0)
    return report.failed >= report.evaluated
        ? `None of the ${grouped(report.evaluated)} evaluated networks could be scored.`
        : "The run has no shortlist yet.";
  const saved = againstBaseline(winner, report.cost);
  const takes = by_latency ? "takes" : "needs";
  const price = saved ? `${takes} ${saved}` : `${takes} ${costText(winner)}${by_latency ? "" : " MACs"}`;
  if (!trained(winner)) return `The best-scored network${within} ${price}.`;
  const reached = accuracy(winner.training.test_accuracy);
  return `The most accurate network${within} reaches ${reached} and ${price}.`;
}

function lead() {
  const sentences = [];
  if (shortlist.length > 0) {
    const points = pointsText(winner);
    if (points)
      sentences.push(`It is ${points}.`);
    else if (!trained(winner) && isNumber(winner.candidate.rank_score)) {
      const before = baseline?.candidate.rank_score;
      sentences.push(
          `Its rank score is ${score(winner.candidate.rank_score)}` +
          (isNumber(before) ? `, the baseline's ${score(before)}.` : "."));
    }
    const cheapest = shortlist.reduce((a, b) => cost(b) < cost(a) ? b : a);
    const saved = againstBaseline(cheapest, report.cost);
    if (cheapest !== winner && isNumber(cost(cheapest))) {
      const gap = pointsText(cheapest);
      sentences.push(
          `The ${by_latency ? "fastest" : "lightest"} of the shortlist, ${nameOf(cheapest)}, ` +
          `${by_latency ? "takes" : "needs"} ${saved ?? costText(cheapest)}${gap ? " and is " + gap : ""}.`);
    }
  }
  const seconds = report.generations.at(-1)?.seconds;
  sentences.push(
      `${times(report.evaluated, "network")} ${report.evaluated === 1 ? "was" : "were"} evaluated` +
      (isNumber(seconds) && seconds > 0 ? ` in ${duration(seconds)}` : "") +
      (report.failed > 0 ? `; ${grouped(report.failed)} could not be scored.` : "."));
  return sentences.join(" ");
}

// "15.6 % less": in words, as the terminal says how much is saved.
function delta(value, before) {
  const part = change(value, before);
  if (part === null) return null;
  const title = "against the baseline";
  if (Math.abs(part) < 0.0005) return element("span", {class: "delta", title}, "the same");
  const is_less = part < 0;
  return element(
      "span", {class: "delta " + (is_less ? "better" : "worse"), title},
      `${changeText(part)} ${is_less ? "less" : "more"}`);
}

function accuracyDelta(network) {
  if (!baseline || network === baseline || !trained(network) || !trained(baseline)) return null;
  const points = 100 * (network.training.test_accuracy - baseline.training.test_accuracy);
  return element(
      "span",
      {class: "delta " +
           (points > 0.05        ? "better"
                : points < -0.05 ? "worse"
                                 : "")},
      (points > 0       ? "+"
           : points < 0 ? minus
                        : "±") +
          fixed(Math.abs(points), 1) + thin + "pt");
}

function tiles() {
  if (shortlist.length === 0) return [];
  const c = winner.candidate, b = baseline?.candidate;
  const tile = (label, value, extra) => element(
      "div", {class: "tile"}, element("span", {class: "tile-label"}, label),
      element("span", {class: "tile-value"}, value),
      extra ?? (baseline ? element("span", {class: "delta"}, "\u00a0") : null));
  const all = [];
  if (trained(winner))
    all.push(tile("test accuracy", accuracy(winner.training.test_accuracy), accuracyDelta(winner)));
  if (isNumber(c.latency_ms))
    all.push(tile("latency", milliseconds(c.latency_ms), delta(c.latency_ms, b?.latency_ms)));
  all.push(
      tile("peak memory", bytes(c.peak_memory_bytes), delta(c.peak_memory_bytes, b?.peak_memory_bytes)),
      tile("parameters", compact(c.params), delta(c.params, b?.params)),
      tile("MACs", compact(c.macs), delta(c.macs, b?.macs)));
  return all;
}

function trainingText(network) {
  if (!network.training) return none;
  const value = accuracy(network.training.test_accuracy);
  return network.training.status === "" ? value : [
    value,
    element("span", {class: "small", title: network.training.status}, shortened(network.training.status, 24))
  ];
}

function latencyCell(c) {
  if (!isNumber(c.latency_ms)) return none;
  const interval = intervalText(c);
  return [
    milliseconds(c.latency_ms),
    c.extrapolated ? element("abbr", {title: "extrapolated: outside of what was measured"}, "?") : null,
    interval ? element("span", {class: "small"}, interval) : null
  ];
}

function shortlistTable() {
  const has_training = networks.some(trained),
        has_latency = networks.some((n) => isNumber(n.candidate.latency_ms));
  const heads = [
    "", "rank score", ...(has_training ? ["test accuracy"] : []), ...(has_latency ? ["latency"] : []),
    "peak memory", "parameters", "MACs", "copy"
  ];
  const rows = networks.map((network) => {
    const c = network.candidate, b = network === baseline ? undefined : baseline?.candidate;
    const cell = (label, ...content) =>
        element("td", {"data-label": label, class: label === "copy" ? "copies" : "number"}, content);
    return element(
        "tr",
        {class: network === baseline ? "is-baseline"
             : network === winner    ? "is-winner"
                                     : null},
        element(
            "th", {scope: "row"},
            element(
                "button", {
                  type: "button",
                  class: "open",
                  title: "Show this network",
                  onclick: (event) => openNetwork(c, event.currentTarget)
                },
                nameOf(network))),
        cell("rank score", score(c.rank_score)),
        has_training ? cell("test accuracy", trainingText(network), accuracyDelta(network)) : null,
        has_latency ? cell("latency", latencyCell(c), delta(c.latency_ms, b?.latency_ms)) : null,
        cell("peak memory", bytes(c.peak_memory_bytes), delta(c.peak_memory_bytes, b?.peak_memory_bytes)),
        cell("parameters", compact(c.params), delta(c.params, b?.params)),
        cell("MACs", compact(c.macs), delta(c.macs, b?.macs)),
        cell(
            "copy", copyButton("candidate", network.text, "Candidate"),
            network.position > 0 ? copyButton("explain", command("explain", c), "Command") : null,
            network.position > 0
                ? copyButton(
                      "export", command("export", c, ` --out network${network.position}.onnx`), "Command")
                : null));
  });
  return [
    element(
        "table", {class: "shortlist"},
        element("caption", {class: "hidden"}, "Shortlist, best rank score first"),
        element("thead", {}, element("tr", {}, heads.map((head) => element("th", {scope: "col"}, head)))),
        element("tbody", {}, rows)),
    element(
        "p", {class: "reading"},
        "The shortlist, best rank score first. The rank score is what the untrained network promises: " +
            "higher is better, and only differences within this run mean something. " +
            (report.ranked ? "It adds up the logarithms of a network's ranks: 0 is the best in every score. "
                           : "") +
            (baseline ? "Less and more are against the baseline. "
                      : "The run has no baseline to compare with. ") +
            (networks.some((n) => intervalText(n.candidate))
                 ? "Below a latency stands its prediction interval. "
                 : "") +
            "A number opens its network."),
  ];
}

function stateBanner() {
  const words = {
    running: "This run is still going. The page shows what its journal held when it was written.",
    killed: "This run was killed: nobody is writing its journal, and it did not end. " +
        "What it found until then is all here, and assay search --resume continues it.",
    stopped: "This run was stopped before its end; assay search --resume continues it.",
  };
  if (report.state === "finished") return [];
  return [element(
      "p", {class: "banner", role: "status"}, element("strong", {}, report.state + ". "),
      words[report.state] ?? "", report.state_note ? " " + report.state_note : "")];
}

function showAnswer() {
  byId("subject").textContent =
      report.space_name + (report.accelerator_name ? " on " + report.accelerator_name : "");
  byId("state").replaceChildren(...stateBanner());
  byId("headline").textContent = headline();
  byId("lead").textContent = lead();
  byId("tiles").replaceChildren(...tiles());
  if (networks.length > 0) byId("shortlist").replaceChildren(...shortlistTable());
}
