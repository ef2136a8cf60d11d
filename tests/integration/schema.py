"""Holds scenario files to the schema that waldrill prints.

usage: schema.py WALDRILL TREE

Every scenario shipped below TREE/scenarios must fit, and so must be what the parser takes; each of the wrong files
below must be refused by both, the schema at the place of the mistake. Files are read as YAML 1.2, as editors do.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import jsonschema
import yaml


class Core(yaml.SafeLoader):
    """YAML 1.2: only true and false are truths, and nothing is a date."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?$", "-+0123456789"),
    ("null", r"^(?:~|null|)$", "~n\0"),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", yaml.resolver.re.compile(pattern), list(first))

HEAD = """scenario: x
phases: [ { name: outage, for: 5m } ]
"""
# What is wrong, the file, and where the schema says so.
WRONG = [
    ("no phases", "scenario: x\n", ""),
    ("a key of the file", HEAD + "expects: []\n", ""),
    ("a key of a fault", HEAD + "faults: [ { name: a, target: primary, do: refuse, durning: outage } ]\n", "faults/0"),
    ("a fault without a target", HEAD + "faults: [ { name: a, do: refuse } ]\n", "faults/0"),
    ("a target", HEAD + "faults: [ { name: a, target: primry, do: refuse } ]\n", "faults/0/target"),
    ("a setting", HEAD + "topology: { lb: { check_intervall: 5s } }\n", "topology/lb"),
    ("a setting of the engine's", HEAD + "topology: { lb: { wal_dir: /x } }\n", "topology/lb"),
    ("a duration without unit", HEAD + "topology: { lb: { check_interval: 5 } }\n", "topology/lb/check_interval"),
    ("a choice", HEAD + "topology: { lb: { wal_mode: disk } }\n", "topology/lb/wal_mode"),
    ("a rate", HEAD + "load: { w: { rate: 5, mix: { add: 100% } } }\n", "load/w/rate"),
    ("a load without mix", HEAD + "load: { w: { rate: 5/s } }\n", "load/w"),
    ("a size", HEAD + "load: { w: { rate: 5/s, mix: { add: 100% }, body: 5X } }\n", "load/w/body"),
    ("a count", HEAD + "load: { w: { rate: 5/s, mix: { add: 100% }, collections: 0 } }\n", "load/w/collections"),
    ("a phase's name", "scenario: x\nphases: [ { name: 1st, for: 5m } ]\n", "phases/0/name"),
    ("a list", HEAD + "expect: wal.active\n", "expect"),
    ("a promise", HEAD + "invariants: [ no_lost_akc ]\n", "invariants/0"),
    ("an alert rule", HEAD + "alerts: { never_fire: [ replay_failure ] }\n", "alerts/never_fire/0"),
    ("a step's key", HEAD + "steps: [ { name: a, at: 1s, run: x, asert: [] } ]\n", "steps/0"),
    ("a method", HEAD + 'steps: [ { name: a, at: 1s, request: { url: "${lb}/x", method: FETCH } } ]\n',
     "steps/0/request/method"),
    ("a matrix", HEAD + "matrix: { lb.wal_mode: file }\n", "matrix/lb.wal_mode"),
    ("a format", HEAD + "report: [ pdf ]\n", "report/0"),
]


def main():
    waldrill, tree = sys.argv[1], pathlib.Path(sys.argv[2])
    schema = json.loads(subprocess.run([waldrill, "schema"], check=True, capture_output=True, text=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    passed = failed = 0

    def judge(good, what):
        nonlocal passed, failed
        passed += good
        failed += not good
        if not good:
            print("FAILED", what)

    def parser_takes(path):
        return subprocess.run([waldrill, "validate", str(path)], capture_output=True, check=False).returncode == 0

    shipped = sorted(tree.glob("scenarios/*/*.yaml"))
    for path in shipped:
        if path.parent.name == "base":  # taken over by others, no scenarios of their own
            continue
        errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
                  for e in validator.iter_errors(yaml.load(path.read_text(), Core))]
        judge(not errors and parser_takes(path), f"{path} fits: {'; '.join(errors)[:400]}")
    judge(passed > 40, f"only {passed} scenarios were found")
    with tempfile.TemporaryDirectory() as folder:
        for what, text, place in WRONG:
            path = pathlib.Path(folder, "wrong.yaml")
            path.write_text(text)
            places = ["/".join(map(str, e.absolute_path)) for e in validator.iter_errors(yaml.load(text, Core))]
            judge(place in places and not parser_takes(path), f"{what} is refused at \"{place}\", not {places}")
    print(f"schema: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
