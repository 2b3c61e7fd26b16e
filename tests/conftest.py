"""Shared fixtures: small data, and torch on one thread so that tests run side by side."""

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def rng():
    """A seeded stream of a test's own."""
    return np.random.RandomState(0)
