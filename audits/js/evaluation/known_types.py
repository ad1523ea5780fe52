"""Names of types that are a namespace's, and of those that certainly are something else's."""

from __future__ import annotations

import re

KV_TYPE = re.compile(
    r"^(?:Workers?|Cloudflare|CF|I|Minimal|Typed)?KVNamespace(?:Like|Lite|Binding|Shim|Type)?$"
)
OTHERS = {
    "R2Bucket", "D1Database", "DurableObjectNamespace", "DurableObjectStub", "DurableObjectStorage",
    "DurableObjectState", "Queue", "Cache", "CacheStorage", "Map", "WeakMap", "Set", "WeakSet", "Headers",
    "URLSearchParams", "FormData", "Request", "Response", "Hono", "Router", "RouterType", "IDBDatabase",
    "IDBObjectStore", "Storage", "Redis", "RedisClientType", "Fetcher", "Service", "VectorizeIndex",
    "AnalyticsEngineDataset", "Ai", "Hyperdrive", "Workflow", "SendEmail", "ImagesBinding", "Cookies",
    "AstroCookies", "LRUCache", "Express", "Application", "AxiosInstance", "DurableObjectTransaction",
    "SyncKvStorage", "SecretsStoreSecret", "RateLimit", "PipelineTransport", "Deno.Kv", "Kv", "KvStorage",
}  # fmt: skip
