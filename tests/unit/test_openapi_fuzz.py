"""Whatever the OpenAPI document allows, and much that it does not: never a 5xx (schemathesis; DESIGN section 9, 6).

Each answer is as the document says, too. Ids that schemathesis makes up are nobody's: most answers here are refusals;
those of the other tests of the API are held against the document by the harness.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from tests.conformance import Document
from tests.harness import POP_KEY, WRITE_KEY, Harness

_PATHS = r"^/api/v(1/(account|monitors|incidents|alert|status|maintenance)|3/)"
HARNESS = Harness()
DOCUMENT = Document(HARNESS.app)


def _schema() -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", HARNESS.app).include(path_regex=_PATHS)


SCHEMA = _schema()


@pytest.mark.filterwarnings("ignore")  # of the library itself
@SCHEMA.parametrize()  # type: ignore[untyped-decorator]
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_is_a_fault_of_ours(case: Case[Any]) -> None:
    key = POP_KEY if case.path.startswith("/api/v1/") else WRITE_KEY
    response = case.call(headers={"X-API-Key": key})
    assert response.status_code < 500, response.text
    if case.path.startswith("/api/v1/") and response.status_code >= 400:
        assert set(response.json()) == {"error", "message"}
    DOCUMENT.check(case.method, case.formatted_path, response.status_code, response.content)
