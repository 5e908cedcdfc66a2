"""The fixtures that users get, seen from a suite of theirs."""

from __future__ import annotations

import pytest

# Imported before the suites are run, which forget what they have imported.
from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.local import LocalEndpoint

assert AzureMLOSSChatModel
assert LocalEndpoint
pytest_plugins = ["pytester"]

HEAVY = {"aiohttp", "requests", "urllib3", "langchain_core", "pydantic", "orjson", "xllamacpp"}


@pytest.fixture
def suite(pytester):
    """Runs a suite; warnings are errors."""

    def run(test, *options, conftest="", **outcomes):
        pytester.makepyfile(test)
        pytester.makeconftest(conftest)
        more = ("-p", "no:asyncio", "--strict-markers", "-W", "error")
        ran = pytester.runpytest_inprocess(*more, *options)
        ran.assert_outcomes(**outcomes)
        return ran

    return run


def test_an_app_is_tested_in_three_lines(suite):
    suite(
        """
        def test_it(azureml_chat_model, azureml_endpoint):
            assert azureml_chat_model.invoke("Say hi.").text == "echo: Say hi."
            assert "".join(c.text for c in azureml_chat_model.stream("Say hi.")) == "echo: Say hi."
            [one, other] = azureml_endpoint.requests
            assert one.body["messages"][0]["content"] == "Say hi."
            assert other.body["stream"] is True
        """,
        passed=1,
    )


def test_the_marker_scripts_and_breaks(suite):
    suite(
        """
        import pytest
        from langchain_azureml_oss.errors import RateLimitError

        pytestmark = pytest.mark.azureml(deployments={"green": 100})

        @pytest.mark.azureml(script=["Hello!", {"tool_calls": [{"name": "f", "args": {"a": 1}}]}])
        def test_script(azureml_chat_model):
            answer = azureml_chat_model.invoke("Say hi.")
            assert (answer.text, answer.response_metadata["deployment"]) == ("Hello!", "green")
            [call] = azureml_chat_model.invoke("Again.").tool_calls
            assert (call["name"], call["args"]) == ("f", {"a": 1})

        @pytest.mark.azureml(faults=["429", "424-503"])
        def test_faults(azureml_chat_model, azureml_endpoint):
            assert azureml_chat_model.invoke("Hi").text == "echo: Hi"
            assert [one.status for one in azureml_endpoint.requests] == [429, 424, 200]

        @pytest.mark.azureml(faults={"429": 1})
        def test_chance(azureml_chat_model):
            with pytest.raises(RateLimitError):
                azureml_chat_model.invoke("Hi")

        class TestClosest:
            pytestmark = pytest.mark.azureml(families="outer", faults=["500"])

            @pytest.mark.azureml(faults=[])
            def test_it(self, azureml_chat_model):
                assert azureml_chat_model.invoke("Hi").response_metadata["model_name"] == "outer"
        """,
        passed=4,
    )


def test_each_test_has_an_endpoint_of_its_own_and_the_suite_has_one(suite):
    suite(
        """
        seen = []

        def test_one(azureml_endpoint, azureml_session_endpoint):
            seen.extend([azureml_endpoint.url, azureml_session_endpoint.url])

        def test_other(azureml_endpoint, azureml_session_endpoint):
            assert seen[1] == azureml_session_endpoint.url != azureml_endpoint.url
            assert azureml_endpoint.requests == []
        """,
        passed=2,
    )


def test_a_suite_chooses_its_options(suite):
    suite(
        """
        import pytest

        def test_it(azureml_chat_model, azureml_session_endpoint):
            assert azureml_chat_model.invoke("Hi").text == "Of the suite."
            assert azureml_session_endpoint.model == "scripted"

        @pytest.mark.azureml(script=["Of the test."])
        def test_other(azureml_chat_model):
            assert azureml_chat_model.invoke("Hi").text == "Of the test."
        """,
        conftest="""
        import pytest

        @pytest.fixture(scope="session")
        def azureml_options():
            return {"script": ["Of the suite."]}
        """,
        passed=2,
    )


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("'echo'", "*takes keywords alone, not ('echo',)*"),
        ("faults=['gossip']", "*Unknown fault 'gossip'*"),
        ("gossip=1", "*LocalEndpoint has no option 'gossip'.*"),
        ("modle='echo'", "*LocalEndpoint has no option 'modle'. Did you mean 'model'?*"),
    ],
)
def test_a_wrong_marker_is_an_error_that_says_so(suite, marker, words):
    ran = suite(
        f"""
        import pytest

        @pytest.mark.azureml({marker})
        def test_it(azureml_endpoint):
            pass
        """,
        errors=1,
    )
    ran.stdout.fnmatch_lines([words])


def test_it_can_be_left_out(suite):
    ran = suite("def test_it(azureml_endpoint): pass", "-p", "no:azureml_oss", errors=1)
    ran.stdout.fnmatch_lines(["*fixture 'azureml_endpoint' not found*"])


@pytest.mark.parametrize(
    ("option", "shown"),
    [("--fixtures", "azureml_chat_model*"), ("--markers", "@pytest.mark.azureml(*")],
)
def test_it_is_shown(pytester, option, shown):
    ran = pytester.runpytest_inprocess("-p", "no:asyncio", option)
    ran.stdout.fnmatch_lines([shown])


def test_a_suite_that_does_not_use_it_pays_nothing(pytester, monkeypatch):
    pytester.makepyfile(
        f"""
        import sys

        def test_it(request):
            assert request.config.pluginmanager.hasplugin("azureml_oss")
            assert {HEAVY!r}.isdisjoint(sys.modules)
            ours = [name for name in sys.modules if name.startswith("langchain_azureml_oss")]
            assert len(ours) <= 5
        """
    )
    # The other plugins of this environment have imports of their own.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.runpytest_subprocess("-p", "azureml_oss").assert_outcomes(passed=1)
