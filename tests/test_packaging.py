"""The package as users get it: built as a wheel and installed, not the checkout.

And the versions of others that it may be installed beside.
"""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    path.relative_to(ROOT).as_posix()
    for path in ROOT.glob("sklearn_ae/**/*")
    if path.is_file() and path.suffix != ".pyc"
}
# Imports every module of the installed package, and tells where it is.
IMPORT_ALL = """
import importlib, pathlib, pkgutil
import sklearn_ae
for module in pkgutil.walk_packages(sklearn_ae.__path__, "sklearn_ae."):
    importlib.import_module(module.name)
folder = pathlib.Path(sklearn_ae.__file__).parent
assert (folder / "py.typed").exists()
print(folder)
"""


def run(*command, **options):
    return subprocess.run(
        command, check=True, capture_output=True, text=True, **options
    ).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel of a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sklearn_ae", folder / "sklearn_ae", ignore=ignored)
    build = ("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", "dist")
    run(sys.executable, *build, ".", cwd=folder)
    (built,) = folder.glob("dist/*.whl")
    return built


@pytest.mark.slow
def test_a_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == SOURCES
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_an_installed_wheel_imports(wheel, tmp_path):
    install = ("-m", "pip", "install", "--no-deps", "--target", "site")
    run(sys.executable, *install, str(wheel), cwd=tmp_path)
    path = {"PYTHONPATH": str(tmp_path / "site")}
    printed = run(sys.executable, "-c", IMPORT_ALL, cwd=tmp_path, env=path)
    assert Path(printed.strip()) == tmp_path / "site" / "sklearn_ae"


def test_the_oldest_versions_that_are_tested_are_those_that_are_permitted():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = project["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["plot"] + extras["test"]
    permitted = dict(line.split(">=") for line in lines)
    pins = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8").splitlines()
    tested = dict(line.split("==") for line in pins if not line.startswith("#"))
    # Its old releases are too large to fetch for each run.
    del permitted["torch"]
    for package, version in permitted.items():
        assert f"{tested[package]}.".startswith(f"{version}."), package
