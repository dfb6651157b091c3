// The plot of score against cost: what it draws, its axes, its series.

// Points of each kind as [x, y, evaluation], and the range of x that shows all of them.
function frontContent() {
  const {good, on_front, failed} = frontPoints();
  const place =
      (n) => [valueOf(n.candidate, front_view.x), valueOf(n.candidate, front_view.y), n.candidate.evaluation];
  const shown = (point) => isNumber(point[0]) && isNumber(point[1]);
  const chosen = shortlist.map(place).filter(shown);
  const base = baseline ? [place(baseline)] : [];
  const scored = [...good, ...on_front];
  const floor = front_view.low ? null : lowestInView(scored);
  const xs = [...scored, ...failed, ...chosen, ...base].map((p) => p[0]).filter(isNumber);
  const furthest = largest(xs, 0), budget = report.budgets[front_view.x];
  const limit = isNumber(budget) && budget <= furthest * 1.6 ? budget : null;  // else it lies out of sight
  return {
    good,
    on_front,
    failed,
    chosen,
    floor,
    furthest,
    limit,
    base: base.filter(shown),
    outliers: floor === null ? 0 : scored.filter((p) => p[1] < floor).length,
    low: smallest(xs),
    high: largest(xs, limit ?? -Infinity),
    // Between two of the front's points the left one is the best, where the axes are the search's own.
    stepped: front_view.x === report.cost && front_view.y === "rank_score",
  };
}

function frontLayout(node, content) {
  const narrow = isNarrow(node), slider = 34;
  return {
    narrow,
    slider,
    left: narrow ? 48 : 62,
    right: narrow ? 14 : 24,
    top: narrow ? 74 : 58,
    strip: content.failed.length > 0 ? 26 : 0,  // the height of that of the failed
  };
}

// Of the main plot and of the strip below it, which has no scale of its own: both show the same range.
function frontGrids({left, right, top, strip, slider}) {
  const main = {left, right, top, bottom: 58 + slider + (strip ? strip + 8 : 0), containLabel: false};
  return strip ? [main, {left, right, height: strip, bottom: 58 + slider}] : [main];
}

function frontRange({low, high}) {
  if (!Number.isFinite(low) || low >= high) return {};
  if (front_view.log && low > 0) {
    const factor = (high / low) ** 0.03;
    return {type: "log", min: low / factor, max: high * factor};
  }
  const margin = 0.03 * (high - low);
  return {type: "value", min: Math.max(low - margin, low >= 0 ? 0 : -Infinity), max: high + margin};
}

function frontAxes(content, {narrow, strip}) {
  const range = frontRange(content);
  const ends = range.type ? {showMinLabel: false, showMaxLabel: false} : {};
  const x = axis(axisTitle(front_view.x), {
    type: "value",
    scale: true,
    axisLabel: {...smallText(), hideOverlap: true, formatter: tick(front_view.x), ...ends},
    ...range
  });
  const y = axis(axisTitle(front_view.y), {
    type: "value",
    scale: true,
    nameGap: narrow ? 34 : 44,
    min: content.floor,
    axisLabel: {...smallText(), showMinLabel: content.floor === null, formatter: tick(front_view.y)},
  });
  if (!strip) return {xAxis: [x], yAxis: [y]};
  return {
    xAxis: [
      {...x, name: "", axisLabel: {show: false}, axisTick: {show: false}},
      {...x, gridIndex: 1, splitLine: {show: false}}
    ],
    yAxis: [y, {type: "value", gridIndex: 1, min: -1, max: 1, show: false}],
  };
}

function frontZoom({narrow, left, right, strip}) {
  const t = theme(), nothing = {lineStyle: {opacity: 0}, areaStyle: {opacity: 0}};
  const columns_of = {xAxisIndex: strip ? [0, 1] : [0], filterMode: "none"};
  const inside = {
    type: "inside",
    zoomOnMouseWheel: "ctrl",
    moveOnMouseMove: !narrow,
    moveOnMouseWheel: false,
    preventDefaultMouseMove: false
  };
  return [
    {...inside, ...columns_of},
    {...inside, yAxisIndex: [0], filterMode: "none"},
    {
      type: "slider",
      ...columns_of,
      height: 18,
      bottom: 8,
      left,
      right,
      showDetail: false,
      brushSelect: false,
      borderColor: t.line,
      fillerColor: mixed(t.blue, t.surface, 0.8) + "88",
      backgroundColor: t.faint,
      dataBackground: nothing,
      selectedDataBackground: nothing,
      handleStyle: {color: t.surface, borderColor: t.muted},
      moveHandleStyle: {color: t.line},
    },
  ];
}

function budgetLine({limit, furthest}) {
  if (limit === null) return undefined;
  const t = theme(), is_right = limit > 0.6 * furthest;
  return {
    silent: true,
    symbol: "none",
    lineStyle: {color: t.orange, type: "dashed", width: 1.5},
    data: [{xAxis: limit}],
    label: {
      formatter: "budget " + limitText(front_view.x, limit),
      position: "insideEndTop",
      rotate: 0,
      color: t.orange,
      align: is_right ? "right" : "left",
      offset: [is_right ? -6 : 6, 0],
      distance: 2,
    },
  };
}

function evaluatedSeries({good}) {
  const many = good.length > 3000;
  return {
    name: "evaluated",
    type: "scatter",
    data: good,
    symbolSize: many ? 4 : 6,
    large: good.length > 4000,
    largeThreshold: 4000,
    itemStyle: {color: theme().point, opacity: many ? 0.45 : 0.6},
    z: 2,
  };
}

function frontSeries(content) {
  const {blue} = theme(), points = content.on_front;
  return {
    name: "front",
    type: content.stepped ? "line" : "scatter",
    step: content.stepped ? "end" : undefined,
    data: points.slice().sort((a, b) => a[0] - b[0] || a[1] - b[1]),
    symbol: "circle",
    symbolSize: points.length > 200 ? 3 : 7,
    showAllSymbol: true,
    triggerLineEvent: false,
    lineStyle: {color: blue, width: 1.5},
    itemStyle: {color: blue},
    z: 3,
    markLine: budgetLine(content),
  };
}

function answerSeries({chosen, base}) {
  const t = theme(), framed = (color) => ({color, opacity: 1, borderColor: t.surface, borderWidth: 1.5});
  const number = (p) => String(network_of.get(p.value[2])?.position ?? "");
  const series = [{
    name: "shortlist",
    type: "scatter",
    data: chosen,
    symbol: "circle",
    symbolSize: 19,
    z: 5,
    itemStyle: framed(t.blue),
    label: {
      show: true,
      color: themeName() === "dark" ? "#101418" : "#fff",
      fontSize: 11,
      fontWeight: 700,
      formatter: number
    },
  }];
  if (base.length > 0)
    series.push({
      name: "baseline",
      type: "scatter",
      data: base,
      symbol: "diamond",
      symbolSize: 17,
      z: 4,
      itemStyle: framed(t.orange)
    });
  return series;
}

function failedSeries({failed}) {
  const cross = "path://M-4,-3L-3,-4L0,-1L3,-4L4,-3L1,0L4,3L3,4L0,1L-3,4L-4,3L-1,0Z";
  return {
    name: "failed",
    type: "scatter",
    xAxisIndex: 1,
    yAxisIndex: 1,
    data: failed,
    symbol: cross,
    symbolSize: 8,
    itemStyle: {color: theme().orange, opacity: 0.75},
  };
}

function frontToolbox({narrow, right}) {
  const t = theme();
  const feature = {
    dataZoom:
        {title: {zoom: "Zoom into an area", back: "Zoom back"}, brushStyle: {color: t.blue, opacity: 0.12}},
    restore: {title: "Whole plot"},
    saveAsImage: {title: "Save as picture", name: "front", backgroundColor: t.surface},
  };
  return {
    right: right - 4,
    top: 0,
    itemSize: 15,
    iconStyle: {borderColor: t.muted},
    emphasis: {iconStyle: {borderColor: t.blue}},
    feature: narrow ? {} : feature,
  };
}

function offerOutliers({outliers}) {
  const label = byId("front-low-label");
  label.hidden = outliers === 0 && !front_view.low;
  label.querySelector("span").textContent =
      front_view.low ? "show outliers" : `show ${times(outliers, "outlier")} below`;
}

function frontOption(node) {
  const content = frontContent(), layout = frontLayout(node, content), {narrow} = layout;
  offerOutliers(content);
  const series = [evaluatedSeries(content), frontSeries(content), ...answerSeries(content)];
  if (layout.strip) series.push(failedSeries(content));
  const told = (p) => {
    const candidate = candidateByEvaluation(p.value?.[2]);
    return candidate ? candidateTip(candidate) : "";
  };
  return {
    legend: {
      top: 4,
      left: layout.left,
      right: narrow ? 0 : 130,
      itemGap: narrow ? 10 : 16,
      textStyle: smallText(),
      inactiveColor: theme().line,
      data: series.filter((s) => s.data.length > 0).map((s) => s.name),
    },
    toolbox: frontToolbox(layout),
    tooltip: tooltip(told, {trigger: "item"}),
    grid: frontGrids(layout),
    ...frontAxes(content, layout),
    dataZoom: frontZoom(layout),
    series,
  };
}
