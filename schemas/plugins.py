"""Parts that an installed package may add: found by name among the entry points of a group, built when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from schemas.errors import HubpulseError, shown


class PluginError(HubpulseError):
    """A part that can't be used; the sentence names the package that it comes from."""


def installed_names(group: str) -> set[str]:
    """The names that installed packages offer in a group."""
    return {entry.name for entry in entry_points(group=group)}


def load_plugin(group: str, name: str, *, method: str, built_in: Mapping[str, str]) -> Any:
    """The part of that name, made by calling what its entry point names; it has the `method`. Raises PluginError.

    `built_in` has the values of our own entry points: no package can replace them, and no folder is searched for them.
    """
    ours = [EntryPoint(name, built_in[name], group)] if name in built_in else []
    found = ours or list(entry_points(group=group, name=name))
    if not found:
        raise PluginError(
            f"{shown(name)} is not installed: take a version or a package that has it (entry point {group})"
        )
    if len(found) > 1:
        owners = " and ".join(sorted(map(_package, found)))
        raise PluginError(f"{shown(name)} is in {owners}: uninstall all but one")
    try:
        part = found[0].load()()
    except Exception as error:
        raise PluginError(
            f"{shown(name)} of {_package(found[0])} can't be loaded ({shown(error)}): fix or update that package"
        ) from error
    if not callable(getattr(part, method, None)):
        raise PluginError(f"{shown(name)} of {_package(found[0])} has no method `{method}`: update that package")
    return part


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
