"""Who may import whom, and what an import may cost."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_ae

PACKAGE = Path(sklearn_ae.__file__).parent
COMPONENTS = {
    "corruptions",
    "likelihoods",
    "losses",
    "networks",
    "penalties",
    "priors",
}
# Modules of this package that each module may import.
OWN = {
    "__init__": {"_autoencoder", "_summary", "_vae", "displays", *COMPONENTS},
    "_autoencoder": {
        "_base",
        "_imputation",
        "_inference",
        "_links",
        "_modules",
        "_parts",
        "_start",
        "_utils",
        *COMPONENTS,
    },
    "_vae": {
        "_callbacks",
        "_generative",
        "_imputation",
        "_parts",
        "_start",
        "_utils",
        "_variational",
        *COMPONENTS,
    },
    "_generative": {
        "_base",
        "_guard",
        "_inference",
        "_start",
        "_training",
        "_utils",
        "_validation",
        "priors",
    },
    "_variational": {"_modules"},
    "_base": {"_guard", "_inference", "_start", "_training", "_utils", "_validation"},
    "_training": {
        "_batches",
        "_callbacks",
        "_defaults",
        "_net",
        "_optim",
        "_utils",
    },
    "_net": {"_batches", "_optim", "_recording", "_step"},
    "_batches": set(),
    "_callbacks": set(),
    "_defaults": set(),
    "_guard": set(),
    "_imputation": {"_utils", "_validation"},
    "_inference": set(),
    "_continuous": {"_likelihood", "_links", "_utils"},
    "_discrete": {"_continuous", "_likelihood", "_links", "_utils"},
    "_likelihood": set(),
    "_links": set(),
    "_modules": set(),
    "_optim": set(),
    "_recording": {"_replay"},
    "_replay": set(),
    "_start": set(),
    "_step": {"_recording"},
    "_utils": set(),
    "_validation": set(),
    "_parts": {"_utils", "corruptions", "networks", "penalties"},
    "_conv": {"_images", "_layers", "_utils"},
    "_custom": {"_layers", "_utils"},
    "_images": set(),
    "_layers": set(),
    "_mlp": {"_layers", "_utils"},
    "_noise": set(),
    **{component: {"_links", "_utils"} for component in COMPONENTS},
    "corruptions": {"_images", "_noise", "_utils"},
    "likelihoods": {"_continuous", "_discrete", "_likelihood", "_utils"},
    "networks": {"_conv", "_custom", "_mlp"},
    "displays": {
        "_display_history",
        "_display_latent",
        "_display_reconstruction",
        "_display_traversal",
        "_display_variance",
    },
    "_display_history": {"_plotting"},
    "_display_latent": {"_comparison", "_images", "_plotting"},
    "_display_reconstruction": {"_comparison", "_images", "_plotting"},
    "_display_traversal": {"_comparison", "_images", "_plotting"},
    "_display_variance": {"_comparison", "_plotting"},
    "_plotting": set(),
    "_comparison": set(),
    "_summary": {"_comparison"},
}
# Other people's packages that each module may import.
OTHERS = {
    "__init__": set(),
    "_autoencoder": {"numpy", "sklearn", "torch"},
    "_vae": {"numpy", "sklearn", "torch"},
    "_generative": {"numpy", "sklearn", "torch"},
    "_variational": {"torch"},
    "_base": {"numpy", "sklearn", "torch"},
    "_training": {"numpy", "sklearn", "torch"},
    "_net": {"numpy", "skorch", "torch"},
    "_batches": {"torch"},
    "_callbacks": {"skorch"},
    "_defaults": set(),
    "_guard": {"numpy", "scipy"},
    "_imputation": {"numpy", "torch"},
    "_inference": {"numpy", "torch"},
    "_continuous": {"numpy", "torch"},
    "_discrete": {"numpy", "torch"},
    "_likelihood": {"sklearn", "torch"},
    "_links": {"numpy", "torch"},
    "_modules": {"torch"},
    "_optim": {"torch"},
    "_recording": {"numpy", "torch"},
    "_replay": {"torch"},
    "_start": {"numpy", "sklearn"},
    "_step": set(),
    "_utils": {"numpy", "sklearn", "torch"},
    "_validation": {"numpy", "sklearn"},
    "_parts": set(),
    "_conv": {"sklearn", "torch"},
    "_custom": {"sklearn", "torch"},
    "_images": set(),
    "_layers": {"torch"},
    "_mlp": {"sklearn", "torch"},
    "_noise": {"torch"},
    **{component: {"numpy", "sklearn", "torch"} for component in COMPONENTS},
    "networks": set(),
    "displays": set(),
    "_display_history": {"numpy", "sklearn"},
    "_display_latent": {"numpy", "sklearn"},
    "_display_reconstruction": {"numpy"},
    "_display_traversal": {"numpy"},
    "_display_variance": {"numpy", "sklearn"},
    "_plotting": {"matplotlib", "numpy"},
    "_comparison": {"numpy", "sklearn"},
    "_summary": {"numpy", "sklearn"},
}


def imported(path):
    """Return the modules of this package and the other packages that a file imports."""
    own, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path.name}"
            names = [node.module]
            if node.module == "sklearn_ae":
                names = [f"sklearn_ae.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root, *rest = name.split(".")
            if root == "sklearn_ae":
                own.update(rest[:1] or ["__init__"])
            elif root not in sys.stdlib_module_names:
                others.add(root)
    return own, others


MODULES = sorted(PACKAGE.glob("**/*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_only_what_it_may(path):
    own, others = imported(path)
    assert own <= OWN[path.stem]
    assert others <= OTHERS[path.stem]


def test_the_table_names_the_modules_there_are():
    assert OWN.keys() == OTHERS.keys() == {path.stem for path in MODULES}


def test_imports_go_one_way():
    """Taking away modules that import nothing that is left empties the table."""
    left = {path.stem: imported(path)[0] for path in MODULES}
    while left:
        leaves = {name for name, own in left.items() if not own & left.keys()}
        assert leaves, f"a circle among {sorted(left)}"
        left = {name: own for name, own in left.items() if name not in leaves}


def test_skorch_stands_in_two_files_and_matplotlib_in_one():
    users = {path.stem for path in MODULES if "skorch" in imported(path)[1]}
    assert users == {"_net", "_callbacks"}
    users = {path.stem for path in MODULES if "matplotlib" in imported(path)[1]}
    assert users == {"_plotting"}


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
    for component in {"displays", *COMPONENTS}:
        module = getattr(sklearn_ae, component)
        for name in module.__all__:
            home = getattr(module, name).__module__.removeprefix("sklearn_ae.")
            assert home == component or home in OWN[component]
