#!/usr/bin/env python3
"""A balancer as one writes it in an afternoon, to stand trial: it forwards to the primary, and to the replica while
a health check says that the primary is down; what the primary missed waits in memory and is replayed, three tries
each.  It breaks about every promise there is, and waldrill must say which."""
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRIMARY = os.environ["PRIMARY_URL"]
REPLICA = os.environ["REPLICA_URL"]
INTERVAL = 30 / float(os.environ.get("TIME_SCALE", "1"))
healthy = {PRIMARY: True, REPLICA: True}
queue = deque()
replayed = failed = 0


def send(base, method, path, body):
    request = urllib.request.Request(base + path, data=body or None, method=method)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def watch():
    global replayed, failed
    while True:
        for base in (PRIMARY, REPLICA):
            try:
                healthy[base] = send(base, "GET", "/api/v2/version", b"")[0] == 200
            except OSError:
                healthy[base] = False
        while healthy[PRIMARY] and queue:
            method, path, body = queue.popleft()
            for _ in range(3):
                try:
                    if send(PRIMARY, method, path, body)[0] < 500:
                        replayed += 1
                        break
                except OSError:
                    pass
            else:
                failed += 1
        time.sleep(INTERVAL)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def status(self):
        return json.dumps({
            "write_ahead_log": {"pending_writes": len(queue), "is_replaying": False, "oldest_pending": None,
                                "total_replayed": replayed, "failed_replays": failed},
            "healthy_instances": sum(healthy.values()), "total_instances": 2,
            "instances": [{"name": "primary", "healthy": healthy[PRIMARY]},
                          {"name": "replica", "healthy": healthy[REPLICA]}],
            "stats": {}}).encode()

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/status":
            return self.answer(200, self.status())
        reads = self.command == "GET" or self.path.endswith(("/get", "/query"))
        target = PRIMARY if healthy[PRIMARY] else REPLICA
        try:
            status, text = send(target, self.command, self.path, body)
        except OSError:
            return self.answer(503, b'{"error":"Unavailable"}')
        if not reads and target == REPLICA:
            queue.append((self.command, self.path, body))
        elif not reads and healthy[REPLICA]:
            threading.Thread(target=self.copy, args=(self.command, self.path, body)).start()
        return self.answer(status, text)

    @staticmethod
    def copy(method, path, body):
        try:
            send(REPLICA, method, path, body)
        except OSError:
            pass

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = serve


threading.Thread(target=watch, daemon=True).start()
ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
