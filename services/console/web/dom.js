// Building elements. Text from messages only ever becomes text, never markup.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Writes only what has changed: a screen reader and the layout are left alone otherwise.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setData(node, name, value) {
  if (node.dataset[name] !== String(value)) node.dataset[name] = String(value);
}

// A picture that says so when it cannot be had, instead of a broken image.
export function picture(source, text) {
  if (!source) return el("div", { class: "no-picture" }, "no picture");
  const image = el("img", { src: source, alt: text, decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(el("div", { class: "no-picture" }, "picture not available")));
  return image;
}
