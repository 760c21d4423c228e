"""Feeds damaged and made-up files to the converter and reports what it should not do.

    python -m tools.fuzz [NUMBER] [FIRST]     NUMBER inputs, from seed FIRST on

For every input: no exception, no failure of the tool itself (RM902), no refusal by its last check
(RM210), and what is converted compiles, begins as the old file did, and is not converted again.
"""

from __future__ import annotations

import random
import sys
import tempfile
import warnings
from collections import Counter
from functools import lru_cache
from pathlib import Path

from migrate.command.plan import Job, plan_file
from migrate.model import FileConverted, FileFailed, FileUnchanged, Options

KEPT = Path(tempfile.gettempdir()) / "rrule-migrate-fuzz"
FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures"
WORDS = [
    b"adjoint",
    b"None",
    b"dy",
    b"(",
    b")",
    b"[",
    b"]",
    b":",
    b"\n",
    b"    ",
    b"return ",
    b"lambda dy: ",
    b"def f(x):",
]
WORDS += [
    b"@",
    b"*",
    b"=",
    b"yield ",
    b"async ",
    b"if x:",
    b"else:",
    b"\r\n",
    b"\\\n",
    b"'",
    b'"""',
    b"#",
    b",",
    b"{}",
    b"\0",
]
WORDS += [
    b"\xff",
    "é".encode(),
    b"zygote_rules",
    b"import ",
    b"from ",
    b"pullback(f, x)",
    b"nograd(f)",
    b"accum(a, b)",
]
WORDS += [
    b"mutating=True",
    b":=",
    b"match x:",
    b"del x",
    b"global x",
    b"nonlocal x",
    b"try:",
    b"class C:",
    b";",
    b"...",
]


@lru_cache(maxsize=1)
def seeds() -> list[bytes]:
    """The files that the damage is done to."""
    found = sorted((FIXTURES / "legacy").glob("*.py")) + sorted((FIXTURES / "odd").glob("*.py"))
    return [path.read_bytes() for path in found if path.stat().st_size < 20_000]


def made_up(seed: int) -> bytes:
    """One input."""
    chance = random.Random(seed)
    source = chance.choice(seeds())
    lines = source.splitlines(keepends=True) or [b""]
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        match chance.randrange(8):
            case 0:
                del lines[at : at + chance.randint(1, 3)]
            case 1:
                lines.insert(at, chance.choice(lines))
            case 2:
                lines[at] = chance.choice(WORDS).join(
                    [lines[at][: len(lines[at]) // 2], lines[at][len(lines[at]) // 2 :]]
                )
            case 3:
                other = chance.choice(seeds()).splitlines(keepends=True) or [b""]
                start = chance.randrange(len(other))
                lines[at:at] = other[start : start + chance.randint(1, 30)]
            case 4:
                words = lines[at].split(b" ")
                words[chance.randrange(len(words))] = chance.choice(WORDS)
                lines[at] = b" ".join(words)
            case 5:
                swap = chance.randrange(len(lines))
                lines[at], lines[swap] = lines[swap], lines[at]
            case 6:
                lines[at] = (
                    b"    " + lines[at]
                    if chance.random() < 0.5
                    else lines[at].removeprefix(b"    ")
                )
            case _:
                lines[at] = lines[at].replace(
                    b"return", chance.choice([b"yield", b"pass;", b"return x if x else"]), 1
                )
        lines = lines or [b""]
    return b"".join(lines)


def trouble(source: bytes) -> str | None:
    """What the converter does with the input that it should not do."""
    outcome = plan_file(Job("fuzz.py", source, Options()))
    match outcome:
        case FileFailed(code=("RM902" | "RM210") as code, reason=reason):
            return f"{code}: {reason}"
        case FileConverted():
            if outcome.before != source:
                return "the old bytes are others"
            try:
                compile(outcome.after, "fuzz.py", "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                return f"does not compile: {error}"
            if not isinstance(
                again := plan_file(Job("fuzz.py", outcome.after, Options())), FileUnchanged
            ):
                return f"converted again: {type(again).__name__}"
    return None


def main() -> int:
    warnings.simplefilter("ignore")
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    kinds: Counter[str] = Counter()
    for seed in range(first, first + number):
        source = made_up(seed)
        found = trouble(source)
        kinds["ok" if found is None else "bad"] += 1
        if found is not None:
            KEPT.mkdir(exist_ok=True)
            (KEPT / f"{seed}.py").write_bytes(
                source
            )  # seeds mean something else when the fixtures change
            print(f"{KEPT / str(seed)}.py: {found.splitlines()[0]}", flush=True)
    print(f"{number} inputs: {dict(kinds)}")
    return 1 if kinds["bad"] else 0


if __name__ == "__main__":
    sys.exit(main())
