"""docs/rule-tools.md: its examples, run as one file,
print what the page says (but for times and folders)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "rule-tools.md").read_text(encoding="utf-8")

ERRORS = """
@rrule.register(softplus)
def rrule_softplus(_, x):
    return softplus(x), lambda dy: (NoTangent(), np.sum(dy))

for f, args in (loss, (w, x)), (lambda x: drifting(x, np.ones(3)), (np.ones(3),)):
    try:
        with debug_mode(None):
            gradient(f, *args)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""


def settled(text: str) -> str:
    """Without what differs from run to run:
    times, folders, lines of what the page only talks about."""
    text = re.sub(r"\(?/[\w/.-]*/loss\.py:\d+|loss\.py:\d+", "loss.py", text)
    lines = [re.sub(r" +", " ", re.sub(r"\d+\.\d+ +\d+%", "", line)) for line in text.splitlines()]
    timed = [k for k, line in enumerate(lines) if line.endswith("calls microseconds share")]
    for k in timed:  # in the order of the times
        lines[k + 1 : k + 6] = sorted(lines[k + 1 : k + 6])
    return "\n".join(line.rstrip() for line in lines)


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    code = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.M | re.S)
    shown = re.findall(r"^```text\n(.*?)^```$", PAGE, flags=re.M | re.S)
    script = tmp_path / "loss.py"
    script.write_text("".join(code) + ERRORS, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(script)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    printed = settled(run.stdout)
    assert len(shown) == 5
    for block in shown:
        assert settled(block) in printed
