"""What a migration asks of Cloudflare: a dated price table, and pure arithmetic over it."""
