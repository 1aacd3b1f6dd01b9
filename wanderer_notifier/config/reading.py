"""From texts to values: aliases, files of secrets, placeholders and comments, every problem kept and none raised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

from wanderer_notifier.config import retired
from wanderer_notifier.config.addresses import split_map_with_name
from wanderer_notifier.config.problems import MASK, Problem, mask, presentable, shortened
from wanderer_notifier.config.sources import Text, Texts, clean, read_secret
from wanderer_notifier.config.table import MAP_NAME, MAP_URL, TABLE
from wanderer_notifier.config.values import Secret
from wanderer_notifier.config.variable import Variable

T = TypeVar("T")

COMBINED_ALIASES = ("MAP_URL_WITH_NAME", "WANDERER_MAP_URL_WITH_NAME")
"""Old names that hold MAP_URL and MAP_NAME in one."""

_LONGEST_REASON = 400
_NOUN = r"([_ -]?(discord|bot|api|map|license|licence|access))*[_ -]?(token|key|id|value|secret|name)"
_PLACEHOLDER = re.compile(
    rf"<.*>|\$\{{.*\}}|\$\(.*\)|(https?://)?your[_ -].*|(put|insert|enter|paste|replace)[_ -].*"
    rf"|change[_ -]?(me|this|it)|placeholder|todo|tbd|none|null|nil|undefined|x{{3,}}|\.{{3}}|…"
    rf"|(missing|invalid|dummy|example|sample|fake){_NOUN}",
    re.IGNORECASE,
)


class Reading:
    """The values of all variables, and what there is to say about them."""

    def __init__(self, texts: Texts, cwd: Path) -> None:
        self.problems: list[Problem] = list(texts.problems)
        self.warnings: list[str] = list(texts.warnings)
        self.sources: dict[str, str] = {}
        self._found, self._cwd = texts.found, cwd
        self._values: dict[str, object] = {}
        self._secrets: list[str] = []
        self._comment_kept: list[str] = []
        self._comment_cut: list[str] = []
        known = {name for variable in TABLE for name in (variable.name, *variable.other_names)} | set(COMBINED_ALIASES)
        self._combined = self._split_combined()
        names = retired.judge(self._found, known, TABLE)
        self._lookalikes = names.lookalikes
        for variable in TABLE:
            self._take(variable)
        self.problems += names.problems
        self._warn("surrounding quotes removed", [name for name in texts.quoted if name in known])
        self._warn("text after ` #` taken for a comment and ignored", self._comment_cut)
        self._warn("the value contains ` #`, which is kept as part of it", self._comment_kept)
        self.warnings += names.warnings

    def __getitem__(self, variable: Variable[T]) -> T:
        """The value of *variable*, or its default where there is none or none that can be used."""
        return cast("T", self._values[variable.name])

    def is_set(self, variable: Variable[Any]) -> bool:
        """Whether anything sets *variable*, usable or not."""
        return self.sources[variable.name] != "default"

    def is_usable(self, variable: Variable[Any]) -> bool:
        """Whether *variable* is set to something that can be used."""
        names = {variable.name, *variable.other_names}
        return self.is_set(variable) and not any(problem.name in names for problem in self.problems)

    def require(self, variable: Variable[Any]) -> None:
        """Note a problem unless *variable* is set."""
        if self.is_set(variable) or variable.file_name in self._found:  # a file that cannot be read is told already
            return
        seen = self._lookalikes.get(variable.name)
        self.problems.append(Problem(name=variable.name, reason=f"is required{f'; is {seen} meant?' if seen else ''}"))

    def presentable_problems(self) -> tuple[Problem, ...]:
        """Every problem, with no secret of this configuration in any text."""
        return tuple(
            Problem(
                name=problem.name,
                reason=shortened(mask(problem.reason, self._secrets), _LONGEST_REASON),
                got=presentable(problem.got, self._secrets),
            )
            for problem in self.problems
        )

    def _take(self, variable: Variable[Any]) -> None:
        texts = list(self._texts(variable))
        self.sources[variable.name] = _describe(texts[0], variable) if texts else "default"
        self._values[variable.name] = None if variable.required else variable.default
        usable: list[tuple[Text, object]] = []
        for text in texts:
            if variable.kind.secret and not _PLACEHOLDER.fullmatch(text.value):
                self._secrets.append(text.value)
            if text.name != variable.name and text.name != variable.file_name:
                opposite = " with the opposite meaning" if text.name in variable.negated else ""
                self.warnings.append(f"deprecated variable {text.name}, use {variable.name}{opposite}")
            try:
                usable.append((text, self._parse(variable, text)))
            except ValueError as error:
                got = MASK if variable.kind.secret else text.value
                self.problems.append(Problem(name=text.name, reason=str(error), got=got))
        if not usable:
            return
        first, self._values[variable.name] = usable[0]
        for text, value in usable[1:]:
            if text.source == "file" or value != usable[0][1]:
                differ = "" if text.source == "file" else ", to different values"
                got = MASK if variable.kind.secret else f"{first.value} and {text.value}"
                self.problems.append(
                    Problem(name=variable.name, reason=f"{first.name} and {text.name} are both set{differ}", got=got)
                )

    def _texts(self, variable: Variable[Any]) -> Iterator[Text]:
        for name in (variable.name, *variable.other_names):
            if name in self._found:
                yield self._found[name]
        yield from self._combined.get(variable.name, ())
        if variable.file_name and (named := self._found.get(variable.file_name)):
            try:
                yield Text(name=named.name, value=read_secret(self._cwd / named.value), source="file")
            except ValueError as error:
                # Whoever puts the secret itself here must not find it in a log; a path shows that it is one.
                got = named.value if named.value.startswith(("/", "./", "../")) else MASK
                self.problems.append(Problem(name=named.name, reason=str(error), got=got))

    def _parse(self, variable: Variable[Any], text: Text) -> object:
        value = text.value
        if (comment := re.search(r"\s#", value)) and text.source != "file":
            if variable.kind.free_text:
                self._comment_kept.append(text.name)
            else:
                self._comment_cut.append(text.name)
                value, _ = clean(value[: comment.start()])
        if (variable.kind.secret or variable.required) and _PLACEHOLDER.fullmatch(value):
            raise ValueError("is still a placeholder")
        parsed: object = variable.kind.parse(value)
        if isinstance(parsed, Secret):
            self._secrets.append(parsed.reveal())  # may be shorter than what was written
        return not parsed if text.name in variable.negated else parsed

    def _split_combined(self) -> dict[str, list[Text]]:
        parts: dict[str, list[Text]] = {MAP_URL.name: [], MAP_NAME.name: []}
        for name in COMBINED_ALIASES:
            if whole := self._found.get(name):
                address, map_name = split_map_with_name(whole.value)
                parts[MAP_URL.name].append(Text(name=name, value=address, source=whole.source))
                if map_name:
                    parts[MAP_NAME.name].append(Text(name=name, value=map_name, source=whole.source))
        return parts

    def _warn(self, what: str, names: list[str]) -> None:
        if names:
            self.warnings.append(f"{what}: {', '.join(dict.fromkeys(names))}")


def _describe(text: Text, variable: Variable[Any]) -> str:
    if text.name in (variable.name, variable.file_name):
        return text.source
    return f"{text.source}: {text.name}, alias of {variable.name}"
