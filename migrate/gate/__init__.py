"""Gates: evidence is gathered, kept and judged, and the verdict is a document that commands ask for."""
