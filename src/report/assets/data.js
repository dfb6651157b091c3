// The report, and its networks and candidates.

const data_text = byId("report-data").textContent;
const report = JSON.parse(data_text);
// A seed may have more digits than a JavaScript number.
report.seed_text = /^"seed": (\d+),?$/m.exec(data_text)?.[1] ?? String(report.seed);

const columns = report.candidates;
const row_of = new Map(columns.evaluation.map((evaluation, row) => [evaluation, row]));
const front_evaluations = new Set(report.front);
const baseline = report.baseline;
const shortlist = report.shortlist;
const winner = shortlist[report.winner];  // the network that the page is about; undefined: there is none
const networks = baseline ? [...shortlist, baseline] : shortlist;
const network_of = new Map(networks.map((network) => [network.candidate.evaluation, network]));
const by_latency = report.cost === "latency_ms";

const nameOf = (network) => network.position > 0 ? "#" + network.position : "baseline";

// What candidates are measured in.
const metrics = {
  latency_ms: {title: "latency", unit: "ms", text: milliseconds, less: "less time", more: "more time"},
  peak_memory_bytes:
      {title: "peak memory", unit: "bytes", text: bytes, less: "less memory", more: "more memory"},
  params: {title: "parameters", unit: "", text: compact, less: "fewer parameters", more: "more parameters"},
  macs: {title: "MACs", unit: "", text: compact, less: "fewer MACs", more: "more MACs"},
};

const budget_words = {
  latency_ms: (limit) => `under ${plain(limit)}${thin}ms`,
  peak_memory_bytes: (limit) => `within ${bytes(limit, plain)} of memory`,
  params: (limit) => `with at most ${roundCompact(limit)} parameters`,
  macs: (limit) => `with at most ${roundCompact(limit)} MACs`,
};
const budgets = Object.keys(budget_words)
                    .filter((metric) => metric in report.budgets)
                    .map((metric) => [metric, report.budgets[metric]]);
const budget_text = listed(budgets.map(([metric, limit]) => budget_words[metric](limit)));

// A limit, which is round where a measured value is not.
const limit_texts = {
  latency_ms: (v) => plain(v) + thin + "ms",
  peak_memory_bytes: (v) => bytes(v, plain),
  params: roundCompact,
  macs: roundCompact
};
const limitText = (metric, limit) => (limit_texts[metric] ?? plain)(limit);

function choicesOf(row) {
  const text = columns.choices[row], width = columns.choice_width;
  return report.decisions.map((_, i) => parseInt(text.substr(i * width, width), 36));
}

function candidateOf(row) {
  const candidate = {choices: choicesOf(row), scores: report.scores.map((name) => columns.scores[name][row])};
  for (const key
           of ["evaluation", "rank_score", "latency_ms", "latency_low_ms", "latency_high_ms",
               "peak_memory_bytes", "params", "macs", "status", "seconds"])
    candidate[key] = columns[key][row];
  candidate.extrapolated = columns.extrapolated[row] === 1;
  return candidate;
}

function textOf(candidate) {
  return report.decisions
      .map((decision, i) => `${decision.name}=${decision.options[candidate.choices[i]] ?? "?"}`)
      .join(" ");
}

// "assay explain --run ... --number 1"
function command(name, candidate, more = "") {
  const network = network_of.get(candidate.evaluation);
  const which = network && network.position > 0 ? `--number ${network.position}`
                                                : `--evaluation ${candidate.evaluation}`;
  return `assay ${name} --run ${shell(report.journal)} ${which}${more}`;
}

// "0.0584 … 0.0665", or nothing where the prediction is a point.
function intervalText(candidate) {
  if (!isNumber(candidate.latency_low_ms) || !isNumber(candidate.latency_high_ms)) return "";
  const low = significant(candidate.latency_low_ms), high = significant(candidate.latency_high_ms);
  return low === high ? "" : `${low} … ${high}`;
}

function change(value, before) {
  return isNumber(value) && isNumber(before) && before > 0 ? value / before - 1 : null;
}
