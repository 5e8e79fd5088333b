"""What a run did, for people and programs: ledger → Report → terminal, report.json, report.html."""
