"""kvferry: move login sessions out of Workers KV into a strongly consistent store, and prove it."""

__version__ = "0.1.0"
