/* Elements of a page, words of numbers, and requests to the server behind it. */

export const $ = (selector, inside = document) => inside.querySelector(selector);

export async function ask(path, body) {
  const init = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new Error("The program behind this page has ended; start facemask-video ui again.");
  }
  const content = await answer.json().catch(() => ({ error: `The page's server answered ${answer.status}.` }));
  if (!answer.ok) throw new Error(content.error || `The page's server answered ${answer.status}.`);
  return content;
}

// One request at a time; of those that come meanwhile only the last one counts.
export function latest(work) {
  let running = false, next = null;
  return async function run(...values) {
    if (running) { next = values; return; }
    running = true;
    try { await work(...values); } finally {
      running = false;
      if (next) { const values = next; next = null; run(...values); }
    }
  };
}

export function later(work, ms) {
  let timer;
  return (...values) => { clearTimeout(timer); timer = setTimeout(() => work(...values), ms); };
}

export function tell(place, text) {
  const element = $(place);
  element.hidden = !text;
  element.textContent = text || "";
}

export function say(text) {
  const said = $("#said");
  said.textContent = text;
  said.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => said.classList.remove("shown"), 4000);
}

export function made(tag, content = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), content);
  element.append(...inside.filter((each) => each !== null && each !== undefined));
  return element;
}

export const bytes = (n) => n >= 1e9 ? `${(n / 1e9).toFixed(1)} GB` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(n / 1e3))} kB`;

export function clock(seconds, digits = 0) {
  const s = Math.max(0, seconds), whole = Math.floor(s / 60);
  const rest = (s - whole * 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return whole >= 60 ? `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}:${rest}` : `${whole}:${rest}`;
}

export const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
