"""A site file that is wrong gives one line that names the file, the line, the field and the remedy."""

from pathlib import Path

import pytest

from shared.exceptions import ConfigError
from shared.sitefile import load_site, parse_site

GOOD = """\
site: a2-north
cameras:
  - id: km41
    source: clip.mp4
    zones:
      - id: lane-1
        kind: lane
        polygon: [[0.1, 0.9], [0.4, 0.3], [0.6, 0.3]]
        direction: [0, 1]
  - id: km42
    source: rtsp://user:${KM42_PASSWORD}@camera-42.example/main
rules:
  - { incident: stopped-vehicle, zones: [lane-1], after_s: 5, severity: warning }
sinks:
  - { type: webhook, url: "https://desk.example/hook", secret: "${HOOK_SECRET}" }
  - { type: jsonl, path: alerts.jsonl }
"""


RULES = "rules:\n"
PLANNED = "inspections:\n  - {{ lane: {}, cron: '{}' }}\n"
CORNERS = "[0.1, 0.9], [0.4, 0.3], [0.6, 0.3]"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KM42_PASSWORD", "s3cret")
    monkeypatch.setenv("HOOK_SECRET", "whsec_c2VjcmV0c2VjcmV0")


def test_a_good_file_is_read_with_variables_and_paths_relative_to_it(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)
    site = load_site(path)
    assert [camera.id for camera in site.cameras] == ["km41", "km42"]
    assert site.cameras[0].source == str(tmp_path / "clip.mp4")
    assert site.cameras[1].source == "rtsp://user:s3cret@camera-42.example/main"
    assert site.sinks[1].type == "jsonl"
    assert site.sinks[1].path == tmp_path / "alerts.jsonl"
    assert "whsec" not in repr(site)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: lane", "kind: lane\n        colour: red", "site.yaml:8: cameras[0].zones[0].colour: unknown key"),
        (CORNERS, "[0.1, 0.9], [0.4, 0.3]", "zones[0].polygon: a polygon needs at least 3 points, got 2"),
        ("[0.6, 0.3]", "[1.6, 0.3]", "site.yaml:8: cameras[0].zones[0].polygon[2][0]: Input should be less than"),
        ("[0.6, 0.3]", "[0.6, -0.3]", "greater than or equal to 0"),
        (CORNERS, "[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]", "the polygon's edges cross"),
        (CORNERS, "[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]", "the polygon has no area"),
        ("site: a2-north", "site: a2-north\nlane_stats_s: 5", "site.yaml:2: lane_stats_s: Input should be"),
        ("site: a2-north", "site: a2-north\nlane_stats_s: 2h", "site.yaml:2: lane_stats_s: Input should be"),
        ("id: km42", "id: km41", "site.yaml:2: cameras: camera id 'km41' is used twice"),
        ("kind: lane", "kind: motorway", "site.yaml:7: cameras[0].zones[0].kind: Input should be 'lane', 'shoulder'"),
        ("incident: stopped-vehicle", "incident: parked", "site.yaml:13: rules[0].incident: unknown incident 'parked'"),
        ("zones: [lane-1]", "zones: [lane-9]", "no zone has the id 'lane-9'"),
        ("    source: clip.mp4\n", "", "site.yaml:3: cameras[0].source: is required"),
        ("type: jsonl, path: alerts.jsonl", "type: fax", "site.yaml:16: sinks[1]:"),
        ("direction: [0, 1]", "direction: [0, 0]", "a direction needs a length"),
        ("site: a2-north", "site: a2-north\nsite: b", "site.yaml:2: site: given twice"),
        (RULES, f"inspections: [{{ lane: lane-1 }}]\n{RULES}", "site.yaml:12: inspections[0].cron: is required"),
        (RULES, f"{PLANNED.format('lane-9', '0 5 * * *')}{RULES}", "id 'lane-9'; the site's lanes: lane-1"),
        (RULES, f"{PLANNED.format('lane-1', '0 5 * *')}{RULES}", "inspections[0].cron: '0 5 * *' needs five fields"),
        (RULES, f"{PLANNED.format('lane-1', '0 25 * * *')}{RULES}", "'0 25 * * *' is no cron expression"),
        (RULES, f"{PLANNED.format('lane-1', '0 5 30 2 *')}{RULES}", "is no cron expression: bad day-of-month"),
        ("incident: stopped-vehicle", "incident: lane-clear", "lane-clear is the answer of an inspection"),
        ("site: a2-north", "site: [", "not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_on_one_line(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as raised:
        parse_site(GOOD.replace(old, new, 1), Path("site.yaml"))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    with pytest.raises(ConfigError, match=r"site.yaml: \$\{HOOK_SECRET\} is not set in the environment"):
        parse_site(GOOD, Path("site.yaml"))


def test_a_missing_file_and_an_empty_file_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such site file"):
        load_site(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="a site file is a mapping"):
        parse_site("", Path("site.yaml"))


def test_no_error_shows_a_secret() -> None:
    with pytest.raises(ConfigError) as raised:
        parse_site(GOOD.replace("https://desk", "ftp://desk"), Path("site.yaml"))
    assert "c2VjcmV0" not in str(raised.value)
    assert "s3cret" not in str(raised.value)
