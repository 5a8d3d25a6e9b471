// What heads say: the label of the picture's visibility, and the pavement's damage as a heat map over the picture.

const switchBox = document.querySelector("#heat");
const HOT = [255, 77, 77];
// Damage that is sure hides at most so much of the road below it.
const MOST_ALPHA = 0.75;
const grids = new WeakMap(); // grid of a frame → its picture, drawn once

export function heatIsOn() {
  return switchBox.getAttribute("aria-pressed") === "true";
}

export function onHeatSwitched(changed) {
  switchBox.addEventListener("click", () => {
    switchBox.setAttribute("aria-pressed", String(!heatIsOn()));
    changed();
  });
}

// The switch appears with the first camera that has a heat map.
export function offerHeat(frame) {
  if (heatOf(frame)) switchBox.hidden = false;
}

export function heatOf(frame) {
  return frame.heads.find((head) => head.grid && !head.boxes)?.grid; // boxes are drawn themselves
}

export function drawHeat(ctx, grid) {
  if (!grids.has(grid)) grids.set(grid, paint(grid));
  const { width, height } = ctx.canvas;
  const [x1, y1, x2, y2] = grid.box;
  ctx.imageSmoothingEnabled = true;
  ctx.drawImage(grids.get(grid), x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height);
}

// Nothing below half of the threshold, so that sound road stays as it is.
function paint(grid) {
  const canvas = new OffscreenCanvas(grid.columns, grid.rows);
  const ctx = canvas.getContext("2d");
  const image = ctx.createImageData(grid.columns, grid.rows);
  const values = Uint8Array.from(atob(grid.values), (character) => character.charCodeAt(0));
  const least = grid.threshold / 2;
  values.forEach((value, index) => {
    const strength = Math.max(0, value / 255 - least) / (1 - least);
    image.data.set([...HOT, Math.round(255 * MOST_ALPHA * strength)], 4 * index);
  });
  ctx.putImageData(image, 0, 0);
  return canvas;
}

// "fog or smoke 97%"; empty where no head judges the visibility.
export function visibilityText(frame) {
  const head = frame?.heads.find((item) => item.name === "visibility");
  return head ? `${head.label.replaceAll("-", " ")} ${Math.round(head.score * 100)}%` : "";
}

export function visibilityLabel(frame) {
  return frame?.heads.find((item) => item.name === "visibility")?.label ?? "none";
}
