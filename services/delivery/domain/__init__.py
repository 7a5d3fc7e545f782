"""Delivery's pure rules: whether and where to send (`sending`), and what a receipt changes (`states`)."""
