"""Judges the whole run: a green run that left an operation out would prove nothing about it."""

import gate
import pytest
from recorder import SUCCESS, UNREACHABLE, refused, succeeded


@pytest.mark.parametrize("algorithm", gate.ALGORITHMS)
def test_every_operation_was_called_and_succeeded(algorithm):
    assert set(SUCCESS) - succeeded[algorithm] == set()
    assert UNREACHABLE - refused[algorithm] == set()
