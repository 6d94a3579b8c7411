"""Data sets made visible: decoded pixels, drawings on them, sheets and pages."""
