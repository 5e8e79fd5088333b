"""Loading rows into tables that an application has made (--data-only), and the rows that its constraints refuse."""
