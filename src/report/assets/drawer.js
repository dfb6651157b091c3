// The panel beside the page: one network.

let opened_by = null;

function closeDrawer() {
  const drawer = byId("drawer");
  if (drawer.hidden) return;
  removePlot("drawer-plot");
  drawer.hidden = true;
  drawer.replaceChildren();
  document.body.classList.remove("with-drawer");
  opened_by?.focus?.();
  opened_by = null;
}

// Every decision; marked where the network differs from the one that it is compared with.
function decisionList(candidate, other) {
  return element("div", {class: "decisions"}, report.decisions.map((decision, i) => {
    const text = decision.options[candidate.choices[i]] ?? "?";
    const differs = other && other.choices[i] !== candidate.choices[i];
    return element(
        "div", {class: differs ? "differs" : null}, element("span", {}, decision.name),
        element(
            "b", {}, differs ? element("i", {}, `${decision.options[other.choices[i]] ?? "?"} → `) : null,
            text));
  }));
}

function openNetwork(candidate, from) {
  const drawer = byId("drawer"), network = network_of.get(candidate.evaluation),
        text = network?.text ?? textOf(candidate);
  removePlot("drawer-plot");
  opened_by = from ?? null;
  const reference = network && network === winner ? baseline : winner;
  const close =
      element("button", {type: "button", class: "close", "aria-label": "Close", onclick: closeDrawer}, "×");
  const compared = !reference || reference === network ? null
      : reference === baseline                         ? "the baseline"
                                                       : nameOf(reference);
  const interval = intervalText(candidate);
  const title = network ? (network === baseline ? "Baseline" : `Network ${nameOf(network)}`)
                                                             : `Evaluation ${grouped(candidate.evaluation)}`;
  const about = [
    network && network !== baseline ? `evaluation ${grouped(candidate.evaluation)}` : null,
    front_evaluations.has(candidate.evaluation) ? "on the front" : null,
    candidate.extrapolated ? "latency extrapolated" : null
  ].filter(Boolean);
  const parts = [
    element(
        "header", {},
        element(
            "div", {}, element("h2", {id: "drawer-title"}, title),
            element("p", {class: "small"}, about.join(" · "))),
        close),
    candidate.status ? element("p", {class: "banner"}, element("strong", {}, "Failed. "), candidate.status)
                     : null,
    definitions(
        [
          ["rank score", score(candidate.rank_score)],
          ...(network?.training ? [[
            "test accuracy",
            accuracy(network.training.test_accuracy) +
                (network.training.status ? ` (${network.training.status})` : "")
          ]]
                                : []),
          ...(isNumber(candidate.latency_ms)
                  ? [["latency", milliseconds(candidate.latency_ms) + (interval ? ` (${interval})` : "")]]
                  : []),
          ["peak memory", bytes(candidate.peak_memory_bytes)],
          ["parameters", compact(candidate.params)],
          ["MACs", compact(candidate.macs)],
          ...report.scores.map((name, i) => [name, rawScore(candidate.scores[i])])
              .filter(([name]) => !(name in metrics)),  // parameters and MACs stand above
          ["time of scoring", candidate.seconds > 0 ? duration(candidate.seconds) : "known before"],
        ],
        "figures"),
    element(
        "div", {class: "copies"}, copyButton("Copy candidate", text, "Candidate"),
        candidate.evaluation >= 0
            ? copyButton("Copy explain command", command("explain", candidate), "Command")
            : null,
        network && network.position > 0
            ? copyButton(
                  "Copy export command",
                  command("export", candidate, ` --out network${network.position}.onnx`), "Command")
            : null),
    element("h3", {}, "Decisions"),
    compared ? element(
                   "p", {class: "small"},
                   `What differs from ${compared} is marked, with its choice before the arrow.`)
             : null,
    decisionList(candidate, compared ? reference.candidate : null),
  ];
  const holds = network && network.explanation.subgraphs.length > 0;
  if (holds) {
    parts.push(
        element("h3", {}, "Drawing"), element("p", {class: "small"}, networkLine(network)),
        element(
            "div",
            {class: "scroll", id: "drawer-drawing", tabindex: "0", role: "region", "aria-label": "Drawing"}),
        element(
            "button", {
              type: "button",
              class: "wide-button",
              onclick: () => {
                closeDrawer();
                showInside(network);
                byId("network").scrollIntoView();
              }
            },
            "Its latency and memory, subgraph by subgraph"),
        element("h3", {}, "Subgraphs"), element("div", {class: "wide"}, subgraphTable(network.explanation)));
  }
  drawer.replaceChildren(...parts.filter(Boolean));
  drawer.hidden = false;
  drawer.scrollTop = 0;
  document.body.classList.add("with-drawer");
  if (holds) drawNetwork(byId("drawer-drawing"), "drawer-plot", network, 0.9);
  close.focus({preventScroll: true});
}
