// The camera wall: one tile per camera with its latest frame.

import { onHeatSwitched } from "./heat.js";
import { Tile } from "./tile.js";

const tiles = new Map();
const early = new Map(); // results that came before the list of cameras
const container = document.querySelector("#wall .tiles");

export function showCameras(cameras) {
  for (const camera of cameras) {
    if (!tiles.has(camera.id)) {
      const tile = new Tile(camera);
      tiles.set(camera.id, tile);
      container.append(tile.root);
      if (early.has(camera.id)) tile.onFrame(early.get(camera.id));
    }
    tiles.get(camera.id).update(camera);
  }
  early.clear();
  container.dataset.cameras = String(tiles.size);
}

export function showTracks(frame) {
  if (tiles.has(frame.camera)) tiles.get(frame.camera).onFrame(frame);
  else early.set(frame.camera, frame);
}

// Which zones and objects of each camera are part of an open alert.
export function markAlerts(openAlerts) {
  for (const [id, tile] of tiles) tile.mark(openAlerts.filter((alert) => alert.camera === id));
}

onHeatSwitched(() => {
  for (const tile of tiles.values()) tile.paint();
});

export function tick() {
  for (const tile of tiles.values()) tile.tick();
}

// Nothing on the wall may look live when the console itself is out of reach.
export function disconnected() {
  for (const tile of tiles.values()) tile.lose();
}
