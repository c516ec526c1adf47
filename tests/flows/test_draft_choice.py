"""The form in which a person chooses drafts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flows.draft_choice import _form
from tests.flows.conftest import small_request


@pytest.mark.parametrize("numbers", [[3], [1, 2, 4]])
def test_the_numbers_there_are_can_be_chosen_and_no_others(numbers: list[int]) -> None:
    """A single draft is a drop-down too, with the request's settings as defaults."""
    form = _form(numbers, small_request(), "Choose.")
    fields = form.model_json_schema()["properties"]
    assert fields["drafts"]["items"]["enum"] == numbers
    steps = fields["second_pass_number_of_steps"]
    assert (steps["title"], steps["default"]) == ("Second pass: steps", 4)
    assert form(drafts=numbers[-1:]).drafts == numbers[-1:]
    for wrong in ([5], []):
        with pytest.raises(ValidationError):
            form(drafts=wrong)
