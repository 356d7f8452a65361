"""A client in a process that is forked off, as the workers of many web servers are."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.peers

ASK_IN_BOTH = """
import http.server, os, threading
from otel_kubecost.http.config import HTTPOptions
from otel_kubecost.http.session import HTTPClient

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = str(self.client_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = HTTPClient(HTTPOptions(timeout=10))
url = f"http://127.0.0.1:{server.server_port}/"
first = client.get(url).body
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, client.get(url).body)
    os._exit(0)
os.wait()
print(*(port.decode() for port in (first, os.read(reading, 100), client.get(url).body)))
"""


def test_a_child_does_not_speak_on_its_parents_connection():
    """It makes one of its own; the parent's goes on."""
    finished = subprocess.run(
        [sys.executable, "-c", ASK_IN_BOTH], capture_output=True, text=True, check=True, timeout=30
    )
    before, of_child, after = finished.stdout.split()
    assert before == after != of_child
