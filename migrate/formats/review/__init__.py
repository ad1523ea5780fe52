"""The report on a migration as HTML and as Markdown, and the plots in it."""
