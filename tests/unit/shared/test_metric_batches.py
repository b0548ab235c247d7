"""Values observed together count as they would one by one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from shared.metrics.batches import observe_counted


def _told(values: list[int], *, is_counted: bool) -> bytes:
    registry = CollectorRegistry()
    histogram = Histogram("h", "h", buckets=(0.5, 1, 5), registry=registry)
    if is_counted:
        observe_counted(histogram, Counter(values))
    else:
        for value in values:
            histogram.observe(value)
    lines = generate_latest(registry).splitlines()
    return b"\n".join(line for line in lines if b"_created" not in line)


@given(st.lists(st.integers(0, 9)))
def test_counted_values_fall_into_the_same_buckets(values: list[int]) -> None:
    assert _told(values, is_counted=True) == _told(values, is_counted=False)
