"""What identity answers, one file per door. Each answer is audited in the transaction that reads it: no entry, no answer."""
