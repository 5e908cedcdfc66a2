"""How a model appears in traces, caches and the metadata of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.language_models.base import LangSmithParams

from langchain_azureml_oss.endpoint.call_options import check_names
from langchain_azureml_oss.endpoint.fields import Mixin
from langchain_azureml_oss.endpoint.headers import named_deployment
from langchain_azureml_oss.endpoint.model_settings import SETTINGS
from langchain_azureml_oss.wire import Choice, Reply


class Traces(Mixin):
    """Names a model and its answers."""

    def _trace_name(self, call: Mapping[str, Any]) -> str:
        """Return the model's name in traces: the model, else the deployment, else the family."""
        deployment = named_deployment(call.get("deployment_name")) or self.deployment_name
        model = call.get("model") or call.get("model_name") or self.model
        return model or deployment or self._row.name.lower()

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        """What tells two models apart, for caches and traces."""
        return {
            "endpoint_url": self._shown_url,
            "deployment_name": self.deployment_name,
            "model_family": self._row.name,
            "contract": self._formatter.name,
            "model_name": self._trace_name({}),
            **{name: getattr(self, name) for name in SETTINGS},
            "model_kwargs": self.model_kwargs,
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        """Add provider and model name to LangSmith's parameters; a call's `model` wins.

        LangChain asks for these before it tells callbacks of a call, so secrets are refused here.
        """
        check_names(self, kwargs)
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "azureml_oss"
        params["ls_model_name"] = self._trace_name(kwargs)
        return params

    if not TYPE_CHECKING:  # for type checkers, it is LangChain's own, which says more

        def bind(self, **kwargs: Any) -> Any:
            """Return the model with arguments for its calls.

            Args:
                **kwargs: As `invoke` takes them. A secret is refused here: the repr of what is
                    returned shows all that was bound.

            Raises:
                ConnectionConfigError: one is said when the model is made, or holds a secret.
            """
            check_names(self, kwargs)
            return super().bind(**kwargs)

    def _response_metadata(
        self, reply: Reply, choice: Choice, details: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what is known about an answer besides its text."""
        metadata = {
            "model_name": reply.model or details["trace_name"],
            "model_provider": "azureml_oss",
            "finish_reason": choice.finish_reason,
            "normalized_finish_reason": choice.normalized_finish_reason,
            "stopped_at": choice.stopped_at,
            "misfit": choice.misfit,
            "deployment": details["deployment"],
            "request_id": details["request_id"],
            "logprobs": choice.logprobs,
        }
        return {key: value for key, value in metadata.items() if value is not None}
