#!/usr/bin/env python3
"""fuzz.py [--seed N] [--sequences N] [--verbose] A B

Sends the same random sequences of valid and invalid requests to two Chroma servers and compares every
answer: status, content type, body.  A is the reference (a real Chroma), B the mock.  Servers mint their
own UUIDs, so each request is written with its server's own, and answers are compared with B's UUIDs
read as A's.

Exit status 0: no difference.  1: differences, each printed with the sequence and step that found it;
"--seed N --sequences M" plays the same again.
"""
import argparse
import base64
import http.client
import json
import random
import re
import struct
import sys
import urllib.parse

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
WORDS = ["alpha", "Beta", "gamma delta", "émile", "x", "", "a%b", "under_score", "日本", "quote\"d", "tab\tbed"]
KEYS = ["k", "year", "tag", "né", "chroma:x"]


SETTINGS = {
    "hnsw": ["space", "ef_construction", "ef_search", "max_neighbors", "num_threads", "resize_factor",
             "sync_threshold", "batch_size"],
    "spann": ["search_nprobe", "write_nprobe", "space", "ef_construction", "ef_search", "max_neighbors",
              "reassign_neighbor_count", "split_threshold", "merge_threshold"]}
LEGACY = ["space", "construction_ef", "search_ef", "M", "num_threads", "resize_factor", "sync_threshold", "batch_size"]


def usable(collection):
    """With other settings a real index has been seen to crash, or finds not all that it should find."""
    hnsw = collection["configuration_json"]["hnsw"]
    return all(10 <= hnsw[key] <= 1000 for key in ("ef_construction", "ef_search", "max_neighbors", "sync_threshold"))


class Server:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def ask(self, method, path, headers, body):
        for attempt in (1, 2):
            try:
                self.connection.request(method, path, body=body, headers=headers)
                answer = self.connection.getresponse()
                data = answer.read()
                break
            except (ConnectionError, http.client.HTTPException) as error:
                # A server may close after an answer to a request whose body it has not read.
                self.connection.close()
                if attempt == 2:
                    return 0, None, None, type(error).__name__.encode()
        return answer.status, answer.headers.get("content-type"), answer.headers.get("allow"), data


# As stored; distances are computed, and embeddings scaled to length 1 and back.
EXACT = ("metadata", "metadatas", "configuration_json")


def close(a, b, exact=False):
    """Equal, computed floats to 1e-5 relative (1e-6 near 0: single precision); key order does not count."""
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        if exact or isinstance(a, int) and isinstance(b, int):
            return repr(a) == repr(b)
        return abs(a - b) <= 1e-5 * max(abs(a), abs(b), 0.1)
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(close(x, y, exact) for x, y in zip(a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k], exact or k in EXACT) for k in a)
    return a == b


def encode(body, ascii=True):
    """JSON, with numerals written as they are."""
    return re.sub(r'"numeral:([^"]*)"', r"\1", json.dumps(body, ensure_ascii=ascii))


class Sequence:
    """One database, filled and asked at random."""

    def __init__(self, rng, number, servers):
        self.rng = rng
        self.servers = servers
        self.database = "fz%06d" % number
        self.root = "/api/v2/tenants/default_tenant/databases/" + self.database
        self.collections = []  # [name, uuid of A, uuid of B, dimension]
        self.names = ["c%d%s" % (i, rng.choice(["", "_x", ".y", "-Z"])) for i in range(4)]
        self.log = []
        self.differences = []
        self.learned = {}  # UUID of B -> UUID of A

    # ---- values ----

    def text(self):
        return self.rng.choice(WORDS) + self.rng.choice(["", " ", str(self.rng.randrange(10))])

    def number(self):
        if self.rng.random() < 0.05:
            return self.numeral()
        return self.rng.choice([
            self.rng.randrange(-5, 30), self.rng.uniform(-3, 3), 0, 1, 2.0, 2010, 2010.5, -1,
            9007199254740993, 1e300, 0.1, 2 ** 63, 2 ** 64])

    def numeral(self):
        """A number in more digits than any double has, or one that is none: rounding shows, and where errors stand."""
        r = self.rng
        digits = lambda lengths: "".join(r.choice("0123456789") for _ in range(r.choice(lengths)))
        out = r.choice(["", "-"]) + digits([0, 1, 1, 2, 17, 19, 20, 40])
        if r.random() < 0.7:
            out += "." + digits([0, 1, 2, 17, 25])
        if r.random() < 0.5:
            out += r.choice("eE") + r.choice(["", "+", "-"]) + digits([0, 1, 1, 2, 2, 3, 10, 12])
        return "numeral:" + out

    def value(self):
        return self.rng.choice([self.text, self.number, self.number, lambda: self.rng.random() < 0.5])()

    def odd(self):
        return self.rng.choice([None, [], {}, [1], {"a": 1}, "", -1, 1.5, True, "x"])

    def metadata(self, nulls):
        out = {}
        for _ in range(self.rng.randrange(0, 4)):
            key = self.rng.choice(KEYS)
            out[key] = None if nulls and self.rng.random() < 0.2 else self.value()
        if self.rng.random() < 0.03:
            out["k"] = self.odd()
        return out

    def vector(self, dimension):
        # Quarters: sums are exact, so that no rounding makes two servers differ.
        return [self.rng.randrange(-400, 400) / 4 + self.rng.randrange(1000) / 4096 for _ in range(dimension)]

    def ids(self, most=6):
        return ["i%d" % self.rng.randrange(12) for _ in range(self.rng.randrange(0, most))]

    def where(self, depth=0):
        r = self.rng
        kind = r.random()
        if depth < 2 and kind < 0.3:
            return {r.choice(["$and", "$or"]): [self.where(depth + 1) for _ in range(r.randrange(0, 4))]}
        key = r.choice(KEYS)
        if kind < 0.5:
            return {key: self.value()}
        op = r.choice(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$contains", "$what"])
        if op in ("$in", "$nin"):
            one = r.choice([self.text, lambda: r.randrange(5), lambda: r.uniform(0, 2), lambda: r.random() < 0.5])
            values = [one() for _ in range(r.randrange(0, 4))]
            if r.random() < 0.2:
                values.insert(r.randrange(len(values) + 1), self.value())
            return {key: {op: values}}
        clause = {op: self.value() if r.random() < 0.93 else self.odd()}
        if r.random() < 0.04:
            clause["$gt"] = 3
        return {key: clause}

    def where_document(self, depth=0):
        r = self.rng
        if depth < 2 and r.random() < 0.3:
            return {r.choice(["$and", "$or"]): [self.where_document(depth + 1) for _ in range(r.randrange(0, 3))]}
        op = r.choice(["$contains", "$not_contains", "$contains", "$regex", "$not_regex", "$what"])
        if "regex" in op:
            return {op: r.choice(["a", "^x", "[0-9]", "(?i)BETA", "a|é", "\\w+ d", "(", "a{2,", "[z-a]", "."])}
        return {op: r.choice(["a", "x", "et", "é", " ", "", "%", "_", "日"]) if r.random() < 0.95 else self.odd()}

    # ---- configurations ----

    def setting(self, name):
        """A number of 77 threads: the real server takes that of the machine's processors as the default."""
        r = self.rng
        if r.random() < 0.04:
            return r.choice([self.odd(), self.odd(), {"ip": None}, {"ip": 5}, {"xx": None}, "xx"])
        if "space" in name:
            return r.choice(["l2", "cosine", "ip"])
        if "num_threads" in name:
            return 77
        if r.random() < 0.8:
            return r.choice([10, 16, 20, 50, 100, 1000, 1.2 if "resize" in name else 99])
        return r.choice([0, 1, 2, -1, 1.5, 129, 201, 2 ** 32, 2 ** 53 + 1, 2 ** 64 - 1, 2 ** 64, self.numeral()])

    def index(self, names):
        r = self.rng
        if r.random() < 0.05:
            return self.odd()
        if r.random() < 0.06:
            return [self.setting(name) for name in names][:r.randrange(len(names) + 1)] + [1] * (r.random() < 0.2)
        share = r.choice([0, 0.1, 0.3, 0.6])
        out = {name: self.setting(name) for name in names if r.random() < share}
        if r.random() < 0.04:
            out[r.choice(SETTINGS["hnsw"] + SETTINGS["spann"] + ["nonsense"])] = self.setting("")
        return self.shuffled(out)

    def anything(self, depth=0):
        r = self.rng
        if depth < 3 and r.random() < 0.4:
            return [self.anything(depth + 1) for _ in range(r.randrange(0, 3))]
        if depth < 3 and r.random() < 0.5:
            return {self.text(): self.anything(depth + 1) for _ in range(r.randrange(0, 3))}
        return r.choice([self.value, self.number, self.numeral, lambda: None])()

    def embedding_function(self):
        r = self.rng
        out = {"type": r.choice(["known", "known", "known", "legacy", "unknown"])}
        out.update({"name": self.text(), "config": self.anything()} if r.random() < 0.8 else {})
        if r.random() < 0.2:
            out.pop(r.choice(list(out)))
        if r.random() < 0.15:
            out[r.choice(["type", "name", "config", "more"])] = self.odd()
        if r.random() < 0.1:
            return list(out.values()) + [1] * (r.random() < 0.1)
        return self.odd() if r.random() < 0.05 else self.shuffled(out)

    def configuration(self, kinds):
        r = self.rng
        if r.random() < 0.04:
            return self.odd()
        out = {}
        if r.random() < 0.8:
            kind = r.choice(kinds)
            out[kind] = self.index(SETTINGS[kind])
        if r.random() < 0.05:
            out.update({"hnsw": self.index([]), "spann": self.index([])})
        if r.random() < 0.3:
            out["embedding_function"] = self.embedding_function()
        if r.random() < 0.05:
            out[r.choice(["hnsw", "spann", "embedding_function", "more"])] = self.odd()
        return list(out.values()) if r.random() < 0.03 else self.shuffled(out)

    def shuffled(self, members):
        return dict(self.rng.sample(list(members.items()), len(members)))

    def collection_metadata(self):
        """One key for the index that may be wrong, or several that are right: a real server reads them in
        the order of a hash map, and tells of the first that is wrong."""
        r = self.rng
        out = self.metadata(False)
        if r.random() < 0.25:
            name = r.choice(LEGACY + ["nonsense", ""])
            out["hnsw:" + name] = r.choice([self.setting, self.setting, lambda _: self.value()])(name)
        elif r.random() < 0.15:
            out.update({"hnsw:M": 20, "hnsw:space": r.choice(["l2", "ip"]), "hnsw:batch_size": r.choice([1, 100])})
        return self.shuffled(out)

    # ---- requests ----

    def pick(self):
        return self.rng.choice(self.collections) if self.collections and self.rng.random() < 0.97 else None

    def uuid_path(self, chosen, verb):
        """The path for each server."""
        if chosen is None:
            wrong = self.rng.choice(["00000000-0000-4000-8000-000000000001", "nope", self.names[0], "%20", "A" * 32])
            return [self.root + "/collections/" + wrong + verb] * 2
        return [self.root + "/collections/" + chosen[i] + verb for i in (1, 2)]

    def records(self, chosen, verb):
        r = self.rng
        ids = self.ids()
        dimension = chosen[3] if chosen else 3
        body = {"ids": ids}
        if verb != "update" or r.random() < 0.5:
            rows = [self.vector(dimension if r.random() < 0.985 else r.randrange(0, 5)) for _ in ids]
            if r.random() < 0.3:
                rows = [base64.b64encode(struct.pack("<%df" % len(v), *v)).decode() for v in rows]
                if r.random() < 0.05 and rows:
                    rows[0] = r.choice(["", "AAAA", "!!", "AAA=", rows[0][:-1]])
            if verb == "update" and r.random() < 0.3:
                rows = [None if r.random() < 0.5 else v for v in rows]
            body["embeddings"] = rows
        if r.random() < 0.7:
            body["documents"] = [None if r.random() < 0.2 else self.text() for _ in ids]
        if r.random() < 0.7:
            body["metadatas"] = [None if r.random() < 0.2 else self.metadata(verb != "add") for _ in ids]
        if r.random() < 0.3:
            body["uris"] = [None if r.random() < 0.3 else "u" + self.text() for _ in ids]
        if r.random() < 0.04:
            key = r.choice(list(body))
            body[key] = r.choice([lambda: body[key] + [body[key][0]] if body[key] else [1], self.odd])()
        if r.random() < 0.02:
            body.pop(r.choice(list(body)))
        return body

    def filters(self, body):
        r = self.rng
        if r.random() < 0.5:
            body["where"] = self.where() if r.random() < 0.95 else self.odd()
        if r.random() < 0.3:
            body["where_document"] = self.where_document() if r.random() < 0.95 else self.odd()
        return body

    def include(self, body, choices):
        r = self.rng
        if r.random() < 0.6:
            body["include"] = r.sample(choices, r.randrange(0, len(choices) + 1))
            if r.random() < 0.02:
                body["include"].append("nonsense")
        return body

    def make_create(self):
        r = self.rng
        name = r.choice(self.names)
        if r.random() < 0.08:
            name = r.choice(["ab", "a..b", "1.2.3.4", "-x-", "ok name", "", "é" * 4, "x" * 513, None, 7])
        body = {"name": name}
        if r.random() < 0.4:
            body["get_or_create"] = r.random() < 0.8
        if r.random() < 0.5:
            body["metadata"] = self.collection_metadata()
        if r.random() < 0.6:
            body["configuration"] = self.configuration(["hnsw", "spann"])
        return "POST", [self.root + "/collections"] * 2, body

    def make_list(self):
        query = self.rng.choice(["", "?limit=2", "?offset=1", "?limit=abc", "?limit=", "?limit=-1", "?offset=99",
                                 "?limit=100&offset=0", "?what=1"])
        return "GET", [self.root + "/collections" + query] * 2, None

    def make_named(self):
        method = self.rng.choice(["GET", "GET", "DELETE", "HEAD", "PATCH"])
        return method, [self.root + "/collections/" + self.rng.choice(self.names + ["nope"])] * 2, None

    def make_modify(self):
        r = self.rng
        body = {}
        if r.random() < 0.5:
            body["new_name"] = r.choice(self.names) if r.random() < 0.8 else r.choice(["ab", "", None, 3])
        if r.random() < 0.5:
            body["new_metadata"] = self.collection_metadata()
        if r.random() < 0.6:
            body["new_configuration"] = self.configuration(["hnsw", "hnsw", "spann"])
        return "PUT", self.uuid_path(self.pick(), ""), body

    def make_write(self):
        verb = self.rng.choice(["add", "add", "add", "upsert", "upsert", "update"])
        chosen = self.pick()
        body = self.records(chosen, verb)
        if verb == "update" and chosen and isinstance(body.get("ids"), list) and body.get("embeddings"):
            # A vector for an unknown id stays behind in a real server's index and comes out again when
            # the id is added later: an accident that nobody should rely on, and the mock has not.
            known, _ = self.step("POST", self.uuid_path(chosen, "/get"), {"include": []})
            if known[0] == 200 and not set(body["ids"]) <= set(known[3]["ids"]):
                body.pop("embeddings")
        return "POST", self.uuid_path(chosen, "/" + verb), body

    def make_delete(self):
        body = {}
        if self.rng.random() < 0.6:
            body["ids"] = self.ids(3)
        return "POST", self.uuid_path(self.pick(), "/delete"), self.filters(body)

    def make_get(self):
        r = self.rng
        body = self.filters({})
        if r.random() < 0.4:
            body["ids"] = self.ids()
        if r.random() < 0.3:
            body["limit"] = r.choice([0, 1, 3, 100, None, -1, "x"])
        if r.random() < 0.3:
            body["offset"] = r.choice([0, 1, 3, 100, None, -1])
        self.include(body, ["documents", "embeddings", "metadatas", "uris", "distances"])
        return "POST", self.uuid_path(self.pick(), "/get"), body

    def make_query(self):
        r = self.rng
        chosen = self.pick()
        dimension = chosen[3] if chosen else 3
        body = {"query_embeddings": [self.vector(dimension if r.random() < 0.95 else r.randrange(0, 5))
                                     for _ in range(r.randrange(0, 3))]}
        if r.random() < 0.7:
            body["n_results"] = r.choice([1, 2, 5, 50])  # with 0 a real server drops the connection at times
        self.filters(body)
        self.include(body, ["documents", "embeddings", "metadatas", "uris", "distances"])
        return "POST", self.uuid_path(chosen, "/query"), body

    def make_count(self):
        return "GET", self.uuid_path(self.pick(), "/count"), None

    def make_other(self):
        r = self.rng
        method = r.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
        path = r.choice([
            "/api/v2/version", "/api/v2/healthcheck", "/api/v2/pre-flight-checks", "/api/v2/auth/identity",
            "/api/v2/collections", "/api/v1/collections", "/", "/api/v2/", self.root, self.root + "/collections_count",
            "/api/v2/tenants/default_tenant", "/api/v2/tenants/nope", "/api/v2/tenants/default_tenant/databases/nope",
            self.root + "/collections/", self.root + "//collections", self.root + "/collections/x/y/z"])
        if method == "DELETE" and path == self.root:
            method = "GET"
        return method, [path] * 2, None

    def request(self):
        makers = [(self.make_write, 30), (self.make_get, 20), (self.make_query, 10), (self.make_create, 10),
                  (self.make_delete, 8), (self.make_count, 5), (self.make_modify, 4), (self.make_named, 3),
                  (self.make_list, 3), (self.make_other, 4)]
        total = sum(weight for _, weight in makers)
        at = self.rng.randrange(total)
        for maker, weight in makers:
            if at < weight:
                return maker()
            at -= weight
        raise AssertionError

    def spoil(self, text):
        """One byte changed, left out or put in: most results are no JSON, some are another request."""
        r = self.rng
        at = r.randrange(len(text)) if text else 0
        junk = r.choice(list('{}[]",:0 9.-eE\\tnfu') + ["null", "\\u12", "\\ud800", "1e999", "//"])
        return r.choice([text[:at] + junk + text[at:], text[:at] + text[at + 1:], text[:at], text[:at] + junk + text[at + 1:]])

    # ---- comparing ----

    def readable(self, answer, is_b):
        status, kind, allow, data = answer
        text = data.decode("utf-8", "replace")
        if is_b:
            text = UUID.sub(lambda m: self.learned.get(m.group(0), m.group(0)), text)
        if kind == "application/json" and text:
            try:
                return status, kind, allow, json.loads(text)
            except ValueError:
                return status, kind, allow, "no JSON: " + text
        return status, kind, allow, text

    def learn(self, a, b):
        """What both have made in this step is the same thing."""
        for x, y in zip(UUID.findall(a[3].decode("utf-8", "replace")), UUID.findall(b[3].decode("utf-8", "replace"))):
            if x not in self.learned.values():
                self.learned.setdefault(y, x)

    def same(self, method, path, request, a, b):
        if path.split("?")[0].endswith("/collections") and method == "GET" and isinstance(a[3], list):
            if isinstance(b[3], list) and "?" in path:
                return len(a[3]) == len(b[3])  # each server sorts by its own UUIDs
            key = lambda c: c["name"]
            return isinstance(b[3], list) and close(sorted(a[3], key=key), sorted(b[3], key=key))
        return a[:3] == b[:3] and close(self.lines(a[3], request), self.lines(b[3], request))

    @staticmethod
    def lines(body, request):
        """Several validation errors come in the order of a hash map, and so do the figures of each; where in
        several keys about the index the wrong one stands follows such an order, too."""
        message = body.get("message") if isinstance(body, dict) else None
        if isinstance(message, str) and "Invalid metadata: " in message and request.count(b"hnsw:") > 1:
            return dict(body, message=message[:message.rindex(" column ")])
        for start in ("Validation error: ", "Invalid HNSW parameters: Invalid parameters: "):
            if isinstance(message, str) and message.startswith(start):
                figures = re.sub(r"\[\{(.*?)\}\]", lambda m: str(sorted(m.group(1).split(", "))), message[len(start):])
                return dict(body, message=sorted(figures.split("\n")))
        return body

    def step(self, method, paths, body, headers=None):
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("content-type", "application/json")
            body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else encode(body).encode()
        raw = [server.ask(method, path, headers, body) for server, path in zip(self.servers, paths)]
        if method == "POST" and paths[0].endswith("/collections") or paths[0] == self.root:
            self.learn(*raw)
        a, b = self.readable(raw[0], False), self.readable(raw[1], True)
        self.log.append((method, paths[0], None if body is None else body.decode("utf-8", "replace"), a, b))
        if not self.same(method, paths[0], body, a, b):
            self.differences.append(len(self.log) - 1)
        return a, b

    def after(self, method, paths, a, b):
        """What a collection has become is compared, and shows whether records may go there."""
        made = method == "POST" and paths[0].endswith("/collections") and a[0] == 200 == b[0]
        if made and all(c[1] != a[3]["id"] for c in self.collections):
            raw_b = next((k for k, v in self.learned.items() if v == a[3]["id"]), None)
            if raw_b is not None:
                self.collections.append([a[3]["name"], a[3]["id"], raw_b, self.rng.randrange(2, 5)])
        if made or method == "PUT" and a[0] == 200:
            listed, _ = self.step("GET", [self.root + "/collections"] * 2, None)
            if isinstance(listed[3], list):
                useless = [c["id"] for c in listed[3] if not usable(c)]
                self.collections = [c for c in self.collections if c[1] not in useless]

    def play(self, steps):
        self.step("POST", ["/api/v2/tenants/default_tenant/databases"] * 2, {"name": self.database})
        self.step("GET", [self.root] * 2, None)
        if self.rng.random() < 0.7:
            made = "POST", [self.root + "/collections"] * 2
            self.after(*made, *self.step(*made, {"name": self.names[0]}))
        for _ in range(steps):
            method, paths, body = self.request()
            headers = {}
            # Regular expressions stay as they are drawn: of wrong ones the mock, whose engine is another one,
            # knows the words of a few only.
            if body is not None and self.rng.random() < 0.08 and "regex" not in str(body):
                body = self.spoil(encode(body, self.rng.random() < 0.5))
            if self.rng.random() < 0.01:
                headers["content-type"] = self.rng.choice(["text/plain", "application/json; charset=utf-8", "", "a/b+json"])
            a, b = self.step(method, paths, body, headers)
            self.after(method, paths, a, b)
            if len(self.differences) >= 3:
                return  # what follows may only follow from it
        for collection in self.collections:
            body = {"include": ["documents", "embeddings", "metadatas", "uris"]}
            self.step("POST", self.uuid_path(collection, "/get"), body)
        self.step("DELETE", [self.root] * 2, None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1000000))
    parser.add_argument("--sequences", type=int, default=40)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--only", type=int, help="play this sequence alone, and print every step")
    parser.add_argument("a")
    parser.add_argument("b")
    options = parser.parse_args()
    servers = [Server(options.a), Server(options.b)]
    print("seed %d, %d sequences of %d requests" % (options.seed, options.sequences, options.steps), flush=True)
    different = 0
    requests = 0
    for number in range(options.sequences):
        if options.only is not None and number != options.only:
            continue
        sequence = Sequence(random.Random("%d/%d" % (options.seed, number)), number, servers)
        sequence.play(options.steps)
        if any("ConnectionRefused" in str(step[3]) + str(step[4]) for step in sequence.log):
            print("a server has died; sequence %d, last request %s" % (number, sequence.log[-1][:3]))
            return 1
        requests += len(sequence.log)
        different += 1 if sequence.differences else 0
        for at, (method, path, body, a, b) in enumerate(sequence.log):
            if at in sequence.differences or options.only is not None:
                print("%s sequence %d step %d: %s %s\n  body %s\n  A %s\n  B %s" % (
                    "DIFFERENT" if at in sequence.differences else "same", number, at, method, path,
                    str(body)[:1500], str(a)[:1500], str(b)[:1500]))
    print("%d requests, %d sequences with differences" % (requests, different))
    played = 1 if options.only is not None else options.sequences
    print("differential fuzzer: %d passed, %d failed" % (played - different, different))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
