"""Prompt flow's connection files, and the marks that it puts in the place of secrets."""

from __future__ import annotations

import pytest

from langchain_azureml_oss import AzureMLOSSChatModel, CustomConnection, ModelFamily
from langchain_azureml_oss.connections import files
from langchain_azureml_oss.errors import ConnectionConfigError

URL = "https://ep.eastus2.inference.ml.azure.com/score"
FILE = f"""\
$schema: https://azuremlschemas.azureedge.net/promptflow/latest/CustomConnection.schema.json
name: my_connection
type: custom
configs:
  endpoint_url: {URL}
  model_family: LLaMa
secrets:
  endpoint_api_key: "${{env:MY_KEY}}"
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-1")

    def put(text=FILE, name="my.yaml"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return put


def key_of(connection):
    return connection.endpoint_api_key.get_secret_value()


def refused(file):
    with pytest.raises(ConnectionConfigError) as caught:
        CustomConnection.from_yaml(file)
    assert file.name in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize("as_text", [True, False])
def test_a_file_gives_the_three_keys(write, as_text):
    file = write()
    connection = CustomConnection.from_yaml(str(file) if as_text else file)
    assert (connection.endpoint_url, connection.model_family) == (URL, ModelFamily.LLAMA)
    assert (key_of(connection), connection.name) == ("sk-1", "my_connection")
    assert AzureMLOSSChatModel(connection=connection).endpoint_url == URL
    assert connection == CustomConnection(
        {"endpoint_url": URL, "model_family": "LLaMa"},
        {"endpoint_api_key": "sk-1"},
        connection.name,
    )


def test_the_home_directory_and_a_byte_order_mark(write, monkeypatch):
    file = write(b"\xef\xbb\xbf" + FILE.encode())
    monkeypatch.setenv("HOME", str(file.parent))
    monkeypatch.setenv("USERPROFILE", str(file.parent))
    assert CustomConnection.from_yaml("~/my.yaml").endpoint_url == URL


def test_variables_are_looked_up_in_every_value(write, monkeypatch):
    monkeypatch.setenv("REGION", "eastus2")
    file = write(FILE.replace("eastus2", "${env:REGION}").replace("LLaMa", '"${env: FAMILY }"'))
    monkeypatch.setenv("FAMILY", "GPT2")
    connection = CustomConnection.from_yaml(file)
    assert (connection.endpoint_url, connection.model_family) == (URL, ModelFamily.GPT2)


def test_the_three_keys_may_stand_flat(write):
    file = write(f"endpoint_url: {URL}\nmodel_family: GPT2\nendpoint_api_key: ${{env:MY_KEY}}\n")
    connection = CustomConnection.from_yaml(file)
    assert (key_of(connection), connection.model_family) == ("sk-1", ModelFamily.GPT2)
    assert "sk-1" not in repr(connection)


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named_with_its_key(write, monkeypatch, value):
    file = write()
    monkeypatch.delenv("MY_KEY")
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    message = refused(file)
    assert "secrets.endpoint_api_key" in message
    assert "'MY_KEY', which is not set" in message


@pytest.mark.parametrize("mark", ["<user-input>", "<no-change>", "'******'"])
def test_a_placeholder_is_named_with_its_key(write, mark):
    message = refused(write(FILE.replace('"${env:MY_KEY}"', mark)))
    assert "secrets.endpoint_api_key holds a placeholder" in message
    assert "${env:NAME}" in message


@pytest.mark.parametrize("mark", ["<user-input>", "<no-change>"])
def test_a_placeholder_is_refused_outside_of_the_secrets_too(write, mark):
    message = refused(write(FILE.replace(URL, mark)))
    assert "configs.endpoint_url holds a placeholder in the place of the value" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            FILE.replace("configs:", "configs:\n  model_family: GPT2"),
            "'model_family' a second time",
        ),
        (FILE + "secrets: {}\n", "'secrets' a second time in line 9"),
    ],
)
def test_a_key_that_is_there_twice_is_said(write, text, words):
    """YAML itself takes the last one without a word."""
    assert words in refused(write(text))


@pytest.mark.parametrize("number", ["0123", "1e5", "2024-01-01", "true"])
def test_a_key_that_yaml_reads_as_something_else_is_refused(write, number):
    # 1e5 is text to YAML 1.1, as PyYAML speaks it, and so it stays what it was.
    file = write(FILE.replace('"${env:MY_KEY}"', number))
    if number == "1e5":
        assert key_of(CustomConnection.from_yaml(file)) == "1e5"
        return
    assert "put the secret in quotes" in refused(file)


@pytest.mark.parametrize("kind", ["open_ai", "azure_open_ai", "serverless"])
def test_another_type_is_refused_in_words(write, kind):
    message = refused(write(FILE.replace("custom", kind)))
    assert f"'my_connection' is of type '{kind}'" in message
    assert "custom connection" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("configs: [a\n", "not YAML (line 2"),
        ("secrets:\n  endpoint_api_key: *sk-1\n", "not YAML (line 2, column 21)"),
        ("a: !!python/object/apply:os.getcwd []\n", "not YAML (line 1"),
        ("day: 2024-13-45\n", "not YAML that makes sense"),
        ("- a\n", "holds list"),
        ("", "holds NoneType"),
        ("just text", "holds str"),
        ("configs: text\n", "configs must be"),
        ("secrets: [1]\n", "secrets must be"),
        ("&a {b: *a}\n", "not YAML that makes sense"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
    ],
)
def test_what_is_no_connection_file_is_said(write, text, words):
    message = refused(write(text))
    assert words in message
    assert "sk-1" not in message


def test_no_code_of_a_file_is_run(write, tmp_path):
    trace = tmp_path / "trace"
    refused(write(f"a: !!python/object/apply:os.mkdir ['{trace.as_posix()}']\n"))
    assert not trace.exists()


def test_a_file_that_is_not_there_or_a_folder_is_said(tmp_path):
    assert "There is no connection file" in refused(tmp_path / "gone.yaml")
    assert "cannot be read" in refused(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        *("configs:\n  KEY: ${env:NOPE}\n", "configs:\n  KEY: <no-change>\n", "KEY: 1\n"),
        *("secrets:\n  KEY: 1\n", "KEY: 1\nKEY: 2\n", "type: KEY\n", "secrets:\n  KEY: [1]\n"),
        "configs:\n  endpoint_url: ${env:KEY}\n",
    ],
)
def test_a_key_in_the_place_of_a_name_is_not_shown(write, shows, text):
    key = "sk-7Hq2vR9tLwX4bN8m"
    with pytest.raises(ConnectionConfigError) as caught:
        AzureMLOSSChatModel(connection=CustomConnection.from_yaml(write(text.replace("KEY", key))))
    assert key not in shows(caught.value)


def test_a_wrong_key_names_the_file_and_the_nearest(write, shows):
    file = write(FILE.replace("endpoint_url", "endpoint_uri"))
    with pytest.raises(ConnectionConfigError) as caught:
        AzureMLOSSChatModel(connection=CustomConnection.from_yaml(file))
    message = str(caught.value)
    assert f"the connection 'my_connection' (file {str(file)!r})" in message
    assert "has endpoint_uri, model_family, endpoint_api_key" in message
    assert "'endpoint_url' where it says 'endpoint_uri'" in message
    assert "endpoint_url, endpoint_api_key, model_family" in message
    assert "sk-1" not in shows(caught.value)


def test_an_empty_file_of_the_right_form_says_what_is_missing(write):
    connection = CustomConnection.from_yaml(write("name: bare\ntype: custom\nsecrets:\n"))
    with pytest.raises(ConnectionConfigError, match=r"endpoint_url is missing.*'bare'.*no keys"):
        AzureMLOSSChatModel(connection=connection)


def test_a_url_among_the_secrets_is_found():
    connection = CustomConnection(
        secrets={"endpoint_url": URL, "model_family": "LLAMA", "endpoint_api_key": "sk-1"}
    )
    assert (connection.endpoint_url, connection.model_family) == (URL, ModelFamily.LLAMA)
    assert list(connection.secrets) == ["endpoint_api_key"]


@pytest.mark.parametrize("mark", ["******", "**********", "*", "<no-change>", "<user-input>"])
def test_a_masked_key_is_refused_wherever_it_comes_from(mark):
    with pytest.raises(ConnectionConfigError, match=r"endpoint_api_key of .*'c'.*masked"):
        CustomConnection.of({"name": "c", "endpoint_api_key": mark})


@pytest.mark.parametrize("text", ["${env:MY_KEY}", " ${env:MY_KEY} "])
def test_the_name_of_a_variable_is_no_key_where_nobody_looked_it_up(text):
    """As prompt flow's store has it after `pf connection create`; the endpoint would say 401."""
    with pytest.raises(ConnectionConfigError, match=r"of the connection 'c' is \$\{env:...\}"):
        CustomConnection.of({"name": "c", "endpoint_api_key": text})


@pytest.mark.parametrize("key", ["*a*", "<key>", ""])
def test_a_key_that_only_looks_odd_is_not_masked(key):
    found = CustomConnection.of({"endpoint_api_key": key}).endpoint_api_key
    assert (found.get_secret_value() if found else "") == key


@pytest.mark.parametrize("line", ["tags: [x]", "tags: {a: b}", "tags: []", "extra: null"])
def test_other_keys_may_hold_anything(write, line):
    connection = CustomConnection.from_yaml(write(f"{FILE}{line}\n"))
    assert connection.endpoint_url == URL


@pytest.mark.parametrize("value", ["[x]", "{a: b}"])
def test_a_secret_that_is_a_list_is_named(write, value):
    said = refused(write(FILE.replace('"${env:MY_KEY}"', value)))
    assert "secrets.endpoint_api_key" in said


def test_names_of_variables_do_not_hold_one_another(monkeypatch):
    """What looks like the beginning of many is read once, and the last one counts."""
    monkeypatch.setenv("A", "a")
    assert files._resolved("${env:${env:A}", "it") == "${env:a"
    assert files._resolved("${env:${env:${env: A }}", "it") == "${env:${env:a}"
    monkeypatch.setenv("$B{", "b")
    assert files._resolved("x${env:$B{}x", "it") == "xbx"
