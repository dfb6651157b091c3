// The drawing of a network, from its input at the top to its output.

function kindColor(kind) {
  const t = theme();
  const colors = {
    convolution: t.blue,
    depthwise: t.orange,
    "depthwise convolution": t.orange,
    linear: t.pink,
    pooling: t.green,
    global_pooling: t.green,
    elementwise: t.amber,
    movement: t.muted
  };
  return colors[kind] ?? t.muted;
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
    const wish = (n) =>
        n.sources?.length ? n.sources.reduce((sum, i) => sum + by_id.get(i).x, 0) / n.sources.length : 0;
    layer.sort((a, b) => wish(a) - wish(b) || a.id - b.id);
    layer.forEach((node, i) => {
      node.x = i - (layer.length - 1) / 2;
    });
  }
  return {nodes, by_id, edges, layers: layers.length, across: largest(layers.map((l) => l.length), 1)};
}

// Sizes and places in pixels.
function drawingMeasures(graph, zoom) {
  const width = 184 * zoom, height = 38 * zoom, dx = 200 * zoom, dy = 58 * zoom;
  const layers = ({from, to}) => graph.by_id.get(to).layer - graph.by_id.get(from).layer;
  // How far an edge that skips layers goes around the boxes in between.
  const bulge = (edge) => (12 + 7 * Math.min(layers(edge) - 1, 6)) * zoom;
  const skips = graph.edges.filter((edge) => layers(edge) > 1);
  return {
    zoom,
    width,
    height,
    layers,
    bulge: (edge) => width / 2 + bulge(edge),
    at: (n) => [n.x * dx + (graph.across - 1) * dx / 2, n.layer * dy],
    left: width / 2 + 10,
    top: height / 2 + 8,
    inner_width: Math.max((graph.across - 1) * dx, 1),
    inner_height: Math.max((graph.layers - 1) * dy, 1),
    side: largest(skips.map(bulge), 0),
  };
}

function boxFigures(part) {
  if (!part) return "";
  return isNumber(part.latency_ms) ? `${milliseconds(part.latency_ms)} · ${percent(part.share, 2)}`
                                   : `${compact(part.macs)} MACs`;
}

function drawnBox(node, {zoom, width, height, at}) {
  const t = theme(), [x, y] = at(node), {part} = node, color = part ? kindColor(part.kind) : t.muted;
  return {
    id: String(node.id),
    name: String(node.id),
    x,
    y,
    part: part ? node.id : undefined,
    symbol: "rect",
    symbolSize: [width, part ? height : height * 0.6],
    // A label's box keeps its corners and lines whatever its size; a symbol's are stretched with it.
    itemStyle: {color: zoom < 0.45 ? mixed(t.surface, color, 0.4) : "transparent"},
    label: {
      show: zoom >= 0.45,
      lines: [node.label, boxFigures(part)],
      backgroundColor: mixed(t.surface, color, part ? 0.13 : 0.05),
      borderColor: part ? color : t.line,
      borderWidth: 1.2,
      borderRadius: 6 * zoom,
    },
  };
}

function drawnEdge(edge, graph, measures) {
  const t = theme(), ends = {source: String(edge.from), target: String(edge.to)};
  if (measures.layers(edge) <= 1)
    return {...ends, lineStyle: {color: t.muted, width: 1.3, opacity: 0.75, curveness: 0}};
  const [x1, y1] = measures.at(graph.by_id.get(edge.from)), [x2, y2] = measures.at(graph.by_id.get(edge.to));
  // Around the boxes in between, or, to a neighbour's column, past them.
  const bend = x1 === x2 ? 2 * measures.bulge(edge) / (y2 - y1) : 0.3 * Math.sign(x1 - x2);
  return {...ends, lineStyle: {color: t.pink, width: 1.8, opacity: 0.95, curveness: bend}};
}

function boxLabel({zoom, width}) {
  return {
    show: true,
    position: "inside",
    align: "center",
    color: theme().ink,
    fontSize: 11 * zoom,
    lineHeight: 15 * zoom,
    padding: [4 * zoom, 6 * zoom],
    width: width - 12 * zoom,
    overflow: "truncate",
    formatter: (p) => (p.data.label?.lines ?? []).filter(Boolean).join("\n"),
  };
}

function drawingOption(explanation, graph, measures) {
  const {zoom, left, top, inner_width, inner_height} = measures;
  // The chart stretches what it draws to its frame: two corners keep the scale.
  const corner = (name, x, y) => ({id: name, name, x, y, symbolSize: 0, label: {show: false}, silent: true});
  const told = (p) => p.dataType === "node" && p.data.part !== undefined
      ? subgraphTip(explanation.subgraphs[p.data.part])
      : "";
  return {
    tooltip: tooltip(told),
    series: [{
      type: "graph",
      layout: "none",
      left,
      top,
      width: inner_width,
      height: inner_height,
      roam: false,
      silent: false,
      z: 2,
      cursor: "default",
      data: [
        ...graph.nodes.map((node) => drawnBox(node, measures)),
        corner("top-left", 0, 0),
        corner("bottom-right", inner_width, inner_height),
      ],
      edges: graph.edges.map((edge) => drawnEdge(edge, graph, measures)),
      label: boxLabel(measures),
      lineStyle: {opacity: 0.8},
      emphasis: {focus: "adjacency", lineStyle: {width: 2.5}, label: {show: zoom >= 0.45}},
      blur: {itemStyle: {opacity: 0.35}, lineStyle: {opacity: 0.15}, label: {opacity: 0.35}},
    }],
  };
}

// Draws into `box`, which scrolls; the chart is registered as `id`.
function drawNetwork(box, id, network, zoom) {
  removePlot(id);
  const graph = layered(network.explanation), measures = drawingMeasures(graph, zoom);
  const width = Math.ceil(measures.inner_width + 2 * measures.left + measures.side);
  const height = Math.ceil(measures.inner_height + 2 * measures.top);
  box.replaceChildren(element("div", {id, class: "drawing", style: `width:${width}px;height:${height}px`}));
  plot(
      id, () => drawingOption(network.explanation, graph, measures),
      `Drawing of ${nameOf(network)}: ${times(network.explanation.subgraphs.length, "subgraph")}`);
}
