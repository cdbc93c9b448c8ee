"""The crates that are linked into the library, by `cargo metadata`; for THIRDPARTY.md and the SBOM."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
LICENCE_FILE = re.compile(r"(?i)^(un)?licen[cs]e|^copying|^copyright|^notice")


def metadata(targets):
    command = (os.environ.get("CARGO") or "cargo").split() + ["metadata", "--format-version", "1", "--locked"]
    for target in targets:
        command += ["--filter-platform", target]
    # Cargo is asked as itself: what the builds set for it is not for this.
    result = subprocess.run(command, cwd=TREE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    if result.returncode != 0:
        sys.exit("cargo metadata failed")
    return json.loads(result.stdout)


def is_macro(package):
    """Whether it runs in the compiler and is no part of the library."""
    return any("proc-macro" in target["kind"] for target in package["targets"])


def linked(targets):
    """The root package, the crates that it links, itself left out, and who needs whom: {id: [ids]}."""
    found = metadata(targets)
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    root = found["resolve"]["root"]
    needs = {}
    waiting = [root]
    while waiting:
        current = waiting.pop()
        if current in needs:
            continue
        needs[current] = sorted(
            {
                dependency["pkg"]
                for dependency in nodes[current]["deps"]
                if any(kind["kind"] is None for kind in dependency["dep_kinds"])
                and not is_macro(packages[dependency["pkg"]])
            }
        )
        waiting += needs[current]
    crates = [packages[name] for name in needs if name != root]
    crates.sort(key=lambda package: (package["name"], package["version"]))
    return packages[root], crates, needs


def is_own(package):
    """Whether it is part of this tree."""
    return package["source"] is None


def licence_texts(package):
    """The licence files of a crate, those of C code in it too: [(path within the crate, text)].

    Of a crate that leaves the choice, MIT is taken.
    """
    directory = Path(package["manifest_path"]).parent
    texts = []
    for path in sorted(directory.rglob("*")):
        inside = path.relative_to(directory)
        if len(inside.parts) <= 4 and path.is_file() and LICENCE_FILE.match(path.name) and path.suffix != ".rs":
            text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip("\n")
            if text.strip():
                texts.append((inside.as_posix(), text))
    if " OR " in (package["license"] or "") and any("MIT" in name.upper() for name, _ in texts):
        texts = [(name, text) for name, text in texts if "APACHE" not in name.upper()]
    return texts
