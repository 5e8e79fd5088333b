"""The server of a user: answers every request, which is all that the Hub asks of it."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlparse


class Answer(BaseHTTPRequestHandler):
    """Answers with nothing."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", os.environ.get("JUPYTERHUB_VERSION", ""))
        self.end_headers()


place = urlparse(os.environ["JUPYTERHUB_SERVICE_URL"])
HTTPServer((place.hostname, place.port), Answer).serve_forever()
