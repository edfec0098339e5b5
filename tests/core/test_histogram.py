from __future__ import annotations

import math

from chatctl.core.histogram import Histogram


def test_a_value_counts_in_each_bucket_that_it_fits_into() -> None:
    histogram = Histogram([0.1, 1.0])
    for value in (0.05, 0.1, 0.5, 30.0):
        histogram.observe(value)
    assert histogram.buckets() == [(0.1, 2), (1.0, 3), (math.inf, 4)]
    assert math.isclose(histogram.sum, 30.65)
