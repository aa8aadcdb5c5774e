"""What a browser sends from a form of the board."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import HTTPException, Request

from dashboards.access.gate import is_own
from schemas.texts import N_

FORM_BYTES_MAX = 4096
_FIELDS_MAX = 10


async def form_of(request: Request, bytes_max: int = FORM_BYTES_MAX) -> dict[str, str]:
    """The fields of a form. Raises HTTPException for one that is too large, or of somebody else's page."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > bytes_max:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, N_("The form is too large."))
    if not is_own(request):
        raise HTTPException(HTTPStatus.FORBIDDEN, N_("This form came from a page of somebody else's."))
    try:
        fields = parse_qs(body.decode(errors="replace"), max_num_fields=_FIELDS_MAX)
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, N_("The form has too many fields.")) from error
    # Browsers send the lines of a field with CRLF.
    return {name: values[0].replace("\r\n", "\n") for name, values in fields.items()}
