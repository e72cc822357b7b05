"""Reads use cases straight from their ``defs.yaml``, without Dagster.

For tools that run on their own (``feast apply``). Templates (``{{ ... }}``) are not resolved.
"""

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from assets.errors import NightshiftError
from assets.spec import UseCaseSpec

FILE = "defs.yaml"
COMPONENT = "UseCase"
"""Last part of the ``type:`` of the files that are use cases; others are left alone."""


class SpecError(NightshiftError):
    """A spec file that cannot be used. The message names the file and every reason."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that leaves dates as they are written: the spec holds them as text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (pyyaml's own protocol)
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key.value}' is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_specs(folders: Sequence[Path]) -> list[UseCaseSpec]:
    """Use cases of ``<folder>/defs.yaml`` and ``<folder>/*/defs.yaml``, in order of their names.

    Raises SpecError when a folder is not there or holds none, a file cannot be read or does not
    fit the spec, or two files claim one name.
    """
    specs: dict[str, tuple[Path, UseCaseSpec]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise SpecError(f"{folder} is no folder; name one that holds {FILE} or */{FILE}")
        found = sorted([*folder.glob(FILE), *folder.glob(f"*/{FILE}")])
        if not found:
            raise SpecError(f"{folder} holds no use case: expected {FILE} or */{FILE} in it")
        for path in found:
            for spec in _read(path):
                other = specs.get(spec.name)
                if other is not None and other[0].resolve() != path.resolve():
                    raise SpecError(
                        f"{path}: use case '{spec.name}' is also in {other[0]}; rename one"
                    )
                specs[spec.name] = (path, spec)
    return [spec for _, (_, spec) in sorted(specs.items())]


def _read(path: Path) -> Iterator[UseCaseSpec]:
    try:
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Loader))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise SpecError(f"{path}: cannot be read as YAML: {error}") from error
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict) or "type" not in document:
            raise SpecError(f"{path}: no component file: 'type:' and 'attributes:' are needed")
        if str(document["type"]).rpartition(".")[2] != COMPONENT:
            continue
        try:
            yield UseCaseSpec.model_validate(document.get("attributes") or {})
        except ValidationError as error:
            raise SpecError(f"{path}: {_reasons(error)}") from error


def _reasons(error: ValidationError) -> str:
    """Each problem as 'where: what', on one line."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'attributes'}: {problem['msg']}"
        for problem in error.errors()
    )
