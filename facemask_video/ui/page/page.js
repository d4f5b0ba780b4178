import { Compare } from "./compare.js";
import { drawOptions } from "./controls.js";
import { $, ask, bytes, clock, counted, later, latest, made, say, tell } from "./elements.js";

const CHECK_AFTER_MS = 120, PREVIEW_AFTER_MS = 250, BUSY_MS = 600, IDLE_MS = 3000;
// Looked through without being asked; of a longer clip that takes a while.
const SHORT_S = 60;

let about = null;
const files = [];
let source = null;
let given = {};
let at = 0;
let times = [];
let valid = true;
const preview = new Compare($("#preview"), "Divider between before and after");

function secondsOf(text) {
  if (text === undefined || text === null || text === "") return 0;
  return String(text).split(":").reduce((sum, part) => sum * 60 + Number(part), 0) || 0;
}

/* ---- Choosing files ---- */

function upload(file) {
  return new Promise((resolve, reject) => {
    if (file.size > about.max_upload_bytes) {
      reject(new Error(`${file.name} has ${bytes(file.size)}, the page takes ${bytes(about.max_upload_bytes)} (--max-upload); name its path instead.`));
      return;
    }
    const request = new XMLHttpRequest(), bar = $("#uploading");
    request.open("PUT", `api/uploads?name=${encodeURIComponent(file.name)}`);
    request.upload.addEventListener("progress", (event) => {
      bar.hidden = false;
      $("progress", bar).value = event.total ? event.loaded / event.total : 0;
      $("span", bar).textContent = `${file.name}: ${bytes(event.loaded)} of ${bytes(event.total)}`;
    });
    request.addEventListener("load", () => {
      let content = {};
      try { content = JSON.parse(request.responseText); } catch { /* said below */ }
      if (request.status === 200) resolve(content);
      else reject(new Error(content.error || `The page's server answered ${request.status}.`));
    });
    request.addEventListener("error", () => reject(new Error(`${file.name} did not arrive; is facemask-video ui still running?`)));
    request.addEventListener("loadend", () => { bar.hidden = true; });
    request.send(file);
  });
}

async function take(list) {
  const problems = [];
  tell("#start-error", "");
  tell("#problem", "");
  let first = null;
  for (const file of list) {
    try {
      const described = await upload(file);
      files.push(described);
      first ||= described;
    } catch (error) { problems.push(error.message); }
  }
  if (problems.length) tell($("#start").hidden || first ? "#problem" : "#start-error", problems.join(" "));
  if (first) open(first);
}

async function openPath(path) {
  tell("#start-error", "");
  try {
    const described = await ask("api/sources", { path });
    const there = files.find((each) => each.key === described.key);
    if (!there) files.push(described);
    open(there || described);
  } catch (error) { tell("#start-error", error.message); }
}

function showStart() {
  tell("#problem", "");
  $("#start").hidden = false;
  $("#work").hidden = true;
  listFiles();
  $("#choose").focus();
}

async function listFiles() {
  try {
    const listed = await ask("api/files");
    $("#listing").hidden = !listed.files.length;
    $("#listing .more").hidden = !listed.more;
    $("#listing ul").replaceChildren(...listed.files.map((file) => {
      const button = made("button", { type: "button", className: "plain" }, made("span", { textContent: file.name }), made("span", { className: "muted", textContent: bytes(file.size) }));
      button.addEventListener("click", () => openPath(file.path));
      return made("li", {}, button);
    }));
  } catch (error) { tell("#start-error", error.message); }
}

function open(described) {
  source = described;
  times = [];
  delete given.faces;
  at = described.duration_s ? described.duration_s / 2 : 0;
  $("#start").hidden = true;
  $("#work").hidden = false;
  $("#source-name").textContent = described.name;
  const facts = [`${described.width_px} × ${described.height_px}`];
  if (described.duration_s) facts.push(clock(described.duration_s, 1) + (described.fps ? ` at ${Math.round(described.fps * 100) / 100} fps` : ""));
  facts.push(...described.streams.slice(0, 6), bytes(described.size));
  if (described.is_synthetic) facts.push("its faces are synthetic already");
  $("#source-facts").textContent = facts.join(" · ");
  $("#scrub").hidden = described.is_picture;
  $("#moment").max = described.duration_s || 0;
  $("#moment").step = described.fps ? 1 / described.fps : 0.04;
  preview.show(null, null);
  preview.element.style.setProperty("--shape", `${described.width_px} / ${described.height_px}`);
  preview.element.style.setProperty("--tall", described.height_px / described.width_px);
  showMoment();
  showChosen();
  showOptions();
  changed();
}

function showChosen() {
  const list = $("#chosen");
  list.hidden = files.length < 2;
  list.replaceChildren(...files.map((file) => {
    const button = made("button", { type: "button", textContent: file.name });
    button.setAttribute("aria-pressed", String(file === source));
    button.addEventListener("click", () => open(file));
    return made("li", {}, button);
  }));
  const all = $("#convert-all");
  all.hidden = files.length < 2;
  all.textContent = `Convert all ${files.length}`;
}

/* ---- Options ---- */

function isOffered(option) {
  if (option.name === "direction") return false;
  if (option.of_mask && given.direction === "unmask") return false;
  return !(option.of_clips && source && source.is_picture);
}

function set(option, value) {
  if (value === undefined) delete given[option.name];
  else given[option.name] = value;
  changed();
}

function showOptions() {
  drawOptions(about.options.filter(isOffered), given, set, $("#plain"), $("#folded > div"));
  const isUnmask = given.direction === "unmask";
  $("#unmask-note").hidden = !isUnmask;
  for (const radio of document.getElementsByName("direction")) radio.checked = radio.value === given.direction;
}

// What counts for the file that is shown.
function options() {
  const offered = new Set(about.options.filter(isOffered).map((option) => option.name));
  return Object.fromEntries(Object.entries(given).filter(([name]) => name === "direction" || offered.has(name)));
}

function remember() {
  sessionStorage.setItem("facemask", JSON.stringify({
    key: source && source.key, files: files.map((file) => file.key), given, at,
  }));
}

const check = latest(async () => {
  try {
    const checked = await ask("api/check", { key: source && source.key, options: options() });
    valid = true;
    tell("#options-error", "");
    $("#command code").textContent = checked.command || "";
    $("#command").hidden = !checked.command;
  } catch (error) {
    valid = false;
    tell("#options-error", error.message);
    $("#command").hidden = true;
  }
  $("#convert").disabled = $("#convert-all").disabled = !valid;
  if (valid && source) showPreview();
});
const checkSoon = later(check, CHECK_AFTER_MS);

function changed() { remember(); checkSoon(); }

/* ---- Preview ---- */

function showMoment() {
  $("#moment").value = at;
  $("#moment-text").textContent = source && !source.is_picture ? clock(at, 2) : "";
}

function picture(url, alt) {
  return new Promise((resolve, reject) => {
    const image = made("img", { alt, draggable: false });
    image.addEventListener("load", () => resolve(image));
    image.addEventListener("error", () => reject(new Error("The preview cannot be shown.")));
    image.src = url;
  });
}

const showPreview = later(latest(async () => {
  if (!source || !valid) return;
  const status = $("#status"), of = source;
  const slow = setTimeout(() => { status.textContent = "Looking…"; preview.element.classList.add("busy"); }, 400);
  const body = { key: source.key, options: options(), boxes: $("#boxes").checked };
  if (!source.is_picture) body.at_s = Math.min(at, Math.max(0, (source.duration_s || 0) - 0.02));
  try {
    const seen = await ask("api/preview", body);
    const [before, after] = await Promise.all([picture(seen.before, "Before"), picture($("#alpha").checked ? seen.alpha : seen.after, "After")]);
    if (of !== source) return;
    preview.show(before, after);
    status.textContent = [seen.line, ...seen.notes].join(" · ");
    status.classList.remove("bad");
    preview.element.dataset.line = seen.line;
  } catch (error) {
    if (of !== source) return;
    status.textContent = error.message;
    status.classList.add("bad");
  } finally {
    clearTimeout(slow);
    preview.element.classList.remove("busy");
    // After it, for who waits for it.
    lookForPeople(false);
  }
}), PREVIEW_AFTER_MS);

/* ---- People ---- */

let peopleOf = "", peopleTimer = 0;

const lookForPeople = latest(async (start) => {
  clearTimeout(peopleTimer);
  if (!source) return;
  const of = source, isShort = source.is_picture || (source.duration_s || Infinity) <= SHORT_S;
  let seen;
  try {
    seen = await ask("api/people", { key: source.key, options: options(), start: start || isShort });
  } catch (error) { $("#people-text").textContent = error.message; return; }
  if (of !== source) return;
  $("#find").hidden = seen.state === "found" || seen.state === "looking";
  if (seen.state === "found") { showPeople(seen.people); return; }
  peopleOf = "";
  $("#faces").replaceChildren();
  if (given.faces && given.faces.startsWith("track:")) { delete given.faces; changed(); }
  $("#people-text").textContent = {
    idle: "Of a clip this long they are looked for when you say so; then each can be left out.",
    looking: `Looking for people${seen.total ? `: ${Math.round((100 * seen.done) / seen.total)} %` : "…"}`,
    failed: seen.why,
  }[seen.state];
  if (seen.state === "looking") peopleTimer = setTimeout(() => lookForPeople(false), BUSY_MS);
});

function showPeople(people) {
  const text = $("#people-text");
  text.textContent = people.length ? "" : "No face was found. Smaller ones than min face are not looked for.";
  const key = JSON.stringify([source.key, people.map((person) => [person.track, person.frames])]);
  if (key !== peopleOf) {
    peopleOf = key;
    $("#faces").replaceChildren(...people.map((person) => {
      const box = made("input", { type: "checkbox", checked: isTicked(person.track), disabled: source.is_picture });
      box.dataset.track = person.track;
      box.addEventListener("change", tick);
      const facts = [person.domain, source.is_picture ? null : counted(person.frames, "frame")].filter(Boolean).join(", ");
      return made("li", {}, made("label", {},
        person.picture ? made("img", { src: person.picture, alt: "", width: 72, height: 72 }) : null,
        made("span", {}, box, ` track ${person.track}`), made("small", { className: "muted", textContent: facts })));
    }));
    // With the clip known as a whole the preview shows what the conversion will.
    showPreview();
  }
}

function isTicked(track) {
  if (!given.faces || !given.faces.startsWith("track:")) return true;
  return given.faces.slice(6).split(",").includes(String(track));
}

function tick() {
  const boxes = [...document.querySelectorAll("#faces input")];
  const ticked = boxes.filter((box) => box.checked).map((box) => box.dataset.track);
  if (!ticked.length) {
    this.checked = true;
    say("At least one person stays ticked.");
    return;
  }
  if (ticked.length === boxes.length) delete given.faces;
  else given.faces = `track:${ticked.join(",")}`;
  const field = $("#option-faces");
  if (field) field.value = given.faces || "";
  changed();
}

/* ---- Queue ---- */

async function convert(all) {
  const wanted = all ? [...files] : [source];
  let added = 0;
  const problems = [];
  const shown = source;
  for (const file of wanted) {
    source = file;
    const chosen = options();
    // Persons are numbered in each clip anew.
    if (file !== shown) delete chosen.faces;
    try { await ask("api/queue", { key: file.key, options: chosen }); added += 1; } catch (error) { problems.push(error.message); }
  }
  source = shown;
  tell("#options-error", problems.join(" "));
  if (added) say(added === 1 ? "In the queue." : `${added} files are in the queue.`);
  showQueue();
}

const standingText = { waiting: "waits", running: "converting", done: "done", failed: "failed", cancelled: "cancelled; nothing was left", skipped: "skipped" };
const order = { running: 0, waiting: 1, failed: 2, cancelled: 2, skipped: 2, done: 2 };
let queueTimer = 0;

const showQueue = latest(async () => {
  clearTimeout(queueTimer);
  let busy = false;
  try {
    const queue = await ask("api/queue");
    tell("#trouble", queue.trouble || "");
    const rows = queue.rows.map((each, index) => ({ ...each, index }));
    rows.sort((a, b) => order[a.standing] - order[b.standing] || (order[a.standing] < 2 ? a.index - b.index : (b.finished_at || 0) - (a.finished_at || 0)));
    busy = rows.some((each) => each.standing === "running" || each.standing === "waiting");
    $("#queue").hidden = !rows.length;
    $("#convert").textContent = busy ? "Add to the queue" : "Convert";
    drawQueue(rows);
  } catch (error) { tell("#trouble", error.message); }
  queueTimer = setTimeout(showQueue, document.hidden || !busy ? IDLE_MS : BUSY_MS);
});

function drawQueue(rows) {
  const list = $("#queue ol"), there = new Map([...list.children].map((item) => [item.dataset.target, item]));
  const items = rows.map((each) => {
    let item = there.get(each.target);
    const drawn = JSON.stringify([each.standing, each.error, each.result_key, each.source_key, each.given]);
    if (!item || item.dataset.drawn !== drawn) {
      const focused = item && item.contains(document.activeElement) ? document.activeElement.textContent : null;
      const fresh = queueItem(each);
      fresh.dataset.drawn = drawn;
      if (item) item.replaceWith(fresh);
      item = fresh;
      if (focused) (([...item.querySelectorAll("button")].find((b) => b.textContent === focused)) || $("button", item) || list).focus();
    }
    const bar = $("progress", item);
    if (bar) {
      if (each.frames && each.frames_total) bar.value = Math.min(1, each.frames / each.frames_total);
      else bar.removeAttribute("value");
      $(".eta", item).textContent = each.frames
        ? `${each.frames}${each.frames_total ? ` of ${each.frames_total}` : ""} frames${each.eta_s === null ? "" : `, ${clock(each.eta_s)} left`}`
        : "begins";
    }
    return item;
  });
  if (items.length !== list.children.length || items.some((item, index) => list.children[index] !== item)) list.replaceChildren(...items);
}

function queueItem(each) {
  const item = made("li", { className: each.standing });
  item.dataset.target = each.target;
  item.dataset.standing = each.standing;
  const button = (text, act, className = "") => {
    const one = made("button", { type: "button", textContent: text, className });
    one.setAttribute("aria-label", `${text} ${each.name}`);
    one.addEventListener("click", act);
    return one;
  };
  const act = (action) => async (event) => {
    event.target.disabled = true;
    try { await ask(`api/queue/${action}`, { target: each.target }); } catch (error) { say(error.message); event.target.disabled = false; }
    showQueue();
  };
  const facts = [standingText[each.standing]];
  if (each.standing === "done") {
    facts[0] = each.faces_changed ? `${counted(each.faces_changed, "face")} changed` : "no face changed";
    if (each.kind === "video") facts.push(counted(each.frames_done, "frame"));
    if (each.seconds) facts.push(`in ${clock(each.seconds)}`);
    if (each.size) facts.push(bytes(each.size));
  }
  const buttons = [];
  if (each.standing === "done") {
    if (each.result_key && each.source_key && each.kind !== "frames") buttons.push(button("Compare", () => openPlayer(each), "primary"));
    if (each.result_key) buttons.push(made("a", { className: "button", href: `files/${each.result_key}?save`, textContent: "Download", download: "" }));
    buttons.push(button("Report", () => showReport(each)));
  }
  if (each.standing === "running" || each.standing === "waiting") buttons.push(button("Cancel", act("cancel")));
  else {
    if (each.standing !== "done" && each.given) buttons.push(button("Try again", act("again")));
    buttons.push(button("Remove", act("remove"), "quiet"));
  }
  const text = made("div", { className: "what" }, made("b", { textContent: each.name }),
    made("span", { className: "muted", textContent: facts.join(" · ") }));
  if (each.standing === "running") {
    const bar = made("progress", { max: 1 });
    bar.setAttribute("aria-label", `Progress of ${each.name}`);
    text.append(bar, made("span", { className: "muted eta" }));
  }
  if (each.error && each.standing !== "cancelled") text.append(made("span", { className: "error", textContent: each.error }));
  for (const note of each.standing === "done" ? each.notes : []) text.append(made("span", { className: "muted small", textContent: note }));
  const poster = each.standing === "done"
    ? made("img", { src: `posters/after?target=${each.target}&of=${each.finished_at}`, alt: "", className: "poster" }) : null;
  if (poster) poster.addEventListener("error", () => poster.remove());
  item.append(...[poster, text, made("div", { className: "row" }, ...buttons)].filter(Boolean));
  return item;
}

async function showReport(each) {
  try {
    const report = await ask(`api/report?target=${each.target}`);
    const rows = [
      ["Source", each.source_name], ["Result", each.name],
      ["Frames", report.frames], ["Faces", report.faces], ["Faces changed", report.faces_changed], ["People", report.tracks],
      ["Time", report.seconds ? `${report.seconds.total.toFixed(1)} s` : null],
      ["Options", Object.entries(each.given || {}).map(([name, value]) => `${name} ${value}`).join(", ")],
      ["Notes", (report.notes || []).join("; ") || "none"],
    ];
    $("#report tbody").replaceChildren(...rows.filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => made("tr", {}, made("th", { textContent: name, scope: "row" }), made("td", { textContent: value }))));
    $("#report pre").textContent = JSON.stringify(report, null, 2);
    $("#report").showModal();
  } catch (error) { say(error.message); }
}

/* ---- Player ---- */

const view = new Compare($("#player-view"), "Divider between source and result");
const playing = { on: false, moments: [], shift: 0, index: 0, mode: "videos", row: null };

function videoOf(key) {
  return new Promise((resolve) => {
    const video = made("video", { muted: true, playsInline: true, preload: "auto", src: `files/${key}` });
    video.setAttribute("aria-hidden", "true");
    const ready = () => resolve(video.videoWidth ? video : null);
    video.addEventListener("loadeddata", ready, { once: true });
    video.addEventListener("error", () => resolve(null), { once: true });
  });
}

async function openPlayer(each) {
  const dialog = $("#player");
  Object.assign(playing, { on: false, row: each, index: 0, moments: [0], shift: 0, mode: "videos", opened: Symbol("opened") });
  const opened = playing.opened;
  dialog.dataset.state = "loading";
  $("#player-title").textContent = each.name;
  $("#player-facts").textContent = "Loading…";
  $("#download").href = `files/${each.result_key}?save`;
  view.show(null, null);
  dialog.showModal();
  try {
    const isPicture = each.kind === "picture", alone = (each.given || {}).layout && each.given.layout !== "result";
    const described = await ask(`api/sources/${each.result_key}`);
    view.element.style.setProperty("--shape", `${described.width_px} / ${described.height_px}`);
    view.element.style.setProperty("--tall", described.height_px / described.width_px);
    let [before, after] = [null, null];
    if (!isPicture) {
      const [of, from] = await Promise.all([ask(`api/sources/${each.result_key}/times`), ask(`api/sources/${each.source_key}/times`)]);
      playing.moments = of.times.length ? of.times : [0];
      const start = secondsOf((each.given || {}).start);
      const first = from.times.find((time) => time >= start - 1e-3);
      playing.shift = start && first !== undefined ? first - playing.moments[0] : 0;
      [before, after] = await Promise.all([alone ? null : videoOf(each.source_key), videoOf(each.result_key)]);
    }
    if (opened !== playing.opened) return;
    if (isPicture || !after || (!before && !alone)) {
      // What the browser does not play is shown frame by frame.
      playing.mode = "frames";
      [before, after] = await Promise.all([alone ? null : picture(`frames/${each.source_key}?at=${playing.shift}`, "Before"), picture(`frames/${each.result_key}?at=0`, "After")]);
    }
    view.show(before, after);
    const facts = isPicture ? [] : [counted(playing.moments.length, "frame")];
    if (playing.mode === "frames" && !isPicture) facts.push("shown frame by frame, as the browser does not play this format");
    $("#player-facts").textContent = facts.join(" · ");
    for (const name of ["play", "back", "forth", "seek", "seek-text", "speed", "sound"]) $(`#${name}`).disabled = isPicture;
    dialog.classList.toggle("still", isPicture);
    $("#seek").max = playing.moments.length - 1;
    $("#seek").step = 1;
    await go(0);
    dialog.dataset.state = "ready";
  } catch (error) {
    $("#player-facts").textContent = error.message;
    dialog.dataset.state = "failed";
  }
}

function seeked(video, time) {
  return new Promise((resolve) => {
    if (Math.abs(video.currentTime - time) < 1e-4 && !video.seeking) { resolve(); return; }
    video.addEventListener("seeked", () => resolve(), { once: true });
    video.currentTime = time;
  });
}

// The middle of a frame's time, so that rounding shows no neighbour.
function middle(index) {
  const { moments } = playing, next = moments[index + 1];
  const length = next === undefined ? (moments.length > 1 ? moments[index] - moments[index - 1] : 0.02) : next - moments[index];
  return moments[index] + length / 2;
}

const go = latest(async (index) => {
  playing.index = Math.max(0, Math.min(playing.moments.length - 1, index));
  const time = middle(playing.index);
  if (playing.mode === "videos") {
    await Promise.all([view.before && seeked(view.before, time + playing.shift), seeked(view.after, time)]);
  } else if (playing.row.kind !== "picture") {
    const moment = playing.moments[playing.index], { row } = playing;
    const [before, after] = await Promise.all([view.before && picture(`frames/${row.source_key}?at=${moment + playing.shift}`, "Before"), picture(`frames/${row.result_key}?at=${moment}`, "After")]);
    view.show(before, after);
  }
  view.draw();
  showSeek();
});

function showSeek() {
  const { moments, index } = playing;
  $("#seek").value = index;
  $("#seek").setAttribute("aria-valuetext", `frame ${index + 1}`);
  $("#seek-text").textContent = `${clock(moments[index], 2)} · frame ${index + 1}/${moments.length}`;
  $("#player").dataset.frame = index;
}

function indexAt(time) {
  const { moments } = playing;
  let low = 0, high = moments.length - 1;
  while (low < high) {
    const half = Math.ceil((low + high) / 2);
    if (moments[half] <= time + 1e-4) low = half; else high = half - 1;
  }
  return low;
}

async function play() {
  if (playing.row.kind === "picture") return;
  if (playing.on) { pause(); return; }
  if (playing.index >= playing.moments.length - 1) await go(0);
  playing.on = true;
  $("#play").textContent = "Pause";
  if (playing.mode === "frames") { playFrames(); return; }
  const videos = [view.after, view.before].filter(Boolean);
  for (const video of videos) video.playbackRate = Number($("#speed").value);
  await Promise.all(videos.map((video) => video.play().catch(() => {})));
  requestAnimationFrame(keepStep);
}

function keepStep() {
  const { after, before } = view;
  if (!playing.on || !$("#player").open) return;
  const rate = Number($("#speed").value);
  after.playbackRate = rate;
  if (before) {
    const drift = after.currentTime + playing.shift - before.currentTime;
    if (Math.abs(drift) > 0.3) before.currentTime = after.currentTime + playing.shift;
    // Slower or faster by little, which nobody sees, until they are in step.
    before.playbackRate = Math.abs(drift) < 0.008 ? rate : rate * (1 + Math.max(-0.25, Math.min(0.25, drift * 4)));
  }
  playing.index = indexAt(after.currentTime);
  showSeek();
  view.draw();
  if (after.ended) { pause(); return; }
  requestAnimationFrame(keepStep);
}

async function playFrames() {
  const began = performance.now(), from = playing.moments[playing.index];
  while (playing.on && $("#player").open && playing.index < playing.moments.length - 1) {
    const now = from + ((performance.now() - began) / 1000) * Number($("#speed").value);
    const wanted = Math.max(playing.index + 1, indexAt(now));
    const wait = playing.moments[Math.min(wanted, playing.moments.length - 1)] - now;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    await go(wanted);
  }
  pause();
}

function pause() {
  if (!playing.on) return;
  playing.on = false;
  $("#play").textContent = "Play";
  if (playing.mode === "videos") {
    view.after.pause();
    if (view.before) view.before.pause();
    if ($("#player").open) go(indexAt(view.after.currentTime));
  }
}

function step(by) { pause(); go(playing.index + by); }

function closePlayer() {
  pause();
  for (const video of [view.before, view.after]) {
    if (!(video instanceof HTMLVideoElement)) continue;
    // Or it keeps its connection, of which a browser has six.
    video.removeAttribute("src");
    video.load();
  }
  view.show(null, null);
  $("#player").dataset.state = "closed";
  playing.opened = null;
}

$("#play").addEventListener("click", play);
$("#back").addEventListener("click", () => step(-1));
$("#forth").addEventListener("click", () => step(1));
$("#seek").addEventListener("input", () => { pause(); go(Number($("#seek").value)); });
$("#player-loupe").addEventListener("change", () => view.setLoupe($("#player-loupe").checked));
$("#sound").addEventListener("change", () => { if (view.after && "muted" in view.after) view.after.muted = !$("#sound").checked; });
$("#player-close").addEventListener("click", () => $("#player").close());
$("#player").addEventListener("close", closePlayer);
$("#player").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (view.key(event)) { event.preventDefault(); return; }
  const isButton = event.target.matches("button, a, select, input[type=checkbox]");
  if (event.key === " " && isButton) return;
  const action = { " ": play, k: play, ",": () => step(-1), ".": () => step(1), l: () => $("#player-loupe").click() }[event.key];
  if (action) { event.preventDefault(); action(); }
});
$("#report-close").addEventListener("click", () => $("#report").close());

/* ---- The rest of the page ---- */

$("#choose").addEventListener("click", () => $("#file").click());
$("#file").addEventListener("change", () => { take([...$("#file").files]); $("#file").value = ""; });
$("#other").addEventListener("click", showStart);
$("#path-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const path = $("#path").value.trim();
  if (path) openPath(path);
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
}
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  const dropped = [...event.dataTransfer.files];
  if (dropped.length) take(dropped);
});
$("#moment").addEventListener("input", () => {
  at = Number($("#moment").value);
  showMoment();
  remember();
  showPreview();
});
for (const name of ["boxes", "alpha"]) $(`#${name}`).addEventListener("change", () => showPreview());
$("#loupe").addEventListener("change", () => preview.setLoupe($("#loupe").checked));
preview.element.addEventListener("keydown", (event) => { if (preview.key(event)) event.preventDefault(); });
for (const radio of document.getElementsByName("direction")) {
  radio.addEventListener("change", () => { given.direction = radio.value; showOptions(); changed(); });
}
$("#options").addEventListener("submit", (event) => { event.preventDefault(); if (valid && source) convert(false); });
$("#convert-all").addEventListener("click", () => convert(true));
$("#find").addEventListener("click", () => lookForPeople(true));
$("#copy").addEventListener("click", async () => {
  const text = $("#command code").textContent;
  try { await navigator.clipboard.writeText(text); say("Copied."); } catch {
    getSelection().selectAllChildren($("#command code"));
    say("Marked; copy it with the keyboard.");
  }
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) showQueue(); });

async function begin() {
  given = { direction: "mask" };
  try {
    about = await ask("api/about");
  } catch (error) { tell("#start-error", error.message); return; }
  $("#results").textContent = about.results;
  let kept = {};
  try { kept = JSON.parse(sessionStorage.getItem("facemask") || "{}"); } catch { /* begun anew */ }
  if (kept.given) given = kept.given;
  for (const key of kept.files || []) {
    // A file may be gone, or the program started anew since.
    try { files.push(await ask(`api/sources/${key}`)); } catch { /* not offered again */ }
  }
  const again = files.find((file) => file.key === kept.key);
  showOptions();
  if (again) {
    const { faces } = given;
    open(again);
    if (faces) given.faces = faces;
    at = Math.min(kept.at || 0, again.duration_s || 0);
    showMoment();
    changed();
  } else showStart();
  showQueue();
  document.body.dataset.ready = "true";
}

begin();
