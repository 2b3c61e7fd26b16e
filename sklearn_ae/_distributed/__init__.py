"""One fit by several processes, each with some of the rows, on torch.distributed.

May import `_rows`, `_training` and `_utils`. `_fitting` may import from it; below it,
rows that several processes have are `_rows.joined.JoinedRows`.
"""
