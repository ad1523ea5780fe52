"""The life of a bridge on the operator's side: its project, its secret and keys, its check, its end."""
