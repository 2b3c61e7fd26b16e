"""Who may import whom, and what an import may cost.

The two tables of who may import whom stand in docs/contributing.md.
"""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_ae

PACKAGE = Path(sklearn_ae.__file__).parent
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
MODULES = sorted(PACKAGE.glob("**/*.py"))
# Other people's packages that each room may import.
OTHERS = {
    "__init__": set(),
    "_imputers": {"numpy", "scipy", "sklearn", "torch"},
    "_tables": {"numpy", "scipy", "sklearn"},
    "export": set(),
    "_estimators": {"numpy", "sklearn", "torch"},
    "_detectors": {"numpy", "scipy", "sklearn"},
    "_components": {"joblib", "numpy", "sklearn", "torch"},
    "_export": {"numpy", "scipy", "sklearn", "torch"},
    "_fitting": {"numpy", "scipy", "sklearn", "torch"},
    "_dask": {"dask", "distributed", "numpy", "pandas", "sklearn", "torch"},
    "_distributed": {"numpy", "torch"},
    "_pca": {"numpy", "sklearn", "torch"},
    "_splits": {"numpy", "scipy", "sklearn"},
    "_training": {"numpy", "sklearn", "skorch", "torch"},
    "_rows": {"numpy", "scipy", "torch"},
    "_optim": {"torch"},
    "_modules": {"numpy", "torch"},
    "networks": {"sklearn", "torch"},
    "losses": {"numpy", "sklearn", "torch"},
    "likelihoods": {"numpy", "sklearn", "torch"},
    "corruptions": {"sklearn", "torch"},
    "penalties": {"sklearn", "torch"},
    "priors": {"numpy", "sklearn", "torch"},
    "_report": {"numpy", "sklearn"},
    "_comparison": {"numpy", "scipy", "sklearn"},
    "displays": {"matplotlib", "numpy", "sklearn"},
    "model_selection": {"numpy", "sklearn"},
    "_images": set(),
    "_inference": {"numpy", "torch"},
    "_pipelines": {"sklearn"},
    "_progress": set(),
    "_utils": {"numpy", "sklearn", "torch"},
    "_arrays": {"numpy", "sklearn", "torch"},
    "_frames": {"numpy"},
    "_validation": {"numpy", "scipy", "sklearn"},
    "_draws": {"torch"},
    "_weights": {"numpy", "sklearn"},
    "_version": set(),
}


def table_below(heading):
    """Return the arrows of the first block below a heading of the page."""
    block = PAGE.split(f"### {heading}\n", 1)[1].split("```text\n", 1)[1]
    rows = re.split(r"\n(?=\S)", block.split("```", 1)[0].strip())
    table = {}
    for row in rows:
        names, _, targets = row.partition("->")
        targets = set(re.findall(r"[\w.]+", targets)) - {"nothing"}
        table |= dict.fromkeys(re.findall(r"[\w.]+", names), targets)
    return table


ROOMS = table_below("Which room may import which")
FILES = table_below("Which file may import which, inside a room")


def dotted(path):
    """Return a module's name within the package: `room`, or `room.file`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "__init__"


def room(name):
    """Return the folder, or the file beside the folders, that a module is in."""
    return name.split(".")[0]


def imported(path):
    """Return the modules of this package and the other packages that a file imports."""
    own, others = set(), set()
    names = {dotted(module) for module in MODULES}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            sources = [(alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            sources = [(node.module, [alias.name for alias in node.names])]
        else:
            continue
        for source, taken in sources:
            root, _, rest = source.partition(".")
            if root == "sklearn_ae":
                within = {".".join(filter(None, [rest, name])) for name in taken}
                modules = within & names
                own |= modules
                if within - modules or not taken:
                    own.add(rest or "__init__")
            elif root not in sys.stdlib_module_names:
                others.add(root)
    return own, others


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_module_imports_only_what_it_may(path):
    own, others = imported(path)
    name = dotted(path)
    home = room(name)
    assert {room(other) for other in own} - {home} <= ROOMS[home]
    assert {other for other in own if room(other) == home} <= FILES.get(name, set())
    assert others <= OTHERS[home]


def test_the_tables_name_what_there_is():
    names = {dotted(path) for path in MODULES}
    rooms = {room(name) for name in names}
    assert ROOMS.keys() == OTHERS.keys() == rooms
    assert set().union(*ROOMS.values()) <= rooms
    assert FILES.keys() | set().union(*FILES.values()) <= names


def test_the_tables_permit_no_more_than_is_used():
    used = {dotted(path): imported(path)[0] for path in MODULES}
    by_room = {name: set() for name in ROOMS}
    for name, own in used.items():
        by_room[room(name)] |= {room(other) for other in own} - {room(name)}
    assert by_room == ROOMS
    inside = {
        name: {other for other in own if room(other) == room(name)}
        for name, own in used.items()
    }
    assert {name: own for name, own in inside.items() if own} == FILES


@pytest.mark.parametrize("table", [ROOMS, FILES], ids=["rooms", "files"])
def test_imports_go_one_way(table):
    """Taking away what imports nothing that is left empties the table."""
    left = dict(table)
    while left:
        leaves = {name for name, own in left.items() if not own & left.keys()}
        assert leaves, f"a circle among {sorted(left)}"
        left = {name: own for name, own in left.items() if name not in leaves}


def test_components_never_import_each_other():
    components = set(sklearn_ae.__all__) & ROOMS.keys()
    for component in components:
        assert not ROOMS[component] & components


def test_folders_and_files_are_small():
    for folder in {path.parent for path in MODULES} - {PACKAGE}:
        files = [path for path in folder.glob("*.py") if path.stem != "__init__"]
        assert len(files) <= 10, folder
    for path in MODULES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}))
def test_every_folder_says_what_belongs_there(folder):
    text = ast.get_docstring(
        ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    )
    assert text
    if folder != PACKAGE:
        assert "May import" in text
        assert re.search(r"may import|Users import|Others may", text)


def test_skorch_stands_in_one_room_and_matplotlib_in_one_file():
    users = {room(dotted(p)) for p in MODULES if "skorch" in imported(p)[1]}
    assert users == {"_training"}
    users = {dotted(path) for path in MODULES if "matplotlib" in imported(path)[1]}
    assert users == {"displays._plotting"}


def answers():
    """Return the rows of the page's questions: the file, and a name that is in it."""
    section = PAGE.split("## Ten questions", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| .*\? \| `(.+\.py)`, `(\w+)` \|$", section, flags=re.M)


def test_the_page_answers_ten_questions():
    assert len(answers()) == 10


@pytest.mark.parametrize(("file", "name"), answers())
def test_an_answer_is_true(file, name):
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    defined = {
        getattr(node, "name", None) or getattr(node, "id", None)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }
    assert name in defined


def test_private_names_of_scikit_learn_stand_in_one_file():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.ImportFrom) and node.module):
                continue
            root, *rest = node.module.split(".")
            names = [*rest, *(alias.name for alias in node.names)]
            if root == "sklearn" and any(name.startswith("_") for name in names):
                assert path.stem == "_utils"


def modules_after(statement):
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert output.stderr == ""
    return set(json.loads(output.stdout))


def packages_after(statement):
    return {name.split(".")[0] for name in modules_after(statement)}


@pytest.mark.slow
def test_importing_loads_no_packages_beyond_the_dependencies_own():
    dependencies = (
        "import torch, skorch, sklearn.mixture, sklearn.decomposition, sklearn.utils"
    )
    extra = packages_after("import sklearn_ae") - packages_after(dependencies)
    assert extra == {"sklearn_ae"}


@pytest.mark.slow
def test_fits_do_not_load_torch_s_compiler():
    """It takes longer than they do."""
    fits = (
        "import numpy as np; from sklearn_ae import *; "
        "X = np.random.default_rng(0).normal(size=(800, 3)); "
        "models = [AutoencoderTransformer(2, max_epochs=3), "
        "VAETransformer(2, max_epochs=3)]; "
        "[model.fit(X).partial_fit(X).sample(2) for model in models]"
    )
    assert not {"torch._dynamo", "sympy"} & modules_after(fits)


def test_public_names():
    for name in sklearn_ae.__all__:
        assert getattr(sklearn_ae, name) is not None
    for component in set(sklearn_ae.__all__) & ROOMS.keys():
        module = importlib.import_module(f"sklearn_ae.{component}")
        taken = {name for name, thing in vars(module).items() if inspect.isclass(thing)}
        for name in module.__all__:
            home = getattr(module, name).__module__.removeprefix("sklearn_ae.")
            assert room(home) == component
        if hasattr(module, "__path__"):
            assert taken == set(module.__all__)
