"""Reads JavaScript and TypeScript: which Workers KV operations does a project make?"""
