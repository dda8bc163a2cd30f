import pytest

from ax_moo.system.text import error_line, first_line, one_line

pytestmark = pytest.mark.hydra_free


def test_an_exception_is_its_type_and_message_and_the_root_cause() -> None:
    error = RuntimeError("no training.")
    error.__cause__ = ValueError("lr\n  is   negative")
    error.__cause__.__cause__ = KeyError("lr")
    assert error_line(error) == "RuntimeError: no training (caused by KeyError: 'lr')"
    assert error_line(error.__cause__) == "ValueError: lr is negative (caused by KeyError: 'lr')"
    assert error_line(ValueError(" ")) == "ValueError"


def test_an_exception_whose_message_fails_still_has_a_line() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise TypeError

    assert error_line(Mute()) == "Mute: (its message cannot be shown)"


def test_a_line_fits_into_a_table_whatever_it_is_made_of() -> None:
    line = one_line("a\n\tb " + "x" * 1000)
    assert line.startswith("a b xxx")
    assert line.endswith("x...")
    assert len(line) == 500
    assert one_line("caf\udce9") == "caf\\udce9"


def test_the_first_line_of_a_message_goes_into_a_sentence() -> None:
    assert first_line(ValueError("\n  Could not override 'x'.\nTo append use +x=1")) == "Could not override 'x'"
    assert first_line(ValueError("")) == "ValueError"
