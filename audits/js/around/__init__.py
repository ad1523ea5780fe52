"""What stands around a KV call: entry points, guards, loops, and the fate of its promise."""
