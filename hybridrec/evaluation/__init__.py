"""How good recommendations are: metrics with standard errors, and protocols."""
