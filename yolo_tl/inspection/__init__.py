"""From what was found to PASS, FAIL or UNKNOWN, by rules; written down so that it can be decided again."""
