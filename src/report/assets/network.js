// A network from within: drawing, cost of each subgraph, memory.

function boundColor(bound) {
  const t = theme();
  return {compute: t.blue, memory: t.orange, overhead: t.muted}[bound] ?? t.point;
}

function subgraphTip(s) {
  return tip(s.name, [
    ["", s.brief], ["operators", s.operators], ["shape", s.shape.replaceAll("->", "→")],
    ["latency", isNumber(s.latency_ms) ? `${milliseconds(s.latency_ms)} (${percent(s.share)})` : none],
    ["lanes used", percent(s.lane_efficiency, 2)], ["bound by", s.bound], ["parameters", compact(s.params)],
    ["MACs", compact(s.macs)], ["output", bytes(s.output_bytes)], ["faster with", s.advice]
  ]);
}

let shown_network = null, drawing_zoom = 1;

const smallTitle = (text, place) =>
    ({text, top: 2, textStyle: {fontSize: 12, fontWeight: 400, color: theme().muted}, ...place});

// Bars from the top down, one per subgraph: `label` gives their names at the axis.
function subgraphAxis(parts, label, more) {
  return axis("", {
    type: "category",
    inverse: true,
    data: parts.map((_, i) => String(i)),
    axisTick: {show: false},
    axisLine: {show: false},
    splitLine: {show: false},
    axisLabel: {interval: 0, formatter: (_, i) => label(parts[i]), ...more.axisLabel},
    ...more.axis,
  });
}

// A second, narrow column at the right: how many lanes each subgraph fills.
function addLanes(option, parts, width) {
  const t = theme();
  option.grid.push({right: 46, width: width - 46, top: 26, bottom: 8});
  option.xAxis.push({type: "value", gridIndex: 1, min: 0, max: 1, show: false});
  option.yAxis.push(subgraphAxis(
      parts, (s) => percent(s.lane_efficiency, 2),
      {axis: {gridIndex: 1, position: "right"}, axisLabel: {color: t.muted, fontSize: 11}}));
  option.title.push(smallTitle("lanes used", {right: 8}));
  option.series.push({
    type: "bar",
    xAxisIndex: 1,
    yAxisIndex: 1,
    barWidth: 12,
    showBackground: true,
    backgroundStyle: {color: t.faint, borderRadius: 2},
    data: parts.map((s) => s.lane_efficiency),
    itemStyle: {color: t.green, borderRadius: 2},
  });
}

function barsOption(node) {
  const t = theme(), narrow = isNarrow(node), {subgraphs} = shown_network.explanation;
  const has_latency = subgraphs.some((s) => isNumber(s.latency_ms));
  const value = (s) => has_latency ? s.latency_ms : s.macs, text = has_latency ? milliseconds : compact;
  const parts = [...subgraphs];
  if (byId("network-order").value === "cost") parts.sort((a, b) => value(b) - value(a));
  const left = narrow ? 112 : 168, lanes = has_latency ? (narrow ? 84 : 124) : 0,
        label_space = narrow ? 56 : 66;
  const bar = (s) => ({
    value: value(s),
    itemStyle: {color: has_latency ? boundColor(s.bound) : t.blue, borderRadius: [0, 2, 2, 0]}
  });
  const name = (s) => shortenedFront(s.name, narrow ? 15 : 23);
  const option = {
    grid: [{left, right: lanes + label_space + 14, top: 26, bottom: 8}],
    tooltip: tooltip((p) => subgraphTip(parts[p.dataIndex])),
    xAxis: [{type: "value", min: 0, show: false}],
    yAxis: [subgraphAxis(
        parts, name,
        {axisLabel: {color: t.ink, fontSize: narrow ? 11 : 12, width: left - 10, overflow: "truncate"}})],
    title: [smallTitle(has_latency ? "latency" : "MACs", {left})],
    series: [{
      type: "bar",
      barWidth: 12,
      data: parts.map(bar),
      label: {show: true, position: "right", fontSize: 11, color: t.muted, formatter: (p) => text(p.value)},
    }],
  };
  if (has_latency) addLanes(option, parts, lanes);
  return option;
}

function memoryOption(node) {
  const t = theme(), narrow = isNarrow(node), e = shown_network.explanation, steps = e.memory,
        limit = report.budgets.peak_memory_bytes;
  const peak = steps.reduce((best, s, i) => s.live_bytes > steps[best].live_bytes ? i : best, 0),
        most = steps[peak].live_bytes;
  const shows_limit = isNumber(limit) && limit < 3 * most;
  const top = 1.12 * (shows_limit ? Math.max(limit, most) : most),
        interval = 2 ** Math.ceil(Math.log2(Math.max(top, 4) / 5));
  return {
    grid: {left: 74, right: 20, top: 16, bottom: 44},
    tooltip: tooltip(
        (p) => {
          const s = steps[p[0].dataIndex];
          return tip(s.name === s.last_name ? s.name : `${s.name} … ${s.last_name}`, [
            ["alive", bytes(s.live_bytes)], ["of the peak", percent(s.live_bytes / most, 2)],
            ["step", `${p[0].dataIndex + 1} of ${steps.length}`]
          ]);
        },
        {trigger: "axis", axisPointer: {type: "shadow", shadowStyle: {color: t.ink, opacity: 0.06}}}),
    xAxis: axis("step of execution", {
      type: "category",
      data: steps.map((_, i) => String(i + 1)),
      nameGap: 26,
      splitLine: {show: false},
      axisTick: {show: false}
    }),
    yAxis: axis("", {
      type: "value",
      min: 0,
      max: interval * Math.ceil(top / interval),
      interval,
      axisLabel: {color: t.muted, formatter: (v) => bytes(v, plain)}
    }),
    series: [{
      type: "bar",
      barCategoryGap: steps.length > 80 ? 0 : "12%",
      data: steps.map((s, i) => i !== peak ? s.live_bytes : {
        value: s.live_bytes,
        itemStyle: {color: t.ink},
        label: {
          show: true,
          position: "top",
          color: t.ink,
          fontSize: 12,
          formatter: `peak ${bytes(most)}`,
          align: peak > 0.85 * steps.length ? "right"
              : peak < 0.15 * steps.length  ? "left"
                                            : "center"
        }
      }),
      itemStyle: {color: t.blue, borderRadius: [2, 2, 0, 0]},
      markLine: shows_limit ? {
        silent: true,
        symbol: "none",
        lineStyle: {color: t.orange, type: "dashed", width: 1.5},
        label: {
          formatter: `budget ${limitText("peak_memory_bytes", limit)}`,
          position: narrow ? "insideStartTop" : "insideEndTop",
          color: t.orange
        },
        data: [{yAxis: limit}]
      }
                            : undefined
    }],
  };
}

function subgraphTable(e) {
  const number = (title, value) => ({title, numeric: true, value});
  const columns = [
    {title: "subgraph", value: (s) => s.name},
    {title: "what runs", value: (s) => s.brief},
    {title: "shape", value: (s) => s.shape.replaceAll("->", "→")},
  ];
  if (e.subgraphs.some((s) => isNumber(s.latency_ms))) {
    columns.push(
        number("latency", (s) => milliseconds(s.latency_ms) + (s.extrapolated ? "?" : "")),
        number("share", (s) => percent(s.share)), number("lanes", (s) => percent(s.lane_efficiency, 2)),
        {title: "bound by", value: (s) => s.bound});
  }
  columns.push(number("parameters", (s) => compact(s.params)), number("MACs", (s) => compact(s.macs)));
  if (e.subgraphs.some((s) => s.advice))
    columns.push({title: "what would make it faster", value: (s) => s.advice});
  return table(columns, e.subgraphs, "Subgraphs in the order of execution");
}

function networkLine(network) {
  const e = network.explanation;
  return [
    `${e.input_shape} → ${e.output_shape}`,
    times(e.operators, "operator") + ` in ${times(e.subgraphs.length, "subgraph")}`, `${e.depth} deep`,
    isNumber(e.latency_ms) ? milliseconds(e.latency_ms) : null,
    isNumber(e.lane_efficiency) ? `${percent(e.lane_efficiency, 2)} of the lanes used` : null,
    `${compact(e.params)} parameters`, `${compact(e.macs)} MACs`, `peak ${bytes(e.peak_memory_bytes)}`
  ].filter(Boolean)
      .join("  ·  ");
}

function boundShares(e) {
  const shares = {};
  for (const s of e.subgraphs)
    if (isNumber(s.share) && s.bound) shares[s.bound] = (shares[s.bound] ?? 0) + s.share;
  return Object.entries(shares).sort((a, b) => b[1] - a[1]);
}

function zoomDrawing(zoom) {
  drawing_zoom = Math.min(1.6, Math.max(0.2, zoom));
  drawNetwork(byId("drawing"), "drawing-plot", shown_network, drawing_zoom);
}

function fitDrawing() {
  const graph = layered(shown_network.explanation), box = byId("drawing");
  zoomDrawing(Math.min(
      1, (box.clientWidth - 16) / (200 * graph.across + 60), (box.clientHeight - 8) / (58 * graph.layers)));
}

function naturalZoom() {
  const graph = layered(shown_network.explanation);
  return Math.min(1, Math.max(0.55, (byId("drawing").clientWidth - 16) / (200 * graph.across + 60)));
}

function showInside(network) {
  shown_network = network;
  byId("network-choice").value = String(networks.indexOf(network));
  const e = network.explanation, rows = e.subgraphs.length,
        height = `${40 + rows * Math.max(24, Math.min(32, 550 / rows))}px`;
  byId("network-line").textContent = networkLine(network);
  zoomDrawing(naturalZoom());
  removePlot("bars-plot");
  byId("bars").replaceChildren(element("div", {id: "bars-plot", style: `height:${height}`}));
  plot("bars-plot", barsOption, `Cost of each subgraph of ${nameOf(network)}`);
  const shares = boundShares(e), has_latency = e.subgraphs.some((s) => isNumber(s.latency_ms));
  byId("bars-title").textContent = (has_latency ? "Latency" : "MACs") + ", subgraph by subgraph";
  const legend = () => byId("bars-legend")
                           .replaceChildren(...shares.map(
                               ([bound, share]) => element(
                                   "span", {}, element("i", {style: `background:${boundColor(bound)}`}),
                                   `${bound} ${percent(share, 2)}`)));
  legend();
  theme_followers[1] = legend;
  if (e.memory.length > 0) {
    if (plots.has("memory-plot"))
      redraw("memory-plot");
    else
      plot("memory-plot", memoryOption, "Memory that is alive, step by step");
  }
  const dearest = [...e.subgraphs]
                      .filter((s) => isNumber(s.share))
                      .sort((a, b) => b.share - a.share)
                      .slice(0, 3)
                      .map((s) => `${s.name} (${percent(s.share, 2)})`);
  byId("network-reading").textContent =
      "Drawing: from the input at the top to the output; a box is what the accelerator runs as one, " +
      "curved lines skip over others. " +
      (has_latency
           ? "Bars: how long each box takes, coloured by what holds it up, and how many of the " +
               `accelerator's lanes it fills. The dearest: ${listed(dearest)}. ` +
               "Overhead is the fixed cost of starting a subgraph."
           : "Bars: the multiply-accumulates of each box. Without an accelerator there are no latencies.");
  const limit = report.budgets.peak_memory_bytes;
  const later = e.memory.filter((s) => s.live_bytes === e.peak_memory_bytes).length - 1;
  const again = later > 0 ? `, and at ${times(later, "later step")}` : "";
  byId("memory-reading").textContent =
      "What is alive while each step runs, as the accelerator file counts it, weights apart. " +
      `The peak stands at ${e.peak_name}${again}; only what lowers the peak lowers the memory needed.` +
      (isNumber(limit) && limit >= 3 * e.peak_memory_bytes
           ? ` The budget, ${bytes(limit, plain)}, is far above.`
           : "");
  byId("subgraph-table").replaceChildren(subgraphTable(e));
}

function setUpNetwork() {
  const with_parts = networks.filter((n) => n.explanation.subgraphs.length > 0);
  if (with_parts.length === 0)
    return leaveOut(
        "network",
        networks.length === 0 ? "There is no network on the shortlist to look into."
                              : "The networks of the shortlist could not be rebuilt from the journal.");
  const select = byId("network-choice");
  select.replaceChildren(...networks.map(
      (n, i) => element(
          "option", {value: String(i), disabled: n.explanation.subgraphs.length === 0},
          nameOf(n) +
              (isNumber(n.candidate.latency_ms) ? ", " + milliseconds(n.candidate.latency_ms) : ""))));
  select.addEventListener("change", () => showInside(networks[Number(select.value)]));
  byId("network-order").addEventListener("change", () => redraw("bars-plot"));
  const button = (label, about, act) =>
      element("button", {type: "button", "aria-label": about, title: about, onclick: act}, label);
  byId("drawing-zoom")
      .append(
          button("−", "Smaller", () => zoomDrawing(drawing_zoom / 1.25)),
          button("+", "Larger", () => zoomDrawing(drawing_zoom * 1.25)),
          button("Fit", "Whole network", fitDrawing));
  byId("drawing").addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomDrawing(drawing_zoom * (event.deltaY < 0 ? 1.12 : 1 / 1.12));
  }, {passive: false});
  showInside(winner?.explanation.subgraphs.length > 0 ? winner : with_parts[0]);
}
