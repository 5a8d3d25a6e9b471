"""Cars and vans as solids: body, bonnet, windows, roof, lights, mirrors, of many proportions."""

import numpy as np

from training.data.overhead_solids import (
    RUBBER,
    Colour,
    Points,
    Random,
    Solid,
    corners,
    glass_of,
    level,
    outline,
    paint_of,
)


def car(random: Random) -> Solid:
    """Small, saloon, estate, off-road; one in sixteen a pick-up."""
    length, width = float(random.uniform(3.5, 5.1)), float(random.uniform(1.65, 1.98))
    tall = float(random.uniform(1.32, 1.82))
    footprint = outline(length, width, float(random.uniform(2.6, 4.5)), float(random.uniform(3.2, 6.5)))
    solid, paint = Solid("car", length, footprint, tall), paint_of(random)
    belt = tall * float(random.uniform(0.58, 0.66))
    front = length * float(random.uniform(0.17, 0.25))
    pickup = random.random() < 0.06
    boot = random.random() < 0.4
    rear = -length * float(random.uniform(0.3, 0.36) if boot else random.uniform(0.43, 0.47))
    if pickup:
        solid.label, rear = "truck", -length * 0.08
    _chassis(random, solid, paint, width, belt * 0.78, belt, front)
    half = width / 2 * 0.9
    floor = _six(front, rear, half, 0.16, 0.08, belt)
    slope, back = (
        float(random.uniform(0.5, 0.95)),
        float(random.uniform(0.45, 0.8) if boot else random.uniform(0.15, 0.5)),
    )
    roof = _six(front - slope, rear + back, half * float(random.uniform(0.76, 0.88)), 0.1, 0.05, tall)
    _cabin(random, solid, paint, floor, roof, 1.0)
    if pickup:
        bed = corners(((rear - 0.1 - length / 2 + 0.15) / 2, 0.0), (length / 2 + rear - 0.35, width * 0.8))
        solid.add(level(bed, belt + 0.01), np.full(3, float(random.uniform(20, 110))))
    return solid


def van(random: Random) -> Solid:
    """High ones count as trucks, as in COCO."""
    length, width = float(random.uniform(4.4, 6.6)), float(random.uniform(1.8, 2.1))
    tall = float(random.uniform(1.85, 2.2)) if length < 5.3 else float(random.uniform(2.3, 2.8))
    footprint = outline(length, width, float(random.uniform(4, 7)), 14.0)
    solid, paint = Solid("car" if tall < 2.25 else "truck", length, footprint, tall), paint_of(random)
    if random.random() < 0.5:
        paint = np.array((222.0, 224.0, 224.0)) * float(random.uniform(0.8, 1.1))
    belt, front = 1.15, length * float(random.uniform(0.29, 0.36))
    _chassis(random, solid, paint, width, belt * 0.85, belt, front)
    half = width / 2 * 0.95
    floor = _six(front, -length * 0.49, half, 0.15, 0.02, belt)
    roof = _six(front - float(random.uniform(0.5, 0.8)), -length * 0.48, half * 0.9, 0.1, 0.02, tall)
    _cabin(random, solid, paint, floor, roof, float(random.choice([0.3, 0.3, 1.0])))
    for x in np.arange(-length * 0.4, front - 1.3, float(random.uniform(0.4, 0.9))):
        rib = np.array([(x, -half * 0.75, tall + 0.01), (x + 0.06, -half * 0.75, tall + 0.01),
                        (x + 0.06, half * 0.75, tall + 0.01), (x, half * 0.75, tall + 0.01)])  # fmt: skip
        solid.add(rib, paint * 0.88, shaded=False)
    return solid


def _chassis(random: Random, solid: Solid, paint: Colour, width: float, nose: float, belt: float, front: float) -> None:
    """Wheels, sides, bonnet and boot, lights: the lower half. `front`: where the windscreen begins."""
    length, footprint = solid.length, solid.footprint
    axle = length * 0.31
    for x in (axle, -axle):
        for y in (width / 2 - 0.12, 0.12 - width / 2):
            solid.block((x, y), (0.64, 0.26), (0.0, 0.6), RUBBER)
    sill = level(footprint * [0.97, 0.95], 0.24)
    along = (footprint[:, 0] + length / 2) / length
    height = np.interp(along, [0, 0.12, (front + length / 2) / length, 1], [belt * 0.9, belt, belt, nose])
    waist, top = level(footprint, height * 0.68), level(footprint * [0.965, 0.93], height)
    trim = paint if random.random() < 0.7 else np.full(3, 45.0)
    solid.ring(sill, level(footprint, height * 0.42), trim * 0.8)
    solid.ring(level(footprint, height * 0.42), waist, paint * 0.95)
    solid.ring(waist, top, paint)
    for side in (1, -1):
        for x in (axle, -axle):
            angle = np.linspace(0, np.pi, 8)[::side]
            arch = np.column_stack([x - 0.36 * np.cos(angle), np.full(8, side * (width / 2 + 0.005)),
                                    0.24 + 0.42 * np.sin(angle)])  # fmt: skip
            solid.add(arch[::-1], RUBBER, shaded=False)
    solid.add(top, paint)
    lamp = np.array((205.0, 210.0, 214.0)) * float(random.uniform(0.6, 1.15))
    tail = np.array((150.0, 18.0, 22.0)) * float(random.uniform(0.6, 1.4))
    for first, last, colour in ((2, 5, lamp), (31, 34, lamp), (14, 16, tail), (20, 22, tail)):
        solid.add(
            np.concatenate([waist[first : last + 1], (0.4 * waist + 0.6 * top * [0.97, 1, 1])[first : last + 1][::-1]]),
            colour,
            shaded=False,
        )
    rim = [34, 35, 0, 1, 2]
    solid.add(np.concatenate([waist[rim] * [1, 1, 0.72], waist[rim][::-1]]), np.full(3, float(random.uniform(18, 60))))
    plate = np.array([(0, -0.26, 0.55), (0, 0.26, 0.55), (0, 0.26, 0.68), (0, -0.26, 0.68)])
    solid.add(plate * [1, -1, 1] - [length / 2 + 0.01, 0, 0], np.full(3, 200.0), shaded=False)
    if front < length / 2 - 0.5:  # the gaps around the bonnet
        x = length / 2 - 0.2
        for y in (0.36, -0.36):
            seam = np.array([(front, y * width, belt + 0.01), (x, y * width * 0.85, nose + 0.02)])
            solid.add(np.concatenate([seam, seam[::-1] + np.array((0, 0.03, 0))]), paint * 0.72, shaded=False)


def _cabin(random: Random, solid: Solid, paint: Colour, floor: Points, roof: Points, glazed: float) -> None:
    """Windows and roof on (6, 3) outlines: front right, middle, left, rear left, middle, right."""
    glass = glass_of(random)
    solid.ring(floor, roof, glass * 0.8)
    screen = glass + float(random.uniform(0, 55))
    for a, b in ((0, 1), (1, 2)):
        solid.add(np.stack([floor[a], floor[b], roof[b], roof[a]]), paint * 0.9)
        frame = np.array([[0.07, 0.0], [0.0, 0.07]])[a]  # the post beside it
        low, high = (
            np.stack([p[a] + (p[b] - p[a]) * frame[0], p[b] + (p[a] - p[b]) * frame[1]]) for p in (floor, roof)
        )
        solid.add(np.stack([low[0], low[1], high[1], high[0]]), screen)
    if random.random() < 0.5:  # what is seen through it
        inner = np.stack([floor[0] * 0.75 + floor[2] * 0.25, floor[0] * 0.3 + floor[2] * 0.7,
                          roof[0] * 0.3 + roof[2] * 0.7, roof[0] * 0.75 + roof[2] * 0.25])  # fmt: skip
        solid.add(inner, screen * float(random.uniform(0.6, 1.5)), shaded=False)
    posts = [(0.0, 0.07), (float(random.uniform(0.38, 0.5)), 0.05), (0.93, 0.07)]
    if glazed < 1:
        posts.append((glazed, 1 - glazed))
    for a, b in ((2, 3), (5, 0)):
        for first, share in posts:
            ends = np.array([first, min(first + share, 1.0)])
            if a == 5:
                ends = 1 - ends[::-1]
            low, high = (p[a] + (p[b] - p[a]) * ends[:, None] for p in (floor, roof))
            solid.add(np.stack([low[0], low[1], high[1], high[0]]), paint * 0.85)
    for a, b in ((3, 4), (4, 5)):
        share = 0.08 if glazed >= 1 or random.random() < 0.5 else 1.0
        post = np.stack([floor[a], floor[b], roof[b], roof[a]])
        solid.add(post, glass if share < 1 else paint * 0.9)
    two_tone = random.random() < 0.08
    solid.add(roof, np.full(3, 26.0) if two_tone else paint * 1.03)
    if random.random() < 0.2 and not two_tone:
        middle = roof.mean(axis=0)
        hatch = (roof[[0, 2, 3, 5]] - middle) * [float(random.uniform(0.3, 0.75)), 0.7, 1] + middle + [0.2, 0, 0.01]
        solid.add(hatch, glass)
    elif random.random() < 0.3:
        for y in (0.42, 0.46):
            for sign in (1, -1):
                rail = np.array([roof[3], roof[2], roof[2], roof[3]]) * [0.9, 0, 1]
                rail[:, 1] = sign * (y * 2 * roof[2, 1] + np.array([0, 0, 0.04, 0.04]))
                solid.add(rail, np.full(3, float(random.choice([30, 190]))), shaded=False)
    x, y = floor[2, 0] - 0.25, abs(floor[2, 1])
    shell = paint * 0.9 if random.random() < 0.7 else np.full(3, 30.0)
    for sign in (1, -1):
        solid.block((x, sign * (y + 0.16)), (0.14, 0.22), (floor[2, 2], floor[2, 2] + 0.16), shell)


def _six(front: float, rear: float, half: float, bulge: float, dent: float, z: float) -> Points:
    return np.array([(front, -half, z), (front + bulge, 0, z), (front, half, z),
                     (rear, half, z), (rear - dent, 0, z), (rear, -half, z)])  # fmt: skip
