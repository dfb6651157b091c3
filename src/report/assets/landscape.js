// Slices through the space around the winner: MACs, latency, latency of the curated space.

let landscape_form = "map";

function optionOfWinner(decision_name) {
  const index = report.decisions.findIndex((d) => d.name === decision_name);
  return index < 0 || !winner ? null : report.decisions[index].options[winner.candidate.choices[index]];
}

const sliceText = (slice, value) =>
    slice.unit === "ms" ? milliseconds(value) : compact(value) + (slice.unit ? thin + slice.unit : "");

function sliceTip(slice, row, col) {
  const value = slice.values[row]?.[col];
  return tip(
      isNumber(value) ? sliceText(slice, value) : "cannot be built",
      [[slice.row_decision, slice.row_options[row]], [slice.column_decision, slice.column_options[col]]]);
}

function mapOption(node, slice) {
  const t = theme(), cells = [];
  const known = slice.values.flat().filter(isNumber);
  const low = smallest(known), high = largest(known);
  const winner_row = slice.row_options.indexOf(optionOfWinner(slice.row_decision));
  const winner_col = slice.column_options.indexOf(optionOfWinner(slice.column_decision));
  const shows_text = slice.row_options.length * slice.column_options.length <= 42;
  slice.values.forEach((values, row) => values.forEach((value, col) => {
    if (!isNumber(value)) return;
    const dark_cell = (themeName() === "dark") !== ((value - low) / (high - low || 1) > 0.45);
    const is_winner = row === winner_row && col === winner_col;
    cells.push({
      value: [col, row, value],
      is_winner,
      label: {color: dark_cell ? "#f2f4f6" : "#14181c", fontWeight: is_winner ? 700 : 400},
      itemStyle: is_winner ? {borderColor: t.orange, borderWidth: 3} : undefined
    });
  }));
  cells.sort((a, b) => a.is_winner - b.is_winner);  // its frame above the others
  const category = (name, data, more) => axis(name, {
    type: "category",
    data,
    axisTick: {show: false},
    axisLine: {show: false},
    splitLine: {show: false},
    axisLabel: {...smallText(), hideOverlap: true},
    ...more
  });
  return {
    grid: {left: 58, right: 12, top: 34, bottom: 84},
    title: titleOf(slice.title),
    tooltip: tooltip((p) => sliceTip(slice, p.value[1], p.value[0])),
    xAxis: category(slice.column_decision, slice.column_options, {nameGap: 26}),
    yAxis: category(slice.row_decision, slice.row_options, {nameGap: 40}),
    visualMap: {
      min: low,
      max: high === low ? low + 1 : high,
      calculable: false,
      orient: "horizontal",
      left: "center",
      bottom: 0,
      itemWidth: 10,
      itemHeight: 110,
      text: [sliceText(slice, high), sliceText(slice, low)],
      textStyle: smallText(),
      inRange: {color: t.scale},
      seriesIndex: 0
    },
    series: [
      {
        type: "heatmap",
        data: cells,
        itemStyle: {borderColor: t.surface, borderWidth: 1},
        emphasis: {itemStyle: {borderColor: t.ink, borderWidth: 2}},
        label: {
          show: shows_text,
          fontSize: 11,
          formatter: (p) => slice.unit === "ms" ? significant(p.value[2], 2) : compact(p.value[2])
        }
      },
    ],
  };
}

function linesOption(node, slice) {
  const t = theme(), colors = [t.blue, t.orange, t.green, t.pink, t.amber, t.sky, t.muted];
  const shapes = ["circle", "rect", "triangle", "diamond", "roundRect", "arrow", "pin"];
  return {
    grid: {left: 58, right: 14, top: 50, bottom: 76},
    title: {
      text: slice.title,
      subtext: `a line for each ${slice.row_decision}`,
      itemGap: 4,
      left: 0,
      top: 0,
      textStyle: {color: t.ink, fontSize: 13, fontWeight: 600, lineHeight: 20},
      subtextStyle: smallText()
    },
    tooltip: tooltip((p) => sliceTip(slice, p.seriesIndex, p.dataIndex)),
    legend: {
      type: "scroll",
      bottom: 0,
      textStyle: smallText(),
      itemWidth: 18,
      pageIconSize: 11,
      pageTextStyle: {color: t.muted}
    },
    xAxis: axis(
        slice.column_decision,
        {type: "category", data: slice.column_options, nameGap: 26, splitLine: {show: false}}),
    yAxis: axis("", {
      type: "value",
      scale: true,
      splitNumber: 4,
      axisLabel: {...smallText(), formatter: slice.unit === "ms" ? plain : roundCompact}
    }),
    series: slice.row_options.map((name, row) => ({
                                    name,
                                    type: "line",
                                    data: slice.values[row].map((v) => isNumber(v) ? v : null),
                                    symbol: shapes[row % shapes.length],
                                    symbolSize: 7,
                                    lineStyle: {width: 1.75, color: colors[row % colors.length]},
                                    itemStyle: {color: colors[row % colors.length]}
                                  })),
  };
}

function setUpLandscape() {
  const slices = report.slices.filter((s) => s.values.flat().some(isNumber));
  if (slices.length === 0 || !winner)
    return leaveOut(
        "landscape",
        report.no_slices || "No two decisions that are numbers span a landscape around the best network.");
  byId("landscape-plots")
      .append(...slices.map((_, i) => element("div", {class: "plot square", id: `slice-plot-${i}`})));
  slices.forEach(
      (slice, i) => plot(
          `slice-plot-${i}`,
          (node) => landscape_form === "map" ? mapOption(node, slice) : linesOption(node, slice),
          `${slice.title} over ${slice.row_decision} and ${slice.column_decision}`));
  const buttons = [["map", "Map"], ["lines", "Lines"]].map(
      ([form, label]) => element(
          "button", {
            type: "button",
            "aria-pressed": String(form === landscape_form),
            onclick: (event) => {
              landscape_form = form;
              for (const button of event.currentTarget.parentNode.children)
                button.setAttribute("aria-pressed", String(button === event.currentTarget));
              slices.forEach((_, k) => redraw(`slice-plot-${k}`));
            }
          },
          label));
  byId("landscape-form").append(...buttons);
  const landscapes = slices.slice(1), {row_decision, column_decision} = slices[0];
  const steps = (s) =>
      `${percent(s.rising_share, 2)} are slower and ${percent(s.flat_share, 2)} no faster in “${s.title}”`;
  byId("landscape-reading").textContent =
      `Around ${nameOf(winner)} (framed), only ${row_decision} and ${column_decision} vary. ` +
      (landscapes.length > 0
           ? "MACs fall with every step to a smaller number; latency need not, where channels do not fill the " +
               "accelerator's lanes. Of the steps to a neighbour with fewer MACs, " +
               `${listed(landscapes.map(steps))}.` +
               (landscapes.length > 1
                    ? " In the curated space the other decisions, too, are rounded to what fills the lanes."
                    : "")
           : "Without an accelerator there is no latency to compare with the MACs.");
}
