"""What is wrong in the code: the reader of wrangler's configuration, and later the audits. Imports nothing from migrate."""
