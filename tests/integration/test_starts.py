"""What a process imports before it works: each start waits for it."""

import subprocess
import sys

import pytest

_HEAVY = ("torch", "torch._dynamo", "torchvision", "scipy", "mlflow", "ultralytics", "matplotlib")


@pytest.mark.parametrize(
    ("modules", "needed"),
    [
        ("services.detector.service", {"torch", "ultralytics", "scipy"}),
        ("services.analyzer.service", {"scipy"}),
        ("services.alerts.service services.producer.service services.inspector.service", set()),
        ("services.cli training.data.split training.data.card training.data.dedupe", set()),
    ],
)
def test_a_start_imports_only_the_large_packages_that_it_works_with(modules: str, needed: set[str]) -> None:
    code = f"import sys, {', '.join(modules.split())}; print(*(name for name in {_HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert set(done.stdout.split()) == needed
