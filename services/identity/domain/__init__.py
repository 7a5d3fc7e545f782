"""Identity's rules, without I/O: what a line and a manifest must be, who is one person, which ties count, where a child lives."""
