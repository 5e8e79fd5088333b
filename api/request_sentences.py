"""What is wrong with a request, in words of a person: pydantic's own speak of tuples, inputs and validation.

A sentence never echoes what was sent, because a request may hold a password by mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel

from migration.name_lists import nearest_name

_A_TIME: Final = "It must be a date, a time and an offset, such as 2031-05-01T02:00:00Z"
_AN_OBJECT: Final = "It must be an object"
_A_LIST: Final = "It must be a list"
_A_TEXT: Final = "It must be a text"
_A_NUMBER: Final = "It must be a number"
_WHOLE: Final = "It must be a whole number"
_TRUE_OR_FALSE: Final = "It must be true or false"

_SENTENCES: Final[Mapping[str, str]] = {
    "missing": "It is missing",
    "string_type": _A_TEXT,
    "string_unicode": "A text may not hold half of a surrogate pair",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "A whole number must fit into 64 bits",
    "int_from_float": _WHOLE,
    "float_type": _A_NUMBER,
    "float_parsing": _A_NUMBER,
    "finite_number": "A number must be finite",
    "bool_type": _TRUE_OR_FALSE,
    "bool_parsing": _TRUE_OR_FALSE,
    "list_type": _A_LIST,
    "tuple_type": _A_LIST,
    "dict_type": _AN_OBJECT,
    "model_type": _AN_OBJECT,
    "model_attributes_type": _AN_OBJECT,
    "datetime_type": _A_TIME,
    "datetime_parsing": _A_TIME,
    "datetime_from_date_parsing": _A_TIME,
    "datetime_object_invalid": _A_TIME,
    "timezone_aware": _A_TIME,
    "recursion_loop": "It is nested too deep",
}
"""pydantic's type of an error → sentence. https://docs.pydantic.dev/latest/errors/validation_errors/"""

_BOUNDS: Final[Mapping[str, str]] = {
    "too_short": "It must have at least {min_length} {members}",
    "too_long": "It may have at most {max_length:,} {members}",
    "string_too_short": "It must have at least {min_length} {letters}",
    "string_too_long": "It may have at most {max_length:,} {letters}",
    "greater_than": "It must be more than {gt:,}",
    "greater_than_equal": "It must be at least {ge:,}",
    "less_than": "It must be less than {lt:,}",
    "less_than_equal": "It must be at most {le:,}",
}
_OF_ANOTHER_KIND: Final = frozenset(
    {"string_type", "model_type", "model_attributes_type", "dict_type", "literal_error"}
)
"""What an alternative of several says of a value that was meant for another one of them."""


def wrong_fields(errors: Sequence[Mapping[str, Any]], body: object, model: object) -> list[tuple[str, str]]:
    """Return what is wrong as pairs of place and sentence, each once.

    Args:
        errors: of pydantic, as FastAPI hands them on.
        body: the JSON document that was sent, if it could be read.
        model: the annotation of the route's body, or None.

    Returns:
        The place is a JSON pointer below `#` (body), or `query name` and the like.
    """
    own = [_Wrong(error, body, model) for error in errors if not _follows_from_another(error)]
    found: dict[str, list[str]] = {}
    for wrong in own:
        if not wrong.is_meant_for_another(own):
            found.setdefault(wrong.place, []).append(wrong.sentence)
    return [(place, _joined(list(dict.fromkeys(sentences)))) for place, sentences in found.items()]


def _joined(sentences: list[str]) -> str:
    """Alternatives of one place make one sentence: ``It must be a text, or an object``."""
    beginning = "It must be "
    if len(sentences) > 1 and all(sentence.startswith(beginning) for sentence in sentences):
        return ", or ".join([sentences[0], *(sentence.removeprefix(beginning) for sentence in sentences[1:])])
    return "; ".join(sentences)


def _follows_from_another(error: Mapping[str, Any]) -> bool:
    """Whether a list is called too short only because entries of it are wrong, which are told by themselves."""
    sent = error.get("input")
    return error["type"] == "too_short" and isinstance(sent, list) and len(sent) >= error["ctx"]["min_length"]


class _Wrong:
    """One error of pydantic, at its place in what was sent."""

    def __init__(self, error: Mapping[str, Any], body: object, model: object) -> None:
        self.type = str(error["type"])
        if self.type in {"too_short", "too_long"} and isinstance(error.get("input"), str):
            self.type = f"string_{self.type}"  # of a text that a check of this code has looked at before
        place, *rest = error["loc"]
        self.path: tuple[int | str, ...] = ()
        self.is_alternative = False
        if place != "body":
            self.place = f"{place} {'.'.join(map(str, rest))}".strip()
        else:
            self.path = () if self.type == "json_invalid" else _path_in(body, rest, self.type)
            self.is_alternative = len(self.path) < len(rest)
            parts = (str(part).replace("~", "~0").replace("/", "~1") for part in self.path)
            self.place = "#/" + "/".join(parts)
        self.sentence = self._sentence(error, model)

    def is_meant_for_another(self, others: Sequence[_Wrong]) -> bool:
        """Whether this comes of trying an alternative that the value was not meant for, as another error tells."""
        if not self.is_alternative or self.type not in _OF_ANOTHER_KIND:
            return False
        return any(
            other.path[: len(self.path)] == self.path
            and (len(other.path) > len(self.path) or other.type not in _OF_ANOTHER_KIND)
            for other in others
            if other.is_alternative
        )

    def _sentence(self, error: Mapping[str, Any], model: object) -> str:
        context: Mapping[str, Any] = error.get("ctx") or {}
        if self.type in _SENTENCES:
            return _SENTENCES[self.type]
        if self.type in _BOUNDS:
            return _bound(self.type, context)
        special: dict[str, Callable[[], str]] = {
            "extra_forbidden": lambda: _unknown_member(
                str(self.path[-1]), _members_at(model, self.path[:-1])
            ),
            "enum": lambda: _one_of(context["expected"], error.get("input")),
            "literal_error": lambda: _one_of(context["expected"], error.get("input")),
            "value_error": lambda: _own_words(str(context["error"])),
            "json_invalid": lambda: (
                f"This is no JSON: it cannot be read from character {error['loc'][-1]} on"
            ),
        }
        return special.get(self.type, lambda: "It is not what belongs here")()


def _bound(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "string_too_short" and context["min_length"] == 1:
        return "It may not be empty"
    limit = context.get("min_length", context.get("max_length"))
    words = {
        "members": "entry" if limit == 1 else "entries",
        "letters": "character" if limit == 1 else "characters",
    }
    return _BOUNDS[kind].format(**{**context, **words})


def _one_of(expected: str, sent: object) -> str:
    """`expected` is as pydantic writes it: ``'refuse', 'replace' or 'merge'``."""
    known = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    near = nearest_name(sent, known) if isinstance(sent, str) else ""
    one = f"It must be one of {', '.join(known)}" if len(known) > 1 else f"It must be {known[0]}"
    return f"{one}; did you mean {near}" if near and len(known) > 1 else one


def _own_words(sentence: str) -> str:
    """Return what a check of this code said, as a sentence: some begin with the verb."""
    return f"It {sentence}" if sentence[:1].islower() else sentence or "It is not what belongs here"


def _unknown_member(name: str, known: Sequence[str]) -> str:
    near = nearest_name(name, known)
    if near:
        return f"There is no such member; did you mean {near}"
    return f"There is no such member; there are {', '.join(known)}" if known else "There is no such member"


def _path_in(body: object, location: Sequence[int | str], kind: str) -> tuple[int | str, ...]:
    """Return the location without the names of alternatives, which pydantic puts among members and positions."""
    path: list[int | str] = []
    value = body
    for place, part in enumerate(location):
        if _holds(value, part):
            value = value[part]  # type: ignore[index]
        elif not (kind == "missing" and place == len(location) - 1):
            continue
        path.append(part)
    return tuple(path)


def _holds(value: object, part: int | str) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _members_at(annotation: object, path: Sequence[int | str]) -> list[str]:
    """Return the names of the members that an object at a place of the body may have."""
    models = _models_in(annotation)
    for part in path:
        if isinstance(part, str):
            below = [model.model_fields[part].annotation for model in models if part in model.model_fields]
            models = [model for found in below for model in _models_in(found)]
    return sorted({name for model in models for name in model.model_fields})
