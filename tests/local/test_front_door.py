"""Keys, deployments, ids, sizes, and the 424."""

from __future__ import annotations

import time
from collections import Counter

import pytest
import requests

from langchain_azureml_oss.local import EngineError, LocalEndpoint

SCORE = {"input_data": {"input_string": ["a"]}}
V1 = "/v1/chat/completions"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic {key}", "{key}"])
def test_wrong_keys(echo, post, header):
    value = header.format(key=echo.api_key)
    answer = post(echo, "/score", SCORE, {"Authorization": value})
    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == 401
    assert "azureml-model-deployment" not in answer.headers


def test_a_key_of_strange_bytes(echo, post):
    answer = post(echo, "/score", SCORE, {"Authorization": b"Bearer \xff\xfe"})
    assert answer.status_code == 401


def test_keys_are_made_up_and_kept_out_of_sight():
    one, other = LocalEndpoint("echo"), LocalEndpoint("echo", api_key="mine")
    assert len(one.api_key) > 20
    assert other.api_key == "mine"
    assert "mine" not in repr(other)
    assert one.api_key != LocalEndpoint("echo").api_key


def test_health_needs_no_key(echo):
    assert requests.get(echo.url, timeout=10).text == "Healthy"
    assert requests.get(echo.url + "/info", timeout=10).status_code == 401


def test_info_and_swagger():
    with LocalEndpoint("echo", families={"blue": "LLAMA"}) as endpoint:
        headers = {"Authorization": f"Bearer {endpoint.api_key}"}
        info = requests.get(endpoint.url + "/info", headers=headers, timeout=10).json()
        swagger = requests.get(endpoint.url + "/swagger.json", headers=headers, timeout=10).json()
    assert info["model_name"] == "LLAMA"
    assert "/score" in swagger["paths"]


def test_a_deployment_can_be_chosen(post, chat):
    families = {"blue": "LLAMA", "green": "PHI"}
    with LocalEndpoint(
        "echo", deployments={"blue": 100, "green": 0}, families=families
    ) as endpoint:
        chosen = post(endpoint, V1, chat(), {"azureml-model-deployment": "green"})
        unknown = post(endpoint, V1, chat(), {"azureml-model-deployment": "red"})
        default = post(endpoint, V1, chat())
        assert [one.deployment for one in endpoint.requests] == ["green", None, "blue"]
    assert chosen.headers["azureml-model-deployment"] == "green"
    assert chosen.json()["model"] == "PHI"
    assert unknown.status_code == 404
    assert default.json()["model"] == "LLAMA"


def test_traffic_is_split_by_weight(post):
    with LocalEndpoint("echo", deployments={"blue": 90, "green": 10}, seed=1) as endpoint:
        answers = [post(endpoint, "/score", SCORE) for _ in range(100)]
    counts = Counter(one.headers["azureml-model-deployment"] for one in answers)
    assert counts["green"] in range(3, 20)
    assert counts["blue"] == 100 - counts["green"]


def test_no_traffic(post):
    with LocalEndpoint("echo", deployments={"blue": 0}) as endpoint:
        assert post(endpoint, "/score", SCORE).status_code == 404
        chosen = post(endpoint, "/score", SCORE, {"azureml-model-deployment": "blue"})
        assert chosen.status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_ids(echo, post, chat, stream):
    answer = post(echo, V1, chat(stream=stream), {"x-ms-client-request-id": "mine" * 25})
    assert answer.headers["x-ms-client-request-id"] == "mine" * 25
    assert answer.headers["x-ms-request-id"]
    assert answer.headers["x-request-id"]
    assert answer.headers["azureml-model-deployment"] == "blue"


def test_an_id_that_is_too_long(echo, post):
    answer = post(echo, "/score", SCORE, {"x-ms-client-request-id": "x" * 101})
    assert answer.status_code == 431
    assert "x-ms-client-request-id" not in answer.headers


def test_a_body_that_is_too_large(echo, post):
    answer = post(echo, "/score", b'"' + b"x" * 10 * 1024 * 1024 + b'"')
    assert answer.status_code == 413
    # Just below the limit it is read, and is just no request of this contract.
    assert post(echo, "/score", b'"' + b"x" * (10 * 1024 * 1024 - 3) + b'"').json() == {}


def test_no_such_route(echo, post):
    answer = post(echo, "/nowhere", SCORE)
    assert answer.status_code == 404
    assert "The requested URL was not found" in answer.json()["message"]
    headers = {"Authorization": f"Bearer {echo.api_key}"}
    assert requests.get(echo.scoring_url, headers=headers, timeout=10).status_code == 405


def crash(body):
    raise RuntimeError("boom")


@pytest.mark.parametrize("front_door", [False, True])
@pytest.mark.parametrize(("path", "body"), [("/score", SCORE), (V1, None)])
def test_a_crash_is_a_424(post, chat, front_door, path, body):
    with LocalEndpoint("scripted", script=crash, front_door=front_door) as endpoint:
        answer = post(endpoint, path, body or chat())
        assert endpoint.requests[0].status == 424
    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "500"
    assert answer.headers["ms-azureml-model-error-reason"] == "Internal Server Error"
    assert "unexpected error occurred in scoring script" in answer.json()["message"]
    assert "boom" not in answer.text


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (V1, {"messages": "none"}, 422),
        ("/chat/completions", {"messages": [], "top_k": 1}, 400),
        ("/score", b"{", 500),
    ],
)
def test_other_refusals_of_the_container(post, path, body, status):
    with LocalEndpoint("echo") as endpoint:
        bare = post(endpoint, path, body)
    with LocalEndpoint("echo", front_door=True) as endpoint:
        behind = post(endpoint, path, body)
    assert bare.status_code == status
    assert behind.status_code == 424
    assert behind.headers["ms-azureml-model-error-statuscode"] == str(status)
    assert behind.json() == bare.json()


def test_an_engines_500_keeps_its_status_without_the_front_door(post, chat):
    with LocalEndpoint("scripted", script=[EngineError(500, "no")]) as endpoint:
        assert post(endpoint, V1, chat()).status_code == 500


def test_what_arrived_is_remembered(echo, post):
    post(echo, "/score?api-version=1", SCORE, {"X-Mine": "yes"})
    post(echo, "/score", b"{", {"api-key": "also secret"})
    first, second = echo.requests
    assert (first.method, first.path, first.query) == ("POST", "/score", "api-version=1")
    assert first.body == SCORE
    assert (first.status, first.deployment, first.fault) == (200, "blue", None)
    assert first.headers["x-mine"] == "yes"
    assert first.headers["authorization"] == "Bearer ***"
    assert (second.body, second.status) == (None, 500)
    assert echo.api_key not in repr(echo.requests)
    assert "also secret" not in repr(echo.requests)


def test_the_memory_is_bounded(post):
    with LocalEndpoint("echo", keep_requests=2) as endpoint:
        for text in "abc":
            post(endpoint, "/score", {"input_data": {"input_string": [text]}})
        assert [one.body["input_data"]["input_string"] for one in endpoint.requests] == [
            ["b"],
            ["c"],
        ]


def test_the_memory_is_bounded_in_bytes_too(post):
    with LocalEndpoint("echo", keep_request_bytes=1000) as endpoint:
        for text in ("a" * 400, "b" * 400, "c" * 400):
            post(endpoint, "/score", {"input_data": {"input_string": [text]}})
        assert [one.size > 400 for one in endpoint.requests] == [True, True]
        post(endpoint, "/score", {"input_data": {"input_string": ["d" * 4000]}})
        kept = [one.body["input_data"]["input_string"][0][0] for one in endpoint.requests]
        assert kept == ["d"]


@pytest.mark.parametrize(("path", "status"), [("/score", 500), ("/v1/chat/completions", 422)])
def test_json_that_is_nested_too_deeply_is_refused_and_no_crash(echo, post, path, status):
    body = b'{"input_data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    answer = post(echo, path, body)
    assert answer.status_code == status
    assert "recursion" in answer.text
    assert "x-ms-run-function-failed" not in answer.headers


def test_tokens_expire(post):
    with LocalEndpoint("echo", auth="aad_token") as endpoint:
        good, short = endpoint.issue_token(), endpoint.issue_token(lifetime_s=0.05)
        time.sleep(0.1)
        for token, status in [(good, 200), (short, 401)]:
            bearer = {"Authorization": f"Bearer {token}"}
            assert post(endpoint, "/score", SCORE, bearer).status_code == status
        # The key opens nothing here.
        assert post(endpoint, "/score", SCORE).status_code == 401


def test_an_endpoint_with_a_key_issues_no_tokens(echo):
    with pytest.raises(ValueError, match="aad_token"):
        echo.issue_token()
