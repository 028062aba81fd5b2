"""The JSON Schema of declarations (`query_api.declarations`), where editors find it: a file names it."""

from fastapi import APIRouter, FastAPI, Request, Response

from query_api.declarations import SCHEMA_PATH, json_schema
from query_api.dependencies import Dependencies
from query_api.http.described import Published
from query_api.http.route_index import include

router = APIRouter(include_in_schema=False)


@router.get(SCHEMA_PATH)
async def schema(request: Request) -> Response:
    document: Published = request.app.state.declarations_schema
    return await document.answer(request)


def install(app: FastAPI, _: Dependencies) -> None:
    """Put the schema into the application."""
    app.state.declarations_schema = Published(json_schema, headers={"Access-Control-Allow-Origin": "*"})
    include(app, router)
