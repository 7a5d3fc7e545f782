"""The population register's way into the vault: the folder, the check of a delivery, batches of lines, and their merging."""
