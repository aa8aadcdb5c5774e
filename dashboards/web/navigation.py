"""The pages of the board, in the order in which they are offered on each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from starlette.routing import Route

from dashboards.access.accounts import Role
from dashboards.access.gate import Visitor, visitor_of
from schemas.texts import N_, _


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is offered where the board has its route, to visitors of that role or a higher one."""

    path: str
    label: str
    role: Role = Role.VIEWER
    all_hubs: bool = False
    """Whether it is of all hubs together, and so for nobody who sees some of them alone."""
    below: str = ""
    """Where the pages of its parts are, if not below its own path."""

    def is_for(self, visitor: Visitor) -> bool:
        """Whether the visitor may see it."""
        roles = list(Role)
        return roles.index(visitor.role) >= roles.index(self.role) and not (self.all_hubs and visitor.hubs is not None)

    def is_around(self, path: str) -> bool:
        """Whether a path is of one of its parts."""
        return path.startswith(self.below or f"{self.path}/")


PAGES = (
    Page("/", N_("Estate"), below="/hubs/"),
    Page("/health", N_("Health")),
    Page("/alerts", N_("Alerts")),
    Page("/sensors", N_("Sensors")),
    Page("/quality", N_("Data quality")),
    Page("/reports", N_("Reports")),
    Page("/edit", N_("Changes"), Role.ADMIN, all_hubs=True),
)


@dataclass(frozen=True, slots=True)
class Link:
    """A page as it is offered; `current` is what `aria-current` says: `page`, `true` for a part of it, or nothing."""

    path: str
    label: str
    current: str


def navigation(request: Request, offered: Sequence[Page] = PAGES) -> list[Link]:
    """The pages that this visitor may go to."""
    visitor, here = visitor_of(request), request.url.path
    routes = {route.path for route in request.app.routes if isinstance(route, Route)}
    return [
        Link(page.path, _(page.label), "page" if here == page.path else "true" if page.is_around(here) else "")
        for page in offered
        if page.path in routes and page.is_for(visitor)
    ]
