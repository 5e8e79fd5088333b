"""What stands in the target already: questions to PostgreSQL's system catalog."""
