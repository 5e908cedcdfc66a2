"""Azure on this machine: Resource Manager and Entra ID's token endpoint behind one TLS port.

Not called `azure`: this folder's parent is on the path, and would hide the real packages.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SUBSCRIPTION, GROUP, WORKSPACE = "00000000-0000-0000-0000-000000000001", "group", "my-workspace"
TENANT, CLIENT, CLIENT_SECRET = "11111111-1111-1111-1111-111111111111", "client-1", "s3cret-of-app"
ROOT = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers"
    f"/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
WORKSPACE_VARIABLES = {
    "AZUREML_ARM_SUBSCRIPTION": SUBSCRIPTION,
    "AZUREML_ARM_RESOURCEGROUP": GROUP,
    "AZUREML_ARM_WORKSPACE_NAME": WORKSPACE,
}


def write_certificate(folder):
    """A certificate for 127.0.0.1, which is its own authority: (certificate's path, key's path)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


class FakeAzure:
    """A workspace that tests fill in, and an identity that may read it.

    Attributes:
        online: Name -> properties of an online endpoint.
        deployments: Endpoint's name -> deployment's name -> properties.
        serverless: Name -> properties.
        connections: Name -> properties, credentials included.
        refusals: Path below the workspace -> (status, body) to answer instead.
        page_size: Items on a page; the rest is behind `nextLink`.
        requests: (method, path below the workspace) of each call that was let in.
        issue_aml: Makes the tokens of endpoints, from their number and the endpoint's name.
        aml_token_life: Seconds that Azure ML says of them.
        issue: Makes Entra ID's access tokens, from their number.
        token_life: Seconds that Entra ID says of them.
        signed_in: The form of each request for a token.
    """

    def __init__(self, certificate, key):
        self.certificate = str(certificate)
        self.online, self.deployments, self.serverless, self.connections = {}, {}, {}, {}
        self.refusals, self.page_size, self.requests = {}, 2, []
        self.issue_aml = "aml-token-{}-of-{}".format
        self.aml_token_life = 3600
        self.issue = "entra-token-{}".format
        self.token_life = 3600
        self.signed_in, self.known_tokens = [], set()
        self._numbers = itertools.count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def paths(self, ending=""):
        return [path for _, path in self.requests if path.endswith(ending)]

    def add_online(self, name, deployments=None, auth_mode="Key", **properties):
        """An online endpoint; `deployments`: name -> (traffic, model's id)."""
        deployments = deployments or {}
        self.online[name] = {
            "authMode": auth_mode,
            "scoringUri": f"https://{name}.eastus2.inference.ml.azure.com/score",
            "provisioningState": "Succeeded",
            "properties": {},
            "traffic": {key: share for key, (share, _) in deployments.items() if share},
            **properties,
        }
        kind = "Kubernetes" if properties.get("compute") else "Managed"
        self.deployments[name] = {
            key: {
                "endpointComputeType": kind,
                "model": model,
                "provisioningState": "Succeeded",
                "scaleSettings": {"scaleType": "Default"},
                "containerResourceRequirements": {"containerResourceRequests": {"cpu": "1"}},
            }
            for key, (_, model) in deployments.items()
        }

    def add_serverless(self, name, model, auth_mode="Key", **properties):
        self.serverless[name] = {
            "authMode": auth_mode,
            "provisioningState": "Succeeded",
            "inferenceEndpoint": {
                "uri": f"https://{name}.eastus2.models.ai.azure.com",
                "headers": {},
            },
            "modelSettings": {"modelId": model},
            **properties,
        }

    def add_connection(self, name, metadata, keys, category="CustomKeys"):
        self.connections[name] = {
            "authType": "CustomKeys" if category == "CustomKeys" else "ApiKey",
            "category": category,
            "target": "_",
            "metadata": metadata,
            "credentials": {"keys": keys} if category == "CustomKeys" else {"key": "k"},
        }

    def answer(self, method, url, form):
        """(status, body) of a call to Resource Manager that was let in."""
        parts = urlsplit(url)
        if not parts.path.lower().startswith(ROOT.lower()):
            return 404, refusal("ResourceNotFound", "The workspace was not found.")
        path = parts.path[len(ROOT) :]
        self.requests.append((method, path))
        if path in self.refusals:
            return self.refusals[path]
        for pattern, answer in self._routes():
            if match := re.fullmatch(pattern, path):
                found = answer(*match.groups())
                if isinstance(found, list):
                    return 200, self._page(found, parts)
                return (200, found) if found else (404, refusal("ResourceNotFound", "Not there."))
        return 404, refusal("InvalidResourceType", path)

    def _routes(self):
        def resources(kind, found, secrets=()):
            return [
                {
                    "id": f"{ROOT}/{kind}/{name}",
                    "name": name,
                    "type": kind,
                    "location": "eastus2",
                    "tags": {},
                    "properties": {k: v for k, v in value.items() if k not in secrets},
                    "sku": {"name": "Default", "capacity": 1},
                }
                for name, value in found.items()
            ]

        def one(kind, found, name, secrets=()):
            return (
                next(iter(resources(kind, {name: found[name]}, secrets)), None)
                if (name in found)
                else None
            )

        keys = {"primaryKey": "key-of-{}", "secondaryKey": "other-{}"}
        online, serverless = "onlineEndpoints", "serverlessEndpoints"
        return [
            (rf"/{online}", lambda: resources(online, self.online)),
            (rf"/{online}/([^/]+)", lambda name: one(online, self.online, name)),
            (
                rf"/{online}/([^/]+)/deployments",
                lambda name: resources(f"{online}/{name}/deployments", self.deployments[name]),
            ),
            (
                rf"/(?:{online}|{serverless})/([^/]+)/listKeys",
                lambda name: {key: text.format(name) for key, text in keys.items()},
            ),
            (rf"/{online}/([^/]+)/token", self._aml_token),
            (rf"/{serverless}", lambda: resources(serverless, self.serverless)),
            (rf"/{serverless}/([^/]+)", lambda name: one(serverless, self.serverless, name)),
            (r"/connections", lambda: resources("connections", self.connections, {"credentials"})),
            (
                r"/connections/([^/]+)/listsecrets",
                lambda name: one("connections", self.connections, name),
            ),
        ]

    def _aml_token(self, name):
        now = dt.datetime.now(dt.UTC).timestamp()
        return {
            "accessToken": self.issue_aml(next(self._numbers), name),
            "expiryTimeUtc": int(now + self.aml_token_life),
            "refreshAfterTimeUtc": int(now + self.aml_token_life / 2),
            "tokenType": "Bearer",
        }

    def _page(self, items, parts):
        start = int(parse_qs(parts.query).get("$skipToken", ["0"])[0])
        page = {"value": items[start : start + self.page_size]}
        if items[start + self.page_size :]:
            version = parse_qs(parts.query)["api-version"][0]
            page["nextLink"] = (
                f"{self.url}{parts.path}?api-version={version}&$skipToken={start + self.page_size}"
            )
        return page

    def sign_in(self, path, form):
        """(status, body) of Entra ID."""
        if path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            base = f"{self.url}/{TENANT}"
            return 200, {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            }
        if path != f"/{TENANT}/oauth2/v2.0/token":
            return 404, {}
        self.signed_in.append(form)
        if form.get("client_secret") != CLIENT_SECRET:
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Wrong."}
        token = self.issue(next(self._numbers))
        self.known_tokens.add(token)
        return 200, {"token_type": "Bearer", "access_token": token, "expires_in": self.token_life}

    def _handler(azure):  # noqa: N805 - `self` is the handler's own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                form = {key: value[0] for key, value in parse_qs(body).items()}
                if self.path.startswith(f"/{TENANT}/"):
                    self.reply(*azure.sign_in(urlsplit(self.path).path, form))
                    return
                token = self.headers.get("authorization", "").removeprefix("Bearer ")
                if token not in azure.known_tokens:
                    self.reply(401, refusal("InvalidAuthenticationToken", "Not a token."))
                else:
                    self.reply(*azure.answer(self.command, self.path, form))

            do_POST = do_GET  # noqa: N815 - the name is http.server's

            def reply(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        return Handler


def refusal(code, message):
    return {"error": {"code": code, "message": message}}


class Credential:
    """A credential of azure-core's kind whose tokens the fake Azure lets in."""

    def __init__(self, azure):
        self._azure = azure
        self.scopes = []

    def get_token(self, *scopes, **_):
        from azure.core.credentials import AccessToken

        self.scopes.append(scopes)
        self._azure.known_tokens.add("arm-token")
        now = dt.datetime.now(dt.UTC).timestamp()
        return AccessToken("arm-token", int(now + 3600))
