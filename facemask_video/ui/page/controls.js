/* Controls of options, as the settings describe them. */

import { $, made } from "./elements.js";

function control(option, given, set) {
  const id = `option-${option.name}`, value = given[option.name];
  const placeholder = option.default_text || (option.default === null ? "" : String(option.default));
  let field;
  if (option.kind === "switch") {
    field = made("input", { type: "checkbox", checked: value === undefined ? option.default : value });
    field.addEventListener("change", () => set(option, field.checked === option.default ? undefined : field.checked));
  } else if (option.kind === "choice") {
    field = made("select", {});
    field.append(made("option", { value: "", textContent: option.default === null ? option.default_text || "none" : option.default }));
    for (const choice of option.choices) {
      if (choice !== option.default && choice !== option.default_text) field.append(made("option", { value: choice, textContent: choice }));
    }
    field.value = value === undefined ? "" : value;
    field.addEventListener("change", () => set(option, field.value || undefined));
  } else if (option.suggestions.length) {
    return suggestions(option, id, value, placeholder, set);
  } else {
    field = made("input", { type: "text", placeholder, value: value === undefined ? "" : value, spellcheck: false, autocomplete: "off", title: placeholder });
    if (option.kind === "number") field.inputMode = option.whole ? "numeric" : "decimal";
    field.addEventListener("input", () => set(option, read(option, field.value)));
    if (option.kind === "colour") return colour(option, id, field, set);
  }
  field.id = id;
  return [field];
}

function suggestions(option, id, value, placeholder, set) {
  const own = value !== undefined && !option.suggestions.includes(value);
  const select = made("select", { id });
  select.append(made("option", { value: "", textContent: placeholder }));
  for (const name of option.suggestions) {
    if (name !== option.default_text) select.append(made("option", { value: name, textContent: name }));
  }
  select.append(made("option", { value: "\u0000", textContent: "as in a picture…" }));
  const text = made("input", { type: "text", hidden: !own, value: own ? value : "", placeholder: "path of the picture", spellcheck: false });
  text.setAttribute("aria-label", "Picture of somebody who wears the mask");
  select.value = own ? "\u0000" : value || "";
  select.addEventListener("change", () => {
    text.hidden = select.value !== "\u0000";
    if (text.hidden) set(option, select.value || undefined);
    else text.focus();
  });
  text.addEventListener("input", () => set(option, text.value.trim() || undefined));
  return [select, text];
}

function colour(option, id, text, set) {
  const picker = made("input", { type: "color", value: /^#[0-9a-f]{6}$/i.test(text.value) ? text.value : "#7fb2d9" });
  text.id = id;
  text.placeholder = "as the style has it";
  picker.setAttribute("aria-label", "Choose the colour");
  picker.addEventListener("input", () => { text.value = picker.value; set(option, picker.value); });
  text.addEventListener("input", () => { if (/^#[0-9a-f]{6}$/i.test(text.value)) picker.value = text.value; });
  return [made("span", { className: "colour" }, picker, text)];
}

function read(option, text) {
  const value = text.trim();
  if (!value) return undefined;
  if (option.kind === "number" && /^-?\d*\.?\d+(e-?\d+)?$/i.test(value)) return Number(value);
  if (/^\d+$/.test(value) && option.default === "auto") return Number(value);
  return value;
}

function row(option, given, set) {
  const fields = control(option, given, set);
  const label = made("label", { htmlFor: `option-${option.name}`, textContent: option.flag.replace(/^--/, "").replaceAll("-", " ") });
  const help = made("details", { className: "help" }, made("summary", { textContent: "?" }), made("p", { textContent: `${option.flag}: ${option.help}` }));
  $("summary", help).setAttribute("aria-label", `What ${option.flag} does`);
  return made("div", { className: `option ${option.kind}` }, label, made("div", { className: "field" }, ...fields), help);
}

// Draws options: those that are plain in one place, the others in groups that fold.
export function drawOptions(offered, given, set, plain, folded) {
  const isOpen = new Set([...folded.querySelectorAll("details.group[open]")].map((each) => each.dataset.heading));
  const drawn = (option) => row(option, given, set);
  plain.replaceChildren(...offered.filter((option) => option.plain).map(drawn));
  const groups = new Map();
  for (const option of offered.filter((each) => !each.plain)) {
    if (!groups.has(option.heading)) groups.set(option.heading, []);
    groups.get(option.heading).push(option);
  }
  folded.replaceChildren(...[...groups].map(([heading, options]) => {
    const group = made("details", { className: "group", open: isOpen.has(heading) }, made("summary", { textContent: heading }), ...options.map(drawn));
    group.dataset.heading = heading;
    return group;
  }));
}
