"""The page about dask agrees with the package."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "dask.md"


@pytest.mark.slow
def test_blocks_of_the_page_run_in_order(da):
    pytest.importorskip("dask.distributed")
    page = PAGE.read_text(encoding="utf-8")
    names = {"__name__": "page_dask"}
    blocks = re.findall(r"^```py\n(.*?)^```$", page, flags=re.M | re.S)
    for block in blocks:
        exec(compile(block, PAGE, "exec"), names)
    alone, together = names["ae"], names["together"]
    assert together.mean_ == pytest.approx(alone.mean_)
