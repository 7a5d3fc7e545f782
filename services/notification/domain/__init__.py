"""The rules of notification, without any I/O: what a draft may become, and what a letter says in which words."""
