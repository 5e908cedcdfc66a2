"""Runs Microsoft's scoring server on this machine alone: its own WSGI app, at 127.0.0.1.

Its command line binds all interfaces. Prints the port; ends when its standard input closes, so it
does not outlive the tests.
"""

import os
import sys
import threading
from pathlib import Path

from werkzeug.serving import make_server


def main():
    folder = Path(__file__).parent
    os.environ["AML_APP_ROOT"] = str(folder)
    os.environ["AZUREML_ENTRY_SCRIPT"] = sys.argv[1]
    sys.path.insert(0, str(folder))
    port = os.dup(1)  # the server takes print() over for its log
    from azureml_inference_server_http.server.create_app import create

    server = make_server("127.0.0.1", 0, create(), threaded=True)
    os.write(port, f"{server.port}\n".encode())
    os.close(port)
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    server.serve_forever()


def _end_with_parent(server):
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
