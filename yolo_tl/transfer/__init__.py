"""Decisions: pure Python, torch-free. Names become facts, facts become a plan with reasons."""
