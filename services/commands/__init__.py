"""The commands of `socialsog`, one file per kind of user. Each is thin: one door, one credential, one table."""
