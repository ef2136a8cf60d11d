"""Holds results.json files to the schema that waldrill publishes.

usage: results_schema.py WALDRILL TREE

Real runs (one that passes, one with a matrix, one that never begins) must fit; files with a member too many, one too
few or one of a wrong kind must be refused at that place; docs/results.schema.json must be what waldrill prints.
"""

import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import jsonschema

# What is done to a good file, and where the schema says so.
WRONG = [
    ("a member too many", lambda r: r.update(more=1), ""),
    ("a member too few", lambda r: r.pop("account"), ""),
    ("another format", lambda r: r.update(format="waldrill-results/1"), "format"),
    ("a verdict nobody knows", lambda r: r.update(verdict="MAYBE"), "verdict"),
    ("a count below nothing", lambda r: r["account"]["writes"].update(offered=-1), "account/writes/offered"),
    ("a latency in words", lambda r: r["account"]["reads"]["latency_ms"].update(p50="fast"), "account/reads/latency_ms/p50"),
    ("an assertion's kind", lambda r: r["assertions"][0].update(kind="hope"), "assertions/0/kind"),
    ("a state nobody knows", lambda r: r["charts"]["strips"]["primary"][0].__setitem__(2, "maybe"), "charts/strips/primary/0/2"),
    ("a column with text", lambda r: r["charts"]["samples"]["pending"].append("x"), None),
]


def main():
    waldrill, tree = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    printed = subprocess.run([waldrill, "schema", "--results"], check=True, capture_output=True, text=True).stdout
    schema = json.loads(printed)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    passed = failed = 0

    def judge(good, what):
        nonlocal passed, failed
        passed += bool(good)
        failed += not good
        if not good:
            print("FAILED", what)

    def complaints(results):
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"[:300] for e in validator.iter_errors(results)]

    judge(printed == (tree / "docs/results.schema.json").read_text(), "docs/results.schema.json is what waldrill prints")
    with tempfile.TemporaryDirectory() as folder:
        alone = pathlib.Path(folder, "alone")
        alone.mkdir()
        shutil.copy(waldrill, alone)  # no walproxy beside it: a run that never begins
        runs = [("pass", waldrill, "scenarios/guide/01-primary-down.yaml", "sim"),
                ("flap", waldrill, next(tree.glob("scenarios/incidents/s11-*.yaml")), "sim"),
                ("never", alone / waldrill.name, "scenarios/guide/01-primary-down.yaml", "real")]
        for name, program, scenario, engine in runs:
            out = pathlib.Path(folder, name)
            subprocess.run([program, "run", scenario, "--engine", engine, "--quiet", "--out", out], cwd=tree,
                           capture_output=True, check=False)
            files = sorted(out.glob("**/results.json"))
            judge(files, f"{name}: a results.json")
            for path in files:
                judge(not complaints(json.loads(path.read_text())), f"{path}: {complaints(json.loads(path.read_text()))[:3]}")
        good = json.loads(pathlib.Path(folder, "pass", "results.json").read_text())
    for what, spoil, place in WRONG:
        bad = copy.deepcopy(good)
        spoil(bad)
        places = ["/".join(map(str, e.absolute_path)) for e in validator.iter_errors(bad)]
        judge(places and (place is None or place in places), f"{what} is refused at \"{place}\", not {places[:5]}")
    print(f"results schema: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
