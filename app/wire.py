"""The shapes of requests and answers. The outside never sees a table; what comes in is bounded, field by field.

Instants are RFC 3339 in UTC ("2026-03-10T09:00:00Z"), durations are seconds, ids are UUIDs. Unknown fields, duplicate
keys, NaN and Infinity are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NoReturn, TypeVar
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.problems import FieldError, Problem
from contracts.hours import parse

M = TypeVar("M", bound="In")


class In(BaseModel):
    """What somebody sends us."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Out(BaseModel):
    """What we answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class Paged(In):
    """How a list is read page by page."""

    after: str | None = Field(
        None, max_length=400, description="`next` of the page before; leave out for the first page"
    )
    limit: int = Field(50, ge=1, le=200, description="how many items a page holds at most")


# PostgreSQL holds no NUL, and nothing we show has use for other control characters.
_LINE = r"^[^\x00-\x1f\x7f]*$"
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value.strip()


_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)


def _an_instant(value: object) -> object:
    """Read here: pydantic would also take "1700000000" and "2026-03-10" for instants."""
    if not isinstance(value, str):
        return value
    if _RFC_3339.fullmatch(value) is None:
        raise ValueError("is not an instant of RFC 3339 such as 2026-03-10T09:00:00Z")
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise ValueError("is a day or hour that does not exist") from None


def _in_reach(value: datetime) -> datetime:
    if not 2000 <= value.year <= 2100:
        raise ValueError("is not between the years 2000 and 2100")
    return value.astimezone(UTC)


def _day_in_reach(value: date) -> date:
    if not 2000 <= value.year <= 2100:
        raise ValueError("is not between the years 2000 and 2100")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # OSError: a folder of the database, such as "Europe"
        raise ValueError("is not a time zone of the IANA database") from None
    return value


def _with_holidays(value: str) -> str:
    try:
        parse({"holidays": value})
    except ValueError:
        raise ValueError("is no country or region whose public holidays are known") from None
    return value


def _mail(value: str) -> str:
    try:
        # No look-up in the DNS: an address is tried by writing to it. The local part of test domains is fine.
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise ValueError("is not a mail address") from None


Line = Annotated[str, Field(min_length=1, max_length=200, pattern=_LINE), AfterValidator(_not_blank)]
MaybeLine = Annotated[str, Field(max_length=200, pattern=_LINE)]
Words = Annotated[str, Field(min_length=1, max_length=10_000, pattern=_TEXT), AfterValidator(_not_blank)]
MaybeWords = Annotated[str, Field(max_length=10_000, pattern=_TEXT)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", description="also its MQTT user name")]
Severity = Annotated[int, Field(ge=1, le=4, description="1 gravest to 4")]
Instant = Annotated[AwareDatetime, BeforeValidator(_an_instant), AfterValidator(_in_reach)]
Day = Annotated[date, AfterValidator(_day_in_reach)]
Zone = Annotated[str, Field(min_length=1, max_length=64, description="IANA name"), AfterValidator(_zone)]
Country = Annotated[
    str,
    Field(pattern=r"^([A-Z]{2}(-[A-Za-z0-9]{1,3})?)?$", description="ISO 3166 country or region (DE-BY), or empty"),
    AfterValidator(_with_holidays),
]
Mail = Annotated[str, Field(min_length=3, max_length=254, json_schema_extra={"format": "email"}), AfterValidator(_mail)]
Language = Literal["en", "fr"]
# A thing by its id, or by the short name people use for it (slug, machine name, VG-1001, VC-1042).
Ref = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


def read_body(model: type[M], raw: bytes) -> M:
    """The body as `model`. Raises Problem: malformed (no JSON) or invalid (fields)."""
    if not raw.strip():
        raise Problem("malformed", "The body is empty.", remedy="Send a JSON object.")
    try:
        # Decoded here: json itself would also guess UTF-16 and UTF-32.
        found = json.loads(raw.decode(), object_pairs_hook=_no_doubles, parse_constant=_no_constants)
    except _RefusedJson as refused:
        raise Problem("malformed", str(refused), remedy="Send plain JSON (RFC 8259), each key once.") from None
    except (ValueError, RecursionError):
        raise Problem("malformed", "The body is not JSON in UTF-8.", remedy="Send a JSON object.") from None
    if not isinstance(found, dict):
        raise Problem("malformed", "The body is JSON, but not an object.", remedy="Send a JSON object: {…}.")
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise Problem("malformed", "The body is not JSON in UTF-8.", remedy="Send a JSON object.") from None
        raise of_fields(model, error, "the body") from None


def read_query(model: type[M], given: Mapping[str, Sequence[str]]) -> M:
    """Query parameters as `model`. Raises Problem."""
    twice = [name for name, values in given.items() if len(values) > 1]
    if twice:
        raise Problem(
            "invalid",
            "A parameter of the address is given twice.",
            errors=[FieldError(_short(name), "is given more than once", "give it once") for name in twice],
        )
    try:
        return model.model_validate_strings({name: values[0] for name, values in given.items()})
    except ValidationError as error:
        raise of_fields(model, error, "the address") from None


class _RefusedJson(ValueError):
    """JSON that only some parsers take."""


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedJson("The body has the same key twice in one object.")
    return found


def _no_constants(word: str) -> NoReturn:
    raise _RefusedJson("The body holds NaN or Infinity, which JSON does not know.")


def of_fields(model: type[BaseModel], error: ValidationError, where: str) -> Problem:
    """What pydantic found, in words; never the value itself, which may be secret."""
    errors = []
    for one in error.errors(include_url=False, include_input=False)[:20]:
        field = ".".join(_short(str(part)) for part in one["loc"]) or where
        problem, remedy = _say(one["type"], dict(one.get("ctx") or {}), one["msg"], model)
        errors.append(FieldError(field, problem, remedy))
    some = "A field" if len(errors) == 1 else f"{len(errors)} fields"
    return Problem(
        "invalid", f"{some} of {where} cannot be used: {errors[0].field} {errors[0].problem}.", errors=errors
    )


def _short(name: str) -> str:
    """A name somebody sent us, fit to be said back."""
    return "".join(c for c in name[:60] if c.isprintable())


def _say(kind: str, ctx: dict[str, Any], message: str, model: type[BaseModel]) -> tuple[str, str]:
    if kind == "missing":
        return "is missing", "give it"
    if kind == "extra_forbidden":
        return "is not known here", "leave it out; known are " + ", ".join(model.model_fields)
    if kind == "value_error":
        return message.removeprefix("Value error, "), "correct it"
    known = _KNOWN.get(kind)
    if known is None:
        return message[:1].lower() + message[1:], "correct it"
    problem, remedy = known
    return problem.format_map(_Gaps(ctx)), remedy.format_map(_Gaps(ctx))


class _Gaps(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


_KNOWN: Mapping[str, tuple[str, str]] = {
    "string_too_long": ("is longer than {max_length} characters", "shorten it"),
    "string_too_short": ("is too short", "give at least {min_length} characters"),
    "string_pattern_mismatch": ("has characters or a form that cannot be used", "match {pattern}"),
    "string_type": ("is not a text", "give a JSON string"),
    "string_unicode": ("is not valid Unicode", "send UTF-8"),
    "int_type": ("is not a whole number", "give a JSON number without a fraction"),
    "int_parsing": ("is not a whole number", "give digits only"),
    "int_from_float": ("is not a whole number", "give it without a fraction"),
    "bool_type": ("is neither true nor false", "give true or false"),
    "bool_parsing": ("is neither true nor false", "give true or false"),
    "list_type": ("is not a list", "give a JSON array"),
    "too_long": ("has more than {max_length} items", "send fewer"),
    "too_short": ("has fewer than {min_length} items", "give at least {min_length}"),
    "greater_than_equal": ("is too small", "give at least {ge}"),
    "less_than_equal": ("is too large", "give at most {le}"),
    "literal_error": ("is none of the words known here", "use {expected}"),
    "enum": ("is none of the words known here", "use {expected}"),
    "uuid_parsing": ("is not an id", "give the UUID as we answered it"),
    "uuid_type": ("is not an id", "give the UUID as a text"),
    "timezone_aware": ("has no time zone", "end it with Z, such as 2026-03-10T09:00:00Z"),
    "date_from_datetime_parsing": ("is not a date", "give it as 2026-03-10"),
    "date_parsing": ("is not a date", "give it as 2026-03-10"),
    "date_type": ("is not a date", "give it as 2026-03-10"),
    "datetime_parsing": ("is not an instant", "give RFC 3339 such as 2026-03-10T09:00:00Z"),
    "datetime_from_date_parsing": ("is not an instant", "give RFC 3339 such as 2026-03-10T09:00:00Z"),
    "datetime_type": ("is not an instant", "give RFC 3339 such as 2026-03-10T09:00:00Z"),
    "model_type": ("is not an object", "give a JSON object"),
    "dict_type": ("is not an object", "give a JSON object"),
}
