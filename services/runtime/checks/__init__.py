"""What a running service can see of its own health, for `socialsog doctor`: one file per kind of thing that can be unwell.

Each check looks with the service's own rights and returns findings; one that is not well names the command that mends it.
"""
