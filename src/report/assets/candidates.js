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

const front_view = {x: report.cost, y: "rank_score", low: false, log: false};

function axisTitle(key) {
  const {title, unit} = axes[key];
  return unit ? `${title} (${unit})` : title;
}
// Ticks without units, which stand in the axis' name.
function tick(key) {
  return key === "peak_memory_bytes" ? (v) => bytes(v, plain) : key === "latency_ms" || key === "rank_score" ? plain : roundCompact;
}

function frontPoints() {
  const xs = column(front_view.x), ys = column(front_view.y);
  const good = [], on_front = [], failed = [];
  columns.evaluation.forEach((evaluation, row) => {
    if (!isNumber(xs[row])) return;
    if (!isNumber(ys[row])) failed.push([xs[row], 0, evaluation]);
    else (front_evaluations.has(evaluation) ? on_front : good).push([xs[row], ys[row], evaluation]);
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
  const marks = [network ? nameOf(network) : null, front_evaluations.has(candidate.evaluation) ? "on the front" : null];
  return tip((network === baseline && network ? "Baseline" : `Evaluation ${grouped(candidate.evaluation)}`) +
             marks.filter((m) => m && m !== "baseline").map((m) => ", " + m).join(""), [
    ["rank score", score(candidate.rank_score)],
    ["latency", milliseconds(candidate.latency_ms)],
    ["peak memory", bytes(candidate.peak_memory_bytes)],
    ["parameters", compact(candidate.params)],
    ["MACs", compact(candidate.macs)],
    ["status", candidate.status],
  ]);
}

const candidateByEvaluation = (evaluation) =>
  network_of.get(evaluation)?.candidate ?? (row_of.has(evaluation) ? candidateOf(row_of.get(evaluation)) : null);

function frontOption(node) {
  const t = theme(), narrow = isNarrow(node), {good, on_front, failed} = frontPoints();
  const chosen = shortlist.map((n) => n.candidate).filter((c) => isNumber(valueOf(c, front_view.x)) && isNumber(valueOf(c, front_view.y)));
  const own_axes = front_view.x === report.cost && front_view.y === "rank_score";
  const floor = front_view.low ? null : lowestInView([...good, ...on_front]);
  const below = floor === null ? 0 : [...good, ...on_front].filter((p) => p[1] < floor).length;
  const label = byId("front-low-label");
  label.hidden = below === 0 && !front_view.low;
  label.querySelector("span").textContent = front_view.low ? "show outliers" : `show ${times(below, "outlier")} below`;
  const limit = report.budgets[front_view.x];
  const furthest = largest([...good, ...on_front, ...failed].map((p) => p[0]), baseline?.candidate[front_view.x] ?? 0);
  const shows_limit = isNumber(limit) && limit <= furthest * 1.6;
  const strip = failed.length > 0 ? 26 : 0;
  const left = narrow ? 48 : 62, right = narrow ? 14 : 24, slider = 34;
  const x = axis(axisTitle(front_view.x), {
    type: "value", scale: true, max: shows_limit && limit > furthest ? limit * 1.03 : null,
    axisLabel: {color: t.muted, fontSize: 12, hideOverlap: true, formatter: tick(front_view.x)},
  });
  const point = (c) => [valueOf(c, front_view.x), valueOf(c, front_view.y), c.evaluation];
  const top = narrow ? 74 : 58;
  const grids = [{left, right, top, bottom: 58 + slider + (strip ? strip + 8 : 0), containLabel: false}];
  const option = {
    legend: {top: 4, left, itemGap: narrow ? 10 : 16, right: narrow ? 0 : 130, textStyle: {color: t.muted, fontSize: 12}, inactiveColor: t.line, data: []},
    toolbox: {right: right - 4, top: 0, itemSize: 15, iconStyle: {borderColor: t.muted}, emphasis: {iconStyle: {borderColor: t.blue}},
              feature: narrow ? {} : {dataZoom: {title: {zoom: "Zoom into an area", back: "Zoom back"}, brushStyle: {color: t.blue, opacity: 0.12}},
                        restore: {title: "Whole plot"}, saveAsImage: {title: "Save as picture", name: "front", backgroundColor: t.surface}}},
    tooltip: tooltip((p) => { const c = candidateByEvaluation(p.value?.[2]); return c ? candidateTip(c) : ""; }, {trigger: "item"}),
    grid: grids,
    xAxis: [x],
    yAxis: [axis(axisTitle(front_view.y), {type: "value", scale: true, nameGap: narrow ? 34 : 44, min: floor,
              axisLabel: {showMinLabel: floor === null, color: t.muted, fontSize: 12, formatter: tick(front_view.y)}})],
    dataZoom: [
      {type: "inside", xAxisIndex: strip ? [0, 1] : [0], filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseMove: !narrow, moveOnMouseWheel: false, preventDefaultMouseMove: false},
      {type: "inside", yAxisIndex: [0], filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseMove: !narrow, moveOnMouseWheel: false, preventDefaultMouseMove: false},
      {type: "slider", xAxisIndex: strip ? [0, 1] : [0], filterMode: "none", height: 18, bottom: 8, left, right, showDetail: false, brushSelect: false,
       borderColor: t.line, fillerColor: mixed(t.blue, t.surface, 0.8) + "88", backgroundColor: t.faint,
       dataBackground: {lineStyle: {opacity: 0}, areaStyle: {opacity: 0}}, selectedDataBackground: {lineStyle: {opacity: 0}, areaStyle: {opacity: 0}},
       handleStyle: {color: t.surface, borderColor: t.muted}, moveHandleStyle: {color: t.line}},
    ],
    series: [
      {name: "evaluated", type: "scatter", data: good, symbolSize: good.length > 3000 ? 4 : 6, large: good.length > 4000, largeThreshold: 4000,
       itemStyle: {color: t.point, opacity: good.length > 3000 ? 0.45 : 0.6}, z: 2},
      {name: "front", type: own_axes ? "line" : "scatter", step: own_axes ? "end" : undefined, data: on_front.slice().sort((a, b) => a[0] - b[0] || a[1] - b[1]),
       symbol: "circle", symbolSize: on_front.length > 200 ? 3 : 7, showAllSymbol: true, triggerLineEvent: false, lineStyle: {color: t.blue, width: 1.5}, itemStyle: {color: t.blue}, z: 3,
       markLine: shows_limit ? {silent: true, symbol: "none", lineStyle: {color: t.orange, type: "dashed", width: 1.5},
         label: {formatter: "budget " + limitText(front_view.x, limit), position: "insideEndTop", rotate: 0, color: t.orange, align: limit > 0.6 * furthest ? "right" : "left", offset: [limit > 0.6 * furthest ? -6 : 6, 0], distance: 2}, data: [{xAxis: limit}]} : undefined},
      {name: "shortlist", type: "scatter", data: chosen.map(point), symbol: "circle", symbolSize: 19, z: 5,
       itemStyle: {color: t.blue, opacity: 1, borderColor: t.surface, borderWidth: 1.5},
       label: {show: true, color: themeName() === "dark" ? "#101418" : "#fff", fontSize: 11, fontWeight: 700, formatter: (p) => String(network_of.get(p.value[2])?.position ?? "")}},
    ],
  };
  if (baseline && isNumber(valueOf(baseline.candidate, front_view.x)) && isNumber(valueOf(baseline.candidate, front_view.y))) {
    option.series.push({name: "baseline", type: "scatter", data: [point(baseline.candidate)], symbol: "diamond", symbolSize: 17, z: 4,
      itemStyle: {color: t.orange, opacity: 1, borderColor: t.surface, borderWidth: 1.5}});
  }
  if (strip) {
    grids.push({left, right, height: strip, bottom: 58 + slider});
    option.xAxis[0] = {...x, name: "", axisLabel: {show: false}, axisTick: {show: false}};
    option.xAxis.push({...x, gridIndex: 1, splitLine: {show: false}});
    option.yAxis.push({type: "value", gridIndex: 1, min: -1, max: 1, show: false});
    option.series.push({name: "failed", type: "scatter", xAxisIndex: 1, yAxisIndex: 1, data: failed, symbol: "path://M-4,-3L-3,-4L0,-1L3,-4L4,-3L1,0L4,3L3,4L0,1L-3,4L-4,3L-1,0Z",
      symbolSize: 8, itemStyle: {color: t.orange, opacity: 0.75}});
  }
  // Both x axes show the same range.
  const all = [...good, ...on_front, ...failed, ...chosen.map(point), ...(baseline ? [point(baseline.candidate)] : [])].map((p) => p[0]).filter(isNumber);
  const low = smallest(all), high = largest(all, shows_limit ? limit : -Infinity);
  if (Number.isFinite(low) && low < high) {
    const margin = 0.03 * (high - low), factor = (high / low) ** 0.03, log = front_view.log && low > 0;
    for (const each of option.xAxis) Object.assign(each, {type: log ? "log" : "value",
      min: log ? low / factor : Math.max(low - margin, low >= 0 ? 0 : -Infinity), max: log ? high * factor : high + margin,
      axisLabel: {...each.axisLabel, showMinLabel: false, showMaxLabel: false}});
  }
  option.legend.data = option.series.filter((s) => s.data.length > 0).map((s) => s.name);
  return option;
}

function frontReading() {
  const limit = report.budgets[report.cost];
  const sampled = columns.count < report.evaluated
    ? ` Drawn are ${grouped(columns.count)} of ${grouped(report.evaluated)} evaluated networks: the whole front and an even sample of the others.` : "";
  const what = by_latency ? "fast" : "light";
  const hidden = isNumber(limit) && !columns[report.cost].some((v) => isNumber(v) && v * 1.6 >= limit)
    ? ` The budget, ${limitText(report.cost, limit)}, lies far to the right of all of them.` : "";
  return `Each point is a network; the best are at the top left: a high score, and ${what}. No network found beats one on the blue line in both. ` +
    `Numbers are the shortlist${baseline ? ", the diamond is the baseline" : ""}${report.failed > 0 ? "; crosses below failed to score" : ""}. ` +
    "Click a point to see its network; zoom by pinching, with Ctrl and the wheel, or with the bar below." + hidden + sampled;
}

function setUpFront() {
  if (columns.count === 0) return leaveOut("front", "There is nothing to plot: no network has been evaluated.");
  const fill = (id, keys, value, take) => {
    const select = byId(id);
    select.replaceChildren(...keys.map((key) => element("option", {value: key, selected: key === value}, axes[key].title)));
    select.addEventListener("change", () => { take(select.value); redraw("front-plot"); });
  };
  const with_values = (keys) => keys.filter((key) => column(key).some(isNumber));
  fill("front-x", with_values(["latency_ms", "macs", "peak_memory_bytes", "params", "evaluation"]), front_view.x, (v) => { front_view.x = v; });
  fill("front-y", ["rank_score", ...with_values(report.scores.map((name) => "score:" + name))], front_view.y, (v) => { front_view.y = v; });
  byId("front-log").addEventListener("change", (event) => { front_view.log = event.target.checked; redraw("front-plot"); });
  byId("front-low").addEventListener("change", (event) => { front_view.low = event.target.checked; redraw("front-plot"); });
  byId("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("find-number").value.trim(), candidate = /^-?\d+$/.test(text) ? candidateByEvaluation(Number(text)) : null;
    byId("find-note").textContent = candidate ? "" : text === "" ? "Give the number of an evaluation." : `${shortened(text, 12)} is not among those shown here.`;
    if (candidate) openNetwork(candidate, byId("find-number"));
  });
  plot("front-plot", frontOption, "Rank score against " + axes[report.cost].title + " of all networks shown", {
    click: (p) => { const c = candidateByEvaluation(p.value?.[2]); if (c) openNetwork(c); },
  });
  byId("front-reading").textContent = frontReading();
}
