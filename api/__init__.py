"""The HTTP API: writes runs to the ledger, enqueues them and reads the ledger. It does no migration work."""
