"""A second question, after an answer that is not what was asked for."""

from __future__ import annotations

from typing import Any

from langchain_azureml_oss.errors import AzureMLOSSError


class AnswerMisfitError(AzureMLOSSError):
    """The answer does not have the form that was asked for; the model is asked once more.

    Attributes:
        answer: What the model wrote.
        reason: What is wrong with it, in words for the model.
    """

    is_retryable = False

    def __init__(self, answer: str, reason: str) -> None:
        super().__init__(f"The answer does not fit: {reason}.")
        self.answer, self.reason = answer, reason

    def turns(self) -> list[dict[str, Any]]:
        """Return the turns to go on with: the answer, and what is wrong with it."""
        complaint = f"That answer does not fit: {self.reason}. Answer again, in the right form."
        return [
            {"role": "assistant", "content": self.answer},
            {"role": "user", "content": complaint},
        ]
