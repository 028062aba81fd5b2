"""While something is imported nobody looks for garbage, and afterwards as before."""

import gc

import pytest

from pingfold.importing import importing


def test_no_garbage_is_looked_for_meanwhile() -> None:
    assert gc.isenabled()
    with importing():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_garbage_is_looked_for_again_after_a_module_that_cannot_be_imported() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()


def test_whoever_looked_for_none_looks_for_none_afterwards() -> None:
    gc.disable()
    try:
        with importing(), importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
