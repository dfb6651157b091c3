// What all plots share: colours of the theme, sizes, and drawing anew when either changes. Colours are those
// of Okabe and Ito, which people with any colour vision tell apart; what matters has a shape as well.

const themes = {
  light: {
    ink: "#1c2127",
    muted: "#5a6470",
    line: "#d9dde2",
    faint: "#eef0f2",
    surface: "#ffffff",
    point: "#7b8794",
    blue: "#0072b2",
    orange: "#d55e00",
    green: "#00805d",
    pink: "#b0508a",
    amber: "#b57a00",
    sky: "#3a9bd1",
    scale: ["#f7f4d6", "#c6e3b5", "#7bc6b0", "#3d96b4", "#2f5f9e", "#2c2a6b"],
  },
  dark: {
    ink: "#e7eaee",
    muted: "#9ca7b3",
    line: "#343c46",
    faint: "#232a32",
    surface: "#181d23",
    point: "#8592a0",
    blue: "#56b4e9",
    orange: "#f08a4b",
    green: "#2cc29a",
    pink: "#e29ac6",
    amber: "#e6b73c",
    sky: "#8fcbef",
    scale: ["#20214f", "#2c4f8f", "#2f86ad", "#4db8a8", "#a3d8a0", "#f4f0c0"],
  },
};

const plots = new Map();  // id -> {chart, build}
const font = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const mono = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

let printing = false;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function themeName() {
  if (printing) return "light";
  return document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light");
}
const theme = () => themes[themeName()];

// a towards b
function mixed(a, b, share) {
  const part = (text, i) => parseInt(text.substr(1 + 2 * i, 2), 16);
  return "#" +
      [0, 1,
       2].map((i) => Math.round(part(a, i) + share * (part(b, i) - part(a, i))).toString(16).padStart(2, "0"))
          .join("");
}

const isNarrow = (node) => node.clientWidth < 520;

const smallText = () => ({color: theme().muted, fontSize: 12});
const titleOf = (text) =>
    ({text, left: 0, top: 2, textStyle: {color: theme().ink, fontSize: 13, fontWeight: 600}});

// Lines of [label, value] under a title, as a node: whatever a name holds, it is text.
function tip(title, rows) {
  return element(
      "div", {class: "tip"}, element("strong", {}, title),
      definitions(rows.filter(([, value]) => value !== none && value !== "")));
}

function tooltip(formatter, more = {}) {
  const t = theme();
  return {
    confine: true,
    backgroundColor: t.surface,
    borderColor: t.line,
    borderWidth: 1,
    padding: [8, 10],
    textStyle: {color: t.ink, fontSize: 13},
    extraCssText: "max-width:min(340px,86vw);white-space:normal;z-index:30",
    formatter,
    ...more,
  };
}

function axis(name, more = {}) {
  const t = theme();
  return {
    name,
    nameLocation: "middle",
    nameGap: 30,
    nameTextStyle: smallText(),
    axisLine: {lineStyle: {color: t.line}},
    axisTick: {lineStyle: {color: t.line}},
    axisLabel: {...smallText(), hideOverlap: true},
    splitLine: {lineStyle: {color: t.faint}},
    ...more,
  };
}

// `build(node)` gives the option; it is asked again when theme or width change.
function plot(id, build, about, handlers = {}) {
  const node = byId(id);
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", about);
  const chart = echarts.init(node, null, {devicePixelRatio: Math.max(window.devicePixelRatio || 1, 2)});
  const entry = {chart, build: () => ({animation: false, textStyle: {fontFamily: font}, ...build(node)})};
  chart.setOption(entry.build());
  for (const [event, handler] of Object.entries(handlers)) chart.on(event, handler);
  entry.watch = new ResizeObserver(() => {
    if (node.clientWidth === 0 ||
        (node.clientWidth === chart.getWidth() && node.clientHeight === chart.getHeight()))
      return;
    chart.resize();
    redraw(id);
  });
  entry.watch.observe(node);
  plots.set(id, entry);
  return chart;
}

function redraw(id) {
  const entry = plots.get(id);
  entry.chart.setOption(entry.build(), {notMerge: true});
}

function removePlot(id) {
  const entry = plots.get(id);
  if (!entry) return;
  entry.watch.disconnect();
  entry.chart.dispose();
  plots.delete(id);
}

const theme_followers = [() => [...plots.keys()].forEach(redraw)];
const themeChanged = () => theme_followers.forEach((follow) => follow());

function setUpTheme() {
  const button = byId("theme"), root = document.documentElement;
  const label = () => {
    button.textContent = themeName() === "dark" ? "Light" : "Dark";
  };
  try {
    const kept = localStorage.getItem("assay-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch { /* A page from a file may keep nothing: the system's choice then. */
  }
  button.addEventListener("click", () => {
    root.dataset.theme = themeName() === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("assay-theme", root.dataset.theme);
    } catch { /* as above */
    }
    label();
    themeChanged();
  });
  prefersDark.addEventListener("change", () => {
    label();
    themeChanged();
  });
  for (const [event, value] of [["beforeprint", true], ["afterprint", false]])
    addEventListener(event, () => {
      printing = value;
      themeChanged();
    });
  label();
}
