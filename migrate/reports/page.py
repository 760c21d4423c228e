"""The report as one page for a browser, with everything in it: no network, no other file."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from difflib import SequenceMatcher
from html import escape
from itertools import zip_longest
from string import Template

from migrate import __version__
from migrate.codes import CODES
from migrate.command.excerpt import Excerpts
from migrate.command.request import Request
from migrate.command.terminal import safe
from migrate.command.why import why
from migrate.model import FileConverted, FileFailed, Note, Outcome, RuleConverted, RuleLeft
from migrate.reports.tally import Tally, counted

_HERE = os.path.dirname(__file__)
_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")


def page(outcomes: list[Outcome], request: Request) -> str:
    """The whole document: page.html, filled in."""
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    files = [outcome for outcome in outcomes if _says_something(outcome)]
    prefix, suffix = _command(request)
    return (
        Template(_asset("page.html")).substitute(
            title=f"rrule-migrate: {counted(tally.converted, 'rule')} to look through",
            version=escape(__version__),
            style=_asset("page.css"),
            script=_asset("page.js"),
            numbers=_numbers(tally),
            kinds=_kinds(tally, files),
            paths="".join(_choice(safe(outcome.path), safe(outcome.path)) for outcome in files),
            codes="".join(
                _choice(code, f"{code} {CODES[code].title if code in CODES else ''} ({count})")
                for code, count in sorted(tally.codes.items())
            ),
            files="\n".join(_file(outcome) for outcome in files),
            prefix=prefix,
            suffix=suffix,
        )
        + "\n"
    )


def _asset(name: str) -> str:
    with open(os.path.join(_HERE, name), encoding="utf-8") as file:
        return file.read().strip()


def _says_something(outcome: Outcome) -> bool:
    return isinstance(outcome, (FileConverted, FileFailed)) or bool(outcome.left or outcome.notes)


def _numbers(tally: Tally) -> str:
    numbers = {
        "rules to convert": tally.converted,
        "files to change": tally.changed,
        "rules left": tally.left,
        "files failed": tally.failed,
    }
    return "".join(
        f"<div><dt>{name}</dt><dd>{number}</dd></div>" for name, number in numbers.items()
    )


def _kinds(tally: Tally, files: list[Outcome]) -> str:
    """What can be shown alone: the words of the articles' classes."""
    notes = sum(bool(getattr(outcome, "notes", ())) for outcome in files)
    kinds = (
        ("rule", "rules to convert", tally.converted),
        ("left", "rules left", tally.left),
        ("failed", "files that failed", tally.failed),
        ("notes", "notes on files", notes),
    )
    choices = (_choice(kind, f"{name} ({number})") for kind, name, number in kinds if number)
    return "".join((_choice("", "everything"), *choices))


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
        excerpts = Excerpts(outcome)
        rules = [(rule.line, _left(rule, excerpts)) for rule in outcome.left]
        if isinstance(outcome, FileConverted):
            rules += [(rule.line, _converted(rule, name, excerpts)) for rule in outcome.converted]
        parts += [text for _, text in sorted(rules, key=lambda rule: rule[0])]
        if outcome.notes:
            codes = " ".join(note.code for note in outcome.notes)
            parts.append(_article(codes, "notes", _notes(outcome.notes)))
    return "\n".join((*parts, "</section>"))


def _article(codes: str, kind: str, inner: str) -> str:
    return f'<article class="{kind}" data-codes="{escape(codes)}" tabindex="-1">{inner}</article>'


def _converted(rule: RuleConverted, path: str, excerpts: Excerpts) -> str:
    codes = " ".join(note.code for note in rule.notes)
    title = _title(rule, excerpts)
    before, after = _marked(excerpts.before(rule), excerpts.after(rule))
    return _article(
        codes,
        "rule",
        f"""<h3><label><input type="checkbox" checked data-id="{escape(rule.id)}" data-path="{escape(path)}"> {title}
</label></h3>
<div class="sides"><figure><figcaption>before</figcaption><pre tabindex="0"><code>{before}</code></pre></figure>
<figure><figcaption>after</figcaption><pre tabindex="0"><code>{after}</code></pre></figure></div>
{_notes(rule.notes)}{_why(rule)}""",
    )


def _title(rule: RuleConverted | RuleLeft, excerpts: Excerpts) -> str:
    target = f"for <code>{escape(safe(rule.target))}</code>, "
    if rule.id.startswith("call-"):
        target = ""
    around = excerpts.around(rule)
    place = f"in class {escape(around)}, " if around else ""
    return f"{escape(safe(rule.name))} <span>{target}{place}line {rule.line}</span>"


def _left(rule: RuleLeft, excerpts: Excerpts) -> str:
    title = _title(rule, excerpts)
    text = f"<p>Left as it is: {escape(safe(rule.reason))} {_code(rule.code)}</p>"
    source = excerpts.before(rule)
    code = f'<pre tabindex="0"><code>{escape(source)}</code></pre>' if source else ""
    return _article(rule.code, "left", f"<h3>{title}</h3>{text}{code}{_explained(rule.code)}")


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


def _command(request: Request) -> tuple[str, str]:
    """The command line before and after the ids of the chosen rules, which page.js puts in."""
    start = ["rrule-migrate"]
    if request.plan:
        start += ["--apply", request.plan]
        paths: tuple[str, ...] = ()
    else:
        start += request.words()
        paths = request.paths
    prefix = escape(" ".join(shlex.quote(safe(word)) for word in start))
    return prefix, escape(" ".join(shlex.quote(safe(path)) for path in paths))
