"""What runs and killed processes have left behind: found, judged by what the ledger says, and removed."""
