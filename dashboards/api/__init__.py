r"""What programs read of the estate: `/api/v1`, described at `/api/v1/openapi.json`.

routes -> Queries -> store            one route a table: its rows as JSON or CSV, page by page
       \-> answers (page, format, ETag, Link)
"""

from dashboards.api.routes import PREFIX, add_api

__all__ = ["PREFIX", "add_api"]
