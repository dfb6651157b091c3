// All candidates: score against cost, the front, the shortlist, and those that failed.

const axes = {
  ...metrics,
  rank_score: {title: "rank score", unit: "", text: score},
  evaluation: {title: "evaluation", unit: "number", text: grouped},
};
for (const name of report.scores) axes["score:" + name] = {title: name, unit: "", text: rawScore};

const column = (key) => key.startsWith("score:") ? columns.scores[key.slice(6)] : columns[key];
const valueOf = (candidate, key) =>
    key.startsWith("score:") ? candidate.scores[report.scores.indexOf(key.slice(6))] : candidate[key];

const front_view = {
  x: report.cost,
  y: "rank_score",
  low: false,
  log: false
};

function axisTitle(key) {
  const {title, unit} = axes[key];
  return unit ? `${title} (${unit})` : title;
}
// Ticks without units, which stand in the axis' name.
function tick(key) {
  return key === "peak_memory_bytes"                 ? (v) => bytes(v, plain)
      : key === "latency_ms" || key === "rank_score" ? plain
                                                     : roundCompact;
}

function frontPoints() {
  const xs = column(front_view.x), ys = column(front_view.y);
  const good = [], on_front = [], failed = [];
  columns.evaluation.forEach((evaluation, row) => {
    if (!isNumber(xs[row])) return;
    if (!isNumber(ys[row]))
      failed.push([xs[row], 0, evaluation]);
    else
      (front_evaluations.has(evaluation) ? on_front : good).push([xs[row], ys[row], evaluation]);
  });
  return {good, on_front, failed};
}

// Far below most: they would squeeze all others into a line. The lowest value in view, or null.
function lowestInView(points) {
  const sorted = points.map((p) => p[1]).sort((a, b) => a - b);
  if (sorted.length < 20) return null;
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
  const floor = at(0.5) - 3.5 * Math.max(at(0.5) - at(0.1), at(0.9) - at(0.5), 1e-9);
  return sorted[0] < floor ? floor : null;
}

function candidateTip(candidate) {
  const network = network_of.get(candidate.evaluation);
  const marks =
      [network ? nameOf(network) : null, front_evaluations.has(candidate.evaluation) ? "on the front" : null];
  return tip(
      (network === baseline && network ? "Baseline" : `Evaluation ${grouped(candidate.evaluation)}`) +
          marks.filter((m) => m && m !== "baseline").map((m) => ", " + m).join(""),
      [
        ["rank score", score(candidate.rank_score)],
        ["latency", milliseconds(candidate.latency_ms)],
        ["peak memory", bytes(candidate.peak_memory_bytes)],
        ["parameters", compact(candidate.params)],
        ["MACs", compact(candidate.macs)],
        ["status", candidate.status],
      ]);
}

const candidateByEvaluation = (evaluation) => network_of.get(evaluation)?.candidate ??
    (row_of.has(evaluation) ? candidateOf(row_of.get(evaluation)) : null);

function frontReading() {
  const limit = report.budgets[report.cost];
  const sampled = columns.count < report.evaluated
      ? ` Drawn are ${grouped(columns.count)} of ${grouped(report.evaluated)} evaluated networks: ` +
          "the whole front and an even sample of the others."
      : "";
  const what = by_latency ? "fast" : "light";
  const hidden = isNumber(limit) && !columns[report.cost].some((v) => isNumber(v) && v * 1.6 >= limit)
      ? ` The budget, ${limitText(report.cost, limit)}, lies far to the right of all of them.`
      : "";
  const diamond = baseline ? ", the diamond is the baseline" : "";
  const crosses = report.failed > 0 ? "; crosses below failed to score" : "";
  return `Each point is a network; the best are at the top left: a high score, and ${what}. ` +
      `No network found beats one on the blue line in both. Numbers are the shortlist${diamond}${crosses}. ` +
      "Click a point to see its network; zoom by pinching, with Ctrl and the wheel, or with the bar below." +
      hidden + sampled;
}

function setUpFront() {
  if (columns.count === 0)
    return leaveOut("front", "There is nothing to plot: no network has been evaluated.");
  const fill = (id, keys, value, take) => {
    const select = byId(id);
    select.replaceChildren(
        ...keys.map((key) => element("option", {value: key, selected: key === value}, axes[key].title)));
    select.addEventListener("change", () => {
      take(select.value);
      redraw("front-plot");
    });
  };
  const with_values = (keys) => keys.filter((key) => column(key).some(isNumber));
  fill(
      "front-x", with_values(["latency_ms", "macs", "peak_memory_bytes", "params", "evaluation"]),
      front_view.x, (v) => {
        front_view.x = v;
      });
  fill(
      "front-y", ["rank_score", ...with_values(report.scores.map((name) => "score:" + name))], front_view.y,
      (v) => {
        front_view.y = v;
      });
  byId("front-log").addEventListener("change", (event) => {
    front_view.log = event.target.checked;
    redraw("front-plot");
  });
  byId("front-low").addEventListener("change", (event) => {
    front_view.low = event.target.checked;
    redraw("front-plot");
  });
  byId("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("find-number").value.trim(),
          candidate = /^-?\d+$/.test(text) ? candidateByEvaluation(Number(text)) : null;
    byId("find-note").textContent = candidate ? ""
        : text === ""                         ? "Give the number of an evaluation."
                                              : `${shortened(text, 12)} is not among those shown here.`;
    if (candidate) openNetwork(candidate, byId("find-number"));
  });
  plot(
      "front-plot", frontOption, "Rank score against " + axes[report.cost].title + " of all networks shown", {
        click: (p) => {
          const c = candidateByEvaluation(p.value?.[2]);
          if (c) openNetwork(c);
        },
      });
  byId("front-reading").textContent = frontReading();
}
