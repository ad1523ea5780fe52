from collections.abc import Iterator

import pytest

from tests.runtime.runtime import BINDINGS, VERSIONS, LocalRuntime


@pytest.fixture(scope="session", params=list(VERSIONS))
def shared_runtime(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalRuntime]:
    with LocalRuntime(tmp_path_factory.mktemp("runtime"), request.param) as runtime:
        yield runtime


@pytest.fixture
def runtime(shared_runtime: LocalRuntime) -> LocalRuntime:
    """A running `wrangler dev` whose namespaces are empty."""
    for binding in BINDINGS:
        shared_runtime.clear(binding)
    return shared_runtime
