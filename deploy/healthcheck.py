"""Fails unless the server in this container answers /ping; a server that asks for a token is alive too."""

import http.client
import os
import sys

connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8080), timeout=4)
try:
    connection.request("GET", "/ping")
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"no answer: {error}")
sys.exit(0 if status < 500 else f"status {status}")
