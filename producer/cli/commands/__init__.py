"""The commands of migration-cli, each an entry of producer.cli.app."""
