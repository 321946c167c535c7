"""Imports point down: a file uses only lower floors, never a sideways one (design: house)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOOR = {
    "inference_types": 0,
    "text": 1,
    "audio": 1,
    "kernels": 1,
    "models": 2,
    "frontend": 3,
    "tts_engine": 3,
    "orchestrator": 3,
    "training": 4,  # export writes the bundles that frontend reads; nothing imports training
    "server": 4,
    "main": 5,
}
HOST_ONLY = ("inference_types", "orchestrator", "server")


def files_of(part: str) -> list[Path]:
    return [*ROOT.glob(f"{part}.py"), *(ROOT / part).rglob("*.py")]


def imported_parts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("part", FLOOR)
def test_imports_point_down(part: str) -> None:
    files = files_of(part)
    assert files, f"{part} has no files"
    for path in files:
        wrong = {p for p in imported_parts(path) if p != part and FLOOR.get(p, -1) >= FLOOR[part]}
        assert not wrong, f"{path.relative_to(ROOT)} may not import {sorted(wrong)}"


@pytest.mark.parametrize("part", HOST_ONLY)
def test_host_floors_never_import_jax(part: str) -> None:
    for path in files_of(part):
        wrong = {"jax", "jaxlib", "flax"} & set(imported_parts(path))
        assert not wrong, f"{path.relative_to(ROOT)} may not import {sorted(wrong)}"


@pytest.mark.parametrize("part", FLOOR)
def test_only_main_reads_the_environment(part: str) -> None:
    for path in files_of(part):
        if path.name == "main.py" or part == "training":
            continue
        text = path.read_text(encoding="utf-8")
        assert "os.environ" not in text and "getenv" not in text, path.relative_to(ROOT)


@pytest.mark.parametrize("part", FLOOR)
def test_nothing_imports_tests_or_benchmarks(part: str) -> None:
    for path in files_of(part):
        assert not {"tests", "benchmarks"} & set(imported_parts(path)), path.relative_to(ROOT)


def test_client_example_stands_alone() -> None:
    used = set(imported_parts(ROOT / "streaming_client_example.py"))
    assert not used & FLOOR.keys()


def test_no_pickle_at_run_time() -> None:
    for part in FLOOR:
        for path in files_of(part):
            assert not {"pickle", "dill", "joblib", "torch"} & set(imported_parts(path)), path
