"""What fitted transformers make of rows, and PCA beside them, for pictures and words.

May import `_images`, `_pipelines`, `_frames` for names of columns, and `_pca` for PCA
of rows with gaps: estimators are known by their methods and attributes alone. What has
an autoencoder inside tells its steps by `_steps_inside`.
Others may import all of it, in `displays` and `_report` alone.
"""
