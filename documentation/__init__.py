"""The pages of docs/ that are made of the code, and the site that is made of docs/."""
