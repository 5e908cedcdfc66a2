"""The documents are true: their code runs, their commands and links exist, their tables agree."""

from __future__ import annotations

import ast
import html
import json
import re
import tomllib
from pathlib import Path

import documents
import pytest

import langchain_azureml_oss
from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM, errors
from langchain_azureml_oss.connections import ENVIRONMENT
from langchain_azureml_oss.connections.workspace.endpoints import MODEL_NAMES
from langchain_azureml_oss.endpoint.arguments import ALIASES
from langchain_azureml_oss.families import ModelFamily, profile
from langchain_azureml_oss.formatters import contract_for, contract_names, formatter
from langchain_azureml_oss.local import LocalEndpoint

ROOT = documents.ROOT
PACKAGE = Path(langchain_azureml_oss.__file__).parent
ALL = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
NAMES = [path.relative_to(ROOT).as_posix() for path in ALL]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def python_of(path):
    return [b for b in documents.blocks(path.read_text(encoding="utf-8")) if b.language == "python"]


def needs_model(path):
    return any("smollm2" in block.text for block in python_of(path) if not block.reason)


@pytest.fixture
def endpoint():
    with LocalEndpoint("echo", deployments={"blue": 90, "green": 10}, seed=7) as running:
        yield running


@pytest.fixture
def setenv(monkeypatch):
    """Sets variables; none of the package's own is set before."""
    for name in ENVIRONMENT.values():
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


@pytest.fixture
def read_output(capsys):
    return lambda: capsys.readouterr().out


# --- The code -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=name, marks=[pytest.mark.model] if needs_model(path) else [])
        for path, name in zip(ALL, NAMES, strict=True)
        if python_of(path)
    ],
)
@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.filterwarnings("ignore:langchain-community's class is kept:DeprecationWarning")
def test_the_python_blocks_run(path, endpoint, setenv, read_output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = documents.run_document(path, endpoint, setenv, read_output)
    assert ran == sum(not block.reason for block in python_of(path)) > 0
    if path.name in {"README.md", "quickstart.md"}:
        # The example's host was called, and by every block that names it.
        named = [b for b in python_of(path) if documents.EXAMPLE_HOST in b.text and not b.reason]
        assert len(endpoint.requests) >= len(named) > 0


def test_nearly_every_block_runs():
    every = [block for path in ALL for block in python_of(path)]
    assert sum(bool(block.reason) for block in every) <= len(every) / 10


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```python\nprint(1)\n```\n\n```text\n2\n```", AssertionError),
        ("```python\nprint('id: 7, 1')\n```\n\n```text\nid: …, 2\n```", AssertionError),
        ("```python\nx = 1\n```\n\n```python\nassert x == 2\n```", AssertionError),
        (
            "```python\nimport langchain_azureml_oss\nlangchain_azureml_oss.Gossip\n```",
            AttributeError,
        ),
    ],
)
def test_a_block_that_is_wrong_fails(tmp_path, text, problem, endpoint, setenv, read_output):
    document = tmp_path / "wrong.md"
    document.write_text(text)
    with pytest.raises(problem):
        documents.run_document(document, endpoint, setenv, read_output)


def test_the_running_endpoint_takes_the_place_of_the_example(
    tmp_path, endpoint, setenv, read_output
):
    document = tmp_path / "right.md"
    document.write_text(
        "```bash\nexport AZUREML_ENDPOINT_API_KEY=...\n```\n\n"
        f'```python\nimport os\nurl = "{documents.EXAMPLE_HOST}/score"\nkey = "..."\n'
        'print(url, key, os.environ["AZUREML_ENDPOINT_API_KEY"])\n```\n\n'
        f"```text\n{endpoint.scoring_url} {endpoint.api_key} {endpoint.api_key}\n```\n\n"
        "<!-- not run: it would end the tests -->\n\n```python\nraise SystemExit\n```\n"
    )
    assert documents.run_document(document, endpoint, setenv, read_output) == 1


@pytest.mark.parametrize(
    ("picture", "words"), [("chat", "blue answered in"), ("doctor", "The endpoint can be used.")]
)
def test_a_picture_shows_a_command_that_went_well(picture, words):
    drawn = html.unescape(read(f"docs/pictures/{picture}.svg")).replace("\xa0", " ")
    assert words in drawn
    assert not re.findall(r"Traceback|/tmp/|/home/", drawn)


# --- Commands and links ---------------------------------------------------------------------------

TARGETS = set(re.findall(r"(?m)^([a-z]+):", read("Makefile")))
EXTRAS = set(PYPROJECT["project"]["optional-dependencies"])
PACKAGES = {
    re.split(r"[<>=\[ ]", line)[0]
    for lines in (
        PYPROJECT["project"]["dependencies"],
        *PYPROJECT["project"]["optional-dependencies"].values(),
        *PYPROJECT["dependency-groups"].values(),
    )
    for line in lines
}


# Prompt flow's commands that the documents show, with their options.
PROMPT_FLOWS = {
    "connection create": {"--file", "--set"},
    "flow test": {"--flow", "--inputs"},
}


def command_line():
    """Subcommand of azureml-oss -> its options."""
    import typer

    from langchain_azureml_oss.cli.app import build_app

    found = typer.main.get_command(build_app()).commands
    return {
        name: {"--help", *(option for one in command.params for option in one.opts)}
        for name, command in found.items()
    }


def wrong_command(words):
    """What is wrong with a command of a document; nothing if it can be typed as it stands."""
    program, *rest = words
    if program == "make":
        return sorted(word for word in rest if "=" not in word and word not in TARGETS)
    if program == "export":
        return [word for word in rest if word.split("=")[0] not in ENVIRONMENT.values()]
    if program == "pip":
        wanted = [word for word in rest[1:] if not word.startswith("-")]
        return [word for word in wanted if not installable(word)]
    if program in {"azureml-oss", "pf"}:
        known, length = (PROMPT_FLOWS, 2) if program == "pf" else (command_line(), 1)
        name = " ".join(rest[:length])
        if name not in known:
            return [name]
        return [w for w in rest if w.startswith("--") and w.split("=")[0] not in known[name]]
    return [program]


def installable(word):
    name, _, extras = word.rstrip("]").partition("[")
    own = name == PYPROJECT["project"]["name"]
    return (own and set(filter(None, extras.split(","))) <= EXTRAS) or word in PACKAGES


def bash_of(name):
    return [block for block in documents.blocks(read(name)) if block.language == "bash"]


@pytest.mark.parametrize("name", [name for name in NAMES if bash_of(name)])
def test_the_commands_exist(name):
    words = [line for block in bash_of(name) for line in documents.commands(block.text)]
    assert words
    assert [(line, wrong) for line in words if (wrong := wrong_command(line))] == []


@pytest.mark.parametrize(
    "line",
    [
        "make gossip",
        "azureml-oss gossip",
        "azureml-oss chat --gossip",
        "azureml-oss",
        "pip install langchain-azureml-oss[gossip]",
        "pip install gossip",
        "pf gossip test",
        "pf flow test --gossip",
        "export AZUREML_GOSSIP=1",
        "curl https://example.org",
    ],
)
def test_a_wrong_command_is_found(line):
    assert wrong_command(documents.commands(line)[0])


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_the_links_lead_somewhere(path):
    assert documents.broken_links(path) == []


def test_a_broken_link_is_found(tmp_path):
    document = tmp_path / "a.md"
    document.write_text("# One\n[a](#one) [b](#two) [c](b.md) [d](a.md#one) [e](https://x.org/y)\n")
    assert documents.broken_links(document) == ["#two", "b.md"]


# --- The tables -----------------------------------------------------------------------------------


def test_the_table_of_fields_is_complete():
    rows = documents.table(read("docs/configuration.md"), "Field")
    documented = {documents.code(row[0])[0]: row for row in rows}
    fields = {
        name: field
        for model in (AzureMLOSSChatModel, AzureMLOSSLLM)
        for name, field in model.model_fields.items()
        if field.exclude is not True or name in {"connection", "credential", "on_retry"}
        if name not in LANGCHAIN
    }
    assert documented.keys() ^ fields.keys() == set()
    for name, field in fields.items():
        first, _, default, meaning = documented[name]
        others = [alias for alias, own in ALIASES.items() if own == name]
        assert (name, documents.code(first)[1:]) == (name, others)
        expected = field.get_default(call_default_factory=True)
        assert (name, ast.literal_eval(documents.code(default)[0])) == (name, expected)
        variable = ENVIRONMENT.get(name)
        assert (name, variable is None or f"`{variable}`" in meaning) == (name, True)


# langchain-core's own fields of every model.
LANGCHAIN = {
    *("name", "cache", "verbose", "callbacks", "tags", "metadata", "custom_get_token_ids"),
    *("rate_limiter", "disable_streaming", "output_version", "profile"),
}


def test_every_contract_has_its_section():
    text = read("docs/contracts.md")
    sections = re.findall(r"(?m)^## Contract `([\w-]+)`", text)
    assert sections == [name for name in contract_names() if name in sections]
    assert set(sections) >= {"score", "score-params", "openai"}
    assert len(sections) == len(set(sections))


def contract_blocks(kind):
    return list(_contract_blocks(kind))


def _contract_blocks(kind):
    name = ""
    text = read("docs/contracts.md")
    headings = [(m.start(), m[1]) for m in re.finditer(r"(?m)^## (?:Contract `([\w-]+)`)?", text)]
    for block in documents.blocks(text):
        start = text.index(block.text)
        name = next((n for at, n in reversed(headings) if at < start), "")
        if block.language == "json" and block.words.split()[:1] == [kind]:
            yield pytest.param(name, block, id=f"{name}-{block.line}")


@pytest.mark.parametrize(("name", "block"), contract_blocks("request"))
def test_the_requests_are_what_is_sent(name, block, endpoint):
    url = endpoint.url + ("/v1/chat/completions" if name == "openai" else "/score")
    connection = {"endpoint_url": url, "endpoint_api_key": endpoint.api_key, "model_family": "GPT2"}
    if "chat" in block.words:
        model = AzureMLOSSChatModel(
            connection={**connection, "model_family": "LLAMA"},
            contract=name,
            max_tokens=8,
            temperature=0,
            max_retries=0,
        )
        stream = "stream" in block.words
        _ = list(model.stream("Say hi.")) if stream else model.invoke("Say hi.")
    else:
        model = AzureMLOSSLLM(connection=connection, contract=name, max_tokens=8, max_retries=0)
        prompts = ["1 2 3"] if name == "openai" else ["1 2 3", "A B C"]
        try:
            model.generate(prompts)
        except errors.ResponseFormatError:
            # The endpoint of this test speaks today's contracts; what was sent is all that counts.
            assert name.endswith("2023")
    assert json.loads(block.text) == endpoint.requests[0].body


@pytest.mark.parametrize(("name", "block"), contract_blocks("response"))
def test_the_responses_are_understood(name, block):
    from langchain_azureml_oss.formatters import ModelCall

    call = ModelCall(parameters={}, prompts=["1 2 3"])
    if "chat" in block.words:
        call = ModelCall(parameters={}, messages=[{"role": "user", "content": "Say hi."}])
    event = "event" in block.words
    data = json.loads(block.text)
    reply = formatter(name).read_event(data) if event else formatter(name).read(data, call)
    assert [choice.text for choice in reply.choices if choice.text]


@pytest.mark.parametrize(("name", "block"), contract_blocks("failure"))
def test_the_failures_are_found(name, block):
    from langchain_azureml_oss.formatters import ModelCall

    call = ModelCall(parameters={}, messages=[{"role": "user", "content": "Say hi."}])
    try:
        reply = formatter(name).read(json.loads(block.text), call)
    except errors.AzureMLOSSError:
        return
    assert None in reply.choices


def test_every_name_of_a_model_is_in_the_document():
    rows = documents.table(read("docs/contracts.md"), "Name begins with")
    found = {name: documents.code(cells[1]) for cells in rows for name in documents.code(cells[0])}
    assert found == {name: [member.value] for name, member in MODEL_NAMES.items()}


def test_the_table_of_errors_is_complete():
    rows = documents.table(read("docs/errors.md"), "Class")
    documented = {documents.code(row[0])[0]: set(documents.code(row[2])) for row in rows}
    classes = {
        name: {base.__name__ for base in value.__bases__} - {"AzureMLOSSError", "Exception"}
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.AzureMLOSSError)
    }
    assert documented == classes


def test_the_urls_mean_what_the_table_says():
    rows = documents.table(read("README.md"), "URL ends in")
    assert len(rows) == 4
    meant = {
        ending: contract
        for endings, contract, *_ in rows[:3]
        for ending in documents.code(endings)
        for contract in documents.code(contract)
    }
    for ending, contract in {**meant, "": "openai"}.items():
        made = contract_for(documents.EXAMPLE_HOST + ending, profile(ModelFamily.DOLLY))
        assert (ending, made.name) == (ending, contract)
    for _, contract, streams, several, _ in rows[:3]:
        traits = formatter(documents.code(contract)[0]).traits
        assert traits.streams == (streams == "yes")
        assert traits.several_prompts == (several == "yes")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_one_machine_is_in_it(name):
    assert re.findall(r"/work/|/root\b|/home/|/tmp/", read(name)) == []
