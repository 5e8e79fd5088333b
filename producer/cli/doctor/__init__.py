"""What `migration-cli doctor` looks at, one file for each: this host, the broker and its processes, the target."""
