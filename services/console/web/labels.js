// Where the names of objects go: above their boxes or below, where they hide no other name and no box of an alert.
// Far vehicles stand close together; one that finds no place goes without, for its box is there.

// wanted: the names, the most important first, in pixels: { box: [x1, y1, x2, y2], width, height, hot }; those of an
// alert (hot) always get a place. Returns { left, top } or null for each.
export function placed(wanted, width, height) {
  const names = [];
  const alerts = wanted.filter((name) => name.hot).map((name) => asRect(name.box));
  return wanted.map((name) => {
    const left = clamp(name.box[0], width - name.width);
    const spots = [name.box[1] - name.height, name.box[3]].map((top) => ({
      left, top: clamp(top, height - name.height), width: name.width, height: name.height,
    }));
    const taken = name.hot ? names : [...names, ...alerts];
    const spot = spots.find((one) => !taken.some((other) => overlap(one, other))) ?? (name.hot ? spots[0] : null);
    if (spot) names.push(spot);
    return spot && { left: spot.left, top: spot.top };
  });
}

function asRect([x1, y1, x2, y2]) {
  return { left: x1, top: y1, width: x2 - x1, height: y2 - y1 };
}

function overlap(a, b) {
  return a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;
}

function clamp(value, most) {
  return Math.min(Math.max(0, value), Math.max(0, most));
}
