"""One file per command, thin: parse, build, call, render, exit."""
