"""The report as one page for a browser, with everything in it: no network, no other file."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from html import escape
from itertools import zip_longest

from migrate import __version__
from migrate.codes import CODES
from migrate.command.request import Request
from migrate.command.terminal import safe
from migrate.command.why import why
from migrate.model import FileConverted, FileFailed, Note, Outcome, RuleConverted, RuleLeft
from migrate.reports.tally import Tally, counted

_HERE = os.path.dirname(__file__)
_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")


def page(outcomes: list[Outcome], request: Request) -> str:
    """The whole document."""
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    files = [outcome for outcome in outcomes if _says_something(outcome)]
    body = "\n".join(
        (
            _header(tally),
            _filters(files, tally.codes),
            *(_file(outcome) for outcome in files),
            '<p id="none" hidden>Nothing fits these filters.</p>',
            _command(request),
        )
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>rrule-migrate: {counted(tally.converted, "rule")} to look through</title>
<style>
{_asset("page.css")}
</style>
</head>
<body>
{body}
<script>
{_asset("page.js")}
</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    with open(os.path.join(_HERE, name), encoding="utf-8") as file:
        return file.read().strip()


def _says_something(outcome: Outcome) -> bool:
    return isinstance(outcome, (FileConverted, FileFailed)) or bool(outcome.left or outcome.notes)


def _header(tally: Tally) -> str:
    numbers = {
        "rules to convert": tally.converted,
        "files to change": tally.changed,
        "rules left": tally.left,
        "files failed": tally.failed,
    }
    items = "".join(
        f"<div><dt>{name}</dt><dd>{number}</dd></div>" for name, number in numbers.items()
    )
    return f"""<header>
<h1>rrule-migrate <small>{escape(__version__)}</small></h1>
<dl class="summary">{items}</dl>
</header>"""


def _filters(files: list[Outcome], codes: Counter[str]) -> str:
    paths = "".join(_choice(safe(outcome.path), safe(outcome.path)) for outcome in files)
    titles = "".join(
        _choice(code, f"{code} {CODES[code].title if code in CODES else ''} ({count})")
        for code, count in sorted(codes.items())
    )
    return f"""<form id="filters" aria-label="Filters">
<label>File <select id="file"><option value="">all files</option>{paths}</select></label>
<label>Code <select id="code"><option value="">all codes</option>{titles}</select></label>
<label>Text <input id="text" type="search" placeholder="a name, a word"></label>
<span class="keys">Keys: <kbd>j</kbd> <kbd>k</kbd> next, previous; <kbd>x</kbd> choose</span>
</form>"""


def _choice(value: str, text: str) -> str:
    return f'<option value="{escape(value)}">{escape(text)}</option>'


def _file(outcome: Outcome) -> str:
    name = safe(outcome.path)
    parts = [f'<section data-file="{escape(name)}"><h2>{escape(name)}</h2>']
    if isinstance(outcome, FileFailed):
        place = f"line {outcome.line}: " if outcome.line else ""
        remedy = outcome.remedy[:1].upper() + outcome.remedy[1:]
        text = f"{place}{outcome.reason}. {remedy}."
        parts.append(
            _article(outcome.code, "failed", f"<p>{escape(safe(text))} {_code(outcome.code)}</p>")
        )
    else:
        rules = [(rule.line, _left(rule)) for rule in outcome.left]
        if isinstance(outcome, FileConverted):
            rules += [(rule.line, _converted(rule, name)) for rule in outcome.converted]
        parts += [text for _, text in sorted(rules, key=lambda rule: rule[0])]
        if outcome.notes:
            codes = " ".join(note.code for note in outcome.notes)
            parts.append(_article(codes, "notes", _notes(outcome.notes)))
    return "\n".join((*parts, "</section>"))


def _article(codes: str, kind: str, inner: str) -> str:
    return f'<article class="{kind}" data-codes="{escape(codes)}" tabindex="-1">{inner}</article>'


def _converted(rule: RuleConverted, path: str) -> str:
    codes = " ".join(note.code for note in rule.notes)
    title = _title(rule)
    before, after = _marked(rule.before, rule.after)
    return _article(
        codes,
        "rule",
        f"""<h3><label><input type="checkbox" checked data-id="{escape(rule.id)}" data-path="{escape(path)}"> {title}
</label></h3>
<div class="sides"><figure><figcaption>before</figcaption><pre tabindex="0"><code>{before}</code></pre></figure>
<figure><figcaption>after</figcaption><pre tabindex="0"><code>{after}</code></pre></figure></div>
{_notes(rule.notes)}{_why(rule)}""",
    )


def _title(rule: RuleConverted | RuleLeft) -> str:
    target = f"for <code>{escape(safe(rule.target))}</code>, "
    if rule.id.startswith("call-"):
        target = ""
    return f"{escape(safe(rule.name))} <span>{target}line {rule.line}</span>"


def _left(rule: RuleLeft) -> str:
    title = _title(rule)
    text = f"<p>Left as it is: {escape(safe(rule.reason))} {_code(rule.code)}</p>"
    return _article(rule.code, "left", f"<h3>{title}</h3>{text}{_explained(rule.code)}")


def _notes(notes: tuple[Note, ...]) -> str:
    items = "".join(
        f"<li>{_code(note.code)} line {note.line}: {escape(safe(note.message))}{_explained(note.code)}</li>"
        for note in notes
    )
    return f"<ul>{items}</ul>" if items else ""


def _why(rule: RuleConverted) -> str:
    items = "".join(
        f"<dt>{escape(passage.sentence)}</dt><dd>{escape(passage.text)} "
        f"<small>In the migration guide: {escape(passage.section)}</small></dd>"
        for passage in why(rule)
    )
    return (
        f"<details><summary>Why it changes so</summary><dl>{items}</dl></details>" if items else ""
    )


def _code(code: str) -> str:
    return f'<span class="code">{escape(code)}</span>'


def _explained(code: str) -> str:
    known = CODES.get(code)
    if known is None:
        return ""
    guide = f"<p>In the migration guide: {escape(known.guide)}</p>" if known.guide else ""
    return f"<details><summary>{escape(known.title)}</summary><p>{escape(known.explanation)}</p>{guide}</details>"


def _marked(before: str, after: str) -> tuple[str, str]:
    """Both texts as HTML, with what is only in one of them marked."""
    old, new = before.splitlines(), after.splitlines()
    left: list[str] = []
    right: list[str] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            left += [f"{escape(line)}\n" for line in old[a:b]]
            right += [f"{escape(line)}\n" for line in new[c:d]]
            continue
        for mine, theirs in zip_longest(old[a:b], new[c:d]):
            if mine is not None:
                left.append(f'<span class="line del">{_tokens(mine, theirs or "", "del")}\n</span>')
            if theirs is not None:
                right.append(
                    f'<span class="line ins">{_tokens(theirs, mine or "", "ins")}\n</span>'
                )
    return "".join(left), "".join(right)


def _tokens(line: str, other: str, mark: str) -> str:
    mine, theirs = _TOKENS.findall(line), _TOKENS.findall(other)
    return "".join(_pieces(mine, theirs, mark))


def _pieces(mine: list[str], theirs: list[str], mark: str) -> Iterator[str]:
    for tag, a, b, _, _ in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        text = escape("".join(mine[a:b]))
        if text:
            yield text if tag == "equal" else f"<{mark}>{text}</{mark}>"


def _command(request: Request) -> str:
    """The box with the command line; page.js puts the chosen rules into it."""
    start = ["rrule-migrate"]
    if request.plan:
        start += ["--apply", request.plan]
        paths: tuple[str, ...] = ()
    else:
        start += request.words()
        paths = request.paths
    prefix = escape(" ".join(shlex.quote(safe(word)) for word in start))
    suffix = escape(" ".join(shlex.quote(safe(path)) for path in paths))
    return f"""<footer>
<div><strong id="count" role="status"></strong>
<button type="button" id="all">Choose all shown</button>
<button type="button" id="nothing">Choose none shown</button></div>
<label for="command">Command that converts the chosen rules</label>
<div class="line"><input id="command" readonly data-prefix="{prefix}" data-suffix="{suffix}">
<button type="button" id="copy">Copy</button></div>
</footer>"""
