"""Trucks and buses as solids."""

import numpy as np

from training.data.overhead_solids import RUBBER, Random, Solid, corners, glass_of, level, outline, paint_of


def truck(random: Random, length: float) -> Solid:
    """A cab, and behind it a box, an open bed or a flat one with loads."""
    width, tall = float(random.uniform(2.1, 2.55)), float(random.uniform(2.6, 3.9))
    cab = float(random.uniform(1.6, 2.4))
    solid = Solid("truck", length, corners((0.0, 0.0), (length, width)), tall)
    paint, load = paint_of(random), paint_of(random)
    if random.random() < 0.5:
        load = np.array((218.0, 219.0, 217.0)) * float(random.uniform(0.75, 1.1))
    solid.block((0.0, 0.0), (length * 0.97, width * 0.7), (0.4, 0.9), np.full(3, 40.0))
    for x in (length / 2 - 1.2, -length / 2 + 1.2, -length / 2 + 2.4):
        for sign in (1, -1):
            solid.block((x, sign * (width / 2 - 0.15)), (1.0, 0.3), (0.0, 0.95), RUBBER)
    begin, end = -length / 2, length / 2 - cab - float(random.uniform(0.15, 0.7))
    middle, size = ((begin + end) / 2, 0.0), (end - begin, width)
    kind = str(random.choice(["box", "box", "open", "flat"]))
    if kind == "box":
        solid.block(middle, size, (1.0, tall), load)
        for x in np.arange(begin + 0.5, end - 0.3, float(random.uniform(0.6, 2.5))):
            solid.add(level(corners((x, 0.0), (0.06, width * 0.97)), tall + 0.01), load * 0.87, shaded=False)
    else:
        rim = float(random.uniform(1.0, 1.3)) if kind == "flat" else min(tall, 2.4)
        solid.block(middle, size, (0.9, rim), load * 0.9)
        hold = np.array((120.0, 100.0, 78.0)) if random.random() < 0.4 else np.full(3, float(random.uniform(40, 150)))
        solid.add(level(corners(middle, (size[0] * 0.96, width * 0.9)), rim + 0.01), hold)
        if kind == "flat":
            for x in np.arange(begin + 1.0, end - 1.0, float(random.uniform(1.3, 3.0))):
                if random.random() < 0.6:
                    lift = rim + float(random.uniform(0.3, 1.2))
                    solid.block((x, float(random.normal(0, 0.1))), (1.1, width * 0.75), (rim, lift), paint_of(random))
    low, high = float(random.uniform(0.45, 0.6)), min(tall, float(random.uniform(2.5, 3.2)))
    at = (length / 2 - cab / 2, 0.0)
    base = corners(at, (cab, width * 0.97))
    belt, crown = level(base, 1.55), level(corners((at[0] - 0.1, 0.0), (cab - 0.25, width * 0.9)), high)
    solid.ring(level(base, low), belt, paint * 0.9)
    solid.ring(belt, crown, paint)
    glass = glass_of(random)
    for a, b, top in ((0, 1, 0.8), (1, 2, 0.6), (3, 0, 0.6)):
        near, far = belt[a] * 0.9 + belt[b] * 0.1, belt[a] * 0.1 + belt[b] * 0.9
        up, over = (near + (crown[a] - belt[a]) * top, far + (crown[b] - belt[b]) * top)
        solid.add(np.stack([near, far, over, up]), glass)
    solid.add(crown, paint * 1.03)
    if random.random() < 0.5:
        solid.block((at[0] - 0.3, 0.0), (cab * 0.45, width * 0.8), (high, high + 0.35), paint * 0.97)
    for sign in (1, -1):
        solid.block((length / 2 - 0.2, sign * (width / 2 + 0.2)), (0.18, 0.3), (1.7, 2.4), RUBBER * 1.5)
    return solid


def bus(random: Random, length: float) -> Solid:
    """Windows all around, hatches and boxes on the roof."""
    width, tall = float(random.uniform(2.3, 2.55)), float(random.uniform(2.8, 3.3))
    footprint = outline(length, width, 16.0, 20.0)
    solid, paint, glass = Solid("bus", length, footprint, tall), paint_of(random), glass_of(random)
    for x in (length * 0.3, -length * 0.25):
        for sign in (1, -1):
            solid.block((x, sign * (width / 2 - 0.12)), (1.0, 0.26), (0.0, 0.95), RUBBER)
    levels = [level(footprint * [1, scale], z) for scale, z in ((1, 0.3), (1, 1.25), (0.97, 2.45), (0.94, tall))]
    solid.ring(levels[0], levels[1], paint * 0.95)
    solid.ring(levels[1], levels[2], glass)
    solid.ring(levels[2], levels[3], paint)
    roof = paint if random.random() < 0.5 else np.array((214.0, 216.0, 216.0)) * float(random.uniform(0.8, 1.1))
    solid.add(levels[3], roof)
    for x in np.arange(-length * 0.4, length * 0.42, float(random.uniform(1.2, 3.0))):
        draw = random.random()
        if draw < 0.3:
            size = (float(random.uniform(0.6, 2.2)), width * float(random.uniform(0.3, 0.7)))
            solid.block((x, 0.0), size, (tall, tall + 0.25), roof * float(random.uniform(0.7, 1.0)))
        elif draw < 0.6:
            solid.add(level(corners((x, 0.0), (0.7, 0.7)), tall + 0.01), roof * 0.8, shaded=False)
        else:
            solid.add(level(corners((x, 0.0), (0.05, width * 0.9)), tall + 0.01), roof * 0.85, shaded=False)
    for sign in (1, -1):
        solid.block((length / 2 + 0.1, sign * (width / 2 + 0.15)), (0.2, 0.28), (2.0, 2.5), RUBBER * 1.5)
    return solid
