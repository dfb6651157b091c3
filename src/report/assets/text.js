// Numbers and texts as people read them, and elements that hold them. Text from the data enters the page as
// text nodes only.

const none = "–";
const minus = "\u2212";
const thin = "\u202f";

// Not Math.max(...values): a call takes some ten thousands of arguments, and runs are longer.
const largest = (values, least = -Infinity) => values.reduce((a, b) => Math.max(a, b), least);
const smallest = (values, most = Infinity) => values.reduce((a, b) => Math.min(a, b), most);

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// As toFixed, but with ties to the even digit, as the other formats of the report have them: 12.25 is 12.2.
function fixed(value, digits) {
  const text = value.toFixed(digits), is_tie = Math.abs(value * 2 ** (digits + 1)) % 2 === 1;
  return is_tie && "13579".includes(text.at(-1)) ? (value * (1 - 2 ** -50)).toFixed(digits) : text;
}

// `digits` significant ones, without an exponent.
function significant(value, digits = 3) {
  if (!isNumber(value)) return none;
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(value)));
  return fixed(value, Math.min(Math.max(digits - 1 - size, 0), 12)).replace("-", minus);
}

// For ticks and limits, which are round: no zeros at the end.
const plain = (value) => isNumber(value) ? String(Number(value.toPrecision(4))).replace("-", minus) : none;

function grouped(value) {
  return isNumber(value) ? Math.round(value).toLocaleString("en-US").replaceAll(",", thin) : none;
}

// 173k, 15.6M.
function compact(value, text = significant) {
  if (!isNumber(value)) return none;
  const steps = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
  for (const [size, letter] of steps)
    if (Math.abs(value) >= size * 0.9995)  // 999.5k is 1.00M, not 1000k
      return text(Math.sign(value) * Math.max(Math.abs(value) / size, 1)) + letter;
  return Number.isInteger(value) ? plain(value) : text(value);
}
const roundCompact = (value) => compact(value, plain);
const roundPercent = (share) => plain(100 * share) + thin + "%";

function bytes(value, text = significant) {
  if (!isNumber(value)) return none;
  const steps = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]];
  for (const [size, unit] of steps)
    if (Math.abs(value) >= size) return text(value / size) + thin + unit;
  return plain(value) + thin + "B";
}

const milliseconds = (value) => isNumber(value) ? significant(value) + thin + "ms" : none;

function duration(seconds) {
  if (!isNumber(seconds)) return none;
  if (seconds < 1) return significant(1000 * seconds, 2) + thin + "ms";
  if (seconds < 60) return significant(seconds, 2) + thin + "s";
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return `${minutes}${thin}min ${Math.round(seconds) % 60}${thin}s`;
  return `${grouped(Math.floor(minutes / 60))}${thin}h ${minutes % 60}${thin}min`;
}

const percent = (share, digits = 3) => isNumber(share) ? significant(100 * share, digits) + thin + "%" : none;
// Of two values: 15.6 %, 109 %, without its sign.
const changeText = (part) =>
    (Math.abs(part) < 0.9995 ? fixed(100 * Math.abs(part), 1) : significant(100 * Math.abs(part))) + thin +
    "%";
const accuracy = (share) => isNumber(share) ? fixed(100 * share, 1) + thin + "%" : none;
const score = (value) => isNumber(value) ? fixed(value, 3).replace("-", minus) : none;
// Of one score: they have all sizes, from shares to numbers of operations.
const rawScore = (value) => isNumber(value) && Math.abs(value) >= 1000 ? compact(value) : plain(value);
const times = (count, singular, plural = singular + "s") =>
    `${grouped(count)} ${count === 1 ? singular : plural}`;
const utc = (text) => text.replace("T", " ").replace("Z", " UTC");

// "a, b and c"
const listed = (texts) =>
    texts.length < 2 ? texts.join("") : texts.slice(0, -1).join(", ") + " and " + texts[texts.length - 1];

// The end of a name tells more than its beginning: "…block2.expand".
const shortenedFront = (text, most) => text.length <= most ? text : "…" + text.slice(text.length - most + 1);
const shortened = (text, most) => text.length <= most ? text : text.slice(0, most - 1) + "…";

// As a POSIX shell takes it.
const shell = (text) => /^[\w@%+=:,./-]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\\''") + "'";

const byId = (id) => document.getElementById(id);

// element("a", {href: "#x", onclick: f}, "text", other, ...)
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on"))
      node.addEventListener(name.slice(2), value);
    else
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

// Rows of [label, value]; values are texts or elements.
function definitions(rows, kind = "") {
  return element(
      "dl", {class: "definitions " + kind},
      rows.filter((row) => row[1] !== "")
          .map(([label, value]) => element("div", {}, element("dt", {}, label), element("dd", {}, value))));
}

// columns: {title, value(row), numeric}
function table(columns, rows, caption) {
  return element(
      "table", {class: "data"}, element("caption", {class: "hidden"}, caption),
      element(
          "thead", {},
          element(
              "tr", {},
              columns.map(
                  (c) => element("th", {scope: "col", class: c.numeric ? "number" : null}, c.title)))),
      element(
          "tbody", {},
          rows.map(
              (row) => element(
                  "tr", {},
                  columns.map(
                      (c, i) => element(
                          i === 0 ? "th" : "td",
                          {scope: i === 0 ? "row" : null, class: c.numeric ? "number" : null},
                          c.value(row)))))));
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages from a file may not write to the clipboard in every browser: the old way.
    const area = element("textarea", {class: "offscreen", "aria-hidden": "true"});
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const toast = byId("toast");
  toast.textContent = what + " copied";
  toast.classList.add("shown");
  setTimeout(() => toast.classList.remove("shown"), 1600);
}

const copyButton = (label, text, what) => element(
    "button", {type: "button", class: "copy", title: text, onclick: () => copy(text, what ?? label)}, label);

// A section without data keeps its heading and says why it is empty.
function leaveOut(section, why) {
  const node = byId(section);
  node.replaceChildren(node.querySelector("h2"), element("p", {class: "missing"}, why));
  node.classList.add("left-out");
}
