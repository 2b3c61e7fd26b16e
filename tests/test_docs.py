"""The pages and the examples agree with the package."""

import ast
import inspect
import re
from pathlib import Path

import pytest
import torch
from scipy import stats
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA

import sklearn_ae

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *DOCS.glob("benchmarks/*.md")]
SCRIPTS = sorted([*ROOT.glob("examples/*.py"), *DOCS.glob("benchmarks/*.py")])
# Where the site puts what it generates; the repository has no such files.
GENERATED = "auto_examples/"


def name(path):
    return path.relative_to(ROOT).as_posix()


def python_blocks(page):
    """Return one program of all Python blocks of a page, on the lines they stand on."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            line = ""
        lines.append(line if inside else "")
    return "\n".join(lines).rstrip()


def run_page(page):
    """Run a page's blocks in order; return the names they define."""
    names = {"__name__": f"page_{page.stem}"}
    exec(compile(python_blocks(page), page, "exec"), names)
    return names


def public_classes():
    """Return the public classes by their names in the API page."""
    classes = {}
    for public in sklearn_ae.__all__:
        thing = getattr(sklearn_ae, public)
        if inspect.isclass(thing):
            classes[public] = thing
        elif inspect.ismodule(thing):
            classes |= {
                f"{public}.{part}": getattr(thing, part)
                for part in thing.__all__
                if inspect.isclass(getattr(thing, part))
            }
    return classes


@pytest.fixture
def _table_of_ones_own(tmp_path, monkeypatch):
    """The file that the README reads: numbers, a category and what is to predict."""
    frame = load_wine(as_frame=True).frame
    frame["region"] = frame["hue"].gt(1).map({True: "hills", False: "valley"})
    frame.to_csv(tmp_path / "mine.csv", index=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("_table_of_ones_own")
@pytest.mark.parametrize("page", [*filter(python_blocks, PAGES)], ids=name)
def test_blocks_of_a_page_run_in_order(page, monkeypatch):
    # A seventh of a default fit: what pages assert holds by then.
    monkeypatch.setattr("sklearn_ae._training.defaults.STEPS", 300)
    run_page(page)


def test_likelihood_that_a_page_adds_is_a_distribution():
    geometric = run_page(DOCS / "add_a_likelihood.md")["Geometric"]()
    means = torch.tensor([0.5, 2.0, 7.0])
    built = geometric.build(center=means.numpy(), noise_scale=1.0, noise_floor=1e-6)
    counts = torch.tensor([[0.0, 1.0, 30.0], [4.0, 0.0, 7.0]])
    nll = built.terms(counts - means, means.log().expand(2, 3))
    expected = -stats.geom.logpmf(counts + 1, 1 / (1 + means))
    torch.testing.assert_close(nll, torch.from_numpy(expected).float())
    generator = torch.Generator().manual_seed(0)
    drawn = built.sample(means.log().expand(20_000, 3), generator) + means
    assert (drawn == drawn.round()).all()
    assert (drawn >= 0).all()
    standard_error = (means * (1 + means) / len(drawn)).sqrt()
    assert ((drawn.mean(0) - means).abs() < 4 * standard_error).all()


def test_api_page_has_every_public_class():
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^   ((?:\w+\.)?[A-Z]\w+)$", page, flags=re.M)
    assert sorted(listed) == sorted(public_classes())


def test_api_page_has_every_short_name():
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    tables = [
        getattr(getattr(sklearn_ae, component), component.upper())
        for component in sklearn_ae.__all__
        if hasattr(getattr(sklearn_ae, component), component.upper())
    ]
    assert tables
    for short_name in {short_name for table in tables for short_name in table}:
        assert f'`"{short_name}"`' in page


def test_page_for_pca_users_has_all_that_pca_has():
    page = (DOCS / "for_pca_users.md").read_text(encoding="utf-8")
    tables = "".join(re.findall(r"^\|.*\n", page, flags=re.M))
    told = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`", tables))))
    fitted = PCA(2).fit(load_wine().data)
    fitted.fit(load_wine(as_frame=True).data)  # with names, which it then keeps
    has = {thing for thing in dir(fitted) if not thing.startswith("_")}
    assert has - told == set()


def said_in_package():
    """Return all words of the package's strings, what they fill in as an ellipsis."""
    said = []
    for path in sorted(Path(sklearn_ae.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(re.sub(r"\{[^}]*\}", "…", node.value))
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else "…"
                    for part in node.values
                ]
                said.append("".join(parts))
    return said


def test_page_of_messages_has_those_of_the_package():
    page = (DOCS / "messages.md").read_text(encoding="utf-8")
    warnings, _, errors = page.split("\n## ")[1:]
    tables = re.findall(r"^\| `([^`]+)` \|", warnings + errors, flags=re.M)
    said = said_in_package()
    assert len(tables) > 10
    for message in tables:
        assert any(message in words for words in said), message


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_script_uses_what_there_is(script):
    """Imports from the package, and parameters of its classes, exist."""
    parameters = {
        class_.__name__: inspect.signature(class_).parameters
        for class_ in public_classes().values()
    }
    used = set()
    tree = ast.parse(script.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "sklearn_ae"
        ):
            module = __import__(node.module, fromlist=["*"])
            for alias in node.names:
                assert hasattr(module, alias.name)
                used.add(alias.asname or alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id not in used & parameters.keys():
                continue
            given = {keyword.arg for keyword in node.keywords} - {None}
            assert given <= parameters[node.func.id].keys()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_a_page_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path = target.partition("#")[0]
        if path and "://" not in path and not path.startswith(GENERATED):
            assert (page.parent / path).exists(), target
