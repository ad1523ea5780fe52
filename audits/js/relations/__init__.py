"""How KV calls relate to each other and to strongly consistent stores."""
