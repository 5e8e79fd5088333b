"""What `migration-cli doctor` looks at, one file for each: this host, stage, broker and who is on it, target."""
