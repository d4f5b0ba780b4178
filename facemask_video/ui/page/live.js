import { drawOptions } from "./controls.js";
import { $, ask, clock, counted, later, latest, made, tell } from "./elements.js";

const CHECK_AFTER_MS = 200, BUSY_MS = 350, IDLE_MS = 2500;
const KINDS = {
  camera: ["Its number, or its device", "0"],
  address: ["Its address", "rtsp://host/stream"],
  file: ["Its path", "clips/in.mp4"],
  screen: ["", ""],
};
const STANDINGS = {
  idle: "not live", starting: "starting", running: "live", stopping: "stopping", ended: "ended", failed: "failed",
};

let about = null;
let given = { direction: "mask" };
let timer = 0;
let isLive = false;
let shown = -1;

const isOffered = (option) => option.name !== "direction" && !(option.of_mask && given.direction === "unmask");

function set(option, value) {
  if (value === undefined) delete given[option.name];
  else given[option.name] = value;
  changed();
}

function options() {
  const offered = new Set(about.live_options.filter(isOffered).map((option) => option.name));
  return Object.fromEntries(Object.entries(given).filter(([name]) => name === "direction" || offered.has(name)));
}

function wish() {
  return {
    kind: $("#kind").value, source: $("#source").value.trim(), file: $("#out-file").value.trim(),
    address: $("#out-address").value.trim(), options: options(),
  };
}

function showOptions() {
  drawOptions(about.live_options.filter(isOffered), given, set, $("#plain"), $("#folded > div"));
  $("#unmask-note").hidden = given.direction !== "unmask";
  for (const radio of document.getElementsByName("direction")) radio.checked = radio.value === given.direction;
}

function showKind() {
  const kind = $("#kind").value, [label, example] = KINDS[kind];
  $("#source-label").hidden = kind === "screen";
  $("#source-label span").textContent = label;
  $("#source").placeholder = example;
  if (kind === "file") $("#source").setAttribute("list", "listed");
  else $("#source").removeAttribute("list");
}

function remember() {
  const kept = wish();
  delete kept.options;
  // An address may hold a password, which is for this tab alone, until it is closed.
  sessionStorage.setItem("facemask-live", JSON.stringify({ ...kept, given }));
}

const check = latest(async () => {
  let valid = true;
  try {
    const checked = await ask("api/live/check", wish());
    tell("#options-error", "");
    $("#command code").textContent = checked.command || "";
    $("#command").hidden = !checked.command;
  } catch (error) {
    valid = false;
    tell("#options-error", error.message);
    $("#command").hidden = true;
  }
  $("#begin").disabled = !valid;
});
const checkSoon = later(check, CHECK_AFTER_MS);

function changed() { remember(); checkSoon(); }

function seconds(value) { return value === undefined ? null : `${value.toFixed(2)} s`; }

function showFigures(figures) {
  $("#figures").hidden = !figures;
  if (!figures) return;
  const { latency_s: latency } = figures;
  const rows = [
    ["Running for", clock(figures.seconds)],
    ["Frames written", `${figures.written}${figures.seconds > 1 ? ` (${(figures.written / figures.seconds).toFixed(1)} fps)` : ""}`],
    ["Frames dropped", `${figures.dropped} of ${figures.read}`],
    ["Faces translated", `${figures.faces}, of ${counted(figures.people, "track")}`],
    ["Latency", latency.median === undefined ? null : `${seconds(latency.median)}, 95 % under ${seconds(latency.most)}, largest ${seconds(latency.worst)}`],
    ["Memory", figures.memory_mb === null ? null : `${Math.round(figures.memory_mb)} MB at most`],
    ["Processor", `${Math.round(figures.cpu_ms)} ms a frame written`],
    ["Reconnections", figures.reconnections || null],
  ];
  $("#figures tbody").replaceChildren(...rows.filter(([, value]) => value !== null)
    .map(([name, value]) => made("tr", {}, made("th", { textContent: name, scope: "row" }), made("td", { textContent: value }))));
  const share = figures.read ? figures.dropped / figures.read : 0;
  tell("#slow", isLive && share > 0.1 ? `${Math.round(100 * share)} % of the frames were dropped, as this machine is too slow for them: take quality fast, a smaller picture, or fewer frames a second.` : "");
}

async function showPicture(number) {
  if (!number || number === shown) return;
  shown = number;
  const image = new Image();
  image.src = `live/picture?n=${number}`;
  try { await image.decode(); } catch { return; }
  $("#seen").src = image.src;
  $("#seen").hidden = false;
  $("#unseen").hidden = true;
}

function show(state) {
  const { standing } = state;
  isLive = ["starting", "running", "stopping"].includes(standing);
  document.body.dataset.standing = standing;
  $("#standing").textContent = STANDINGS[standing];
  $("#standing").className = `standing ${standing}`;
  $("#source-name").textContent = state.source || "Live";
  $("#source-facts").textContent = !state.source ? "" : state.outputs.length ? `to ${state.outputs.join(" and ")}` : "seen here only";
  for (const fields of document.querySelectorAll("#options fieldset")) fields.disabled = isLive;
  $("#begin").hidden = isLive;
  $("#stop").hidden = !isLive;
  $("#stop").disabled = standing === "stopping";
  tell("#why", state.why || "");
  showFigures(state.figures);
  if (standing === "idle" || standing === "starting") {
    shown = -1;
    $("#seen").hidden = true;
    $("#unseen").hidden = false;
    $("#unseen").textContent = standing === "idle" ? "Choose a source and start: what goes out is seen here." : "Loading the networks and opening the source…";
  } else showPicture(state.seen);
  $("#lines").replaceChildren(...(state.lines || []).map((line) => made("li", { textContent: line })));
  const written = state.files || [];
  $("#written").hidden = !written.length;
  $("#written").replaceChildren(...written.map((file) => made("li", { className: "row spread" }, made("span", { textContent: file.name }),
    made("a", { className: "button", href: `files/${file.key}?save`, textContent: "Download", download: "" }))));
}

const look = latest(async () => {
  clearTimeout(timer);
  try {
    show(await ask("api/live"));
    tell("#trouble", "");
  } catch (error) { tell("#trouble", error.message); }
  timer = setTimeout(look, isLive && !document.hidden ? BUSY_MS : IDLE_MS);
});

async function act(action, body) {
  tell("#options-error", "");
  try { show(await ask(`api/live/${action}`, body)); } catch (error) { tell("#options-error", error.message); }
  look();
}

$("#options").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!$("#begin").disabled && !isLive) act("start", wish());
});
$("#stop").addEventListener("click", () => act("stop", {}));
$("#kind").addEventListener("change", () => { $("#source").value = ""; showKind(); changed(); });
for (const name of ["source", "out-file", "out-address"]) $(`#${name}`).addEventListener("input", changed);
for (const radio of document.getElementsByName("direction")) {
  radio.addEventListener("change", () => { given.direction = radio.value; showOptions(); changed(); });
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });

async function begin() {
  try {
    about = await ask("api/about");
    const listed = await ask("api/files");
    $("#listed").replaceChildren(...listed.files.map((file) => made("option", { value: file.path, label: file.name })));
  } catch (error) { tell("#trouble", error.message); if (!about) return; }
  $("#results").textContent = about.results;
  let kept = {};
  try { kept = JSON.parse(sessionStorage.getItem("facemask-live") || "{}"); } catch { /* begun anew */ }
  if (kept.given) given = kept.given;
  if (kept.kind) $("#kind").value = kept.kind;
  for (const [name, id] of [["source", "source"], ["file", "out-file"], ["address", "out-address"]]) $(`#${id}`).value = kept[name] || "";
  showKind();
  showOptions();
  check();
  await look();
  document.body.dataset.ready = "true";
}

begin();
