"""Everything that a call can write to, listened to at once."""

from __future__ import annotations

import contextlib
import io
import logging
import traceback
import warnings
from unittest.mock import MagicMock

from langchain_core.load import dumps
from langchain_core.tracers import LangChainTracer
from langsmith import Client


class Channels:
    """Listens while it is entered; `of(model, asked)` is all that was said, as one text."""

    def __init__(self):
        self._log, self._printed = io.StringIO(), io.StringIO()
        self._stack = contextlib.ExitStack()
        self._traces = MagicMock()
        client = Client(
            api_url="https://traces.invalid",
            api_key="traces",
            session=self._traces,
            auto_batch_tracing=False,
            info={},
        )
        self.tracer = LangChainTracer(client=client)

    def __enter__(self):
        handler = logging.StreamHandler(self._log)
        handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(args)s"))
        names = [None, *logging.Logger.manager.loggerDict]
        for logger in map(logging.getLogger, names):
            if logger.level:
                self._stack.callback(logger.setLevel, logger.level)
                logger.setLevel(logging.DEBUG)
        logging.getLogger().addHandler(handler)
        self._stack.callback(logging.getLogger().removeHandler, handler)
        self._stack.enter_context(contextlib.redirect_stdout(self._printed))
        self._stack.enter_context(contextlib.redirect_stderr(self._printed))
        self._warnings = self._stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def of(self, model, asked, *, with_locals=True):
        """All that was said: by name, so that a failure says where.

        `with_locals`: and the local variables of this package, as some tools print them.
        """
        self.tracer.wait_for_futures()
        return {
            "log": self._log.getvalue(),
            "output": self._printed.getvalue(),
            "warnings": repr([str(one.message) for one in self._warnings]),
            "trace": repr(self._traces.mock_calls),
            "answer": "".join(asked.pieces),
            "error": "\n".join(_shown(asked.error, with_locals)),
            "repr": repr(model) + str(model) + repr(vars(model)),
            "dump": dumps(model) + model.model_dump_json() + repr(model.model_dump()),
            "identity": repr(model._identifying_params) + repr(model._get_ls_params()),
        }


def _shown(error, with_locals):
    """An error and its causes, with their tracebacks."""
    while error is not None:
        yield repr(error)
        yield repr(vars(error))
        yield repr(getattr(error, "__notes__", []))
        yield "".join(traceback.format_exception(error))
        report = traceback.TracebackException.from_exception(error, capture_locals=True)
        for frame in report.stack:
            if with_locals and "langchain_azureml_oss" in frame.filename:
                yield f"{frame.filename}:{frame.lineno} {frame.locals}"
        error = error.__cause__ or error.__context__
