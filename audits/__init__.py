"""What is wrong in the code: today the reader of wrangler's configuration. Imports nothing from migrate."""
