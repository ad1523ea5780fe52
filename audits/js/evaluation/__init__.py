"""What expressions of a whole project can be: names, properties, calls, types, imports."""
