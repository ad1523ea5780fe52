"""Which configurations say what the names in `env` are bound to."""

import pytest

KV = 'kv_namespaces = [{ binding = "LINKS", id = "YOUR_ID" }]\n'
R2 = 'r2_buckets = [{ binding = "LINKS", bucket_name = "b" }]\n'
ENV = {"src/index.ts": "export default { fetch: (r, env) => env.LINKS.put('a', 'b') };"}


def found(analysis):
    return [(operation.binding, operation.evidence[0].kind) for operation in analysis.operations]


@pytest.mark.parametrize(
    "name",
    [
        "wrangler.toml.example",
        "wrangler.example.toml",
        "wrangler.toml.template",
        "wrangler.production.toml",
        "wrangler-api.toml",
    ],
)
def test_examples_and_configurations_of_other_environments_are_read(project, name):
    assert found(project({name: KV, **ENV})) == [("LINKS", "wrangler-binding")]


def test_wranglers_own_configuration_has_the_first_word(project):
    assert found(project({"wrangler.toml": R2, "wrangler.example.toml": KV, **ENV})) == []
    assert found(project({"wrangler.toml": KV, "a-wrangler.toml": R2, **ENV})) == [
        ("LINKS", "wrangler-binding")
    ]


def test_an_example_that_cannot_be_read_is_counted(project):
    analysis = project({"wrangler.toml.example": "name = ${NAME}\n", **ENV})
    assert list(analysis.skipped.values()) == [("wrangler.toml.example",)]
    assert found(analysis) == [("LINKS", "env-put")]
