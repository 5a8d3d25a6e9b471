import numpy as np
import pytest
import torch
from torch import nn

from services.detector.heads.panel import _result
from shared.exceptions import ConfigError
from tests.detector_heads import random_head
from training.heads.augment import augment
from training.heads.candidates import parse
from training.heads.crackforest import crack_contrast, grid_of
from training.heads.dataset import IGNORED, DataSet, split_of
from training.heads.degrade import DEGRADATIONS
from training.heads.fit import Kept, Plan, fit, pick_lr, predict, range_test
from training.heads.loss import class_weights, flat
from training.heads.measure import best_threshold, calibration_of, confusion_of, f1_of, measure, roc_of, temperature_of


def test_patches_with_a_crack_in_their_margin_only_are_not_asked() -> None:
    mask = np.ones((160, 192), np.uint8)
    mask[64:96, 96:99] = 2  # 3 px wide, 32 px long
    grid = grid_of(mask)
    assert grid.shape == (5, 6)
    # Cell (2, 2) sees 48…112 x 48…112: the crack lies 48 px into it, inside its middle.
    assert grid[2, 2] == 1
    # Cell (2, 1) sees columns 16…80: no crack. Cell (1, 2) sees rows 16…80: 16 rows of crack, 8 of them in its middle.
    assert grid[2, 1] == 0
    assert grid[1, 2] == IGNORED
    assert (grid[0] == IGNORED).all()
    assert (grid[:, -1] == IGNORED).all()


def test_doubtful_parts_are_not_asked() -> None:
    mask = np.ones((160, 160), np.uint8)
    assert (grid_of(mask)[1:-1, 1:-1] == 0).all()
    mask[80, 80] = 4
    assert grid_of(mask)[2, 2] == IGNORED


def test_a_mask_of_another_picture_has_no_contrast() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(120, 140, (160, 160, 3)).astype(np.uint8)
    mask = np.ones((160, 160), np.uint8)
    mask[80:83, 20:140] = 2
    assert abs(crack_contrast(pixels, mask)) < 0.5
    pixels[80:83, 20:140] = 60
    assert crack_contrast(pixels, mask) > 3


def test_a_group_always_falls_into_the_same_split_and_the_shares_hold() -> None:
    splits = [split_of(str(number)) for number in range(2000)]
    assert splits == [split_of(str(number)) for number in range(2000)]
    assert splits.count("test") / 2000 == pytest.approx(0.25, abs=0.03)
    assert splits.count("val") / 2000 == pytest.approx(0.15, abs=0.03)


def test_labels_move_along_with_a_mirrored_picture() -> None:
    data = DataSet("x", "patch", ["a", "b"], [], "", "", mirrored=True, photometric=False)
    label = np.arange(6).reshape(2, 3)
    pixels = np.repeat(np.repeat(label, 32, 0), 32, 1)[:, :, None].repeat(3, 2).astype(np.uint8)
    seen = set()
    for seed in range(12):
        moved, moved_label = augment(pixels, label, data, np.random.default_rng(seed))
        assert (moved[::32, ::32, 0] == moved_label).all()
        seen.add(moved_label.tobytes())
    assert len(seen) == 4


def test_the_temperature_that_was_applied_is_found_again() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 3, generator=generator) * 2
    labels = torch.multinomial(torch.softmax(logits, 1), 1, generator=generator)[:, 0]
    assert temperature_of(logits * 3, labels) == pytest.approx(3, rel=0.1)
    assert temperature_of(logits * 0.4, labels) == pytest.approx(0.4, rel=0.1)
    ece = [calibration_of(torch.softmax(logits * k, 1).double().numpy(), labels.numpy())[0] for k in (1, 3)]
    assert ece[0] < 0.03 < 0.1 < ece[1]


def test_f1_and_the_area_under_the_curve_are_those_of_the_books() -> None:
    labels, predicted = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 0])
    assert f1_of(confusion_of(labels, predicted, 2)) == pytest.approx(2 / 3)
    assert f1_of(np.diag([3, 4, 5])) == 1
    scores = np.array([0.1, 0.4, 0.35, 0.8])
    assert roc_of(scores, np.array([False, False, True, True]))[2] == pytest.approx(0.75)
    assert roc_of(np.full(4, 0.5), np.array([False, False, True, True]))[2] == pytest.approx(0.5)
    assert best_threshold(np.array([0.1, 0.2, 0.6, 0.7]), np.array([0, 0, 1, 1])) == pytest.approx(0.4, abs=0.02)


def test_the_interval_resamples_pictures_not_patches() -> None:
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, 2, 400))
    right = np.repeat(rng.random(20) < 0.7, 20)  # whole pictures are right or wrong
    logits = torch.nn.functional.one_hot(torch.where(torch.from_numpy(right), labels, 1 - labels), 2).float() * 4
    by_picture = measure(logits, labels, np.repeat(np.arange(20), 20), 1.0, 0.5)
    by_patch = measure(logits, labels, np.arange(400), 1.0, 0.5)
    assert by_picture.f1 == by_patch.f1
    widths = [high - low for low, high in (by_picture.f1_interval, by_patch.f1_interval)]
    assert widths[0] > 2 * widths[1]


def test_figures_are_of_the_decision_that_the_detector_takes() -> None:
    """Of more than two classes too: not normal by the threshold, though normal is the most probable of all."""
    probabilities = torch.tensor([[0.4, 0.35, 0.25], [0.6, 0.1, 0.3], [0.2, 0.3, 0.5], [0.71, 0.19, 0.1]])
    labels, groups = torch.tensor([1, 2, 2, 0]), np.arange(4)
    found = measure(probabilities.log(), labels, groups, 1.0, 0.5)
    assert found.predicted.tolist() == [1, 0, 2, 0]
    assert found.accuracy == 0.75
    assert measure(probabilities.log(), labels, groups, 1.0, 0.3).predicted.tolist() == [1, 2, 2, 0]
    assert measure(probabilities.log(), labels, groups, 1.0, 0.9).predicted.tolist() == [0, 0, 0, 0]
    head = random_head("image", classes=["clear", "rain", "dark"], threshold=0.3)
    told = [_result(head, row.numpy()).label for row in probabilities]
    assert told == ["rain", "dark", "dark", "clear"]


def blobs(count: int, seed: int, rare: float = 0.5, apart: float = 3.0) -> Kept:
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(count, generator=generator) < rare).long()
    inputs = torch.randn(count, 4, generator=generator)
    inputs[:, 0] += apart * labels
    return Kept([inputs], [labels])


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "step"])
def test_training_learns_with_each_schedule(schedule: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    history = fit(net, blobs(200, 1), blobs(100, 2), 2, Plan(epochs=8, schedule=schedule))  # type: ignore[arg-type]
    test = blobs(500, 3)
    assert (predict(net, test.inputs[0]).argmax(1) == test.labels[0]).float().mean() > 0.9
    assert history.val_loss[history.best] == min(history.val_loss)
    assert 3e-4 <= history.lr <= 1e-2


def test_training_stops_when_validation_gets_worse_and_keeps_the_best() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
    noise = Kept([torch.randn(40, 4)], [torch.randint(2, (40,))])
    history = fit(net, noise, blobs(100, 2), 2, Plan(epochs=200, patience=5, lr=1e-2))
    assert len(history.val_loss) == history.best + 6 < 200


def test_the_range_test_leaves_the_network_as_it_was_and_finds_where_the_loss_falls() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    before = [part.clone() for part in net.parameters()]
    curve = range_test(net, blobs(200, 1), torch.ones(2), Plan())
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert [lr for lr, _ in curve] == sorted(lr for lr, _ in curve)
    assert min(loss for _, loss in curve) < 0.7 * curve[0][1]
    assert pick_lr(curve) < min((loss, lr) for lr, loss in curve)[1]


def test_class_weights_do_not_bend_the_probabilities() -> None:
    torch.manual_seed(0)
    train, val = blobs(800, 1, 0.1, 1.5), blobs(800, 2, 0.1, 1.5)
    assert class_weights(train.labels[0], 2)[1] > 4 * class_weights(train.labels[0], 2)[0]
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    fit(net, train, val, 2, Plan(epochs=15, balanced=True, lr=5e-3))
    test = blobs(2000, 3, 0.1, 1.5)
    said = torch.softmax(predict(net, test.inputs[0]), 1)[:, 1].mean()
    assert float(said) == pytest.approx(float(test.labels[0].float().mean()), abs=0.03)


def test_ignored_cells_are_no_examples() -> None:
    labels = torch.tensor([[[0, IGNORED], [1, 0]]])
    logits, asked = flat(torch.arange(8.0).view(1, 2, 2, 2), labels)
    assert asked.tolist() == [0, 1, 0]
    assert logits.tolist() == [[0, 4], [2, 6], [3, 7]]


def test_each_degradation_does_what_it_is_named_for() -> None:
    rng = np.random.default_rng(0)
    picture = (np.kron(rng.random((12, 16, 3)), np.ones((20, 20, 1))) * 0.8 + 0.1).astype(np.float32)

    def mean(name: str, figure: object) -> float:
        draws = [DEGRADATIONS[name](picture, np.random.default_rng(seed)) for seed in range(6)]
        assert all(item.shape == picture.shape and item.dtype == np.float32 for item in draws)
        assert all(item.min() >= 0 and item.max() <= 1 for item in draws)
        return float(np.mean([figure(item) for item in draws]))  # type: ignore[operator]

    clear = mean("clear", np.std)
    assert mean("fog-or-smoke", np.std) < 0.8 * clear
    assert mean("dark", np.mean) < 0.5 * mean("clear", np.mean)
    assert mean("dirty-lens", lambda item: np.abs(np.diff(item, axis=1)).mean()) < mean(
        "clear", lambda item: np.abs(np.diff(item, axis=1)).mean()
    )
    # Streaks differ from their neighbours to the left and right more than from those above and below.
    upright = [np.abs(np.diff(DEGRADATIONS["rain"](picture * 0 + 0.4, np.random.default_rng(3)), axis=axis)).mean()
               for axis in (0, 1)]  # fmt: skip
    assert upright[1] > 1.2 * upright[0]


def test_an_unknown_candidate_is_named() -> None:
    assert parse("resnet18=w.pth")[0] == "resnet18"
    with pytest.raises(ConfigError, match="resnet19"):
        parse("resnet19")
