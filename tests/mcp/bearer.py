"""Forwards to a server and brings the agent's secret: for a client that has no option for a header.

argv: the server's address, a file with the secret. Prints its own address. Host and Origin go on as they
came, but for its own name, so that what the server thinks of them is what the client sees.
"""

import http.client
import http.server
import socketserver
import sys
import urllib.parse

TARGET = urllib.parse.urlsplit(sys.argv[1])
SECRET = open(sys.argv[2], encoding="ascii").read().strip()
HOP = {"connection", "transfer-encoding", "keep-alive", "te", "upgrade"}


class Forward(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        own = f"127.0.0.1:{self.server.server_address[1]}"
        names = {own, own.replace("127.0.0.1", "localhost")}
        headers = {}
        for name, value in self.headers.items():
            if name.lower() in HOP | {"content-length", "authorization"}:
                continue
            if name.lower() == "host" and value in names:
                value = TARGET.netloc
            if name.lower() == "origin" and value.removeprefix("http://") in names:
                value = f"http://{TARGET.netloc}"
            headers[name] = value
        headers["Authorization"] = f"Bearer {SECRET}"
        server = http.client.HTTPConnection(TARGET.hostname, TARGET.port, timeout=60)
        server.request(self.command, self.path, body=body or None, headers=headers)
        answer = server.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while chunk := answer.read1(65536):
            self.wfile.write(chunk)
            self.wfile.flush()
        server.close()

    do_GET = do_POST = do_DELETE = do_OPTIONS = do_PUT = forward

    def log_message(self, *_):
        pass


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


served = Threads(("127.0.0.1", 0), Forward)
print(f"http://127.0.0.1:{served.server_address[1]}{TARGET.path}", flush=True)
served.serve_forever()
