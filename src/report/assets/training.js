// Score against what training gave, and the curves of training.

const trained_networks = networks.filter((n) => n.training);
const marks = ["circle", "rect", "triangle", "roundRect", "emptyCircle", "emptyRect", "emptyTriangle"];

function networkColor(network) {
  const t = theme(), colors = [t.blue, t.green, t.pink, t.amber, t.sky, t.muted];
  return network === baseline ? t.orange : colors[(network.position - 1) % colors.length];
}
const networkMark = (network) =>
    network === baseline ? "diamond" : marks[(network.position - 1) % marks.length];

function accuracyOption(node) {
  const t = theme();
  const points = trained_networks.filter((n) => trained(n) && isNumber(n.candidate.rank_score));
  return {
    grid: {left: 62, right: 46, top: 34, bottom: 48},
    title: titleOf("test accuracy against rank score"),
    tooltip: tooltip((p) => {
      const n = network_of.get(p.value[2]);
      return tip(nameOf(n), [
        ["test accuracy", accuracy(n.training.test_accuracy)], ["rank score", score(n.candidate.rank_score)],
        ["latency", milliseconds(n.candidate.latency_ms)], ["training", duration(n.training.seconds)]
      ]);
    }),
    xAxis: axis("rank score", {
      type: "value",
      scale: true,
      boundaryGap: ["6%", "6%"],
      axisLabel: {color: t.muted, hideOverlap: true, formatter: plain}
    }),
    yAxis: axis("", {
      type: "value",
      scale: true,
      boundaryGap: ["8%", "8%"],
      splitNumber: 4,
      axisLabel: {color: t.muted, formatter: roundPercent}
    }),
    series: [{
      type: "scatter",
      symbolSize: 13,
      clip: false,
      data: points.map((n) => ({
                         value: [n.candidate.rank_score, n.training.test_accuracy, n.candidate.evaluation],
                         symbol: networkMark(n),
                         itemStyle: {color: networkColor(n), opacity: 1}
                       })),
      label: {
        show: true,
        position: "right",
        color: t.ink,
        fontSize: 12,
        formatter: (p) => nameOf(network_of.get(p.value[2]))
      },
      labelLayout: {moveOverlap: "shiftY"}
    }],
  };
}

function curvesOption(node) {
  const t = theme(), with_curve = trained_networks.filter((n) => n.training.epochs.length > 0);
  const by_accuracy = with_curve.some((n) => n.training.epochs.some((e) => isNumber(e.test_accuracy)));
  const key = by_accuracy ? "test_accuracy" : "train_loss";
  return {
    grid: {left: 62, right: 18, top: 34, bottom: 76},
    title: titleOf(by_accuracy ? "test accuracy by epoch" : "training loss by epoch"),
    legend: {
      type: "scroll",
      bottom: 0,
      textStyle: smallText(),
      pageIconSize: 11,
      pageTextStyle: {color: t.muted}
    },
    tooltip: tooltip((p) => {
      const epoch = with_curve[p.seriesIndex].training.epochs[p.dataIndex];
      return tip(`${nameOf(with_curve[p.seriesIndex])}, epoch ${epoch.epoch + 1}`, [
        ["test accuracy", accuracy(epoch.test_accuracy)], ["training loss", significant(epoch.train_loss)],
        ["after", duration(epoch.seconds)]
      ]);
    }),
    xAxis: axis(
        "epochs of training",
        {type: "value", minInterval: 1, scale: true, nameGap: 26, splitLine: {show: false}}),
    yAxis: axis("", {
      type: "value",
      scale: true,
      splitNumber: 4,
      axisLabel: {color: t.muted, formatter: by_accuracy ? roundPercent : plain}
    }),
    series: with_curve.map(
        (n) => ({
          name: nameOf(n),
          type: "line",
          symbol: networkMark(n),
          symbolSize: 7,
          data: n.training.epochs.map((e) => [e.epoch + 1, isNumber(e[key]) ? e[key] : null]),
          lineStyle: {color: networkColor(n), width: 2, type: n === baseline ? "dashed" : "solid"},
          itemStyle: {color: networkColor(n)}
        })),
  };
}

// Whether more score was more accuracy, pair by pair: with a handful of networks nothing tells more.
function agreementText() {
  const count = trained_networks.length,
        was = `${times(count, "network")} ${count === 1 ? "was" : "were"} trained`;
  const known = trained_networks.filter((n) => trained(n) && isNumber(n.candidate.rank_score));
  if (known.length < 2) return was + ": too few to compare accuracies with scores.";
  let pairs = 0, agreeing = 0;
  known.forEach((a, i) => known.slice(i + 1).forEach((b) => {
    const product = (a.candidate.rank_score - b.candidate.rank_score) *
        (a.training.test_accuracy - b.training.test_accuracy);
    if (product === 0) return;  // a tie says nothing
    pairs += 1;
    if (product > 0) agreeing += 1;
  }));
  const least = 4;  // of which chance alone orders one in twenty as the score does
  const tau = (2 * agreeing - pairs) / pairs;
  return `${was}. Of ${times(pairs, "pair")} that differ, the one with the higher rank score is the more ` +
      `accurate one in ${agreeing}` +
      (known.length < least || pairs === 0
           ? ": too few to tell whether the score is right."
           : ` (Kendall's rank correlation ${fixed(tau, 2).replace("-", minus)}).`);
}

// Which were never better than in their last epoch.
function risingText() {
  const value = (epoch) => epoch.test_accuracy ?? -epoch.train_loss;
  const curves = trained_networks.filter((n) => n.training.epochs.length > 1);
  const rising = curves.filter(
      ({training: {epochs}}) => epochs.slice(0, -1).every((e) => value(e) < value(epochs.at(-1))));
  if (curves.length === 0) return "";
  if (rising.length === 0) return " None was at its best in its last epoch.";
  return ` ${listed(rising.map(nameOf))} ${
             rising.length === 1 ? "was at its" : "were at their"} best in the ` +
      "last epoch, and may gain from more of them.";
}

function setUpTraining() {
  if (trained_networks.length === 0)
    return leaveOut(
        "training", "No network of this run has been trained: add --train DATASET to the search.");
  const panel = (id) => element("div", {class: "plot", id});
  const has_points = trained_networks.some((n) => trained(n) && isNumber(n.candidate.rank_score));
  const has_curves = trained_networks.some((n) => n.training.epochs.length > 0);
  byId("training-plots")
      .append(...(has_points ? [panel("accuracy-plot")] : []), ...(has_curves ? [panel("curves-plot")] : []));
  if (has_points)
    plot(
        "accuracy-plot", accuracyOption, "Test accuracy against rank score",
        {click: (p) => openNetwork(network_of.get(p.value[2]).candidate)});
  if (has_curves) plot("curves-plot", curvesOption, "Test accuracy by epoch");
  const broken = trained_networks.filter((n) => n.training.status !== "");
  const recipes = [...new Set(trained_networks.map((n) => n.training.recipe))];
  byId("training-reading").textContent = agreementText() + risingText() + ` Trained on ${listed(recipes)}.` +
      (broken.length > 0
           ? ` Not trained to the end: ${listed(broken.map((n) => `${nameOf(n)} (${n.training.status})`))}.`
           : "");
}
