// Elements, made without any HTML of their contents.

/** An element; attributes whose name begins with `on` are listeners, children that are strings become text. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function byId(id) {
  return document.getElementById(id);
}

function bodyOf(section) {
  return byId(section).querySelector(".body");
}

function caption(section, words) {
  byId(section).querySelector(".caption").textContent = words;
}

function empty(why) {
  return el("p", { class: "empty" }, why);
}

/** A labelled select over `values`; `change` gets the chosen value. */
function select(label, values, chosen, change, write = (value) => text(value)) {
  const options = values.map((value, index) =>
    el("option", { value: index, selected: value === chosen }, short(write(value), 60)),
  );
  const node = el("select", { onchange: () => change(values[Number(node.value)]) }, options);
  return el("label", {}, label, node);
}

/** Sets what a `select` shows, without telling its listener. */
function choose(label, values, value) {
  label.querySelector("select").value = values.indexOf(value);
}

let silence = 0;

/** Shows a short message, also to those who listen. */
function say(message) {
  const node = byId("said");
  node.textContent = message;
  node.classList.add("shown");
  clearTimeout(silence);
  silence = setTimeout(() => node.classList.remove("shown"), 3000);
}
