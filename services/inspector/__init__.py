"""The inspector: is this lane clear, not clear, or can nobody tell? docs/inspection.md has the rules."""
