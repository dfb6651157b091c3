// How the search went: convergence, which decisions matter, what was rejected.

function lineOption(node, name, points, color, more = {}) {
  const t = theme();
  return {
    grid: {left: 54, right: 18, top: 34, bottom: 46},
    title: titleOf(name),
    tooltip: tooltip(
        (p) =>
            tip(`After ${times(p[0].value[0], "evaluation")}`,
                [[name, (more.text ?? significant)(p[0].value[1])]]),
        {trigger: "axis", axisPointer: {lineStyle: {color: t.muted}}}),
    xAxis: axis("evaluations", {
      type: "value",
      min: 0,
      max: points.at(-1)?.[0] || 1,
      nameGap: 26,
      splitLine: {show: false},
      axisLabel: {...smallText(), hideOverlap: true, formatter: roundCompact}
    }),
    yAxis: axis("", {
      type: "value",
      scale: true,
      splitNumber: 4,
      min: more.min,
      max: more.max,
      interval: more.interval,
      minInterval: more.minInterval,
      axisLabel: {...smallText(), formatter: more.tick ?? plain}
    }),
    series: [{
      type: "line",
      step: "end",
      clip: false,
      data: points,
      showSymbol: points.length === 1,
      symbolSize: 7,
      lineStyle: {color, width: 2},
      itemStyle: {color},
      areaStyle: more.area ? {color, opacity: 0.1} : undefined
    }],
  };
}

function setUpConvergence() {
  const steps = report.convergence, generations = report.generations;
  if (steps.length === 0 && generations.length === 0)
    return leaveOut(
        "convergence", "There is nothing to show: no generation has ended with a scored network.");
  const panel = (id) => element("div", {class: "plot short", id});
  const wanted = [];
  if (steps.length > 0) {
    wanted.push(
        [
          "best-plot", "best rank score",
          (t) => [steps.map((s) => [s.evaluated, s.best_rank_score]), t.blue, {text: score}]
        ],
        [
          "volume-plot", "share of the final front's area",
          (t) =>
              [steps.map((s) => [s.evaluated, s.hypervolume_share]), t.green,
               {text: percent, tick: roundPercent, min: 0, max: 1, interval: 0.25, area: true}]
        ]);
  }
  if (generations.some((g) => g.front_size > 0))
    wanted.push([
      "archive-plot", "networks on the front",
      (t) =>
          [generations.map((g) => [g.evaluated, g.front_size]), t.pink,
           {text: grouped, tick: roundCompact, min: 0, minInterval: 1}]
    ]);
  byId("convergence-plots").append(...wanted.map(([id]) => panel(id)));
  for (const [id, name, values] of wanted)
    plot(id, (node) => lineOption(node, name, ...values(theme())), `${name} over the evaluations`);
  byId("convergence-reading").textContent =
      (steps.length > 0
           ? "First the best score found so far, then how much of what the final front dominates " +
               "was dominated by then. "
           : "") +
      (wanted.some(([id]) => id === "archive-plot")
           ? "Networks on the front are counted as the front stood at the time. "
           : "") +
      "A line that has long been flat says that more evaluations would have found little more." +
      (isNumber(report.reached_90) && isNumber(report.reached_full)
           ? ` Here 90${thin}% of the final area were reached after ${grouped(report.reached_90)} of ` +
               times(report.evaluated, "evaluation") +
               `, and all of it after ${grouped(report.reached_full)}.`
           : "");
}

function importanceOption(node) {
  const t = theme(), narrow = isNarrow(node), items = report.importance;
  const costs = items.some((i) => isNumber(i.latency_share)),
        scores = items.some((i) => isNumber(i.score_share));
  const bars = (name, key, color) => ({
    name,
    type: "bar",
    data: items.map((i) => i[key]),
    itemStyle: {color, borderRadius: [0, 2, 2, 0]},
    barMaxWidth: 9,
    barGap: "15%"
  });
  return {
    grid: {left: narrow ? 118 : 190, right: 26, top: 34, bottom: 44},
    legend: {top: 2, left: narrow ? 0 : 190, textStyle: smallText()},
    tooltip: tooltip(
        (p) => tip(items[p[0].dataIndex].decision, p.map((s) => [s.seriesName, percent(s.value)])),
        {trigger: "axis", axisPointer: {type: "shadow", shadowStyle: {color: t.ink, opacity: 0.05}}}),
    xAxis: axis(
        "share of the differences explained",
        {type: "value", min: 0, axisLabel: {color: t.muted, hideOverlap: true, formatter: roundPercent}}),
    yAxis: axis("", {
      type: "category",
      inverse: true,
      data: items.map((i) => i.decision),
      axisTick: {show: false},
      splitLine: {show: false},
      axisLabel: {color: t.ink, fontSize: 12, interval: 0, width: narrow ? 108 : 178, overflow: "truncate"}
    }),
    series: [
      ...(costs ? [bars(by_latency ? "latency" : "MACs", "latency_share", t.orange)] : []),
      ...(scores ? [bars("rank score", "score_share", t.blue)] : [])
    ],
  };
}

function setUpImportance() {
  const items = report.importance.filter((i) => isNumber(i.score_share) || isNumber(i.latency_share));
  if (items.length === 0)
    return leaveOut(
        "importance",
        report.no_importance ||
            "Too few networks were scored to tell the effect of one decision from another's.");
  report.importance = items;
  byId("importance-plot").style.height = `${90 + 30 * items.length}px`;
  plot("importance-plot", importanceOption, "How much each decision explains of score and latency");
  const fit = (value) => isNumber(value) ? percent(Math.max(value, 0), 2) : null;
  const of_cost = fit(report.importance_latency_r2), of_score = fit(report.importance_score_r2);
  const told = [
    of_cost ? `${of_cost} of ${by_latency ? "the latency" : "the MACs"}` : null,
    of_score ? `${of_score} of the rank score` : null
  ].filter(Boolean);
  byId("importance-reading").textContent =
      "A long bar: this decision by itself explains much of why networks differ. " +
      "A decision that matters for the score but not for the cost is free to choose well." +
      (told.length > 0 ? ` All decisions together, each by itself, explain ${listed(told)} ` +
               "(on networks that the fit did not see); the rest is what decisions do only together."
                       : "");
}

function setUpRejections() {
  const items = report.rejections, total = items.reduce((sum, r) => sum + r.count, 0);
  if (total === 0)
    return leaveOut(
        "rejections",
        report.proposed === 0
            ? "Nothing was proposed."
            : "Nothing was rejected: every proposed network met the budget and could be built.");
  const metric_of = {
    latency: "latency_ms",
    memory: "peak_memory_bytes",
    params: "params",
    parameters: "params",
    macs: "macs",
    MACs: "macs"
  };
  const smallestSeen = (r) =>
      !isNumber(r.smallest) ? none : (metrics[metric_of[r.reason]]?.text ?? significant)(r.smallest);
  const most = largest(items.map((r) => r.count));
  byId("rejection-table")
      .append(table(
          [
            {title: "reason", value: (r) => r.reason},
            {title: "networks", numeric: true, value: (r) => grouped(r.count)},
            {
              title: "",
              value: (r) => element(
                  "span", {class: "meter"},
                  element("span", {style: `width:${(100 * r.count / most).toFixed(1)}%`}))
            },
            {title: "share", numeric: true, value: (r) => percent(r.count / total, 2)},
            {title: "smallest seen", numeric: true, value: smallestSeen},
          ],
          items, "Rejected networks by reason"));
  byId("rejection-reading").textContent =
      `${times(total, "network")} of ${grouped(report.proposed)} proposed ` +
      "were turned away before they cost a score" +
      (report.duplicates > 0 ? `; ${grouped(report.duplicates)} more had been seen before` : "") +
      ". A smallest value far above the limit says that the limit is out of this space's reach.";
}
