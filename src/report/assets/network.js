// A network from within: drawing, cost of each subgraph, memory.

const kind_words = {convolution: "convolution", depthwise: "depthwise convolution", global_pooling: "global pooling"};

function kindColor(kind) {
  const t = theme();
  const colors = {convolution: t.blue, depthwise: t.orange, "depthwise convolution": t.orange, linear: t.pink, pooling: t.green, global_pooling: t.green, elementwise: t.amber, movement: t.muted};
  return colors[kind] ?? t.muted;
}

function boundColor(bound) {
  const t = theme();
  return {compute: t.blue, memory: t.orange, overhead: t.muted}[bound] ?? t.point;
}

function subgraphTip(s) {
  return tip(s.name, [["", s.brief], ["operators", s.operators], ["shape", s.shape.replaceAll("->", "→")], ["latency", isNumber(s.latency_ms) ? `${milliseconds(s.latency_ms)} (${percent(s.share)})` : none],
    ["lanes used", percent(s.lane_efficiency, 2)], ["bound by", s.bound], ["parameters", compact(s.params)], ["MACs", compact(s.macs)], ["output", bytes(s.output_bytes)], ["faster with", s.advice]]);
}

// Rows by longest path from the input; side by side what has the same depth.
function layered(explanation) {
  const parts = explanation.subgraphs, read = new Set(parts.flatMap((s) => s.inputs));
  const nodes = [{id: -1, layer: 0, x: 0, label: "input " + explanation.input_shape}];
  const by_id = new Map([[-1, nodes[0]]]), edges = [];
  const add = (id, inputs, label, part) => {
    const sources = inputs.filter((i) => by_id.has(i));
    const node = {id, label, part, layer: 1 + largest(sources.map((i) => by_id.get(i).layer), 0), sources};
    nodes.push(node);
    by_id.set(id, node);
    for (const from of sources) edges.push({from, to: id});
  };
  parts.forEach((s, i) => add(i, s.inputs.length > 0 ? s.inputs : [-1], s.brief, s));
  const ends = parts.map((_, i) => i).filter((i) => !read.has(i));
  if (parts.length > 0) add(parts.length, ends, "output " + explanation.output_shape);
  const layers = [];
  for (const node of nodes) (layers[node.layer] ??= []).push(node);
  for (const layer of layers) {
    const wish = (n) => n.sources?.length ? n.sources.reduce((sum, i) => sum + by_id.get(i).x, 0) / n.sources.length : 0;
    layer.sort((a, b) => wish(a) - wish(b) || a.id - b.id);
    layer.forEach((node, i) => { node.x = i - (layer.length - 1) / 2; });
  }
  return {nodes, by_id, edges, layers: layers.length, across: largest(layers.map((l) => l.length), 1)};
}

// Draws into `box`, which scrolls; the chart is registered as `id`.
function drawNetwork(box, id, network, zoom) {
  removePlot(id);
  const graph = layered(network.explanation);
  const width = 184 * zoom, height = 38 * zoom, dx = 200 * zoom, dy = 58 * zoom;
  const bulge = (edge) => (92 + 12 + 7 * Math.min(graph.by_id.get(edge.to).layer - graph.by_id.get(edge.from).layer - 1, 6)) * zoom;
  const skips = graph.edges.filter((e) => graph.by_id.get(e.to).layer - graph.by_id.get(e.from).layer > 1);
  const side = largest(skips.map((e) => bulge(e) - 92 * zoom), 0);
  const inner_w = Math.max((graph.across - 1) * dx, 1), inner_h = Math.max((graph.layers - 1) * dy, 1);
  const pad_x = width / 2 + 10, pad_y = height / 2 + 8;
  const canvas = element("div", {id, class: "drawing", style: `width:${Math.ceil(inner_w + 2 * pad_x + side)}px;height:${Math.ceil(inner_h + 2 * pad_y)}px`});
  box.replaceChildren(canvas);
  const build = () => {
    const t = theme();
    const at = (n) => [n.x * dx + (graph.across - 1) * dx / 2, n.layer * dy];
    const corner = (name, x, y) => ({id: name, name, x, y, symbolSize: 0, label: {show: false}, silent: true});
    return {
      tooltip: tooltip((p) => p.dataType === "node" && p.data.part !== undefined ? subgraphTip(network.explanation.subgraphs[p.data.part]) : ""),
      series: [{
        type: "graph", layout: "none", left: pad_x, top: pad_y, width: inner_w, height: inner_h, roam: false, silent: false, z: 2, cursor: "default",
        data: [...graph.nodes.map((n) => {
          const [x, y] = at(n), color = n.part ? kindColor(n.part.kind) : t.muted;
          const figures = !n.part ? "" : isNumber(n.part.latency_ms) ? `${milliseconds(n.part.latency_ms)} · ${percent(n.part.share, 2)}` : `${compact(n.part.macs)} MACs`;
          return {id: String(n.id), name: String(n.id), x, y, part: n.part ? n.id : undefined, symbol: "rect", symbolSize: [width, n.part ? height : height * 0.6],
            // A label's box keeps its corners and lines whatever its size; a symbol's are stretched with it.
            itemStyle: {color: zoom < 0.45 ? mixed(t.surface, color, 0.4) : "transparent"},
            label: {show: zoom >= 0.45, lines: [n.label, figures], backgroundColor: mixed(t.surface, color, n.part ? 0.13 : 0.05), borderColor: n.part ? color : t.line, borderWidth: 1.2, borderRadius: 6 * zoom}};
        }), corner("top-left", 0, 0), corner("bottom-right", inner_w, inner_h)],
        label: {show: true, position: "inside", fontSize: 11 * zoom, lineHeight: 15 * zoom, padding: [4 * zoom, 6 * zoom], align: "center", color: t.ink, width: width - 12 * zoom, overflow: "truncate",
          formatter: (p) => (p.data.label?.lines ?? []).filter(Boolean).join("\n")},
        edges: graph.edges.map((e) => {
          const from = graph.by_id.get(e.from), to = graph.by_id.get(e.to), [x1, y1] = at(from), [x2, y2] = at(to);
          const skip = to.layer - from.layer > 1;
          // Around the boxes in between, or, to a neighbour's column, past them.
          const bend = x1 === x2 ? 2 * bulge(e) / (y2 - y1) : 0.3 * Math.sign(x1 - x2);
          return {source: String(e.from), target: String(e.to), lineStyle: {color: skip ? t.pink : t.muted, width: skip ? 1.8 : 1.3, opacity: skip ? 0.95 : 0.75, curveness: skip ? bend : 0}};
        }),
        emphasis: {focus: "adjacency", lineStyle: {width: 2.5}, label: {show: zoom >= 0.45}}, lineStyle: {opacity: 0.8},
        blur: {itemStyle: {opacity: 0.35}, lineStyle: {opacity: 0.15}, label: {opacity: 0.35}},
      }],
    };
  };
  plot(id, build, `Drawing of ${nameOf(network)}: ${times(network.explanation.subgraphs.length, "subgraph")}`);
}

let shown_network = null, drawing_zoom = 1;

function barsOption(node) {
  const t = theme(), narrow = isNarrow(node), e = shown_network.explanation;
  const by_cost = byId("network-order").value === "cost", has_latency = e.subgraphs.some((s) => isNumber(s.latency_ms));
  const value = (s) => has_latency ? s.latency_ms : s.macs, text = has_latency ? milliseconds : compact;
  const order = e.subgraphs.map((_, i) => i);
  if (by_cost) order.sort((a, b) => value(e.subgraphs[b]) - value(e.subgraphs[a]));
  const parts = order.map((i) => e.subgraphs[i]), left = narrow ? 112 : 168, lanes = has_latency ? (narrow ? 84 : 124) : 0;
  const category = (more) => axis("", {type: "category", inverse: true, data: parts.map((_, i) => String(i)), axisTick: {show: false}, axisLine: {show: false}, splitLine: {show: false}, ...more});
  const label_space = narrow ? 56 : 66;
  const option = {
    grid: [{left, right: lanes + label_space + 14, top: 26, bottom: 8}],
    tooltip: tooltip((p) => subgraphTip(parts[p.dataIndex])),
    xAxis: [{type: "value", min: 0, show: false}],
    yAxis: [category({axisLabel: {color: t.ink, fontSize: narrow ? 11 : 12, interval: 0, width: left - 10, overflow: "truncate", formatter: (_, i) => shortenedFront(parts[i].name, narrow ? 15 : 23)}})],
    title: [{text: has_latency ? "latency" : "MACs", left, top: 2, textStyle: {fontSize: 12, fontWeight: 400, color: t.muted}}],
    series: [{type: "bar", barWidth: 12, data: parts.map((s) => ({value: value(s), itemStyle: {color: has_latency ? boundColor(s.bound) : t.blue, borderRadius: [0, 2, 2, 0]}})),
      label: {show: true, position: "right", fontSize: 11, color: t.muted, formatter: (p) => text(p.value)}}],
  };
  if (has_latency) {
    option.grid.push({right: 46, width: lanes - 46, top: 26, bottom: 8});
    option.xAxis.push({type: "value", gridIndex: 1, min: 0, max: 1, show: false});
    option.yAxis.push(category({gridIndex: 1, position: "right", axisLabel: {color: t.muted, fontSize: 11, interval: 0, formatter: (_, i) => percent(parts[i].lane_efficiency, 2)}}));
    option.title.push({text: "lanes used", right: 8, top: 2, textStyle: {fontSize: 12, fontWeight: 400, color: t.muted}});
    option.series.push({type: "bar", xAxisIndex: 1, yAxisIndex: 1, barWidth: 12, showBackground: true, backgroundStyle: {color: t.faint, borderRadius: 2},
      data: parts.map((s) => s.lane_efficiency), itemStyle: {color: t.green, borderRadius: 2}});
  }
  return option;
}

function memoryOption(node) {
  const t = theme(), narrow = isNarrow(node), e = shown_network.explanation, steps = e.memory, limit = report.budgets.peak_memory_bytes;
  const peak = steps.reduce((best, s, i) => s.live_bytes > steps[best].live_bytes ? i : best, 0), most = steps[peak].live_bytes;
  const shows_limit = isNumber(limit) && limit < 3 * most;
  const top = 1.12 * (shows_limit ? Math.max(limit, most) : most), interval = 2 ** Math.ceil(Math.log2(Math.max(top, 4) / 5));
  return {
    grid: {left: 74, right: 20, top: 16, bottom: 44},
    tooltip: tooltip((p) => { const s = steps[p[0].dataIndex];
      return tip(s.name === s.last_name ? s.name : `${s.name} … ${s.last_name}`, [["alive", bytes(s.live_bytes)], ["of the peak", percent(s.live_bytes / most, 2)], ["step", `${p[0].dataIndex + 1} of ${steps.length}`]]); }, {trigger: "axis", axisPointer: {type: "shadow", shadowStyle: {color: t.ink, opacity: 0.06}}}),
    xAxis: axis("step of execution", {type: "category", data: steps.map((_, i) => String(i + 1)), nameGap: 26, splitLine: {show: false}, axisTick: {show: false}}),
    yAxis: axis("", {type: "value", min: 0, max: interval * Math.ceil(top / interval), interval, axisLabel: {color: t.muted, formatter: (v) => bytes(v, plain)}}),
    series: [{type: "bar", barCategoryGap: steps.length > 80 ? 0 : "12%", data: steps.map((s, i) => i !== peak ? s.live_bytes : {value: s.live_bytes, itemStyle: {color: t.ink},
        label: {show: true, position: "top", color: t.ink, fontSize: 12, formatter: `peak ${bytes(most)}`, align: peak > 0.85 * steps.length ? "right" : peak < 0.15 * steps.length ? "left" : "center"}}),
      itemStyle: {color: t.blue, borderRadius: [2, 2, 0, 0]},
      markLine: shows_limit ? {silent: true, symbol: "none", lineStyle: {color: t.orange, type: "dashed", width: 1.5}, label: {formatter: `budget ${limitText("peak_memory_bytes", limit)}`, position: narrow ? "insideStartTop" : "insideEndTop", color: t.orange}, data: [{yAxis: limit}]} : undefined}],
  };
}

function subgraphTable(e) {
  const has_latency = e.subgraphs.some((s) => isNumber(s.latency_ms));
  return table([
    {title: "subgraph", value: (s) => s.name}, {title: "what runs", value: (s) => s.brief}, {title: "shape", value: (s) => s.shape.replaceAll("->", "→")},
    ...(has_latency ? [{title: "latency", numeric: true, value: (s) => milliseconds(s.latency_ms) + (s.extrapolated ? "?" : "")}, {title: "share", numeric: true, value: (s) => percent(s.share)},
                       {title: "lanes", numeric: true, value: (s) => percent(s.lane_efficiency, 2)}, {title: "bound by", value: (s) => s.bound}] : []),
    {title: "parameters", numeric: true, value: (s) => compact(s.params)}, {title: "MACs", numeric: true, value: (s) => compact(s.macs)},
    ...(e.subgraphs.some((s) => s.advice) ? [{title: "what would make it faster", value: (s) => s.advice}] : []),
  ], e.subgraphs, "Subgraphs in the order of execution");
}

function networkLine(network) {
  const e = network.explanation;
  return [`${e.input_shape} → ${e.output_shape}`, times(e.operators, "operator") + ` in ${times(e.subgraphs.length, "subgraph")}`, `${e.depth} deep`,
    isNumber(e.latency_ms) ? milliseconds(e.latency_ms) : null, isNumber(e.lane_efficiency) ? `${percent(e.lane_efficiency, 2)} of the lanes used` : null,
    `${compact(e.params)} parameters`, `${compact(e.macs)} MACs`, `peak ${bytes(e.peak_memory_bytes)}`].filter(Boolean).join("  ·  ");
}

function boundShares(e) {
  const shares = {};
  for (const s of e.subgraphs) if (isNumber(s.share) && s.bound) shares[s.bound] = (shares[s.bound] ?? 0) + s.share;
  return Object.entries(shares).sort((a, b) => b[1] - a[1]);
}

function zoomDrawing(zoom) {
  drawing_zoom = Math.min(1.6, Math.max(0.2, zoom));
  drawNetwork(byId("drawing"), "drawing-plot", shown_network, drawing_zoom);
}

function fitDrawing() {
  const graph = layered(shown_network.explanation), box = byId("drawing");
  zoomDrawing(Math.min(1, (box.clientWidth - 16) / (200 * graph.across + 60), (box.clientHeight - 8) / (58 * graph.layers)));
}

function naturalZoom() {
  const graph = layered(shown_network.explanation);
  return Math.min(1, Math.max(0.55, (byId("drawing").clientWidth - 16) / (200 * graph.across + 60)));
}

function showInside(network) {
  shown_network = network;
  byId("network-choice").value = String(networks.indexOf(network));
  const e = network.explanation, rows = e.subgraphs.length, height = `${40 + rows * Math.max(24, Math.min(32, 550 / rows))}px`;
  byId("network-line").textContent = networkLine(network);
  zoomDrawing(naturalZoom());
  removePlot("bars-plot");
  byId("bars").replaceChildren(element("div", {id: "bars-plot", style: `height:${height}`}));
  plot("bars-plot", barsOption, `Cost of each subgraph of ${nameOf(network)}`);
  const shares = boundShares(e), has_latency = e.subgraphs.some((s) => isNumber(s.latency_ms));
  byId("bars-title").textContent = (has_latency ? "Latency" : "MACs") + ", subgraph by subgraph";
  const legend = () => byId("bars-legend").replaceChildren(...shares.map(([bound, share]) =>
    element("span", {}, element("i", {style: `background:${boundColor(bound)}`}), `${bound} ${percent(share, 2)}`)));
  legend();
  theme_followers[1] = legend;
  if (e.memory.length > 0) {
    if (plots.has("memory-plot")) redraw("memory-plot");
    else plot("memory-plot", memoryOption, "Memory that is alive, step by step");
  }
  const top = [...e.subgraphs].filter((s) => isNumber(s.share)).sort((a, b) => b.share - a.share).slice(0, 3);
  byId("network-reading").textContent =
    "Drawing: from the input at the top to the output; a box is what the accelerator runs as one, curved lines skip over others. " +
    (has_latency ? `Bars: how long each box takes, coloured by what holds it up, and how many of the accelerator's lanes it fills. The dearest: ${listed(top.map((s) => `${s.name} (${percent(s.share, 2)})`))}. Overhead is the fixed cost of starting a subgraph.`
                 : "Bars: the multiply-accumulates of each box. Without an accelerator there are no latencies.");
  const limit = report.budgets.peak_memory_bytes;
  byId("memory-reading").textContent = `What is alive while each step runs, as the accelerator file counts it, weights apart. The peak stands at ${e.peak_name}; only what lowers the peak lowers the memory needed.` +
    (isNumber(limit) && limit >= 3 * e.peak_memory_bytes ? ` The budget, ${bytes(limit, plain)}, is far above.` : "");
  byId("subgraph-table").replaceChildren(subgraphTable(e));
}

function setUpNetwork() {
  const with_parts = networks.filter((n) => n.explanation.subgraphs.length > 0);
  if (with_parts.length === 0) return leaveOut("network", networks.length === 0 ? "There is no network on the shortlist to look into." : "The networks of the shortlist could not be rebuilt from the journal.");
  const select = byId("network-choice");
  select.replaceChildren(...networks.map((n, i) => element("option", {value: String(i), disabled: n.explanation.subgraphs.length === 0},
    `${nameOf(n)}${isNumber(n.candidate.latency_ms) ? ", " + milliseconds(n.candidate.latency_ms) : ""}`)));
  select.addEventListener("change", () => showInside(networks[Number(select.value)]));
  byId("network-order").addEventListener("change", () => redraw("bars-plot"));
  const button = (label, about, act) => element("button", {type: "button", "aria-label": about, title: about, onclick: act}, label);
  byId("drawing-zoom").append(button("−", "Smaller", () => zoomDrawing(drawing_zoom / 1.25)), button("+", "Larger", () => zoomDrawing(drawing_zoom * 1.25)), button("Fit", "Whole network", fitDrawing));
  byId("drawing").addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomDrawing(drawing_zoom * (event.deltaY < 0 ? 1.12 : 1 / 1.12));
  }, {passive: false});
  showInside(winner?.explanation.subgraphs.length > 0 ? winner : with_parts[0]);
}
