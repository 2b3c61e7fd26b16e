"""Draw progress_bar.svg: what a fit shows in a terminal, from two fits of the digits.

    python docs/images/progress_bar.py

Needs rich and scikit-learn 1.9. The times are those of the machine it runs on.
"""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import rich
from rich.console import Console
from rich.text import Text
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits

from sklearn_ae import AutoencoderTransformer

WIDTH = 92
# What a terminal is told to go back over the lines of the frame before.
BACK = re.compile(r"(?:\r|\x1b\[2K|\x1b\[1A)+")


def frames(fit):
    """Return what rich shows during a fit, one text for each refresh."""
    shown = io.StringIO()
    rich.reconfigure(
        file=shown, force_terminal=True, color_system="truecolor", width=WIDTH
    )
    fit()
    found = re.sub(r"\x1b\[\?25[lh]", "", shown.getvalue())
    return [frame.strip("\n") for frame in BACK.split(found) if frame.strip()]


def lines(fit):
    """Return what a fit prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        fit()
    return printed.getvalue().rstrip()


X, _ = load_digits(return_X_y=True)
ae = AutoencoderTransformer(5, max_epochs=40, random_state=0)
ae.set_callbacks(ProgressBar())
bars = frames(lambda: ae.fit(X))
halfway = next(bar for bar in bars if re.search(r"[45]\d%", bar))
ae = AutoencoderTransformer(5, max_epochs=5, random_state=0, verbose=1)
table = lines(lambda: ae.fit(X))

console = Console(
    record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor"
)
for call, output in (
    ("ae.set_callbacks(ProgressBar()).fit(X)  # halfway", halfway),
    ("ae.set_callbacks(ProgressBar()).fit(X)  # at the end", bars[-1]),
    ("ae.set_params(verbose=1).fit(X)", table),
):
    console.print(Text(f">>> {call}", style="bold"))
    console.print(Text.from_ansi(output))
    console.print()
svg = console.export_svg(title="fit", unique_id="progress")
# Any monospaced font will do: the picture asks nothing of the net.
svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
# Columns are set with spaces, which some viewers trim.
svg = svg.replace("<text ", '<text xml:space="preserve" ')
Path(__file__).with_suffix(".svg").write_text(svg, encoding="utf-8")
