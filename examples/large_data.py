"""A table that is larger than memory may be: on a disk, and in batches of Parquet.

The first half fits an autoencoder to a NumPy memmap, which is read a batch at a time
and never copied. The second trains on record batches of a Parquet file, of which there
is one in memory at a time (it needs pyarrow).

    python examples/large_data.py
"""

import tempfile
from pathlib import Path

import numpy as np

from sklearn_ae import AutoencoderTransformer

ROWS, FEATURES, CHUNK = 400_000, 50, 50_000
rng = np.random.default_rng(0)
weights = rng.normal(size=(8, FEATURES))


def chunks():
    """Yield rows of eight factors, bent and with noise."""
    for _ in range(ROWS // CHUNK):
        bent = np.tanh(rng.normal(size=(CHUNK, 8)) @ weights)
        yield (bent + 0.1 * rng.normal(size=bent.shape)).astype(np.float32)


def own_memory():
    """Return the process's memory in MiB, without what is kept of files."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    lines = status.read_text().splitlines()
    return int(next(x for x in lines if x.startswith("RssAnon")).split()[1]) / 1024


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "table.npy")
    table = np.lib.format.open_memmap(path, "w+", np.float32, (ROWS, FEATURES))
    for number, rows in enumerate(chunks()):
        table[number * CHUNK : (number + 1) * CHUNK] = rows
    del table
    X = np.load(path, mmap_mode="r")
    AutoencoderTransformer(2, max_epochs=1).fit(X[:300])  # loads what is needed
    before = own_memory()
    ae = AutoencoderTransformer(8, max_epochs=2, random_state=0).fit(X)
    more = own_memory() - before
    print(
        f"{X.nbytes / 2**20:.0f} MiB on a disk: {more:.0f} MiB more in memory after "
        f"the fit, which removed {ae.gain_over_pca_:.0%} of PCA's error."
    )

    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise SystemExit("The second half needs pyarrow.") from None
    file = Path(folder, "table.parquet")
    schema = pa.schema([(f"x{i}", pa.float32()) for i in range(FEATURES)])
    with pq.ParquetWriter(file, schema) as writer:
        for rows in chunks():
            writer.write_table(pa.table(dict(zip(schema.names, rows.T, strict=True))))
    # Centre, scales and PCA come from the first batch, since it has enough rows. If
    # batches were smaller, `partial_fit` would gather several of them first.
    streamed = AutoencoderTransformer(8, random_state=0)
    for batch in pq.ParquetFile(file).iter_batches(CHUNK):
        streamed.partial_fit(batch)
    fresh = next(chunks())
    print(
        f"Share of the variance explained: {ae.score(fresh):.3f} by the memmap's, "
        f"{streamed.score(fresh):.3f} by one pass over the Parquet file's batches."
    )
