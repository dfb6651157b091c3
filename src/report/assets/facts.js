// What the run was, so that it can be repeated.

function sessionFacts(session, number) {
  return element(
      "article", {class: "card session"},
      element("h3", {}, report.sessions.length > 1 ? `Session ${number}` : "Command"),
      element(
          "div", {class: "command"}, element("code", {}, session.command || "(not recorded)"),
          session.command ? copyButton("copy", session.command, "Command") : null),
      definitions([
        ["started", utc(session.started_utc)],
        ["took", duration(session.seconds)],
        ["ended", session.end || (report.state === "running" ? "still running" : "killed")],
        ["assay", session.assay_version],
        ["libraries", session.libraries],
        ["instructions", session.isa],
        ["processor", session.hardware],
        ["workers", grouped(session.workers)],
      ]));
}

// As it was typed last, but for the journal, which exists by now.
function repetition() {
  return element(
      "article", {class: "card session"}, element("h3", {}, "To repeat it as a new run"),
      element(
          "div", {class: "command"}, element("code", {}, report.repeat),
          copyButton("copy", report.repeat, "Command")));
}

// Settings by their keys in the journal: the name that people read, and the value with its unit.
const setting_words = {
  generation: ["generation", (v) => times(v, "candidate")],
  batch: ["batch", (v) => times(v, "image") + " a pass"],
  resolution: ["executed at", (v) => v === 0 ? "their own resolution" : `at most ${v} pixels a side`],
  repeats: ["averaged over", (v) => times(v, "initialisation")],
  initial: ["tried first", settingText],
  rank_weights: ["weights of the scores", (v) => [v].flat().map((w) => significant(w)).join(", ")],
  rank_terms: ["scores enter as", (v) => settingText(v).replaceAll("_", " ")],
  max_memory_per_worker: ["memory of a worker", (v) => v === null ? "what the machine has free" : bytes(v)],
};

// Whatever else there is, as it stands.
function settingText(value) {
  if (Array.isArray(value)) return value.map(settingText).join(", ") || none;
  if (value === null || value === "") return none;
  if (typeof value !== "object") return String(value);
  return Object.entries(value).map(([k, v]) => `${k} ${settingText(v)}`).join(", ") || none;
}

function settingRows(settings) {
  if (settings === null || typeof settings !== "object")
    return settings ? [["settings", String(settings)]] : [];
  return Object.entries(settings)
      .filter(([key]) => key !== "budget")  // stands above, with its units
      .map(([key, value]) => {
        const [name, text] = setting_words[key] ?? [key.replaceAll("_", " "), settingText];
        return [name, text(value)];
      });
}

function showFacts() {
  const limits = budgets.map(([metric, limit]) => `${metrics[metric].title} ≤ ${limitText(metric, limit)}`);
  const part = (count, what) => count > 0 ? `, of them ${grouped(count)} ${what}` : "";
  byId("run-facts")
      .append(
          ...[definitions([
                ["state", report.state + (report.state_note ? `: ${report.state_note}` : "")],
                ["journal", report.journal],
                ["created", utc(report.created_utc)],
                ["seed", report.seed_text],
                ["space", `${report.space_name}, ${report.space_fingerprint}`],
                [
                  "accelerator",
                  report.accelerator_name ? `${report.accelerator_name}, ${report.accelerator_fingerprint}`
                                          : "none"
                ],
                ["budgets", limits.length > 0 ? listed(limits) : "none"],
                ["scores", listed(report.scores)],
                ["proposed", grouped(report.proposed) + part(report.duplicates, "seen before")],
                ["evaluated", grouped(report.evaluated) + part(report.failed, "failed")],
              ]),
              ...report.sessions.map((session, i) => sessionFacts(session, i + 1)),
              report.repeat ? repetition() : null,
              settingRows(report.settings).length > 0
                  ? element(
                        "details", {open: true}, element("summary", {}, "Settings"),
                        definitions(settingRows(report.settings)))
                  : null,
              report.notes.length > 0
                  ? element(
                        "div", {}, element("h3", {}, "Notes"),
                        element("ul", {class: "notes"}, report.notes.map((note) => element("li", {}, note))))
                  : null,
              element(
                  "p", {class: "reading"},
                  "Fingerprints are of the contents: two runs with equal ones, equal settings and " +
                      "the same seed give the same bytes, whatever the number of workers."),
  ].filter(Boolean));
}
