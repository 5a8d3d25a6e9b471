"""Other ways to find things without a name, for the comparison with the memory of the empty road."""
