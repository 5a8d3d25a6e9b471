"""What README.md and docs/ show is true: examples load, quoted errors are those that the code gives, links lead
somewhere; and no file ties the project to one package registry."""

import re
import subprocess
from pathlib import Path

import pytest

from shared.exceptions import ConfigError
from shared.settings import load_settings
from shared.sitefile import parse_site

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SITE_PAGE = (ROOT / "docs/site-file.md").read_text()
# The edit of the example that gives each quoted error.
MISTAKES = {
    "no time of day": ('from: "20:00"', 'from: "8pm"'),
    "unknown time zone": ("Europe/Berlin", "Berlin"),
    "unknown key": ("direction:", "directoin:"),
    "needs at least 3 points": (", [0.47, 0.35], [0.52, 0.98]]", "]"),
    "less than or equal to 1": ("[0.31, 0.98]", "[1.31, 0.98]"),
    "used twice": ("id: a2-km42", "id: a2-km41"),
    "hard-sholder": ("zones: [hard-shoulder]", "zones: [hard-sholder]"),
}


# Hosts that packages and images are fetched from, not their projects' pages or XML namespaces (pom.xml needs Maven's).
# In parts, since this file is searched too.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("download", "pytorch", "org"),
        ("maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("nvcr", "io"),
    )
)


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _anchor(heading: str) -> str:
    """As the pages' renderers make it: lower case, spaces to hyphens, no punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("A2_KM41_PASSWORD", "s3cret")
    monkeypatch.setenv("HOOK_SECRET", "whsec_c2VjcmV0c2VjcmV0")
    (text,) = _blocks(SITE_PAGE, "yaml")
    return text


def test_the_example_site_file_loads(example: str) -> None:
    site = parse_site(example, Path("site.yaml"))
    assert [camera.id for camera in site.cameras] == ["a2-km41", "a2-km42"]
    assert site.cameras[1].ground is not None
    assert len(site.sinks) == 2


@pytest.mark.parametrize("mistake", sorted(MISTAKES))
def test_a_quoted_site_error_is_what_a_reader_will_see(example: str, mistake: str) -> None:
    old, new = MISTAKES[mistake]
    assert old in example
    with pytest.raises(ConfigError, match=mistake) as raised:
        parse_site(example.replace(old, new, 1), Path("site.yaml"))
    assert f"wayside: {raised.value}" in SITE_PAGE.splitlines()


def test_every_quoted_site_error_is_checked(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (errors,) = _blocks(SITE_PAGE, "text")
    assert len(errors.splitlines()) == len(MISTAKES) + 1
    monkeypatch.delenv("HOOK_SECRET")
    with pytest.raises(ConfigError) as raised:
        parse_site(example, Path("site.yaml"))
    assert f"wayside: {raised.value}" in errors.splitlines()


def test_the_quoted_settings_error_is_what_a_reader_will_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYSIDE_BATCH", "0")
    with pytest.raises(ConfigError) as raised:
        load_settings()
    assert f"wayside: {raised.value}" in (ROOT / "docs/settings.md").read_text().splitlines()


def test_none_in_the_environment_takes_a_limit_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYSIDE_MAX_AGE_S", "none")
    assert load_settings().max_age_s is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_host_names_in_examples_belong_to_nobody(page: Path) -> None:
    """RFC 2606 reserves `.example`; a reader who copies a line must not reach a stranger."""
    text = re.sub(r"\]\([^)]*\)", "", page.read_text())
    hosts = re.findall(r"\w+://(?:[^/@\s`]*@)?([\w.-]+)", text)
    assert [host for host in hosts if not host.endswith(".example") and host != "127.0.0.1"] == []


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is for the machine's own settings (a mirror, a proxy) to say, not for the project."""
    assert _registries_in(f"RUN pip install --index-url https://{REGISTRIES[0]}/simple x") == [REGISTRIES[0]]
    assert _registries_in(f"https://repo1.{REGISTRIES[3]}/maven2") == [REGISTRIES[3]]
    assert _registries_in("import docker.iostream") == []
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert Path(__file__).resolve() in paths
    texts = {path: path.read_bytes().decode(errors="replace") for path in paths if path.is_file()}
    found = {str(path.relative_to(ROOT)): names for path, text in texts.items() if (names := _registries_in(text))}
    assert found == {}


def _registries_in(text: str) -> list[str]:
    return [name for name in REGISTRIES if re.search(rf"\b{re.escape(name)}\b", text)]
