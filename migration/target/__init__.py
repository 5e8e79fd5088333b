"""PostgreSQL: connections, staging, COPY, objects, read-back, cutover and its reverse."""
