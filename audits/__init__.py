"""What is wrong in the code: analyser, rules, wrangler's configuration. Imports nothing from migrate."""
