"""The package as users get it: built and installed, not the checkout.

And the versions of others that it may be installed beside.
"""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

import sklearn_ae

ROOT = Path(__file__).parents[1]
SOURCES = {
    path.relative_to(ROOT).as_posix()
    for path in ROOT.glob("sklearn_ae/**/*")
    if path.is_file() and path.suffix != ".pyc"
}
# Beside the package in a sdist, with the files that belong to it.
BESIDE = ("tests", "docs", "examples")
SINGLE = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "MANIFEST.in",
    "constraints.txt",
    "constraints-oldest.txt",
)
# Made by builds of the pages, which git ignores.
MADE = ("_build", "auto_examples", "generated", "__pycache__", "sg_execution_times.rst")
# Builds the sdist, and the wheel twice: of the tree here, and of the sdist. By the
# backend itself, for an isolated build would need a network.
BUILD = """
import os, tarfile
from setuptools import build_meta
archive = tarfile.open(os.path.join("dist", build_meta.build_sdist("dist")))
build_meta.build_wheel("dist")
archive.extractall("unpacked", filter="data")
os.chdir(os.path.join("unpacked", *os.listdir("unpacked")))
build_meta.build_wheel("dist")
"""
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
def built(tmp_path_factory):
    """Build a copy of the tree; return its folder."""
    folder = tmp_path_factory.mktemp("built")
    for name in SINGLE:
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns(*MADE)
    for name in ("sklearn_ae", *BESIDE):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    run(sys.executable, "-c", BUILD, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (wheel,) = built.glob("dist/*.whl")
    return wheel


@pytest.fixture(scope="module")
def sdist(built):
    """Return the folder that the sdist unpacks to, with a wheel built there."""
    (folder,) = built.glob("unpacked/*")
    return folder


def files_of(folder, names):
    return {
        path.relative_to(folder).as_posix()
        for name in names
        for path in (folder / name).glob("**/*")
        if path.is_file() and not set(path.parts) & set(MADE)
    }


@pytest.mark.slow
def test_a_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == SOURCES
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_a_sdist_holds_the_package_and_all_that_its_tests_read(built):
    (path,) = built.glob("dist/*.tar.gz")
    with tarfile.open(path) as archive:
        files = [member.name for member in archive if member.isfile()]
    names = {name.partition("/")[2] for name in files}
    added = {name for name in names if ".egg-info/" in name} | {"PKG-INFO", "setup.cfg"}
    assert names - added == SOURCES | files_of(built, BESIDE) | set(SINGLE)


@pytest.mark.slow
def test_a_wheel_of_the_sdist_is_that_of_the_tree(wheel, sdist):
    """To the byte; the list of hashes among its files says so of each."""
    (again,) = sdist.glob("dist/*.whl")
    assert again.name == wheel.name
    first, second = zipfile.ZipFile(wheel), zipfile.ZipFile(again)
    assert sorted(first.namelist()) == sorted(second.namelist())
    for name in first.namelist():
        assert first.read(name) == second.read(name), name


@pytest.mark.slow
def test_the_metadata_is_valid_and_has_the_newest_version(sdist):
    text = (sdist / "PKG-INFO").read_text(encoding="utf-8")
    metadata = Metadata.from_email(text, validate=True)
    changelog = (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, flags=re.MULTILINE).group(1)
    assert str(metadata.version) == newest == sklearn_ae.__version__
    assert metadata.name == "sklearn-ae"
    assert metadata.license_files == ["LICENSE"]
    assert metadata.description == (ROOT / "README.md").read_text(encoding="utf-8")


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
